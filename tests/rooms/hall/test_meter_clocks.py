"""The clocks of the meters are set by one broadcast a day, where and when nothing is harmed by it."""

from firmware.base import aio, relay
from firmware.clock import clock as clocks
from firmware.gateway_meters import EVENT_CLOCK_AFTER, EVENT_CLOCK_FAR, EVENT_CLOCKS_SET, two
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, UTC_OFFSET_MIN, World
from tests.hall_kit import told, until
from tests.kit import eq

HOUR_S = 3_600
DAY_S = 86_400
SETS = {"sets_meter_clocks": True}
SLOW = {"meter_clock_every_s": 120}  # clocks are read often enough for a test


def world_at(local_s, off_s, line=SETS, **more):
    """A World at a second of the local day, with a meter for each of `off_s`, whose clock is so far off."""
    limits = dict(SLOW, **more.pop("limits", {}))
    world = World(meters=len(off_s), line=line, limits=limits, poll_period_s=20, power_w=0, **more)
    midnight_s = START_S - (START_S + UTC_OFFSET_MIN * 60) % DAY_S
    world.rtc.at_s = midnight_s + local_s
    for index, meter in enumerate(world.meters):
        meter.clock_s = world.rtc.at_s + UTC_OFFSET_MIN * 60 + off_s[index]
    return world


def network(world, uncertainty_ms=100):
    gateway = world.gateway
    gateway._note_clock(gateway.clock.on_network_time(world.rtc.at_s, gateway._ticks_ms(), uncertainty_ms))


def is_off_s(world, index=0):
    """How far off the meter's clock is now."""
    meter = world.meters[index]
    meter.pass_time(aio.now_ms())
    return meter.clock_s - world.rtc.at_s - UTC_OFFSET_MIN * 60


def events(world, code):
    """(account, value) of the EVENT records of this code."""
    return [values[1:] for values in told(world, kinds.EVENT) if values[0] == code]


def lives(world, for_s, uncertainty_ms=100):
    """A life with the network's time, and no more -> times told to the first meter."""

    async def script(world):
        if uncertainty_ms is not None:
            network(world, uncertainty_ms)
        await aio.sleep_ms(for_s * 1_000)

    world.run(script)
    return len(world.meters[0].times_told)


