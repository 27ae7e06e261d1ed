"""The hardware watchdog. It starts with the first feeding: by then the journal is replayed, which may take longer than it waits."""


class HardwareWatchdog:
    """HardwareWatchdog(make): `make()` -> machine.WDT; once started it cannot be stopped."""

    def __init__(self, make):
        self._make = make
        self._watchdog = None
        self.fed = 0

    def feed(self):
        """One more."""
        if self._watchdog is None:
            self._watchdog = self._make()
        self._watchdog.feed()
        self.fed = (self.fed + 1) & 0x3FFFFFFF
