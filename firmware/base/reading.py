"""One reading of one meter: the shape that the bus hands to the gateway (DESIGN: shapes that cross rooms).

Trap avoided: "no value" is None, never zero: a missing register must not look like a meter that stands at 0.
"""

from firmware.base.port import const

RATES_MAX = const(4)  # a reading has RATES_MAX + 1 registers: the total, then rate 1 ... 4
MARK_HELD = const(1)  # SPEC 5.2 marks
MARK_STALE = const(2)


def billed_registers(rates):
    """First and last index of the registers that bill: the total alone, or rate 1 ... `rates`."""
    return (1, rates) if rates else (0, 0)


class Reading:
    """Registers of one meter at one instant.

    `meter` index of the meter on this gateway; `serial` 6 bytes, low first; `at_s` wall time with `quality`;
    `registers` [total, rate 1 ... 4] in 0.01 kWh or None; `power_w` or None; `status_word` word 3 or None; `limit_w` the load
    limit in force (base/relay.NO_LIMIT = none), None where it was not read.
    """

    limit_w = None

    def __init__(self, meter, serial):
        self.meter = meter
        self.serial = serial
        self.at_s = 0
        self.quality = 0
        self.rates = 0
        self.registers = [None] * (RATES_MAX + 1)
        self.power_w = None
        self.status_word = None
        self.marks = 0
