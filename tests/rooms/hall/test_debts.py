"""Debts beside the balance: what a credit brings above the restore amount pays them off, exactly once, and moves sum to zero."""

from firmware.base import aio
from firmware.base.wire import cbor
from firmware.cutoff import orders, supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.accounts import CONFLICT, OUT_OF_RANGE, TOO_MANY_ISSUERS
from tests.fake_board import World, policy
from tests.hall_kit import in_contact, told, until
from tests.kit import cases, eq

COIN = 1_000_000
DEBT_PLACE = 0xFFFF


def put(world, number, owed, share, most=0, document=None):
    """Order 16; -> (verdict, reason) of its record."""
    document = cbor.encode({1: owed, 2: share, 3: most}) if document is None else document
    world.gateway.on_order(orders.DEBT, 1001, number, 0, 0, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


def ledger_of(world):
    accounts = world.gateway.ledger.accounts
    return world.balance(), accounts.debt_ucu(1001)


def moves(world):
    return [values[4:7] for values in told(world, kinds.RECOVERY)]


def life(world, then):
    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None)
        then(world)

    world.run(script)


# balance before, credit, share, most of a credit, debt, taken: floor 0, restore amount 1
SHARES = (
    (0, 10 * COIN, 50, 0, 100 * COIN, 4_500_000),
    (0, 10 * COIN, 100, 0, 100 * COIN, 9 * COIN),
    (0, 10 * COIN, 100, 2 * COIN, 100 * COIN, 2 * COIN),
    (0, 10 * COIN, 100, 0, 3 * COIN, 3 * COIN),
    (0, 1 * COIN, 100, 0, 100 * COIN, 0),
    (0, COIN + 1, 50, 0, 100 * COIN, 0),  # floored to the customer
    (50 * COIN, 10 * COIN, 50, 0, 100 * COIN, 5 * COIN),  # never more than of this credit
    (-5 * COIN, 5 * COIN, 100, 0, 100 * COIN, 0),
    (-5 * COIN, 7 * COIN, 100, 0, 100 * COIN, 1 * COIN),
    (20 * COIN, -5 * COIN, 100, 0, 100 * COIN, None),  # a correction pays nothing off
)


def test_a_credit_pays_off_its_share_of_what_exceeds_the_restore_amount():
    cases(SHARES, one_credit)


def one_credit(before, credit, share, most, owed, taken):
    world = World(power_w=0)

    def then(world):
        if before:
            world.credit(before)
        eq(put(world, 1, owed, share, most), (1, 0))
        world.credit(credit)
        eq(moves(world), [] if taken is None else [(taken, taken, owed - taken)])
        eq(ledger_of(world), (before + credit - (taken or 0), owed - (taken or 0)))
        eq([values for values in told(world, kinds.RECOVERY) if values[8] != COIN], [], "the restore amount is what it was")

    life(world, then)


def test_repeated_credits_and_restarts_take_once():
    world = World(power_w=0)

    def first(world):
        put(world, 1, 100 * COIN, 50)
        world.credit(21 * COIN, number=1, total=21 * COIN)
        world.credit(21 * COIN, number=1, total=21 * COIN)
        eq((moves(world), ledger_of(world)), ([(10 * COIN, 10 * COIN, 90 * COIN)], (11 * COIN, 90 * COIN)))

    def again(world):
        world.credit(21 * COIN, number=1, total=21 * COIN)
        eq((len(moves(world)), ledger_of(world)), (1, (11 * COIN, 90 * COIN)))
        eq(world.gateway.ledger.sound, True)

    life(world, first)
    world.power_cut()
    life(world, again)
    life(world, again)


def test_a_power_cut_at_each_point_of_a_payment_takes_once():
    """What the next life does brings the same books."""
    cases((("before the recovery",), ("before the commit",), ("behind it",)), one_cut)


def one_cut(at):
    world = World(power_w=0)

    def first(world):
        put(world, 1, 100 * COIN, 50)
        if at == "before the recovery":
            world.gateway.supply.recover = lambda slot: None
        commit = world.gateway.ledger.commit
        if at == "before the commit":
            world.gateway.ledger.commit = lambda: None
        world.credit(21 * COIN, number=1, total=21 * COIN)
        world.gateway.ledger.commit = commit
        world.power_cut()

    async def second(world):
        in_contact(world)
        world.credit(21 * COIN, number=1, total=21 * COIN)
        await until(lambda: world.slot().reading is not None and not world.gateway.ledger.accounts.unrecovered)
        eq((moves(world), ledger_of(world)), ([(10 * COIN, 10 * COIN, 90 * COIN)], (11 * COIN, 90 * COIN)))

    life(world, first)
    world.run(second)


