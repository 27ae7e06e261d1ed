"""The board's own statement of an account: each day adds up, the last one closes with the balance, and old records may be gone."""

import json

from firmware.base import aio, days
from firmware.base.wire import cbor
from firmware.cutoff import orders
from firmware.gateway_statement import statement
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, UTC_OFFSET_MIN, World
from tests.hall_kit import alone, charged, read
from tests.kit import eq

DAY_S = 86_400
COIN = 1_000_000
TODAY = days.day_number(START_S, UTC_OFFSET_MIN)


def rows(world, count=7, now_s=START_S, account=1001):
    found = [row for row in statement(world.gateway.ledger, account, now_s, UTC_OFFSET_MIN, count) if row is not None]
    return [row["day"] for row in found if "day" in row], [row["energy"] for row in found if "energy" in row]


def three_days(world):
    world.credit(50 * COIN)
    read(world, START_S, [1_000])
    read(world, START_S + DAY_S, [1_100])
    world.credit(7 * COIN)
    read(world, START_S + 2 * DAY_S, [1_300])


def test_each_day_opens_where_the_one_before_closed_and_the_last_is_the_balance():
    world = World()

    def script(world):
        three_days(world)
        told, energy = rows(world, now_s=START_S + 2 * DAY_S)
        eq([(day[2], day[5]) for day in told], [(0, 50 * COIN), (100 * 5_500, 7 * COIN), (200 * 5_500, 0)])
        for day in told:
            eq(day[1] + day[5] - day[2], day[6])
        eq([day[1] for day in told[1:]], [day[6] for day in told[:-1]])
        eq((told[0][1], told[-1][6]), (0, world.balance()))
        eq(energy, [[TODAY + 1, 0, 0, 0, 100, 550_000], [TODAY + 2, 0, 0, 0, 200, 1_100_000]])

    alone(world, script)


def test_what_went_to_a_debt_is_told_and_the_day_adds_up():
    world = World()

    def script(world):
        read(world, START_S, [1_000])
        world.gateway.on_order(orders.DEBT, 1001, 1, 0, 0, 0, cbor.encode({1: 90 * COIN, 2: 50, 3: 0}))
        world.credit(21 * COIN)
        told, _ = rows(world)
        eq(told, [[TODAY, 0, 0, 0, 0, 21 * COIN, 11 * COIN, 10 * COIN]])

    alone(world, script)


def test_days_before_the_window_are_in_the_first_opening():
    world = World()

    def script(world):
        three_days(world)
        told, _ = rows(world, 1, START_S + 2 * DAY_S)
        eq(told, [[TODAY + 2, 57 * COIN - 550_000, 1_100_000, 0, 1_100_000, 0, 57 * COIN - 300 * 5_500, 0]])

    alone(world, script)


def test_a_day_on_which_nothing_happened_yet_shows_the_balance():
    world = World()
    alone(world, lambda world: eq(rows(world)[0], [[TODAY, 0, 0, 0, 0, 0, 0, 0]]))


def test_a_credit_that_comes_again_counts_once_and_a_later_one_brings_the_lost_one():
    world = World()

    def script(world):
        world.gateway.on_credit(1001, 1, 1, 5 * COIN, 5 * COIN, START_S)
        world.gateway.on_credit(1001, 1, 3, COIN, 9 * COIN, START_S)
        world.gateway.ledger.record(kinds.CREDIT, (1001, 1, 2, 3 * COIN, 8 * COIN))  # came late: in the total already
        world.gateway.ledger.commit()
        eq(rows(world)[0][0][5:], [9 * COIN, 9 * COIN, 0])

    alone(world, script)


def test_a_charge_up_to_midnight_is_of_the_day_that_it_ends():
    world = World()

    def script(world):
        read(world, START_S, [1_000])
        slot = world.slot()
        world.gateway.billing.charge_days(slot, slot.serial, days.midnight_s(TODAY + 1, UTC_OFFSET_MIN), [1_040, 0, 0, 0, 0])
        world.gateway.ledger.commit()
        eq(rows(world, now_s=START_S + DAY_S)[1], [[TODAY, 0, 0, 0, 40, 220_000]])

    alone(world, script)


def test_energy_stands_by_register_with_the_ratio_of_its_meter():
    world = World(model="three_phase_tou", flags={0: {"ratio": 40}}, prices={"rates": ["1.0000", "0.8000", "0.5000", "0.2000"]})

    def script(world):
        read(world, START_S, [1_000, 100, 200, 300, 400], 4)
        read(world, START_S + DAY_S, [1_003, 101, 201, 301, 400], 4)
        _, energy = rows(world, now_s=START_S + DAY_S)
        eq([line[1:] for line in energy], [[1, 0, 0, 40, 400_000], [2, 0, 0, 40, 320_000], [3, 0, 0, 40, 200_000]])

    alone(world, script)


def test_energy_that_is_free_is_told_too():
    world = World(flags={0: {"ratio": 40}}, prices={"total": "0.0000"})

    def script(world):
        read(world, START_S, [99_999_990])
        read(world, START_S + DAY_S, [7])
        eq(rows(world, now_s=START_S + DAY_S)[1], [[TODAY + 1, 0, 0, 0, 17 * 40, 0]])

    alone(world, script)


def test_an_account_that_moved_out_has_a_statement_and_one_that_is_not_here_has_none():
    world = World()

    def script(world):
        three_days(world)
        world.gateway.on_order(13, 1001, 1, 0, 9, 0, bytes(cbor.encode({1: 7001, 2: 0, 3: "x"})))
        eq(rows(world, now_s=START_S + 2 * DAY_S)[0][-1][6], 57 * COIN - 300 * 5_500)
        eq(rows(world, now_s=START_S + 2 * DAY_S, account=7001)[0][-1][6], 0)
        eq(statement(world.gateway.ledger, 4004, START_S, UTC_OFFSET_MIN, 7), None)

    alone(world, script)


def test_days_whose_records_are_pruned_are_named():
    world = World()

    def script(world):
        three_days(world)
        ledger = world.gateway.ledger
        found = list(statement(ledger, 1001, START_S + 2 * DAY_S, UTC_OFFSET_MIN, 7))
        eq([row["since"] for row in found if row and "since" in row], [TODAY + 2 - 6], "the journal has all")

    alone(world, script)


def test_the_console_tells_it_line_by_line_and_says_what_it_does_not_know():
    world = World()

    async def script(world):
        world.meters[0].silent = True
        world.console.keep = True
        three_days(world)
        world.rtc.at_s = START_S + 2 * DAY_S
        for asked in ("1001", '1001, "days": 1', "4004", '1001, "days": 0', '1001, "days": 32'):
            world.console.ask('{"ask": "statement", "id": 9, "account": ' + asked + "}\n")
            await aio.sleep_ms(20_000)
        eq(charged(world), 300 * 5_500)
        told = [json.loads(line) for line in world.console.lines]
        return [row for row in told if row.get("re") == 9]

    told = world.run(script)
    ends = [row for row in told if row.get("end")]
    eq([row.get("no") for row in ends], [None, None, "account", "argument", "argument"])
    eq(len([row for row in told if "day" in row]), 3 + 1)
