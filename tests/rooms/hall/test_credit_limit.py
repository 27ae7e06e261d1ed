"""The credit limit of an account: floor, levels and restore amount move with it, in notices too; it outlives restarts and boards."""

from firmware.base import aio
from firmware.base.wire import cbor
from firmware.cutoff import decide, orders, supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import LONGEST_ROW_SIZE
from firmware.ledger.record import HEAD, values_of
from tests.fake_board import World, policy
from tests.hall_kit import alone, in_contact, told, until
from tests.kit import cases, eq
from tests.rooms.hall.carrying import arriving, carried, give, take, taking
from tests.rooms.hall.moving import used_a_little

COIN = 1_000_000
LIMIT = 100 * COIN
HOUR_S = 3_600


def lend(world, limit_ucu, document=None, account=1001):
    """Order 17; -> (verdict, reason) of its record."""
    document = cbor.encode({1: limit_ucu, 2: "post-paid contract"}) if document is None else document
    world.gateway.on_order(orders.CREDIT_LIMIT, account, world.row("order") + 1, 0, 0, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


def limits_of(world):
    return world.gateway.ledger.accounts.credit_limits


def floor_of(world):
    """(floor, restore amount) that a decision would be taken by now."""
    view, rules = world.gateway.supply.facts_of(world.slot())
    return decide.floor_ucu(view, rules), decide.restore_ucu(view, rules)


def stand(world, balance_ucu):
    """A payment or correction that brings the balance there."""
    world.credit(balance_ucu - world.balance())


async def ready(world):
    in_contact(world)
    if world.boots == 1:
        stand(world, 10 * COIN)
    await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)


def life(world, then):
    async def script(world):
        await ready(world)
        then(world)

    world.run(script)


def kinds_told(world, *wanted):
    """Kinds of the records, oldest first, of those asked for."""
    found, ledger, sequence = [], world.gateway.ledger, 1
    while sequence <= ledger.sequence:
        _, first, _, batch = ledger.outbox.journal_from(sequence, 1_000_000)
        found += [(HEAD.get(raw, 0, "kind"), values_of(raw, 0, len(raw))) for raw in batch]
        sequence = first + len(batch)
    return [(kind, values) for kind, values in found if kind in wanted]


def test_a_post_paid_customer_is_warned_cut_and_restored_as_far_below_zero_as_the_limit_says():
    world = World(power_w=0)

    async def script(world):
        await ready(world)
        eq(lend(world, LIMIT), (1, 0))
        eq((floor_of(world), limits_of(world)), ((-LIMIT, COIN - LIMIT), {1001: LIMIT}))
        stand(world, -94 * COIN)
        await aio.sleep_ms(60_000)
        eq((told(world, kinds.NOTICE), world.row("wish")), ([], 0), "warned of what is far away")
        stand(world, -96 * COIN)
        eq(await until(lambda: world.row("notice_level") == 1), True, "not warned")
        eq([values[5:] for values in told(world, kinds.NOTICE)][-1], (-96 * COIN, 0), "what is above the restore amount owes nothing")
        await aio.sleep_ms(60_000)
        eq(world.row("wish"), 0, "cut above the floor")
        stand(world, -LIMIT)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(told(world, kinds.DECISION)[-1][4:6], (-LIMIT, -LIMIT), "the floor that decided stands in the journal")
        world.credit(COIN - 1)
        await aio.sleep_ms(60_000)
        eq(world.row("seen"), supply.OPEN, "restored below the restore amount")
        world.credit(1)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 30_000), True, "paid what brings it back, and dark")

    world.run(script)


def test_a_limit_that_is_given_or_raised_restores_at_once_and_one_that_is_lowered_cuts_nobody_unwarned():
    world = World(power_w=0, policies=[policy(notice={"level": "5.00", "period_s": 600, "channels": ["alarm"]})])

    async def script(world):
        await ready(world)
        stand(world, -3 * COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 900_000), True)
        eq(lend(world, LIMIT), (1, 0))
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 30_000), True, "lent to, and dark")
        eq((told(world, kinds.DECISION)[-1][1:3], world.row("episode_open")), ((decide.RESTORE, decide.RESTORE_REACHED), 0))
        stand(world, -96 * COIN)
        eq(await until(lambda: world.row("notice_level") == 1), True)
        await aio.sleep_ms(900_000)
        in_contact(world)
        first = world.row("episode")
        eq(lend(world, 0), (1, 0))
        eq((world.row("episode"), world.row("episode_open"), world.row("notice_level")), (first + 1, 1, 0), "notices begin anew")
        eq(await until(lambda: world.row("notice_level") == 1), True)
        eq(told(world, kinds.NOTICE)[-1][6], 97 * COIN, "what has to be paid now")
        await aio.sleep_ms(500_000)
        eq(world.row("wish"), 0, "cut inside the period of the new notice")
        eq(await until(lambda: world.row("wish") == 1), True, "never cut")

    world.run(script)


