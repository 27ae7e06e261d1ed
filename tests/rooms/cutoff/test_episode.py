"""Episodes: opened at the first level, closed above it; one notice for each crossing inside, in their hours; visits by days left."""

from firmware.base import days
from firmware.base.limits import Limits
from firmware.cutoff import episode as e
from firmware.cutoff.conditions import FLAG_CARE, FLAG_EMERGENCY, FLAG_EMERGENCY_OVER
from firmware.cutoff.facts import OFF, Facts
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END, CHANNEL_TEXT, CHANNEL_VISIT, Policy
from firmware.cutoff.policy_document import parse_hours
from tests.kit import cases, eq

NOW_S = days.midnight_s(days.day_of_date(2026, 11, 24), 480) + 12 * 3600
HOUR_S = 3_600
COIN = 1_000_000


def policy(channels=CHANNEL_HEAD_END | CHANNEL_ALARM, alarm=True, notices=None, **more):
    rules = Policy()
    rules.notices = notices or ((5 * COIN, HOUR_S, channels),)
    rules.notice_ucu = rules.notices[0][0]
    rules.floor_ucu = 0
    rules.restore_ucu = 1_000_000
    rules.alarm = alarm
    rules.notice_hours = None
    rules.care_lead_days = 0
    rules.emergency_ucu = 0
    rules.utc_offset_min = 480
    for name in more:
        setattr(rules, name, more[name])
    return rules


BOTH = e.NOTICE_HEAD_END | e.NOTICE_ALARM


def facts(available_ucu, episode_open=False, **more):
    got = Facts(Limits())
    got.available_ucu = available_ucu
    got.balance_ucu = available_ucu or 0
    got.episode_open = episode_open
    got.now_s = NOW_S
    for name in more:
        setattr(got, name, more[name])
    return got


def test_an_episode_opens_at_the_level_with_its_notice():
    eq(e.step(facts(5_000_001), policy()), 0)
    eq(e.step(facts(5_000_000), policy()), e.OPEN | BOTH)
    eq(e.step(facts(-9), policy(CHANNEL_HEAD_END, False)), e.OPEN | e.NOTICE_HEAD_END)
    eq(e.step(facts(-9), policy(CHANNEL_HEAD_END, True)), e.OPEN | BOTH)
    eq(e.step(facts(-9), policy(CHANNEL_ALARM, False)), e.OPEN | e.NOTICE_ALARM)
    eq(e.step(facts(None), policy()), 0)
    eq(e.step(facts(-9), None), 0)


def test_an_open_episode_asks_each_channel_once():
    eq(e.step(facts(1, True), policy()), BOTH)
    eq(e.step(facts(1, True, notice_asked=CHANNEL_HEAD_END), policy()), e.NOTICE_ALARM)
    eq(e.step(facts(1, True, notice_asked=CHANNEL_HEAD_END | CHANNEL_ALARM), policy()), 0)
    eq(e.step(facts(1, True, notice_level=1), policy()), 0)


def test_an_episode_closes_past_the_margin_or_at_once_by_a_credit():
    margin = e.margin_ucu_floor(policy(), 5_000_000)
    eq(margin, 500_000)

    def check(available_ucu, credited, want):
        eq(e.step(facts(available_ucu, True, credited=credited, notice_level=1), policy()), want)

    cases(
        (
            (5_000_000, False, 0),
            (5_500_000, False, 0),
            (5_500_001, False, e.CLOSE),
            (5_000_000, True, 0),
            (5_000_001, True, e.CLOSE),
        ),
        check,
    )


def test_wavering_at_the_level_asks_for_no_second_notice():
    open_now = False
    opened = 0
    for available_ucu in (5_000_001, 5_000_000, 5_000_002, 4_999_999, 5_400_000, 5_000_000, 5_500_000, 5_000_000):
        actions = e.step(facts(available_ucu, open_now, notice_level=1 if open_now else 0), policy())
        opened += 1 if actions & e.OPEN else 0
        open_now = (open_now or bool(actions & e.OPEN)) and not actions & e.CLOSE
    eq((opened, open_now), (1, True))


