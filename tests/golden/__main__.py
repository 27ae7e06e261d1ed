"""Writes the golden images of the version that runs: `python -m tests.golden v3`. On CPython; an image that is there is kept."""

import json
import sys
from pathlib import Path

from firmware.cutoff import supply
from tests.fake_board import ACCOUNTS_MAX, START_S, FakeBoard, World
from tests.golden import image
from tests.hall_kit import alone, read, until
from tests.powercut import story

COIN = 1_000_000


def life():
    """Three accounts: opening credits, a notice, a cut, a number used twice, the power gone, a payment, a snapshot, a register that
    goes back."""
    world = World(meters=3, power_w=60_000)

    async def first(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        for index in range(3):
            world.credit((index + 1) * 10 * COIN, index)
        assert await until(lambda: all(world.row("total_charged_ucu", index) for index in range(3)), 7_200_000), "never charged"
        world.credit(-(world.balance(0) + COIN), 0)
        assert await until(lambda: world.row("seen") == supply.OPEN), "never cut"
        world.gateway.on_credit(world.slot(1).account, 1, 1, 5, 5, world.rtc.at_s)  # the number of another one: refused

    world.run(first)
    world.region.cut_power()

    async def second(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        await until(lambda: world.slot(0).reading is not None)
        world.credit(30 * COIN, 0)
        assert await until(lambda: world.row("seen") == supply.CLOSED), "never restored"
        ledger = world.gateway.ledger
        ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), ledger.readings.last_number)
        while ledger.snapshot.begun:
            ledger.on_tick()
        world.credit(COIN, 2)
        world.meters[1].added_cwh -= 300  # somebody moved it back: held

    world.run(second, 20_000)
    ledger = world.gateway.ledger
    return image.whole(world.region, ledger, FakeBoard.journal_bytes, ACCOUNTS_MAX, world.boots)


def bands():
    """One account under bands and steps with a fee: missed edges, days closed, a position behind the row, a snapshot."""
    from tests.rooms.hall.test_tariffs import LATE, later, world_with
    from tests.rooms.tariff.documents import banded

    world = world_with(banded({"missed_edge": "by_time"}, **LATE))
    later(world, (7, 100), (10, 400), (33, 900))
    later(world, (57, 1_300), (81, 1_900))
    later(world, (82, 1_950))
    ledger = world.gateway.ledger
    ledger.commit()
    return image.whole(world.region, ledger, FakeBoard.journal_bytes, ACCOUNTS_MAX, world.boots)


def bonds():
    """A meter behind transformers whose customer changes, a reading that an operator rejects, a reason, a snapshot with bonds."""
    from firmware.base.wire import cbor
    from tests.fake_board import START_S
    from tests.hall_kit import alone, read

    world = World(meters=2, flags={0: {"ratio": 40}})

    def script(world):
        for index in range(2):
            read(world, START_S, [1_000], index=index)
            read(world, START_S + 60, [1_004], index=index)
        world.gateway.on_order(13, 1001, 1, 0, 9, 0, bytes(cbor.encode({1: 7001, 2: 2, 3: "contract 17"})))
        world.gateway.on_credit(7001, 1, 1, 7 * COIN, 7 * COIN, START_S)
        read(world, START_S + 120, [900_000], index=1)
        world.gateway.on_order(10, 1002, 1, 0, 9, 0, bytes(cbor.encode({1: 2, 2: 0, 3: 900_000, 4: "display reads 10"})))
        ledger = world.gateway.ledger
        ledger._begin_snapshot(ledger.accounts.count + 1)
        while ledger.snapshot.begun:
            ledger.on_tick()
        read(world, START_S + 180, [1_010])
        ledger.commit()

    alone(world, script)
    ledger = world.gateway.ledger
    return image.whole(world.region, ledger, FakeBoard.journal_bytes, ACCOUNTS_MAX, world.boots)


