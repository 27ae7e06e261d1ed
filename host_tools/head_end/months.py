"""The month close: the final bill on the meter's settlement-day registers, less what was pre-settled, is one signed correction.

A gateway charges days; at the end of a month it tells the register that the meter itself kept at its settlement instant (MONTH).
Here the month's energy is cut out of the charges at those registers and priced anew: each piece by the version that is in force
on the day on which it began, among all that are held now, late ones too; a charge that ran over the settlement instant unsplit is
divided at the true register, and what lies behind it is of the new month. Final bill - pre-settled = correction. It goes to the
gateway as a credit of that amount, negative where the customer owes more, so charges and segments stay as they are and history
is never rewritten.

Corrections are found by their reference: the same command again, or another tariff that comes later still, issues the difference only.

A meter with rate registers settles each of them, and its months are closed on all: the hours of its rates are the meter's own. Tariffs
with bands are of meters with one register, and are taken as charged: what flowed in which hour that register does not tell.

Where a segment ends - another meter, ratio or customer - its last charge closes the month that is open: the next segment has its own.

Trap avoided: registers start again; along a segment they are counted on from its beginning, so that one rollover in a month is no
matter. Steps are counted anew along the months, so energy that fell into the wrong month moves through the right steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from host_tools.head_end import openings
from host_tools.head_end.database import Database
from host_tools.head_end.folding import records_of
from host_tools.head_end.pricing import NOWHERE, Position, Rules
from host_tools.head_end.segments import Segment, ratio_behind
from host_tools.head_end.tariff_document import Tariff
from host_tools.journal_reader import Record, kinds
from host_tools.journal_reader.words import address, energy, money

ISSUER = 1
RATES_MAX = 4
NO_ENERGY = (6, 7)  # CHARGE causes: fee, minimum
PREFIX = "settlement:"  # of the references of corrections
REGISTER_PREFIX = "register:"  # and of those by a register that people told
CORRECTIONS = (PREFIX, REGISTER_PREFIX)
DAY_S = 86_400
ESTIMATED, MORE_FOLLOWS = 1, 4  # CHARGE marks


@dataclass
class Piece:
    """One charge on the way of its segment; `start` and `end` are counted from the segment's beginning."""

    record: Record
    start: int
    end: int
    began_s: int
    ratio: int  # of the transformers before the meter

    @property
    def unit_ucu(self) -> int:
        """Price of 0.01 kWh of the register, as charged (with the meter's ratio)."""
        return self.record.number("amount_ucu") // (self.end - self.start)

    def position_at(self, place: int) -> Position:
        """Where the account stood in its step period when the register came to `place`, as the charge says."""
        if "used_cwh" not in self.record.fields or not self.record.number("period_day"):
            return NOWHERE
        used_cwh = self.record.number("used_cwh") - (self.end - place) * self.ratio
        return date(1970, 1, 1) + timedelta(days=self.record.number("period_day")), max(0, used_cwh)


@dataclass
class Month:
    """One month of one meter of an account."""

    account: int
    meter: str
    name: str  # of its last day, such as 2026-10
    since_s: int
    settled_s: int
    energy_cwh: int = 0
    bill_ucu: int = 0
    presettled_ucu: int = 0
    issued_ucu: int = 0  # corrections that were issued for it, as charges: positive takes from the customer
    open: str = ""  # why it cannot be closed yet
    notes: list[str] = field(default_factory=list)

    @property
    def correction_ucu(self) -> int:
        return self.bill_ucu - self.presettled_ucu

    @property
    def reference(self) -> str:
        return f"{PREFIX}{self.account}:{self.settled_s}:"

    def as_json(self) -> dict[str, object]:
        names = ("account", "meter", "since_s", "settled_s", "energy_cwh", "bill_ucu", "presettled_ucu", "correction_ucu", "issued_ucu")
        return {"month": self.name, **{name: getattr(self, name) for name in names}, "open": self.open, "notes": self.notes}