def test_without_a_fresh_reading_the_credit_waits_and_who_paid_stays_on():
    world = World(power_w=0)

    async def script(world):
        in_contact(world)
        world.meters[0].silent = True
        put(world, 1, 100 * COIN, 100)
        world.credit(3 * COIN)
        world.credit(4 * COIN)
        eq((moves(world), ledger_of(world)), ([], (7 * COIN, 100 * COIN)))
        eq(world.gateway.ledger.accounts.unrecovered, {1001: (1, 2, 7 * COIN, 2)})
        world.meters[0].silent = False
        eq(await until(lambda: moves(world)), True)
        eq((moves(world), ledger_of(world)), ([(6 * COIN, 6 * COIN, 94 * COIN)], (COIN, 94 * COIN)))
        eq(world.row("wish"), 0)

    world.run(script)


def test_an_old_or_a_held_reading_is_none_and_each_credit_that_waits_has_its_bound():
    world = World(power_w=0)

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None)
        put(world, 1, 100 * COIN, 100, 2 * COIN)
        world.meters[0].start_cwh += 50_000  # a jump: held
        eq(await until(lambda: world.slot().held), True)
        world.credit(9 * COIN)
        eq(moves(world), [], "what the meter says is not believed")
        world.meters[0].start_cwh -= 50_000
        eq(await until(lambda: moves(world)), True)
        world.meters[0].silent = True
        await aio.sleep_ms(90_000)
        world.credit(9 * COIN)
        world.credit(9 * COIN)
        eq(moves(world), [(2 * COIN, 2 * COIN, 98 * COIN)], "the reading is older than the policy takes for fresh")
        world.meters[0].silent = False
        eq(await until(lambda: len(moves(world)) == 2), True)
        eq((moves(world)[1], world.balance()), ((4 * COIN, 6 * COIN, 94 * COIN), 21 * COIN))

    world.run(script)


def test_a_customer_in_the_dark_who_pays_the_restore_amount_has_light_whatever_the_debt():
    world = World(power_w=0)

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)
        put(world, 1, 500 * COIN, 100)
        world.credit(-COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(told(world, kinds.NOTICE)[-1][6], 2 * COIN)
        world.credit(2 * COIN)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 30_000), True, "paid what the notice says, and dark")
        eq(moves(world)[-1][0], 0)
        world.credit(10 * COIN)
        await aio.sleep_ms(60_000)
        eq((moves(world)[-1], world.row("wish"), world.balance()), ((10 * COIN, 10 * COIN, 490 * COIN), 0, COIN))

    world.run(script)


WRONG = (
    b"",
    b"\xa3\x01",
    cbor.encode({1: 5}),
    cbor.encode({1: -1, 2: 50, 3: 0}),
    cbor.encode({1: 5, 2: 0, 3: 0}),
    cbor.encode({1: 5, 2: 101, 3: 0}),
    cbor.encode({1: 5, 2: 50, 3: -1}),
    cbor.encode({1: 5, 2: b"50", 3: 0}),
    cbor.encode({1: 5, 2: 50, 3: 0, 4: 0}),
)


def test_wrong_documents_change_nothing_and_consume_their_number():
    world = World(power_w=0)

    def then(world):
        number = 0
        for document in WRONG:
            number += 1
            eq(put(world, number, 0, 0, document=document), (2, orders.BAD_DOCUMENT), repr(document))
        eq(put(world, 20, 0, 50), (2, orders.NO_CHANGE), "nothing is owed")
        eq((world.gateway.ledger.accounts.debts, world.row("order")), ({}, 20))
        eq(put(world, 21, 5 * COIN, 50), (1, 0))
        eq(put(world, 22, 5 * COIN, 50), (2, orders.NO_CHANGE))
        eq(world.gateway.ledger.accounts.credit_verdict(1001, DEBT_PLACE, 1, 5, 5), (CONFLICT, OUT_OF_RANGE))

    life(world, then)