def contracts():
    """Two accounts, one behind transformers: a register that jumped, released with a reason; another customer moves in; a
    price that is suspected; a snapshot."""
    from tests.rooms.hall.test_causes import send_tariff
    from tests.rooms.hall.test_held_orders import RELEASE, say
    from tests.rooms.hall.test_moves import MOVE_IN, move

    limits = {"plausible_slack_s": 10_000_000, "journal_snapshot_blocks": 1}
    world = World(meters=2, flags={0: {"ratio": 40}}, limits=limits)

    def script(world):
        world.credit(50 * COIN)
        read(world, START_S, [1_000])
        read(world, START_S + 60, [1_003])
        assert move(world, MOVE_IN, 1, 7001) == (1, 0)
        world.gateway.on_credit(7001, 1, 1, 9 * COIN, 9 * COIN, START_S)
        read(world, START_S + 120, [1_004])
        read(world, START_S + 200, [3])
        assert say(world, 1, RELEASE, 3)[0] == 1
        read(world, START_S + 90_000, [9])
        send_tariff(world, 2, "0.9900")
        ledger = world.gateway.ledger
        ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), ledger.readings.last_number)
        for _ in range(20):
            ledger.on_tick()
        world.gateway.on_credit(7001, 1, 2, COIN, 10 * COIN, START_S)

    alone(world, script)
    return image.whole(world.region, world.gateway.ledger, FakeBoard.journal_bytes, ACCOUNTS_MAX, world.boots)


def lifeline():
    """Two accounts limited instead of cut: the one pays, the other's meter loses its limit; one of others; a snapshot with the flag."""
    from tests.fake_board import policy
    from tests.fake_site import NO_LIMIT

    world = World(meters=3, model="lifeline_1p", policies=[policy(lifeline={"power_w": 500})], power_w=300, poll_period_s=60)
    for meter in world.meters:
        meter.limit = NO_LIMIT

    async def script(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        for index, amount in enumerate((-1, -1, 9)):
            world.credit(amount * COIN, index)
        assert await until(lambda: [meter.limit for meter in world.meters] == [50, 50, NO_LIMIT]), "never limited"
        assert await until(lambda: world.row("seen", 0) == world.row("seen", 1) == 4), "never seen"
        world.credit(20 * COIN, 0)
        world.meters[1].limit, world.meters[2].limit = NO_LIMIT, 30
        assert await until(lambda: [meter.limit for meter in world.meters] == [NO_LIMIT, 50, NO_LIMIT]), "never mended"
        ledger = world.gateway.ledger
        ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), ledger.readings.last_number)
        ledger._begin_snapshot(ledger.accounts.count + 1)
        while ledger.snapshot.begun:
            ledger.on_tick()

    world.run(script, 60_000)
    return image.whole(world.region, world.gateway.ledger, FakeBoard.journal_bytes, ACCOUNTS_MAX, world.boots)


def ring(unit):
    """The journal of the power-cut story: it has turned, so its beginning is a snapshot."""
    region = story.region_for(unit)
    told = story.Story(region)
    told.tell()
    told.ledger.commit()
    journal_bytes = region.size - story.READINGS_BLOCKS * region.erase_size
    return image.whole(region, told.ledger, journal_bytes, story.ACCOUNTS, region.boots)


def main(version):
    """Write what is missing."""
    folder = Path(image.FOLDER)
    folder.mkdir(exist_ok=True)
    kinds = [("life", life), ("bands", bands), ("contracts", contracts), ("bonds", bonds), ("lifeline", lifeline)]
    kinds += [("ring_32", lambda: ring(32)), ("ring_1", lambda: ring(1)), ("ring_256", lambda: ring(256))]
    for name, make in kinds:
        file = folder / f"{version}_{name}.json"
        if file.exists():
            print(f"{file} is kept as it is")
            continue
        file.write_text(json.dumps(make(), indent=0) + "\n")
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("version: is missing, such as: python -m tests.golden v4", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1])
