"""What time it is for the gateway as a whole: meters that date it, veto it, confirm a step; notices across a step."""

from firmware.base import aio
from firmware.clock import clock as clocks
from firmware.console_view import ConsoleView
from firmware.cutoff import conditions, supply
from firmware.cutoff.decide import failed_conditions
from tests.fake_board import START_S, UTC_OFFSET_MIN, World, policy
from tests.hall_kit import alone, until
from tests.kit import eq

TRIP = 0x1A
COIN = 1_000_000
HEAD_END = 1  # NOTICE channel
BY_HEAD_END = {"level": "5.00", "period_s": 10, "channels": ["head_end"]}


def in_contact(world):
    """The head-end spoke a moment ago."""
    world.gateway.head_end.last_contact_s = world.gateway.clock_view.stamp()[0]


async def owes(world, index=0):
    """The account owes money and was told by the head-end."""
    in_contact(world)
    world.credit(-COIN, index)
    eq(await until(lambda: world.row("episode_open", index)), True, "no episode")
    world.gateway.supply.notices.delivered(world.slot(index), HEAD_END)


def network(world, at_s):
    """The head-end tells the time."""
    gateway = world.gateway
    gateway._note_clock(gateway.clock.on_network_time(at_s, gateway._ticks_ms(), 100))


def failed(world, index=0):
    """Conditions of a cut that do not hold now."""
    return failed_conditions(*world.gateway.supply.facts_of(world.slot(index)))


def silent_policy(**changes):
    """Nothing shows on the meter, so no relay order reads its clock by the way."""
    return policy(notice=BY_HEAD_END, alarm=False, **changes)


def test_a_gateway_without_a_clock_is_dated_by_its_meters_and_cuts_nobody():
    world = World(meters=2, policies=[silent_policy()])
    world.rtc.at_s = 0

    async def script(world):
        eq(world.gateway.clock.quality, clocks.NONE)
        eq(await until(lambda: world.gateway.clock.quality == clocks.METERS, 20_000), True, "never dated")
        eq(abs(world.gateway.clock_view.stamp()[0] - START_S) < 60, True)
        await owes(world)
        await aio.sleep_ms(60_000)
        eq(world.slot().uncharged_ucu is None, False, "nothing is charged without a date")
        eq(failed(world), conditions.CLOCK)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_a_wrong_clock_is_vetoed_by_the_meters_before_the_first_cut():
    world = World(meters=3, policies=[silent_policy()])
    for meter in world.meters:
        meter.clock_s -= 5 * 3_600  # it is night, and our clock says that it is day

    async def script(world):
        await owes(world)
        await aio.sleep_ms(60_000)
        eq(failed(world) & (conditions.CLOCK | conditions.METER_CLOCK), conditions.CLOCK | conditions.METER_CLOCK)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_the_same_with_clocks_that_agree_is_cut():
    world = World(meters=3, policies=[silent_policy()])

    async def script(world):
        await owes(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True)

    world.run(script)


