"""Debts in the journal that the firmware wrote, against books that share no code with it: the host's reader and the witness's sums."""

import random

from firmware.base.wire import cbor
from firmware.cutoff import orders
from host_tools.journal_reader import DEBT_ISSUER, Record, parse_record
from tests.fake_board import World
from tests.hall_kit import in_contact, until
from tests.scenarios.witness_books import Books

COIN = 1_000_000
ACCOUNT = 1001


def records(world: World, first: int) -> list[Record]:
    found: list[Record] = []
    ledger = world.gateway.ledger
    while first <= ledger.sequence:
        _, first, _, batch = ledger.outbox.journal_from(first, 100_000)
        found += [parse_record(bytes(raw)) for raw in batch]
        first += len(batch)
    return found


def test_what_balance_and_debt_lose_is_the_same_over_lives_and_power_cuts() -> None:
    rng = random.Random(7)
    world, books, issued = World(power_w=6_000, poll_period_s=20), Books(prices={1: 5_500}), [0]

    async def life(world: World) -> None:
        in_contact(world)
        world.meters[0].silent = rng.random() < 0.3
        await until(lambda: world.slot().reading is not None, 60_000)
        for _ in range(3):
            if rng.random() < 0.4:
                values = {1: 40 * COIN + COIN * len(issued), 2: rng.choice((1, 33, 100)), 3: rng.choice((0, 3 * COIN))}
                world.gateway.on_order(orders.DEBT, ACCOUNT, world.row("order") + 1, 0, 0, 0, cbor.encode(values))
            number = len(issued) if rng.random() < 0.7 else max(1, len(issued) - 1)
            if number == len(issued):
                issued.append(rng.choice((-3, 5, 12)) * COIN + rng.randrange(1_000))
                books.issued[ACCOUNT, 1, number] = issued[number]
            if rng.random() < 0.3:
                world.gateway.supply.recover = lambda slot: None  # the power fails between the two records
            world.gateway.on_credit(ACCOUNT, 1, number, issued[number], sum(issued[: number + 1]), 0)
        assert list(books.fold(records(world, books._next))) == []

    for _ in range(25):
        world.run(life)
        world.power_cut()
    account = books.accounts[ACCOUNT]
    moved = -account.credits[DEBT_ISSUER][1]
    assert books.counts["RECOVERY"] > 10 and moved > 20 * COIN, (books.counts, moved)
    assert (account.balance_ucu, account.owed_ucu - moved) == (world.balance(), world.gateway.ledger.accounts.debt_ucu(ACCOUNT))
    assert account.balance_ucu + account.charged_ucu + moved == sum(issued)


def test_the_witness_sees_a_move_that_does_not_sum_to_zero() -> None:
    world, books = World(power_w=0), Books(issued={(ACCOUNT, 1, 1): 20 * COIN})

    async def life(world: World) -> None:
        in_contact(world)
        await until(lambda: world.slot().reading is not None)
        world.gateway.on_order(orders.DEBT, ACCOUNT, 1, 0, 0, 0, cbor.encode({1: 40 * COIN, 2: 100, 3: 0}))
        world.credit(20 * COIN)

    world.run(life)
    told = records(world, 1)
    move = next(record for record in told if record.name == "RECOVERY")
    assert list(books.fold(told)) == []
    for field in ("amount_ucu", "moved_ucu", "left_ucu", "move"):
        again, kept = Books(issued={(ACCOUNT, 1, 1): 20 * COIN}), move.fields[field]
        move.fields[field] = move.number(field) - 1
        assert list(again.fold(told)), field
        move.fields[field] = kept
