"""Accounts as a pure fold: totals per issuer, duplicates, order, conflicts, and every field a record moves."""

from firmware.base.faults import Broken
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import (
    FLAG_HOLD,
    FLAG_PROTECTED,
    FLAG_READING_HELD,
    FLAG_VISIT_ORDERED,
    FLAG_VISITED,
    ROW,
    ROW_SIZE,
)
from firmware.ledger.accounts import (
    AMOUNT_UCU_MAX,
    CONFLICT,
    CREATED,
    EXISTS,
    OTHER_TOTAL,
    OUT_OF_RANGE,
    TOO_MANY_ISSUERS,
    UNKNOWN_ACCOUNT,
    Accounts,
)
from tests.kit import cases, eq, raises

METER = b"\x01\x02\x03\x04\x05\x06"
AT_S = 1_800_000_000


def with_account(account=7, capacity=8):
    accounts = Accounts(capacity)
    accounts.apply(kinds.SEGMENT, (account, METER, 0, 500, 0, 0, 0, 0), 1, AT_S)
    return accounts


def credit(accounts, issuer, number, amount, total, account=7):
    """What the gateway does: ask, then fold when created."""
    verdict = accounts.credit_verdict(account, issuer, number, amount, total)
    if verdict[0] == CREATED:
        accounts.apply(kinds.CREDIT, (account, issuer, number, amount, total), 2, AT_S)
    return verdict


def charge(accounts, amount, total, rate=0, upto=600, serial=METER, cause=1):
    values = (7, serial, rate, 500, upto, AT_S + 5, 1, 1, 100, amount, total, cause, 0)
    accounts.apply(kinds.CHARGE, values, 3, AT_S + 9)


def test_the_row_is_146_bytes_as_the_spec_adds_up():
    eq(ROW_SIZE, 146)


def test_balance_is_the_sum_of_all_issuers_totals_less_what_was_charged():
    accounts = with_account()
    credit(accounts, 1, 1, 50, 50)
    credit(accounts, 2, 1, 30, 30)
    credit(accounts, 1, 2, -20, 30)
    charge(accounts, 15, 15)
    charge(accounts, 10, 25)
    eq(accounts.balance_ucu(0), 30 + 30 - 25)
    eq(accounts.disagreements, 0)


def test_a_repeated_credit_exists_and_a_late_one_is_in_the_total_already():
    accounts = with_account()
    eq(credit(accounts, 1, 1, 50, 50), (CREATED, 0))
    eq(credit(accounts, 1, 1, 50, 50), (EXISTS, 0))
    eq(credit(accounts, 1, 3, 5, 75), (CREATED, 0), "2 was lost: the total heals it")
    eq(credit(accounts, 1, 2, 20, 70), (EXISTS, 0))
    eq(accounts.balance_ucu(0), 75)
    accounts.apply(kinds.CREDIT, (7, 1, 2, 20, 70), 9, AT_S)
    eq(accounts.balance_ucu(0), 75, "a lower number in the journal changes nothing either")


def test_refusals_name_their_reason_and_change_nothing():
    accounts = with_account()
    for issuer in range(1, 5):
        credit(accounts, issuer, 1, 10, 10)
    before = accounts.row_bytes(0)

    def check(values, reason):
        eq(accounts.credit_verdict(*values), (CONFLICT, reason))

    cases(
        (
            ((8, 1, 1, 5, 5), UNKNOWN_ACCOUNT),
            ((0, 1, 1, 5, 5), UNKNOWN_ACCOUNT),
            ((7, 1, 1, 10, 11), OTHER_TOTAL),
            ((7, 5, 1, 5, 5), TOO_MANY_ISSUERS),
            ((7, 0, 1, 5, 5), OUT_OF_RANGE),
            ((7, 65536, 1, 5, 5), OUT_OF_RANGE),
            ((7, 1, 0, 5, 5), OUT_OF_RANGE),
            ((7, 1, 1 << 32, 5, 5), OUT_OF_RANGE),
            ((7, 1, 2, AMOUNT_UCU_MAX + 1, 5), OUT_OF_RANGE),
            ((7, 1, 2, 5, -AMOUNT_UCU_MAX - 1), OUT_OF_RANGE),
        ),
        check,
    )
    eq(accounts.row_bytes(0), before)


def test_totals_near_the_range_add_up_without_wrapping():
    accounts = with_account()
    for issuer in range(1, 5):
        credit(accounts, issuer, 1, AMOUNT_UCU_MAX, AMOUNT_UCU_MAX)
    eq(accounts.balance_ucu(0), 4 * AMOUNT_UCU_MAX)


