"""Meters behind transformers: energy is the register's difference times the ratio, and another ratio begins another segment."""

from firmware.base.reading import MARK_HELD
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, in_contact, read, told, until
from tests.kit import eq

DAY_S = 86_400
LIMIT = 4  # CHARGE causes
CLOSED = 5
OPEN = 2  # SEEN
LOAD_AFTER_CUT = 2  # FAULT


def world_of(ratio, **other):
    return World(flags={0: {"ratio": ratio}}, **other)


def change_ratio(world, ratio):
    world._files[2][0] = {"ratio": ratio}
    world.write_again()


def lines(world):
    """(from, to, amount, cause) of the charges."""
    return [(values[3], values[4], values[9], values[11]) for values in told(world, kinds.CHARGE)]


def test_energy_is_the_difference_times_the_ratio():
    world = world_of(40)

    def script(world):
        read(world, START_S, [1_000])
        read(world, START_S + 2 * DAY_S, [1_010])

    alone(world, script)
    eq((charged(world), told(world, kinds.SEGMENT)[-1][8:]), (10 * 40 * 5_500, (40, START_S)))


def test_the_segments_of_meters_without_transformers_are_as_short_as_ever():
    world = World()
    alone(world, lambda world: read(world, START_S, [1_000]))
    eq([len(values) for values in told(world, kinds.SEGMENT)], [8, 8])


def test_another_ratio_begins_where_the_old_one_ends_and_nothing_is_lost_between_two_lives():
    world = world_of(40)

    def first(world):
        read(world, START_S, [1_000])
        read(world, START_S + 60, [1_003])  # worth less than the limit

    alone(world, first)
    change_ratio(world, 60)

    def second(world):
        read(world, START_S + 7_200, [1_007])
        read(world, START_S + 2 * DAY_S, [1_010])

    alone(world, second)
    eq([line[2:] for line in lines(world) if line[3] == CLOSED], [(3 * 40 * 5_500, CLOSED)])
    eq(charged(world), (3 * 40 + 7 * 60) * 5_500)
    eq(told(world, kinds.SEGMENT)[-1][3:], (1_003, 0, 0, 0, 0, 60, START_S + 60))


def test_a_ratio_of_one_is_a_change_like_any_other():
    world = world_of(40)
    alone(world, lambda world: read(world, START_S, [1_000]))
    change_ratio(world, 1)
    alone(world, lambda world: read(world, START_S + 2 * DAY_S, [1_010]))
    eq((charged(world), world.gateway.ledger.accounts.ratios), (10 * 5_500, {}))


def test_the_ratio_is_not_asked_of_the_settings_but_of_the_segment():
    """A life that ends before the change was journalled charges by the ratio that its energy had."""
    world = world_of(40)

    def first(world):
        read(world, START_S, [1_000])
        read(world, START_S + 60, [1_003])

    alone(world, first)
    world._files[3]["journal_credit_reserve_blocks"] = 10_000
    change_ratio(world, 60)

    def second(world):
        eq(read(world, START_S + 120, [1_004]).marks & MARK_HELD, MARK_HELD)
        eq((charged(world), world.slot().uncharged_ucu), (0, None))

    alone(world, second)
    del world._files[3]["journal_credit_reserve_blocks"]
    world.write_again()

    def third(world):
        read(world, START_S + 180, [1_005])
        read(world, START_S + 2 * DAY_S, [1_010])

    alone(world, third)
    eq(charged(world), (3 * 40 + 7 * 60) * 5_500)


def test_a_register_behind_a_change_of_ratio_is_looked_at_like_any_other():
    world = world_of(40)
    alone(world, lambda world: read(world, START_S, [1_000]))
    change_ratio(world, 60)

    def second(world):
        world.gateway.ledger.accounts.ratios[1001] = 40  # as if it had found no room at the start
        eq(read(world, START_S + 120, [900]).marks & MARK_HELD, MARK_HELD, "almost a whole turn was charged")

    alone(world, second)
    eq(charged(world), 0)


def test_the_limit_of_uncharged_energy_is_one_of_money_and_that_of_a_jump_one_of_the_meter():
    world = world_of(40, limits={"uncharged_max_ucu": 1_000_000})

    def script(world):
        read(world, START_S, [1_000])
        read(world, START_S + 900, [1_004])  # 0.88
        eq(lines(world), [])
        read(world, START_S + 1_800, [1_005])  # 1.10
        eq(lines(world), [(1_000, 1_005, 5 * 40 * 5_500, LIMIT)])
        eq(read(world, START_S + 2_700, [9_000]).marks & MARK_HELD, MARK_HELD, "80 kWh in a quarter of an hour")

    alone(world, script)


def test_a_threshold_inside_the_last_digit_takes_it_whole():
    world = world_of(40)
    tariff = '{"tariff":1,"version":2,"effective":"2026-01-01","currency":"CNY","utc_offset_min":480,'
    tariff += '"prices":{"steps":["0.5000","1.0000"]},"steps":{"over":"month","thresholds":[{"kwh":["1.00"]}]}}'
    world._write("tariff_1_2.json", tariff)

    def script(world):
        read(world, START_S, [1_000])
        read(world, START_S + DAY_S, [1_005])

    alone(world, script)
    eq(lines(world)[-2:], [(1_000, 1_003, 3 * 40 * 5_000, 1), (1_003, 1_005, 2 * 40 * 10_000, 1)])
    eq(world.gateway.ledger.accounts.positions.get(world.slot().row)[3], 5 * 40)


def seen_after_a_cut(ratio):
    """The fault of an account whose meter passes 3 W when it is off."""
    world = world_of(ratio)

    async def script(world):
        answer = world.meters[0]._item
        world.meters[0]._item = lambda item: b"\x30\x00\x00" if item == 0x02030000 else answer(item)
        in_contact(world)
        world.credit(-1_000_000)
        eq(await until(lambda: world.row("seen") == OPEN), True)
        await until(lambda: world.row("fault"), 60_000)
        return world.row("fault")

    return world.run(script)


def test_a_load_after_a_cut_is_that_of_the_customer():
    eq((seen_after_a_cut(1), seen_after_a_cut(40)), (0, LOAD_AFTER_CUT))