def test_the_alarm_goes_off_with_the_episode():
    eq(e.step(facts(9_000_000, True, alarm=True), policy()), e.CLOSE | e.ALARM_OFF)
    eq(e.step(facts(9_000_000, False, alarm=True), policy()), e.ALARM_OFF)


def test_a_payment_closes_the_episode_of_a_silent_meter():
    eq(e.step(facts(None, True, balance_ucu=5_000_001, credited=True), policy()), e.CLOSE)
    eq(e.step(facts(None, True, balance_ucu=4_000_000, notice_level=1), policy()), 0)


def test_only_a_delivered_notice_on_a_named_channel_counts():
    def check(channel, outcome, channels, want):
        eq(e.counts(channel, outcome, policy(channels), 1), want)
        eq(e.counts(channel, outcome, policy(channels), 2), False, "there is no such level")
        eq(e.counts(channel, outcome, policy(channels), 0), False)

    cases(
        (
            (e.HEAD_END, e.DELIVERED, CHANNEL_HEAD_END, True),
            (e.HEAD_END, e.GIVEN, CHANNEL_HEAD_END, False),
            (e.HEAD_END, e.FAILED, CHANNEL_HEAD_END, False),
            (e.HEAD_END, e.DELIVERED, CHANNEL_ALARM, False),
            (e.ALARM, e.DELIVERED, CHANNEL_ALARM, True),
            (e.ALARM, e.DELIVERED, CHANNEL_HEAD_END, False),
            (e.VISIT, e.DELIVERED, CHANNEL_HEAD_END | CHANNEL_ALARM, False),
            (e.VISIT, e.DELIVERED, CHANNEL_VISIT, True),
            (e.TEXT, e.DELIVERED, CHANNEL_TEXT, True),
            (e.HEAD_END, e.DELIVERED, CHANNEL_TEXT, False),
        ),
        check,
    )


def test_every_notice_can_say_what_is_missing():
    eq(e.missing_ucu(facts(-3), policy()), 1_000_003)
    eq(e.missing_ucu(facts(1_000_000), policy()), 0)
    eq(e.missing_ucu(facts(None, balance_ucu=400_000), policy()), 600_000)


THREE = (
    (20 * COIN, 24 * HOUR_S, CHANNEL_TEXT),
    (5 * COIN, HOUR_S, CHANNEL_ALARM),
    (1 * COIN, 0, CHANNEL_HEAD_END | CHANNEL_VISIT),
)


def three(**more):
    return policy(alarm=False, notices=THREE, **more)


def at_level(level, amount, age_s=0, **more):
    return facts(amount, True, notice_level=level, notice_at_s=NOW_S - age_s, **more)


def test_levels_are_warned_of_one_after_the_other_each_when_the_period_before_is_over():
    def check(level, amount, age_s, want):
        eq(e.step(at_level(level, amount, age_s), three()), want)

    day_s = 24 * HOUR_S
    cases(
        (
            (0, 20 * COIN, 0, e.NOTICE_HEAD_END),
            (1, 20 * COIN, 9 * day_s, 0),
            (1, 5 * COIN + 1, 9 * day_s, 0),
            (1, 5 * COIN, day_s - 1, 0),
            (1, 5 * COIN, day_s, e.NOTICE_ALARM),
            (1, -130 * COIN, day_s - 1, 0),
            (1, -130 * COIN, day_s, e.NOTICE_ALARM),
            (2, COIN + 1, day_s, 0),
            (2, COIN, HOUR_S - 1, 0),
            (2, COIN, HOUR_S, e.NOTICE_HEAD_END | e.ORDER_VISIT),
            (3, -130 * COIN, day_s, 0),
            (1, -130 * COIN, -1, 0),
        ),
        check,
    )


def test_who_returns_from_silence_far_below_gets_the_whole_sequence():
    rules = three()
    view = facts(-130 * COIN)
    eq(e.step(view, rules), e.OPEN | e.NOTICE_HEAD_END)
    view.episode_open = True
    given = []
    for hour in range(60):
        view.now_s = NOW_S + hour * HOUR_S
        actions = e.step(view, rules)
        if actions:
            given.append((hour, actions))
            view.notice_level += 1
            view.notice_at_s = view.now_s
    eq(given, [(0, e.NOTICE_HEAD_END), (24, e.NOTICE_ALARM), (25, e.NOTICE_HEAD_END | e.ORDER_VISIT)])


