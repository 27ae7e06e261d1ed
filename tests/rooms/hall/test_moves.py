"""Who moves out is charged up to the last register, who moves in from there; no energy is lost, none charged twice, both keep books."""

from firmware.base.wire import cbor
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, in_contact, read, records, told, until
from tests.kit import cases, eq
from tests.rooms.hall.moving import ACCEPTED, MOVE_IN, MOVE_OUT, NEW, OLD, REFUSED, lines, move, of, used_a_little

DAY_S = 86_400
CONDITION, UNKNOWN_ACCOUNT, BAD_DOCUMENT, NO_CHANGE = 4, 5, 6, 9
NEXT = 7002
FLAG_MOVED_OUT = 1024
CLOSED = 5
COIN = 1_000_000


def test_a_change_of_customers_splits_the_energy_at_one_register():
    world = World()

    def script(world):
        world.credit(50 * COIN)
        used_a_little(world)
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        eq((world.slot().account, of(world, OLD, "serial"), of(world, NEW, "charged_0")), (NEW, bytes(6), 1_003))
        eq(of(world, NEW, "charged_at_s"), START_S + 60)
        read(world, START_S + 120, [1_004])
        read(world, START_S + 2 * DAY_S, [1_050])

    alone(world, script)
    eq((lines(world, OLD), sum([end - start for start, end, _ in lines(world, NEW)])), ([(1_000, 1_003, CLOSED)], 47))
    eq((of(world, OLD, "total_charged_ucu"), charged(world)), (3 * 5_500, 47 * 5_500))
    eq([values[:4] for values in told(world, kinds.REASON)], [(OLD, 1, MOVE_IN, 0)])
    eq(told(world, kinds.MOVED), [(OLD, NEW, world.slot().serial, 1)])


def test_where_nobody_lives_energy_waits_for_who_moves_in():
    world = World()

    def script(world):
        world.credit(50 * COIN)
        used_a_little(world)
        eq(move(world, MOVE_OUT, 1), (ACCEPTED, 0))
        eq(of(world, OLD, "flags") & FLAG_MOVED_OUT, FLAG_MOVED_OUT)
        read(world, START_S + 2 * DAY_S, [1_020])
        eq((lines(world, OLD), world.slot().uncharged_ucu), ([(1_000, 1_003, CLOSED)], None))
        eq(move(world, MOVE_IN, 2, NEW), (ACCEPTED, 0))
        read(world, START_S + 2 * DAY_S + 60, [1_021])
        read(world, START_S + 4 * DAY_S, [1_050])

    alone(world, script)
    eq((of(world, OLD, "total_charged_ucu"), charged(world)), (3 * 5_500, 47 * 5_500))


def test_a_move_outlives_restarts_though_the_settings_name_the_old_account():
    world = World(meters=2)

    def first(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)
        world.gateway.on_credit(OLD, 1, 1, 5 * COIN, 5 * COIN, START_S)
        world.gateway.on_credit(NEW, 1, 1, 7 * COIN, 7 * COIN, START_S)

    alone(world, first)

    def second(world):
        eq((world.slot().account, world.slot(1).account, world.gateway.slot_of(OLD)), (NEW, 1002, None))
        eq(world.gateway.slot_of(NEW).index, 0)
        read(world, START_S + 2 * DAY_S, [1_050])
        eq(move(world, MOVE_IN, 1, NEXT, account=NEW), (ACCEPTED, 0))

    alone(world, second)

    def third(world):
        eq((world.slot().account, world.balance()), (NEXT, 0))
        eq((of(world, OLD, "total_0"), of(world, NEW, "total_0")), (5 * COIN, 7 * COIN))
        eq(world.gateway.ledger.troubles, ())

    alone(world, third)
    eq(of(world, NEW, "total_charged_ucu"), 47 * 5_500)


