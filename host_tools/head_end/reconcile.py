"""Every balance once more, from what this head-end knows by itself (design, section 4).

Credits come from the credits table, prices from the documents table, energy from the register spans in the CHARGE records
checked against readings. Nothing here adds up the gateway's own totals; they are only compared, and every difference is
named with its sequence and its exact size.
"""

from dataclasses import dataclass, field

from host_tools.head_end.database import Database
from host_tools.head_end.documents import Tariff
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.gaps import READINGS, RECORDS, kept
from host_tools.head_end.openings import beginning
from host_tools.journal_reader import AccountRow, Record, kinds, parse_record, parse_row, verify_chain
from host_tools.journal_reader.words import energy, money, price

ROLLOVER = 100_000_000
HALF = ROLLOVER // 2
FIXED_FEE = 6
COLUMNS = ("total_cwh", "rate1_cwh", "rate2_cwh", "rate3_cwh", "rate4_cwh")


@dataclass
class Segment:
    """Energy of one meter at this account, per register: start, charged, written off, where charging stands."""

    serial: bytes
    since_s: int
    start: dict[int, int]
    charged: dict[int, int] = field(default_factory=dict)
    written_off: dict[int, int] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)


@dataclass
class Result:
    """One account. `balance_ucu` is ours, `gateway_balance_ucu` is what the gateway's records say."""

    account: int
    credits_ucu: int = 0
    pending_ucu: int = 0
    charged_ucu: int = 0
    charged_cwh: int = 0
    gateway_balance_ucu: int = 0
    charges: int = 0
    charges_seen_in_readings: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be checked, and why

    @property
    def balance_ucu(self) -> int:
        return self.credits_ucu - self.charged_ucu

    def as_json(self) -> dict[str, object]:
        return {
            "account": self.account,
            "credits_ucu": self.credits_ucu,
            "pending_ucu": self.pending_ucu,
            "charged_ucu": self.charged_ucu,
            "charged_cwh": self.charged_cwh,
            "balance_ucu": self.balance_ucu,
            "gateway_balance_ucu": self.gateway_balance_ucu,
            "charges": self.charges,
            "charges_seen_in_readings": self.charges_seen_in_readings,
            "differences": self.differences,
            "notes": self.notes,
        }


def reconcile(db: Database) -> tuple[list[Result], list[str]]:
    """Results of all accounts, and the differences of whole gateways (chains, sequences)."""
    tariffs = {
        (int(row["id"]), int(row["version"])): Tariff.model_validate_json(bytes(row["text"]))
        for row in db.rows("SELECT * FROM documents WHERE what = 1")
    }
    accounts = [int(row["account"]) for row in db.rows("SELECT account FROM accounts ORDER BY account")]
    return [_Account(db, account, tariffs).run() for account in accounts], _gateways(db)


def _gateways(db: Database) -> list[str]:
    found: list[str] = []
    for gateway in db.rows("SELECT * FROM gateways ORDER BY name"):
        records = [
            parse_record(bytes(row["raw"]))
            for row in db.run("SELECT raw FROM records WHERE gateway_id = ? ORDER BY sequence", gateway["id"])
        ]
        report = verify_chain(records)
        name = gateway["name"]
        missing = [(1, records[0].sequence - 1)] if records and records[0].sequence > 1 else []
        known_lost = kept(db, int(gateway["id"]), RECORDS)
        found += [
            f"gateway {name}: records {first} to {last} are missing"
            for first, last in missing + report.gaps
            if (first, last) not in known_lost
        ]
        found += [f"gateway {name}: {sentence}" for _, sentence in report.breaks]
        if records and records[-1].sequence != gateway["sequence"]:
            found.append(f"gateway {name}: acknowledged to {gateway['sequence']}, held to {records[-1].sequence}")
        known = {int(row["account"]) for row in db.rows("SELECT account FROM accounts WHERE gateway_id = ?", gateway["id"])}
        strange = {record.account for record in records if record.kind in (kinds.CHARGE, kinds.CREDIT) and record.account not in known}
        found += [f"gateway {name}: moves money of account {account}, which is not its own" for account in sorted(strange, key=str)]
    return found


def notes(db: Database) -> list[str]:
    """What the gateways themselves hold no more, so that nobody can check it."""
    return [
        f"gateway {row['name']}: {what} {first} to {last} were lost before they were held here"
        for row in db.rows("SELECT id, name FROM gateways ORDER BY name")
        for what in (RECORDS, READINGS)
        for first, last in kept(db, int(row["id"]), what)
    ]


