"""A load limit and what may come between it and its end: another customer, another gateway, safe mode. Both interpreters."""

from firmware.base import aio
from firmware.cutoff import facts
from firmware.cutoff import supply as s
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_LIMITED
from tests.fake_board import World, policy
from tests.fake_site import NO_LIMIT
from tests.hall_kit import in_contact, told, until
from tests.kit import eq
from tests.rooms.hall.carrying import carried, give, take, taking
from tests.rooms.hall.moving import ACCEPTED, MOVE_IN, NEW, move
from tests.rooms.hall.test_lifeline import limited_world, until_limited
from tests.safe_kit import hearing, live_safely

COIN = 1_000_000
RESTORE_PAID, VERIFIED = 20, 5


def test_who_moves_in_is_not_limited_by_what_the_one_before_owed():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        await until_limited(world)
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        eq(await until(lambda: meter.limit == NO_LIMIT and world.slot().state == s.ON, 60_000), True, "left behind")
        eq((world.slot().account, world.row("fault"), world.row("wish")), (NEW, 0, facts.ON))
        eq([values[1] for values in told(world, kinds.LIMIT)], [1], "it was ours")

    world.run(script)


def given_away(world):
    left = {}

    async def script(world):
        await until_limited(world)
        taking(world)
        eq(give(world), (ACCEPTED, 0))
        left["row"] = carried(world)[-1]
        await aio.sleep_ms(200_000)
        eq(world.meters[0].limit, 50, "its relay and its limit are another gateway's now")

    world.run(script)
    return left["row"]


def arriving(**changes):
    world = World(model="lifeline_1p", policies=[policy(**changes)], flags={0: {"arrives": True}}, poll_period_s=60, power_w=300)
    world.meters[0].limit = 50
    return world


def test_an_account_takes_its_limit_along_to_another_gateway_and_is_lifted_there():
    row = given_away(limited_world())
    world = arriving(lifeline={"power_w": 495})

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().last_heard is not None)
        eq(take(world, row), (ACCEPTED, 0))
        eq(world.row("flags") & FLAG_LIMITED, FLAG_LIMITED)
        eq(await until(lambda: world.slot().state == s.LIMITED, 200_000), True)
        eq(world.meters[0].writes, [])
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True)
        eq((world.meters[0].limit, world.row("seen")), (NO_LIMIT, facts.CLOSED))

    world.run(script)


def test_where_the_other_gateway_knows_no_lifeline_supply_is_given_back_first():
    row = given_away(limited_world())
    world = arriving()

    async def script(world):
        await until(lambda: world.slot().last_heard is not None)
        eq(take(world, row), (ACCEPTED, 0))
        eq(await until(lambda: world.meters[0].limit == NO_LIMIT, 200_000), True, "left behind")
        eq([(values[1], values[3]) for values in told(world, kinds.DECISION)][0], (2, 1 << 8))

    world.run(script)


def test_a_signed_restore_lifts_the_limit_in_safe_mode_and_nobody_is_limited_there():
    world = limited_world()
    meter = world.meters[0]
    world.run(until_limited)
    uplink = hearing(world)
    writes = list(meter.writes)

    async def script(mode):
        await until(lambda: uplink.reports)
        await aio.sleep_ms(120_000)
        eq((meter.limit, meter.writes), (50, writes), "a stay changes nothing by itself")
        uplink.order(RESTORE_PAID, 1001, credit=2, issuer=1)
        await until(lambda: (uplink.outcome(1001) or (0, 0, 0, 0))[3] == VERIFIED, 30_000)
        return uplink.outcome(1001), meter.limit

    got, _ = live_safely(world, script)
    eq(got, ((RESTORE_PAID, 1, 0, VERIFIED), NO_LIMIT))

    async def usual(world):
        eq(await until(lambda: world.slot().state == s.ON), True)
        eq((meter.limit, world.row("wish"), world.row("flags") & FLAG_LIMITED, world.row("fault")), (NO_LIMIT, facts.ON, 0, 0))
        await aio.sleep_ms(300_000)
        eq(meter.limit, NO_LIMIT, "held on until the payment is in the books")

    world.run(usual)


def test_a_lift_that_the_meter_refuses_is_no_proof_in_safe_mode():
    world = limited_world()
    meter = world.meters[0]
    world.run(until_limited)
    uplink = hearing(world)
    meter.keeps_limit = True

    async def script(mode):
        await until(lambda: uplink.reports)
        uplink.order(RESTORE_PAID, 1001, credit=2, issuer=1)
        await aio.sleep_ms(400_000)
        refused = uplink.outcome(1001)[3]
        meter.keeps_limit = False
        return refused, await until(lambda: uplink.outcome(1001)[3] == VERIFIED, 400_000), meter.limit

    got, _ = live_safely(world, script)
    eq(got, (6, True, NO_LIMIT))
