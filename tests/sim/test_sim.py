"""A few short runs of the simulation, and proof that it repeats itself and that its judges can condemn."""

from __future__ import annotations

import pytest

from tests.sim.__main__ import command, main
from tests.sim.mutants import MUTANTS, applied
from tests.sim.options import KINDS, draw
from tests.sim.story import play


@pytest.mark.parametrize("seed", (1003, 1015, 1022))
def test_a_short_life_with_faults_ends_in_agreement(seed: int) -> None:
    verdict = play(draw(seed, 0.1))
    assert not verdict.sentence, "\n".join([verdict.sentence, *verdict.notes, command(seed, 0.1, 0, frozenset())])
    assert verdict.lives >= 1 and verdict.checks > 20


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = (play(draw(1022, 0.3, frozenset(), 2, frozenset({"power", "flash_power"}))) for _ in range(2))
    assert first.lives > 1 and first.counts == second.counts
    assert first.notes == second.notes


@pytest.mark.parametrize("seed", (600, 605))
def test_a_calm_life_under_a_lifeline_limits_and_lifts(seed: int) -> None:
    verdict = play(draw(seed, 0.3, frozenset(KINDS), 1, frozenset({"lifeline"})))
    assert not verdict.sentence, "\n".join([verdict.sentence, *verdict.notes])
    assert verdict.counts["LIMIT"] and verdict.counts["decision cut"] and verdict.counts["decision restore"]


@pytest.mark.parametrize("name", ["limit_left_behind", "means_forgotten", "limit_rounded_down", "own_opening_found_off"])
def test_a_bug_of_the_lifeline_is_condemned(name: str) -> None:
    with applied(name):
        assert any(play(draw(seed, 0.3, frozenset(KINDS), 1, frozenset({"lifeline"}))).sentence for seed in (600, 601, 605))


def test_what_is_left_out_of_a_run_leaves_its_sizes_alone() -> None:
    whole, quiet = draw(7, 1.0), draw(7, 1.0, frozenset(KINDS))
    assert whole.faults and not quiet.faults
    assert (whole.meters, whole.limits, whole.policy, whole.start_s) == (quiet.meters, quiet.limits, quiet.policy, quiet.start_s)


@pytest.mark.parametrize("name", ["credit_applied_twice", "puback_before_store", "sync_forgotten"])
def test_a_deliberate_bug_is_condemned(name: str) -> None:
    with applied(name):
        assert any(play(draw(seed, 0.1)).sentence for seed in range(500, 505))


def test_each_deliberate_bug_still_finds_what_it_replaces() -> None:
    for name in MUTANTS:
        with applied(name):
            pass


def test_a_failure_prints_seed_options_events_and_how_to_repeat_it(capsys: pytest.CaptureFixture[str]) -> None:
    with applied("credit_applied_twice"):
        code = main(["--seeds", "5", "--from", "500", "--days", "0.1", "--shrink"])
    said = capsys.readouterr().out
    assert code == 1
    for words in ("FAILED: sequence", "policy {", "limits {", "faults ", " CREDIT at ", "shrunk to"):
        assert words in said, said
    assert "python -m tests.sim --seeds 1 --from 50" in said
