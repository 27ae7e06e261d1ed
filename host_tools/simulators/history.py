"""What a meter remembers of the past: daily freezes, settlement-day registers, instantaneous freezes.

A freeze taken at 00:00 of day D is the close of day D-1 and bears the stamp of D: readers must file by the
stamp. The depth is the meter's; older ones fall out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from host_tools.simulators.energy import Energy
from host_tools.simulators.meter_clock import local_datetime, stamp5, to_local_ms

DAILY_DEPTH = 62
SETTLEMENT_DEPTH = 12
INSTANT_DEPTH = 3


@dataclass(frozen=True)
class Snapshot:
    """Registers as shown (0.01 kWh), total first then rates."""

    local_ms: int
    forward: tuple[int, ...]
    reverse: tuple[int, ...]
    combined: tuple[int, ...]

    @property
    def stamp(self) -> bytes:
        return stamp5(self.local_ms)


def snapshot(energy: Energy, local_ms: int) -> Snapshot:
    return Snapshot(local_ms, energy.forward.shown(), energy.reverse.shown(), energy.combined())


class History:
    def __init__(self, settlement_day: str) -> None:
        self.daily: deque[Snapshot] = deque(maxlen=DAILY_DEPTH)
        self.settlements: deque[Snapshot] = deque(maxlen=SETTLEMENT_DEPTH)
        self.instant: deque[Snapshot] = deque(maxlen=INSTANT_DEPTH)
        self.settlement_day = settlement_day
        self._day, self._hour = int(settlement_day[:2]), int(settlement_day[2:])

    def next_settlement(self, local_ms: int) -> int | None:
        """Local milliseconds of the next settlement instant strictly after `local_ms`; None when unset (9999)."""
        if not (1 <= self._day <= 28 and self._hour <= 23):
            return None
        now = local_datetime(local_ms)
        at = datetime(now.year, now.month, self._day, self._hour)
        if to_local_ms(at) <= local_ms:
            month = now.year * 12 + now.month  # one month on, counted from month 0
            at = datetime(month // 12, month % 12 + 1, self._day, self._hour)
        return to_local_ms(at)

    def prefill(self, local_ms: int, days: int, past: Callable[[int, int], Snapshot]) -> None:
        """Invents `days` of past. `past(whole days before today's midnight, stamp)` gives each snapshot."""
        midnight = local_datetime(local_ms).replace(hour=0, minute=0, second=0, microsecond=0)
        for back in range(days - 1, -1, -1):
            at = midnight - timedelta(days=back)
            shot = past(back, to_local_ms(at))
            self.daily.appendleft(shot)
            if at.day == self._day:
                self.settlements.appendleft(shot)


def nth(rows: deque[Snapshot], number: int) -> Snapshot | None:
    """The number-th newest, 1 first."""
    return rows[number - 1] if 1 <= number <= len(rows) else None
