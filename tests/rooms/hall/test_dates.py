"""Days that clocks and calendars stumble over: each is settled like any other, once, by its own register, on both interpreters."""

import json

from firmware.base import aio, days
from firmware.base.reading import Reading
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.fake_board import UTC_OFFSET_MIN, World, policy
from tests.hall_kit import alone, charged, in_contact, records, until
from tests.kit import cases, eq
from tests.rooms.hall.freezing import adds_up, charges, life, pass_days

PRICE = 5_500
HOUR_S = 3_600
USED_CWH = 7
MIDNIGHT, TO_CWH, READING_AT_S, CAUSE = 1, 4, 5, 11
NETWORK = 3
POLICY_ORDER = 6
COIN = 1_000_000
HOUR_CWH = 600  # of 6 kW


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


def to_summer_time(world, hours):
    """The site's settings and the meters' clocks go on, or back, by an hour; the board is off meanwhile."""
    path = world.root + "/settings.json"
    with open(path) as file:
        settings = json.load(file)
    settings["utc_offset_min"] += hours * 60
    with open(path, "w") as file:
        json.dump(settings, file)
    for meter in world.meters:
        meter.clock_s += hours * HOUR_S


def test_the_days_of_23_and_25_hours_are_each_charged_once_by_their_own_freeze():
    world = World(limits={"uncharged_max_ucu": 1_000_000_000}, poll_period_s=30)
    meter = world.meters[0]
    meter.freezes = []
    life(world, 20)
    first = len(charges(world))
    for hours in (0, 1, 0, -1, 0):
        to_summer_time(world, hours)
        pass_days(world, 24 * HOUR_S)
        life(world, 60)
    rows = [row for row in charges(world)[first:] if row[1] != row[2]]  # the midnight that comes again is one of nothing
    eq([(row[2], row[3], row[4]) for row in rows], [(register, MIDNIGHT, 0) for _, register in reversed(meter.freezes)])
    eq([row[2] - row[1] for row in rows[1:]], [23 * HOUR_CWH, 24 * HOUR_CWH, 25 * HOUR_CWH, 24 * HOUR_CWH])
    adds_up(world)


def test_allowed_hours_go_over_to_summer_time_with_a_new_version_of_the_policy():
    hours = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "to": "18:00"}]
    world = World(policies=[policy(hours=hours)], power_w=0)
    world.rtc.at_s = days.midnight_s(days.day_of_date(2026, 10, 1), UTC_OFFSET_MIN) + 7 * HOUR_S + 600
    world.meters[0].clock_s = world.rtc.at_s + UTC_OFFSET_MIN * 60

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.row("notice_level") == 1, 60_000)
        await aio.sleep_ms(60_000)
        eq(world.row("seen"), supply.CLOSED, "ten past seven")
        text = json.dumps(policy(version=2, hours=hours, utc_offset_min=UTC_OFFSET_MIN + 60)).encode()
        world.gateway.on_order(POLICY_ORDER, 0, 2, 0xFFFFFFFF, 0, 0, text)
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "ten past eight in summer")

    world.run(script)
