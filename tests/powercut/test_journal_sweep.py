"""The journal keeps its promises at byte operations all over its story, through recoveries, lost bits and smashed places; on MicroPython.

The sweeps themselves are tests/powercut/sweep.py and hurt.py; tests/beside.py runs them beside the other tests. Each prints how much it
judged: a sweep that judged little proves little, so that is asked as well. The mutants are the firmware without one of its syncs,
without the units that a life leaves for those that were lost, without its mending, and a region whose sync does nothing: the same
sweeps must find them.
"""

from typing import Any

import pytest

from tests.powercut.sweep import WHOLE

UNITS = (1, 32, 256)
SWEEP, HURT = "tests.powercut.sweep", "tests.powercut.hurt"
# At least so many points and judgements: a tenth less than measured, which tells a story that lost a chapter.
POINTS = {1: 9_200, 32: 9_900, 256: 29_000}
RECOVERY_POINTS = {1: 3_700, 32: 5_200, 256: 16_000}
FLIPS = {1: 10_000, 32: 10_500, 256: 18_000}


def jobs(module: str, words: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("job", [f"-X heapsize=8M -m {module} {unit} {words}" for unit in UNITS])


@pytest.fixture
def found(told: list[Any]) -> dict[str, Any]:
    """The one line of a sweep."""
    return told[-1]


def shown(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> None:
    with capsys.disabled():
        print("\n  " + ", ".join(f"{name} {told[name]}" for name in sorted(told) if name != "found"))


def whole_story(found: dict[str, Any]) -> None:
    assert found["found"] == []
    assert found["points"] >= POINTS[found["unit"]] and found["judged"] > found["points"] // (2 * WHOLE[found["what"]])
    assert found["records"] > 60 and found["snapshots"] >= 2 and found["full"] and found["oldest"] > 1, "a chapter is missing"


@pytest.mark.parametrize("job", [f"-X heapsize=8M -m {SWEEP} {words}" for words in ("1 third", "32 third", "256 fifth")])
def test_a_cut_in_the_middle_of_every_operation_of_the_story_loses_and_doubles_nothing(found, capsys):
    """At one byte of three, of large units one of five; at every one: tests/boards_all."""
    shown(capsys, found)
    whole_story(found)


@jobs(SWEEP, "recovery")
def test_a_second_cut_at_every_byte_operation_of_the_recovery_loses_and_doubles_nothing(found, capsys):
    shown(capsys, found)
    assert found["found"] == []
    assert found["points"] >= RECOVERY_POINTS[found["unit"]] and found["judged"] > found["points"] // 3
    assert found["snapshots"], "a chapter is missing"


@jobs(HURT, "flips")
def test_every_flipped_bit_is_mended_or_harmless(found, capsys):
    shown(capsys, found)
    assert found["found"] == []
    assert found["records"] >= 20 and found["judged"] >= FLIPS[found["unit"]]


@jobs(HURT, "smash")
def test_what_smashed_bits_destroy_is_never_missing_silently(found, capsys):
    shown(capsys, found)
    assert found["found"] == []
    assert min(found["outcomes"].values()) > 0, "one of the three outcomes was never seen"


@jobs(SWEEP, "short open")
def test_without_the_sync_at_the_start_the_sweep_finds_a_loss(found):
    assert found["found"], found


@jobs(SWEEP, "short commit")
def test_without_the_sync_of_a_step_the_sweep_finds_a_loss(found):
    assert found["found"], found


@jobs(SWEEP, "short region")
def test_on_a_region_whose_sync_does_nothing_the_sweep_finds_a_loss(found):
    assert found["found"], found


@jobs(SWEEP, "recovery units")
def test_without_the_units_left_for_lost_lives_the_recovery_sweep_finds_one_that_is_programmed_twice(found):
    assert found["found"] and all("programmed twice" in trouble[-1] for trouble in found["found"]), found


@jobs(SWEEP, "recovery one")
def test_with_one_unit_left_for_all_lost_lives_the_recovery_sweep_finds_one_that_is_programmed_twice(found):
    assert found["found"] and all("programmed twice" in trouble[-1] for trouble in found["found"]), found


@jobs(HURT, "flips mend")
def test_without_mending_the_flips_are_found(found):
    assert found["found"], found
