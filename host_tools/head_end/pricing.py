"""What energy must cost by a tariff document: the second computation, by dates, texts and sums of steps (design, section 6).

A `Rules` object answers for one tariff: which band holds, what a span of energy costs, where the account stands in its
step period then, what a day's fee is and what a month comes short of. Money is exact: energy in cwh times price is ucu.

Trap avoided: this must not repeat the firmware's mistakes, so it is written from the words of the tariff, not from its code: days are
dates, bands are looked for in the rows of the document, and a charge is the difference of two sums from nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from host_tools.head_end.amounts import parse_decimal, parse_price
from host_tools.head_end.tariff_document import QUARTERS, Tariff, quarter

USED_MAX_CWH = 0xFFFFFFFF
DAY_S = 86_400
Position = tuple[date | None, int]  # the day on which the step period began, cwh used in it; None = not known
NOWHERE: Position = (None, 0)


@dataclass(frozen=True)
class Line:
    """Energy of one register in one band and step. `digits` are those of the register, times the ratio it is energy."""

    rate: int
    digits: int
    price: int
    amount_ucu: int
    band: str  # "" without bands
    step: int
    estimated: bool
    position: Position  # behind it


class Rules:
    """The rules of one tariff. Local time is its own; instants are unix seconds."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self.zone = timezone(timedelta(minutes=tariff.utc_offset_min))
        self.plain_on: Callable[[date], bool] = lambda day: False  # True where a plain price of the same tariff ruled
        self.offsets_min = {tariff.utc_offset_min}  # and those of the other versions: gateways change theirs hours before or after one
        self.steps_over_year = tariff.steps is not None and tariff.steps.over == "year"
        self._days: dict[tuple[str, str], list[str]] = {}  # bands of the quarters of a day, by its kind and season

    def local(self, at_s: int) -> datetime:
        return datetime.fromtimestamp(at_s, self.zone)

    def days_of(self, at_s: int) -> list[date]:
        """The local day of an instant, and what it may be while clocks are changed."""
        others = {datetime.fromtimestamp(at_s, timezone(timedelta(minutes=offset))).date() for offset in self.offsets_min}
        return [self.local(at_s).date(), *others]

    @property
    def is_plain(self) -> bool:
        """A price for each register, and nothing else."""
        rich = (self.tariff.bands, self.tariff.steps, self.tariff.fee_per_day, self.tariff.fee_per_month, self.tariff.minimum_per_month)
        return all(part is None for part in rich)

    # the calendar

    def season(self, day: date) -> str:
        """Name of the season of a day, "" without seasons."""
        begun = [season.name for season in self.tariff.seasons if season.start <= day.strftime("%m-%d")]
        return begun[-1] if begun else self.tariff.seasons[-1].name if self.tariff.seasons else ""

    def kind(self, day: date) -> str:
        if day.isoformat() in self.tariff.holidays:
            return "holiday"
        off = day.isoweekday() in self.tariff.weekend and day.isoformat() not in self.tariff.workdays
        return "weekend" if off else "work"

    def month_of(self, day: date) -> date:
        """The day on which its billing month began."""
        begin = day.replace(day=self.tariff.month_begins)
        return begin if begin <= day else (begin.replace(day=1) - timedelta(days=1)).replace(day=self.tariff.month_begins)

    def next_month(self, day: date) -> date:
        return self.month_of(self.month_of(day) + timedelta(days=31))

    def counts(self, month: date) -> bool:
        """True when a month that began on this day is one of this tariff's, and no plain price ruled on any of its days."""
        days = (self.next_month(month) - month).days
        return self.month_of(month) == month and not any(self.plain_on(month + timedelta(days=ahead)) for ahead in range(days))

    def period_of(self, day: date) -> date:
        """The day on which the step period of this day began: its month where there are no steps."""
        if not self.steps_over_year:
            return self.month_of(day)
        begin = date(day.year, 1, self.tariff.month_begins)
        return begin if begin <= day else begin.replace(year=day.year - 1)

    # bands

    def band(self, at_s: int) -> str:
        """The band of an instant, "" without bands."""
        if self.tariff.bands is None:
            return ""
        now = self.local(at_s)
        return self.quarters(now.date())[now.hour * 4 + now.minute // 15]

    def quarters(self, day: date) -> list[str]:
        """The band of each quarter of an hour of that day."""
        which = (self.kind(day), self.season(day))
        if which not in self._days:
            self._days[which] = [self._row_of(number, *which) for number in range(QUARTERS)]
        return self._days[which]

    def _row_of(self, number: int, kind: str, season: str) -> str:
        assert self.tariff.bands is not None
        for row in self.tariff.bands.hours:
            if kind not in row.days or (row.seasons is not None and season not in row.seasons):
                continue
            begin, end = quarter(row.start), quarter(row.end)
            if begin <= number < end or (end < begin and (number >= begin or number < end)):
                return row.band
        return self.tariff.bands.rest or ""

    def counted(self, at_s: int) -> int:
        """A reading shortly behind an edge of the bands counts as taken there."""
        if self.tariff.bands is None:
            return at_s
        edge = at_s - at_s % 900
        late = at_s - edge <= self.tariff.bands.late_read_s and self.band(edge) != self.band(edge - 1)
        return edge if late else at_s

    def held(self, from_s: int, to_s: int) -> dict[str, int]:
        """Seconds of each band between two instants, the first one first; one band at least."""
        seconds: dict[str, int] = {}
        at_s = from_s
        while at_s < to_s and self.tariff.bands is not None:
            now = self.local(at_s)
            begin_s = at_s - now.hour * 3600 - now.minute * 60 - now.second
            for number, band in enumerate(self.quarters(now.date())):
                length = min(to_s, begin_s + 900 * (number + 1)) - max(at_s, begin_s + 900 * number)
                if length > 0:
                    seconds[band] = seconds.get(band, 0) + length
            at_s = begin_s + DAY_S
        if self.tariff.bands is None and from_s < to_s:
            return {"": to_s - from_s}
        return seconds or {self.band(from_s): 0}

    def band_price(self, band: str) -> int:
        return next(parse_price(row.price, band) for row in self.tariff.prices.bands or [] if row.name == band)

    def parts(self, from_s: int, to_s: int, digits: int) -> list[tuple[str, int, bool]]:
        """(band, digits, estimated) of a register's way between two readings."""
        if self.tariff.bands is None:
            return [("", digits, False)]
        seconds = self.held(self.counted(from_s), self.counted(to_s))
        if len(seconds) == 1:
            return [(band, digits, False) for band in seconds]
        rule = self.tariff.bands.missed_edge
        if rule != "by_time":
            chosen = min(seconds, key=self.band_price) if rule == "cheapest" else next(iter(seconds))
            return [(chosen, digits, True)]
        whole, passed, found = sum(seconds.values()), 0, []
        for band, length in seconds.items():
            found.append((band, digits * (passed + length) // whole - digits * passed // whole, True))
            passed += length
        return found

    # steps

    def limits(self, day: date) -> list[int]:
        """Thresholds of a day in cwh."""
        if self.tariff.steps is None:
            return []
        season = self.season(day)
        for row in self.tariff.steps.thresholds:
            if row.seasons is None or season in row.seasons:
                return [parse_decimal(text, 2, "kwh") for text in row.kwh]
        raise AssertionError("a checked tariff has thresholds for every season")

    def price(self, rate: int, band: str, step: int) -> int:
        prices, steps = self.tariff.prices, self.tariff.steps
        if prices.steps is not None:
            return parse_price(prices.steps[step], "price")
        if band:
            base = self.band_price(band)
        else:
            base = parse_price(prices.total or "0" if rate == 0 else (prices.rates or [])[rate - 1], "price")
        return base + (parse_price(steps.surcharges[step], "price") if steps is not None and steps.surcharges else 0)

    def has_price(self, rate: int) -> bool:
        """True when a register of this rate (0 = total) is charged by this tariff."""
        return self.tariff.form != "rates" if rate == 0 else rate <= len(self.tariff.prices.rates or [])

    def standing(self, position: Position, day: date) -> Position:
        """The position with which a day begins."""
        begin = self.period_of(day)
        return position if position[0] == begin else (begin, 0)

    def lines(self, rate: int, day: date, span_s: tuple[int, int], digits: int, ratio: int, position: Position) -> list[Line]:
        """What one register's way on one day comes to; span_s = instants of the readings at its ends."""
        begin, used = self.standing(position, day)
        limits, found = self.limits(day), []
        for band, part, estimated in self.parts(*span_s, digits):
            # the last digit of the register that belongs to each step; behind the last threshold all that is left
            ends = [max(0, -((used - limit) // ratio)) for limit in limits] + [part]
            reached = 0
            for step, end in enumerate(ends):
                taken = min(part, end) - reached
                if taken <= 0:
                    continue
                reached += taken
                price = self.price(rate, band, step)
                now = min(used + reached * ratio, USED_MAX_CWH)
                found.append(Line(rate, taken, price, taken * ratio * price, band, step, estimated, (begin, now)))
            used = min(used + part * ratio, USED_MAX_CWH)
        return found

    # fees

    def fee_ucu(self, day: date) -> int:
        """The fixed fee of a day; one stated by the month is the growth of its floored share."""
        if self.tariff.fee_per_day is not None:
            return parse_decimal(self.tariff.fee_per_day, 6, "fee_per_day")
        if self.tariff.fee_per_month is None:
            return 0
        whole = parse_decimal(self.tariff.fee_per_month, 6, "fee_per_month")
        begin, end = self.month_of(day), self.next_month(day)
        return whole * ((day - begin).days + 1) // (end - begin).days - whole * (day - begin).days // (end - begin).days

    def minimum_ucu(self) -> int:
        return 0 if self.tariff.minimum_per_month is None else parse_decimal(self.tariff.minimum_per_month, 6, "minimum_per_month")

    def midnight_s(self, day: date) -> int:
        return int(datetime.combine(day, time(), self.zone).timestamp())
