"""The journal keeps its promises at every byte operation, through recoveries, lost bits and smashed places; on MicroPython.

The sweeps themselves are tests/powercut/sweep.py and hurt.py; conftest.py runs them beside the other tests. Each prints how much it
judged: a sweep that judged little proves little, so that is asked as well. The mutants are the firmware without one of its syncs,
without its mending, and a region whose sync does nothing: the same sweeps must find them.
"""

from typing import Any

import pytest

UNITS = (1, 32, 256)
SWEEP, HURT = "tests.powercut.sweep", "tests.powercut.hurt"
# At least so many points and judgements: a tenth less than measured, which tells a story that lost a chapter.
POINTS = {1: 8_000, 32: 10_000, 256: 29_000}
RECOVERY_POINTS = {1: 6_000, 32: 9_000, 256: 20_000}
FLIPS = {1: 12_000, 32: 12_000, 256: 15_000}


def jobs(module: str, words: str, units: tuple[int, ...] = UNITS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("job", [f"{module} {unit} {words}" for unit in units])


def shown(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> None:
    with capsys.disabled():
        print("\n  " + ", ".join(f"{name} {told[name]}" for name in sorted(told) if name != "found"))


@jobs(SWEEP, "all")
def test_a_cut_at_every_byte_operation_of_the_story_loses_and_doubles_nothing(told, capsys):
    shown(capsys, told)
    assert told["found"] == []
    assert told["points"] >= POINTS[told["unit"]] and told["judged"] > told["points"] // 2
    assert told["records"] > 60 and told["snapshots"] >= 2 and told["full"] and told["oldest"] > 1, "a chapter is missing"


@jobs(SWEEP, "recovery")
def test_a_second_cut_at_every_byte_operation_of_the_recovery_loses_and_doubles_nothing(told, capsys):
    shown(capsys, told)
    assert told["found"] == []
    assert told["points"] >= RECOVERY_POINTS[told["unit"]] and told["judged"] > told["points"] // 2


@jobs(HURT, "flips")
def test_every_flipped_bit_is_mended_or_harmless(told, capsys):
    shown(capsys, told)
    assert told["found"] == []
    assert told["records"] >= 20 and told["judged"] >= FLIPS[told["unit"]]


@jobs(HURT, "smash")
def test_what_smashed_bits_destroy_is_never_missing_silently(told, capsys):
    shown(capsys, told)
    assert told["found"] == []
    assert min(told["outcomes"].values()) > 0, "one of the three outcomes was never seen"


@jobs(SWEEP, "short open")
def test_without_the_sync_at_the_start_the_sweep_finds_a_loss(told):
    assert told["found"], told


@jobs(SWEEP, "short commit")
def test_without_the_sync_of_a_step_the_sweep_finds_a_loss(told):
    assert told["found"], told


@jobs(SWEEP, "short region")
def test_on_a_region_whose_sync_does_nothing_the_sweep_finds_a_loss(told):
    assert told["found"], told


@jobs(HURT, "flips mend")
def test_without_mending_the_flips_are_found(told):
    assert told["found"], told
