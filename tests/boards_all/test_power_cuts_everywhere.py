"""Every point of the power-cut sweep of tests/boards/test_power_cuts.py, and 300 kills at random instructions.

Takes about twenty minutes on two processors: `make boards-all`. What it found is one line at the end, whether it fails or not.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from host_tools.emulator.flash_file import Operation
from tests.boards.board_kit import image_with_tests
from tests.boards.power_cuts import PowerCuts, points_of

KILLS = 300
SEED = 20_261_126
PROCESSORS = os.cpu_count() or 1


Boards = SimpleQueue[PowerCuts]


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Boards:
    """One for each processor; who needs one takes it and gives it back."""
    image, free = image_with_tests(), SimpleQueue[PowerCuts]()
    for _ in range(PROCESSORS):
        free.put(PowerCuts(tmp_path_factory.mktemp("cuts"), image))
    return free


@pytest.fixture(scope="module")
def story(boards: Boards) -> tuple[list[Operation], float]:
    """The operations of the uncut story, and its seconds with the start of the machine."""
    with _one(boards) as board:
        began = time.monotonic()
        return board.operations(), time.monotonic() - began


def test_a_cut_at_every_first_middle_and_last_byte_loses_nothing(
    boards: Boards, story: tuple[list[Operation], float], capsys: pytest.CaptureFixture[str]
) -> None:
    points = points_of(story[0])
    began = time.monotonic()
    wrong = _troubles(boards, PowerCuts.cut, points)
    _say(capsys, f"{len(story[0])} operations, {len(points)} cuts, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    assert not wrong, "\n".join(wrong)


def test_300_kills_lose_nothing(boards: Boards, story: tuple[list[Operation], float], capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(SEED)
    moments = [draw.uniform(0, story[1]) for _ in range(KILLS)]
    began = time.monotonic()
    wrong = _troubles(boards, PowerCuts.kill, moments)
    _say(capsys, f"{KILLS} kills, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    assert not wrong, "\n".join(wrong)


@contextlib.contextmanager
def _one(boards: Boards) -> Iterator[PowerCuts]:
    board = boards.get()
    try:
        yield board
    finally:
        boards.put(board)


def _troubles(boards: Boards, action: Callable[[PowerCuts, Any], None], moments: Sequence[Any]) -> list[str]:
    """A sentence for each moment at which a board did not keep its promises."""

    def one(moment: float) -> str:
        with _one(boards) as board:
            try:
                action(board, moment)
            except AssertionError as fault:
                return f"{action.__name__} at {moment}: {fault}"
        return ""

    with ThreadPoolExecutor(PROCESSORS) as pool:
        return [told for told in pool.map(one, moments) if told]


def _say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n{Path(__file__).stem}: {line}")