def test_where_a_limit_falls_the_episode_ends_before_it_and_the_reason_is_told_first():
    world = World(power_w=0)

    def then(world):
        lend(world, LIMIT)
        stand(world, -96 * COIN)
        lend(world, 50 * COIN)
        found = kinds_told(world, kinds.REASON, kinds.SUSPECT, kinds.EPISODE, kinds.CREDIT_LIMIT, kinds.ORDER)
        order = [(kind, values[2] if kind == kinds.EPISODE else None) for kind, values in found]
        eq(order, [
            (kinds.REASON, None), (kinds.CREDIT_LIMIT, None), (kinds.ORDER, None), (kinds.SUSPECT, None), (kinds.EPISODE, 1),
            (kinds.REASON, None), (kinds.EPISODE, 0), (kinds.CREDIT_LIMIT, None), (kinds.ORDER, None), (kinds.EPISODE, 1),
        ])  # fmt: skip
        eq(told(world, kinds.CREDIT_LIMIT), [(1001, LIMIT, 0, 1), (1001, 50 * COIN, LIMIT, 2)])
        eq(told(world, kinds.REASON)[0][:4] + (told(world, kinds.REASON)[0][4][:18],), (1001, 1, 17, 0, b"post-paid contract"))

    life(world, then)


def test_while_supply_is_off_a_lower_limit_warns_nobody_again():
    world = World(power_w=0)

    async def script(world):
        await ready(world)
        lend(world, LIMIT)
        stand(world, -LIMIT)
        eq(await until(lambda: world.row("wish") == 1), True)
        episode, notices = world.row("episode"), len(told(world, kinds.NOTICE))
        lend(world, 50 * COIN)
        await aio.sleep_ms(60_000)
        eq((world.row("episode"), len(told(world, kinds.NOTICE)), world.row("wish")), (episode, notices, 1))
        eq(floor_of(world), (-50 * COIN, -49 * COIN))

    world.run(script)


WRONG = (
    b"",
    b"\xa2\x01",
    cbor.encode({1: 5}),
    cbor.encode({1: -1, 2: "why"}),
    cbor.encode({1: 100_000_000_000_000_001, 2: "why"}),
    cbor.encode({1: 5, 2: ""}),
    cbor.encode({1: 5, 2: "w" * 65}),
    cbor.encode({1: 5, 2: b"why"}),
    cbor.encode({1: 5, 2: "why", 3: 0}),
    cbor.encode({1: b"5", 2: "why"}),
)


def test_wrong_documents_change_nothing_and_consume_their_number():
    world = World(power_w=0)

    def then(world):
        for document in WRONG:
            before = world.row("order")
            eq(lend(world, 0, document), (2, orders.BAD_DOCUMENT), repr(document))
            eq(world.row("order"), before + 1)
        eq(lend(world, 0), (2, orders.NO_CHANGE))
        eq((limits_of(world), told(world, kinds.REASON), told(world, kinds.CREDIT_LIMIT)), ({}, [], []))
        eq(lend(world, LIMIT), (1, 0))
        eq(lend(world, LIMIT), (2, orders.NO_CHANGE))
        eq(lend(world, LIMIT, None, 999), (2, orders.UNKNOWN_ACCOUNT))
        eq((limits_of(world), world.gateway.ledger.sound), ({1001: LIMIT}, True))

    life(world, then)


def test_without_room_for_its_reason_a_limit_stays_as_it_is():
    world = World(power_w=0)

    def then(world):
        lend(world, LIMIT)
        may_record = world.gateway.ledger.may_record
        world.gateway.ledger.may_record = lambda klass: klass != kinds.ORDINARY
        eq((lend(world, 0), lend(world, 2 * LIMIT)), ((2, orders.CONDITION), (2, orders.CONDITION)))
        world.gateway.ledger.may_record = may_record
        eq(limits_of(world), {1001: LIMIT})

    life(world, then)


def test_a_limit_outlives_power_cuts_snapshots_and_the_records_that_told_it():
    world = World(power_w=0)

    async def first(world):
        await ready(world)
        lend(world, LIMIT)
        ledger = world.gateway.ledger
        ledger._begin_snapshot(ledger.accounts.count + 1)
        while ledger.snapshot.begun:
            ledger.on_tick()
        world.power_cut()

    async def second(world):
        await ready(world)
        eq((limits_of(world), world.gateway.ledger.sound), ({1001: LIMIT}, True))
        ledger = world.gateway.ledger
        rows = [values[0] for values in told(world, kinds.SNAPSHOT_ROW)]
        fresh = type(ledger.accounts)(16)
        fresh.doubt()
        for kind, values in kinds_told(world, kinds.SNAPSHOT_BEGIN, kinds.SNAPSHOT_ROW, kinds.SNAPSHOT_END):
            fresh.apply(kind, values, 1, 1)
        eq((len(rows), fresh.credit_limits, fresh.complete), (2, {1001: LIMIT}, True), "the snapshot alone tells it")

    world.run(first)
    world.run(second)


