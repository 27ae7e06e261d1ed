"""Cut and restore decided over all conditions: alone, in pairs, and every combination of standing and of timing ones."""

from firmware.base.limits import Limits
from firmware.cutoff import conditions as c
from firmware.cutoff import decide as d
from firmware.cutoff.facts import ARMED, LIMITED, OFF, OPEN, Facts
from tests.cut_table import CREDIT_LIMITS, NOON_S, POLICY, STANDING, TIMING, broken, due_facts, set_
from tests.kit import cases, eq


def judge(chosen):
    facts, rules, bits = broken(chosen)
    got = d.decide(facts, rules)
    eq(d.failed_conditions(facts, rules), bits, str(c.names(bits)))
    if bits & c.MONEY:
        eq(got.verdict, d.NOTHING, str(c.names(bits)))
    elif not bits:
        eq((got.verdict, got.reason, got.failed), (d.CUT, d.BALANCE_AT_FLOOR, 0))
    elif bits & c.STANDING:
        eq((got.verdict, got.reason, got.failed), (d.NOT_PERMITTED, d.STANDING_FAILED, bits))
    else:
        eq((got.verdict, got.reason, got.failed), (d.DELAYED, d.BALANCE_AT_FLOOR, bits))


def limited_off(lifeline_w):
    facts = due_facts()
    facts.wish, facts.seen, facts.limited, facts.lifeline_w = OFF, LIMITED, True, lifeline_w
    return facts


def test_a_lifeline_changes_no_condition_of_a_cut():
    for rows in ([], [STANDING[1]], [TIMING[0]], [STANDING[0]]):
        facts, rules, bits = broken(rows)
        facts.lifeline_w = 500
        eq(d.failed_conditions(facts, rules), bits)
        eq(d.decide(facts, rules).verdict, d.decide(broken(rows)[0], rules).verdict)


def test_who_is_limited_stays_so_while_all_hold_and_is_restored_when_one_fails_or_the_means_is_gone():
    eq(d.decide(limited_off(500), POLICY).verdict, d.NOTHING)
    gone = d.decide(limited_off(0), POLICY)
    eq((gone.verdict, gone.reason, gone.failed), (d.RESTORE, d.STANDING_FAILED, c.ENFORCEABLE))
    facts = limited_off(0)
    facts.override = c.ALL
    eq(d.decide(facts, POLICY).verdict, d.RESTORE, "no order keeps a limit that nobody can lift by its policy")
    facts = limited_off(500)
    facts.flags = c.FLAG_PROTECTED
    eq(d.decide(facts, POLICY).verdict, d.RESTORE)
    facts = limited_off(500)
    facts.available_ucu = facts.balance_ucu = 1_000_000
    facts.credited = True
    eq((d.decide(facts, POLICY).verdict, d.decide(facts, POLICY).reason), (d.RESTORE, d.RESTORE_REACHED))


def test_nobody_is_cut_while_a_limit_is_in_force():
    facts = due_facts()
    facts.seen = LIMITED
    got = d.decide(facts, POLICY)
    eq((got.verdict, got.failed), (d.DELAYED, c.SEEN))


def subset(rows, mask):
    return [rows[i] for i in range(len(rows)) if mask >> i & 1]


def test_every_condition_of_the_specification_is_in_the_table():
    bits = 0
    for bit, _ in STANDING + TIMING:
        bits |= bit
    eq(bits, c.ALL)
    eq(c.STANDING | c.TIMING, c.ALL)
    eq(len(c.names(c.ALL)), 21)


def test_supply_is_cut_when_all_conditions_hold():
    judge([])


def test_one_or_two_failing_conditions_prevent_a_cut():
    rows = STANDING + TIMING
    for first in range(len(rows)):
        for second in range(first, len(rows)):
            judge([rows[first]] if first == second else [rows[first], rows[second]])


def test_every_combination_of_standing_conditions_prevents_a_cut():
    for mask in range(1 << len(STANDING)):
        judge(subset(STANDING, mask))


def test_every_combination_of_timing_conditions_prevents_a_cut():
    for mask in range(1 << len(TIMING)):
        judge(subset(TIMING, mask))


