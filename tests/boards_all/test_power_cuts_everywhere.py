"""Every point of the power-cut sweep of tests/boards/test_power_cuts.py, and 300 kills at random instructions.

Takes about ten minutes: `make boards-all`. What it found is one line at the end, whether it fails or not.
"""

import random
import time
from pathlib import Path

import pytest

from tests.boards.board_kit import image_with_tests
from tests.boards.power_cuts import PowerCuts, points_of

KILLS = 300
SEED = 20_261_126


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> PowerCuts:
    return PowerCuts(tmp_path_factory.mktemp("cuts"), image_with_tests())


def test_a_cut_at_every_first_middle_and_last_byte_loses_nothing(cuts: PowerCuts, capsys: pytest.CaptureFixture[str]) -> None:
    operations = cuts.operations()
    points = points_of(operations)
    began = time.monotonic()
    wrong = [told for point in points if (told := _trouble(cuts.cut, point))]
    _say(capsys, f"{len(operations)} operations, {len(points)} cuts, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    assert not wrong, "\n".join(wrong)


def test_300_kills_lose_nothing(cuts: PowerCuts, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    cuts.operations()
    story_s = time.monotonic() - began  # start and story, uncut
    draw = random.Random(SEED)
    began = time.monotonic()
    wrong = [told for _ in range(KILLS) if (told := _trouble(cuts.kill, draw.uniform(0, story_s)))]
    _say(capsys, f"{KILLS} kills, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    assert not wrong, "\n".join(wrong)


def _trouble(action, moment) -> str:
    """A sentence when the board did not keep its promises."""
    try:
        action(moment)
    except AssertionError as fault:
        return f"{action.__name__} at {moment}: {fault}"
    return ""


def _say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n{Path(__file__).stem}: {line}")
