"""Spans of energy to charge lines: bands, steps and rate registers, exactly (design clauses 4.4, 4.7, 6).

A span is (day, from_s, to_s, from_cwh, to_cwh, marks): the registers [total, rate 1 ... 4] at two instants of one local day, as
`pricing.split` cuts them. A line is what one CHARGE record says: (rate, from_cwh, to_cwh, price, amount_ucu, marks, to_s, day, band,
step, period_day, used_cwh); band counts from 1 (0 = no bands), step from 0; the last two are the position after it.

The position of an account is (period_day, used_cwh): the day on which its step period began, the energy in it so far. A span of
another period begins it anew. Registers are taken in their order, each step of the way is a line of its own; energy = register
difference * ratio, and energy * price is ucu, so nothing is divided and nothing is lost.

Only a span that passed a band edge unread is estimated: `edge_digits_floor` puts a register value between, floored, so what a
floor held back is in the last share of the span; each of its lines is marked.

Trap avoided: bands alternate many times in a long silence; shares of one span are joined by band, so that it is as many
records as there are bands and not as many as there were hours.
"""

from firmware.base.faults import require
from firmware.base.port import const
from firmware.tariff.bands import BY_TIME, CHEAPEST
from firmware.tariff.pricing import MARK_ESTIMATED, REGISTERS, ROLLOVER_CWH, difference_cwh
from firmware.tariff.steps import USED_CWH_MAX, digits_to_ceil, step_of

LINE_AMOUNT = const(4)


def charge_spans(tariff, position, spans, rates, modulus_cwh=ROLLOVER_CWH, ratio=1):
    """(lines, position after them). Registers that did not move give no line; `rates` 0 charges the total register."""
    require(0 <= rates < REGISTERS and tariff.serves(rates), "tariff does not serve this meter")
    lines = []
    for span in spans:
        position = _charge_span(lines, tariff, position, span, rates, modulus_cwh, ratio)
    return lines, position


def line_of_nothing(tariff, position, span, rate):
    """The line that settles a day without energy."""
    day, from_s, to_s, _, registers, marks = span
    position = position_on(tariff, position, day)
    band = 0 if tariff.bands is None else tariff.bands.at(tariff.bands.counted_s(from_s)) + 1
    step = 0 if tariff.steps is None else step_of(_thresholds(tariff, day), position[1])
    price = _price(tariff, rate, band, step)
    return (rate, registers[rate], registers[rate], price, 0, marks, to_s, day, band, step) + position


def position_on(tariff, position, day):
    """The position at the beginning of a span on `day`: that of its period, or of nothing used yet."""
    begin = tariff.period_begin(day)
    return position if position[0] == begin else (begin, 0)


def edge_digits_floor(digits, seconds, total_s):
    """What of a register's difference lies before an instant in the middle of a span, by time, rounded down."""
    return digits * seconds // total_s


def _charge_span(lines, tariff, position, span, rates, modulus_cwh, ratio):
    day, from_s, to_s, before, after, marks = span
    position = position_on(tariff, position, day)
    for rate in range(1 if rates else 0, rates + 1):
        require(before[rate] is not None and after[rate] is not None, "register without a value")
        start = before[rate]
        digits = difference_cwh(start, after[rate], modulus_cwh)
        for band, part, estimated in _parts(tariff.bands, from_s, to_s, digits):
            where = (rate, marks | estimated, to_s, day, band)
            position = _charge_part(lines, tariff, position, where, (start, part, modulus_cwh), ratio)
            start = (start + part) % modulus_cwh
    return position


def _parts(bands, from_s, to_s, digits):
    """[(band from 1, digits of the register, marks)] of one span, joined by band; band 0 without bands."""
    if bands is None:
        return ((0, digits, 0),)
    shares = bands.shares(bands.counted_s(from_s), bands.counted_s(to_s))
    if len(shares) == 1:
        return ((shares[0][0] + 1, digits, 0),)
    if bands.rule != BY_TIME:
        band = shares[0][0]
        for other, _ in shares if bands.rule == CHEAPEST else ():
            if bands.prices[other] < bands.prices[band]:
                band = other
        return ((band + 1, digits, MARK_ESTIMATED),)
    total_s = 0
    for _, seconds in shares:
        total_s += seconds
    parts = []
    passed_s = done = 0
    for band, seconds in shares:
        passed_s += seconds
        reached = edge_digits_floor(digits, passed_s, total_s)
        parts.append((band + 1, reached - done, MARK_ESTIMATED))
        done = reached
    return parts


def _charge_part(lines, tariff, position, where, way, ratio):
    """Lines of one register in one band, a line for each step."""
    rate, marks, to_s, day, band = where
    start, digits, modulus_cwh = way
    period_day, used_cwh = position
    limits = () if tariff.steps is None else _thresholds(tariff, day)
    while digits:
        step = step_of(limits, used_cwh)
        part = digits
        if step < len(limits):
            part = min(part, digits_to_ceil(limits[step] - used_cwh, ratio))
        end = (start + part) % modulus_cwh
        price = _price(tariff, rate, band, step)
        used_cwh = min(used_cwh + part * ratio, USED_CWH_MAX)
        lines.append((rate, start, end, price, part * ratio * price, marks, to_s, day, band, step, period_day, used_cwh))
        start = end
        digits -= part
    return (period_day, used_cwh)


def _thresholds(tariff, day):
    return tariff.steps.thresholds_cwh[tariff.calendar.season_of(day)]


def _price(tariff, rate, band, step):
    steps = tariff.steps
    if steps is not None and steps.prices is not None:
        return steps.prices[step]
    base = tariff.prices[band - 1] if band else tariff.price_of(rate)
    return base if steps is None else steps.price(base, step)
