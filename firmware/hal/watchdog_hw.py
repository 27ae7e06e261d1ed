"""The hardware watchdog of a board. It starts with the first call, and cannot be stopped.

`progress()` is for the start: a replay of a full journal takes longer than the watchdog waits, so each piece of it feeds. A
loop that goes round for ever would feed it for ever; so the pieces feed for START_MS_MAX in all, and then the board resets.
"""

from firmware.base import aio, ticks
from firmware.base.port import const

START_MS_MAX = const(900_000)  # many times the longest start: a board that needs longer would never live


class HardwareWatchdog:
    """HardwareWatchdog(make): `make()` -> machine.WDT."""

    def __init__(self, make):
        self._make = make
        self._watchdog = None
        self._began_ms = 0
        self.fed = 0

    @property
    def started(self):
        """From now on whoever stops feeding is reset."""
        return self._watchdog is not None

    def progress(self):
        """The start goes on: feeds, while it has not taken too long."""
        if self._watchdog is None or ticks.diff(aio.now_ms(), self._began_ms) < START_MS_MAX:
            self.feed()

    def feed(self):
        """One more."""
        if self._watchdog is None:
            self._watchdog = self._make()
            self._began_ms = aio.now_ms()
        self._watchdog.feed()
        self.fed = (self.fed + 1) & 0x3FFFFFFF
