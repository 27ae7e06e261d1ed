"""At most N cuts an hour (design section 5, Throttle): the times of the last cuts in a small ring.

Restart: the journal holds every cut, so replay calls `on_cut` with each; who cannot replay calls `assume_full`, and the
first cut waits an hour. Bounded: a policy that allows more cuts than the ring remembers is held to the ring's size.

Trap avoided: after a step back of the clock old cuts lie in the future; they count as just now, never as long ago.
"""

from firmware.base.faults import require
from firmware.base.port import const

WINDOW_S = const(3600)


class Throttle:
    """Throttle(capacity): remembers that many cuts."""

    def __init__(self, capacity):
        require(capacity > 0, "throttle without memory")
        self._at_s = [0] * capacity
        self._next = 0

    def on_cut(self, at_s):
        """A cut was decided, now or in the replayed journal."""
        self._at_s[self._next] = at_s
        self._next = (self._next + 1) % len(self._at_s)

    def assume_full(self, now_s):
        """Nothing is known of the last hour: as if every cut had been used."""
        for index in range(len(self._at_s)):
            self._at_s[index] = now_s

    def used(self, now_s):
        """Cuts within the last hour."""
        count = 0
        for at_s in self._at_s:
            if at_s and now_s - at_s < WINDOW_S:
                count += 1
        return count

    def may_cut(self, now_s, per_hour):
        """True when one more cut is inside the limit; without a clock never."""
        if not now_s:
            return False
        return self.used(now_s) < min(per_hour, len(self._at_s))
