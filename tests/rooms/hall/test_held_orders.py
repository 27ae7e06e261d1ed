"""What an operator says of a held reading: released it is the base of charging, rejected it stays held; the reason is journalled."""

from firmware.base.reading import MARK_HELD
from firmware.base.wire import cbor
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, read, told
from tests.kit import cases, eq

DAY_S = 86_400
HELD_ORDER = 10
RELEASE, REJECT, CHARGE = 1, 2, 3
ACCEPTED, REFUSED = 1, 2
CONDITION, BAD_DOCUMENT, NO_CHANGE = 4, 6, 9
FLAG_HELD = 16


def say(world, number, what, register_cwh, text="meter was tested", rate=0):
    document = bytes(cbor.encode({1: what, 2: rate, 3: register_cwh, 4: text}))
    world.gateway.on_order(HELD_ORDER, world.slot().account, number, 0, 9, 0, document)
    return verdict(world)


def verdict(world):
    """(verdict, reason) of the last order."""
    return told(world, kinds.ORDER)[-1][3:5]


def jumped(world):
    read(world, START_S, [1_000])
    read(world, START_S + 5, [900_000])
    return read(world, START_S + 900, [900_010])


def test_a_released_register_is_the_base_and_the_way_to_it_is_written_off():
    world = World()

    def script(world):
        jumped(world)
        eq(say(world, 1, RELEASE, 900_000), (ACCEPTED, 0))
        eq((world.row("flags") & FLAG_HELD, world.row("charged_0")), (0, 900_010))
        read(world, START_S + DAY_S, [900_050])

    alone(world, script)
    eq(charged(world), 40 * 5_500)
    eq(told(world, kinds.HELD)[-1][2:], (0, 0, 900_010, 1_000))
    account, number, order, what, text = told(world, kinds.REASON)[0]
    eq((account, number, order, what, text), (1001, 1, HELD_ORDER, RELEASE, b"meter was tested" + bytes(48)))


def test_a_rejected_register_stays_held_until_the_meter_comes_back():
    world = World()

    def script(world):
        jumped(world)
        eq(say(world, 1, REJECT, 900_010), (ACCEPTED, 0))
        eq(read(world, START_S + DAY_S, [900_050]).marks & MARK_HELD, MARK_HELD)
        eq((world.row("flags") & FLAG_HELD, world.row("charged_0"), charged(world)), (FLAG_HELD, 1_000, 0))
        read(world, START_S + DAY_S + 900, [1_020])

    alone(world, script)
    eq((charged(world), [values[3] for values in told(world, kinds.REASON)]), (20 * 5_500, [REJECT]))


def test_what_was_believed_before_the_hold_is_charged_and_only_the_jump_is_written_off():
    world = World()

    def first(world):
        read(world, START_S, [1_000])
        read(world, START_S + 600, [1_050])  # worth less than the limit
        read(world, START_S + 660, [900_000])

    alone(world, first)

    def second(world):
        read(world, START_S + 900, [900_010])
        eq((say(world, 1, RELEASE, 900_000), charged(world)), ((ACCEPTED, 0), 50 * 5_500))

    alone(world, second)
    eq(told(world, kinds.HELD)[-1][2:], (0, 0, 900_010, 1_050))


def test_a_jump_that_was_real_is_charged_and_believed():
    world = World()

    def script(world):
        jumped(world)
        eq(say(world, 1, CHARGE, 900_000), (ACCEPTED, 0))
        eq((world.row("flags") & FLAG_HELD, world.row("charged_0"), charged(world)), (0, 900_010, 899_010 * 5_500))
        eq(read(world, START_S + 960, [900_011]).marks & MARK_HELD, 0)

    alone(world, script)
    eq(told(world, kinds.HELD)[-1][2:], (0, 0, 900_010, 900_010), "nothing is written off")
    alone(world, lambda world: eq(read(world, START_S + 1_020, [900_012]).marks & MARK_HELD, 0))


def test_a_register_that_went_back_or_has_no_price_is_not_charged():
    world = World()

    def back(world):
        read(world, START_S, [1_000])
        read(world, START_S + 60, [10])
        eq((say(world, 1, CHARGE, 10), charged(world)), ((REFUSED, CONDITION), 0), "almost a whole turn")

    alone(world, back)
    world = World(prices={"rates": ["1.0000"]})

    def unpriced(world):
        jumped(world)
        eq((say(world, 1, CHARGE, 900_000), world.row("flags") & FLAG_HELD), ((REFUSED, CONDITION), FLAG_HELD))

    alone(world, unpriced)