def test_a_charge_moves_the_register_only_of_its_own_meter_and_a_fee_moves_none():
    accounts = with_account()
    charge(accounts, 10, 10, upto=600)
    eq((accounts.charged_cwh(0, 0), accounts.get(0, "charged_at_s")), (600, AT_S + 5))
    charge(accounts, 10, 20, upto=700, serial=b"\x09" * 6)
    eq(accounts.charged_cwh(0, 0), 600)
    charge(accounts, 5, 25, upto=0, cause=6)
    eq((accounts.charged_cwh(0, 0), accounts.get(0, "total_charged_ucu")), (600, 25))
    charge(accounts, 5, 30, rate=2, upto=900)
    eq((accounts.charged_cwh(0, 0), accounts.charged_cwh(0, 2)), (600, 900))


def test_a_charge_that_does_not_add_up_is_reported():
    accounts = with_account()
    charge(accounts, 10, 11)
    eq(accounts.disagreements, 1)


def test_a_held_reading_is_a_flag_that_only_its_release_clears():
    accounts = with_account()
    accounts.apply(kinds.HELD, (7, METER, 1, 0, 400, 500), 4, AT_S)
    accounts.apply(kinds.FLAGS, (7, FLAG_PROTECTED | FLAG_HOLD, 0), 5, AT_S)
    eq(accounts.get(0, "flags"), FLAG_PROTECTED | FLAG_HOLD | FLAG_READING_HELD)
    accounts.apply(kinds.HELD, (7, METER, 0, 0, 400, 500), 6, AT_S + 1)
    eq(accounts.get(0, "flags"), FLAG_PROTECTED | FLAG_HOLD)
    eq((accounts.charged_cwh(0, 0), accounts.get(0, "charged_at_s")), (400, AT_S + 1))


def test_a_notice_counts_when_delivered_and_only_in_its_episode():
    accounts = with_account()
    accounts.apply(kinds.EPISODE, (7, 3, 1, 100), 4, AT_S)
    accounts.apply(kinds.NOTICE, (7, 3, 1, 1, 1, 100, 5), 5, AT_S + 1)
    eq(accounts.get(0, "notice_level"), 0, "given only")
    accounts.apply(kinds.NOTICE, (7, 3, 1, 1, 2, 100, 5), 6, AT_S + 2)
    accounts.apply(kinds.NOTICE, (7, 3, 1, 2, 2, 100, 5), 7, AT_S + 3)
    eq((accounts.get(0, "notice_level"), accounts.get(0, "notice_at_s")), (1, AT_S + 2))
    accounts.apply(kinds.EPISODE, (7, 3, 0, 900), 8, AT_S + 4)
    eq((accounts.get(0, "episode_open"), accounts.get(0, "notice_level"), accounts.get(0, "notice_at_s")), (0, 0, 0))


def test_wish_seen_alarm_fault_and_order_follow_their_records():
    accounts = with_account()

    def decide(verdict, reason):
        accounts.apply(kinds.DECISION, (7, verdict, reason) + (0,) * 12, 4, AT_S)

    decide(1, 1)
    eq((accounts.get(0, "wish"), accounts.get(0, "wish_reason"), accounts.get(0, "wish_at_s")), (1, 1, AT_S))
    decide(3, 1)
    decide(4, 1)
    eq(accounts.get(0, "wish"), 1)
    decide(5, 5)
    eq((accounts.get(0, "wish"), accounts.get(0, "wish_reason")), (0, 5))
    accounts.apply(kinds.RELAY, (7, METER, 3, 2, 0, 0), 5, AT_S)
    eq(accounts.get(0, "alarm"), 0, "acknowledged is not ordered")
    accounts.apply(kinds.RELAY, (7, METER, 3, 1, 0, 0), 5, AT_S)
    eq(accounts.get(0, "alarm"), 1)
    accounts.apply(kinds.RELAY, (7, METER, 4, 1, 0, 0), 5, AT_S)
    eq(accounts.get(0, "alarm"), 0)
    accounts.apply(kinds.SEEN, (7, 2, 0x50), 6, AT_S + 1)
    eq((accounts.get(0, "seen"), accounts.get(0, "seen_at_s")), (2, AT_S + 1))
    accounts.apply(kinds.FAULT, (7, 3, 0), 7, AT_S)
    eq(accounts.get(0, "fault"), 3)
    accounts.apply(kinds.ORDER, (7, 5, 1, 2, 4, 0, 0, 0), 8, AT_S)
    accounts.apply(kinds.ORDER, (7, 4, 1, 1, 0, 0, 0, 0), 9, AT_S)
    accounts.apply(kinds.ORDER, (0, 9, 7, 1, 0, 0, 0, 0), 9, AT_S)
    eq((accounts.get(0, "order"), accounts.gateway_order), (5, 9))
    accounts.apply(kinds.BRAKE, (1, 3, 12, 0), 10, AT_S)
    eq(accounts.brake, True)


