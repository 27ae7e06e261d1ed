"""Days left from the last seven days: floors, gaps, the day that begins, a clock that steps back, and no place."""

from firmware.cutoff.use import DAYS_MAX, DailyUse
from tests.kit import eq

TODAY = 20_780
COIN = 1_000_000


def used(*totals):
    """One account looked at on the days up to TODAY with these totals charged; None = nobody looked."""
    use = DailyUse(2)
    use.watch(7)
    for index in range(len(totals)):
        if totals[index] is not None:
            use.on_total(7, totals[index], TODAY - len(totals) + 1 + index)
    return use


def test_seven_days_are_the_ground_of_the_estimate_and_it_floors():
    use = used(100, 110, 120, 130, 140, 150, 160, 170)
    eq(use.days_left_floor(7, 100), 10)
    eq(use.days_left_floor(7, 109), 10)
    eq(use.days_left_floor(7, 110), 11)
    eq((use.days_left_floor(7, 0), use.days_left_floor(7, -5)), (0, 0))


def test_what_lies_behind_the_seven_days_is_forgotten():
    eq(used(0, 1_000_000, 1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005, 1_000_006, 1_000_007).days_left_floor(7, 14), 14)


def test_today_counts_not_until_it_is_over():
    use = used(0, 10)
    use.on_total(7, 5_000, TODAY)
    eq(use.days_left_floor(7, 100), 10)


def test_fewer_days_and_gaps_serve_as_far_as_they_reach():
    eq(used(5).days_left_floor(7, 100), None)
    eq(used(0, 10).days_left_floor(7, 100), 10)
    eq(used(0, None, None, 30).days_left_floor(7, 100), 10)
    eq(used(0, None, None, None, None, None, None, 70).days_left_floor(7, 100), 10)
    eq(used(0, None, None, None, None, None, None, None, 80).days_left_floor(7, 100), None, "eight days ago")


def test_no_use_lasts_for_ever():
    eq(used(10, 10, 10).days_left_floor(7, 1), DAYS_MAX)
    eq(used(10, 4).days_left_floor(7, 1), DAYS_MAX, "a correction gave back more")
    eq(used(0, 1).days_left_floor(7, 100 * COIN), DAYS_MAX)


def test_a_clock_that_steps_back_begins_anew():
    use = used(0, 10, 20)
    use.on_total(7, 20, TODAY - 1)
    eq(use.days_left_floor(7, 100), None)
    use.on_total(7, 24, TODAY)
    eq(use.days_left_floor(7, 100), 25)


def test_an_account_without_a_place_has_no_estimate():
    use = DailyUse(1)
    eq((use.watch(7), use.watch(7), use.watch(8)), (True, True, False))
    eq((use.days_left_floor(8, 100), use.watches(8)), (None, False))
    use.forget(7)
    eq((use.watch(8), use.watches(7)), (True, False))