def test_a_level_left_upward_is_warned_of_again_when_it_is_crossed_again():
    def check(level, amount, credited, want, held):
        view = at_level(level, amount, 0, credited=credited)
        eq((e.step(view, three()), e.level_held(view, three())), (want, held))

    cases(
        (
            (3, COIN, False, 0, 3),
            (3, COIN + COIN // 10, False, 0, 3),
            (3, COIN + COIN // 10 + 1, False, e.RISEN, 2),
            (3, COIN + 1, True, e.RISEN, 2),
            (3, 5 * COIN + 1, True, e.RISEN, 1),
            (3, 5 * COIN + COIN // 2 + 1, False, e.RISEN, 1),
            (3, 20 * COIN, True, e.RISEN, 1),
            (3, 20 * COIN + 1, True, e.CLOSE, 1),
            (2, COIN + 1, True, 0, 2),
            (1, 20 * COIN, True, 0, 1),
        ),
        check,
    )


def test_a_level_risen_above_may_not_be_asked_for_in_vain():
    view = at_level(3, 5 * COIN + 1, 99 * HOUR_S, credited=True, notice_asked=CHANNEL_ALARM)
    eq(e.step(view, three()), e.RISEN)
    view = at_level(1, 5 * COIN, 99 * HOUR_S, notice_asked=0)
    eq(e.step(view, three()), e.NOTICE_ALARM)


def test_a_level_left_before_its_notice_arrived_is_asked_for_anew():
    def check(amount, credited, want):
        view = at_level(1, amount, 99 * HOUR_S, credited=credited, notice_asked=CHANNEL_ALARM)
        eq(e.step(view, three()), want)

    half = COIN // 2
    cases(((5 * COIN, False, 0), (5 * COIN + half, False, 0), (5 * COIN + half + 1, False, e.LEFT), (5 * COIN + 1, True, e.LEFT)), check)


def test_notices_wait_for_their_hours():
    hours = parse_hours([{"days": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "to": "21:00"}], "notice_hours", [])

    def check(hour, want):
        view = facts(0, now_s=NOW_S + (hour - 12) * HOUR_S)
        eq(e.step(view, policy(notice_hours=hours)), e.OPEN | want, "the episode waits for nothing")
        view = facts(0, True, now_s=NOW_S + (hour - 12) * HOUR_S)
        eq(e.step(view, policy(notice_hours=hours)), want)

    cases(((7, 0), (8, BOTH), (20, BOTH), (21, 0), (24 + 3, 0)), check)
    eq(e.step(facts(0, True, now_s=0), policy(notice_hours=hours)), 0, "who knows what time it is")
    eq(e.step(facts(0, True, now_s=0), policy()), BOTH)
    eq(e.step(facts(0, True), policy(notice_hours=())), 0)


def test_a_payment_puts_the_alarm_out_and_a_notice_that_is_due_sets_it_on_again():
    view = facts(2 * COIN, True, notice_level=1, notice_at_s=NOW_S, alarm=True, credited=True)
    eq(e.step(view, policy()), e.ALARM_OFF)
    view = facts(2 * COIN, True, alarm=True, credited=True)
    eq(e.step(view, policy()), e.ALARM_OFF)
    view.credited, view.alarm = False, False
    eq(e.step(view, policy()), BOTH)
    eq(e.step(facts(2 * COIN, True, notice_level=1, alarm=True), policy()), 0, "without a payment it stays on")


def care(amount, days_left, episode_open=False, **more):
    return facts(amount, episode_open, flags=FLAG_CARE, days_left=days_left, **more)


def test_a_care_customer_is_visited_when_the_days_left_fall_to_the_lead_time():
    rules = three(care_lead_days=5)

    def check(view, want):
        eq(e.step(view, rules), want)

    cases(
        (
            (care(60 * COIN, 6), 0),
            (care(60 * COIN, 5), e.OPEN | e.ORDER_VISIT),
            (care(60 * COIN, None), 0),
            (facts(60 * COIN, days_left=5), 0),
            (care(20 * COIN, 6), e.OPEN | e.NOTICE_HEAD_END),
            (care(20 * COIN, None), e.OPEN | e.NOTICE_HEAD_END | e.ORDER_VISIT),
            (care(60 * COIN, 5, True, visit_ordered=True), 0),
            (care(60 * COIN, 5, True, visited=True), 0),
            (care(20 * COIN, 6, True, notice_level=1, notice_at_s=NOW_S), 0),
            (care(COIN, 6, True, notice_level=1, notice_at_s=NOW_S), e.ORDER_VISIT),
            (care(COIN, 6, True, notice_level=1, notice_at_s=NOW_S, visit_ordered=True), 0),
        ),
        check,
    )


def test_an_episode_that_began_by_days_left_ends_by_them():
    rules = three(care_lead_days=5)

    def check(view, want):
        eq(e.step(view, rules), want)

    more = {"visit_ordered": True}
    cases(
        (
            (care(60 * COIN, 5, True, credited=True, **more), 0),
            (care(60 * COIN, 6, True, credited=True, **more), e.CLOSE),
            (care(60 * COIN, 6, True, **more), 0),
            (care(60 * COIN, 7, True, **more), e.CLOSE),
            (care(60 * COIN, None, True, **more), 0),
            (care(60 * COIN, None, True, credited=True, **more), e.CLOSE),
        ),
        check,
    )


def test_emergency_credit_is_given_once_in_an_episode_at_the_floor():
    rules = policy(emergency_ucu=5 * COIN)
    given, over = FLAG_EMERGENCY, FLAG_EMERGENCY | FLAG_EMERGENCY_OVER

    def check(available_ucu, flags, more, want):
        view = facts(available_ucu, True, notice_level=1, notice_at_s=NOW_S, flags=flags, **more)
        eq(e.step(view, rules), want)

    cases(
        (
            (1, 0, {}, 0),
            (0, 0, {}, e.GIVE_EMERGENCY),
            (-9, 0, {"wish": OFF}, 0),
            (None, 0, {}, 0),
            (0, given, {}, 0),
            (-3, given, {"credited": True}, 0),
            (1, given, {"credited": True}, e.EMERGENCY_REPAID),
            (1, over, {}, 0),
            (-1, over, {}, 0),
        ),
        check,
    )
    eq(e.step(facts(0, True, notice_level=1), policy()), 0, "the policy has none")
    eq(e.step(facts(0), rules), e.OPEN | BOTH, "first the episode, then the credit")


def test_a_credit_limit_moves_levels_floor_and_what_is_to_be_paid_alike():
    """Whoever has a limit and stands lower by it is treated like everybody else, in each state of an episode."""
    rules = policy(notices=((9 * COIN, HOUR_S, CHANNEL_HEAD_END), (5 * COIN, 0, CHANNEL_ALARM | CHANNEL_VISIT)), emergency_ucu=2 * COIN)
    rules.care_lead_days = 3
    levels = (9 * COIN, 9 * COIN + 900_000, 5 * COIN, 5 * COIN + 500_000, COIN, 0, -COIN)
    amounts = [None] + [level + step for level in levels for step in (0, 1)]
    seen, limit_ucu = set(), 100 * COIN
    for amount in amounts:
        for number in range(1 << 8):
            more = {"episode_open": number & 1, "notice_level": number >> 1 & 3, "credited": bool(number & 8), "alarm": bool(number & 16)}
            more["flags"] = (FLAG_CARE if number & 32 else 0) | (FLAG_EMERGENCY if number & 64 else 0)
            more["days_left"] = 2 if number & 128 else None
            more["notice_at_s"] = NOW_S - HOUR_S
            usual = facts(amount, **more)
            lent = facts(None if amount is None else amount - limit_ucu, **more)
            lent.balance_ucu, lent.limit_ucu = usual.balance_ucu - limit_ucu, limit_ucu
            want = e.step(usual, rules)
            seen.add(want)
            note = str((amount, number))
            eq(e.step(lent, rules), want, note)
            eq(e.missing_ucu(lent, rules), e.missing_ucu(usual, rules), note)
    eq(len(seen) > 20, True, "the states say too little")
