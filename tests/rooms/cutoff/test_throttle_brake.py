"""Throttle and brake, over restarts too."""

from firmware.cutoff.brake import Brake
from firmware.cutoff.policy import Policy
from firmware.cutoff.throttle import Throttle
from tests.kit import eq

T = 1_800_000_000


def rules(accounts_max=2, share_percent=10, window_s=86400):
    policy = Policy()
    policy.brake_accounts_max = accounts_max
    policy.brake_share_percent = share_percent
    policy.brake_window_s = window_s
    return policy


def test_at_most_n_cuts_in_any_hour():
    throttle = Throttle(60)
    for second in (0, 10, 20):
        eq(throttle.may_cut(T + second, 3), True)
        throttle.on_cut(T + second)
    eq(throttle.may_cut(T + 30, 3), False)
    eq(throttle.may_cut(T + 3599, 3), False)
    eq(throttle.may_cut(T + 3600, 3), True)
    eq(throttle.used(T + 3600), 2)


def test_no_cut_without_a_clock_or_with_a_limit_of_none():
    eq(Throttle(60).may_cut(0, 10), False)
    eq(Throttle(60).may_cut(T, 0), False)


def test_the_throttle_survives_a_restart_by_replay_or_by_caution():
    replayed = Throttle(60)
    replayed.on_cut(T)
    eq((replayed.may_cut(T + 60, 1), replayed.may_cut(T + 3600, 1)), (False, True))
    blind = Throttle(60)
    blind.assume_full(T)
    eq((blind.may_cut(T + 3599, 60), blind.may_cut(T + 3600, 60)), (False, True))


def test_the_throttle_is_bounded_by_its_memory():
    throttle = Throttle(2)
    throttle.on_cut(T)
    throttle.on_cut(T)
    eq(throttle.may_cut(T + 1, 1000), False)


def test_cuts_in_the_future_of_a_clock_that_stepped_back_still_count():
    throttle = Throttle(4)
    throttle.on_cut(T + 5000)
    eq(throttle.may_cut(T, 1), False)


def test_the_brake_closes_with_one_account_too_many_and_says_so_once():
    brake = Brake(200)
    eq([brake.on_money(account, True, T, rules(), 20) for account in (1, 2)], [False, False])
    eq(brake.closed, False)
    eq(brake.on_money(3, True, T + 1, rules(), 20), True)
    eq((brake.closed, brake.due_count), (True, 3))
    eq(brake.on_money(4, True, T + 2, rules(), 20), False)
    eq(brake.closed, True)


def test_the_share_counts_when_it_is_more():
    brake = Brake(200)
    eq([brake.on_money(account, True, T, rules(), 50) for account in range(1, 7)], [False] * 5 + [True])


def test_the_same_account_again_is_one_account():
    brake = Brake(200)
    for second in range(50):
        eq(brake.on_money(7, second % 2 == 0, T + second, rules(), 20), False)
    eq(brake.closed, False)


def test_accounts_due_since_longer_than_the_window_do_not_count():
    brake = Brake(200)
    brake.on_money(1, True, T, rules(), 20)
    brake.on_money(2, True, T, rules(), 20)
    eq(brake.on_money(3, True, T + 86399, rules(), 20), True)
    late = Brake(200)
    late.on_money(1, True, T, rules(), 20)
    late.on_money(2, True, T, rules(), 20)
    eq(late.on_money(1, True, T + 86400, rules(), 20), False)
    eq(late.on_money(3, True, T + 86400, rules(), 20), False)


def test_a_longer_window_counts_who_was_due_before_it_was_asked_for():
    """Of the next policy, or of another account of this board: a short window forgets nothing."""
    for ends in (True, False):
        brake = Brake(200)
        brake.on_money(1, True, T, rules(1, window_s=3600), 2)
        brake.on_money(1, False, T + 60, rules(1, window_s=3600), 2)
        eq(brake.on_money(2, True, T + 7200, rules(1, window_s=3600), 2), False)
        if ends:
            brake.on_money(2, False, T + 7201, rules(1, window_s=3600), 2)
        eq((brake.is_news(2), brake.on_money(2, True, T + 7260, rules(1), 2), brake.due_count), (ends, True, 2))


def test_a_full_brake_forgets_first_who_is_not_due_and_out_of_the_window():
    brake = Brake(2)
    for account in (1, 2):
        brake.on_money(account, True, T, rules(2, window_s=3600), 3)
    brake.on_money(1, False, T + 1, rules(2, window_s=3600), 3)
    eq(brake.on_money(3, True, T + 3600, rules(2, window_s=3600), 3), False)
    eq(brake.on_money(1, True, T + 7200, rules(2, window_s=3600), 3), True)  # both others are due


def test_a_payment_does_not_undo_what_was_counted():
    brake = Brake(200)
    brake.on_money(1, True, T, rules(), 20)
    brake.on_money(1, False, T + 1, rules(), 20)
    brake.on_money(2, True, T + 2, rules(), 20)
    eq(brake.on_money(3, True, T + 3, rules(), 20), True)


def test_the_brake_stays_closed_until_it_is_released_and_closes_again_by_new_accounts_only():
    brake = Brake(200)
    for account in (1, 2, 3):
        brake.on_money(account, True, T, rules(), 20)
    for account in (1, 2, 3):
        brake.on_money(account, False, T + 86400 * 3, rules(), 20)
    eq(brake.closed, True)
    brake.release()
    eq(brake.closed, False)
    for account in (1, 2, 3):
        eq(brake.on_money(account, True, T + 86400 * 3 + 1, rules(), 20), account == 3)


def test_a_release_forgives_those_who_are_due():
    brake = Brake(200)
    for account in (1, 2, 3):
        brake.on_money(account, True, T, rules(), 20)
    brake.release()
    eq([brake.on_money(account, True, T + 5, rules(), 20) for account in (1, 2, 3, 4, 5)], [False] * 5)
    eq(brake.on_money(6, True, T + 6, rules(), 20), True)


def test_a_restart_does_not_release_and_does_not_forget():
    brake = Brake(200)
    brake.closed = True  # from the BRAKE record
    eq((brake.on_money(1, False, T, rules(), 20), brake.closed), (False, True))
    counting = Brake(200)
    counting.replay(1, T)
    counting.replay(2, T + 5)
    eq(counting.on_money(1, True, T + 60, rules(), 20), False)
    eq(counting.on_money(3, True, T + 61, rules(), 20), True)


def test_more_accounts_than_the_brake_can_count_close_it():
    brake = Brake(2)
    brake.on_money(1, True, T, rules(50), 20)
    brake.on_money(2, True, T, rules(50), 20)
    eq(brake.on_money(3, True, T, rules(50), 20), True)
