"""Bands, steps, fees and minimum at work in the hall: edges read and missed, positions over restarts, days closed once."""

from firmware.base import aio, days
from firmware.base.reading import Reading
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.fake_board import START_S, UTC_OFFSET_MIN, World
from tests.hall_kit import alone, charged, records, until
from tests.kit import eq
from tests.rooms.tariff.documents import banded, stepped, text

DAY_S = 86_400
COIN = 1_000_000
TODAY = days.day_number(START_S, UTC_OFFSET_MIN) + 1  # 2026-09-22, a Tuesday
MIDNIGHT_S = days.midnight_s(TODAY, UTC_OFFSET_MIN)
ESTIMATED, UNSPLIT, MORE = 1, 2, 4
MIDNIGHT, EDGE, DECISION, LIMIT, CLOSED, FEE, MINIMUM = 1, 2, 3, 4, 5, 6, 7
LATE = {"version": 2, "effective": "2026-09-01"}


def world_with(document, **changes):
    """A world whose tariff becomes `document` before the first reading."""
    world = World(limits={"uncharged_max_ucu": 2_000_000_000, "plausible_slack_s": 10_000_000}, **changes)

    def script(world):
        world.gateway.on_order(5, 0, 2, 0, 0, 0, document.encode())
        eq(world.slot().uncharged_ucu, None)

    alone(world, script)
    return world


