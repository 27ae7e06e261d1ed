"""The tools of host_tools/board on the emulated board: a UART, 32 bits, a real part's heap, and MicroPython's prompt in maintenance."""

import time
from pathlib import Path

import pytest

from board_configs.qemu_mps2 import wiring
from host_tools.board import BoardTrouble, ConsoleClient, answers
from host_tools.board.journal import read_journal
from host_tools.board.why import read_why
from host_tools.emulator.bridge import Bridge
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, LINE, Machine
from host_tools.flash.application import make_application
from tests.host.board.conftest import wait_until_read
from tests.running_gateway import KEY, Scene, meters

pytestmark = pytest.mark.slow
SERVED_S = 10
WRONG_PAUSE_S = 5  # 2 s by the board's clock, which a busy host makes slow
BOOT_S = 30.0


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("console")
    scene = Scene(folder / "site", meters=3, limits={"accounts_max": 32})
    made = make_application(wiring.NAME, scene.root, scene.root / "key", "tests")
    flash = FlashFile(folder / "flash.bin")
    flash.write("files", made.littlefs)
    flash.write("slot_a", made.slot)
    bridge = Bridge(folder / "tty")
    ways = {CONSOLE: bridge.inner, LINE: str(scene.line)}
    try:
        with meters(scene), Machine(flash, ways, {"heap_kb": wiring.HEAP_BYTES // 1024}) as machine:
            machine.start()
            with ConsoleClient(str(bridge.link), answer_s=BOOT_S) as board:
                board.hello()
                wait_until_read(board, scene.meters)
            yield str(bridge.link)
    finally:
        bridge.close()


def test_every_question_is_answered(port):
    with ConsoleClient(port) as board:
        assert board.hello()["board"] == wiring.NAME
        assert answers.status(board)["journal"]["sound"] is True
        assert [one["account"] for one in answers.accounts(board)] == [1001, 1002, 1003]
        assert answers.events(board)[0]["code"] == 210 and answers.logs(board)["last_fault"] == ""
        assert read_why(board, 1002).facts["policy"] == 1
        books = read_journal(board, 1, (1 << 30) - 1)
        assert books.chain().ok and len(books.records) == books.last


def test_garbage_ctrl_c_and_ten_kilobytes_reset_nothing(port):
    with ConsoleClient(port) as board:
        before = board.hello()["boot_count"]
        for rubbish in (b"\x03\x03\x04\x01\r\n", b"x" * 10_000, bytes(range(256)) * 20, b"[" * 239 + b"\n"):
            board._write(rubbish)
            board.listen(0.5)
            assert board.hello()["boot_count"] == before


def test_a_watch_tells_each_second_and_ends(port):
    told = []
    with ConsoleClient(port, on_told=told.append) as board:
        board.watch(60)
        board.listen(5)
    assert sum("now" in row for row in told) >= 3 and {row["account"][0] for row in told if "account" in row} == {1001, 1002, 1003}


def test_maintenance_leaves_the_board_at_its_prompt_and_it_comes_back(port):
    with ConsoleClient(port) as board:
        before = board.hello()["boot_count"]
        with pytest.raises(BoardTrouble, match="not this gateway's"):
            board.maintenance(bytes(32), SERVED_S)
        time.sleep(WRONG_PAUSE_S)
        left = board.maintenance(KEY, SERVED_S)
        assert left.synced and left.resting
    time.sleep(1.5)
    with ConsoleClient(port, answer_s=1.0) as board, pytest.raises(BoardTrouble, match="MicroPython's prompt"):
        board.hello()
    time.sleep(SERVED_S * 2)
    with ConsoleClient(port, answer_s=BOOT_S) as board:
        assert board.hello()["boot_count"] == before + 1
