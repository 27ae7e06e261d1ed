"""Every balance once more, from what this head-end knows by itself (design, section 4).

Credits come from the credits table, prices from the documents table, energy from the register spans in the CHARGE records
checked against readings. Nothing here adds up the gateway's own totals; they are only compared, and every difference is
named with its sequence and its exact size.
"""

from host_tools.head_end import debts, limits, moves, openings, reconcile_gateways, registers, stays
from host_tools.head_end.database import Database
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.months import prove
from host_tools.head_end.reconcile_charges import FIXED_FEE, MINIMUM, MORE_FOLLOWS, Standing
from host_tools.head_end.reconcile_credits import Credits
from host_tools.head_end.reconcile_rates import RatesProof
from host_tools.head_end.reconcile_readings import COLUMNS, Readings
from host_tools.head_end.reconcile_result import Result
from host_tools.head_end.reconcile_tariffs import Tariffs
from host_tools.head_end.segments import ROLLOVER, Segment, ended_s, infer
from host_tools.journal_reader import DEBT_ISSUER, AccountRow, Record, kinds, parse_row
from host_tools.journal_reader.words import address, energy, money, reason_text

MIDNIGHT = 1  # CHARGE cause
HELD_CHARGED = (10, 3)  # REASON of the order by which a held reading is charged


def reconcile(db: Database) -> tuple[list[Result], list[str]]:
    """Results of all accounts, and the differences of whole gateways and documents."""
    tariffs = Tariffs(db)
    accounts = [int(row["account"]) for row in db.rows("SELECT account FROM accounts ORDER BY account")]
    checked = [_Account(db, account, tariffs) for account in accounts]
    results = [one.run() for one in checked]
    for result in results:
        prove(db, result.account, tariffs.held, result.differences, result.notes)
        registers.prove(db, result.account, tariffs.held, result.differences)
    handed = moves.prove([left for one in checked for left in one.handed], [begun for one in checked for begun in one.begun])
    return results, handed + tariffs.differences + reconcile_gateways.differences(db)


def _registers(rates: int) -> list[int]:
    """The registers by which a meter is charged: its total, or its rates."""
    return [0] if rates == 0 else list(range(1, min(rates, len(COLUMNS) - 1) + 1))


