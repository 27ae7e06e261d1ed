"""How many days a care customer's money lasts, from what the last seven days cost (design: a visit comes early enough). Pure.

What a day cost is the difference of two totals charged: the one at the first look at each day is kept, for eight days. A day
that nobody looked at is a gap: the estimate reaches back to the oldest day within the seven that is known, one day at
least. All is found again in the CHARGE records when the journal is replayed, so nothing of it is journalled.

Only care customers are counted, `capacity` of them at most, 90 bytes each; one without a place has no estimate, and is
visited with the first warning.

Traps avoided: the charge that the first reading of a day brings is of the day before; a clock that steps back
makes every difference a lie, so the account begins anew.
"""

from array import array

from firmware.base.faults import require
from firmware.base.port import const

DAYS = const(7)
DAYS_MAX = const(9_999)  # more, or no use at all
_PLACES = const(8)
_UNKNOWN = -0x4000_0000_0000_0000
_NEW = (_UNKNOWN,) * 8


class DailyUse:
    """DailyUse(capacity): totals of so many accounts."""

    def __init__(self, capacity):
        require(capacity > 0, "daily use without room")
        self._capacity = capacity
        self._totals = {}  # account -> array: the day seen last, then totals at the first look at a day, by day modulo 8

    def watch(self, account):
        """Count this account from now on -> True when there is a place for it."""
        if account not in self._totals:
            if len(self._totals) >= self._capacity:
                return False
            self._totals[account] = array("q", (0,) + _NEW)
        return True

    def watches(self, account):
        """Is it counted?"""
        return account in self._totals

    def forget(self, account):
        """It is no care customer any more."""
        self._totals.pop(account, None)

    def on_total(self, account, total_ucu, day):
        """The total charged to a counted account, as it stands on local `day`."""
        totals = self._totals[account]
        last = totals[0]
        if day == last:
            return
        if day < last or day - last >= _PLACES or not last:
            for place in range(1, _PLACES + 1):
                totals[place] = _UNKNOWN
        else:
            for gap in range(last + 1, day):
                totals[1 + gap % _PLACES] = _UNKNOWN
        totals[0] = day
        totals[1 + day % _PLACES] = total_ucu

    def days_left_floor(self, account, available_ucu):
        """Whole days that `available_ucu` (above the floor) lasts at the use of the days before today; None = not known."""
        totals = self._totals.get(account)
        if totals is None:
            return None
        today = totals[0]
        for back in range(DAYS, 0, -1):
            before = totals[1 + (today - back) % _PLACES]
            if before != _UNKNOWN and today > back:
                used_ucu = totals[1 + today % _PLACES] - before
                if available_ucu <= 0:
                    return 0
                return DAYS_MAX if used_ucu <= 0 else min(DAYS_MAX, available_ucu * back // used_ucu)
        return None
