"""Money under the right tariff: rate registers, a change of price at midnight, of the model, rollover, held and let go."""

from firmware.base import aio
from firmware.base.reading import MARK_HELD, Reading
from tests.fake_board import START_S, World
from tests.fake_site import FakeMeter, bcd
from tests.hall_kit import alone, charged
from tests.kit import eq

COIN = 1_000_000
DAY_S = 86_400
RELEASE_HELD = 10
FOUR_PRICES = {"rates": ["1.0000", "0.8000", "0.5000", "0.2000"]}


class RatedMeter(FakeMeter):
    """Total and four rate registers in one block; the test sets them."""

    rates_cwh = (100, 200, 300, 400)

    def _item(self, item):
        if item == 0x0000FF00 | 0x00010000:
            registers = (sum(self.rates_cwh),) + tuple(self.rates_cwh)
            return b"".join([bcd(value % 100_000_000, 4) for value in registers])
        return super()._item(item)


def rated_world(**changes):
    world = World(model="three_phase_tou", prices=FOUR_PRICES, **changes)
    world.meters[0] = RatedMeter(world.meters[0].address)
    return world


def read(world, at_s, registers, rates=0):
    """A reading as the bus hands it over, at a time of the test's choice -> the reading."""
    reading = Reading(0, world.slot().serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, rates, 0
    reading.registers[: len(registers)] = registers
    world.gateway.on_reading(reading)
    return reading


def test_each_rate_register_is_charged_at_its_own_price():
    world = rated_world()

    async def script(world):
        await aio.sleep_ms(3_000)
        eq(world.row("rates"), 4, "not bound by its rates")
        world.credit(500 * COIN)
        world.meters[0].rates_cwh = (200, 300, 400, 600)  # 1, 1, 1 and 2 kWh
        await aio.sleep_ms(10_000)

    world.run(script)
    eq(charged(world), COIN * 27 // 10, "1.0 + 0.8 + 0.5 + 2 * 0.2")
    eq([world.gateway.ledger.accounts.charged_cwh(0, rate) for rate in range(1, 5)], [200, 300, 400, 600])


def test_a_rate_register_rolls_over_by_itself():
    world = rated_world()
    world.meters[0].rates_cwh = (99_999_950, 200, 300, 400)

    async def script(world):
        await aio.sleep_ms(3_000)
        world.credit(500 * COIN)
        world.meters[0].rates_cwh = (150, 200, 300, 400)
        await aio.sleep_ms(10_000)

    world.run(script)
    eq(charged(world), 2 * COIN, "200 cwh at 1.0000")


def test_a_rate_that_gives_no_value_is_held_and_the_others_are_not_charged_meanwhile():
    world = rated_world()

    def script(world):
        read(world, START_S, [1000, 100, 200, 300, 400], 4)
        held = read(world, START_S + 900, [3000, 700, 200, None, 400], 4)
        eq((held.marks & MARK_HELD, charged(world)), (MARK_HELD, 0))
        read(world, START_S + 1800, [3000, 700, 200, 300, 400], 4)

    alone(world, script)
    eq(charged(world), 6 * COIN)


def test_a_meter_with_rates_under_a_flat_tariff_is_neither_charged_nor_forgotten():
    world = World(model="three_phase_tou")

    def script(world):
        read(world, START_S, [1000, 100, 200, 300, 400], 4)
        read(world, START_S + 900, [1300, 200, 300, 400, 400], 4)
        eq((charged(world), world.slot().uncharged_ucu), (0, None))
        late = b'{"tariff":1,"version":2,"effective":"2026-09-01","currency":"CNY","utc_offset_min":480,'
        late += b'"prices":{"rates":["1.0000","1.0000","1.0000","1.0000"]}}'
        world.gateway.on_order(5, 0, 2, 0, 0, 0, late)
        read(world, START_S + 1800, [1400, 300, 300, 400, 400], 4)

    alone(world, script)
    eq(charged(world), 4 * COIN, "all since the binding, at the first valid price")


def test_a_model_with_rates_in_place_of_one_without_begins_a_new_segment():
    world = World(prices=FOUR_PRICES)

    def first(world):
        read(world, START_S, [1_000], 0)

    alone(world, first)
    world.change_model("three_phase_tou")

    def second(world):
        read(world, START_S + 900, [1_000, 100, 200, 300, 400], 4)
        read(world, START_S + 1800, [1_300, 200, 300, 400, 400], 4)

    alone(world, second)
    eq(world.row("rates"), 4)
    eq(charged(world), COIN * 23 // 10, "only what was used since, not the life of the meter")


NEW_PRICE = b'{"tariff":1,"version":2,"effective":"2026-09-22","currency":"CNY","utc_offset_min":480,"prices":{"total":"1.0000"}}'


def test_energy_of_the_day_before_a_new_price_is_charged_at_the_old_one():
    world = World()

    def script(world):
        world.gateway.on_order(5, 0, 2, 0, 0, 0, NEW_PRICE)
        read(world, START_S, [1_000])
        read(world, START_S + 900, [1_100])
        read(world, START_S + DAY_S, [1_150])  # the first reading of the new day: what lies before belongs to yesterday
        eq(charged(world), 150 * 5_500)
        read(world, START_S + DAY_S + 900, [1_400])

    alone(world, script)
    eq(charged(world), 150 * 5_500 + 250 * 10_000)


def test_energy_that_was_free_is_not_charged_when_it_gets_a_price():
    world = World(prices={"total": "0.0000"})

    def script(world):
        world.gateway.on_order(5, 0, 2, 0, 0, 0, NEW_PRICE)
        read(world, START_S, [1_000])
        read(world, START_S + 900, [1_100])
        read(world, START_S + DAY_S, [1_150])
        read(world, START_S + DAY_S + 900, [1_200])
        read(world, START_S + 2 * DAY_S, [1_250])

    alone(world, script)
    eq(charged(world), 100 * 10_000)


def test_a_jump_does_not_become_believable_by_waiting():
    world = World()

    def first(world):
        world.credit(50 * COIN)
        read(world, START_S, [1_000])
        for hour in range(48):
            reading = read(world, START_S + 60 + 3600 * hour, [61_000 + hour])
            eq(reading.marks & MARK_HELD, MARK_HELD, "believed after %d hours" % hour)
        eq(charged(world), 0)

    alone(world, first)

    def second(world):
        reading = read(world, START_S + 72 * 3600, [61_100])
        eq(reading.marks & MARK_HELD, MARK_HELD, "believed after a restart")
        reading = read(world, START_S + 73 * 3600, [1_200])
        eq(reading.marks & MARK_HELD, 0, "the register came back")

    alone(world, second)
    eq(charged(world), 200 * 5_500)


def test_a_held_register_that_is_let_go_charges_nothing_for_the_way_to_it():
    let_go(World(), 400_000, "a step back")
    let_go(World(), 900_000, "a jump")


def let_go(world, held_cwh, note):
    def script(world):
        world.gateway.head_end.last_contact_s = START_S
        read(world, START_S, [500_000])
        world.credit(-COIN)
        read(world, START_S + 5, [500_010])
        read(world, START_S + 10, [held_cwh])
        eq(world.row("flags") & 16, 16, note)
        slot = world.slot()
        world.gateway.on_order(RELEASE_HELD, slot.account, 1, START_S + 600, 9, 0, None)
        world.gateway.reprice(slot)
        eq((slot.uncharged_ucu, charged(world)), (0, 0), note)
        read(world, START_S + 15, [held_cwh + 100])

    alone(world, script)
    eq(charged(world), 0, note + ": below the limit nothing is journalled")
    eq(world.slot().uncharged_ucu, 550_000, note)
    eq(world.row("flags") & 16, 0, note)


def test_the_first_reading_after_a_restart_charges_the_whole_difference_once():
    world = World()

    def first(world):
        world.credit(50 * COIN)
        read(world, START_S, [1_000])
        read(world, START_S + 900, [1_100])  # worth less than the limit: not journalled

    alone(world, first)
    world.power_cut()

    def second(world):
        eq((charged(world), world.slot().uncharged_ucu), (0, None))
        read(world, START_S + 7_200, [1_700])
        read(world, START_S + 7_300, [1_700])

    alone(world, second)
    eq(charged(world), 700 * 5_500)
    eq(world.balance(), 50 * COIN - 700 * 5_500)
