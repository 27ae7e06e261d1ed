"""The meter's own calendar clock, and the ways in which it is wrong: offset, drift, lost, unreadable.

Pure: the owner passes monotonic milliseconds. Local time is kept as milliseconds since 1970-01-01 of the
meter's own wall, without a time-zone, as a meter does. Drift is exact integer arithmetic, so the instant of
a local midnight can be computed backwards and freezes fall on it, not near it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from host_tools.simulators.frames import NotBcd, bcd, unbcd

ClockState = Literal["ok", "lost", "invalid"]

EPOCH = datetime(1970, 1, 1)
DAY_MS = 86_400_000
LOST_LOCAL_MS = int((datetime(2000, 1, 1) - EPOCH).total_seconds()) * 1000
PPM = 1_000_000


def local_datetime(local_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=local_ms)


def to_local_ms(when: datetime) -> int:
    return (when - EPOCH) // timedelta(milliseconds=1)


def stamp5(local_ms: int) -> bytes:
    """Freeze time on the wire: mm hh DD MM YY."""
    when = local_datetime(local_ms)
    return b"".join(bcd(n, 1) for n in (when.minute, when.hour, when.day, when.month, when.year % 100))


def stamp6(local_ms: int) -> bytes:
    """Event time on the wire: ss mm hh DD MM YY."""
    return bcd(local_datetime(local_ms).second, 1) + stamp5(local_ms)


def read_stamp6(data: bytes) -> int:
    """ss mm hh DD MM YY to local milliseconds. ValueError when it is not a date."""
    second, minute, hour, day, month, year = (unbcd(data[i : i + 1]) for i in range(6))
    return to_local_ms(datetime(2000 + year, month, day, hour, minute, second))


class MeterClock:
    def __init__(self, now_ms: int, true_local_ms: int, offset_s: int = 0, drift_ppm: int = 0) -> None:
        self._true_base = (now_ms, true_local_ms)
        self._base_ms = now_ms
        self._base_local = true_local_ms + offset_s * 1000
        self._drift = drift_ppm
        self.state: ClockState = "ok"

    def local_ms(self, now_ms: int) -> int:
        return self._base_local + (now_ms - self._base_ms) * (PPM + self._drift) // PPM

    def when(self, local_ms: int) -> int:
        """First monotonic millisecond at which the clock shows at least `local_ms`."""
        return self._base_ms - (-(local_ms - self._base_local) * PPM // (PPM + self._drift))

    def true_local_ms(self, now_ms: int) -> int:
        """What a perfect clock on this wall would show."""
        return self._true_base[1] + now_ms - self._true_base[0]

    def set_local(self, now_ms: int, local_ms: int) -> None:
        self._base_ms, self._base_local = now_ms, local_ms
        self.state = "ok"

    def set_offset(self, now_ms: int, offset_s: int) -> None:
        self.set_local(now_ms, self.true_local_ms(now_ms) + offset_s * 1000)

    def set_drift(self, now_ms: int, drift_ppm: int) -> None:
        """From now on it runs so much too fast."""
        self._base_ms, self._base_local, self._drift = now_ms, self.local_ms(now_ms), drift_ppm

    def set_state(self, now_ms: int, state: ClockState) -> None:
        """`lost`: restarts at 2000-01-01 00:00:00. `invalid`: shows digits that are no date. `ok`: true again."""
        if state == "lost":
            self._base_ms, self._base_local = now_ms, LOST_LOCAL_MS
        elif state == "ok":
            self.set_offset(now_ms, 0)
        self.state = state

    def next_midnight(self, now_ms: int) -> int:
        """Monotonic millisecond of the next local midnight strictly after now."""
        return self.when((self.local_ms(now_ms) // DAY_MS + 1) * DAY_MS)

    def date_bytes(self, now_ms: int) -> bytes:
        """WW DD MM YY, Sunday = 0."""
        if self.state == "invalid":
            return bytes([0x07, 0x3A, 0x1F, 0xB5])
        when = local_datetime(self.local_ms(now_ms))
        return b"".join(bcd(n, 1) for n in (when.isoweekday() % 7, when.day, when.month, when.year % 100))

    def time_bytes(self, now_ms: int) -> bytes:
        """ss mm hh."""
        if self.state == "invalid":
            return bytes([0xA5, 0x6F, 0x2E])
        when = local_datetime(self.local_ms(now_ms))
        return b"".join(bcd(n, 1) for n in (when.second, when.minute, when.hour))

    def still_ahead(self, now_ms: int, stamp: bytes) -> bool:
        """Whether a valid-until stamp lies in this clock's future. An unreadable clock or stamp: no."""
        if self.state == "invalid":
            return False
        try:
            return read_stamp6(stamp) > self.local_ms(now_ms)
        except (NotBcd, ValueError):
            return False
