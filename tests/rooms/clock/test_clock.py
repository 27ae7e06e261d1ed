"""The clock: sources and their order, drift, wrapping ticks, held steps, votes of the meters."""

from firmware.base import ticks
from firmware.base.limits import Limits
from firmware.clock import clock as k
from firmware.clock.clock import Clock
from tests.kit import cases, eq

T = 1_800_000_000
HOUR_S = 3600
TURN_MS = 1 << 30


def network_clock(s=T, now_ms=0, uncertainty_ms=500, **limits):
    clock = Clock(Limits(**limits))
    eq(clock.on_network_time(s, now_ms, uncertainty_ms), k.SET)
    return clock


def test_an_unset_clock_knows_nothing():
    clock = Clock(Limits())
    eq((clock.now_s(5000), clock.quality, clock.error_bound_s(99000), clock.meters_disagree), (0, k.NONE, None, False))


def test_time_goes_on_from_a_sync_and_ticks_of_a_second_are_not_lost():
    clock = network_clock()
    for now_ms in range(0, 10_001, 700):
        clock.now_s(now_ms)
    eq([clock.now_s(10_499), clock.now_s(10_999), clock.now_s(11_000)], [T + 10, T + 10, T + 11])


def test_ticks_wrap_without_losing_time():
    start_ms = TURN_MS - 1500
    clock = network_clock(T, start_ms)
    eq(clock.now_s(ticks.add(start_ms, 1499)), T + 1)
    eq(clock.now_s(ticks.add(start_ms, 1500)), T + 1)
    eq(clock.now_s(ticks.add(start_ms, 4000)), T + 4)


def test_a_year_in_steps_of_five_days_is_a_year():
    clock = network_clock(T, 12345)
    now_ms = 12345
    for _ in range(73):
        now_ms = ticks.add(now_ms, 5 * 86400 * 1000)
        clock.on_tick(now_ms)
    eq(clock.now_s(now_ms), T + 365 * 86400)


def test_a_tick_from_before_the_anchor_does_not_move_time():
    clock = network_clock(T, 10_000)
    eq((clock.now_s(12_000), clock.now_s(11_000), clock.now_s(13_000)), (T + 2, T + 2, T + 3))


def test_the_error_bound_grows_with_drift_and_rounds_up():
    clock = network_clock(T, 0, 500, clock_drift_ppm_max=100)
    eq(clock.error_bound_s(0), 1)
    eq(clock.error_bound_s(86_400_000), 10)  # 0.5 s + 8.64 s
    now_ms = 0
    for _ in range(7):
        now_ms = ticks.add(now_ms, 86_400_000)
        clock.on_tick(now_ms)
    eq(clock.error_bound_s(now_ms), 61)


def test_better_sources_replace_worse_ones_and_worse_ones_are_ignored():
    clock = Clock(Limits())
    eq(clock.on_meter_clock(0, T + 28800, 480, 0), k.SET)
    eq((clock.quality, clock.now_s(0), clock.error_bound_s(0)), (k.METERS, T, 600))
    eq(clock.on_rtc(T + 5, 0), k.SET)
    eq((clock.quality, clock.now_s(0), clock.error_bound_s(0)), (k.RTC, T + 5, 30))
    eq(clock.on_network_time(T + 9, 0, 400), k.SET)
    eq((clock.quality, clock.now_s(0), clock.error_bound_s(0)), (k.NETWORK, T + 9, 1))
    eq(clock.on_rtc(T, 0), k.IGNORED)
    eq(clock.on_meter_clock(0, T, 0, 0), k.IGNORED)
    eq((clock.quality, clock.now_s(0)), (k.NETWORK, T + 9))


def test_impossible_dates_are_no_time():
    clock = Clock(Limits())
    for s in (None, 0, 946684800, 1735689599, 4102444800):
        eq(clock.on_rtc(s, 0), k.IGNORED, str(s))
        eq(clock.on_network_time(s, 0, 1), k.IGNORED, str(s))
        eq(clock.on_meter_clock(0, s, 0, 0), k.IGNORED, str(s))
    eq(clock.quality, k.NONE)


def test_a_correction_beyond_the_bound_is_a_step_that_is_told():
    clock = network_clock(T, 0, 500)
    eq(clock.on_network_time(T + 100, 0, 500), k.STEPPED)
    eq((clock.before_s, clock.after_s, clock.source, clock.now_s(0)), (T, T + 100, k.NETWORK, T + 100))


def test_a_time_no_better_than_ours_is_ignored():
    clock = network_clock(T, 0, 500)
    eq(clock.on_network_time(T, 0, 500), k.IGNORED)
    eq(clock.on_network_time(T, 0, 400), k.SET)