class _Account:
    def __init__(self, db: Database, account: int, tariffs: dict[tuple[int, int], Tariff]) -> None:
        self.db = db
        self.tariffs = tariffs
        self.result = Result(account)
        self.segment: Segment | None = None
        self.total_gap_ucu = 0  # between the gateway's running total and ours, named when it changes
        self.opening: dict[int, tuple[int, int]] = {}  # issuer -> (number, total) before these books begin
        known = db.row("SELECT * FROM accounts WHERE account = ?", account)
        assert known is not None
        self.tariff, self.gateway_id = int(known["tariff"]), int(known["gateway_id"])

    def name(self, record: Record | None, sentence: str) -> None:
        where = "" if record is None else f" sequence {record.sequence}:"
        self.result.differences.append(f"account {self.result.account}:{where} {sentence}")

    def note(self, sentence: str) -> None:
        self.result.notes.append(f"account {self.result.account}: {sentence}")

    def run(self) -> Result:
        records = list(records_of(self.db, self.result.account))
        row = fold(self.result.account, records)
        self.result.gateway_balance_ucu = row.balance_ucu
        lost = kept(self.db, self.gateway_id, RECORDS)
        if lost:
            first = beginning(records, lost[-1][1])
            if first is None:
                self.note("no snapshot is held behind the lost records: nothing is checked")
                return self.result
            self._open(first)
            records = [record for record in records if record.sequence >= first.sequence]
        credits = self._credits()
        for record in records:
            if record.kind == kinds.SEGMENT:
                self._bind(record)
            elif record.kind == kinds.CHARGE:
                self._charge(record)
            elif record.kind == kinds.HELD and record.number("why") == 0:
                self._write_off(record)
            elif record.kind == kinds.CREDIT:
                self._credit(record, credits)
            elif record.kind == kinds.SNAPSHOT_ROW:
                self._snapshot(record)
        self._totals(row, credits)
        self._conserve()
        return self.result

    def _open(self, record: Record) -> None:
        """The books begin with this record: what it says of the time before is taken as it is, and said so."""
        if record.kind != kinds.SNAPSHOT_ROW:
            return
        row = parse_row(record.octets("row"))
        used = [0] if row.rates == 0 else list(range(1, row.rates + 1))
        if row.serial != bytes(6):
            start = {rate: row.charged_cwh[rate] for rate in used}
            self.segment = Segment(row.serial, record.at_s, start, reached=dict(start))
        self.result.charged_ucu = row.total_charged_ucu
        self.opening = {issuer: (number, total_ucu) for issuer, number, total_ucu in row.issuers}
        self.note(f"checked from sequence {record.sequence} on, opened with balance {money(row.balance_ucu)} as the gateway has it")

    def _credits(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(issuer, number) -> (amount, running sum of amounts): our own addition, not the stored totals."""
        sums: dict[int, int] = {}
        behind: set[int] = set()
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for row in self.db.rows("SELECT * FROM credits WHERE account = ? ORDER BY issuer, number", self.result.account):
            issuer = int(row["issuer"])
            opened = self.opening.get(issuer)
            if opened is not None and int(row["number"]) > opened[0] and issuer not in behind:
                sums[issuer] = opened[1]
                behind.add(issuer)
            sums[issuer] = sums.get(issuer, 0) + int(row["amount_ucu"])
            found[(issuer, int(row["number"]))] = (int(row["amount_ucu"]), sums[issuer])
            if sums[issuer] != row["total_ucu"]:
                self.name(
                    None,
                    f"credit {row['number']} of issuer {issuer} has total {money(row['total_ucu'])} in the "
                    f"table, its amounts add up to {money(sums[issuer])}",
                )
            if row["receipt"] == "pending":
                self.result.pending_ucu += int(row["amount_ucu"])
        return found

    def _credit(self, record: Record, credits: dict[tuple[int, int], tuple[int, int]]) -> None:
        place = (record.number("issuer"), record.number("number"))
        told = (record.number("amount_ucu"), record.number("total_ucu"))
        ours = credits.get(place)
        if ours is None:
            self.name(record, f"credit {place[1]} of issuer {place[0]} over {money(told[0])} was not issued here")
        elif ours != told:
            self.name(
                record,
                f"credit {place[1]} of issuer {place[0]}: gateway has {money(told[0])} total {money(told[1])}, "
                f"issued were {money(ours[0])} total {money(ours[1])}",
            )

    def _totals(self, row: AccountRow, credits: dict[tuple[int, int], tuple[int, int]]) -> None:
        for issuer in sorted({place[0] for place in credits} | {place[0] for place in row.issuers} | set(self.opening)):
            applied = self.db.number(
                "SELECT max(number) FROM credits WHERE account = ? AND issuer = ? AND receipt = 'applied'",
                self.result.account,
                issuer,
            )
            opened = self.opening.get(issuer, (0, 0))
            ours = credits[(issuer, applied)][1] if applied > opened[0] else opened[1]
            theirs = next((place[2] for place in row.issuers if place[0] == issuer), 0)
            self.result.credits_ucu += ours
            if ours != theirs:
                self.name(None, f"credits of issuer {issuer}: gateway has {money(theirs)}, receipted here are {money(ours)}")
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
        rates = record.number("rates")
        used = [0] if rates == 0 else list(range(1, rates + 1))
        start = {rate: registers[rate] for rate in used}
        self.segment = Segment(record.octets("serial"), record.at_s, start, reached=dict(start))

    def _charge(self, record: Record) -> None:
        rate, start, end = record.number("rate"), record.number("from_cwh"), record.number("to_cwh")
        self.result.charges += 1
        if record.number("cause") == FIXED_FEE:
            self.name(record, "a fixed fee, but no tariff here has one")
            return
        span = (end - start) % ROLLOVER
        self._charge_span(record, rate, start, end, span)
        amount = span * self._price(record, rate)
        self.result.charged_ucu += amount
        self.result.charged_cwh += span
        told, total = record.number("amount_ucu"), record.number("total_charged_ucu")
        if told != amount:
            self.name(record, f"charged {money(told)}, computed {money(amount)} for {energy(span)}, difference {told - amount} ucu")
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
        if span >= HALF:
            self.name(record, f"register {rate} goes backwards from {energy(start)} to {energy(end)}")
        segment.charged[rate] = segment.charged.get(rate, 0) + span
        segment.reached[rate] = end
        self._look_up(record, rate, end, segment)

    def _price(self, record: Record, rate: int) -> int:
        """Our own price for this charge; the gateway's, after naming the difference, when there is none here."""
        key, told = (record.number("tariff"), record.number("version")), record.number("price")
        if key[0] != self.tariff:
            self.name(record, f"tariff {key[0]} is not the account's tariff {self.tariff}")
        tariff = self.tariffs.get(key)
        ours = None if tariff is None else tariff.price_of(rate)
        if ours is None:
            self.name(record, f"tariff {key[0]} version {key[1]} has no price for register {rate} here")
            return told
        if ours != told:
            self.name(record, f"price {price(told)} was charged, tariff {key[0]} version {key[1]} says {price(ours)}")
        return ours

    def _look_up(self, record: Record, rate: int, end: int, segment: Segment) -> None:
        """The register charged up to must lie between the readings around it, and equal the one of its instant."""
        at_s, column = record.number("reading_at_s"), COLUMNS[rate]
        if not at_s:
            return
        where = f"FROM readings WHERE account = ? AND gateway_id = ? AND marks & 1 = 0 AND {column} IS NOT NULL"
        whose = (self.result.account, self.gateway_id)
        same = self.db.rows(f"SELECT {column} {where} AND at_s = ?", *whose, at_s)
        if any(int(row[0]) == end for row in same):
            self.result.charges_seen_in_readings += 1
            return
        if same and not record.number("marks") & 1:
            self.name(record, f"charged up to {energy(end)}, the reading of that instant says {energy(int(same[0][0]))}")
            return
        before = self.db.row(
            f"SELECT {column} {where} AND at_s < ? AND at_s >= ? ORDER BY at_s DESC LIMIT 1", *whose, at_s, segment.since_s
        )
        after = self.db.row(f"SELECT {column} {where} AND at_s > ? ORDER BY at_s LIMIT 1", *whose, at_s)
        if before is not None and (end - int(before[0])) % ROLLOVER >= HALF:
            self.name(record, f"charged up to {energy(end)}, an earlier reading says {energy(int(before[0]))}")
        if after is not None and (int(after[0]) - end) % ROLLOVER >= HALF:
            self.name(record, f"charged up to {energy(end)}, a later reading says {energy(int(after[0]))}")

    def _write_off(self, record: Record) -> None:
        segment, rate = self.segment, record.number("rate")
        if segment is None or rate not in segment.start:
            return
        written = (record.number("register_cwh") - segment.reached[rate]) % ROLLOVER
        segment.written_off[rate] = segment.written_off.get(rate, 0) + written
        segment.reached[rate] = record.number("register_cwh")

    def _conserve(self) -> None:
        """Per segment: where charging stands = start + charged + written off (modulo rollover)."""
        segment = self.segment
        if segment is None:
            return
        for rate, start in segment.start.items():
            moved = (segment.reached[rate] - start) % ROLLOVER
            accounted = (segment.charged.get(rate, 0) + segment.written_off.get(rate, 0)) % ROLLOVER
            if moved != accounted:
                self.name(None, f"register {rate}: moved by {energy(moved)}, charged and written off are {energy(accounted)}")

    def _snapshot(self, record: Record) -> None:
        row = parse_row(record.octets("row"))
        if self.segment is None and row.serial != bytes(6):
            self.name(record, "a snapshot holds a meter whose binding is not in the journal here")
            return
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