def test_an_order_from_before_the_move_that_comes_again_leaves_no_second_verdict():
    world = World()

    def script(world):
        used_a_little(world)
        world.gateway.on_order(17, OLD, 1, 0, 0, 0, bytes(cbor.encode({1: 5 * COIN, 2: "contract 17"})))
        eq(move(world, MOVE_IN, 2, NEW), (ACCEPTED, 0))
        before = world.gateway.ledger.sequence
        world.gateway.on_order(17, OLD, 1, 0, 0, 0, bytes(cbor.encode({1: 5 * COIN, 2: "contract 17"})))
        eq(world.gateway.ledger.sequence, before)
        world.gateway.on_order(17, OLD, 3, 0, 0, 0, bytes(cbor.encode({1: 6 * COIN, 2: "contract 17"})))
        world.gateway.on_order(3, 4242, 1, 0, 0, 0, None)

    alone(world, script)
    verdicts = [(values[0], values[1], values[3], values[4]) for values in told(world, kinds.ORDER)]
    eq(verdicts, [(OLD, 1, 1, 0), (OLD, 2, 1, 0), (OLD, 3, REFUSED, UNKNOWN_ACCOUNT), (4242, 1, REFUSED, UNKNOWN_ACCOUNT)])


def test_a_move_stands_in_snapshots_and_a_pruned_journal():
    world = World()

    def first(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)
        ledger = world.gateway.ledger
        ledger._begin_snapshot(ledger.accounts.count + 1)
        while ledger.snapshot.begun:
            ledger.on_tick()

    alone(world, first)
    eq([len(raw) - 23 for raw in records(world, kinds.SNAPSHOT_ROW)][:2], [170, 146])

    def second(world):
        accounts = world.gateway.ledger.accounts
        eq((world.slot().account, accounts.followers, accounts.disagreements), (NEW, {OLD: NEW}, 0))

    alone(world, second)


def test_the_state_of_the_head_end_tells_who_moved_in_to_a_board_that_was_replaced():
    world = World()

    def first(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)
        accounts = world.gateway.ledger.accounts
        return [accounts.row_bytes(row) for row in range(accounts.count)]

    rows = alone(world, first)
    world = World()

    def second(world):
        eq(world.slot().account, OLD)
        gateway = world.gateway
        gateway.ledger.import_state(2, gateway.ledger.sequence + 1_000, rows)
        gateway.state_taken()
        eq((world.slot().account, gateway.slot_of(OLD), gateway.slot_of(NEW).index), (NEW, None, 0))
        read(world, START_S + 120, [1_006])
        read(world, START_S + 2 * DAY_S, [1_050])
        eq(charged(world), 47 * 5_500)

    alone(world, second)


def test_the_settings_count_again_when_they_name_the_new_account():
    world = World()

    def first(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)

    alone(world, first)
    world._files[2][0] = {"account": NEW, "protected": True}
    world.write_again()

    def second(world):
        eq((world.slot().account, world.slot().flags, world.gateway.slots.moved), (NEW, 1, {}))
        read(world, START_S + 2 * DAY_S, [1_050])
        eq(charged(world), 47 * 5_500)

    alone(world, second)


def test_who_moves_back_in_has_the_meter_again():
    world = World()

    def first(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)
        read(world, START_S + 120, [1_005])
        eq(move(world, MOVE_IN, 1, OLD, account=NEW), (ACCEPTED, 0))
        eq((world.slot().account, world.gateway.ledger.accounts.followers), (OLD, {NEW: OLD}))

    alone(world, first)
    alone(world, lambda world: eq((world.slot().account, of(world, OLD, "charged_0")), (OLD, 1_005)))


def test_flags_of_the_old_customer_are_not_those_of_the_new_one():
    world = World(flags={0: {"protected": True}})

    def script(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW, 2)
        eq((world.slot().flags, of(world, NEW, "flags") & 7, of(world, OLD, "flags") & 7), (0, 2, 1))

    alone(world, script)


def test_rates_and_transformers_go_with_the_meter():
    world = World(model="three_phase_tou", flags={0: {"ratio": 40}}, prices={"rates": ["1.0000", "0.8000", "0.5000", "0.2000"]})

    def script(world):
        read(world, START_S, [1_000, 100, 200, 300, 400], 4)
        read(world, START_S + 60, [1_003, 101, 201, 301, 400], 4)
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        eq(told(world, kinds.SEGMENT)[-1][2:], (4, 1_003, 101, 201, 301, 400, 40, START_S + 60))
        read(world, START_S + 2 * DAY_S, [1_005, 101, 202, 301, 401], 4)

    alone(world, script)
    eq((of(world, OLD, "total_charged_ucu"), charged(world)), (40 * 23_000, 40 * 10_000))