def judge_off(chosen):
    facts, rules, bits = broken(chosen)
    facts.wish = OFF
    got = d.decide(facts, rules)
    want = bits & c.STANDING
    note = str(c.names(bits))
    if not want:
        eq((got.verdict, got.failed), (d.NOTHING, 0), note)
    elif want & c.MONEY:
        eq((got.verdict, got.reason, got.failed), (d.RESTORE, d.RESTORE_REACHED, want), note)
    else:
        eq((got.verdict, got.reason, got.failed), (d.RESTORE, d.STANDING_FAILED, want), note)


def test_while_off_every_failing_standing_condition_restores_and_no_timing_one_does():
    rows = STANDING + TIMING
    judge_off([])
    for first in range(len(rows)):
        for second in range(first, len(rows)):
            judge_off([rows[first]] if first == second else [rows[first], rows[second]])


def test_while_off_every_combination_of_standing_conditions_restores():
    for mask in range(1 << len(STANDING)):
        judge_off(subset(STANDING, mask))


def test_while_off_all_timing_conditions_together_restore_nothing():
    judge_off(list(TIMING))


def test_more_ways_to_break_a_condition():
    def check(bit, rules, values):
        facts = due_facts()
        set_(**values)(facts)
        eq(c.names(d.failed_conditions(facts, rules) & bit), c.names(bit), str(values))
        eq(d.decide(facts, rules).verdict in (d.NOT_PERMITTED, d.DELAYED, d.NOTHING), True, str(values))

    cases(
        (
            (c.MONEY, POLICY, {"available_ucu": 1}),
            (c.MONEY | c.READING, POLICY, {"available_ucu": None}),
            (c.HOLD, POLICY, {"flags": c.FLAG_ORDERED_ON}),
            (c.READING, POLICY, {"serial_ok": False}),
            (c.READING, POLICY, {"serial_ok": None}),
            (c.JOURNAL, POLICY, {"journal_sound": None}),
            (c.TARIFF, POLICY, {"tariff_valid": None}),
            (c.ENFORCEABLE, POLICY, {"enforceable": None}),
            (c.ENFORCEABLE, POLICY, {"fault": 4}),
            (c.ENFORCEABLE, POLICY, {"fault": 6}),
            (c.ENFORCEABLE, POLICY, {"fault": 8}),
            (c.ENFORCEABLE, POLICY, {"fault": 9}),
            (c.METER_CLOCK, POLICY, {"fault": 5}),
            (c.POLICY, None, {}),
            (c.HEAD_END, POLICY, {"standing": None}),
            (c.HEAD_END, POLICY, {"standing": 3}),
            (c.FRESH, POLICY, {"reading_at_s": 0}),
            (c.FRESH, POLICY, {"reading_at_s": NOON_S + 1}),
            (c.FRESH | c.HOURS | c.CLOCK | c.NOTICE | c.OFFLINE, POLICY, {"now_s": 0}),
            (c.HOURS, POLICY, {"now_s": NOON_S - 5 * 3600}),
            (c.HOURS, POLICY, {"now_s": NOON_S + 4 * 3600 - 300}),
            (c.HOURS, POLICY, {"now_s": NOON_S + 4 * 86400}),
            (c.HOURS, POLICY, {"now_s": NOON_S - 4 * 3600 + 9, "clock_error_s": 10}),
            (c.NOTICE, POLICY, {"episode_open": False}),
            (c.NOTICE, POLICY, {"notice_level": 0}),
            (c.NOTICE, POLICY, {"notice_at_s": 0}),
            (c.CLOCK, POLICY, {"clock_quality": 0}),
            (c.CLOCK, POLICY, {"clock_error_s": None}),
            (c.CLOCK, POLICY, {"clock_error_s": 61}),
            (c.CLOCK, POLICY, {"meters_disagree": True}),
            (c.OFFLINE, POLICY, {"last_contact_s": 0}),
            (c.OFFLINE, POLICY, {"last_contact_s": NOON_S + 2}),
            (c.OFFLINE, POLICY, {"last_contact_s": NOON_S + 10 * 365 * 86400}),
            (c.OFFLINE, POLICY, {"last_contact_s": NOON_S + 1, "clock_error_s": None}),
            (c.SEEN, POLICY, {"seen": OPEN}),
            (c.SEEN, POLICY, {"seen": ARMED}),
        ),
        check,
    )


