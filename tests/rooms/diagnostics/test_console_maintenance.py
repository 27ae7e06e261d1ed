"""The order of maintenance to a whole gateway on a virtual clock: by its key only, after relay work that has begun, supply untouched."""

import json

from firmware.base import aio
from firmware.base.faults import MaintenanceAsked
from firmware.base.wire.hmac import hmac_sha256
from firmware.diagnostics.maintenance import PURPOSE
from tests.console_kit import answer, part, quiet
from tests.fake_board import KEY_HEX, World
from tests.hall_kit import in_contact, records, until
from tests.kit import eq, raises

KEY = bytes([0x5A] * 32)


def mac_of(nonce, seconds):
    raw = bytes([int(nonce[at : at + 2], 16) for at in range(0, len(nonce), 2)])
    tag = hmac_sha256(KEY, (PURPOSE, raw, seconds.to_bytes(4, "big")))
    return "".join(["%02x" % byte for byte in tag])


async def order(world, seconds=300):
    nonce = part(await answer(world, {"ask": "challenge"}), "nonce")[0]
    return {"ask": "maintenance", "seconds": seconds, "mac": mac_of(nonce, seconds), "id": 9}


def flag(world):
    with open(world.root + "/maintenance") as file:
        return file.read()


def test_maintenance_ends_the_life_in_order_and_leaves_the_flag():
    eq(KEY_HEX, "5a" * 32)
    world = quiet(World())

    async def script(world):
        await until(lambda: world.slot().reading is not None)
        lines = await answer(world, await order(world))
        eq(lines, [{"re": 9, "accepted": 300}, {"re": 9, "leaves": {"seconds": 300, "synced": True, "resting": True}}, lines[-1]])
        eq(flag(world), "300\n")
        await aio.sleep_ms(5_000)

    raises(MaintenanceAsked, world.run, script)
    eq(records(world, 22), [])  # no task died


def test_a_replayed_order_and_a_wrong_mac_are_refused_noted_and_change_nothing():
    world = quiet(World())

    async def script(world):
        request = await order(world)
        wrong = await answer(world, dict(request, mac="0" * 64))
        eq(wrong[-1]["no"], "mac")
        eq((await answer(world, request))[-1]["no"], "wait")
        eq(int((await answer(world, request))[-1]["what"]) <= 2_000, True)
        await aio.sleep_ms(2_000)
        eq((await answer(world, request))[-1]["no"], "challenge")
        events = part(await answer(world, {"ask": "events"}), "event")
        eq([row[2:] for row in events if row[2] == 212], [[212, 1, 0, 1]])
        raises(OSError, flag, world)
        eq(world.firmware.bus.held, False)

    world.run(script, for_ms=5_000)


async def until_cut(world, condition):
    """Until the gateway cuts its first meter and `condition` holds."""
    in_contact(world)
    eq(await until(condition, 900_000), True)


def test_a_cut_that_has_left_is_proven_before_the_board_is_left():
    world = quiet(World(meters=2))
    left = []

    async def script(world):
        await until_cut(world, lambda: world.row("notice_level") and world.row("notice_level", 1))
        world.meters[0].stuck = world.meters[1].stuck = True  # they take the order, and nothing moves yet
        await until_cut(world, lambda: 0x1A in world.meters[0].orders)
        request = await order(world)
        world.console.ask(json.dumps(request) + "\n")
        await aio.sleep_ms(20_000)
        left.append([json.loads(line) for line in world.console.lines][-1])
        world.meters[0].status |= 0x50
        await aio.sleep_ms(95_000)

    raises(MaintenanceAsked, world.run, script)
    eq(left[0], {"re": 9, "accepted": 300})
    lines = [json.loads(line) for line in world.console.lines]
    eq([one["resting"] for one in part(lines, "leaves")], [True])
    eq([raw[22] for raw in records(world, 14) if raw[21] == 1 and raw[22] == 5], [5])  # the cut, verified


def test_what_had_not_begun_waits_for_the_next_life():
    world = quiet(World())

    async def script(world):
        bus = world.firmware.bus
        await until_cut(world, lambda: bus.lane.busy(0, 1) or bus.held)
        bus.held = True
        await aio.sleep_ms(30_000)
        return bus.at_rest(), list(world.meters[0].orders)

    resting, orders = world.run(script)
    eq((resting, 0x1A in orders), (True, False))

    async def again(world):
        in_contact(world)
        return await until(lambda: 0x1A in world.meters[0].orders, 900_000)

    eq(world.run(again), True)  # it was wished, and is done after the maintenance


def test_a_payment_during_the_wait_gives_light_before_the_board_is_left():
    world = quiet(World())

    async def script(world):
        await until_cut(world, lambda: world.row("seen") == 2)
        await aio.sleep_ms(5_000)
        world.firmware.bus.held = True
        await aio.sleep_ms(1_000)
        world.credit(50_000_000)
        eq(world.firmware.bus.at_rest(), False)
        await aio.sleep_ms(20_000)
        return world.meters[0].status & 0x50, world.firmware.bus.at_rest()

    eq(world.run(script), (0, True))