def test_a_repeated_order_moves_nobody_twice():
    world = World()

    def script(world):
        used_a_little(world)
        move(world, MOVE_IN, 1, NEW)
        count = len(told(world, kinds.ORDER))
        move(world, MOVE_IN, 1, NEW)
        eq(len(told(world, kinds.ORDER)), count, "its verdict stands in the journal")
        eq(move(world, MOVE_IN, 2, NEXT), (REFUSED, UNKNOWN_ACCOUNT))
        eq(world.slot().account, NEW)

    alone(world, script)


def test_supply_that_was_cut_comes_back_for_who_moves_in():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(await until(lambda: world.slot().reading_age_s < 3), True)
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        world.gateway.on_credit(NEW, 1, 1, 50 * COIN, 50 * COIN, START_S)
        eq(await until(lambda: not world.meters[0].status & 0x10), True, "still dark")
        eq(await until(lambda: world.row("seen") == supply.CLOSED), True)
        eq((world.row("fault"), await until(lambda: not world.meters[0].status & 0x80)), (0, True), "the alarm was for the one before")

    world.run(script)


def test_nobody_moves_while_the_register_is_not_known():
    world = World()

    def script(world):
        eq(move(world, MOVE_IN, 1, NEW), (REFUSED, CONDITION), "no reading in this life")
        used_a_little(world)
        world.gateway.slots.second += 3_601
        eq(move(world, MOVE_OUT, 2), (REFUSED, CONDITION), "read an hour ago")
        read(world, START_S + 3_700, [1_004])
        read(world, START_S + 3_760, [900_000])
        eq(move(world, MOVE_OUT, 3), (REFUSED, CONDITION), "held")
        eq((world.slot().account, lines(world, OLD), told(world, kinds.REASON)), (OLD, [], []))

    alone(world, script)


def test_a_move_without_room_or_tariff_changes_nothing():
    world = World(prices={"rates": ["1.0000"]})

    def no_tariff(world):
        used_a_little(world)
        eq(move(world, MOVE_IN, 1, NEW), (REFUSED, CONDITION))

    alone(world, no_tariff)
    world = World()

    def no_room(world):
        used_a_little(world)
        world.gateway.ledger.journal.reserves[1] += 10_000
        eq(move(world, MOVE_IN, 1, NEW), (REFUSED, CONDITION))
        eq((world.slot().account, world.gateway.ledger.accounts.row_of(NEW)), (OLD, -1))

    alone(world, no_room)


def test_nobody_moves_into_an_account_that_has_a_meter_or_finds_no_place():
    world = World(meters=2)

    def script(world):
        used_a_little(world)
        eq(move(world, MOVE_IN, 1, 1002), (REFUSED, CONDITION), "the neighbour's")
        eq(move(world, MOVE_IN, 2, OLD), (REFUSED, CONDITION), "its own")
        world.gateway.ledger.accounts.capacity = 2
        eq(move(world, MOVE_IN, 3, NEW), (REFUSED, CONDITION), "the books are full")
        world.gateway.ledger.accounts.capacity = 16
        eq(move(world, MOVE_OUT, 4), (ACCEPTED, 0))
        eq(move(world, MOVE_OUT, 5), (REFUSED, NO_CHANGE))

    alone(world, script)


def test_documents_that_are_wrong_are_refused():
    world = World()

    def script(world):
        used_a_little(world)
        numbers = iter(range(1, 99))

        def check(order, fields):
            world.gateway.on_order(order, OLD, next(numbers), 0, 9, 0, bytes(cbor.encode(fields)))
            eq(told(world, kinds.ORDER)[-1][3:5], (REFUSED, BAD_DOCUMENT), str(fields))

        cases(
            (
                (MOVE_OUT, {1: NEW, 2: 0, 3: "x"}),
                (MOVE_OUT, {1: 0, 2: 1, 3: "x"}),
                (MOVE_IN, {1: NEW, 2: 8, 3: "x"}),
                (MOVE_IN, {1: NEW, 2: 0, 3: ""}),
                (MOVE_IN, {1: NEW, 2: 0}),
                (MOVE_IN, []),
            ),
            check,
        )
        eq(world.slot().account, OLD)

    alone(world, script)
