"""Whose turn it is: fair to the living, cheap about the dead."""

from firmware.base import ticks
from firmware.base.limits import Limits
from firmware.meter_bus.plan import FAILURES_MAX, NO_METER, ReadPlan
from tests.kit import eq


def test_every_meter_gets_its_turn_before_any_gets_a_second():
    plan = ReadPlan(5, Limits(poll_period_ms=10_000), 0)
    seen = []
    for turn in range(5):
        meter = plan.next_meter(100 + turn)
        seen.append(meter)
        plan.answered(meter, 100 + turn)
    eq(sorted(seen), [0, 1, 2, 3, 4])
    eq(plan.next_meter(200), NO_METER)


def test_nobody_is_due_until_the_poll_period_has_passed():
    plan = ReadPlan(1, Limits(poll_period_ms=10_000), 0)
    plan.answered(0, 5)
    eq(plan.next_meter(10_004), NO_METER)
    eq(plan.wait_ms(10_004, 1_000), 1)
    eq(plan.next_meter(10_005), 0)


def test_back_off_doubles_up_to_five_minutes():
    plan = ReadPlan(1, Limits(), 0)
    now_ms = 0
    pauses_s = []
    for _ in range(8):
        plan.silent(0, now_ms)
        wait_ms = plan.wait_ms(now_ms, 1_000_000)
        pauses_s.append(wait_ms // 1_000)
        now_ms += wait_ms
    eq(pauses_s, [15, 30, 60, 120, 240, 300, 300, 300])


def test_a_failing_meter_is_probed_once_and_a_healthy_one_is_retried():
    plan = ReadPlan(1, Limits(read_retries=2), 0)
    eq(plan.attempts(0), 3)
    plan.silent(0, 0)
    eq(plan.attempts(0), 1)
    plan.answered(0, 10)
    eq(plan.attempts(0), 3)


def test_one_dead_meter_of_eight_costs_the_others_less_than_a_tenth():
    # an answered turn takes 400 ms, a dead one 900 ms an attempt; polled without pause for ten minutes
    limits = Limits(poll_period_ms=0)
    for dead in (-1, 3):
        plan = ReadPlan(8, limits, 0)
        now_ms = 0
        answered = 0
        while now_ms < 600_000:
            meter = plan.next_meter(now_ms)
            if meter == dead:
                now_ms += 900 * plan.attempts(meter)
                plan.silent(meter, now_ms)
            else:
                now_ms += 400
                plan.answered(meter, now_ms)
                answered += meter != dead
        if dead < 0:
            per_meter_alone = answered // 8
        else:
            per_meter_beside = answered // 7
    eq(per_meter_beside * 10 >= per_meter_alone * 9, True, "%d beside, %d alone" % (per_meter_beside, per_meter_alone))


def test_turns_survive_the_wrap_of_ticks():
    start_ms = ticks.add(0, -50)
    plan = ReadPlan(2, Limits(poll_period_ms=100), start_ms)
    plan.answered(0, start_ms)
    plan.answered(1, ticks.add(start_ms, 1))
    eq(plan.next_meter(ticks.add(start_ms, 99)), NO_METER)
    eq(plan.next_meter(ticks.add(start_ms, 100)), 0)
    eq(plan.next_meter(ticks.add(start_ms, 101)), 0)


def test_asking_now_forgets_the_back_off():
    plan = ReadPlan(2, Limits(), 0)
    plan.silent(0, 0)
    plan.answered(1, 0)
    plan.ask_now(0, 100)
    eq(plan.next_meter(100), 0)
    eq(plan.attempts(0), 3)


def test_failures_in_a_row_are_counted_up_to_a_top_that_still_backs_off():
    plan = ReadPlan(1, Limits(), 0)
    for _ in range(FAILURES_MAX + 2):
        plan.silent(0, 0)
    eq((plan.failures(0), plan.attempts(0)), (FAILURES_MAX, 1))
    eq(plan.wait_ms(0, 1_000_000), 300_000)
    plan.answered(0, 0)
    eq((plan.failures(0), plan.attempts(0)), (0, 3))
