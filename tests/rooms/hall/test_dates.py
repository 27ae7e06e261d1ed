"""Days that clocks and calendars stumble over: each is settled like any other, once, by its own register, on both interpreters."""

from firmware.base import days
from firmware.base.reading import Reading
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.fake_board import UTC_OFFSET_MIN, World
from tests.hall_kit import alone, charged, records
from tests.kit import cases, eq

PRICE = 5_500
HOUR_S = 3_600
USED_CWH = 7
MIDNIGHT, TO_CWH, READING_AT_S, CAUSE = 1, 4, 5, 11
NETWORK = 3


def read(world, at_s, register_cwh):
    """A reading at a time of the test's choice."""
    reading = Reading(0, world.slot().serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, NETWORK, 0, 0
    reading.registers[0] = register_cwh
    world.rtc.at_s = at_s
    world.gateway.clock._set(NETWORK, at_s, world.gateway._ticks_ms(), 0)
    world.gateway.on_reading(reading)


def midnights(world):
    """(local day of the reading, register) of each charge for a midnight."""
    found = []
    for raw in records(world, kinds.CHARGE):
        values = values_of(raw, 0, len(raw))
        if values[CAUSE] == MIDNIGHT:
            found.append((days.date_of_day(days.day_number(values[READING_AT_S], UTC_OFFSET_MIN)), values[TO_CWH]))
    return found


def settled_across(year, month, day):
    """A reading on the evening before and one on the morning of a local day; then the same again a day later."""
    world = World()
    begins = days.midnight_s(days.day_of_date(year, month, day), UTC_OFFSET_MIN)

    def script(world):
        world.slot().model.daily_freezes = 0
        register_cwh = 1_000
        for at_s in (begins - HOUR_S, begins + HOUR_S, begins + 23 * HOUR_S, begins + 25 * HOUR_S):
            read(world, at_s, register_cwh)
            register_cwh += USED_CWH
        eq(charged(world), 3 * USED_CWH * PRICE)
        first, second = midnights(world)[-2:]
        eq(first[0], (year, month, day))
        eq(days.day_of_date(*second[0]) - days.day_of_date(*first[0]), 1)
        eq(world.gateway.ledger.sound, True)

    alone(world, script)


def test_the_leap_day_is_a_day_of_its_own():
    cases([(2028, 2, 29), (2028, 3, 1), (2027, 3, 1), (2100, 3, 1)], settled_across)


def test_a_month_and_a_year_end_like_any_day():
    cases([(2026, 12, 1), (2027, 1, 1), (2027, 5, 1)], settled_across)


def test_the_seconds_of_2036_and_2038_are_seconds_like_others():
    """NTP's 32 bits begin anew in 2036, signed ones end in 2038; those of the records reach to 2106."""
    cases([(2036, 2, 7), (2036, 2, 8), (2038, 1, 19), (2038, 1, 20), (2105, 12, 31)], settled_across)


def test_a_clock_that_is_set_back_by_an_hour_charges_no_energy_twice():
    world = World()
    begins = days.midnight_s(days.day_of_date(2026, 10, 25), UTC_OFFSET_MIN)  # when Europe leaves its summer time

    def script(world):
        world.slot().model.daily_freezes = 0
        read(world, begins + HOUR_S, 1_000)
        read(world, begins + 3 * HOUR_S, 1_000 + USED_CWH)
        read(world, begins + 2 * HOUR_S, 1_000 + 2 * USED_CWH)  # an hour that comes again
        read(world, begins + 26 * HOUR_S, 1_000 + 3 * USED_CWH)
        eq(charged(world), 3 * USED_CWH * PRICE)

    alone(world, script)


def test_a_clock_that_is_set_back_by_years_charges_nothing_twice():
    world = World()
    now_s = days.midnight_s(days.day_of_date(2029, 7, 1), UTC_OFFSET_MIN) + 12 * HOUR_S

    def script(world):
        world.slot().model.daily_freezes = 0
        read(world, now_s, 1_000)
        read(world, now_s + 24 * HOUR_S, 1_000 + USED_CWH)
        paid = charged(world)
        read(world, now_s - 3 * 365 * 24 * HOUR_S, 1_000 + 2 * USED_CWH)
        read(world, now_s + 48 * HOUR_S, 1_000 + 3 * USED_CWH)
        eq(paid, USED_CWH * PRICE)
        eq(charged(world), 3 * USED_CWH * PRICE)

    alone(world, script)
