"""The whole hall keeps its promises at every flash operation: exemptions, debts, visits, emergency credit, months, load limits.

On MicroPython: the sweeps are tests/powercut/hall_sweep.py and limit_sweep.py, run beside the other tests (tests/beside.py). A life
that was cut at any place and goes on ends as the one that nobody cut; a hall that forgets one thing over a restart does not.
"""

from typing import Any

import pytest

SWEEP = "-X heapsize=40M -m tests.powercut.hall_sweep"
LIMIT_SWEEP = "-X heapsize=40M -m tests.powercut.limit_sweep"
CARRIED_OPERATIONS, CARRIED_IMAGES = 37, 145
LIMIT_OPERATIONS, LIMIT_IMAGES = 75, 300
OPERATIONS, IMAGES, AGAIN = 115, 480, 100  # a tenth less than measured, which tells a story that lost a chapter


def jobs(*words: str, sweep: str = SWEEP) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("job", [f"{sweep} {one}".rstrip() for one in words])


def shown(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> None:
    with capsys.disabled():
        print("\n  " + ", ".join(f"{name} {told[name]}" for name in sorted(told) if name != "found"))


@jobs("once")
def test_a_cut_at_every_operation_of_the_hall_loses_and_repeats_nothing(told, capsys):
    shown(capsys, told[-1])
    assert told[-1]["found"] == []
    assert told[-1]["operations"] >= OPERATIONS and told[-1]["images"] >= IMAGES


@jobs("twice 211")
def test_a_second_cut_in_the_life_that_recovers_loses_and_repeats_nothing(told, capsys):
    shown(capsys, told[-1])
    assert told[-1]["found"] == []
    assert told[-1]["again"] >= AGAIN


@jobs("carried")
def test_an_account_that_is_carried_away_and_back_is_whole_wherever_the_power_goes(told, capsys):
    shown(capsys, told[-1])
    assert told[-1]["found"] == []
    assert told[-1]["operations"] >= CARRIED_OPERATIONS and told[-1]["images"] >= CARRIED_IMAGES


@jobs("carried debt", "once no_commit", "once visit", "once kept", "once emergency", "once recovery")
def test_a_hall_that_forgets_is_found(told):
    assert told[-1]["found"]


@jobs("", sweep=LIMIT_SWEEP)
def test_a_load_limit_stands_behind_its_decision_and_ends_with_the_payment_wherever_the_power_goes(told, capsys):
    shown(capsys, told[-1])
    assert told[-1]["found"] == []
    assert told[-1]["operations"] >= LIMIT_OPERATIONS and told[-1]["images"] >= LIMIT_IMAGES


@jobs("no_sync", "forgotten", sweep=LIMIT_SWEEP)
def test_a_hall_that_limits_before_it_is_durable_or_forgets_it_is_found(told):
    assert told[-1]["found"]
