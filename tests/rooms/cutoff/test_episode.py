"""Episodes: opened at the notice level, closed above it, one notice inside."""

from firmware.base.limits import Limits
from firmware.cutoff import episode as e
from firmware.cutoff.facts import Facts
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END, Policy
from tests.kit import cases, eq


def policy(channels=CHANNEL_HEAD_END | CHANNEL_ALARM, alarm=True):
    rules = Policy()
    rules.notice_ucu = 5_000_000
    rules.floor_ucu = 0
    rules.restore_ucu = 1_000_000
    rules.channels = channels
    rules.alarm = alarm
    return rules


BOTH = e.NOTICE_HEAD_END | e.NOTICE_ALARM


def facts(available_ucu, episode_open=False, **more):
    got = Facts(Limits())
    got.available_ucu = available_ucu
    got.balance_ucu = available_ucu or 0
    got.episode_open = episode_open
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
    margin = e.margin_ucu_floor(policy())
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
        eq(e.counts(channel, outcome, policy(channels)), want)

    cases(
        (
            (e.HEAD_END, e.DELIVERED, CHANNEL_HEAD_END, True),
            (e.HEAD_END, e.GIVEN, CHANNEL_HEAD_END, False),
            (e.HEAD_END, e.FAILED, CHANNEL_HEAD_END, False),
            (e.HEAD_END, e.DELIVERED, CHANNEL_ALARM, False),
            (e.ALARM, e.DELIVERED, CHANNEL_ALARM, True),
            (e.ALARM, e.DELIVERED, CHANNEL_HEAD_END, False),
            (e.VISIT, e.DELIVERED, CHANNEL_HEAD_END | CHANNEL_ALARM, False),
        ),
        check,
    )


def test_every_notice_can_say_what_is_missing():
    eq(e.missing_ucu(facts(-3), policy()), 1_000_003)
    eq(e.missing_ucu(facts(1_000_000), policy()), 0)
    eq(e.missing_ucu(facts(None, balance_ucu=400_000), policy()), 600_000)
