"""Care customers and exemptions through the whole firmware: the visit comes in time, counts in its episode, and an exemption ends."""

import json

from firmware.base import aio
from firmware.cutoff import conditions, supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World, policy
from tests.hall_kit import alone, in_contact, told, until
from tests.kit import eq

COIN = 1_000_000
DAY_S = 86_400
TRIP = 0x1A
POLICY_ORDER = 6
FLAGS_ORDER = 9
REPORT_ORDER = 11
MADE = 2
ORDERED = 1
NOBODY = 3


def order(world, kind, number, document):
    world.gateway.on_order(kind, world.slot().account, number, 0xFFFFFFFF, 0, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


def report(world, number, what, episode=None):
    episode = world.row("episode") if episode is None else episode
    return order(world, REPORT_ORDER, number, bytes([0xA4, 1, what, 2, episode, 3, 0, 4, 0x1A]) + world.rtc.at_s.to_bytes(4, "big"))


def exempt_until(world, number, at_s):
    return order(world, FLAGS_ORDER, number, bytes([0xA2, 1, conditions.FLAG_EXEMPT, 2, 0x1A]) + at_s.to_bytes(4, "big"))


async def read(world):
    """Wait for a reading of this life."""
    in_contact(world)
    return await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED, 60_000)


def next_day(world, used_cwh):
    """The board rests for a day, the meter goes on."""
    world.rtc.at_s += DAY_S
    world.meters[0].clock_s += DAY_S
    world.meters[0].added_cwh += used_cwh


def test_a_visit_is_ordered_as_many_days_ahead_as_the_policy_says():
    world = World(flags={0: {"care": True}}, policies=[policy(care={"lead_days": 5})], power_w=0)

    async def first(world):
        in_contact(world)
        world.credit(60 * COIN)
        await read(world)

    world.run(first)
    ordered = []
    for day in range(1, 7):
        next_day(world, 1_000)  # 10 kWh at 0.55
        world.run(read)
        ordered.append((day, world.row("episode_open"), len(told(world, kinds.VISIT))))
    eq(ordered, [(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 1, 1), (6, 1, 1)])
    eq(told(world, kinds.VISIT), [(1001, 1, ORDERED, 5, 5, 32_500_000, 0, 0)])
    eq(told(world, kinds.NOTICE), [], "the first level is far")


def test_who_pays_after_the_visit_was_ordered_begins_a_new_episode():
    world = World(flags={0: {"care": True}}, policies=[policy(care={"lead_days": 5})], power_w=0)

    async def script(world):
        await read(world)
        world.credit(4 * COIN)
        eq((world.row("episode_open"), [values[2] for values in told(world, kinds.VISIT)]), (1, [ORDERED]))
        eq(report(world, 1, 1), (1, 0))
        eq(report(world, 2, 1), (2, 9), "known already")
        world.credit(50 * COIN)
        eq((world.row("episode_open"), world.row("flags") & 0xC0), (0, 0))
        eq(report(world, 3, 1, 1), (2, 10), "of the episode before")
        world.credit(-60 * COIN)
        eq(world.row("flags") & 0xC0, conditions.FLAG_VISIT_ORDERED)
        eq(report(world, 4, 1, 1), (2, 10), "of the episode before")
        await aio.sleep_ms(120_000)
        eq((world.row("notice_level"), world.meters[0].orders.count(TRIP)), (1, 0), "cut without a visit in this episode")
        eq(told(world, kinds.DECISION)[-1][1:4], (3, 3, conditions.CARE))

    world.run(script)


def test_a_care_customer_is_cut_only_after_somebody_was_met():
    world = World(flags={0: {"care": True}}, power_w=0)

    async def first(world):
        in_contact(world)
        world.credit(-COIN)
        await read(world)
        eq(await until(lambda: world.row("notice_level") == 1, 60_000), True)
        await aio.sleep_ms(30_000)
        eq(report(world, 1, 2), (1, 0))

    world.run(first)
    eq([values[2] for values in told(world, kinds.VISIT)], [ORDERED, NOBODY, ORDERED])
    eq(world.meters[0].orders.count(TRIP), 0)

    async def second(world):
        await read(world)
        eq(world.row("flags") & 0xC0, conditions.FLAG_VISIT_ORDERED, "the restart ordered it once more, or forgot it")
        eq(report(world, 2, 1), (1, 0))
        eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "visited, and never cut")

    world.run(second)
    eq([values[2] for values in told(world, kinds.VISIT)], [ORDERED, NOBODY, ORDERED, MADE])


def test_a_medical_exemption_ends_on_its_day_and_the_notices_begin_anew():
    world = World(power_w=0)

    async def first(world):
        in_contact(world)
        world.credit(-COIN)
        eq(exempt_until(world, 1, world.rtc.at_s + 120), (1, 0))
        await read(world)
        await aio.sleep_ms(50_000)
        eq((world.row("notice_level"), world.meters[0].orders.count(TRIP)), (1, 0))
        eq(told(world, kinds.DECISION)[-1][1:4], (3, 3, conditions.EXEMPT))

    world.run(first)

    async def second(world):
        await read(world)
        eq(world.row("episode"), 1)
        eq(await until(lambda: not world.row("flags") & conditions.FLAG_EXEMPT, 180_000), True, "it never ends")
        ended_s = world.rtc.at_s
        eq((world.row("episode"), world.row("episode_open"), world.gateway.ledger.accounts.exempt_until), (2, 1, {}))
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "never cut")
        eq(world.row("notice_at_s") >= ended_s - 1, True, "cut on a notice that was given while nobody was to be cut")

    world.run(second)