def test_a_replaced_board_has_the_limit_from_the_state_of_the_head_end_and_cuts_nobody_by_another_floor():
    world, rows = World(power_w=0), []

    def first(world):
        lend(world, LIMIT)
        stand(world, -50 * COIN)
        rows.append(world.gateway.ledger.accounts.row_bytes(world.slot().row))

    async def second(world):
        await ready(world)
        gateway = world.gateway
        gateway.ledger.import_state(2, gateway.ledger.sequence + 1_000, rows)
        gateway.state_taken()
        eq((limits_of(world), world.balance(), floor_of(world)), ({1001: LIMIT}, -50 * COIN, (-LIMIT, COIN - LIMIT)))
        await aio.sleep_ms(120_000)
        eq((world.row("wish"), told(world, kinds.NOTICE)), (0, []))

    life(world, first)
    fresh = World(power_w=0)
    fresh.run(second)


def test_a_limit_goes_with_the_account_to_another_gateway_and_nothing_of_it_stays():
    world, rows = World(power_w=0), []

    def first(world):
        taking(world)
        used_a_little(world)
        lend(world, LIMIT)
        eq(give(world, 2), (1, 0))
        rows.append(carried(world)[-1])
        eq((limits_of(world), len(rows[0]), world.gateway.ledger.sound), ({}, LONGEST_ROW_SIZE, True))

    def second(world):
        eq(take(world, rows[0], 3), (1, 0))
        eq((limits_of(world), floor_of(world)), ({1001: LIMIT}, (-LIMIT, COIN - LIMIT)))

    def again(world):
        eq((limits_of(world), world.gateway.ledger.sound), ({1001: LIMIT}, True))

    alone(world, first)
    other = arriving()
    alone(other, second)
    alone(other, again)


def test_emergency_credit_lies_below_the_limit_and_is_repaid_first():
    world = World(power_w=0, policies=[policy(emergency="10.00")])

    async def script(world):
        await ready(world)
        lend(world, LIMIT)
        stand(world, -99 * COIN)
        await aio.sleep_ms(60_000)
        eq(told(world, kinds.EMERGENCY), [])
        stand(world, -101 * COIN)
        eq(await until(lambda: told(world, kinds.EMERGENCY)), True)
        eq((told(world, kinds.EMERGENCY)[0][2:], floor_of(world)), ((1, 10 * COIN, -101 * COIN), (-110 * COIN, COIN - LIMIT)))
        await aio.sleep_ms(60_000)
        eq(world.row("wish"), 0)
        world.credit(COIN + 1)
        eq((told(world, kinds.EMERGENCY)[-1][2], floor_of(world)[0]), (2, -LIMIT), "repaid by what came first")
        world.credit(-1)
        eq(await until(lambda: world.row("wish") == 1), True)

    world.run(script)


# balance before, credit, taken of a debt at 50 percent: floor -100, restore amount -99
SHARES = (
    (-50 * COIN, 20 * COIN, 10 * COIN),
    (-100 * COIN, 20 * COIN, 9_500_000),
    (-100 * COIN, COIN, 0),
    (-120 * COIN, 20 * COIN, 0),
)


def test_a_debt_is_paid_off_by_what_exceeds_the_lowered_restore_amount():
    cases(SHARES, one_credit)


def one_credit(before, credit, taken):
    world = World(power_w=0)

    def then(world):
        lend(world, LIMIT)
        world.gateway.on_order(orders.DEBT, 1001, 2, 0, 0, 0, cbor.encode({1: 100 * COIN, 2: 50, 3: 0}))
        stand(world, before)
        world.credit(credit)
        eq([(values[4], values[8]) for values in told(world, kinds.RECOVERY)], [(taken, COIN - LIMIT)])

    life(world, then)


def test_days_left_and_an_order_to_restore_count_from_the_lowered_floor():
    world = World(power_w=0, flags={0: {"care": True}}, policies=[policy(care={"lead_days": 3})])

    def then(world):
        lend(world, LIMIT)
        stand(world, -40 * COIN)
        use, day = world.gateway.supply.notices.use, None
        view, _ = world.gateway.supply.facts_of(world.slot())
        day = (view.reading_at_s + 8 * HOUR_S) // 86_400
        use.forget(1001)
        use.watch(1001)
        charged = world.row("total_charged_ucu")
        use.on_total(1001, charged - 5 * COIN, day - 1)
        eq(world.gateway.supply.facts_of(world.slot())[0].days_left, 12, "60 until the floor, 5 a day")
        world.gateway.on_order(orders.RESTORE, 1001, world.row("order") + 1, 0, 0, 0, None)
        eq(world.row("flags") & 32, 0, "it stands above its restore amount: nothing has to hold it on")

    life(world, then)
