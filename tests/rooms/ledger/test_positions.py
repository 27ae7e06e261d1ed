"""Step periods and billing months of accounts: folded from the longer CHARGE, kept behind snapshot rows, absent without need."""

from firmware.base.faults import Broken
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import ROW_SIZE
from firmware.ledger.accounts import Accounts
from firmware.ledger.positions import NO_MINIMUM, NO_POSITION, POSITION_SIZE
from firmware.ledger.record import FIRST_CHAIN, encode_into, size_for, values_of
from firmware.ledger.snapshot import Snapshot
from tests.kit import eq, raises

METER = b"\x01\x02\x03\x04\x05\x06"
AT_S = 1_800_000_000
MAY, JUNE = 20_574, 20_605  # first days of months
FEE, MINIMUM = 6, 7
MORE = 4


def world(*numbers):
    accounts = Accounts(8)
    for number in numbers:
        accounts.apply(kinds.SEGMENT, (number, METER, 0, 500, 0, 0, 0, 0), 1, AT_S)
    return accounts


class Payer:
    """Charges one account and keeps its total."""

    def __init__(self, accounts, account=7):
        self.accounts, self.account, self.total = accounts, account, 0

    def charge(self, amount, day=None, month_day=MAY, used_cwh=0, cause=1, upto=600, marks=0):
        self.total += amount
        values = (self.account, METER, 0, 500, upto, AT_S + 60, 1, 1, 100, amount, self.total, cause, marks)
        if day is not None:
            values += (day, month_day, month_day, used_cwh, 1, 2)
        self.accounts.apply(kinds.CHARGE, values, 3, AT_S + 90)
        return self.accounts.positions.get(self.accounts.row_of(self.account))


def test_plain_charges_keep_no_positions_and_their_records_are_as_short_as_ever():
    accounts = world(7)
    eq(Payer(accounts).charge(10), NO_POSITION)
    eq((accounts.positions.are_kept(), len(accounts.row_bytes(0))), (False, ROW_SIZE))
    values = (7, METER, 0, 500, 600, AT_S, 1, 1, 100, 10, 10, 1, 0)
    eq((size_for(kinds.CHARGE, values), size_for(kinds.CHARGE, values + (1, 1, 1, 1, 1, 1))), (76, 88))


def test_both_forms_of_a_record_come_back_as_they_were_written():
    buf = bytearray(254)
    short = (7, METER, 0, 500, 600, AT_S, 1, 1, 100, 10, 10, 1, 0)
    for values in (short, short + (MAY + 4, MAY, MAY, 0xFFFFFFFF, 3, 2)):
        end, _ = encode_into(buf, 0, kinds.CHARGE, values, 1, AT_S, 3, 1, FIRST_CHAIN)
        eq(values_of(buf, 0, end), values)
    for row in (bytes(ROW_SIZE), bytes(range(ROW_SIZE + POSITION_SIZE))):
        end, _ = encode_into(buf, 0, kinds.SNAPSHOT_ROW, (row,), 1, AT_S, 3, 1, FIRST_CHAIN)
        eq((end, values_of(buf, 0, end)), (23 + len(row), (row,)))
    for wrong in (short + (1,), short + (1, 1, 1, 1, 1, 256), short + (65_536, 1, 1, 1, 1, 1)):
        raises(Broken, encode_into, buf, 0, kinds.CHARGE, wrong, 1, AT_S, 3, 1, FIRST_CHAIN)
    raises(Broken, encode_into, buf, 0, kinds.SNAPSHOT_ROW, (bytes(150),), 1, AT_S, 3, 1, FIRST_CHAIN)
    end, _ = encode_into(buf, 0, kinds.CHARGE, short, 1, AT_S, 3, 1, FIRST_CHAIN)
    eq(values_of(buf, 0, end - 1), None)


def test_a_month_adds_up_and_the_next_begins_with_nothing():
    payer = Payer(world(7))
    eq(payer.charge(10, MAY, used_cwh=100), (MAY, MAY, MAY, 100, 10))
    eq(payer.charge(5, MAY + 30, used_cwh=150), (MAY + 30, MAY, MAY, 150, 15))
    eq(payer.charge(3, MAY + 30, cause=FEE, used_cwh=150), (JUNE, MAY, MAY, 150, 18))
    eq(payer.charge(7, JUNE, JUNE, used_cwh=9), (JUNE, JUNE, JUNE, 9, 7))


