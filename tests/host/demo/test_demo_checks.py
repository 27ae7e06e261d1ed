"""The tally: it is ok only when every check of the programme was made, once, in its step, and held."""

import asyncio
import time
from collections import Counter

import pytest

from host_tools.demo import cast, programme, story
from host_tools.demo.checks import Check, Checks, Step
from host_tools.demo.console import Console


class QuietTeller:
    """Remembers how the steps ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    def step_changed(self, step: Step, checks: list[Check]) -> None:
        self.ended += [(step.number, step.state)] if step.state != "runs" else []

    def check_done(self, check: Check) -> None: ...

    def event(self, text: str, style: str) -> None: ...

    def look(self, console: Console, waiting: str) -> None: ...


def played(leave_out: str = "", failing: str = "", twice: str = "", until: int = 8) -> Checks:
    """A whole evening, with one thing wrong."""
    checks = Checks(QuietTeller())
    for number, scene in enumerate(programme.SCENES[:until], 1):
        checks.begin(number)
        for name in scene.checks:
            for _ in range((name != leave_out) + (name == twice)):
                checks.note(name, "", name != failing, "1")
    checks.end()
    return checks


def test_a_whole_evening_is_ok():
    checks = played()
    assert checks.ok and checks.missing == []
    summary = checks.summary()
    assert summary["held"] == summary["of"] == len(programme.ALL_CHECKS) and set(summary["steps"].values()) == {"holds"}


@pytest.mark.parametrize("name", programme.ALL_CHECKS)
def test_one_failing_or_missing_or_doubled_check_spoils_it(name):
    step = next(number for number, scene in enumerate(programme.SCENES, 1) if name in scene.checks)
    for checks in (played(failing=name), played(leave_out=name), played(twice=name)):
        assert not checks.ok
        assert checks.teller.ended[step - 1] == (step, "fails")
    assert played(leave_out=name).summary()["missing"] == [name]


def test_a_story_that_ends_early_is_not_ok():
    assert not any(played(until=number).ok for number in range(8))
    assert not Checks(QuietTeller()).ok


def test_a_check_in_the_wrong_step_does_not_count():
    checks = Checks(QuietTeller())
    checks.begin(1)
    for name in programme.ALL_CHECKS:
        checks.note(name, "", True, "1")
    checks.end()
    assert not checks.ok and "killed" in checks.missing


def test_the_programme_names_every_check_once_and_has_eight_steps_in_order():
    assert max(Counter(programme.ALL_CHECKS).values()) == 1
    assert len(programme.SCENES) == len(story.PLAYS) == 8
    starts = [scene.starts for scene in programme.SCENES]
    assert starts == sorted(starts) and starts[0] == 0 and starts[-1] < 1


def test_what_should_happen_names_the_accounts_of_the_cast():
    customer = next(one for one in cast.households(12) if one.role == cast.CUT)
    assert str(customer.account) in programme.should(4) and str(customer.account) in programme.should(7)
    assert not any("{" in programme.should(number) for number in range(1, 9))


def test_awaiting_ends_with_the_first_yes_and_with_the_last_no():
    checks = Checks(QuietTeller())
    checks.begin(1)
    answers = iter([(False, "1"), (False, "2"), (True, "3")])

    async def slow() -> tuple[bool, str]:
        assert "at last" in checks.waiting
        return False, "nothing"

    async def run() -> None:
        assert await checks.until("readings_at_head_end", "at last", lambda: next(answers), 5)
        assert not await checks.until("opening_credits", "at last", slow, 0.2)

    asyncio.run(run())
    assert [(check.ok, check.number) for check in checks.done] == [(True, "3"), (False, "nothing after 0 s")]
    assert checks.waiting == ""
    checks.hint("a random moment has come")
    assert checks.waiting == "a random moment has come"


def test_more_meters_are_given_more_time():
    checks = Checks(QuietTeller(), stretch=3)
    checks.begin(1)
    began = time.monotonic()
    asyncio.run(checks.until("readings_at_head_end", "", lambda: (False, "0"), 0.1))
    assert time.monotonic() - began >= 0.3


def test_a_lost_story_is_not_told_for_a_quarter_of_an_hour(monkeypatch):
    monkeypatch.setattr("host_tools.demo.checks.IMPATIENT_S", 0.1)
    checks = Checks(QuietTeller())
    checks.begin(1)
    for name in ("readings_at_head_end", "opening_credits", "charges_at_head_end"):
        checks.note(name, "", False, "0")
    began = time.monotonic()
    asyncio.run(checks.until("charges_exact", "", lambda: (False, "0"), 60))
    asyncio.run(checks.wait(lambda: False, 60))
    assert 0.2 <= time.monotonic() - began < 30


@pytest.mark.parametrize("count", [8, 12, 40, 64])
def test_every_part_is_played_however_many_meters(count):
    homes = cast.households(count)
    roles = [one.role for one in homes]
    assert len(homes) == count == len({one.account for one in homes}) == len({one.address for one in homes})
    assert all(roles.count(role) == 1 for role in (*cast.BELOW_ZERO, cast.LOW, cast.QUEUED))
