"""Orders of the head-end: expiry, payments that overtook them, numbers, conditions."""

from firmware.base import days
from firmware.base.limits import Limits
from firmware.cutoff import conditions as c
from firmware.cutoff import orders as o
from firmware.cutoff.facts import CLOSED, OFF, Facts
from firmware.cutoff.policy import CHANNEL_HEAD_END, Policy
from tests.kit import cases, eq

NOON_S = days.midnight_s(days.day_of_date(2026, 11, 24), 480) + 12 * 3600

POLICY = Policy()
POLICY.utc_offset_min = 480
POLICY.notice_ucu = 5_000_000
POLICY.notices = ((5_000_000, 3600, CHANNEL_HEAD_END),)
POLICY.calendar = None
POLICY.floor_ucu = 0
POLICY.restore_ucu = 1_000_000
POLICY.hours = ((0xFE, 0, 1440),)
POLICY.reading_fresh_s = 1800
POLICY.clock_error_max_s = 60
POLICY.offline_right_s = 86400
POLICY.unimplemented = []


def due_facts():
    """An account for which every condition of a cut holds."""
    facts = Facts(Limits())
    facts.available_ucu = 0
    facts.now_s = facts.reading_at_s = facts.last_contact_s = NOON_S
    facts.clock_quality = 3
    facts.clock_error_s = 1
    facts.serial_ok = facts.journal_sound = facts.tariff_valid = facts.enforceable = True
    facts.standing = 0
    facts.seen = CLOSED
    facts.episode_open = True
    facts.notice_level = 1
    facts.notice_at_s = NOON_S - 3600
    facts.throttle_ok = True
    facts.brake_closed = False
    return facts


def judge(order, number=8, expires_at_s=NOON_S + 600, credit_number=4, override=0, last_number=7, newest_credit=4, **facts):
    known = due_facts()
    for name in facts:
        setattr(known, name, facts[name])
    got = o.judge_order(order, number, expires_at_s, credit_number, override, known, POLICY, last_number, newest_credit)
    eq(known.override, facts.get("override", 0), "judging leaves the facts alone")
    return got


def test_a_cut_order_is_accepted_only_in_time_and_not_overtaken():
    def check(changes, reason):
        got = judge(o.CUT, **changes)
        eq((got.reason, got.accepted), (reason, reason == 0))

    cases(
        (
            ({}, o.ACCEPTED),
            ({"number": 7}, o.NUMBER_USED),
            ({"number": 1}, o.NUMBER_USED),
            ({"expires_at_s": NOON_S}, o.EXPIRED),
            ({"expires_at_s": 0}, o.EXPIRED),
            ({"credit_number": 3}, o.OVERTAKEN),
            ({"credit_number": 0, "newest_credit": 1}, o.OVERTAKEN),
            ({"credit_number": 5}, o.ACCEPTED),
            ({"now_s": 0}, o.CLOCK_UNKNOWN),
            ({"clock_quality": 1}, o.CLOCK_UNKNOWN),
            ({"wish": OFF}, o.NO_CHANGE),
            ({"flags": c.FLAG_PROTECTED}, o.CONDITION),
            ({"available_ucu": 1}, o.CONDITION),
            ({"throttle_ok": False}, o.ACCEPTED),
            ({"brake_closed": True}, o.ACCEPTED),
        ),
        check,
    )


def test_an_order_may_override_what_it_names_but_not_protection():
    eq(judge(o.CUT, override=c.MONEY, available_ucu=5_000_000).reason, o.ACCEPTED)
    eq(judge(o.CUT, override=c.CARE, flags=c.FLAG_CARE).reason, o.ACCEPTED)
    got = judge(o.CUT, override=c.ALL, flags=c.FLAG_PROTECTED)
    eq((got.reason, got.failed), (o.CONDITION, c.PROTECTED))


def test_a_restore_is_never_refused_for_clock_age_or_condition():
    for facts in ({}, {"now_s": 0}, {"expires_at_s": 1}, {"credit_number": 0}, {"standing": 3}, {"journal_sound": False}):
        eq(judge(o.RESTORE, **facts).reason, o.ACCEPTED, str(facts))
    eq(judge(o.RESTORE, number=7).reason, o.NUMBER_USED)


def test_other_orders_say_when_they_change_nothing():
    def check(order, facts, reason):
        eq(judge(order, **facts).reason, reason)

    cases(
        (
            (o.HOLD, {}, o.ACCEPTED),
            (o.HOLD, {"flags": c.FLAG_HOLD}, o.NO_CHANGE),
            (o.RELEASE, {}, o.NO_CHANGE),
            (o.RELEASE, {"flags": c.FLAG_HOLD}, o.ACCEPTED),
            (o.RELEASE, {"flags": c.FLAG_ORDERED_ON}, o.ACCEPTED),
            (o.RELEASE, {"fault": 6}, o.ACCEPTED),
            (o.RELEASE_HELD, {}, o.NO_CHANGE),
            (o.RELEASE_HELD, {"flags": c.FLAG_READING_HELD}, o.ACCEPTED),
            (o.RELEASE_BRAKE, {}, o.NO_CHANGE),
            (o.RELEASE_BRAKE, {"brake_closed": True}, o.ACCEPTED),
            (o.FLAGS, {}, o.ACCEPTED),
            (77, {}, o.NOT_SUPPORTED),
        ),
        check,
    )
