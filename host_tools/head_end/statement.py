"""What an account had, used, was charged and paid, day by day or month by month; it adds up exactly.

Charges are filed by the local day of their energy, so a day that was settled late stands where it was used; credits by the day on which
the gateway booked them. Opening + credits + corrections - charges - what went to a debt = closing, and each opening is the closing
before it; the last closing is the balance that the gateway's own records give. Everything is in this database: records, and the
references of credits.

Trap avoided: the charge that ends a day bears the midnight behind it.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from host_tools.head_end import stays
from host_tools.head_end.commands import known_account
from host_tools.head_end.covered import Covered, covering
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.months import CORRECTIONS, NO_ENERGY, months, rollovers
from host_tools.head_end.reconcile_tariffs import Tariffs
from host_tools.head_end.segments import ROLLOVER, ratio_behind
from host_tools.journal_reader import DEBT_ISSUER, Record, kinds, parse_row
from host_tools.journal_reader.words import address, money

MARKS = 3  # CHARGE: estimated, or a midnight that nobody split


@dataclass
class Line:
    """One day or month. Money in ucu, energy in 0.01 kWh by register (0 = total), with the ratio of the segment."""

    period: str
    opening_ucu: int = 0
    energy_cwh: dict[int, int] = field(default_factory=dict)
    charges_ucu: int = 0
    fees_ucu: int = 0  # of the charges
    estimated_ucu: int = 0  # of the charges
    credits_ucu: int = 0
    corrections_ucu: int = 0
    debt_ucu: int = 0  # moved to a debt
    closing_ucu: int = 0

    def add(self, other: "Line") -> None:
        for rate, energy_cwh in other.energy_cwh.items():
            self.energy_cwh[rate] = self.energy_cwh.get(rate, 0) + energy_cwh
        for name in ("charges_ucu", "fees_ucu", "estimated_ucu", "credits_ucu", "corrections_ucu", "debt_ucu"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def close(self, opening_ucu: int) -> int:
        self.opening_ucu = opening_ucu
        self.closing_ucu = opening_ucu + self.credits_ucu + self.corrections_ucu - self.charges_ucu - self.debt_ucu
        return self.closing_ucu

    def as_json(self) -> dict[str, object]:
        return {**vars(self), "energy_cwh": {str(rate): value for rate, value in sorted(self.energy_cwh.items())}}


@dataclass
class Statement:
    """`lines` in order, `total` over them; `balance_ucu` as the gateway's records give it now."""

    account: int
    month: str | None
    lines: list[Line]
    total: Line
    balance_ucu: int
    limit_ucu: int  # the credit limit now
    notes: list[str]
    covered: Covered | None  # the countersignature over the last record that is in it

    def as_json(self) -> dict[str, object]:
        return {
            "account": self.account,
            "month": self.month,
            "lines": [line.as_json() for line in self.lines],
            "total": self.total.as_json(),
            "balance_ucu": self.balance_ucu,
            "limit_ucu": self.limit_ucu,
            "notes": self.notes,
            "countersignature": None if self.covered is None else self.covered.as_json(),
        }


def statement(db: Database, account: int, month: str | None = None) -> Statement:
    """Each month of the account, or each day of one."""
    if month is not None and not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month):
        raise BadInput("month", f"must be a month such as 2026-10, got {month!r}")
    known_account(db, account)
    row = fold(account, records_of(db, account))
    balance_ucu, limit_ucu = row.balance_ucu, row.limit_ucu
    opening_ucu, notes = 0, []
    records, _, lost = stays.whole_books(db, account)
    if lost:
        if records and records[0].kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED):
            opening_ucu = parse_row(records[0].octets("row")).balance_ucu
        notes.append("records before it are lost: the opening is the gateway's own")
    total = Line(month or "all", opening_ucu)
    lines: list[Line] = []
    for day in _days(db, account, records):
        opening_ucu = day.close(opening_ucu)
        if month is not None and day.period[:7] < month:
            total.opening_ucu = opening_ucu
        elif month is None or day.period[:7] == month:
            total.add(day)
            if month is not None:
                lines.append(day)
            elif lines and lines[-1].period == day.period[:7]:
                lines[-1].add(day)
            else:
                lines.append(Line(day.period[:7], day.opening_ucu))
                lines[-1].add(day)
            lines[-1].close(lines[-1].opening_ucu)
    total.close(total.opening_ucu)
    if opening_ucu != balance_ucu:
        notes.append(f"the gateway's balance is {money(balance_ucu)}, its records come to {money(opening_ucu)}")
    notes += [
        f"month {closed.name}: {sentence}"
        for closed in months(db, account, Tariffs(db).held)
        for sentence in closed.notes
        if month is None or closed.name == month
    ]
    covered = covering(db, stays.gateway_of(db, account), records[-1].sequence) if records else None
    return Statement(account, month, lines, total, balance_ucu, limit_ucu, notes, covered)


