"""A rate register is held where the meter's own total says that no energy moved it, however long nobody could look at it."""

from firmware.base.reading import MARK_HELD, Reading
from firmware.base.wire import cbor
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, read, told
from tests.kit import cases, eq

DAY_S = 86_400
RATES = 4
FOUR_PRICES = {"rates": ["1.0000", "1.0000", "1.0000", "1.0000"]}
PRICE = 10_000
NOT_IN_TOTAL = 5
RELEASE, REJECT, CHARGE = 1, 2, 3
FLAG_HELD = 16
START = [1_000, 100, 200, 300, 400]
USED = [2_000, 500, 400, 500, 600]  # 10 kWh later
JUMPED = [2_000, 200_500, 400, 500, 600]  # and rate 1 2,000 kWh further, which this meter passes in 24 h


def rated_world(**changes):
    return World(model="three_phase_tou", prices=FOUR_PRICES, power_w=12_000, **changes)


def look(world, at_s, registers):
    return read(world, at_s, registers, RATES).marks & MARK_HELD


def jumped_while_nobody_looked(world):
    """Bound, then two days in which nothing was written down."""
    alone(world, lambda world: look(world, START_S, START))
    return world


def say(world, number, what, register_cwh, rate=1):
    document = bytes(cbor.encode({1: what, 2: rate, 3: register_cwh, 4: "looked at"}))
    world.gateway.on_order(10, 1001, number, 0, 9, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


def test_a_rate_that_jumped_while_nobody_looked_is_held_in_a_new_life():
    world = jumped_while_nobody_looked(rated_world())

    def second(world):
        eq(look(world, START_S + 2 * DAY_S, JUMPED), MARK_HELD)
        eq(look(world, START_S + 2 * DAY_S + 900, [2_100, 200_600, 400, 500, 600]), MARK_HELD)
        eq((charged(world), world.row("flags") & FLAG_HELD), (0, FLAG_HELD))

    alone(world, second)
    eq([values[2:] for values in told(world, kinds.HELD)], [(NOT_IN_TOTAL, 1, 200_500, 100)])
    alone(world, lambda world: eq(look(world, START_S + 30 * DAY_S, JUMPED), MARK_HELD, "believed after a month"))
    alone(world, lambda world: eq(look(world, START_S + 31 * DAY_S, USED), 0, "it came back"))
    eq((charged(world), world.row("flags") & FLAG_HELD), (1_000 * PRICE, 0))


def test_a_rate_that_jumped_while_its_meter_was_silent_is_held_in_the_same_life():
    world = rated_world()

    def script(world):
        look(world, START_S, START)
        world.gateway.slots.second += 2 * DAY_S
        eq(look(world, START_S + 2 * DAY_S, JUMPED), MARK_HELD)

    alone(world, script)
    eq((charged(world), told(world, kinds.HELD)[0][2]), (0, NOT_IN_TOTAL))


def test_the_rate_that_passed_most_is_the_one_to_look_at():
    world = jumped_while_nobody_looked(rated_world())
    alone(world, lambda world: look(world, START_S + 2 * DAY_S, [2_000, 500, 400, 99_900, 900]))
    eq([values[3:] for values in told(world, kinds.HELD)], [(3, 99_900, 300)])


def test_energy_of_two_days_and_rounded_digits_are_no_contradiction():
    def check(registers, expected):
        world = jumped_while_nobody_looked(rated_world())
        alone(world, lambda world: eq(look(world, START_S + 2 * DAY_S, registers), expected, str(registers)))

    cases(
        (
            (USED, 0),
            ([20_000, 500, 400, 500, 600], 0),  # what the rates do not count
            ([None, 500, 400, 500, 600], 0),  # no total
            ([None, 200_500, 400, 500, 600], 0),  # which is then believed, as on meters without one
            ([1_995, 500, 400, 500, 600], 0),
            ([1_920, 500, 400, 500, 600], 0),  # asked one after the other at 90 kW
            ([1_919, 500, 400, 500, 600], MARK_HELD),
            ([900, 100, 200, 300, 400], MARK_HELD),  # the total went back
        ),
        check,
    )


def test_a_total_that_rolled_over_contradicts_nothing_and_a_jump_behind_it_does():
    world = rated_world()
    alone(world, lambda world: look(world, START_S, [99_999_900, 99_999_950, 1, 2, 3]))
    alone(world, lambda world: eq(look(world, START_S + DAY_S, [900, 950, 1, 2, 3]), 0))
    eq(charged(world), 1_000 * PRICE)
    alone(world, lambda world: eq(look(world, START_S + 3 * DAY_S, [1_000, 1_050, 200_001, 2, 3]), MARK_HELD))


def test_a_total_that_is_not_told_any_more_ends_no_hold():
    world = jumped_while_nobody_looked(rated_world())

    def script(world):
        eq(look(world, START_S + 2 * DAY_S, JUMPED), MARK_HELD)
        eq(look(world, START_S + 2 * DAY_S + 60, [None] + JUMPED[1:]), MARK_HELD)

    alone(world, script)
    eq(len(told(world, kinds.HELD)), 1)


def test_a_freeze_that_the_total_contradicts_splits_no_midnight():
    world = rated_world()

    def script(world):
        look(world, START_S, START)
        reading = Reading(0, world.slot().serial)
        reading.at_s, reading.rates = START_S + 4 * DAY_S, RATES
        reading.registers[:] = [601_000, 600_100, 200, 300, 400]

        def check(total, expected):
            registers = [total, 200_100, 200, 300, 400]
            eq(world.gateway.freezes._believable(world.slot(), reading, START_S + DAY_S, registers), expected, str(total))

        cases(((201_000, True), (None, True), (1_000, False)), check)

    alone(world, script)


def held(world):
    jumped_while_nobody_looked(world)
    return lambda world: look(world, START_S + 2 * DAY_S, JUMPED)


def test_a_released_rate_is_the_base_and_the_total_holds_the_next_jump_again():
    world = rated_world()
    look_at_it = held(world)

    def second(world):
        look_at_it(world)
        eq(say(world, 1, RELEASE, 200_500), (1, 0))
        eq((world.row("flags") & FLAG_HELD, world.row("charged_1")), (0, 200_500))
        eq(world.row("charged_0"), (1_000 - 200_000) % 100_000_000, "where the total would have begun")
        eq(look(world, START_S + 2 * DAY_S + 900, [2_100, 200_600, 400, 500, 600]), 0)

    alone(world, second)
    eq(told(world, kinds.HELD)[-1][2:], (0, 0, 99_801_000, 1_000))

    def third(world):
        eq(look(world, START_S + 3 * DAY_S, [2_200, 200_700, 400, 500, 600]), 0, "held again after a restart")
        eq(charged(world), 200 * PRICE, "what was used behind it")

    alone(world, third)
    alone(world, lambda world: eq(look(world, START_S + 5 * DAY_S, [2_300, 200_800, 200_400, 500, 600]), MARK_HELD))


def test_a_rate_that_the_operator_says_was_right_is_charged_and_stays_believed():
    world = rated_world()
    look_at_it = held(world)

    def second(world):
        look_at_it(world)
        eq(say(world, 1, CHARGE, 200_500), (1, 0))
        eq((charged(world), world.row("flags") & FLAG_HELD), (201_000 * PRICE, 0))
        eq(look(world, START_S + 2 * DAY_S + 60, JUMPED), 0)

    alone(world, second)
    alone(world, lambda world: eq(look(world, START_S + 2 * DAY_S + 120, JUMPED), 0, "held again after a restart"))
    eq(len([1 for values in told(world, kinds.HELD) if values[2]]), 1)


def test_a_rejected_rate_stays_held_over_a_restart():
    world = rated_world()
    look_at_it = held(world)

    def second(world):
        look_at_it(world)
        eq(say(world, 1, REJECT, 200_500), (1, 0))

    alone(world, second)
    alone(world, lambda world: eq(look(world, START_S + 9 * DAY_S, JUMPED), MARK_HELD))
    eq((charged(world), world.row("charged_0")), (0, 1_000))


def test_a_step_back_of_a_rate_that_is_released_leaves_no_room_for_a_jump():
    world = rated_world()

    def script(world):
        look(world, START_S, [20_000, 10_000, 2_000, 3_000, 5_000])
        eq(look(world, START_S + 60, [20_000, 100, 2_000, 3_000, 5_000]), MARK_HELD)
        eq(say(world, 1, RELEASE, 100), (1, 0))

    alone(world, script)
    alone(world, lambda world: eq(look(world, START_S + 2 * DAY_S, [20_010, 9_000, 2_000, 3_000, 5_000]), MARK_HELD))
    eq(charged(world), 0)


def test_who_moves_in_is_held_against_the_total_from_where_they_begin():
    world = rated_world()

    def out_and_in(world):
        look(world, START_S, START)
        look(world, START_S + 3_600, USED)
        world.gateway.on_order(13, 1001, 1, 0, 0, 0, bytes(cbor.encode({1: 2002, 2: 0, 3: "sold"})))

    alone(world, out_and_in)
    new = world.gateway.ledger.accounts.row_of(2002)
    eq([world.gateway.ledger.accounts.from_cwh(new, rate) for rate in range(5)], USED)
    alone(world, lambda world: eq(look(world, START_S + 2 * DAY_S, [2_000, 900, 400, 500, 600]), MARK_HELD))
