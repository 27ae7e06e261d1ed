"""Ratio of transformers, and credit limit: folded from the longer SEGMENT and from CREDIT_LIMIT, kept behind snapshot rows, absent without
need."""

from firmware.base.faults import Broken
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import BONDED_ROW_SIZE, LONGEST_ROW_SIZE, POSITION_SIZE, ROW_SIZE
from firmware.ledger.accounts import Accounts
from firmware.ledger.positions import NO_POSITION
from firmware.ledger.record import FIRST_CHAIN, encode_into, values_of
from firmware.ledger.snapshot import Snapshot
from tests.kit import eq, raises

METER = b"\x01\x02\x03\x04\x05\x06"
AT_S = 1_800_000_000
SINCE_S = AT_S - 500


def world(ratios):
    """Accounts by number."""
    accounts = Accounts(8)
    for number in sorted(ratios):
        values = (number, METER, 0, 500, 0, 0, 0, 0)
        if ratios[number] != 1:
            values += (ratios[number], SINCE_S)
        accounts.apply(kinds.SEGMENT, values, 1, AT_S)
    return accounts


def snapshot_of(accounts):
    """(kind, values) of its records, BEGIN first."""
    snapshot = Snapshot(accounts)
    found = [(kinds.SNAPSHOT_BEGIN, (accounts.count + 1, 0, 0, 0, 0))]
    while not snapshot.observe(*found[-1], 2):
        found.append(snapshot.next_record())
    return found


def test_a_segment_tells_its_ratio_and_since_when_and_the_next_one_ends_it():
    accounts = world({7: 40, 8: 1})
    eq((accounts.ratio_of(0), accounts.get(0, "charged_at_s")), (40, SINCE_S))
    eq((accounts.ratio_of(1), accounts.get(1, "charged_at_s")), (1, AT_S))
    accounts.apply(kinds.SEGMENT, (7, METER, 0, 500, 0, 0, 0, 0), 2, AT_S)
    eq((accounts.ratio_of(0), accounts.ratios), (1, {}))


def test_a_ratio_of_one_that_is_told_is_kept_like_one_that_is_not():
    accounts = world({7: 40})
    accounts.apply(kinds.SEGMENT, (7, METER, 0, 500, 0, 0, 0, 0, 1, SINCE_S), 2, AT_S)
    eq((len(accounts.row_bytes(0)), accounts.get(0, "charged_at_s")), (ROW_SIZE, SINCE_S))


def test_both_forms_of_a_segment_come_back_as_they_were_written():
    buf = bytearray(254)
    short = (7, METER, 4, 500, 1, 2, 3, 4)
    for values in (short, short + (60_000, SINCE_S)):
        end, _ = encode_into(buf, 0, kinds.SEGMENT, values, 1, AT_S, 3, 1, FIRST_CHAIN)
        eq(values_of(buf, 0, end), values)
    for wrong in (short + (1,), short + (65_536, 1)):
        raises(Broken, encode_into, buf, 0, kinds.SEGMENT, wrong, 1, AT_S, 3, 1, FIRST_CHAIN)
    for size in (BONDED_ROW_SIZE, LONGEST_ROW_SIZE):
        row = bytes(range(size))
        end, _ = encode_into(buf, 0, kinds.SNAPSHOT_ROW, (row,), 1, AT_S, 3, 1, FIRST_CHAIN)
        eq(values_of(buf, 0, end), (row,))
        raises(Broken, encode_into, buf, 0, kinds.SNAPSHOT_ROW, (row + b"1",), 1, AT_S, 3, 1, FIRST_CHAIN)


def test_a_snapshot_carries_ratios_without_making_a_table_of_positions():
    accounts = world({7: 1, 8: 40, 9: 1})
    records = snapshot_of(accounts)
    eq([len(values[0]) for _, values in records[1:-1]], [ROW_SIZE, BONDED_ROW_SIZE, ROW_SIZE, ROW_SIZE])
    fresh = Accounts(8)
    fresh.doubt()
    for target in (fresh, accounts):
        for kind, values in records:
            target.apply(kind, values, 2, AT_S)
        eq((target.complete, target.disagreements, target.ratios), (True, 0, {8: 40}))
    eq((fresh.positions.are_kept(), fresh.row_bytes(1)), (False, accounts.row_bytes(1)))


def test_a_snapshot_of_another_ratio_disagrees():
    accounts = world({8: 40})
    records = snapshot_of(world({8: 41}))
    for kind, values in records:
        accounts.apply(kind, values, 2, AT_S)
    eq(accounts.disagreements, 1)