def test_each_limit_is_met_exactly():
    def check(values):
        facts = due_facts()
        set_(**values)(facts)
        eq(d.decide(facts, POLICY).verdict, d.CUT, str(values))

    cases(
        (
            ({"reading_at_s": NOON_S - 1800},),
            ({"reading_at_s": NOON_S},),
            ({"clock_error_s": 60},),
            ({"clock_quality": 2},),
            ({"meter_clock_error_s": 600},),
            ({"standing": 1},),
            ({"last_contact_s": NOON_S},),
            ({"last_contact_s": NOON_S + 1},),
            ({"available_ucu": -5_000_000_000},),
            ({"flags": c.FLAG_CARE, "visited": True},),
            ({"fault": 3},),
        ),
        check,
    )


def test_nothing_known_neither_cuts_nor_restores():
    facts = Facts(Limits())
    eq(d.decide(facts, POLICY).verdict, d.NOTHING)
    eq(d.decide(facts, None).verdict, d.NOTHING)
    facts.wish = OFF
    eq(d.decide(facts, POLICY).verdict, d.NOTHING)


def test_an_account_without_a_policy_is_restored():
    facts = due_facts()
    facts.wish = OFF
    got = d.decide(facts, None)
    eq((got.verdict, got.reason, got.failed), (d.RESTORE, d.STANDING_FAILED, c.POLICY))


def test_between_floor_and_restore_amount_supply_stays_as_it_is():
    facts = due_facts()
    for amount_ucu, on, off in ((0, d.CUT, d.NOTHING), (1, d.NOTHING, d.NOTHING), (999_999, d.NOTHING, d.NOTHING),
                                (1_000_000, d.NOTHING, d.RESTORE)):
        facts.available_ucu = facts.balance_ucu = amount_ucu
        facts.wish = 0
        eq(d.decide(facts, POLICY).verdict, on, str(amount_ucu))
        facts.wish = OFF
        eq(d.decide(facts, POLICY).verdict, off, str(amount_ucu))


def test_silence_never_blocks_a_restore_but_a_fresh_reading_counts():
    facts = due_facts()
    facts.wish = OFF
    facts.balance_ucu = 1_000_000
    facts.available_ucu = 999_999
    eq(d.decide(facts, POLICY).verdict, d.NOTHING)
    facts.reading_at_s = NOON_S - 1801
    eq(d.decide(facts, POLICY).verdict, d.RESTORE)
    facts.available_ucu = None
    facts.reading_at_s = 0
    eq(d.decide(facts, POLICY).verdict, d.RESTORE)
    facts.now_s = 0
    eq(d.decide(facts, POLICY).verdict, d.RESTORE)


def test_while_off_what_is_known_to_be_wrong_restores_and_what_is_not_known_does_not():
    for name in ("serial_ok", "journal_sound", "tariff_valid", "enforceable"):
        facts = due_facts()
        facts.wish = OFF
        setattr(facts, name, None)
        eq(d.decide(facts, POLICY).verdict, d.NOTHING, name)
        setattr(facts, name, False)
        eq((d.decide(facts, POLICY).verdict, d.decide(facts, POLICY).reason), (d.RESTORE, d.STANDING_FAILED), name)


def test_a_credit_while_the_cut_is_under_way_says_so():
    facts = due_facts()
    facts.wish = OFF
    facts.credited = True
    facts.available_ucu = facts.balance_ucu = 2_000_000
    eq(d.decide(facts, POLICY).reason, d.CREDIT_DURING_CUT)
    facts.seen = OPEN
    eq(d.decide(facts, POLICY).reason, d.RESTORE_REACHED)


def test_an_order_overrides_what_it_names_and_the_evidence_stays():
    overridable = [row for row in STANDING + TIMING if not row[0] & c.NEVER_OVERRIDDEN]
    for row in overridable:
        facts, rules, bits = broken([row])
        facts.ordered = True
        facts.override = bits
        got = d.decide(facts, rules)
        eq((got.verdict, got.reason, got.failed), (d.CUT, d.BY_ORDER, bits), str(c.names(bits)))
        facts.wish = OFF
        eq(d.decide(facts, rules).verdict, d.NOTHING, "stays off: " + str(c.names(bits)))
        facts.override = 0
        eq(d.decide(facts, rules).verdict, d.RESTORE if bits & c.STANDING else d.NOTHING, str(c.names(bits)))