def test_a_debt_needs_a_place_among_the_issuers_and_keeps_it():

    def then(world):
        for issuer in (1, 2, 3):
            world.gateway.on_credit(1001, issuer, 1, COIN, COIN, 0)
        eq(put(world, 1, 5 * COIN, 100), (1, 0))
        accounts = world.gateway.ledger.accounts
        eq(accounts.credit_verdict(1001, 4, 1, COIN, COIN), (CONFLICT, TOO_MANY_ISSUERS))
        eq([accounts.get(0, "issuer_" + str(place)) for place in range(4)], [1, 2, 3, DEBT_PLACE])
        for issuer in (1, 2, 3, 4):
            world.gateway.on_credit(1002, issuer, 1, COIN, COIN, 0)
        world.gateway.on_order(orders.DEBT, 1002, 1, 0, 0, 0, cbor.encode({1: 5 * COIN, 2: 50, 3: 0}))
        eq(told(world, kinds.ORDER)[-1][3:5], (2, orders.NOT_SUPPORTED))

    world = World(meters=2, power_w=0)
    life(world, then)


def test_a_debt_outlives_snapshots_and_restarts_and_ends_when_it_is_paid_off_or_forgiven():
    world = World(power_w=0)

    async def first(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None)
        put(world, 1, 20 * COIN, 100, 8 * COIN)
        world.credit(10 * COIN)
        ledger = world.gateway.ledger
        ledger._begin_snapshot(ledger.accounts.count + 1)
        while ledger.snapshot.begun:
            ledger.on_tick()
        await aio.sleep_ms(3_000)
        eq([values[1:] for values in told(world, kinds.DEBT)], [(20 * COIN, 100, 8 * COIN, 1), (20 * COIN, 100, 8 * COIN, 0)])
        eq(ledger.accounts.debts[1001][3] > ledger.snapshot.whole, True, "behind the snapshot")

    def second(world):
        eq(ledger_of(world), (2 * COIN, 12 * COIN))
        world.credit(9 * COIN)
        eq((moves(world)[-1], ledger_of(world)), ((8 * COIN, 16 * COIN, 4 * COIN), (3 * COIN, 4 * COIN)))
        eq(put(world, 2, 16 * COIN, 100), (1, 0))  # the rest is forgiven
        eq((ledger_of(world), world.gateway.ledger.accounts.debts), ((3 * COIN, 0), {}))
        world.credit(9 * COIN)
        eq((len(moves(world)), world.balance()), (2, 12 * COIN))
        put(world, 3, 17 * COIN, 100)
        world.credit(9 * COIN)
        eq((moves(world)[-1], world.gateway.ledger.accounts.debts), ((COIN, 17 * COIN, 0), {}))
        eq((world.gateway.ledger.sound, world.gateway.ledger.accounts.disagreements), (True, 0))

    world.run(first)
    life(world, second)


def test_the_signed_state_carries_what_was_recovered_and_ends_the_debt_until_it_is_ordered_again():
    world = World(power_w=0)

    def then(world):
        put(world, 1, 20 * COIN, 100)
        world.credit(11 * COIN)
        ledger = world.gateway.ledger
        ledger.import_state(2, ledger.sequence + 10, [ledger.accounts.row_bytes(0)])
        eq((world.balance(), ledger.accounts.debts, ledger.accounts.moved(1001)), (COIN, {}, (1, 10 * COIN)))
        world.credit(5 * COIN)
        eq(world.balance(), 6 * COIN)
        eq(put(world, 2, 20 * COIN, 100), (1, 0))
        world.credit(3 * COIN)
        eq((ledger_of(world), ledger.accounts.moved(1001)), ((6 * COIN, 7 * COIN), (2, 13 * COIN)))

    life(world, then)


def test_a_policy_with_a_floor_below_zero_is_a_credit_limit_for_who_pays_afterwards():
    notice = {"level": "-40.00", "period_s": 10, "channels": ["alarm"]}
    world = World(power_w=0, policies=[policy(floor="-50.00", restore="-49.00", notice=notice)])

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)
        world.credit(-39 * COIN)
        await aio.sleep_ms(60_000)
        eq((world.row("wish"), told(world, kinds.NOTICE)), (0, []))
        world.credit(-11 * COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut at its limit")
        eq(told(world, kinds.NOTICE)[-1][5:], (-50 * COIN, COIN))
        world.credit(COIN)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 30_000), True, "paid what the notice says, and dark")

    world.run(script)
