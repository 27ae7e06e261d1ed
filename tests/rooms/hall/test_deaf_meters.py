"""A meter that answers every question and no relay order: it must neither fill the journal nor take the others' cuts."""

from firmware.base import aio
from firmware.cutoff import supply
from tests.fake_board import World
from tests.hall_kit import until
from tests.kit import eq

TRIP = 0x1A
CLOSE = 0x1C
COIN = 1_000_000


def deafen(meter, deaf):
    meter.deaf_to_relay = meter.stuck = deaf


async def due(world):
    """The account owes money from its first reading on."""
    world.gateway.head_end.last_contact_s = world.rtc.at_s
    world.credit(-COIN)
    await until(lambda: world.row("notice_level") == 1)


def test_a_restore_that_is_never_answered_does_not_use_up_the_reserve_for_credits():
    world = World(poll_period_s=60)

    async def script(world):
        await due(world)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        deafen(world.meters[0], True)
        world.credit(20 * COIN)
        sequence = world.gateway.ledger.sequence
        await aio.sleep_ms(4 * 3_600_000)
        used = world.gateway.ledger.sequence - sequence
        eq(used < 120, True, "%d records in four hours" % used)
        deafen(world.meters[0], False)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 4_000_000), True, "given up")

    world.run(script)


def test_a_payment_is_not_kept_waiting_by_restores_that_were_lost():
    world = World(poll_period_s=60)

    async def script(world):
        await due(world)
        await until(lambda: world.row("seen") == supply.OPEN)
        deafen(world.meters[0], True)
        world.credit(20 * COIN)
        await aio.sleep_ms(2 * 3_600_000)
        deafen(world.meters[0], False)
        world.credit(COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 130_000), True, "paid again and dark")

    world.run(script)


def test_a_cut_that_is_never_answered_is_tried_less_and_less():
    world = World(poll_period_s=60)

    async def script(world):
        await due(world)
        deafen(world.meters[0], True)
        await aio.sleep_ms(4 * 3_600_000)

    world.run(script)
    trips = world.meters[0].orders.count(TRIP)
    eq(3 <= trips <= 40, True, "%d trips were sent in four hours" % trips)


def test_who_pays_before_a_life_has_looked_at_a_relay_found_open_has_light():
    world = World()
    meter = world.meters[0]

    async def first(world):
        world.credit(50 * COIN)
        await until(lambda: world.slot().state == supply.ON)
        meter.status |= 0x50
        eq(await until(lambda: world.slot().state == supply.FOUND_OFF), True)

    world.run(first)

    async def second(world):
        await aio.sleep_ms(60_000)
        eq(world.slot().state, supply.FOUND_OFF, "nobody paid")

    world.run(second)

    async def third(world):
        world.credit(20 * COIN)
        eq(await until(lambda: not meter.status & 0x10, 60_000), True, "it came too early to count")
        eq(await until(lambda: world.row("fault") == 0, 60_000), True)

    world.run(third)
    eq(meter.orders.count(CLOSE), 1)
