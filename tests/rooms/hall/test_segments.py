"""Another meter, or another model of it, in the settings: the old segment is closed before the new one begins."""

from firmware.base.reading import MARK_HELD
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.fake_site import FakeMeter
from tests.hall_kit import alone, charged, read, told
from tests.kit import eq

COIN = 1_000_000
DAY_S = 86_400
CLOSED = 5  # CHARGE cause
ESTIMATED = 1
NEW_ADDRESS = b"\x77\x00\x00\x00\x00\x21"


def closing(world):
    """(rate, from, to, marks) of the CHARGE records that closed a segment."""
    charges = told(world, kinds.CHARGE)
    return [(values[2], values[3], values[4], values[12]) for values in charges if values[11] == CLOSED]


def swap_meter(world):
    """The installer writes another address into the settings."""
    world.meters[0] = FakeMeter(NEW_ADDRESS)
    world.write_again()


def used_a_little(world):
    read(world, START_S, [1_000])
    read(world, START_S + 900, [1_100])  # worth less than the limit: not charged yet


def test_a_meter_that_is_replaced_is_charged_up_to_its_last_reading():
    world = World()
    alone(world, used_a_little)
    swap_meter(world)

    def second(world):
        read(world, START_S + 7_200, [500_000])
        eq(closing(world), [(0, 1_000, 1_100, 0)])
        eq((world.row("serial"), world.row("charged_0")), (NEW_ADDRESS, 500_000))
        read(world, START_S + 2 * DAY_S, [500_040])

    alone(world, second)
    eq(charged(world), 140 * 5_500)


def test_a_closing_register_stands_in_the_books_though_no_reading_tells_more():
    world = World()

    def first(world):
        read(world, START_S, [1_000])
        read(world, START_S + 900, [None])

    alone(world, first)
    swap_meter(world)

    def second(world):
        read(world, START_S + 7_200, [500_000])

    alone(world, second)
    eq((closing(world), charged(world)), ([(0, 1_000, 1_000, 0)], 0))


def replace_twice(world):
    """Another meter, whose readings are lost with the power, and behind it a third one."""
    swap_meter(world)

    def second(world):
        world.gateway.ledger.add_reading = lambda *values: None
        read(world, START_S + 7_200, [500])

    alone(world, second)
    world.meters[0] = FakeMeter(b"\x78\x00\x00\x00\x00\x21")
    world.write_again()


def test_a_meter_replaced_twice_is_not_closed_by_a_reading_of_the_first():
    world = World()
    alone(world, used_a_little)
    replace_twice(world)
    alone(world, lambda world: None)
    eq(closing(world), [(0, 1_000, 1_100, 0), (0, 500, 500, ESTIMATED)])


def test_a_reading_of_the_first_meter_that_a_wrong_clock_dated_closes_no_other():
    """Ahead of its readings of a right clock, or its last one."""
    for ends_right in (True, False):
        world = World()

        def first(world, ends_right=ends_right):
            read(world, START_S, [1_000])
            read(world, START_S + 400 * DAY_S, [1_010])
            if ends_right:
                read(world, START_S + 900, [1_020])
            world.rtc.at_s = START_S + 3_600

        alone(world, first)
        replace_twice(world)
        alone(world, lambda world: read(world, START_S + 9_000, [0]))
        eq(closing(world)[-1], (0, 500, 500, ESTIMATED), ends_right)


def test_the_first_meter_of_an_account_is_not_worth_its_whole_life_while_there_is_no_room_to_bind_it():
    world = World()

    def script(world):
        world.gateway.ledger.journal.reserves[1] += 10_000
        read(world, START_S, [5_000_000])
        eq(world.slot().uncharged_ucu, None)

    alone(world, script)