def test_no_order_reaches_past_protection_brake_or_what_cannot_be_done():
    eq(c.NEVER_OVERRIDDEN, c.PROTECTED | c.BRAKE | c.JOURNAL | c.ENFORCEABLE | c.POLICY | c.HEAD_END | c.SEEN | c.CALENDAR)
    for row in STANDING + TIMING:
        if row[0] & c.NEVER_OVERRIDDEN:
            facts, rules, bits = broken([row])
            facts.ordered = True
            facts.override = c.ALL
            eq(d.decide(facts, rules).verdict in (d.NOT_PERMITTED, d.DELAYED), True, str(c.names(bits)))


def test_an_override_ends_with_its_order():
    for row in STANDING + TIMING:
        facts, rules, bits = broken([row])
        facts.override = bits  # the order has expired, somebody forgot its bits
        eq(d.decide(facts, rules).verdict == d.CUT, False, str(c.names(bits)))


def test_a_payment_after_the_order_restores_whatever_the_order_overrode():
    facts = due_facts()
    facts.wish = OFF
    facts.override = c.ALL
    facts.available_ucu = facts.balance_ucu = 1_000_000
    eq(d.decide(facts, POLICY).verdict, d.NOTHING)
    facts.credited = True
    eq(d.decide(facts, POLICY).verdict, d.RESTORE)


def test_an_order_without_override_obeys_every_condition():
    for row in STANDING + TIMING:
        facts, rules, bits = broken([row])
        facts.ordered = True
        got = d.decide(facts, rules)
        eq((got.verdict, got.failed), (d.NOT_PERMITTED if bits & c.STANDING else d.DELAYED, bits), str(c.names(bits)))


def test_emergency_credit_lowers_the_floor_and_not_the_restore_amount():
    facts = due_facts()
    facts.emergency_ucu = 2_000_000
    for available_ucu, want in ((0, d.NOTHING), (-1_999_999, d.NOTHING), (-2_000_000, d.CUT)):
        facts.available_ucu = available_ucu
        eq(d.decide(facts, POLICY).verdict, want, str(available_ucu))
    facts.wish = OFF
    for available_ucu, want in ((999_999, d.NOTHING), (1_000_000, d.RESTORE)):
        facts.available_ucu = facts.balance_ucu = available_ucu
        eq(d.decide(facts, POLICY).verdict, want, str(available_ucu))


def test_a_credit_limit_lowers_floor_and_restore_amount_alike():
    for limit_ucu in CREDIT_LIMITS:
        for emergency_ucu in (0, 2_000_000):
            facts = due_facts(limit_ucu)
            facts.emergency_ucu = emergency_ucu
            floor_ucu = -limit_ucu - emergency_ucu
            for above_ucu, want in ((1, d.NOTHING), (0, d.CUT)):
                facts.available_ucu = floor_ucu + above_ucu
                eq(d.decide(facts, POLICY).verdict, want, str((limit_ucu, emergency_ucu, above_ucu)))
            facts.wish = OFF
            for available_ucu, want in ((999_999, d.NOTHING), (1_000_000, d.RESTORE)):
                facts.available_ucu = facts.balance_ucu = available_ucu - limit_ucu
                eq(d.decide(facts, POLICY).verdict, want, str((limit_ucu, emergency_ucu, available_ucu)))


def test_who_pays_at_a_relay_found_open_gets_light_from_the_lowered_restore_amount_on():
    for limit_ucu in CREDIT_LIMITS:
        facts = due_facts(limit_ucu)
        facts.seen, facts.credited = OPEN, True
        for available_ucu, want in ((999_999, d.NOTHING), (1_000_000, d.RESTORE)):
            facts.available_ucu = facts.balance_ucu = available_ucu - limit_ucu
            eq(d.decide(facts, POLICY).verdict, want, str(limit_ucu))
