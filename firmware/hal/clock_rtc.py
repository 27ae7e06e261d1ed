"""Clock source of a board: machine.RTC, battery-backed or not.

A clock whose battery was empty starts in the past of this firmware: such a time is no time (`rtc_s()` -> None), and so is one
past what 32 bits count. Whether what the clock shows can be believed is `clock/`'s to decide: it may be wrong by years.

A certificate's date, set as a hint so that TLS works again, is later than what the lost clock showed and still no time: a file
marks it, before the clock is moved and until network time replaces it, over any number of restarts.

Traps avoided: the epoch differs between ports (1970 or 2000), so the time is computed from the date; the second may change
while the date is read, so the eight numbers are taken in one call.
"""

import os

from firmware.base import days
from firmware.base.port import const

OLDEST_S = const(1_735_689_600)  # 2025-01-01: before that there was no such firmware
_END_S = 0xFFFFFFFF


class RtcClock:
    """`rtc` is a machine.RTC(); `hint_mark` the path of a file that is there while the clock shows a hint only."""

    def __init__(self, rtc, hint_mark):
        self._rtc = rtc
        self._hint_mark = hint_mark
        self._hinted = _exists(hint_mark)

    def rtc_s(self):
        """Seconds since 1970-01-01 UTC, None when the clock was never set, has lost its time or shows a hint only."""
        return None if self._hinted else self._shown_s()

    def set_rtc(self, at_s):
        """Keep network time: an offline restart finds it here."""
        self._set(at_s)
        if self._hinted:
            os.remove(self._hint_mark)
            self._hinted = False

    def set_hint(self, at_s):
        """The earliest that it can be, by a certificate (DESIGN: TLS) -> True when the port's time was moved there."""
        shown_s = self._shown_s()
        if shown_s is not None and shown_s >= at_s:
            return False
        if not self._hinted:
            with open(self._hint_mark, "w") as file:
                file.write("hint\n")
            self._hinted = True
        self._set(at_s)
        return True

    def _shown_s(self):
        year, month, day, _, hour, minute, second, _ = self._rtc.datetime()
        number = days.day_of_date(year, month, day)
        if number is None:
            return None
        at_s = number * days.DAY_S + hour * 3_600 + minute * 60 + second
        return at_s if OLDEST_S <= at_s <= _END_S else None

    def _set(self, at_s):
        number = at_s // days.DAY_S
        second = at_s % days.DAY_S
        year, month, day = days.date_of_day(number)
        self._rtc.datetime((year, month, day, days.weekday(number) - 1, second // 3_600, second // 60 % 60, second % 60, 0))


def _exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
