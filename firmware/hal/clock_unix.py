"""Clock source of the unix board: the host's clock plays the battery-backed RTC; setting it is kept in this process.

Trap avoided: time.time() is 0 in 2000 on some ports and a float on others; here it is whole seconds since 1970.
"""

import time

_EPOCH_OFFSET_S = 0 if time.gmtime(0)[0] == 1970 else 946_684_800


class UnixClock:
    """`rtc_s()` is whole wall seconds, or None when the clock was never set."""

    def __init__(self):
        self._offset_s = 0

    def rtc_s(self):
        """Seconds since 1970-01-01 UTC."""
        return int(time.time()) + _EPOCH_OFFSET_S + self._offset_s

    def set_hint(self, at_s):
        """False: the time by which certificates are judged is the host's and not ours to set."""
        return False

    def set_rtc(self, at_s):
        """Keep network time across this life; the host's own clock is not touched."""
        self._offset_s += at_s - self.rtc_s()
