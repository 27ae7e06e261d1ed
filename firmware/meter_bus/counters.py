"""Counters of the bus, per meter and cause: line noise and silence are numbers, not exceptions (design section 8)."""

from firmware.base.port import const

ANSWERED = const(0)
SILENT = const(1)  # nothing came before the reply had to start
BROKEN_OFF = const(2)  # bytes came, but no whole frame of this meter
REFUSED = const(3)
MALFORMED = const(4)
RETRIED = const(5)
CAUSES = ("answered", "silent", "broken_off", "refused", "malformed", "retried")

SATURATED = const(0x3FFFFFFF)  # small integers on 32-bit boards end here


class BusCounters:
    """`of(meter, cause)`; counts saturate instead of growing into allocated integers."""

    def __init__(self, count):
        self._counts = [0] * (count * len(CAUSES))

    def add(self, meter, cause):
        """One more of `cause` at `meter`."""
        index = meter * len(CAUSES) + cause
        if self._counts[index] < SATURATED:
            self._counts[index] += 1

    def of(self, meter, cause):
        """How often."""
        return self._counts[meter * len(CAUSES) + cause]

    def total(self, cause):
        """Over all meters."""
        return sum(self._counts[cause :: len(CAUSES)])