@dataclass
class Way:
    """One segment: its charges, and its settlement registers, counted from its beginning."""

    segment: Segment
    began_s: int
    ended_s: int = 0  # 0 = it goes on
    pieces: list[Piece] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    marks: list[tuple[int, dict[int, int]]] = field(default_factory=list)  # (settled_s, register -> place)
    read_s: int = 0  # of the last charge

    def add(self, record: Record, began_s: int) -> None:
        rate, start = record.number("rate"), self.moved.get(record.number("rate"))
        if start is None:
            return
        self.read_s = record.number("reading_at_s")
        self.moved[rate] = start + self.segment.passed(record.number("from_cwh"), record.number("to_cwh"))
        if self.moved[rate] > start:
            self.pieces.append(Piece(record, start, self.moved[rate], began_s, self.segment.ratio))

    def pass_over(self, record: Record) -> None:
        """Energy that was written off is in no bill."""
        rate = record.number("rate")
        if rate in self.moved:
            self.moved[rate] += self.segment.passed(record.number("last_cwh"), record.number("register_cwh"))

    def mark(self, settled_s: int, registers: list[int]) -> None:
        """A MONTH record: it lies near where charging stands now."""
        if settled_s <= self.began_s or any(settled_s == known for known, _ in self.marks):
            return
        places = {}
        for rate, begin in self.segment.start.items():
            here = (begin + self.moved[rate]) % self.segment.rollover
            ahead = self.segment.passed(here, registers[rate])
            places[rate] = self.moved[rate] + (ahead if ahead < self.segment.rollover // 2 else ahead - self.segment.rollover)
        if min(places.values()) >= 0:
            self.marks.append((settled_s, places))


    def close(self, ended_s: int) -> None:
        """Another meter or customer comes: the month that is open ends where charging does."""
        self.ended_s = ended_s
        if self.read_s > max([self.began_s, *(settled_s for settled_s, _ in self.marks)]):
            self.marks.append((self.read_s, dict(self.moved)))


def months(db: Database, account: int, tariffs: dict[tuple[int, int], Tariff]) -> list[Month]:
    """All months of an account that have a settlement register, oldest first."""
    found = []
    for way in ways(list(records_of(db, account)), rollovers(db, account)):
        since_s, since = way.began_s, dict.fromkeys(way.moved, 0)
        position: Position | None = None
        for settled_s, places in sorted(way.marks):
            month = Month(account, address(way.segment.serial), "", since_s, settled_s)
            position = _bill(month, way, since, places, tariffs, position)
            month.issued_ucu = -db.number(
                "SELECT sum(amount_ucu) FROM credits WHERE account = ? AND substr(reference, 1, ?) = ?",
                account,
                len(month.reference),
                month.reference,
            )
            found.append(month)
            since_s, since = settled_s, places
    return found


def prove(db: Database, account: int, tariffs: dict[tuple[int, int], Tariff], differences: list[str], notes: list[str]) -> None:
    """Compute each month once more, and compare what was issued for it."""
    for month in months(db, account, tariffs):
        where = f"account {account}: month {month.name} of meter {month.meter}"
        notes.extend(f"{where}: {sentence}" for sentence in month.notes)
        bill = f"final bill {money(month.bill_ucu)}, pre-settled {money(month.presettled_ucu)}"
        if month.open:
            notes.append(f"{where} is not closed: {month.open}")
        elif month.issued_ucu != month.correction_ucu:
            said = f"{where}: {bill}, correction {money(month.correction_ucu)}"
            if month.issued_ucu:
                differences.append(f"{said}, issued were {money(month.issued_ucu)}")
            else:
                notes.append(f"{said} is not issued yet, `settle` does")


def correct(db: Database, account: int, tariffs: dict[tuple[int, int], Tariff], now_s: int) -> list[Month]:
    """Issue what is missing of the corrections -> all months. One transaction; the same again changes nothing."""
    with db.transaction():
        found = months(db, account, tariffs)
        for month in found:
            own = "SELECT * FROM credits WHERE substr(reference, 1, ?) = ?"
            openings.try_again(db, db.rows(own, len(month.reference), month.reference))
            missing = month.correction_ucu - month.issued_ucu
            if month.open or not missing:
                continue
            count = db.number("SELECT count(*) FROM credits WHERE substr(reference, 1, ?) = ?", len(month.reference), month.reference)
            last = openings.last_credit(db, account, ISSUER)
            openings.add_credit(db, account, ISSUER, last, -missing, f"{month.reference}{count + 1}", now_s)
            month.issued_ucu += missing
    return found


def rollovers(db: Database, account: int) -> dict[str, int]:
    """Where the registers of its meters start again, of those whose models are known here."""
    rows = db.rows("SELECT meter, rollover_cwh FROM account_meters WHERE account = ?", account)
    rows += db.rows("SELECT meter, rollover_cwh FROM accounts WHERE account = ?", account)
    return {str(row["meter"]): int(row["rollover_cwh"]) for row in rows if row["rollover_cwh"] is not None}


def ways(records: list[Record], known: dict[str, int]) -> Iterator[Way]:
    """The segments of an account, oldest first; `known` tells where the registers of a meter start again."""
    way: Way | None = None
    began_s = ended_s = rate = 0
    for record in records:
        if record.kind in (kinds.SEGMENT, kinds.MOVED):
            if way is not None:
                way.close(record.at_s)
                yield way
            way = _begun(record, known)
            began_s = ended_s = way.began_s if way is not None else record.at_s
        elif way is None or record.kind not in (kinds.CHARGE, kinds.HELD, kinds.MONTH) or record.octets("serial") != way.segment.serial:
            continue
        elif record.kind == kinds.MONTH:
            told = record.fields["from_cwh"]
            assert isinstance(told, list)
            way.mark(record.number("settled_at_s"), told)
        elif record.kind == kinds.HELD:
            if record.number("why") == 0:
                way.pass_over(record)
                began_s = ended_s = record.at_s  # what comes behind it begins then
        elif record.number("cause") not in NO_ENERGY:
            read_s = record.number("reading_at_s")
            if read_s != ended_s or record.number("rate") <= rate:  # else one more register of the same span
                began_s = ended_s
            rate = record.number("rate")
            way.add(record, began_s or read_s)
            if not record.number("marks") & MORE_FOLLOWS:
                ended_s = read_s
    if way is not None:
        yield way


def _begun(record: Record, known: dict[str, int]) -> Way | None:
    """The segment that begins with this record, if it is of a meter."""
    if record.kind != kinds.SEGMENT or record.octets("serial") == bytes(6):
        return None
    registers = record.fields["from_cwh"]
    assert isinstance(registers, list)
    used = [0] if not record.number("rates") else list(range(1, min(record.number("rates"), RATES_MAX) + 1))
    began_s = record.number("since_s") if "since_s" in record.fields else record.at_s
    segment = Segment(record.octets("serial"), began_s, {rate: registers[rate] for rate in used})
    segment.rollover = known.get(address(segment.serial), segment.rollover)
    segment.ratio = ratio_behind(record, 1)
    return Way(segment, began_s, moved=dict.fromkeys(used, 0))


def _bill(
    month: Month,
    way: Way,
    since: dict[int, int],
    until: dict[int, int],
    tariffs: dict[tuple[int, int], Tariff],
    position: Position | None,
) -> Position | None:
    """Price the month from where the one before left the account in its step period (None: as the first charge says) -> where it is left.

    A charge of several rates that ran over the settlement instant counts its rates one behind the other: what it says of a position
    in the middle of one is without the shares of the others.
    """
    offset_min = next((held.utc_offset_min for held in tariffs.values()), 0)
    last = datetime.fromtimestamp(month.settled_s - 1, timezone.utc) + timedelta(minutes=offset_min)
    month.name = f"{last.year:04d}-{last.month:02d}"
    for rate, low in since.items():
        if until[rate] < low:
            month.open = f"its register {rate} stands {energy(low - until[rate])} before the month's beginning"
            return None
        if way.moved[rate] < until[rate]:
            month.open = f"register {rate} is charged {energy(until[rate] - way.moved[rate])} short of the settlement"
    billed = dict.fromkeys(since, 0)
    for piece in way.pieces:
        rate = piece.record.number("rate")
        low, high = max(piece.start, since[rate]), min(piece.end, until[rate])
        if high <= low:
            continue
        if position is None:
            position = piece.position_at(low)
        began_s = month.since_s if piece.start < since[rate] else piece.began_s
        amount_ucu, position = _price(piece, began_s, high - low, position, tariffs)
        billed[rate] += high - low
        month.bill_ucu += amount_ucu
        month.presettled_ucu += (high - low) * piece.unit_ucu
    _tell_bands(month, [piece for piece in way.pieces if piece.end > since.get(piece.record.number("rate"), 0)], until, tariffs)
    month.energy_cwh = sum(billed.values()) * way.segment.ratio
    for rate, passed in billed.items():
        if passed != until[rate] - since[rate] and not month.open:
            month.notes.append(f"{energy(until[rate] - since[rate] - passed)} of register {rate} were written off")
    return position


def _tell_bands(month: Month, pieces: list[Piece], until: dict[int, int], tariffs: dict[tuple[int, int], Tariff]) -> None:
    """Which band energy flowed in stands in no settlement register: such a month is closed as its days were charged."""
    stands_ucu = estimated_ucu = 0
    for piece in pieces:
        tariff = tariffs.get((piece.record.number("tariff"), piece.record.number("version")))
        if tariff is None or not tariff.bands or piece.start >= until[piece.record.number("rate")]:
            continue
        stands_ucu += piece.record.number("amount_ucu")
        estimated_ucu += piece.record.number("amount_ucu") if piece.record.number("marks") & ESTIMATED else 0
    if stands_ucu:
        shares = f", {money(estimated_ucu)} of it by estimated shares" if estimated_ucu else ""
        said = f"the pre-settlement of {money(stands_ucu)} stands{shares}"
        month.notes.append(f"charged by bands, which no settlement register tells: {said}")


def _price(
    piece: Piece, began_s: int, digits: int, position: Position, tariffs: dict[tuple[int, int], Tariff]
) -> tuple[int, Position]:
    """(what these digits cost in the final bill, where the account stands in its step period behind them)."""
    best: tuple[str, int] | None = None
    for number, version in tariffs:
        held = tariffs[(number, version)]
        day = (datetime.fromtimestamp(began_s, timezone.utc) + timedelta(minutes=held.utc_offset_min)).date().isoformat()
        if number == piece.record.number("tariff") and held.effective <= day:
            best = max(best or (held.effective, version), (held.effective, version))
    ruling = None if best is None else tariffs[(piece.record.number("tariff"), best[1])]
    charged = tariffs.get((piece.record.number("tariff"), piece.record.number("version")))
    rate, ratio = piece.record.number("rate"), piece.ratio
    if ruling is None or charged is None or ruling.bands or charged.bands or not Rules(ruling).has_price(rate):
        told = piece.position_at(piece.start + digits)
        return digits * piece.unit_ucu, position if told == NOWHERE else told
    rules = Rules(ruling)
    lines = rules.lines(rate, rules.local(began_s).date(), (began_s, began_s), digits, ratio, position)
    counts = lines and not rules.is_plain  # energy at a plain price is in no step period, as at the gateway
    return sum(line.amount_ucu for line in lines), lines[-1].position if counts else position


def is_plain(tariff: Tariff | None) -> bool:
    """A price for each register, and nothing else: no bands, no steps."""
    return tariff is not None and not tariff.bands and not tariff.steps
