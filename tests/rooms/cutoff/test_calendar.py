"""Closed days: each kind closes its local day and no other, spans with both ends, and everything behind the calendar's end."""

from firmware.base import days
from firmware.base.document import Fields
from firmware.cutoff.calendar import is_open
from firmware.cutoff.policy_document import parse_calendar
from tests.kit import cases, eq

OFFSET_MIN = 480


def calendar(**lists):
    unknown = []
    got = parse_calendar(Fields(dict(lists, until="2026-12-31"), "calendar"), unknown)
    eq(unknown, [])
    return got


def at(month, day, hour=12, year=2026):
    return days.midnight_s(days.day_of_date(year, month, day), OFFSET_MIN) + hour * 3600


def test_each_list_closes_its_local_days_and_no_other():
    def check(name):
        spans = calendar(**{name: ["2026-07-01", "2026-07-10/2026-07-12"]})
        for day in range(1, 32):
            closed = day in (1, 10, 11, 12)
            eq(is_open(spans, at(7, day, 0), at(7, day, 24) - 1, OFFSET_MIN), not closed, "day %d" % day)

    cases((("holidays",), ("hot_days",), ("cold_days",)), check)


def test_a_cut_that_could_still_move_on_a_closed_day_is_closed_too():
    spans = calendar(holidays=["2026-07-02"])
    eq(is_open(spans, at(7, 1, 20), at(7, 2, 0) - 1, OFFSET_MIN), True)
    eq(is_open(spans, at(7, 1, 20), at(7, 2, 0), OFFSET_MIN), False)
    eq(is_open(spans, at(7, 3, 0) - 1, at(7, 3, 1), OFFSET_MIN), False)
    eq(is_open(spans, at(7, 3, 0), at(7, 3, 1), OFFSET_MIN), True)
    eq(is_open(spans, at(7, 1, 1), at(7, 4, 1), OFFSET_MIN), False, "a span over the closed day")


def test_behind_its_end_every_day_is_closed():
    spans = calendar()
    eq(is_open(spans, at(12, 31), at(12, 31, 24) - 1, OFFSET_MIN), True)
    eq(is_open(spans, at(12, 31), at(12, 31, 24), OFFSET_MIN), False)
    for year in (2027, 2040, 2105):
        eq(is_open(spans, at(6, 1, 12, year), at(6, 1, 13, year), OFFSET_MIN), False, str(year))


def test_a_far_future_that_16_bits_do_not_hold_is_closed():
    spans = calendar()
    far_s = 65_536 * 86_400
    eq(is_open(spans, far_s, far_s + 60, 0), False)
    eq(is_open(spans, far_s + 20_000 * 86_400, far_s + 20_000 * 86_400 + 60, 0), False)
