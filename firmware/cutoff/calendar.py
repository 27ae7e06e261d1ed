"""Days on which nobody is cut: holidays, listed hot and cold days, and everything behind the calendar's own end (design section 5).

    {"until": "2027-12-31", "holidays": ["2026-10-01/2026-10-08"], "hot_days": ["2026-07-21"], "cold_days": ["2026-11-15/2027-03-15"]}

A date is a local day, two with a slash are a span with both ends. Nobody said whether a day behind `until` is a holiday, so
it is taken for one: a calendar that nobody renews stops cuts, it does not let them run. Weekends are no matter of the
calendar: the hours are named for each weekday.

Packed as pairs of day numbers in 16 bits, which last until 2149; the first pair is all days behind `until`.
"""

from firmware.base import days
from firmware.base.port import const

DAY_MAX = const(0xFFFF)


def is_open(spans, start_s, end_s, utc_offset_min):
    """True when no local day that start_s ... end_s touches is closed."""
    first, last = days.day_number(start_s, utc_offset_min), days.day_number(end_s, utc_offset_min)
    for index in range(0, len(spans), 2):
        if spans[index] <= last and first <= spans[index + 1]:
            return False
    return last < DAY_MAX