def read(world, at_s, register_cwh, rates=0):
    """A reading as the bus hands it over."""
    reading = Reading(0, world.slot().serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, rates, 0
    reading.registers[0] = register_cwh
    world.rtc.at_s = at_s
    world.gateway.clock._set(3, at_s, world.gateway._ticks_ms(), 0)
    world.gateway.on_reading(reading)


def later(world, *rows):
    """Readings (hours since the first midnight, register) in a new life, which begins with the first one."""
    world.rtc.at_s = MIDNIGHT_S + rows[0][0] * 3600

    def script(world):
        for hours, register_cwh in rows:
            read(world, MIDNIGHT_S + hours * 3600, register_cwh)

    alone(world, script)


def lines(world):
    """(cause, from, to, price, amount, marks, day, used, band, step) of each CHARGE, day counted from the first."""
    found = []
    for raw in records(world, kinds.CHARGE):
        values = values_of(raw, 0, len(raw))
        tail = values[13:]
        found.append((values[11], values[3], values[4], values[8], values[9], values[12], tail[0] - TODAY, tail[3], tail[4], tail[5]))
    return found


def short(world):
    """(cause, to, price, marks, band) of each CHARGE."""
    return [(line[0], line[2], line[3], line[5], line[8]) for line in lines(world)]


def test_energy_read_at_each_edge_is_charged_at_its_own_price():
    world = world_with(banded(**LATE))
    later(world, (7, 100), (8, 200), (9, 250), (12, 600), (13, 700))
    eq(short(world), [(EDGE, 200, 6000, 0, 2), (EDGE, 600, 10000, 0, 1)])
    eq((charged(world), world.slot().uncharged_ucu), (600_000 + 4_000_000, 600_000))


def test_an_edge_that_was_missed_is_split_by_the_rule_and_marked():
    world = world_with(banded({"missed_edge": "by_time"}, **LATE))
    later(world, (7, 100), (10, 400))
    eq(
        lines(world),
        [(EDGE, 100, 200, 6000, 600_000, ESTIMATED | MORE, 0, 100, 2, 0), (EDGE, 200, 400, 10000, 2_000_000, ESTIMATED, 0, 300, 1, 0)],
    )
    world = world_with(banded({"missed_edge": "cheapest"}, **LATE))
    later(world, (7, 100), (10, 400))
    eq(short(world), [(EDGE, 400, 6000, ESTIMATED, 2)])


def test_an_edge_without_energy_is_settled_too_so_the_next_energy_is_of_its_own_band():
    world = world_with(banded(**LATE))
    later(world, (7, 100), (8, 100), (12, 500))
    eq(short(world), [(EDGE, 100, 6000, 0, 2), (EDGE, 500, 10000, 0, 1)])


def test_the_position_in_the_steps_outlives_restarts_and_snapshots():
    world = world_with(stepped(**LATE))
    later(world, (0, 0), (24, 17_990))
    later(world, (25, 17_990), (48, 18_010))
    for _ in range(400):
        world.gateway.ledger.on_tick()
    later(world, (49, 18_010), (72, 40_000))
    prices = [(line[3], line[4] // line[3] if line[3] else 0, line[9]) for line in lines(world) if line[4]]
    eq(prices, [(5880, 17_990, 0), (5880, 10, 0), (6380, 10, 1), (6380, 16_990, 1), (8880, 5_000, 2)])
    eq(world.gateway.ledger.accounts.positions.get(0)[3], 40_000)


def test_steps_begin_anew_with_the_month():
    world = world_with(stepped(**LATE))
    left = days.day_of_date(2026, 10, 1) - TODAY
    later(world, (0, 0), (24 * left, 30_000), (24 * left + 24, 31_000))
    got = lines(world)
    eq([(line[3], line[9]) for line in got], [(5880, 0), (6380, 1), (5880, 0)])
    eq((got[1][5], got[2][6], got[2][7]), (UNSPLIT, left, 1_000))


def test_uncharged_energy_is_worth_what_its_steps_ask():
    world = world_with(stepped(**LATE))
    later(world, (0, 0), (1, 18_100))
    eq((charged(world), world.slot().uncharged_ucu), (0, 18_000 * 5880 + 100 * 6380))


def test_each_day_pays_its_fee_once_and_the_day_of_today_not_yet():
    world = world_with(text(fee_per_day="0.30", **LATE))
    later(world, (1, 0), (24, 100), (30, 150), (48, 200))
    later(world, (49, 200), (50, 200))
    fees = [line for line in lines(world) if line[0] == FEE]
    eq([(line[4], line[6], line[1], line[2]) for line in fees], [(300_000, 0, 0, 0), (300_000, 1, 0, 0)])
    eq(charged(world), 600_000 + 200 * 5500)
    eq(world.row("charged_at_s"), MIDNIGHT_S + 48 * 3600)


def test_days_of_silence_pay_their_fees_when_the_meter_speaks_again():
    world = world_with(text(fee_per_day="0.30", **LATE))
    later(world, (1, 0), (24 * 5 + 3, 100))
    eq([line[6] for line in lines(world) if line[0] == FEE], [0, 1, 2, 3, 4])


def test_a_fee_that_a_power_cut_took_is_charged_before_the_next_energy():
    world = world_with(text(fee_per_day="0.30", **LATE))

    def script(world):
        ledger = world.gateway.ledger
        honest = ledger.record
        ledger.record = lambda kind, values, *more: 0 if kind == kinds.CHARGE and values[11] == FEE else honest(kind, values, *more)
        read(world, MIDNIGHT_S + 3600, 0)
        read(world, MIDNIGHT_S + DAY_S, 100)

    world.rtc.at_s = MIDNIGHT_S + 3600
    alone(world, script)
    later(world, (30, 150), (48, 200))
    eq([(line[0], line[6]) for line in lines(world)], [(MIDNIGHT, 0), (FEE, 0), (MIDNIGHT, 1), (FEE, 1)])


def test_a_fee_by_the_month_is_spread_over_its_days_and_comes_to_it():
    world = world_with(text(fee_per_month="40.00", **LATE))
    left = days.day_of_date(2026, 10, 1) - TODAY
    later(world, (1, 0), *[(24 * ahead, ahead) for ahead in range(1, left + 31 + 1)])
    fees = [line[4] for line in lines(world) if line[0] == FEE]
    eq((len(fees), sum(fees[left:])), (left + 31, 40 * COIN))


def test_a_month_that_is_whole_comes_to_its_minimum_and_one_that_is_not_owes_none():
    world = world_with(text(minimum_per_month="30.00", fee_per_day="0.10", **LATE))
    left = days.day_of_date(2026, 10, 1) - TODAY
    later(world, (1, 0), (24 * left, 1_000), (24 * (left + 31), 2_000))
    later(world, (24 * (left + 31) + 1, 2_000), (24 * (left + 32), 2_000))
    dues = [line for line in lines(world) if line[0] == MINIMUM]
    eq([(line[4], line[6]) for line in dues], [(30 * COIN - 1_000 * 5500 - 31 * 100_000, left + 30)])


def test_a_cut_off_charge_goes_on_over_the_same_time():
    """Only the first of two lines was durable: the instant is not reached, the rest is charged by the same rule."""
    world = world_with(banded(**LATE))

    def script(world):
        read(world, MIDNIGHT_S + 7 * 3600, 100)
        ledger = world.gateway.ledger
        honest = ledger.record
        ledger.record = lambda kind, values, *more: 0 if kind == kinds.CHARGE and values[3] == 200 else honest(kind, values, *more)
        read(world, MIDNIGHT_S + 10 * 3600, 400)

    alone(world, script)
    eq((world.row("charged_at_s"), world.gateway.ledger.accounts.charged_cwh(0, 0)), (MIDNIGHT_S + 7 * 3600, 200))
    later(world, (10, 400))
    eq(short(world)[-2:], [(EDGE, 266, 6000, ESTIMATED | MORE, 2), (EDGE, 400, 10000, ESTIMATED, 1)])
    eq(world.row("charged_at_s"), MIDNIGHT_S + 10 * 3600)


def test_meters_are_asked_at_an_edge_and_only_there():
    world = world_with(banded(**LATE), poll_period_s=900)
    asked = []

    def script(world):
        edges = world.gateway._edges
        edges._ask = asked.append
        for now_s in range(MIDNIGHT_S + 6 * 3600, MIDNIGHT_S + 13 * 3600, 10):
            edges.on_tick(now_s)
            if asked and asked[-1] == 0:
                asked[-1] = now_s - MIDNIGHT_S
        edges.on_tick(0)
        edges.on_tick(MIDNIGHT_S + 7 * 3600 + 1)  # set back: no edge was passed
        edges.on_tick(MIDNIGHT_S + 8 * 3600)

    alone(world, script)
    eq(asked, [7 * 3600, 8 * 3600, 12 * 3600, 0])


def test_a_segment_that_ends_is_charged_by_its_bands():
    world = world_with(banded(**LATE))
    later(world, (8, 200), (9, 300))
    world.change_model("three_phase_tou")
    later(world, (10, 300))
    eq(short(world)[-1:], [(CLOSED, 300, 10000, 0, 1)])


def test_the_bus_reads_at_the_edge_and_not_at_the_next_turn():
    """The edge at 23:00 is 2,800 s after the start, the turns of the meter are 900 s apart."""
    world = world_with(banded(**LATE), poll_period_s=900)
    edge_s = MIDNIGHT_S - 3600

    async def script(world):
        world.meters[0].silent = False  # it was while its tariff was set
        await until(lambda: world.slot().reading is not None)
        await until(lambda: world.row("charged_at_s") >= edge_s, within_ms=3_000_000)

    world.run(script)
    late_s = world.row("charged_at_s") - edge_s
    eq((0 <= late_s <= 5, short(world)[-1][3:]), (True, (0, 2)), "read %d s behind the edge" % late_s)


def test_a_silent_meter_is_not_asked_more_often_for_the_sake_of_an_edge():
    world = world_with(banded(**LATE), poll_period_s=900)

    async def script(world):
        plan = world.firmware.bus.plan
        world.meters[0].silent = True
        plan.ask_now(0, aio.now_ms())
        await until(lambda: plan.failures(0) > 4)
        due = plan.wait_ms(aio.now_ms(), 1_000_000)
        plan.ask_soon(0, aio.now_ms())
        eq(plan.wait_ms(aio.now_ms(), 1_000_000), due)

    world.run(script)