class _Account:
    def __init__(self, db: Database, account: int, tariffs: Tariffs) -> None:
        self.db = db
        self.tariffs = tariffs
        self.result = Result(account)
        self.segment: Segment | None = None
        self.total_gap_ucu = 0  # between the gateway's running total and ours, named when it changes
        known = db.row("SELECT * FROM accounts WHERE account = ?", account)
        assert known is not None
        self.meter = str(known["meter"])
        self.rollovers: dict[str, int | None] = {self.meter: known["rollover_cwh"]}  # of its meters, None = the model is not known here
        for row in db.rows("SELECT meter, rollover_cwh FROM account_meters WHERE account = ?", account):
            self.rollovers.setdefault(str(row["meter"]), row["rollover_cwh"])
        self.ratios = {
            (str(row["meter"]), int(row["ratio"])) for row in db.rows("SELECT meter, ratio FROM account_ratios WHERE account = ?", account)
        }
        self.records: list[Record] = []
        self.handed: list[tuple[moves.At, int, str, dict[int, int]]] = []  # (place, to whom, meter, registers charged last)
        self.begun: list[tuple[moves.At, int, str, dict[int, int]]] = []  # (place, account, meter, registers)
        self.reason = ""  # of what is written off next
        self.own_tariffs = {int(row["tariff"]) for row in db.rows("SELECT tariff FROM account_tariffs WHERE account = ?", account)}
        self.standing = Standing()
        self.rates = RatesProof()
        self.debt, self.limit = debts.Proof(db, account), limits.Proof(db, account)
        self.line = (0, 0, 0, 0)  # the last line of energy: its sequence, its reading, when its energy began, its register
        self.began_s, self.at = 0, 0  # when the energy of the next charge began; place of the record that is looked at
        self.credits = Credits(db, self.result, self.name)

    def name(self, record: Record | None, sentence: str) -> None:
        where = "" if record is None else f" sequence {record.sequence}:"
        self.result.differences.append(f"account {self.result.account}:{where} {sentence}")

    def note(self, sentence: str) -> None:
        self.result.notes.append(f"account {self.result.account}: {sentence}")

    def run(self) -> Result:
        row = fold(self.result.account, records_of(self.db, self.result.account))
        self.result.gateway_balance_ucu = row.balance_ucu
        self.records, place, lost = stays.whole_books(self.db, self.result.account)
        if lost and not self.records:
            self.note("no snapshot is held behind the lost records: nothing is checked")
            return self.result
        self.gateways = stays.gateways(self.db, self.result.account)[place - 1 :]
        self._goes_on_at(self.gateways.pop(0)[0])
        if lost:
            self._open(self.records[0])
        self.credits.read()
        for at, record in enumerate(self.records):
            self.at = at
            self._take(record)
        self._totals(row)
        self._conserve()
        if self.segment is not None and self.result.segments:
            self.readings.look_beyond(self.segment, self.result.segments[-1], self.began_s)
        return self.result

    def _goes_on_at(self, gateway_id: int) -> None:
        self.gateway_id = gateway_id
        self.readings = Readings(self.db, self.result.account, gateway_id)
        self.states = openings.given_states(self.db, gateway_id)

    def _take(self, record: Record) -> None:
        steps = {
            kinds.SEGMENT: self._bind,
            kinds.MOVED: self._hand_over,
            kinds.CHARGE: self._charge,
            kinds.HELD: self._write_off,
            kinds.CREDIT: self.credits.take,
            kinds.SNAPSHOT_ROW: self._snapshot,
            kinds.CARRIED: self._carried,
        }
        for sentence in (*self.debt.follow(record, self.credits.known), *self.limit.follow(record)):
            self.name(record, sentence)
        if record.kind in (kinds.DEBT, kinds.RECOVERY):
            self.credits.took[DEBT_ISSUER] = (self.debt.number, -self.debt.moved_ucu)
        elif record.kind in (kinds.REASON, kinds.ORDER):
            self.reason = reason_text(record) if record.kind == kinds.REASON else ""
            if record.kind == kinds.REASON and (record.number("order"), record.number("what")) == HELD_CHARGED:
                self.rates.charged_again()
        elif record.kind in steps:
            steps[record.kind](record)

    def _open(self, record: Record) -> None:
        """The books begin with this record: what it says of the time before is taken as it is, and said so."""
        if record.kind not in (kinds.SNAPSHOT_ROW, kinds.CARRIED):
            return
        row = parse_row(record.octets("row"))
        used = _registers(row.rates)
        if row.serial != bytes(6):
            start = {rate: row.charged_cwh[rate] for rate in used}
            self._begin(record, row.serial, start, row.ratio, record.at_s)
            self.rates.open(row)
        self.standing.open(row)
        self.began_s = row.charged_at_s
        self.result.charged_ucu = row.total_charged_ucu
        self.debt.open(self.credits.open({issuer: (number, total_ucu) for issuer, number, total_ucu in row.issuers}))
        self.limit.open(row)
        self.note(f"checked from sequence {record.sequence} on, opened with balance {money(row.balance_ucu)} as the gateway has it")

    def _totals(self, row: AccountRow) -> None:
        self.result.debt_ucu = self.debt.moved_ucu
        self.credits.compare({issuer: total_ucu for issuer, _, total_ucu in row.issuers})
        if self.result.balance_ucu != row.balance_ucu:
            self.name(
                None,
                f"balance: gateway has {money(row.balance_ucu)}, computed is {money(self.result.balance_ucu)}, "
                f"difference {row.balance_ucu - self.result.balance_ucu} ucu",
            )

    def _bind(self, record: Record) -> None:
        self._conserve()
        registers = record.fields["from_cwh"]
        assert isinstance(registers, list)
        used = _registers(record.number("rates"))
        start = {rate: registers[rate] for rate in used}
        self._own_meter(record, record.octets("serial"))
        before = self.segment
        if before is not None and before.serial == record.octets("serial") and before.reached != start:
            stood = ", ".join(f"register {rate} {energy(value)}" for rate, value in before.reached.items())
            self.note(f"sequence {record.sequence}: the meter is bound anew; charged were {stood}, what lies between is not charged")
        longer = "ratio" in record.fields
        self.began_s = record.number("since_s") if longer else record.at_s
        self._begin(record, record.octets("serial"), start, record.number("ratio") if longer else 1, self.began_s)
        self.rates.begin(record.number("rates"), registers)

    def _hand_over(self, record: Record) -> None:
        """The meter is another account's from now on."""
        self._conserve()
        reached = dict(self.segment.reached) if self.segment else {}
        self.handed.append(((self.gateway_id, record.sequence), record.number("to_account"), address(record.octets("serial")), reached))
        self.segment, self.rates = None, RatesProof()

    def _begin(self, record: Record, serial: bytes, start: dict[int, int], ratio: int, since_s: int) -> None:
        """A segment, with the rollover of the account's meter; with one that its own records show when nobody told."""
        until_s = ended_s(self.records, serial, record.sequence)
        before, self.segment = self.segment, Segment(serial, since_s, start, ratio=ratio, until_s=until_s)
        known = sorted(ratio for meter, ratio in self.ratios if meter == address(serial))
        self.begun.append(((self.gateway_id, record.sequence), self.result.account, address(serial), start))
        if known and ratio not in known:
            self.name(record, f"meter {address(serial)} is charged with ratio {ratio}, the account has {', '.join(map(str, known))}")
        rollover = self.rollovers.get(address(serial))
        if rollover is not None:
            self.segment.rollover = rollover
        else:
            self.segment.rollover, said = infer(serial, ratio, self.records[self.at + 1 :])
            if said is not None:
                self.note(said)
            elif before is not None and before.serial == serial:
                self.segment.rollover = before.rollover
        for sentence in self.segment.beyond(start.values()):
            self.name(record, sentence)

    def _own_meter(self, record: Record, serial: bytes) -> None:
        if serial != bytes(6) and address(serial) not in self.rollovers:
            self.name(record, f"meter {address(serial)} is charged, the account's meter is {self.meter}")

    def _charge(self, record: Record) -> None:
        rate, start, end = record.number("rate"), record.number("from_cwh"), record.number("to_cwh")
        self.result.charges += 1
        if record.number("cause") in (FIXED_FEE, MINIMUM):
            self._day_charge(record)
            return
        span = self.segment.passed(start, end) if self.segment else (end - start) % ROLLOVER
        ratio = self.segment.ratio if self.segment else 1
        at_s = record.number("reading_at_s")
        another = self.line[:2] == (record.sequence - 1, at_s) and rate > self.line[3]  # register of one reading
        began_s = self.line[2] if another else self.began_s
        self.line = (record.sequence, at_s, began_s, rate)
        own_price, said = self.tariffs.price_of(record, self.gateway_id, began_s, self.standing, (span, ratio))
        if record.number("tariff") not in self.own_tariffs:
            said.insert(0, f"tariff {record.number('tariff')} is not the account's, {', '.join(map(str, sorted(self.own_tariffs)))} is")
        self._charge_span(record, rate, start, end, span)
        for sentence in said:
            self.name(record, sentence)
        if not record.number("marks") & MORE_FOLLOWS:
            self.began_s = at_s
        amount = span * ratio * own_price
        self.result.charged_ucu += amount
        self.result.charged_cwh += span * ratio
        told, total = record.number("amount_ucu"), record.number("total_charged_ucu")
        if told != amount:
            self.name(record, f"charged {money(told)}, computed {money(amount)} for {energy(span * ratio)}, difference {told - amount} ucu")
        self._running_total(record, total)

    def _day_charge(self, record: Record) -> None:
        """A fee of a day, or what a month came short of its minimum: no energy."""
        amount, said = self.tariffs.day_charge(record, self.gateway_id, self.standing)
        for sentence in said:
            self.name(record, sentence)
        self.result.charged_ucu += amount
        self._running_total(record, record.number("total_charged_ucu"))

    def _running_total(self, record: Record, total: int) -> None:
        gap = total - self.result.charged_ucu
        if gap != self.total_gap_ucu:
            self.name(record, f"total charged is {money(total)}, computed {money(self.result.charged_ucu)}, difference {gap} ucu")
            self.total_gap_ucu = gap

    def _charge_span(self, record: Record, rate: int, start: int, end: int, span: int) -> None:
        segment = self.segment
        if segment is None or segment.serial != record.octets("serial"):
            self.name(record, "a charge for a meter that is not bound to the account")
            return
        if rate not in segment.start:
            self.name(record, f"register {rate} is not one the meter is charged by")
            return
        if start != segment.reached[rate]:
            self.name(record, f"charge starts at {energy(start)}, the one before ended at {energy(segment.reached[rate])}")
        wrong = segment.wrong_step(record)
        if wrong is not None:
            self.name(record, wrong)
        for sentence in segment.beyond((start, end)):
            self.name(record, sentence)
        segment.charged[rate] = segment.charged.get(rate, 0) + span
        segment.reached[rate] = end
        self._look_up(record, rate, end, segment)

    def _look_up(self, record: Record, rate: int, end: int, segment: Segment) -> None:
        frozen = record.number("cause") == MIDNIGHT and self.tariffs.is_midnight(record)
        seen, sentences = self.readings.look_up(record, segment, rate, end, frozen)
        self.result.charges_seen_in_readings += seen
        for sentence in sentences:
            self.name(record, sentence)
        shown = self.readings.shown(record, rate, end) if rate and not frozen else None
        less = None if shown is None else self.rates.differs(segment, shown)
        if less is not None:
            self.name(record, less)

    def _write_off(self, record: Record) -> None:
        if record.number("why"):
            return
        self.began_s = record.at_s  # what comes behind it begins then
        segment, rate = self.segment, record.number("rate")
        if segment is not None:
            self.rates.written_off(record, segment.reached.get(rate, 0))
        if segment is None or rate not in segment.start:
            return
        register = record.number("register_cwh")
        for sentence in segment.beyond((register,)):
            self.name(record, sentence)
        if register != segment.reached[rate]:
            off_cwh = segment.off(segment.reached[rate], register) * segment.ratio
            why = f": {self.reason}" if self.reason else ", no reason is told"
            self.note(f"sequence {record.sequence}: {energy(off_cwh)} of register {rate} were written off{why}")
        segment.written_off[rate] = segment.written_off.get(rate, 0) + register - segment.reached[rate]
        segment.reached[rate] = register

    def _conserve(self) -> None:
        """The segment ends here, or the records do."""
        for sentence in self.segment.unbalanced() if self.segment else ():
            self.name(None, sentence)
        if self.segment is not None and self.segment.serial != bytes(6):
            self.result.segments.append(self.segment.as_json())

    def _carried(self, record: Record) -> None:
        """The account leaves with this row, or comes with it: what was charged there goes on here, in the same segment."""
        self._snapshot(record)
        if self.at and self.gateways and self.gateways[0][1] == record.sequence:
            self._goes_on_at(self.gateways.pop(0)[0])

    def _snapshot(self, record: Record) -> None:
        row = parse_row(record.octets("row"))
        if self.segment is None and row.serial != bytes(6):
            self.name(record, "a snapshot holds a meter whose binding is not in the journal here")
            return
        if self.segment is not None and row.serial != self.segment.serial:
            self.name(record, f"snapshot has meter {address(row.serial)}, bound is {address(self.segment.serial)}")
        if self.segment is not None and row.ratio != self.segment.ratio:
            self.name(record, f"snapshot has ratio {row.ratio}, bound is {self.segment.ratio}")
        differs = self.standing.differs(row)
        for sentence in (differs, self.rates.row_differs(row)):
            if sentence is not None:
                self.name(record, sentence)
        given = any(first < record.sequence < last for first, last in self.states)
        self.credits.snapshot(record, {issuer: (number, total_ucu) for issuer, number, total_ucu in row.issuers}, given)
        gap = row.total_charged_ucu - self.result.charged_ucu
        if gap != self.total_gap_ucu:
            self.name(
                record,
                f"snapshot has total charged {money(row.total_charged_ucu)}, computed "
                f"{money(self.result.charged_ucu)}, difference {gap} ucu",
            )
            self.total_gap_ucu = gap
        for rate, reached in (self.segment.reached if self.segment else {}).items():
            if row.charged_cwh[rate] != reached:
                self.name(record, f"snapshot has register {rate} charged up to {energy(row.charged_cwh[rate])}, computed {energy(reached)}")
