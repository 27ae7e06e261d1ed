"""The power cuts that tests/powercut samples: each byte of the story, and many second cuts of the hall; on MicroPython, minutes."""

from typing import Any

import pytest

STORY = "-X heapsize=8M -m tests.powercut.sweep {} all"
HALL_TWICE = "-X heapsize=40M -m tests.powercut.hall_sweep twice 9"
POINTS = {1: 9_200, 32: 9_900, 256: 29_000}  # at least
AGAIN = 3_000


@pytest.mark.parametrize("job", [STORY.format(unit) for unit in POINTS])
def test_a_cut_at_every_byte_of_the_story_loses_nothing(told: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    _say(capsys, told[-1])
    assert told[-1]["found"] == [] and told[-1]["points"] >= POINTS[told[-1]["unit"]]


@pytest.mark.parametrize("job", [HALL_TWICE])
def test_a_second_cut_in_one_life_of_nine_of_the_hall_loses_nothing(told: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    _say(capsys, told[-1])
    assert told[-1]["found"] == [] and told[-1]["again"] >= AGAIN


def _say(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> None:
    with capsys.disabled():
        print("\n  " + ", ".join(f"{name} {value}" for name, value in sorted(told.items()) if name != "found"))
