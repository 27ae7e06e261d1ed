"""A register that jumps is held although the clock does not tell how long it took: a battery that lost years, a meter bound undated."""

from firmware.base.reading import MARK_HELD, Reading
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World
from tests.hall_kit import alone, charged, read, told, until
from tests.kit import cases, eq

YEARS_S = 40_000_000
JUMP_CWH = 200_000
TOO_FAR = 2


def lives(ahead_s, meter_ahead_s):
    """While the power is gone the register jumps, and the battery's clock does -> (charged before, after, why HELD)."""
    world = World(poll_period_s=60, power_w=600)

    async def first(world):
        world.credit(100_000_000)
        await until(lambda: world.row("charged_0") > 0 or world.row("charged_at_s") > 0, 900_000)
        return charged(world)

    before = world.run(first, 300_000)
    world.rtc.at_s += ahead_s
    meter = world.meters[0]
    meter.added_cwh += JUMP_CWH
    meter.clock_s += meter_ahead_s

    async def second(world):
        await until(lambda: world.slot().last_heard is not None, 300_000)

    world.run(second, 60_000)
    return before, charged(world), [values[2] for values in told(world, kinds.HELD)]


def test_a_board_whose_battery_lost_years_does_not_believe_a_jump_that_the_meter_dates():
    def check(ahead_s, meter_ahead_s, held):
        before, after, why = lives(ahead_s, meter_ahead_s)
        eq((why[:1], after - before < JUMP_CWH), (held, bool(held)))

    cases(((0, 0, [TOO_FAR]), (YEARS_S, 0, [TOO_FAR]), (YEARS_S, YEARS_S, [])), check)


def test_a_meter_behind_a_transformer_that_answers_before_the_time_is_known_is_bound_at_the_time_of_its_record():
    world = World(power_w=600)

    def script(world):
        slot = world.slot()
        slot.ratio = 2
        reading = Reading(0, slot.serial)
        reading.at_s, reading.quality, reading.rates, reading.status_word = 0, 0, 0, 0
        reading.registers[0] = 1_000
        world.gateway.on_reading(reading)
        eq((world.row("charged_0"), world.row("charged_at_s")), (1_000, world.gateway.ledger.now_s()))
        later = read(world, world.rtc.at_s + 60, [1_000 + JUMP_CWH])
        eq((later.marks & MARK_HELD, [values[2] for values in told(world, kinds.HELD)]), (MARK_HELD, [TOO_FAR]))

    alone(world, script)