def test_the_month_in_which_an_account_came_owes_no_minimum():
    payer = Payer(world(7))
    eq(payer.charge(10, MAY + 1)[4], NO_MINIMUM + 10)
    eq(payer.charge(10, MAY + 20)[4], NO_MINIMUM + 20)
    eq(payer.charge(10, JUNE + 3, JUNE)[4], 10)


def test_a_fee_closes_its_day_and_moves_no_register():
    accounts = world(7)
    payer = Payer(accounts)
    payer.charge(10, MAY, upto=600)
    payer.charge(1, MAY, cause=MINIMUM, upto=0)
    eq((accounts.positions.get(0)[0], accounts.charged_cwh(0, 0)), (MAY, 600))
    payer.charge(1, MAY, cause=FEE, upto=0)
    eq((accounts.positions.get(0)[0], accounts.charged_cwh(0, 0)), (MAY + 1, 600))


def test_a_day_that_is_closed_stays_closed_when_a_clock_goes_back():
    payer = Payer(world(7))
    payer.charge(10, JUNE + 1, JUNE)
    eq(payer.charge(5, MAY + 9, MAY)[:2] + payer.charge(5, MAY + 9, MAY)[4:], (JUNE + 1, JUNE, NO_MINIMUM + 20))


def test_the_instant_of_a_reading_is_reached_with_its_last_line():
    accounts = world(7)
    payer = Payer(accounts)
    payer.charge(10, MAY, upto=600, marks=MORE)
    eq((accounts.charged_cwh(0, 0), accounts.get(0, "charged_at_s")), (600, AT_S))
    payer.charge(10, MAY, upto=700)
    eq((accounts.charged_cwh(0, 0), accounts.get(0, "charged_at_s")), (700, AT_S + 60))


def test_a_snapshot_carries_positions_and_a_second_fold_agrees():
    accounts = world(7, 8, 9)
    Payer(accounts, 8).charge(10, MAY + 3, used_cwh=77)
    records = []
    snapshot = Snapshot(accounts)
    snapshot.observe(kinds.SNAPSHOT_BEGIN, (4, 0, 0, 0, 0), 1)
    while True:
        kind, values = snapshot.next_record()
        records.append((kind, values))
        if snapshot.observe(kind, values, 2):
            break
    eq([len(values[0]) for _, values in records[:-1]], [ROW_SIZE, ROW_SIZE + POSITION_SIZE, ROW_SIZE, ROW_SIZE])
    fresh = Accounts(8)
    fresh.doubt()
    for target in (fresh, accounts):
        target.apply(kinds.SNAPSHOT_BEGIN, (4, 0, 0, 0, 0), 1, AT_S)
        for kind, values in records:
            target.apply(kind, values, 2, AT_S)
        eq((target.complete, target.disagreements), (True, 0))
    eq([fresh.positions.get(row) for row in range(3)], [accounts.positions.get(row) for row in range(3)])
    eq(fresh.positions.get(1), (MAY + 3, MAY, MAY, 77, NO_MINIMUM + 10))
    Payer(fresh, 7).charge(1, MAY)
    fresh.apply(kinds.SNAPSHOT_BEGIN, (4, 0, 0, 0, 0), 1, AT_S)
    fresh.apply(*records[0], 2, AT_S)
    eq(fresh.disagreements, 1, "a row that says nothing of the position of an account that has one")


def test_rows_that_the_state_of_the_head_end_does_not_name_go_with_their_positions():
    accounts = world(7, 8)
    Payer(accounts, 8).charge(10, MAY, used_cwh=77)
    row = accounts.row_bytes(1)
    accounts.apply(kinds.EPOCH, (2, kinds.GIVEN_BY_HEAD_END, 0, 0), 1, AT_S)
    snapshot = Snapshot(accounts)
    for kind, values in ((kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0)), (kinds.SNAPSHOT_ROW, (row,))):
        accounts.apply(kind, values, 2, AT_S)
        snapshot.observe(kind, values, 2)
    accounts.apply(*snapshot.end_record(), 3, AT_S)
    eq((accounts.count, accounts.account(0), accounts.positions.get(0)[3]), (1, 8, 77))
    accounts.apply(kinds.SEGMENT, (9, METER, 0, 500, 0, 0, 0, 0), 4, AT_S)
    eq(accounts.positions.get(1), NO_POSITION)
