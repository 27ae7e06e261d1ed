"""How long to wait before the next connection: doubling, with jitter, bounded. Pure; the randomness is given.

Trap avoided: after a broker's outage a thousand gateways that wait alike come back in the same second, again and again.
"""

from firmware.base.faults import require


class BackOff:
    """BackOff(first_ms, max_ms, random_bytes): next_ms() after each failure, reset() after proof of life."""

    def __init__(self, first_ms, max_ms, random_bytes):
        require(0 < first_ms <= max_ms, "back-off needs 0 < first <= max")
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._random_bytes = random_bytes
        self._span_ms = first_ms

    def next_ms(self):
        """Between half the span and the whole; the span doubles up to the maximum."""
        half_ms = self._span_ms // 2
        draw = self._random_bytes(2)
        wait_ms = self._span_ms - half_ms * (draw[0] << 8 | draw[1]) // 0xFFFF
        self._span_ms = min(self._span_ms * 2, self._max_ms)
        return wait_ms

    def reset(self):
        """The connection proved itself: begin small again."""
        self._span_ms = self._first_ms
