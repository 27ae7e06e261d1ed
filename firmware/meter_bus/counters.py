"""Counters of the bus, per meter and cause: line noise and silence are numbers, not exceptions (design section 8)."""

from array import array

from firmware.base.port import const

ANSWERED = const(0)
SILENT = const(1)  # nothing came before the reply had to start
BROKEN_OFF = const(2)  # bytes came, but no whole frame of this meter
REFUSED = const(3)
MALFORMED = const(4)
RETRIED = const(5)
CAUSES = ("answered", "silent", "broken_off", "refused", "malformed", "retried")

SATURATED = const(0xFFFF)  # of one meter
TOTAL_SATURATED = const(0x3FFFFFFF)  # small integers on 32-bit boards end here


class BusCounters:
    """`of(meter, cause)`, `total(cause)` over all meters; counts saturate instead of starting again at 0."""

    def __init__(self, count):
        self._counts = array("H", bytes(2 * count * len(CAUSES)))
        self._totals = [0] * len(CAUSES)

    def add(self, meter, cause):
        """One more of `cause` at `meter`."""
        index = meter * len(CAUSES) + cause
        if self._counts[index] < SATURATED:
            self._counts[index] += 1
        if self._totals[cause] < TOTAL_SATURATED:
            self._totals[cause] += 1

    def of(self, meter, cause):
        """How often."""
        return self._counts[meter * len(CAUSES) + cause]

    def total(self, cause):
        """Over all meters; it goes on where that of one meter has saturated."""
        return self._totals[cause]
