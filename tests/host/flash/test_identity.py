"""Who a board says it is: another one, another layout, an old runtime; nothing is written to those."""

import pytest

from host_tools.flash.errors import FlashError
from host_tools.flash.live_board import LiveBoard
from tests.host.flash.board_kit import LAYOUT, make_board

US = ("qemu_mps2", (1, 25, 0), 6918, "a machine", "test_board", LAYOUT)
OLD_LAYOUT = (*LAYOUT[:3], ("journal", 1280 * 1024, 32 * 1024), LAYOUT[4])


class AnsweringRepl:
    """A prompt that answers who it is, and refuses everything that would change something."""

    device_name = "/dev/somewhere"

    def __init__(self, identity):
        self._identity = identity

    def run(self, code, timeout_s=0.0):
        assert "_walk" in code, "the functions, nothing else"
        return ""

    def ask(self, expression, timeout_s=0.0):
        return expression == "deflate is not None"

    def values(self, code, timeout_s=0.0):
        return [self._identity]


def check(board, **changed):
    names = ("platform", "runtime", "mpy", "machine", "wiring_name", "wiring_flash")
    identity = tuple(changed.get(name, value) for name, value in zip(names, US, strict=True))
    return LiveBoard(board, AnsweringRepl(identity)).check(changed.get("any_runtime", False))


@pytest.fixture
def board(tmp_path):
    return make_board(tmp_path)


def test_our_own_board_is_known(board):
    assert check(board).wiring_name == "test_board"
    assert check(board, wiring_name=None, wiring_flash=None).machine == "a machine", "a stock runtime has no wiring of ours"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"platform": "esp32", "wiring_name": None, "wiring_flash": None, "machine": "ESP32 module"}, "is ESP32 module, not test_board"),
        ({"wiring_name": "rp2040_modem"}, "is rp2040_modem, not test_board: nothing was changed"),
        ({"runtime": (1, 24, 1)}, "runs MicroPython 1.24.1, too old: 1.25 is needed; put it there with --runtime IMAGE"),
        ({"mpy": 0x1A07}, "reads .mpy version 7, not 6"),
        ({"wiring_flash": OLD_LAYOUT}, "another flash layout than test_board/wiring.py: nothing was changed"),
    ],
)
def test_another_board_or_an_old_runtime_is_named(board, changed, said):
    with pytest.raises(FlashError) as fault:
        check(board, **changed)
    assert said in str(fault.value)


def test_a_runtime_that_is_too_old_may_be_replaced_but_not_another_boards(board):
    assert check(board, runtime=(1, 20, 0), any_runtime=True)
    with pytest.raises(FlashError, match="not test_board"):
        check(board, platform="rp2", wiring_name=None, any_runtime=True)