def test_who_is_protected_no_more_is_warned_anew():
    world = World(power_w=0)

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        eq(order(world, FLAGS_ORDER, 1, bytes([0xA1, 1, conditions.FLAG_PROTECTED])), (1, 0))
        await read(world)
        await aio.sleep_ms(50_000)
        eq((world.row("notice_level"), world.row("episode")), (1, 1))
        eq(order(world, FLAGS_ORDER, 2, bytes([0xA1, 1, conditions.FLAG_PROTECTED | conditions.FLAG_CARE])), (1, 0))
        eq((world.row("notice_level"), world.row("episode")), (1, 1), "it still protects")
        eq(order(world, FLAGS_ORDER, 3, bytes([0xA1, 1, 0])), (1, 0))
        ended_s = world.rtc.at_s
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "never cut")
        eq((world.row("episode"), world.row("flags")), (2, 0))
        eq(ended_s <= world.row("notice_at_s") <= world.row("wish_at_s") - 10, True, "that notice warned of nothing")

    world.run(script)


def test_an_exemption_does_not_end_by_a_clock_that_nobody_knows():
    world = World(power_w=0)
    alone(world, lambda world: exempt_until(world, 1, world.rtc.at_s + 10))
    item_of = world.meters[0]._item
    world.meters[0]._item = lambda item: None if item >> 8 == 0x040001 else item_of(item)  # no date anywhere
    world.rtc.at_s, kept_s = 0, world.rtc.at_s
    world.meters[0].silent = False

    async def dark(world):
        await aio.sleep_ms(60_000)
        eq(world.row("flags") & conditions.FLAG_EXEMPT, conditions.FLAG_EXEMPT)

    world.run(dark)
    world.rtc.at_s = kept_s + 60  # its error may be half a minute
    world.run(read)
    eq(world.row("flags") & conditions.FLAG_EXEMPT, 0)


def test_flags_orders_move_the_end_of_an_exemption_and_a_snapshot_keeps_it():
    world = World(power_w=0)

    def script(world):
        accounts, now_s = world.gateway.ledger.accounts, world.rtc.at_s
        exempt_until(world, 1, now_s + 500)
        exempt_until(world, 2, now_s + 900)
        eq(accounts.exempt_until[1001][0], now_s + 900)
        eq(order(world, FLAGS_ORDER, 3, bytes([0xA2, 1, 2, 2, 1])), (2, 6), "an end of nothing")
        world.gateway.ledger.snapshot.whole = accounts.exempt_until[1001][1]
        world.gateway.on_tick()
        world.gateway.on_tick()
        eq([values[1] - now_s for values in told(world, kinds.EXEMPT)], [500, 900, 900], "once behind a snapshot")
        order(world, FLAGS_ORDER, 4, bytes([0xA1, 1, 4]))
        eq((accounts.exempt_until, world.row("flags")), ({}, 4), "without end")
        order(world, FLAGS_ORDER, 5, bytes([0xA1, 1, 2]))
        eq(world.row("flags"), 2)

    alone(world, script)


def test_a_holiday_and_the_end_of_the_calendar_delay_a_cut_and_a_new_version_opens_the_day():
    closed = {"until": "2026-12-31", "holidays": ["2026-09-21"]}
    for calendar in (closed, {"until": "2026-09-20"}, {"until": "2026-12-31", "hot_days": ["2026-09-20/2026-09-22"]}):
        world = World(policies=[policy(calendar=calendar)], power_w=0)

        async def script(world):
            in_contact(world)
            world.credit(-COIN)
            await read(world)
            eq(await until(lambda: world.row("notice_level") == 1, 60_000), True)
            await aio.sleep_ms(30_000)
            eq(told(world, kinds.DECISION)[-1][1:4], (4, 1, conditions.CALENDAR))
            eq(world.meters[0].orders.count(TRIP), 0)
            text = json.dumps(policy(version=2, calendar={"until": "2026-12-31", "holidays": ["2026-09-22"]})).encode()
            world.gateway.on_order(POLICY_ORDER, 0, 2, 0xFFFFFFFF, 0, 0, text)
            in_contact(world)
            eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "the day is open now")

        world.run(script)


def test_emergency_credit_keeps_the_light_on_once_and_a_payment_repays_it_first():
    world = World(policies=[policy(emergency="5.00", restore="1.00")], power_w=0)

    async def script(world):
        in_contact(world)
        world.credit(COIN)
        await read(world)
        await until(lambda: world.row("notice_level") == 1, 60_000)
        world.credit(-2 * COIN)
        await aio.sleep_ms(60_000)
        eq((world.meters[0].orders.count(TRIP), world.row("flags")), (0, conditions.FLAG_EMERGENCY))
        eq(world.balance(), -COIN, "it moves no money")
        world.credit(3 * COIN)
        eq(world.row("flags"), conditions.FLAG_EMERGENCY | conditions.FLAG_EMERGENCY_OVER)
        world.credit(-2 * COIN)
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "given twice in one episode")

    world.run(script)
    eq([values[1:] for values in told(world, kinds.EMERGENCY)], [(1, 1, 5 * COIN, -COIN), (1, 2, 5 * COIN, 2 * COIN)])

    async def used_up(world):
        in_contact(world)
        world.credit(30 * COIN)
        world.credit(-36 * COIN)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 60_000), True)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 90_000), True, "used up, and never cut")
        eq((world.row("episode"), told(world, kinds.DECISION)[-1][5]), (2, -5 * COIN), "the floor of the evidence")

    world.run(used_up)