def _days(db: Database, account: int, records: list[Record]) -> list[Line]:
    """One line for each local day on which something happened, in order; not yet opened and closed."""
    offset_min, turns = _offset_min(db, account), rollovers(db, account)
    corrections = {
        (int(row["issuer"]), int(row["number"]))
        for row in db.rows("SELECT issuer, number, reference FROM credits WHERE account = ?", account)
        if str(row["reference"]).startswith(CORRECTIONS)
    }
    found: dict[str, Line] = {}
    totals: dict[int, tuple[int, int]] = {}  # issuer -> (number, total)
    ratio = 1
    for record in records:
        ratio = ratio_behind(record, ratio)
        if record.kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED):
            for issuer, number, total_ucu in parse_row(record.octets("row")).issuers:
                before = totals.get(issuer, (0, 0))
                if number > before[0] and record is not records[0]:  # a signed state brought it
                    _line(found, record.at_s, offset_min).credits_ucu += total_ucu - before[1]
                totals[issuer] = max((number, total_ucu), before)
        elif record.kind == kinds.CHARGE:
            ended_s = record.number("reading_at_s") or record.at_s
            rollover = turns.get(address(record.octets("serial")), ROLLOVER)
            filed = _day(found, date(1970, 1, 1) + timedelta(days=record.number("day"))) if "day" in record.fields else None
            _charge(filed or _line(found, ended_s - 1, offset_min), record, rollover, ratio)
        elif record.kind == kinds.RECOVERY:
            _line(found, record.at_s, offset_min).debt_ucu += record.number("amount_ucu")
            totals[DEBT_ISSUER] = (record.number("move"), -record.number("moved_ucu"))
        elif record.kind == kinds.CREDIT:
            issuer, number = record.number("issuer"), record.number("number")
            before = totals.get(issuer, (0, 0))
            if number > before[0]:
                line = _line(found, record.at_s, offset_min)
                moved_ucu = record.number("total_ucu") - before[1]  # what lower numbers brought that never came, too
                if (issuer, number) in corrections and moved_ucu == record.number("amount_ucu"):
                    line.corrections_ucu += moved_ucu
                else:
                    line.credits_ucu += moved_ucu
                totals[issuer] = (number, record.number("total_ucu"))
    return [found[day] for day in sorted(found)]


def _charge(line: Line, record: Record, rollover: int, ratio: int) -> None:
    amount_ucu = record.number("amount_ucu")
    line.charges_ucu += amount_ucu
    if record.number("cause") in NO_ENERGY:
        line.fees_ucu += amount_ucu
        return
    rate = record.number("rate")
    passed_cwh = (record.number("to_cwh") - record.number("from_cwh")) % rollover * ratio
    line.energy_cwh[rate] = line.energy_cwh.get(rate, 0) + passed_cwh
    if record.number("marks") & MARKS:
        line.estimated_ucu += amount_ucu


def _line(found: dict[str, Line], at_s: int, offset_min: int) -> Line:
    return _day(found, (datetime.fromtimestamp(at_s, timezone.utc) + timedelta(minutes=offset_min)).date())


def _day(found: dict[str, Line], day: date) -> Line:
    return found.setdefault(day.isoformat(), Line(day.isoformat()))


def _offset_min(db: Database, account: int) -> int:
    """The local time of the account's tariff, the newest version that is kept."""
    known = db.row("SELECT tariff FROM accounts WHERE account = ?", account)
    held = Tariffs(db).held
    versions = [held[key].utc_offset_min for key in sorted(held) if known is not None and key[0] == known["tariff"]]
    return versions[-1] if versions else 0
