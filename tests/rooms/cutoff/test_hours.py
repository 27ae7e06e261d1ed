"""Allowed hours: midnight, weekdays, edges of month and year."""

from firmware.base import days
from firmware.cutoff.hours import inside
from firmware.cutoff.policy_document import parse_hours
from tests.kit import cases, eq

OFFSET_MIN = 480


def windows(*rows):
    return parse_hours([{"days": row[0], "from": row[1], "to": row[2]} for row in rows], "hours", [])


def at(year, month, day, hour, minute=0, second=0):
    start_s = days.midnight_s(days.day_of_date(year, month, day), OFFSET_MIN)
    return start_s + hour * 3600 + minute * 60 + second


OFFICE = windows(([1, 2, 3, 4, 5], "08:00", "16:00"))
FRIDAY_NIGHT = windows(([5], "22:00", "02:00"))
ALWAYS = windows(([1, 2, 3, 4, 5, 6, 7], "00:00", "24:00"))
TOUCHING = windows(([2], "08:00", "12:00"), ([2], "12:00", "14:00"), ([2], "15:00", "16:00"))


def test_windows_hold_from_their_first_second_to_the_last():
    def check(rules, start_s, length_s, want):
        eq(inside(rules, start_s, start_s + length_s, OFFSET_MIN), want)

    cases(
        (
            (OFFICE, at(2026, 11, 24, 8), 0, True),
            (OFFICE, at(2026, 11, 24, 7, 59, 59), 0, False),
            (OFFICE, at(2026, 11, 24, 15, 59, 59), 0, True),
            (OFFICE, at(2026, 11, 24, 16), 0, False),
            (OFFICE, at(2026, 11, 24, 15, 55), 299, True),
            (OFFICE, at(2026, 11, 24, 15, 55), 300, False),
            (OFFICE, at(2026, 11, 28, 12), 0, False),  # Saturday
            (OFFICE, at(2026, 11, 29, 12), 0, False),
            (OFFICE, at(2026, 11, 30, 12), 0, True),
            (FRIDAY_NIGHT, at(2026, 11, 27, 23), 3600, True),
            (FRIDAY_NIGHT, at(2026, 11, 28, 1), 0, True),  # Saturday morning belongs to Friday
            (FRIDAY_NIGHT, at(2026, 11, 27, 1), 0, False),  # Friday morning does not
            (FRIDAY_NIGHT, at(2026, 11, 28, 2), 0, False),
            (FRIDAY_NIGHT, at(2026, 11, 28, 23), 0, False),
            (FRIDAY_NIGHT, at(2026, 11, 27, 21, 59, 59), 0, False),
            (ALWAYS, at(2026, 12, 31, 23, 59, 59), 60, True),  # over the year
            (ALWAYS, at(2028, 2, 28, 23, 59, 59), 86402, True),  # over a leap day
            (ALWAYS, at(2026, 11, 30, 23, 59, 59), 1, True),  # over the month
            (TOUCHING, at(2026, 11, 24, 8), 6 * 3600 - 1, True),
            (TOUCHING, at(2026, 11, 24, 8), 6 * 3600, False),  # the gap 14:00 to 15:00
            (TOUCHING, at(2026, 11, 24, 8), 7 * 3600 + 60, False),
            (windows(([4], "22:00", "24:00"), ([5], "00:00", "02:00")), at(2026, 12, 31, 23), 2 * 3600, True),
            ((), at(2026, 11, 24, 12), 0, False),
        ),
        check,
    )


def test_hours_are_local():
    eq(inside(OFFICE, at(2026, 11, 24, 8), at(2026, 11, 24, 8), 0), False)
    west_s = days.midnight_s(days.day_of_date(2026, 11, 24), -300) + 8 * 3600
    eq(inside(OFFICE, west_s, west_s, -300), True)


def test_a_long_way_is_bounded():
    eq(inside(ALWAYS, at(2026, 1, 1, 0), at(2026, 12, 31, 0), OFFSET_MIN), False)
