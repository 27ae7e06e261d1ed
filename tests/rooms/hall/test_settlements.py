"""The settlement-day register: journalled with its date, and a midnight's split where the meter keeps no daily freezes."""

from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, UTC_OFFSET_MIN, World
from tests.hall_kit import records
from tests.kit import cases, eq
from tests.rooms.hall.freezing import DAY_S, ESTIMATED, charges, life, pass_days

FIRST_S = 1_790_812_800 - UTC_OFFSET_MIN * 60  # 2026-10-01 00:00, local
LAYOUT = kinds.layout_of(kinds.MONTH)


def world_before(at_s, settles=(1, 0), freezes=(), **changes):
    world = World(poll_period_s=30, limits={"uncharged_max_ucu": 1_000_000_000}, **changes)
    world.meters[0].settles = settles
    world.meters[0].freezes = None if freezes is None else list(freezes)
    pass_days(world, at_s - 60 - START_S)
    return world


def months(world):
    """(settled_at_s, register) of each MONTH."""
    rows = [LAYOUT.unpack(raw, 11) for raw in records(world, kinds.MONTH)]
    return [(row[3], row[4]) for row in rows]


def test_the_register_of_the_settlement_day_is_journalled_with_its_date():
    world = world_before(FIRST_S)
    life(world, 300)
    meter = world.meters[0]
    eq(months(world), [(FIRST_S, meter.settlements[0])])
    eq(meter.settlements[0], meter.freezes[0][1])
    eq([row[2] for row in charges(world)], [meter.settlements[0]])


def test_it_splits_the_midnight_of_a_meter_without_daily_freezes():
    world = world_before(FIRST_S, freezes=None, model="base_2007")
    life(world, 300)
    eq(months(world), [(FIRST_S, world.meters[0].settlements[0])])
    eq([(row[2], row[4]) for row in charges(world)], [(world.meters[0].settlements[0], 0)])
    eq(world.row("charged_at_s"), FIRST_S)


def test_a_settlement_in_the_middle_of_a_day_is_journalled_on_the_next_one():
    world = world_before(FIRST_S + 2 * DAY_S, (2, 12))
    life(world, 300)
    eq(months(world), [(FIRST_S + DAY_S + 12 * 3600, world.meters[0].settlements[0])])


def test_after_an_outage_each_month_is_journalled():
    world = world_before(FIRST_S - DAY_S)
    life(world, 20)
    pass_days(world, 50 * DAY_S)
    life(world, 60)
    newest, older = world.meters[0].settlements
    eq(months(world), [(FIRST_S + 31 * DAY_S, newest), (FIRST_S, older)])


def test_what_the_meter_does_not_know_is_no_month():
    day_hour, register = 0x04000B01, 0x00010001

    def check(note, items):
        world = world_before(FIRST_S)
        world.meters[0].freeze_items = items
        life(world, 200)
        eq(months(world), [], note)
        eq([row[4] for row in charges(world)], [0], "its freeze is good all the same")

    cases(
        (
            ("unset", {day_hour: b"\x99\x99"}),
            ("FF-filled", {day_hour: b"\xff\xff"}),
            ("refused", {day_hour: None}),
            ("no register", {register: b"\xff" * 4}),
            ("register refused", {register: None}),
            ("register beyond the reading", {register: b"\x00\x00\x99\x99"}),
            ("register of long ago", {register: bytes(4)}),
        ),
        check,
    )


def test_a_meter_whose_clock_is_wrong_by_years_has_no_month():
    world = world_before(FIRST_S, freezes=None, model="base_2007")
    world.meters[0].clock_s -= 3 * 365 * DAY_S
    life(world, 300)
    eq(months(world), [])
    eq([row[4] for row in charges(world)], [ESTIMATED])


def test_a_settlement_of_the_future_is_no_month():
    world = world_before(FIRST_S, freezes=None, model="base_2007")
    meter = world.meters[0]
    meter.clock_s += 40 * DAY_S
    meter.settlements = [meter.register_cwh()]
    life(world, 300)
    eq(months(world), [])


def test_the_zeros_of_a_meter_that_never_closed_a_month_are_no_month():
    """A new meter never closed a month: asked for that of the day on which it was put up it tells zeros."""
    world = world_before(FIRST_S + 8 * 3600)
    world.meters[0].start_cwh -= world.meters[0].register_cwh() - 500
    world.meters[0].settlements = [0]
    life(world, 60)
    pass_days(world, 17 * 3600)
    life(world, 60)
    eq(months(world), [])