def test_a_notice_dated_by_a_clock_years_ahead_counts_from_the_mending():
    world = World(meters=3, policies=[silent_policy()])
    world.rtc.at_s += 3 * 365 * 86_400

    async def script(world):
        await owes(world)
        await aio.sleep_ms(30_000)
        network(world, START_S + aio.now_ms() // 1_000)
        in_contact(world)
        eq(world.gateway.clock.quality, clocks.NETWORK, "the meters confirm it")
        eq(failed(world) & conditions.NOTICE, conditions.NOTICE, "its period is not over because nobody knows when it began")
        await aio.sleep_ms(9_000)
        eq(world.meters[0].orders.count(TRIP), 0)
        await aio.sleep_ms(30_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 1)


def test_a_step_of_days_is_confirmed_by_the_meters():
    world = World(meters=2, policies=[silent_policy()])
    world.rtc.at_s -= 2 * 86_400
    for meter in world.meters:
        meter.clock_s = START_S + UTC_OFFSET_MIN * 60

    async def script(world):
        await aio.sleep_ms(20_000)
        network(world, START_S + 20)
        eq(await until(lambda: not world.gateway.clock.pending, 900_000), True, "waits for ever")
        eq(abs(world.gateway.clock_view.stamp()[0] - world.rtc.at_s - 2 * 86_400) < 60, True)

    world.run(script)


def test_a_meter_that_contradicted_our_wrong_clock_agrees_with_the_right_one():
    world = World(policies=[silent_policy()])
    world.rtc.at_s -= 3_000
    world.meters[0].clock_s = START_S + UTC_OFFSET_MIN * 60

    async def script(world):
        await aio.sleep_ms(20_000)
        eq(failed(world) & conditions.METER_CLOCK, conditions.METER_CLOCK)
        network(world, START_S + 20)
        eq(failed(world) & conditions.METER_CLOCK, 0, "still measured against the wrong clock")

    world.run(script)


HOUR_NOTICE = {"level": "5.00", "period_s": 3_600, "channels": ["head_end"]}


def test_a_step_of_the_clock_does_not_shorten_the_notice():
    world = World(policies=[policy(notice=HOUR_NOTICE, alarm=False)])
    world.rtc.at_s -= 3_000
    world.meters[0].clock_s = START_S + UTC_OFFSET_MIN * 60

    async def first(world):
        await owes(world)
        await aio.sleep_ms(900_000)
        network(world, START_S + 900)
        in_contact(world)
        await aio.sleep_ms(120_000)
        eq(failed(world), conditions.NOTICE, "warned a quarter of an hour ago")

    world.run(first)
    world.rtc.at_s = START_S + 1_020
    world.power_cut()

    async def second(world):
        in_contact(world)
        await aio.sleep_ms(300_000)
        eq(failed(world), conditions.NOTICE, "forgotten by the restart")
        eq(await until(lambda: world.row("seen") == supply.OPEN, 3_000_000), True, "an hour after the notice")

    world.run(second)


def test_a_notice_that_was_shown_without_a_clock_is_shown_again():
    world = World(limits={"supply_retry_slow_s": 300})

    async def first(world):
        in_contact(world)
        world.meters[0].deaf_to_relay = world.meters[0].stuck = True  # the alarm does not come on
        world.credit(-COIN)
        eq(await until(lambda: world.row("episode_open")), True)

    world.run(first)
    at_s = world.rtc.at_s
    world.rtc.at_s = 0
    world.meters[0].deaf_to_relay = world.meters[0].stuck = False
    item_of = world.meters[0]._item
    world.meters[0]._item = lambda item: None if item >> 8 == 0x040001 else item_of(item)  # no date anywhere

    async def second(world):
        eq(await until(lambda: world.meters[0].status & 0x80, 60_000) != 0, True, "no alarm")
        await aio.sleep_ms(10_000)
        world.meters[0]._item = item_of
        network(world, at_s)
        in_contact(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 2_000_000), True, "a notice without a date counts never")

    world.run(second)


def test_a_reading_without_a_date_has_no_age():
    world = World(limits={"meter_clock_doubt_s": 3_600})
    world.rtc.at_s = 0
    item_of = world.meters[0]._item
    world.meters[0]._item = lambda item: None if item >> 8 == 0x040001 else item_of(item)  # no date anywhere

    async def script(world):
        await until(lambda: world.slot().reading is not None)
        network(world, START_S)
        eq(ConsoleView(world.gateway, None, None, {}, None, None, None).accounts()[0][5], None)

    world.run(script)


def test_a_restore_that_nobody_could_date_is_finished_by_the_next_life():
    """The trip arrived and was not seen, a payment was booked without a clock, and twice the power goes."""
    for back_s in (0, 3_600):
        world = World()

        async def first(world):
            in_contact(world)
            world.credit(-COIN)
            await until(lambda: world.row("wish") == 1)
            world.meters[0].silent = True

        world.run(first)
        world.power_cut()
        eq(world.meters[0].orders.count(TRIP), 0)
        world.meters[0].status |= 0x50
        world.rtc.at_s, kept_s = world.rtc.at_s - back_s if back_s else 0, world.rtc.at_s
        alone(world, lambda world: world.credit(50 * COIN))
        world.power_cut()
        world.rtc.at_s, world.meters[0].silent = kept_s, False

        async def third(world):
            eq(await until(lambda: not world.meters[0].status & 0x10, 60_000), True, "paid, and left in the dark as found off")

        world.run(third)
