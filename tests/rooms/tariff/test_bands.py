"""Bands: which one holds when, where the next edge lies, and how time is shared where an edge was missed."""

from firmware.base import days
from tests.kit import cases, eq
from tests.rooms.tariff.documents import HOURS, at, banded, day, tariff

PEAK, FLAT, VALLEY = 0, 1, 2


def test_the_band_of_an_instant_follows_time_day_type_and_season():
    bands = tariff(banded(holidays=["2026-07-15"], workdays=["2026-07-18"])).bands

    def check(at_s, band):
        eq(bands.at(at_s), band)

    cases(
        (
            (at(2026, 7, 14, 0, 0), VALLEY),
            (at(2026, 7, 14, 6, 59, 59), VALLEY),
            (at(2026, 7, 14, 7, 0), FLAT),
            (at(2026, 7, 14, 8, 0), PEAK),
            (at(2026, 7, 14, 11, 59, 59), PEAK),
            (at(2026, 7, 14, 12, 0), FLAT),
            (at(2026, 7, 14, 18, 0), PEAK),
            (at(2026, 4, 14, 18, 0), FLAT),
            (at(2026, 7, 14, 21, 30), FLAT),
            (at(2026, 7, 14, 23, 0), VALLEY),
            (at(2026, 7, 15, 8, 0), FLAT),  # a holiday on a Wednesday
            (at(2026, 7, 18, 8, 0), PEAK),  # a Saturday that is worked
            (at(2026, 7, 19, 8, 0), FLAT),
            (at(2026, 2, 27, 19, 0), PEAK),  # winter lasts over the new year
            (at(2026, 3, 2, 19, 0), FLAT),
        ),
        check,
    )


def test_the_next_edge_is_where_the_price_changes_and_nowhere_else():
    bands = tariff(banded()).bands

    def check(after_s, edge_s):
        eq(bands.next_edge_s(after_s), edge_s)

    cases(
        (
            (at(2026, 7, 14, 0, 0), at(2026, 7, 14, 7, 0)),  # midnight is none: valley before and behind
            (at(2026, 7, 13, 23, 0), at(2026, 7, 14, 7, 0)),
            (at(2026, 7, 14, 7, 0), at(2026, 7, 14, 8, 0)),
            (at(2026, 7, 14, 6, 59, 59), at(2026, 7, 14, 7, 0)),
            (at(2026, 7, 17, 23, 30), at(2026, 7, 18, 7, 0)),
            (at(2026, 7, 18, 7, 0), at(2026, 7, 18, 23, 0)),  # Saturday: no peak
        ),
        check,
    )


def test_an_edge_at_midnight_between_two_kinds_of_days_is_one():
    hours = [{"band": "peak", "from": "00:00", "to": "24:00", "days": ["work"]}]
    bands = tariff(banded({"hours": hours})).bands
    eq(bands.next_edge_s(at(2026, 7, 13)), at(2026, 7, 18), "Saturday")
    eq(bands.next_edge_s(at(2026, 7, 18)), at(2026, 7, 20), "Monday")
    eq(bands.counted_s(at(2026, 7, 18, 0, 4)), at(2026, 7, 18))
    eq(bands.counted_s(at(2026, 7, 19, 0, 4)), at(2026, 7, 19, 0, 4), "Sunday goes on as Saturday was")


def test_a_tariff_of_one_band_has_no_edge():
    bands = tariff(banded({"hours": []})).bands
    eq(bands.next_edge_s(at(2026, 7, 13)), None)
    eq(bands.shares(at(2026, 7, 13), at(2026, 9, 13)), [(FLAT, 62 * 86_400)])


def test_a_reading_shortly_behind_an_edge_counts_as_taken_there():
    bands = tariff(banded({"late_read_s": 120})).bands

    def check(at_s, counted_s):
        eq(bands.counted_s(at_s), counted_s)

    edge = at(2026, 7, 14, 8, 0)
    cases(
        ((edge, edge), (edge + 1, edge), (edge + 120, edge), (edge + 121, edge + 121), (edge - 1, edge - 1), (edge + 7200, edge + 7200)),
        check,
    )


def test_time_is_shared_by_band_in_the_order_of_first_appearance():
    bands = tariff(banded()).bands
    eq(bands.shares(at(2026, 7, 14, 8, 0), at(2026, 7, 14, 9, 0)), [(PEAK, 3600)])
    eq(bands.shares(at(2026, 7, 14, 11, 0), at(2026, 7, 14, 19, 0)), [(PEAK, 7200), (FLAT, 6 * 3600)])
    eq(bands.shares(at(2026, 7, 14, 11, 0), at(2026, 7, 14, 11, 0)), [(PEAK, 0)])
    eq(bands.shares(at(2026, 7, 14, 11, 0), at(2026, 7, 14, 10, 0)), [(PEAK, 0)], "a clock that was set back")
    whole = bands.shares(at(2026, 7, 13), at(2026, 7, 20))
    eq([band for band, _ in whole], [VALLEY, FLAT, PEAK])
    eq(sum([seconds for _, seconds in whole]), 7 * 86_400)
    eq(dict(whole)[PEAK], 5 * 7 * 3600 + 5 * 1800)


def test_every_edge_of_a_year_is_found_one_after_the_other():
    bands = tariff(banded(holidays=["2026-10-01", "2026-10-02"])).bands
    at_s = at(2026, 1, 1)
    edges = 0
    while at_s < at(2027, 1, 1):
        edge_s = bands.next_edge_s(at_s)
        eq(bands.at(edge_s) != bands.at(edge_s - 1), True)
        eq(bands.at(at_s), bands.at(edge_s - 1))
        edges += 1
        at_s = edge_s
    weekdays = [days.weekday(number) < 6 for number in range(day(2026, 1, 1), day(2027, 1, 1))]
    worked = sum(weekdays) - 2
    extreme = [days.date_of_day(number)[1] in (1, 2, 6, 7, 8, 12) for number in range(day(2026, 1, 1), day(2027, 1, 1))]
    evenings = sum([weekdays[index] and extreme[index] for index in range(365)])
    eq(edges, 365 * 2 + worked * 2 + evenings * 2 + 1, "two a day, two more each morning, two each evening; the first of 2027")


def test_hours_past_midnight_hold_at_both_ends_of_their_days():
    hours = [{"band": "valley", "from": "22:00", "to": "06:00", "days": ["weekend"]}]
    bands = tariff(banded({"hours": hours})).bands
    eq(bands.at(at(2026, 7, 17, 23, 0)), FLAT, "Friday")
    eq(bands.at(at(2026, 7, 18, 5, 0)), VALLEY, "Saturday morning")
    eq(bands.at(at(2026, 7, 19, 23, 0)), VALLEY, "Sunday")
    eq(bands.at(at(2026, 7, 20, 5, 0)), FLAT, "Monday morning")


def test_a_table_of_bands_is_small():
    bands = tariff(banded()).bands
    eq(len(bands.plans), 3, "equal days share a plan")
    eq(sum([len(plan) for plan in bands.plans]) <= 60, True)
    eq(len(HOURS), 3)
