"""What a register may do: roll over, jump, stand still for days, give no value; and what follows for the money."""

from firmware.base import aio
from firmware.base.reading import MARK_HELD, Reading
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, records
from tests.kit import eq

COIN = 1_000_000
DAY_S = 86_400
RELEASE_HELD = 10
NEW_PRICE = b'{"tariff":1,"version":2,"effective":"2026-09-23","currency":"CNY","utc_offset_min":480,"prices":{"total":"1.0000"}}'


def read(world, at_s, register_cwh):
    """A reading as the bus hands it over, at a time of the test's choice -> the reading."""
    reading = Reading(0, world.slot().serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, 0, 0
    reading.registers[0] = register_cwh
    world.rtc.at_s = max(world.rtc.at_s, at_s)
    if at_s:
        world.gateway.clock._set(3, at_s, world.gateway._ticks_ms(), 0)
    world.gateway.on_reading(reading)
    return reading


def test_a_register_that_rolls_over_where_its_model_says_is_charged():
    world = World()

    def script(world):
        world.slot().model.modulus_cwh = 80_000_000
        read(world, START_S, 79_999_900)
        reading = read(world, START_S + 900, 100)
        eq(reading.marks & MARK_HELD, 0, "held for its rollover")
        read(world, START_S + DAY_S, 150)

    alone(world, script)
    eq(charged(world), 250 * 5_500)


def test_a_register_that_its_model_cannot_show_is_no_value():
    world = World()

    def script(world):
        world.slot().model.modulus_cwh = 80_000_000
        read(world, START_S, 79_999_900)
        reading = read(world, START_S + 900, 80_000_010)
        eq(reading.marks & MARK_HELD, MARK_HELD)
        world.gateway.on_order(RELEASE_HELD, world.slot().account, 1, 0, 9, 0, None)
        read(world, START_S + 1_800, 79_999_950)
        read(world, START_S + DAY_S, 79_999_960)

    alone(world, script)
    eq(charged(world), 60 * 5_500)


def test_a_jump_in_a_house_that_used_nothing_for_months_is_held():
    world = World()

    def script(world):
        for day in range(60):
            read(world, START_S + day * DAY_S, 500_000)
        reading = read(world, START_S + 59 * DAY_S + 900, 1_000_000)
        eq(reading.marks & MARK_HELD, MARK_HELD, "10000 kWh within a quarter of an hour were believed")

    alone(world, script)
    eq(charged(world), 0)


def test_a_jump_after_a_restart_is_measured_from_the_last_day_without_energy():
    world = World()

    def first(world):
        for day in range(60):
            read(world, START_S + day * DAY_S, 500_000)

    alone(world, first)

    def second(world):
        reading = read(world, START_S + 59 * DAY_S + 900, 1_000_000)
        eq(reading.marks & MARK_HELD, MARK_HELD)

    alone(world, second)


def test_a_day_without_energy_is_settled_so_that_the_next_has_its_own_price():
    world = World()

    def script(world):
        world.gateway.on_order(5, 0, 2, 0, 0, 0, NEW_PRICE)
        for day in range(4):
            read(world, START_S + day * DAY_S, 1_000)
        read(world, START_S + 3 * DAY_S + 3_600, 1_400)

    alone(world, script)
    eq(charged(world), 400 * 10_000, "an old price for the energy of today")
    eq(len(records(world, kinds.CHARGE)), 4, "one for each day that ended, and what was used today")


def test_an_account_that_was_bound_without_a_clock_is_dated_by_its_first_dated_reading():
    world = World()

    def script(world):
        world.gateway.clock.quality = 0
        world.gateway.clock._at_s = 0
        read(world, 0, 1_000)
        eq(world.row("charged_at_s"), 0)
        read(world, START_S, 1_010)
        eq(world.row("charged_at_s"), START_S)
        eq(read(world, START_S + 900, 900_000).marks & MARK_HELD, MARK_HELD)

    alone(world, script)


def test_energy_from_behind_a_hold_has_the_price_of_the_day_on_which_it_began():
    world = World()

    def script(world):
        world.gateway.on_order(5, 0, 2, 0, 0, 0, NEW_PRICE)
        read(world, START_S, 1_000)
        read(world, START_S + 900, None)
        eq(world.row("flags") & 16, 16)
        read(world, START_S + 3 * DAY_S, 1_100)
        eq(world.row("flags") & 16, 0)

    alone(world, script)
    eq(charged(world), 100 * 5_500)


def test_energy_from_behind_a_hold_waits_for_a_tariff_and_is_no_jump_meanwhile():
    world = World(prices={"rates": ["1.0000"]})

    def script(world):
        read(world, START_S, 1_000)
        read(world, START_S + 900, None)
        read(world, START_S + 3 * DAY_S, 6_000)
        reading = read(world, START_S + 3 * DAY_S + 900, 6_010)
        eq(reading.marks & MARK_HELD, 0, "what passed in three days looks like a jump")
        late = NEW_PRICE.replace(b"2026-09-23", b"2026-09-01")
        world.gateway.on_order(5, 0, 2, 0, 0, 0, late)
        read(world, START_S + 3 * DAY_S + 1_800, 6_020)
        eq(world.row("flags") & 16, 0)

    alone(world, script)
    eq(charged(world), 5_020 * 10_000)


def test_a_held_reading_is_not_let_go_without_room_to_write_it_down():
    world = World()

    def script(world):
        read(world, START_S, 1_000)
        read(world, START_S + 5, 900_000)
        ledger = world.gateway.ledger
        ledger.journal.reserves[1] += 10_000
        world.gateway.on_order(RELEASE_HELD, world.slot().account, 1, 0, 9, 0, None)
        ledger.journal.reserves[1] -= 10_000
        eq(world.row("flags") & 16, 16)
        eq(read(world, START_S + 900, 900_010).marks & MARK_HELD, MARK_HELD, "the whole jump would be charged")

    alone(world, script)
    eq(charged(world), 0)


def test_a_jump_stays_in_the_journal_when_a_snapshot_lets_older_records_go():
    world = World()

    def script(world):
        read(world, START_S, 1_000)
        read(world, START_S + 5, 900_000)
        read(world, START_S + 900, 900_010)
        world.gateway.on_tick()
        ledger = world.gateway.ledger
        ledger.snapshot.whole = ledger.sequence
        world.gateway.on_tick()
        world.gateway.on_tick()
        held = [values_of(raw, 0, len(raw)) for raw in records(world, kinds.HELD)]
        eq([values[4] for values in held], [900_000, 900_000], "after a restart waiting would make it believable")

    alone(world, script)


def test_a_hold_that_found_no_room_is_written_when_there_is_some():
    world = World()

    def script(world):
        read(world, START_S, 1_000)
        ledger = world.gateway.ledger
        ledger.journal.reserves[1] += 10_000
        read(world, START_S + 900, None)
        ledger.journal.reserves[1] -= 10_000
        read(world, START_S + 1_800, None)
        read(world, START_S + 2_700, None)
        eq((world.row("flags") & 16, len(records(world, kinds.HELD))), (16, 1))

    alone(world, script)


def test_a_clock_that_was_set_back_makes_no_jump_of_what_passed_meanwhile():
    world = World()

    async def script(world):
        world.meters[0].silent = True
        read(world, START_S, 1_000)
        await aio.sleep_ms(3_600_000)
        world.gateway.clock._set(3, START_S - 90 * DAY_S, world.gateway._ticks_ms(), 0)
        reading = read(world, START_S - 90 * DAY_S, 2_500)
        eq(reading.marks & MARK_HELD, 0, "15 kWh in an hour are no jump")
        reading = read(world, START_S - 90 * DAY_S + 5, 4_500)
        eq(reading.marks & MARK_HELD, MARK_HELD, "20 kWh at once are one")

    world.run(script)


def test_a_charge_that_lies_in_the_future_makes_no_jump_believable():
    world = World()

    def first(world):
        read(world, START_S + 90 * DAY_S, 1_000)

    alone(world, first)
    world.rtc.at_s = START_S

    def second(world):
        eq(read(world, START_S, 900_000).marks & MARK_HELD, MARK_HELD)

    alone(world, second)


def test_a_jump_is_not_believed_because_a_restart_found_no_clock():
    world = World()

    def first(world):
        read(world, START_S, 1_000)

    alone(world, first)
    world.rtc.at_s = 0

    def second(world):
        reading = read(world, 0, 900_000)
        eq((reading.marks & MARK_HELD, world.slot().reading), (0, None), "nothing can be said of it yet")
        eq(read(world, START_S + 3_600, 900_000).marks & MARK_HELD, MARK_HELD)

    alone(world, second)


def test_a_clock_of_the_board_that_is_behind_the_last_charge_holds_nobody():
    """After a power cut its battery is empty: the meter passed what it could, and all is charged when the head-end tells the time."""
    world = World()

    def first(world):
        read(world, START_S, 1_000)

    alone(world, first)
    world.rtc.at_s = START_S - 400 * DAY_S

    def second(world):
        gateway = world.gateway
        for register_cwh, quality, at_s in ((1_900, 2, START_S - 400 * DAY_S), (1_000_000, 2, START_S - 400 * DAY_S + 60)):
            reading = Reading(0, world.slot().serial)
            reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, quality, 0, 0
            reading.registers[0] = register_cwh
            gateway.clock._set(quality, at_s, gateway._ticks_ms(), 0)
            gateway.on_reading(reading)
            eq((reading.marks & MARK_HELD, world.slot().reading), (0, None), "nothing can be said of it yet")
        eq(read(world, START_S + 3_600, 1_900).marks & MARK_HELD, 0)
        eq((world.row("flags") & 16, records(world, kinds.HELD)), (0, []))
        read(world, START_S + DAY_S, 1_950)

    alone(world, second)
    eq(charged(world), 950 * 5_500)


def test_a_register_that_went_back_is_held_however_long_the_clock_says_that_it_took():
    """A clock that is ahead by years makes almost a whole turn of the register possible."""
    world = World()

    def script(world):
        read(world, START_S, 50_000)
        reading = read(world, START_S + 30 * 365 * DAY_S, 49_000)
        eq(reading.marks & MARK_HELD, MARK_HELD)

    alone(world, script)
    eq(charged(world), 0)
