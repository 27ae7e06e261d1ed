"""Where an account stands under a rich tariff, by its records: month, step period, the first day that is not closed.

Each longer CHARGE is held against the tariff's own words (rich.py): its day, band, step, price and position, the fee of each day once
and of no day left out, a month's minimum. What a record says of the position is compared, never taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from host_tools.journal_reader import Record
from tests.sim.rich import Rich

FIXED_FEE, MINIMUM, SEGMENT_CLOSED = 6, 7, 5
ESTIMATED, MORE_FOLLOWS = 1, 4
OPEN_MONTH = 1 << 62  # of a month in the middle of which the account came
USED_MAX = 2**32 - 1
FEE_DAYS_MAX = 366


@dataclass
class Place:
    """All zero until the first longer charge."""

    day: int = 0
    month_day: int = 0
    period_day: int = 0
    used_cwh: int = 0
    month_ucu: int = 0
    whole: bool = False

    @property
    def row(self) -> tuple[int, int, int, int, int]:
        if not self.day:
            return (0, 0, 0, 0, 0)
        return (self.day, self.month_day, self.period_day, self.used_cwh, self.month_ucu + (0 if self.whole else OPEN_MONTH))

    def energy(self, record: Record, rich: Rich, passed: tuple[int, int], began_s: int, ended_s: int) -> Iterator[str]:
        """A line of energy: `passed` the register, and the ratio to energy; both instants local, `began_s` 0 = not known."""
        span_cwh, ratio = passed[0] * passed[1], passed[1]
        began_s = began_s or ended_s
        day, band, step = record.number("day"), record.number("band"), record.number("step")
        if day != min(began_s, ended_s) // 86_400:
            yield f"the charge is of day {day}, its energy began on day {min(began_s, ended_s) // 86_400}"
        yield from self._band(record, rich, span_cwh, began_s, ended_s)
        self._begin_period(rich, day)
        limits = rich.limits_cwh(day)
        wanted = sum(limit <= self.used_cwh for limit in limits)
        self.used_cwh = min(self.used_cwh + span_cwh, USED_MAX)
        if step != wanted or span_cwh and step < len(limits) and self.used_cwh - ratio >= limits[step]:  # the last digit may begin below
            yield f"step {step} is charged up to {self.used_cwh} cwh, step {wanted} of {limits} holds"
        if rich.price(record.number("rate"), band, step) != record.number("price"):
            yield f"price {record.number('price')} for band {band} and step {step}, its tariff says otherwise"
        yield from self._position(record, rich, day)
        self.day = max(self.day, day)

    def _band(self, record: Record, rich: Rich, span_cwh: int, began_s: int, ended_s: int) -> Iterator[str]:
        band, closes = record.number("band"), record.number("cause") == SEGMENT_CLOSED
        if ended_s < began_s:
            return  # the clock was set back between
        allowed, estimated = rich.allowed(began_s, ended_s)
        if not span_cwh:
            allowed = rich.held(rich.counted_s(began_s), rich.counted_s(ended_s))
        if band not in allowed:
            yield f"band {band} is charged, {allowed} held between {began_s} and {ended_s}"
        elif span_cwh and not closes and estimated != bool(record.number("marks") & ESTIMATED):
            yield f"band {band} is {'not ' if estimated else ''}called an estimate"

    def _begin_period(self, rich: Rich, day: int) -> None:
        if rich.period_begin(day) != self.period_day:
            self.period_day, self.used_cwh = rich.period_begin(day), 0

    def _position(self, record: Record, rich: Rich, day: int) -> Iterator[str]:
        """Count the charge in its month, and compare what it says of where the account stands."""
        month = rich.month_begin(day)
        if month > self.month_day:
            self.whole = self.month_day != 0 or day == month
            self.month_day, self.month_ucu = month, 0
        self.month_ucu += record.number("amount_ucu")
        told = tuple(record.number(name) for name in ("month_day", "period_day", "used_cwh"))
        if told != (month, self.period_day, self.used_cwh):
            yield f"month, period and use are told as {told}, they are {(month, self.period_day, self.used_cwh)}"

    def closes_before(self, day: int, reached_day: int, fee_ucu: Callable[[int], int]) -> Iterator[str]:
        """Days that a charge of `day` takes as closed: the fee of each was charged, of a year back from the reading at most."""
        if self.day:
            missed = [one for one in range(max(self.day, reached_day - FEE_DAYS_MAX), day) if fee_ucu(one)]
            if missed:
                yield f"a charge of day {day}, and no fee of day {missed[0]}"

    def fee(self, record: Record, rich: Rich) -> Iterator[str]:
        """A fee of a day, or what a month comes short of its minimum."""
        day, amount = record.number("day"), record.number("amount_ucu")
        if record.number("cause") == FIXED_FEE:
            if day < self.day:
                yield f"the fee of day {day} is charged again"
            if amount != rich.fee_ucu(day):
                yield f"the fee of day {day} is {amount}, its tariff says {rich.fee_ucu(day)}"
        else:
            charged = self.month_ucu if self.month_day == rich.month_begin(day) else 0
            short = rich.minimum_ucu(day) - charged - rich.fee_ucu(day)
            if amount != short or short <= 0 or self.month_day == rich.month_begin(day) and not self.whole:
                yield f"{amount} are charged as what the month came short of, that is {short}, and is it whole: {self.whole}"
        self._begin_period(rich, day)
        yield from self._position(record, rich, day)
        self.day = max(self.day, day + 1 if record.number("cause") == FIXED_FEE else day)