def test_a_rejection_and_a_jump_outlive_a_restart():
    world = World()

    def first(world):
        jumped(world)
        say(world, 1, REJECT, 900_010)

    alone(world, first)
    alone(world, lambda world: eq(read(world, START_S + DAY_S, [900_050]).marks & MARK_HELD, MARK_HELD))
    eq((charged(world), len(told(world, kinds.REASON))), (0, 1))


def test_what_the_operator_did_not_see_is_not_released():
    world = World()

    def script(world):
        jumped(world)
        eq(say(world, 1, RELEASE, 900_011), (REFUSED, CONDITION), "it does not go on from there")
        eq(say(world, 2, RELEASE, 900_000, rate=1), (REFUSED, CONDITION), "a register that this meter does not have")
        eq((world.row("flags") & FLAG_HELD, told(world, kinds.REASON), world.row("order")), (FLAG_HELD, [], 2))
        eq(say(world, 3, RELEASE, 900_010), (ACCEPTED, 0))

    alone(world, script)


def test_another_meters_register_is_never_released():
    world = World()

    def script(world):
        read(world, START_S, [1_000])
        reading = read(world, START_S + 900, [5])
        reading.serial = b"\x99\x00\x00\x00\x00\x21"
        world.gateway.on_reading(reading)
        eq(say(world, 1, RELEASE, 5), (REFUSED, CONDITION))
        world.gateway.on_order(HELD_ORDER, 1001, 2, 0, 9, 0, None)
        eq((verdict(world), world.row("charged_0")), ((REFUSED, CONDITION), 1_000))

    alone(world, script)


def test_where_nothing_is_held_there_is_nothing_to_say():
    world = World()

    def script(world):
        read(world, START_S, [1_000])
        eq(say(world, 1, RELEASE, 1_000), (REFUSED, NO_CHANGE))
        eq((say(world, 2, REJECT, 1_000), told(world, kinds.REASON)), ((REFUSED, NO_CHANGE), []))

    alone(world, script)


def test_an_order_that_comes_again_leaves_one_reason():
    world = World()

    def script(world):
        jumped(world)
        for _ in range(3):
            say(world, 1, REJECT, 900_010)
        eq((len(told(world, kinds.REASON)), len(told(world, kinds.ORDER))), (1, 1))

    alone(world, script)


def test_a_reason_that_finds_no_room_leaves_the_reading_held():
    world = World()

    def script(world):
        jumped(world)
        world.gateway.ledger.journal.reserves[1] += 10_000
        eq((say(world, 1, RELEASE, 900_000), say(world, 2, REJECT, 900_000)), ((REFUSED, CONDITION), (REFUSED, CONDITION)))
        eq((world.row("charged_0"), told(world, kinds.REASON)), (1_000, []))

    alone(world, script)


def test_the_console_finds_the_reason_where_nothing_was_decided():
    world = World()

    def script(world):
        world.credit(50_000_000)
        jumped(world)
        eq(world.firmware._decisions.last(1001), 0)
        say(world, 1, REJECT, 900_010)
        found = world.firmware._decisions.last(1001)
        eq([raw[1] for raw in world.gateway.ledger.outbox.journal_from(found, 90)[3]][:1], [kinds.REASON])
        world.gateway.ledger.record(kinds.DECISION, (1001, 3) + (0,) * 13)
        decided = world.firmware._decisions.last(1001)
        say(world, 2, REJECT, 900_010)
        eq((decided > found, world.firmware._decisions.last(1001)), (True, decided))

    alone(world, script)


def test_documents_that_are_wrong_are_refused_and_named_so():
    world = World()

    def script(world):
        jumped(world)
        numbers = iter(range(1, 99))

        def check(fields):
            document = bytes(cbor.encode(fields))
            world.gateway.on_order(HELD_ORDER, 1001, next(numbers), 0, 9, 0, document)
            eq(verdict(world), (REFUSED, BAD_DOCUMENT), str(fields))

        cases(
            (
                ({1: 4, 2: 0, 3: 900_000, 4: "x"},),
                ({1: 1, 2: 5, 3: 900_000, 4: "x"},),
                ({1: 1, 2: 0, 3: 900_000, 4: ""},),
                ({1: 1, 2: 0, 3: 900_000, 4: "x" * 65},),
                ({1: 1, 2: 0, 3: 900_000, 4: b"x"},),
                ({1: 1, 2: 0, 3: -1, 4: "x"},),
                ({1: 1, 2: 0, 3: 900_000},),
            ),
            check,
        )
        eq(world.row("charged_0"), 1_000)

    alone(world, script)
