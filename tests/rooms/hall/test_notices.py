"""Warnings through the whole firmware: levels in sequence, a rise in between, payments and the alarm, reports that come back."""

import json

from firmware.base import aio
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World, policy
from tests.hall_kit import in_contact, told, until
from tests.kit import eq

COIN = 1_000_000
ALARM_BIT = 0x80
TRIP = 0x1A
REPORT_ORDER = 11
LEVELS = [
    {"level": "20.00", "period_s": 180, "channels": ["text"]},
    {"level": "5.00", "period_s": 120, "channels": ["alarm"]},
]


def report(world, number, what, level=0, episode=None, index=0):
    episode = world.row("episode", index) if episode is None else episode
    document = bytes([0xA4, 1, what, 2, episode, 3, level, 4, 0x1A]) + world.rtc.at_s.to_bytes(4, "big")
    world.gateway.on_order(REPORT_ORDER, world.slot(index).account, number, 0xFFFFFFFF, 0, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


async def begin(world, amount_ucu):
    in_contact(world)
    world.credit(amount_ucu)
    await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)


def test_who_returns_far_below_gets_each_notice_its_period_before_the_cut():
    world = World(policies=[policy(notice=LEVELS, alarm=False, reading_fresh_s=90)], power_w=0, poll_period_s=20)

    async def script(world):
        await begin(world, -130 * COIN)
        eq(await until(lambda: world.row("episode_open")), True)
        await aio.sleep_ms(30_000)
        eq((world.row("notice_level"), world.meters[0].orders), (0, []), "a text that nobody reported delivered")
        eq(report(world, 1, 3, 2), (2, 4), "the first level comes first")
        eq(report(world, 2, 3, 1), (1, 0))
        eq(report(world, 3, 3, 1), (2, 9))
        first_s = world.row("notice_at_s")
        in_contact(world)
        eq(await until(lambda: world.row("notice_level") == 2), True, "no second notice")
        eq(180 <= world.row("notice_at_s") - first_s < 240, True, "%d s after the first" % (world.row("notice_at_s") - first_s))
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(120 <= world.row("wish_at_s") - world.row("notice_at_s") < 190, True)

    world.run(script)
    given = [(values[2], values[3], values[4]) for values in told(world, kinds.NOTICE)]
    eq(given, [(1, 1, 1), (1, 4, 2), (2, 2, 1), (2, 2, 2)])


def test_a_rise_above_a_level_asks_for_its_notice_anew_and_puts_the_alarm_out():
    world = World(policies=[policy(notice=LEVELS, alarm=False, reading_fresh_s=90)], power_w=0, poll_period_s=20)

    async def script(world):
        await begin(world, 4 * COIN)
        await until(lambda: world.row("episode_open"))
        report(world, 1, 3, 1)
        eq(await until(lambda: world.row("notice_level") == 2), True)
        eq(world.meters[0].status & ALARM_BIT, ALARM_BIT)
        world.credit(8 * COIN)
        eq((world.row("notice_level"), world.row("episode_open")), (1, 1))
        eq(await until(lambda: not world.meters[0].status & ALARM_BIT, 60_000), True, "paid, and the alarm goes on")
        await aio.sleep_ms(130_000)
        eq(world.row("notice_level"), 1)
        world.credit(-9 * COIN)
        eq(await until(lambda: world.row("notice_level") == 2, 200_000), True, "crossed again")

    world.run(script)
    eq([values[2] for values in told(world, kinds.LEVEL)], [1])
    eq(world.meters[0].orders.count(TRIP), 0)


def test_a_report_counts_once_and_only_in_its_episode():
    world = World(policies=[policy(notice=LEVELS, alarm=False, reading_fresh_s=90)], power_w=0, poll_period_s=20)

    async def script(world):
        await begin(world, COIN)
        eq(report(world, 1, 3, 1, 0), (2, 10), "no episode is open yet") if not world.row("episode_open") else None
        await until(lambda: world.row("episode_open"))
        eq(report(world, 2, 3, 1, 7), (2, 10))
        world.credit(30 * COIN)
        eq(report(world, 3, 3, 1, 1), (2, 10), "the episode is over")
        eq(world.row("order"), 3, "a refused order consumes its number")
        world.gateway.on_order(REPORT_ORDER, world.slot().account, 4, 0xFFFFFFFF, 0, 0, b"\xa1\x01\x03")
        eq(told(world, kinds.ORDER)[-1][3:5], (2, 6), "no report")

    world.run(script)


