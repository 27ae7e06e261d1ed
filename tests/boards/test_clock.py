"""A board whose clock is right, lost, or wrong by years: nobody is cut by it, network time mends it, and a restart keeps the time.

The control comes first: the same household with the same debt is cut when the clock is right.
"""

import pytest

from firmware.cutoff import conditions
from tests.boards.board_kit import BoardAtPrompt, Prompt, image_with_tests
from tests.fake_board import START_S

YEAR_S = 365 * 86_400
FROM_METERS, FROM_RTC, FROM_NETWORK = 1, 2, 3  # SPEC 1, clock quality
OFF, ON = 1, 0
SECOND_OF_THE_HOST = 1  # the model asks its host for whole seconds at each start
CLOCKS = conditions.CLOCK | conditions.METER_CLOCK


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    made = BoardAtPrompt(tmp_path_factory.mktemp("clock"), image_with_tests())
    yield made
    made.stop()


@pytest.mark.parametrize(("shown_s", "quality", "bits"), [
    (START_S, FROM_RTC, 0),
    (None, FROM_METERS, conditions.CLOCK),
    (START_S + 3 * YEAR_S, FROM_RTC, CLOCKS),
    (START_S - YEAR_S, FROM_RTC, CLOCKS),
], ids=["right", "lost", "years_ahead", "a_year_behind"])  # fmt: skip
def test_nobody_is_cut_by_a_wrong_clock_and_network_time_mends_it_for_good(board, shown_s, quality, bits):
    board.stop()
    if shown_s is None:
        board.flash.lose_clock()
    else:
        board.flash.set_clock_s(shown_s)
    prompt = board.start()
    told = told_by(prompt, "first_life")
    if shown_s is None:
        assert told["rtc"] == "None"
    else:
        assert 0 <= int(told["rtc"]) - shown_s < 60
    assert int(told["quality"]) == quality
    assert int(told["failed"]) & bits == bits and int(told["wish"]) == (ON if bits else OFF)
    mended_quality, mended_s, wish = told["mended"].split()
    assert int(mended_quality) == FROM_NETWORK and abs(int(mended_s) - START_S) < 300
    assert int(wish) == OFF, f"with the right time the cut was due: {told}"
    prompt.begin("import machine\nmachine.reset()")
    prompt.until(b">>> ")
    prompt.enter()
    later = told_by(prompt, "next_life")
    kept_s = int(later["rtc"]) - int(mended_s)
    assert -SECOND_OF_THE_HOST <= kept_s < 60, "the time was kept over the restart"
    assert int(later["quality"]) == FROM_RTC


def told_by(prompt: Prompt, life: str) -> dict[str, str]:
    """A life of tests/boards/on_board/clock_story.py: its lines, first word and rest."""
    said = prompt.run(f"from tests.boards.on_board import clock_story\nclock_story.{life}()")
    return dict(line.split(" ", 1) for line in said.split("\r\n")[:-1])
