"""Allowed hours of a policy: windows of local time on ISO weekdays (design section 5, timing conditions).

A window is (days mask, from minute, to minute) and belongs to the day on which it begins; `to` at or before `from`
means past midnight, and 1440 is the midnight that ends the day. Windows that touch or overlap count as one.

Trap avoided: "Friday 22:00 to 02:00" holds on Saturday at 01:00 and not on Friday at 01:00.
"""

from firmware.base import days
from firmware.base.port import const

DAY_MIN = const(1440)
WINDOWS_MAX = const(32)


def inside(windows, start_s, end_s, utc_offset_min):
    """True when all of start_s ... end_s (wall seconds) lies inside allowed hours, with no gap between."""
    at_s = start_s
    for _ in range(WINDOWS_MAX):
        reach_s = _reach_s(windows, at_s, utc_offset_min)
        if reach_s <= at_s:
            return False
        if reach_s > end_s:
            return True
        at_s = reach_s
    return False


def _reach_s(windows, at_s, utc_offset_min):
    """The furthest end of a window that contains `at_s`, or `at_s` when there is none."""
    today = days.day_number(at_s, utc_offset_min)
    best_s = at_s
    for mask, from_min, to_min in windows:
        length_min = to_min - from_min if to_min > from_min else to_min - from_min + DAY_MIN
        for day in (today - 1, today):
            begin_s = days.midnight_s(day, utc_offset_min) + from_min * 60
            end_s = begin_s + length_min * 60
            if mask & (1 << days.weekday(day)) and begin_s <= at_s < end_s and end_s > best_s:
                best_s = end_s
    return best_s
