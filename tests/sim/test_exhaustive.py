"""The beginning of the exhaustive run (tests/sim/exhaustive.py), and proof that it condemns; all of it takes half an hour."""

from __future__ import annotations

import pytest

from tests.sim.exhaustive import explore
from tests.sim.mutants import applied

STATES = 400
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("limited", [False, True])
def test_every_order_of_the_first_events_ends_in_light(limited: bool) -> None:
    states, transitions, wrong, all_of_them = explore(1, STATES, limited=limited)
    assert not wrong
    assert states >= STATES and transitions > states and not all_of_them


@pytest.mark.parametrize(("name", "limited"), [("credit_applied_twice", False), ("sync_forgotten", False), ("means_forgotten", True)])
def test_a_deliberate_bug_is_found_at_its_first_state(name: str, limited: bool) -> None:
    with applied(name):
        assert explore(1, STATES, limited=limited)[2]


def test_a_run_that_is_broken_off_says_so() -> None:
    assert explore(0, 10)[2:] == ("", False)