def test_a_step_of_an_hour_is_taken_and_of_more_is_held():
    def check(offset_s, want):
        eq(network_clock().on_network_time(T + offset_s, 0, 500), want)

    cases(((HOUR_S, k.STEPPED), (-HOUR_S, k.STEPPED), (HOUR_S + 1, k.PENDING), (-HOUR_S - 1, k.PENDING)), check)


def test_a_held_step_leaves_the_time_and_makes_the_error_as_big_as_itself():
    clock = network_clock()
    eq(clock.on_network_time(T + 7200, 0, 500), k.PENDING)
    eq((clock.now_s(0), clock.pending, clock.error_bound_s(0)), (T, True, 7201))
    eq((clock.before_s, clock.after_s), (T, T + 7200))
    eq(clock.on_network_time(T + 7260, 60_000, 500), k.PENDING)  # the same source again is no second source
    eq(clock.now_s(60_000), T + 60)


def test_a_held_step_is_taken_when_a_second_source_agrees():
    clock = Clock(Limits())
    clock.on_rtc(T, 0)
    eq(clock.on_network_time(T + 7200, 0, 500), k.PENDING)
    eq(clock.on_meter_clock(3, T + 7210 + 10 + 28800, 480, 10_000), k.STEPPED)
    eq((clock.now_s(10_000), clock.quality, clock.pending), (T + 7210, k.NETWORK, False))
    by_rtc = network_clock()
    by_rtc.on_network_time(T + 7200, 0, 500)
    eq(by_rtc.on_rtc(T + 7195, 0), k.STEPPED)
    eq((by_rtc.now_s(0), by_rtc.quality), (T + 7200, k.NETWORK))


def test_a_second_source_that_says_something_else_confirms_nothing():
    clock = network_clock()
    clock.on_network_time(T + 7200, 0, 500)
    eq(clock.on_meter_clock(0, T + 3600, 0, 0), k.IGNORED)
    eq(clock.on_rtc(T + 90000, 0), k.IGNORED)
    eq((clock.now_s(0), clock.pending), (T, True))


def test_meters_that_side_with_us_outvote_one_that_sides_with_the_step():
    clock = network_clock()
    clock.on_meter_clock(0, T, 0, 0)
    clock.on_meter_clock(1, T, 0, 0)
    clock.on_network_time(T + 7200, 0, 500)
    eq(clock.on_meter_clock(2, T + 7200, 0, 0), k.IGNORED)
    eq(clock.now_s(0), T)


def test_meters_read_before_the_step_count_too():
    clock = network_clock()
    clock.on_meter_clock(0, T + 7200, 0, 0)
    eq(clock.on_network_time(T + 7200, 0, 500), k.STEPPED)
    eq(clock.meter_error_s(0), 0)


def test_a_held_step_is_dropped_when_its_source_agrees_again():
    clock = network_clock()
    clock.on_network_time(T + 7200, 0, 500)
    clock.on_network_time(T, 0, 500)
    eq((clock.pending, clock.now_s(0), clock.error_bound_s(0)), (False, T, 1))


def test_meters_veto_when_most_of_them_disagree():
    clock = network_clock()
    eq(clock.on_meter_clock(0, T + 601, 0, 0), k.IGNORED)
    eq((clock.meters_disagree, clock.meter_error_s(0), clock.meter_error_s(1)), (False, 601, None))
    clock.on_meter_clock(1, T + 601, 0, 0)
    eq(clock.meters_disagree, True)
    clock.on_meter_clock(2, T, 0, 0)
    eq(clock.meters_disagree, True)
    clock.on_meter_clock(3, T + 600, 0, 0)
    eq((clock.meters_disagree, clock.meter_error_s(3)), (False, 600))
    clock.on_meter_clock(3, None, 0, 0)
    eq((clock.meters_disagree, clock.meter_error_s(3)), (True, None))


def test_meters_date_unknown_time_and_the_odd_first_one_is_corrected():
    clock = Clock(Limits())
    clock.on_meter_clock(0, T - 40_000_000, 0, 0)
    eq((clock.now_s(0), clock.quality), (T - 40_000_000, k.METERS))
    clock.on_meter_clock(1, T, 0, 0)
    eq(clock.on_meter_clock(2, T, 0, 0), k.STEPPED)
    eq((clock.now_s(0), clock.quality, clock.meters_disagree), (T, k.METERS, False))


def test_local_time_is_shifted_by_the_offset():
    clock = Clock(Limits())
    eq((clock.local(T, 480), clock.local(T, -300)), (T + 28800, T - 18000))
