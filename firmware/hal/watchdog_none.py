"""A board without a hardware watchdog: the process's supervisor outside (systemd, the demo) restarts it when it ends."""


class NoWatchdog:
    """Counts the feeding, so that diagnostics can show that everybody beats."""

    def __init__(self):
        self.fed = 0

    def feed(self):
        """One more."""
        self.fed = (self.fed + 1) & 0x3FFFFFFF
