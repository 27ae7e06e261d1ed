"""Register differences to charge lines, exactly (design clauses 4.4, 4.7, 4.9 and 6).

energy_cwh * price is ucu exactly, and so it is with the whole ratio of transformers: pricing never divides and never rounds. Work
goes in two steps: `split` cuts the way between two readings into spans of one local day each; `charge_lines` prices one span with the
tariff of its day, where that has a price for each register and nothing more. `charging.py` does the same for bands, steps and transformers.

Trap avoided: a register rolls over, most at 999999.99, so a difference is taken modulo the meter's own turn; whether the
step is plausible is checked before (a register that runs backwards must be held, not charged as almost a full turn).
"""

from firmware.base.faults import require
from firmware.base.port import const

ROLLOVER_CWH = const(100_000_000)
MARK_ESTIMATED = const(1)  # SPEC 2, CHARGE marks
MARK_UNSPLIT = const(2)
REGISTERS = const(5)


def difference_cwh(from_cwh, to_cwh, modulus_cwh=ROLLOVER_CWH):
    """Energy between two values of one register that starts again at `modulus_cwh`."""
    require(0 <= from_cwh < modulus_cwh and 0 <= to_cwh < modulus_cwh, "register beyond its rollover")
    return (to_cwh - from_cwh) % modulus_cwh


def charge_lines(tariff, rates, from_cwh, to_cwh, modulus_cwh=ROLLOVER_CWH, ratio=1):
    """[(rate, from_cwh, to_cwh, price, amount_ucu)] for one span; registers are [total, rate 1 ... 4].

    `rates` 0 charges the total register, else the registers 1 ... rates. Registers that did not move give no line. A
    missing register or a tariff that does not serve the meter is Broken: both are conditions to check before charging.
    """
    require(0 <= rates < REGISTERS and tariff.serves(rates), "tariff does not serve this meter")
    lines = []
    first = 1 if rates else 0
    for rate in range(first, rates + 1):
        before, after = from_cwh[rate], to_cwh[rate]
        require(before is not None and after is not None, "register without a value")
        energy_cwh = difference_cwh(before, after, modulus_cwh)
        if energy_cwh:
            price = tariff.price_of(rate)
            lines.append((rate, before, after, price, energy_cwh * ratio * price))
    return lines


def total_ucu(lines):
    """Money of all lines together."""
    total = 0
    for line in lines:
        total += line[4]
    return total


def split(from_day, to_day, from_cwh, to_cwh, freezes):
    """The way from one reading to another as [(day, from_cwh, to_cwh, marks)], in order of days.

    `freezes` are [(day, registers)]: the registers at the midnight that begins `day`, in any order; those outside
    from_day < day <= to_day are not used. A span that crosses a midnight without a freeze belongs to the day on which it
    begins and is marked: that price was certainly valid then, and a second computation reaches the same.
    """
    require(from_day <= to_day, "reading of an earlier day than the last charge")
    spans = []
    day = from_day
    before = from_cwh
    for edge, registers in _between(from_day, to_day, freezes):
        spans.append((day, before, registers, MARK_UNSPLIT if edge > day + 1 else 0))
        day = edge
        before = registers
    spans.append((day, before, to_cwh, MARK_UNSPLIT if to_day > day else 0))
    return spans


def _between(from_day, to_day, freezes):
    """Freezes that split the way, one per day, in order."""
    chosen = {}
    for day, registers in freezes:
        if from_day < day <= to_day:
            require(day not in chosen, "two freezes of one midnight")
            chosen[day] = registers
    return [(day, chosen[day]) for day in sorted(chosen)]