def test_a_clock_that_is_off_is_set_once_and_read_back():
    world = world_at(14 * HOUR_S + 900, [45, -200, 10], limits={"meter_clock_every_s": 21_600})

    async def script(world):
        network(world)
        eq(await until(lambda: len(events(world, EVENT_CLOCK_AFTER)) == 2, 300_000), True, "nothing was read back")
        eq([abs(is_off_s(world, index)) <= 2 for index in range(3)], [True] * 3, "not set")
        await aio.sleep_ms(900_000)
        world.meters[0].clock_s += 100  # off again: not before tomorrow
        await aio.sleep_ms(900_000)

    world.run(script)
    eq(events(world, EVENT_CLOCKS_SET), [(0, 2)])
    after = dict(events(world, EVENT_CLOCK_AFTER))
    before_s = [(after[account] + 0x80000000) // 0x100000000 for account in (1001, 1002)]
    eq([abs(before_s[0] - 45) <= 2, abs(before_s[1] + 200) <= 2], [True, True], "%s" % before_s)
    eq([abs(after[1001 + index] - two(before_s[index], 0)) <= 2 for index in range(2)], [True, True])
    eq([len(meter.times_told) for meter in world.meters], [1, 1, 1])
    clock_s, told_s = world.meters[2].times_told[0]
    eq(abs(clock_s - 10 - told_s) <= 2, True, "the time that was told is not ours")
    eq(events(world, EVENT_CLOCK_FAR), [])


def test_a_restart_on_the_same_day_tells_nothing_again_and_the_next_day_does():
    world = world_at(14 * HOUR_S + 900, [60])
    world.meters[0].deaf_to_time = True  # so it stays off
    eq(lives(world, 400), 1)
    eq(events(world, EVENT_CLOCK_AFTER)[0][1] // 0x100000000 >= 58, True, "what it came to is not told")
    world.power_cut()
    eq(lives(world, 400), 1, "told again")
    world.rtc.at_s += DAY_S
    world.meters[0].clock_s += DAY_S
    eq(lives(world, 400), 2, "not told on the next day")


def test_it_is_told_only_when_all_allows_it():
    day = 14 * HOUR_S + 900
    for name, world, uncertainty_ms in (
        ("not allowed", world_at(day, [60], line={}), 100),
        ("no network time", world_at(day, [60]), None),
        ("our clock is not sure", world_at(day, [60]), 11_000),
        ("not worth it", world_at(day, [28, -28]), 100),
        ("before midnight", world_at(DAY_S - 590, [60]), 100),
        ("after midnight", world_at(5, [60]), 100),
        ("around a full hour", world_at(14 * HOUR_S - 590, [60]), 100),
        ("out of reach", world_at(day, [310, -900]), 100),
    ):
        world.write_again()
        eq(lives(world, 400, uncertainty_ms), 0, name)
    world = world_at(day, [60])
    world.write_again()
    eq(lives(world, 400), 1, "the same when all allows it")


def test_clocks_out_of_reach_are_told_to_the_operator_once_and_not_moved():
    world = world_at(14 * HOUR_S + 900, [400, -70])

    async def script(world):
        network(world)
        await aio.sleep_ms(600_000)
        eq([abs(is_off_s(world) - 400) <= 2, abs(is_off_s(world, 1)) <= 2], [True, True])
        far = events(world, EVENT_CLOCK_FAR)
        eq((len(far), far[0][0], abs(far[0][1] - 400) <= 2), (1, 1001, True))
        world.meters[0].clock_s -= 400  # somebody set it
        await aio.sleep_ms(200_000)
        world.meters[0].clock_s -= 500
        await aio.sleep_ms(200_000)

    world.run(script)
    eq([account for account, _ in events(world, EVENT_CLOCK_FAR)], [1001, 1001], "when it goes off again it is told again")


def test_nothing_is_told_while_a_relay_order_is_under_way():
    world = world_at(14 * HOUR_S + 900, [60, 0])
    world.meters[1].status = 0x50

    async def script(world):
        await aio.sleep_ms(10_000)
        world.meters[1].stuck = True  # the order is looked at again and again
        world.firmware.bus.order(1, relay.RESTORE)
        network(world)
        eq(await until(lambda: world.gateway.meter_care._due, 120_000), True, "nobody wants to set it")
        waits = len(world.firmware.bus.lane) > 0 and not world.meters[0].times_told
        eq(waits, True, "told beside an order")
        eq(await until(lambda: world.meters[0].times_told, 1_200_000), True, "never told")
        eq(len(world.firmware.bus.lane), 0, "told while an order was under way")

    world.run(script)


def test_no_edge_of_bands_is_within_ten_minutes():
    class Tariffs:
        def in_force(self, tariff, day):
            return self

        class bands:
            @staticmethod
            def next_edge_s(after_s):
                return Tariffs.edge_s if after_s < Tariffs.edge_s else None

    for before_s, near in ((601, False), (600, True), (0, True), (-600, True), (-601, False)):
        world = world_at(14 * HOUR_S + 900, [60])
        world.write_again()

        async def script(world, before_s=before_s, near=near):
            care = world.gateway.meter_care
            care._tariffs = Tariffs()
            Tariffs.edge_s = world.rtc.at_s + before_s
            eq(care._near_edge(world.rtc.at_s), near, str(before_s))

        world.run(script)


def test_a_clock_is_moved_over_no_hour_so_each_day_has_one_freeze():
    for seconds in (-280, 280):
        world = world_at(23 * HOUR_S, [seconds], model="export_1p")
        world.write_again()
        world.meters[0].freezes = []

        async def script(world):
            network(world)
            await aio.sleep_ms(3 * HOUR_S * 1_000)

        world.run(script)
        meter = world.meters[0]
        eq(len(meter.times_told), 1, "told")
        eq([at_s % DAY_S for at_s, _ in meter.freezes], [0], "one midnight, one freeze")
        eq(meter.times_told[0][0] // HOUR_S, meter.times_told[0][1] // HOUR_S, "the clock was moved over an hour")


def test_quality_of_the_clock_is_looked_at_when_it_is_told():
    world = world_at(14 * HOUR_S + 900, [60])

    async def script(world):
        network(world)
        care = world.gateway.meter_care
        await aio.sleep_ms(5_000)
        care._due = True
        world.gateway.clock.quality = clocks.RTC
        eq(care.time_to_set(), 0)
        eq(events(world, EVENT_CLOCKS_SET), [])
        world.gateway.clock.quality = clocks.NETWORK
        care._due = True
        eq(care.time_to_set() > 0, True)
        eq(events(world, EVENT_CLOCKS_SET), [(0, 1)])
        care._due = True
        eq(care.time_to_set(), 0, "twice a day")

    world.run(script)