def test_a_visit_counts_in_its_episode_and_a_level_only_falls():
    accounts = with_account()

    def visit(episode, what):
        accounts.apply(kinds.VISIT, (7, episode, what, 3, 5, 0, 0, 0), 4, AT_S)
        return accounts.get(0, "flags")

    def notice(level):
        accounts.apply(kinds.NOTICE, (7, 1, level, 1, 2, 0, 0), 5, AT_S + level)

    eq(visit(0, 2), 0, "no episode is open")
    accounts.apply(kinds.EPISODE, (7, 1, 1, 0), 4, AT_S)
    eq(visit(2, 2), 0, "of another episode")
    eq(visit(1, 1), FLAG_VISIT_ORDERED)
    eq(visit(1, 3), 0, "nobody was met")
    eq(visit(1, 1) | visit(1, 2), FLAG_VISITED | FLAG_VISIT_ORDERED)
    notice(1)
    notice(2)
    accounts.apply(kinds.LEVEL, (7, 1, 1, 0), 6, AT_S + 9)
    eq((accounts.get(0, "notice_level"), accounts.get(0, "notice_at_s")), (1, AT_S + 2), "the period of the last one goes on")
    accounts.apply(kinds.LEVEL, (7, 1, 2, 0), 6, AT_S + 9)
    eq(accounts.get(0, "notice_level"), 1)
    accounts.apply(kinds.EPISODE, (7, 1, 0, 0), 7, AT_S)
    eq((accounts.get(0, "flags"), accounts.get(0, "notice_level")), (0, 0))


def test_an_exemption_with_an_end_goes_with_its_flag_and_with_a_state_of_the_head_end():
    accounts = with_account()
    accounts.apply(kinds.FLAGS, (7, 4, 3), 4, AT_S)
    accounts.apply(kinds.EXEMPT, (7, AT_S + 9, 3), 5, AT_S)
    eq(accounts.exempt_until, {7: (AT_S + 9, 5)})
    accounts.apply(kinds.FLAGS, (7, 4 | 2, 4), 6, AT_S)
    eq(accounts.exempt_until, {7: (AT_S + 9, 5)})
    accounts.apply(kinds.FLAGS, (7, 2, 5), 7, AT_S)
    eq(accounts.exempt_until, {})
    accounts.apply(kinds.EXEMPT, (7, AT_S + 9, 3), 8, AT_S)
    accounts.apply(kinds.EPOCH, (2, 2, 0, 0), 9, AT_S)
    eq(accounts.exempt_until, {})


def test_two_hundred_accounts_in_any_order_are_found():
    accounts = Accounts(200)
    for step in range(200):
        account = 1 + step * 83 % 200 * 21_000_000
        accounts.apply(kinds.SEGMENT, (account, METER, 0, step, 0, 0, 0, 0), step + 1, AT_S)
    for step in range(200):
        row = accounts.row_of(1 + step * 83 % 200 * 21_000_000)
        eq((row, accounts.from_cwh(row, 0)), (step, step))
    eq((accounts.row_of(2), accounts.row_of(4_294_967_294), accounts.count), (-1, -1, 200))
    raises(Broken, accounts.apply, kinds.SEGMENT, (3, METER, 0, 0, 0, 0, 0, 0), 201, AT_S)


def test_a_snapshot_that_disagrees_with_the_fold_is_reported_and_believed():
    accounts = with_account()
    row = bytearray(accounts.row_bytes(0))
    ROW.set(row, 0, "total_charged_ucu", 1)
    accounts.apply(kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0), 2, AT_S)
    accounts.apply(kinds.SNAPSHOT_ROW, (bytes(row),), 3, AT_S)
    eq((accounts.disagreements, accounts.balance_ucu(0)), (1, -1))


def test_a_pruned_beginning_waits_for_a_whole_snapshot():
    accounts = with_account()
    row = accounts.row_bytes(0)
    later = Accounts(8)
    later.doubt()
    later.apply(kinds.CREDIT, (7, 1, 1, 5, 5), 2, AT_S)
    later.apply(kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0), 3, AT_S)
    later.apply(kinds.SNAPSHOT_ROW, (row,), 4, AT_S)
    later.apply(kinds.CREDIT, (7, 1, 1, 5, 5), 5, AT_S)
    eq((later.complete, later.count), (False, 1))
    from firmware.base.crc import crc32

    later.apply(kinds.SNAPSHOT_END, (1, crc32(row, 0, len(row)) ^ 1), 6, AT_S)
    eq(later.complete, False, "a wrong CRC completes nothing")
    later.apply(kinds.SNAPSHOT_BEGIN, (1, 0, 0, 0, 0), 7, AT_S)
    later.apply(kinds.SNAPSHOT_ROW, (row,), 8, AT_S)
    later.apply(kinds.SNAPSHOT_END, (1, crc32(row, 0, len(row))), 9, AT_S)
    eq((later.complete, later.disagreements), (True, 0))
