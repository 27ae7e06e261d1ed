"""boot.py on the emulated board: which slot runs, what it says of a bad one, maintenance and its end, a board without files.

The applications here are one line each, so that a boot takes a moment; the last test has the whole one.
"""

import time

import pytest

from board_configs.qemu_mps2 import wiring
from firmware.base.version import FIRMWARE_VERSION
from host_tools.emulator.flash_file import PARTS, FlashFile
from host_tools.emulator.machine import CONSOLE, SOCKET, Machine
from host_tools.flash import files_image, slot
from host_tools.flash.application import make_application
from host_tools.flash.board_folder import find_board
from host_tools.flash.romfs import build_romfs
from host_tools.set_up import paths
from tests.boards.board_kit import Prompt

MAIN = b"if application:\n    import micropython\n    micropython.kbd_intr(-1)\n    import which\n"
PROMPT = b">>> "
BAD = "slot {} does not hold a whole application"
NONE = "no application can be started: write one with flash.py"
TIMEOUT_S = 10  # the shortest maintenance
A, B = "application a", "application b"


def slot_saying(text: str, kib: int = 16) -> bytes:
    """A whole slot whose application says this."""
    image = build_romfs({"which.py": f"print({text!r})\n".encode(), "filling.bin": bytes(range(256)) * 4 * kib})
    return slot.slot_image(image, FIRMWARE_VERSION, PARTS["slot_a"][1], wiring.ERASE_SIZE)


class Boots:
    """A board that is given files and slots, started, and heard until its prompt."""

    def __init__(self, folder) -> None:
        self.flash = FlashFile(folder / "flash.bin")
        self._console = folder / "console.sock"
        self.machine = Machine(self.flash, {CONSOLE: f"{SOCKET}{self._console}"}, {"heap_kb": wiring.HEAP_BYTES // 1024})

    def files(self, **files: bytes) -> None:
        """littlefs with boot.py, main.py and these."""
        board = find_board(wiring.NAME)
        whole = {"boot.py": (paths.checkout() / "firmware" / "boot.py").read_bytes(), "main.py": MAIN, **files}
        self.flash.write("files", files_image.build_littlefs(whole, board.parts["files"].size, board.erase_size, 32))

    def says(self, end: bytes = PROMPT) -> list[str]:
        """Start -> what it says until then, without empty lines."""
        prompt = self.start()
        said = prompt.until(end).decode()
        self.machine.stop()
        prompt.close()
        return [line for line in said.split("\r\n") if line and not line.startswith(("MicroPython", "Type ", PROMPT.decode()))]

    def start(self) -> Prompt:
        self._console.unlink(missing_ok=True)
        self.machine.start()
        return Prompt(self._console)


@pytest.fixture(scope="module")
def good():
    return {"a": slot_saying(A), "b": slot_saying(B)}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    made = Boots(tmp_path_factory.mktemp("porch"))
    yield made
    made.machine.stop()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :]


def torn(data: bytes) -> bytes:
    """Writing was cut in the middle of the image; the descriptor is written last, and is that of an older image."""
    return data[:9000] + b"\xff" * (len(data) - wiring.ERASE_SIZE - 9000) + data[-wiring.ERASE_SIZE :]


def test_the_slot_that_is_whole_runs_and_a_bad_one_is_named(board, good):
    board.files()
    descriptor = len(good["a"]) - wiring.ERASE_SIZE
    cases = (
        ("both", good["a"], good["b"], [A]),
        ("torn", torn(good["a"]), good["b"], [BAD.format("a"), B]),
        ("bit of the image", flipped(good["a"], 5_000), good["b"], [BAD.format("a"), B]),
        ("bit of the length", flipped(good["a"], descriptor + 12), good["b"], [BAD.format("a"), B]),
        ("bit of the sum", flipped(good["a"], descriptor + 48), good["b"], [BAD.format("a"), B]),
        ("blank", b"", good["b"], [BAD.format("a"), B]),
        ("no descriptor", good["a"][:descriptor], good["b"], [BAD.format("a"), B]),
        ("neither", b"", torn(good["b"]), [BAD.format("a"), BAD.format("b"), NONE]),
    )  # fmt: skip
    for name, slot_a, slot_b, said in cases:
        board.flash.write("slot_a", slot_a)
        board.flash.write("slot_b", slot_b)
        assert board.says() == said, name


def test_the_slot_file_chooses_and_falls_back(board, good):
    board.flash.write("slot_a", good["a"])
    board.flash.write("slot_b", good["b"])
    for choice, said in ((b"b\n", [B]), (b"a", [A]), (b"c", [A]), (b"\xff\xfe", [A]), (b"", [A])):
        board.files(slot=choice)
        assert board.says() == said, choice
    board.flash.write("slot_b", torn(good["b"]))
    board.files(slot=b"b\n")
    assert board.says() == [BAD.format("b"), A]


def test_a_board_without_files_waits_at_its_prompt_and_says_why(board, good):
    board.flash.write("slot_a", good["a"])
    board.flash.write("files", b"")
    assert board.says() == ["the file system cannot be mounted: write it with flash.py"]
    board.flash.write("files", b"\x55" * 8192)
    assert board.says() == ["the file system cannot be mounted: write it with flash.py"]
    board.files()
    assert board.says() == [A]


def test_maintenance_is_one_life_at_the_prompt_and_ends_by_itself(tmp_path, good):
    board = Boots(tmp_path)
    made = make_application(wiring.NAME, description="tests")
    board.flash.write("slot_a", made.slot)
    board.files(**{"main.py": made.files["main.py"], "maintenance": b"1\n"})  # 10 s at least, whatever the flag says
    prompt = board.start()
    try:
        prompt.until(PROMPT)
        began = time.monotonic()
        prompt.enter()
        said = prompt.run("import os, sys\nprint('maintenance' in os.listdir('/'), '/rom' in sys.path, application)")
        assert said.split() == ["False", "False", "False"], "the flag is gone, and no application is there"
        prompt.begin("while True: pass")  # whoever left the board so
        prompt.until(PROMPT, TIMEOUT_S + 10)
        assert TIMEOUT_S - 1 < time.monotonic() - began < TIMEOUT_S + 10
        prompt.enter()
        said = prompt.run("import machine\nprint(machine.reset_cause() == machine.HARD_RESET, application)")
        assert said.split() == ["True", "True"], "the application is back"
    finally:
        board.machine.stop()
        prompt.close()


def test_ctrl_c_on_a_noisy_console_keeps_no_application_from_starting(tmp_path):
    boots = Boots(tmp_path)
    boots.files()
    boots.flash.write("slot_a", slot_saying(A, kib=900))  # its proof takes long enough to be interrupted
    prompt = boots.start()
    for _ in range(300):
        prompt.send(b"\x03")
        time.sleep(0.001)
    assert A in prompt.until(PROMPT).decode()
    boots.machine.stop()
    prompt.close()
