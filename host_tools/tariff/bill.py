"""A bill by the gateway's own computation, proven line by line by the head-end's, which shares no code with it.

Usage is cut at local midnights: where a reading was taken there the day is exact, else its share is by time, rounded down, what
that leaves is of the last day, and both are marked as estimated. Fees are charged for each day, a minimum for each whole month.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from firmware.tariff import fees
from firmware.tariff.charging import charge_spans
from firmware.tariff.pricing import MARK_ESTIMATED
from firmware.tariff.tariff import Tariff as GatewayTariff
from host_tools.head_end.errors import BadInput
from host_tools.head_end.pricing import Rules
from host_tools.tariff.usage import Reading

DAY_0 = date(1970, 1, 1)
Registers = tuple[int, ...]


class TwoMinds(Exception):
    """Gateway and head-end would charge different money: a bug of ours, in one sentence."""


@dataclass
class Item:
    """One line of the bill. `what` is energy, fee or minimum; band "" and step 0 where there are none."""

    day: date
    what: str
    rate: int = 0
    band: str = ""
    step: int = 0
    energy_cwh: int = 0
    price: int = 0
    amount_ucu: int = 0
    estimated: bool = False

    @property
    def key(self) -> tuple[date, str, int, str, int, int, bool]:
        return (self.day, self.what, self.rate, self.band, self.step, self.price, self.estimated)


@dataclass(frozen=True)
class Terms:
    """What a bill needs beside the usage: the tariff in both implementations, the meter, the energy used before."""

    tariff: GatewayTariff
    rules: Rules
    ratio: int = 1
    used_cwh: int = 0


def bill(terms: Terms, readings: list[Reading], rates: int) -> list[Item]:
    """All lines by day; equal ones of a day are one."""
    _check(terms, readings, rates)
    first = readings[0].at.date()
    items: dict[object, Item] = {}
    position = ((terms.rules.period_of(first) - DAY_0).days, terms.used_cwh)
    for day, span_s, before, after, estimated in _spans(readings, terms.rules):
        marks = MARK_ESTIMATED if estimated else 0
        span = ((day - DAY_0).days, *span_s, list(before), list(after), marks)
        found, next_position = charge_spans(terms.tariff, position, [span], rates, ratio=terms.ratio)
        _prove(terms, rates, day, span_s, (before, after), position, found)
        for line in found:
            _add(items, _item(terms, day, line))
        position = next_position
    for item in _fees(terms, items, first, _last_day(readings)):
        _add(items, item)
    return sorted(items.values(), key=lambda item: (item.day, ("energy", "fee", "minimum").index(item.what)))


def _check(terms: Terms, readings: list[Reading], rates: int) -> None:
    tariff = terms.rules.tariff
    if readings[0].at.date().isoformat() < tariff.effective:
        raise BadInput("usage", f"line {readings[0].line}: the tariff is valid from {tariff.effective} on")
    if not terms.tariff.serves(rates):
        has = "the total register" if tariff.form != "rates" else f"{len(tariff.prices.rates or [])} rate registers"
        raise BadInput("usage", f"line 1: the tariff has prices for {has}, not for {'rate registers' if rates else 'the total register'}")


def _spans(readings: list[Reading], rules: Rules) -> Iterator[tuple[date, tuple[int, int], Registers, Registers, bool]]:
    """(day, instants, registers before, registers after, estimated): each of one local day."""
    for begin, end in zip(readings, readings[1:], strict=False):
        start_s, end_s = int(begin.at.timestamp()), int(end.at.timestamp())
        day, at_s, before = begin.at.date(), start_s, tuple(begin.registers)
        midnight_s = rules.midnight_s(day + timedelta(days=1))
        missed = midnight_s < end_s
        while midnight_s < end_s:
            after = tuple(
                low + (high - low) * (midnight_s - start_s) // (end_s - start_s)
                for low, high in zip(begin.registers, end.registers, strict=True)
            )
            yield day, (at_s, midnight_s), before, after, True
            day, at_s, before = day + timedelta(days=1), midnight_s, after
            midnight_s = rules.midnight_s(day + timedelta(days=1))
        yield day, (at_s, end_s), before, tuple(end.registers), missed


def _last_day(readings: list[Reading]) -> date:
    """The last day on which something was used: a reading at midnight ends the day before."""
    return (readings[-1].at - timedelta(seconds=1)).date()


def _item(terms: Terms, day: date, line: tuple[int, ...]) -> Item:
    names = [band.name for band in terms.rules.tariff.prices.bands or []]
    band = names[line[8] - 1] if line[8] else ""
    energy_cwh = (line[2] - line[1]) * terms.ratio
    step = line[9] + 1 if terms.rules.tariff.steps is not None else 0
    return Item(day, "energy", line[0], band, step, energy_cwh, line[3], line[4], bool(line[5] & MARK_ESTIMATED))


def _add(items: dict[object, Item], item: Item) -> None:
    known = items.setdefault(item.key, item)
    if known is not item:
        known.energy_cwh += item.energy_cwh
        known.amount_ucu += item.amount_ucu


def _fees(terms: Terms, items: dict[object, Item], first: date, last: date) -> list[Item]:
    """The fee of each day, and what each month that is whole comes short of its minimum."""
    found: list[Item] = []
    rules, charged = terms.rules, 0
    if not terms.tariff.has_fees():
        return found
    energy: dict[date, int] = {}
    for item in items.values():
        energy[item.day] = energy.get(item.day, 0) + item.amount_ucu
    whole = rules.month_of(first) == first
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        number = (day - DAY_0).days
        if rules.month_of(day) == day:
            charged, whole = 0, True
        fee = fees.fee_of_day_floor_ucu(terms.tariff, number)
        if fee != rules.fee_ucu(day):
            raise TwoMinds(f"fee of {day}: the gateway charges {fee} ucu, the head-end {rules.fee_ucu(day)} ucu")
        if fee:
            found.append(Item(day, "fee", amount_ucu=fee))
        charged += energy.get(day, 0) + fee
        short = fees.minimum_due_ucu(terms.tariff, number, charged if whole else fees.MONTH_OPEN)
        if short:
            found.append(Item(day, "minimum", amount_ucu=short))
    return found


def _prove(
    terms: Terms,
    rates: int,
    day: date,
    span_s: tuple[int, int],
    registers: tuple[Registers, Registers],
    position: tuple[int, int],
    found: list[tuple[int, ...]],
) -> None:
    """The head-end's lines of the same span must be these."""
    standing = (DAY_0 + timedelta(days=position[0]), position[1])
    ours = []
    for rate in range(1, rates + 1) if rates else (0,):
        digits = registers[1][rate] - registers[0][rate]
        for line in terms.rules.lines(rate, day, span_s, digits, terms.ratio, standing):
            ours.append((line.rate, line.digits, line.price, line.amount_ucu, line.step))
            standing = line.position  # type: ignore[assignment]
    theirs = [(line[0], line[2] - line[1], line[3], line[4], line[9]) for line in found]
    if ours != theirs:
        raise TwoMinds(f"energy of {day}: the gateway charges {theirs}, the head-end {ours}")