def test_notices_wait_for_their_hours_and_a_restart_forgets_none():
    day = policy(notice_hours=[{"days": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "to": "21:00"}])
    world = World(policies=[day], power_w=0, poll_period_s=30)
    midnight = (world.rtc.at_s + 480 * 60) // 86_400 * 86_400 - 480 * 60
    world.rtc.at_s = midnight + 7 * 3_600 + 50 * 60
    world.meters[0].clock_s = world.rtc.at_s + 480 * 60

    async def night(world):
        await begin(world, COIN)
        eq(await until(lambda: world.row("episode_open")), True)
        await aio.sleep_ms(180_000)
        eq((world.row("notice_level"), world.meters[0].orders), (0, []))

    world.run(night)

    async def morning(world):
        eq(await until(lambda: world.row("notice_level") == 1, 4_000_000), True)
        local_s = world.row("notice_at_s") - midnight
        eq(8 * 3_600 <= local_s < 8 * 3_600 + 120, True, "%d s after midnight" % local_s)

    world.run(morning)


def test_what_the_head_end_holds_late_is_no_notice_of_a_level_that_was_left():
    by_head_end = [dict(LEVELS[0], period_s=10, channels=["head_end"]), dict(LEVELS[1], channels=["head_end"])]
    world = World(policies=[policy(notice=by_head_end, alarm=False, reading_fresh_s=90)], power_w=0, poll_period_s=20)

    def held(world):
        return world.gateway._deliver_notices(world.gateway.ledger.sequence)

    async def script(world):
        await begin(world, 4 * COIN)
        await until(lambda: world.row("episode_open"))
        held(world)
        eq(world.row("notice_level"), 1)
        eq(await until(lambda: world.slot().notice_sequence, 60_000) > 0, True, "no second notice is given")
        world.credit(8 * COIN)
        held(world)
        eq(world.row("notice_level"), 1, "the second level was left before the head-end had its notice")
        world.credit(-9 * COIN)
        eq(await until(lambda: world.slot().notice_sequence, 60_000) > 0, True, "crossed again, and no notice")
        held(world)
        eq(world.row("notice_level"), 2)
        world.credit(30 * COIN)
        held(world)
        world.credit(-20 * COIN)
        eq((world.row("episode"), world.row("notice_level")), (2, 0))

    world.run(script)


def test_who_was_warned_of_one_floor_is_warned_of_a_higher_one_before_it_cuts():
    """Two coins left, and told that nothing is to be paid: a new version of the policy puts the floor above them."""
    world = World(meters=2, policies=[policy(floor="-5.00", reading_fresh_s=90)], power_w=0, poll_period_s=20)

    def version(number, **changes):
        document = json.dumps(policy(version=number, restore="5.00", reading_fresh_s=90, **changes)).encode()
        world.gateway.on_order(6, 0, number, 0, 0, 0, document)

    async def script(world):
        await begin(world, 2 * COIN)
        world.credit(-3 * COIN, 1)
        eq(await until(lambda: world.row("notice_level") == 1 and world.row("notice_level", 1) == 1), True)
        version(2, floor="-5.00")
        eq((world.row("episode"), world.row("notice_level")), (1, 1), "nothing is asked for that was not before")
        version(3, floor="0.00")
        eq((world.row("episode"), world.row("episode", 1)), (2, 2), "neither was due at the floor of which they were warned")
        await until(lambda: world.row("seen", 1) == supply.OPEN)
        version(4, floor="3.00")
        risen_s = world.rtc.at_s
        eq((world.row("episode"), world.row("episode", 1)), (3, 2), "who is off needs no warning")
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(risen_s <= world.row("notice_at_s") <= world.row("wish_at_s") - 10, True, "cut by surprise")

    world.run(script)
