"""Books that a backup brought back: whoever paid since is not cut by them, before the head-end has compared (design 4.12)."""

import os

from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from firmware.sync.messages import Ack
from tests.fake_board import START_S, World
from tests.hall_kit import in_contact, records, until
from tests.kit import eq

COIN = 1_000_000
TRIP = 0x1A


def trips(world):
    return sum(1 for order in world.meters[0].orders if order == TRIP)


def old_books(world):
    """A life in which the head-end spoke and the account fell into debt, too short for a cut; its flash is the backup."""

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.slot().reading is not None)

    world.run(script)
    return bytes(world.region.flash), bytes(world.region.programmed)


def mark(world):
    """What flash.py leaves beside the restored books."""
    with open(world.root + "/restored", "w") as file:
        file.write("1\n")


def live_on(world, for_ms=120_000):
    async def script(world):
        in_contact(world)  # the right to cut offline is in these books
        return world.gateway.head_end.standing

    return world.run(script, for_ms)


def test_without_the_mark_these_books_do_cut():
    world = World()
    old_books(world)
    live_on(world)
    eq(trips(world), 1, "else the next test proves nothing")


def test_restored_books_cut_nobody_until_the_head_end_has_compared():
    world = World()
    world.region.load(*old_books(world))
    mark(world)
    eq(live_on(world), 2)
    eq((trips(world), world.slot().state), (0, supply.ON))
    eq(len([raw for raw in records(world, kinds.EVENT) if raw[11] == 5]), 1, "noted once")


def test_the_journal_remembers_it_when_the_mark_is_gone_and_the_power_too():
    world = World()
    world.region.load(*old_books(world))
    mark(world)
    live_on(world, 1_000)
    eq("restored" in os.listdir(world.root), False)
    eq(live_on(world), 2)
    eq(trips(world), 0)


def test_a_restored_gateway_restores_supply_all_the_same():
    world = World()

    async def cut(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.row("seen") == supply.OPEN)

    world.run(cut)
    mark(world)

    async def script(world):
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 60_000), True, "a cut that these books cannot answer for")

    world.run(script)
    eq(trips(world), 1)


def agreed(world, chain):
    """The head-end saw the end of our books, which lies ahead of its own, and contradicts nothing: its last record has `chain`."""
    ledger = world.gateway.ledger
    ack = Ack([ledger.epoch, ledger.sequence - 1, chain, bytes(8), 0, START_S, None, 0, None, None])
    ack.fresh, ack.age_ms = True, 0
    world.gateway.on_acks(ack)


def test_a_head_end_whose_last_record_is_not_ours_has_not_agreed():
    world = World()
    world.region.load(*old_books(world))
    mark(world)

    async def script(world):
        in_contact(world)
        agreed(world, b"another!")
        eq(world.gateway.head_end.standing, 2)

    world.run(script, 120_000)
    eq(trips(world), 0)


def test_a_head_end_that_holds_our_record_has():
    world = World()
    world.region.load(*old_books(world))
    mark(world)

    async def script(world):
        agreed(world, world.gateway.ledger.journal.chain_at(world.gateway.ledger.sequence - 1))
        eq(world.gateway.head_end.standing, 0)

    world.run(script)
