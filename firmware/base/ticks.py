"""Arithmetic of wrapping millisecond ticks, period 2**30, as MicroPython's time.ticks_ms counts.

Only differences mean anything, and only below 2**29 ms (6.2 days); longer waits belong to wall time. Pure: the clock is
`aio.now_ms()`, and most code gets its value as an argument.

Trap avoided: an intermediate of 2**30 allocates on 32-bit boards, so no step here leaves the small integers.
"""

from firmware.base.port import const

HALF_PERIOD_MS = const(1 << 29)


def diff(a_ms, b_ms):
    """a - b, in -2**29 .. 2**29 - 1: positive when `a` is later than `b`."""
    delta = a_ms - b_ms
    if delta >= HALF_PERIOD_MS:
        return delta - HALF_PERIOD_MS - HALF_PERIOD_MS
    if delta < -HALF_PERIOD_MS:
        return delta + HALF_PERIOD_MS + HALF_PERIOD_MS
    return delta


def add(a_ms, n_ms):
    """a + n wrapped to 0 .. 2**30 - 1, for -2**29 < n < 2**29."""
    if n_ms < 0:
        total = a_ms + n_ms
    else:
        total = a_ms - HALF_PERIOD_MS - HALF_PERIOD_MS + n_ms
    if total < 0:
        return total + HALF_PERIOD_MS + HALF_PERIOD_MS
    return total


def reached(now_ms, deadline_ms):
    """True when `deadline_ms` is now or past."""
    return diff(now_ms, deadline_ms) >= 0