def test_two_accounts_that_change_their_meters_are_both_closed():
    world = World(meters=2)

    def first(world):
        for index in range(2):
            read(world, START_S, [1_000 + index], index=index)
            read(world, START_S + 900, [1_100 + index], index=index)

    alone(world, first)
    world.meters.reverse()
    world.write_again()

    def second(world):
        read(world, START_S + 1_800, [1_201], index=0)
        read(world, START_S + 1_800, [1_200], index=1)
        eq(world.slot(0).account, 1001)

    alone(world, second)
    eq(closing(world), [(0, 1_000, 1_100, 0), (0, 1_001, 1_101, 0)])


def test_registers_of_a_former_model_that_no_tariff_serves_are_written_off():
    world = World(prices={"rates": ["1.0000", "0.8000", "0.5000", "0.2000"]})
    alone(world, used_a_little)
    world.change_model("three_phase_tou")

    def second(world):
        read(world, START_S + 1_800, [1_200, 100, 200, 300, 400], 4)
        read(world, START_S + DAY_S, [1_300, 200, 200, 300, 400], 4)

    alone(world, second)
    eq((closing(world), charged(world)), ([], 100 * 10_000))
    eq(told(world, kinds.HELD)[-1][2:], (0, 0, 1_100, 1_000), "let go at 11.00, charged to 10.00")


def rename_account(world, account):
    """The same meter has another account in the settings of the next life."""
    world._files[2][0] = {"account": account}
    world.write_again()


def test_a_meter_that_was_another_accounts_for_a_while_is_not_charged_twice():
    world = World()
    alone(world, used_a_little)
    rename_account(world, 2_002)

    def second(world):
        read(world, START_S + 7_200, [1_200])
        read(world, START_S + 2 * DAY_S, [3_200])
        eq(charged(world), 2_000 * 5_500)

    alone(world, second)
    rename_account(world, 1_001)

    def third(world):
        read(world, START_S + 2 * DAY_S + 900, [3_300])
        read(world, START_S + 3 * DAY_S, [3_400])
        eq(charged(world), 100 * 5_500, "the other's energy too")

    alone(world, third)
    eq(told(world, kinds.HELD)[0][2:], (0, 0, 1_100, 1_000), "its own last bit is written off: nobody knows its tariff")


def test_a_segment_that_found_no_room_at_the_start_is_closed_in_a_later_life():
    world = World()
    alone(world, used_a_little)
    swap_meter(world)
    limits = world._files[3]
    limits["journal_credit_reserve_blocks"] = 10_000
    world.write_again()

    def second(world):
        eq(read(world, START_S + 7_200, [3_000]).marks & MARK_HELD, MARK_HELD, "a reading of the new meter closes nothing")
        eq((charged(world), world.slot().uncharged_ucu), (0, None))

    alone(world, second)
    del limits["journal_credit_reserve_blocks"]
    world.write_again()

    def third(world):
        read(world, START_S + 8_100, [500_100])

    alone(world, third)
    eq((closing(world), world.row("charged_0")), ([(0, 1_000, 1_100, 0)], 500_100))


def test_what_a_blank_board_read_of_the_new_meter_does_not_close_the_old_one_of_the_state():
    old = World()

    def first(world):
        read(world, START_S, [1_000])
        read(world, START_S + DAY_S, [1_040])
        return [world.gateway.ledger.accounts.row_bytes(0)]

    rows = alone(old, first)
    world = World()
    world.meters = [FakeMeter(NEW_ADDRESS, 3_000)]
    world.write_again()

    def second(world):
        gateway = world.gateway
        read(world, START_S + 2 * DAY_S, [1_500])
        read(world, START_S + 2 * DAY_S + 60, [1_501])
        gateway.ledger.import_state(2, gateway.ledger.sequence + 1_000, rows)
        gateway.state_taken()
        read(world, START_S + 2 * DAY_S + 600, [1_503])
        read(world, START_S + 4 * DAY_S, [1_520])
        eq(charged(world), (40 + 17) * 5_500)
        eq([values[3:5] for values in told(world, kinds.CHARGE) if values[11] == CLOSED][-1:], [(1_040, 1_040)])

    alone(world, second)
