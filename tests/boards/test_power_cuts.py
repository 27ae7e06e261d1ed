"""The power goes at flash operations of a credit, charges, a snapshot, a notice and a cut, on the emulated board.

Here a part of the points, drawn anew with the date; `make boards-all` cuts at all of them and kills 300 times.
"""

import datetime
import random

import pytest

from tests.boards.board_kit import code_for_prompt, image_with_tests
from tests.boards.power_cuts import PowerCuts, points_of, spread

POINTS = 20
KILLS = 5
KILL_S_MAX = 1.5
FORGETS_TO_COMMIT = "from firmware.ledger.ledger_store import Ledger\nLedger.commit = lambda ledger: None"


def seed_of_today() -> int:
    """The same all day, so that a failure can be run again."""
    return datetime.date.today().toordinal()


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    return PowerCuts(tmp_path_factory.mktemp("cuts"), image_with_tests())


def test_what_was_promised_survives_a_cut_at_any_flash_operation(cuts):
    operations = cuts.operations()
    assert {one.part for one in operations} == {"files", "journal"}
    assert sum(one.kind == 2 for one in operations) >= 2, "the story erases nothing"
    assert len(operations) < 100, "the snapshot comes late: RECORDS_BEFORE of the story is to be looked at"
    for point in spread(points_of(operations), POINTS, seed_of_today()):
        try:
            cuts.cut(point)
        except AssertionError as fault:
            raise AssertionError(f"cut at byte operation {point}: {fault}") from fault


def test_what_was_promised_survives_a_kill_at_any_instruction(cuts):
    draw = random.Random(seed_of_today())
    for number in range(KILLS):
        seconds = draw.uniform(0, KILL_S_MAX)
        try:
            cuts.kill(seconds)
        except AssertionError as fault:
            raise AssertionError(f"kill {number}, after {seconds:.3f} s: {fault}") from fault


def test_firmware_that_promises_before_it_commits_is_found(cuts, tmp_path):
    cuts.after_the_end()
    with pytest.raises(AssertionError, match="were promised and are not in the journal"):
        PowerCuts(tmp_path, image_with_tests(), code_for_prompt(FORGETS_TO_COMMIT, tests=True)).after_the_end()
