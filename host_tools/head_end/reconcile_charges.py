"""Charges under a tariff with bands, steps or fees, record by record against our own computation (design, sections 4 and 6).

A `Standing` follows one account: where it stands in its step period and billing month, which day is open. Each longer CHARGE (SPEC 2)
must be of the right day, band, step and position, and the lines of one reading together as the tariff shares them; each day
pays its fee once, each whole month comes to its minimum. What the gateway says of these is compared, never taken over.
"""

from datetime import date, timedelta

from host_tools.head_end.pricing import NOWHERE, Position, Rules
from host_tools.journal_reader import AccountRow, Record
from host_tools.journal_reader.words import energy, money, price

DAY_0 = date(1970, 1, 1)
SEGMENT_CLOSED, FIXED_FEE, MINIMUM = 5, 6, 7
ESTIMATED, MORE_FOLLOWS = 1, 4
NO_MINIMUM = 1 << 62
DAY = timedelta(days=1)
FEE_DAYS_MAX = 366  # no gateway asks for fees of more than a year at once (SPEC, section 4)


class Standing:
    """One account between two charges. `open_day` None = no longer charge was seen yet."""

    def __init__(self) -> None:
        self.position: Position = NOWHERE
        self.open_day: date | None = None
        self.month: date | None = None
        self.month_ucu = 0
        self._whole = False
        self._plain_day: date | None = None  # of the last charge at a plain price
        self._group: tuple[int, int] | None = None  # (instant of the reading, register) of lines that are not complete
        self._digits: dict[str, int] = {}

    def open(self, row: AccountRow) -> None:
        """The books begin with this row: what it says is taken as it is."""
        if not any(row.position):
            return
        self.position = (_day(row.period_day), row.used_cwh)
        self.open_day, self.month = _day(row.day), _day(row.month_day)
        self._whole = row.month_ucu < NO_MINIMUM // 2
        self.month_ucu = row.month_ucu if self._whole else row.month_ucu - NO_MINIMUM

    def differs(self, row: AccountRow) -> str | None:
        """What a snapshot says of the position, when it is not ours."""
        if self.open_day is None:
            return None
        ours = (self.open_day, self.month, *self.position, self.month_ucu + (0 if self._whole else NO_MINIMUM))
        theirs = (_day(row.day), _day(row.month_day), _day(row.period_day), row.used_cwh, row.month_ucu)
        return None if ours == theirs else f"snapshot has the position {_shown(theirs)}, computed is {_shown(ours)}"

    # energy

    def plain(self, rules: Rules, began_s: int) -> None:
        """Energy at a price that is all: it is counted in no month and no step period."""
        self._plain_day = rules.local(began_s).date()

    def energy(self, record: Record, rules: Rules, began_s: int, passed: tuple[int, int]) -> tuple[int, list[str]]:
        """`passed`: digits of the register, and the ratio to energy -> (our price of this line, differences)."""
        digits, ratio = passed
        day, at_s, rate = _day(record.number("day")), record.number("reading_at_s"), record.number("rate")
        began_s = began_s or at_s
        found = []
        begun = rules.days_of(min(began_s, at_s))
        if day not in begun:
            found.append(f"the charge is of {day}, its energy began on {begun[0]}")
        found += self._unpaid(record, rules, day)
        band, said = self._band(record, rules, (began_s, at_s), digits)
        step, more = self._step(record, rules, day, digits, ratio)
        found += said + more + self._month(record, rules, day)
        ours = rules.price(rate, band, step)
        if ours != record.number("price"):
            found.append(f"price {price(record.number('price'))} was charged, the tariff says {price(ours)}")
        self.open_day = max(self.open_day or day, day)
        return ours, found

    def _band(self, record: Record, rules: Rules, span_s: tuple[int, int], digits: int) -> tuple[str, list[str]]:
        """The band of a line: the only one that held, or one of those that the rule allows, its share exact."""
        names = [""] + [band.name for band in rules.tariff.prices.bands or []]
        number, marks = record.number("band"), record.number("marks")
        if (number > 0) != (len(names) > 1) or number >= len(names):
            return names[-1], [f"band {number} is none of this tariff's"]
        band = names[number]
        held = rules.held(rules.counted(span_s[0]), rules.counted(span_s[1]))
        if not digits and record.number("from_cwh") == record.number("to_cwh"):
            allowed = list(held)  # nothing was used: there is nothing to estimate
            return (band, []) if band in held else (allowed[0], [f"band {band} was charged, {' and '.join(allowed)} held"])
        allowed = [part[0] for part in rules.parts(*span_s, 0)]
        if band not in allowed:
            return allowed[0], [f"band {band} was charged, {' and '.join(allowed)} held"]
        closed = record.number("cause") == SEGMENT_CLOSED
        if bool(marks & ESTIMATED) != (len(held) > 1) and not closed:
            said = "is marked as estimated, but one band held all the time" if marks & ESTIMATED else "is not marked as estimated"
            return band, [f"the share of band {band} {said}"]
        return band, self._share(record, rules, span_s, band, digits)

    def _share(self, record: Record, rules: Rules, span_s: tuple[int, int], band: str, digits: int) -> list[str]:
        """With the last line of a register's way, what each band has of it."""
        group = (span_s[1], record.number("rate"))
        if group != self._group:
            self._group, self._digits = group, {}
        self._digits[band] = self._digits.get(band, 0) + digits
        if record.number("marks") & MORE_FOLLOWS:
            return []
        got, self._group = self._digits, None
        ours = {name: part for name, part, _ in rules.parts(*span_s, sum(got.values())) if part}
        if ours == {name: part for name, part in got.items() if part}:
            return []
        return [f"the bands have {_shares(got)} of the energy, computed are {_shares(ours)}"]

    def _step(self, record: Record, rules: Rules, day: date, digits: int, ratio: int) -> tuple[int, list[str]]:
        begin, used_cwh = rules.standing(self.position, day)
        limits, found = rules.limits(day), []
        step = sum(limit <= used_cwh for limit in limits)
        if record.number("step") != step:
            found.append(f"step {record.number('step') + 1} was charged, {energy(used_cwh)} since {begin} are in step {step + 1}")
        reached_cwh = used_cwh + digits * ratio
        if step < len(limits) and reached_cwh - ratio >= limits[step] and digits:  # the last digit may begin below the threshold
            found.append(f"step {step + 1} ends at {energy(limits[step])}, charged in it is up to {energy(reached_cwh)}")
        self.position = (begin, min(reached_cwh, 0xFFFFFFFF))
        told = (_day(record.number("period_day")), record.number("used_cwh"))
        if told != self.position:
            found.append(f"used since {told[0]} are {energy(told[1])}, computed {energy(self.position[1])} since {self.position[0]}")
        return step, found

    # fees and months

    def day_charge(self, record: Record, rules: Rules) -> tuple[int, list[str]]:
        """(our amount of a fee or minimum, differences)."""
        day = _day(record.number("day"))
        self.position = rules.standing(self.position, day)  # a day of another period begins it, without energy, too
        fee_ucu = rules.fee_ucu(day)
        if record.number("cause") == MINIMUM:
            ours, found = self._short(rules, day, fee_ucu), []
            if not ours:
                found.append(f"a minimum was charged on {day}, none is due")
        else:
            ours, found = fee_ucu, self._unpaid(record, rules, day)
            if self.open_day is not None and day < self.open_day:
                ours, found = 0, [f"the fee of {day} comes again"]
        if ours and record.number("amount_ucu") != ours:
            found.append(f"charged {money(record.number('amount_ucu'))} for {day}, computed {money(ours)}")
        found += self._month(record, rules, day)
        open_day = day + DAY if record.number("cause") == FIXED_FEE else day
        self.open_day = max(self.open_day or day, open_day)
        return ours, found

    def _short(self, rules: Rules, day: date, fee_ucu: int) -> int:
        """What a whole month that ends with this day comes short of its minimum."""
        month = rules.month_of(day)
        if rules.next_month(day) != day + DAY or self.month is not None and (self.month > month or self.month == month and not self._whole):
            return 0
        if self._plain_day is not None and month <= self._plain_day <= day and rules.plain_on(self._plain_day):
            return 0
        charged_ucu = self.month_ucu if self.month == month else 0
        return max(0, rules.minimum_ucu() - charged_ucu - fee_ucu)

    def _unpaid(self, record: Record, rules: Rules, day: date) -> list[str]:
        """The days before this one must be closed: their fees charged, of a year back from the reading at most."""
        if self.open_day is None:
            return []
        missed = max(self.open_day, _oldest_asked(record, rules))
        if missed >= day or not rules.fee_ucu(missed) or rules.tariff.effective > missed.isoformat():
            return []
        return [f"no fee was charged for {missed}"]

    def _month(self, record: Record, rules: Rules, day: date) -> list[str]:
        """Add the charge to its billing month."""
        month, found = rules.month_of(day), []
        if self.month is None or month > self.month:
            short_ucu = rules.minimum_ucu() - self.month_ucu
            asked = self.month is not None and rules.next_month(self.month) > _oldest_asked(record, rules) and rules.counts(self.month)
            if asked and self._whole and self.month is not None and short_ucu > 0 and rules.tariff.effective < month.isoformat():
                found.append(f"the month that ended before {month} came short of its minimum by {money(short_ucu)}")
            self._whole = self.month is not None or day == month
            self.month, self.month_ucu = month, 0
        self.month_ucu += record.number("amount_ucu")
        told = _day(record.number("month_day"))
        return found if told == month else [*found, f"the billing month began on {told}, by the tariff on {month}"]


def _oldest_asked(record: Record, rules: Rules) -> date:
    """The first day of which a fee or a minimum is asked with this reading."""
    return rules.local(record.number("reading_at_s")).date() - FEE_DAYS_MAX * DAY


def _day(number: int) -> date:
    return DAY_0 + timedelta(days=number)


def _shares(digits: dict[str, int]) -> str:
    return ", ".join(f"{name} {energy(part)}" for name, part in sorted(digits.items())) or "nothing"


def _shown(position: tuple[object, ...]) -> str:
    return ", ".join(str(part) for part in position)
