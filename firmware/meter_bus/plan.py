"""Which meter is read next: fair, and cheap about the dead (pure).

The meter whose turn is longest overdue is asked first, so no meter can starve another. A meter that fails all its
attempts backs off: 15 s, 30 s ... 5 min, and while it is failing it gets one attempt instead of several.
Its cost to the others is then one time-out per back-off, under 1 % at five minutes.

Trap avoided: comparing wrapped ticks; only differences through base/ticks mean anything.
"""

from array import array

from firmware.base import ticks
from firmware.base.port import const

NO_METER = const(-1)
FAILURES_MAX = const(0xFFFF)  # half a year of them


class ReadPlan:
    """Turns of `count` meters; times are ticks in ms."""

    def __init__(self, count, limits, now_ms):
        self._limits = limits
        self._due_ms = [now_ms] * count
        self._failures = array("H", bytes(2 * count))  # attempts in a row that brought nothing, all retries included

    def next_meter(self, now_ms):
        """Index of the meter longest overdue, or NO_METER when nobody's turn has come."""
        best = NO_METER
        best_late_ms = -1
        for meter in range(len(self._due_ms)):
            late_ms = ticks.diff(now_ms, self._due_ms[meter])
            if late_ms > best_late_ms:
                best_late_ms = late_ms
                best = meter
        return best

    def wait_ms(self, now_ms, longest_ms):
        """Until the next turn, 0 ... `longest_ms`."""
        wait = longest_ms
        for due_ms in self._due_ms:
            wait = min(wait, max(0, ticks.diff(due_ms, now_ms)))
        return wait

    def attempts(self, meter):
        """How often to ask in this turn: a failing meter is only probed."""
        return 1 if self._failures[meter] else 1 + self._limits.read_retries

    def failures(self, meter):
        """Turns in a row without an answer."""
        return self._failures[meter]

    def answered(self, meter, now_ms):
        """The meter gave an answer (a lawful refusal is one): next turn after the poll period."""
        self._failures[meter] = 0
        self._due_ms[meter] = ticks.add(now_ms, self._limits.poll_period_ms)

    def ask_in(self, meter, now_ms, wait_ms):
        """It answered, and has more to tell soon: an earlier turn than the poll period gives."""
        self._due_ms[meter] = ticks.add(now_ms, min(wait_ms, self._limits.poll_period_ms))

    def silent(self, meter, now_ms):
        """The turn brought nothing: back off, doubling up to the limit."""
        pause_ms = self._limits.back_off_first_ms << min(self._failures[meter], 10)
        pause_ms = min(pause_ms, self._limits.back_off_max_ms)
        self._failures[meter] = min(self._failures[meter] + 1, FAILURES_MAX)
        self._due_ms[meter] = ticks.add(now_ms, pause_ms)

    def ask_soon(self, meter, now_ms):
        """Bring the next turn forward to this moment; one that does not answer keeps its back-off."""
        if not self._failures[meter]:
            self._due_ms[meter] = now_ms

    def ask_now(self, meter, now_ms):
        """Bring the next turn forward, for instance after a restore; back-off is forgotten."""
        self._failures[meter] = 0
        self._due_ms[meter] = now_ms