def test_position_and_ratio_stand_behind_one_row():
    accounts = world({8: 40})
    values = (8, METER, 0, 500, 600, AT_S, 1, 1, 100, 10, 10, 1, 0, 20_574, 20_574, 20_574, 4_000, 1, 0)
    accounts.apply(kinds.CHARGE, values, 2, AT_S)
    fresh = Accounts(8)
    fresh.doubt()
    for kind, values in snapshot_of(accounts):
        fresh.apply(kind, values, 2, AT_S)
    eq((fresh.positions.get(0), fresh.ratio_of(0)), (accounts.positions.get(0), 40))
    eq((fresh.positions.get(0) != NO_POSITION, len(fresh.row_bytes(0))), (True, ROW_SIZE + POSITION_SIZE + 6))


def test_the_state_of_the_head_end_brings_ratios_and_takes_those_of_rows_that_it_does_not_name():
    accounts = world({7: 60, 8: 40})
    row = accounts.row_bytes(1)
    accounts.apply(kinds.EPOCH, (2, kinds.GIVEN_BY_HEAD_END, 0, 0), 1, AT_S)
    snapshot = Snapshot(accounts)
    for kind, values in ((kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0)), (kinds.SNAPSHOT_ROW, (row,))):
        accounts.apply(kind, values, 2, AT_S)
        snapshot.observe(kind, values, 2)
    accounts.apply(*snapshot.end_record(), 3, AT_S)
    eq((accounts.count, accounts.account(0), accounts.ratios), (1, 8, {8: 40}))


LIMIT = 100_000_000


def lent(limit, account=8):
    """Three accounts, of which one has a credit limit."""
    accounts = world({7: 1, 8: 1, 9: 40})
    accounts.apply(kinds.CREDIT_LIMIT, (account, limit, 0, 1), 2, AT_S)
    return accounts


def test_a_snapshot_carries_credit_limits_and_one_of_another_limit_disagrees():
    accounts = lent(LIMIT)
    records = snapshot_of(accounts)
    eq([len(values[0]) for _, values in records[1:-1]], [ROW_SIZE, LONGEST_ROW_SIZE, BONDED_ROW_SIZE, ROW_SIZE])
    fresh = Accounts(8)
    fresh.doubt()
    for target in (fresh, accounts):
        for kind, values in records:
            target.apply(kind, values, 2, AT_S)
        eq((target.complete, target.disagreements, target.credit_limits, target.ratios), (True, 0, {8: LIMIT}, {9: 40}))
    eq((fresh.positions.are_kept(), fresh.row_bytes(1)), (False, accounts.row_bytes(1)))
    other = lent(LIMIT + 1)
    for kind, values in records:
        other.apply(kind, values, 2, AT_S)
    eq(other.disagreements, 1)


def test_a_limit_of_nothing_takes_no_room_and_nobody_knows_one_of_an_unknown_account():
    accounts = lent(LIMIT)
    accounts.apply(kinds.CREDIT_LIMIT, (8, 0, LIMIT, 2), 3, AT_S)
    accounts.apply(kinds.CREDIT_LIMIT, (999, LIMIT, 0, 2), 4, AT_S)
    eq((accounts.credit_limits, len(accounts.row_bytes(1)), accounts.count), ({}, ROW_SIZE, 3))


def test_ratio_next_account_and_limit_stand_behind_one_row():
    accounts = lent(LIMIT, 9)
    accounts.apply(kinds.MOVED, (9, 7, METER, 1), 3, AT_S)
    fresh = Accounts(8)
    fresh.doubt()
    for kind, values in snapshot_of(accounts):
        fresh.apply(kind, values, 2, AT_S)
    eq((fresh.followers, fresh.credit_limits, len(fresh.row_bytes(2))), ({9: 7}, {9: LIMIT}, LONGEST_ROW_SIZE))


def test_the_state_of_the_head_end_brings_limits_and_takes_those_of_rows_that_it_does_not_name():
    accounts = lent(LIMIT, 7)
    row = lent(2 * LIMIT).row_bytes(1)
    accounts.apply(kinds.EPOCH, (2, kinds.GIVEN_BY_HEAD_END, 0, 0), 1, AT_S)
    snapshot = Snapshot(accounts)
    for kind, values in ((kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0)), (kinds.SNAPSHOT_ROW, (row,))):
        accounts.apply(kind, values, 2, AT_S)
        snapshot.observe(kind, values, 2)
    accounts.apply(*snapshot.end_record(), 3, AT_S)
    eq((accounts.count, accounts.credit_limits), (1, {8: 2 * LIMIT}))
