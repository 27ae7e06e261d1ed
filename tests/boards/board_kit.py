"""An emulated board for tests: a flash file with application and tests in its slot, a prompt or a console, a power switch."""

import functools
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from board_configs.qemu_mps2 import wiring
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, SOCKET, Machine
from host_tools.flash import application, files_image, slot
from host_tools.flash.board_folder import find_board
from host_tools.flash.compiler import compile_all
from host_tools.flash.linking import LINKED
from host_tools.flash.romfs import build_romfs
from host_tools.flash.sources import python_sources
from host_tools.flash.texts import compiled_texts
from host_tools.set_up import paths

ANSWER_S = 60
PATIENCE_MS = ANSWER_S * 1000  # a board gives up a console without room after 20 ms, and a busy host leaves a test longer than that
TESTS_ON_BOARD = ("fake_board.py", "fake_site.py", "hall_kit.py", "kit.py", "nor_ram.py", "boards/on_board/*.py", "peers/sync_device.py")


def image_with_tests(linked: bool = True) -> bytes:
    """A slot with the firmware and what tests/boards/on_board needs of tests/; `linked`: as boards get it."""
    made = application.make_application(wiring.NAME, description="tests")
    board = find_board(wiring.NAME)
    program = compile_all(_sources(tests=True), board.arch, board.roots if linked else ())
    program |= {name: data for name, data in made.program.items() if not name.endswith(".mpy")}
    return slot.slot_image(build_romfs(program), made.firmware_version, board.parts["slot_a"].size, board.erase_size)


def code_for_prompt(code: str, tests: bool = False) -> str:
    """Code whose imports name the firmware's files, as the linked application on a board wants it; `tests` as in its image."""
    board = find_board(wiring.NAME)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompt.py"
        path.write_text(code)
        told = compiled_texts({**_sources(tests), "prompt.py": path}, board.roots)
    assert told[LINKED] == _linked(tests), "this code makes another application: import names, not modules"
    return told["prompt.py"].decode()


@functools.cache
def _linked(tests: bool) -> bytes:
    return compiled_texts(_sources(tests), find_board(wiring.NAME).roots)[LINKED]


def _sources(tests: bool) -> dict[str, Path]:
    board = find_board(wiring.NAME)
    sources = python_sources(board, paths.checkout(), paths.micropython_library())
    if tests:
        folder = paths.checkout() / "tests"
        sources |= {f"tests/{path.relative_to(folder)}": path for name in TESTS_ON_BOARD for path in sorted(folder.glob(name))}
        folders = ("tests", "tests/boards", "tests/boards/on_board", "tests/peers")
        sources |= {f"{name}/__init__.py": folder / "__init__.py" for name in folders}
    return sources


def files_at_prompt() -> bytes:
    """littlefs with boot.py alone: the application is importable, and the board waits at its prompt."""
    board = find_board(wiring.NAME)
    files = {"boot.py": (paths.checkout() / "firmware" / "boot.py").read_bytes()}
    return files_image.build_littlefs(files, board.parts["files"].size, board.erase_size, 32)


class Prompt:
    """The raw REPL on a unix socket (MicroPython's docs/reference/repl.rst, raw mode)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._left = b""
        end = time.monotonic() + ANSWER_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def enter(self) -> None:
        """Get the raw prompt, whatever the board was doing there."""
        self._socket.sendall(b"\r\x03\x03\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def begin(self, code: str) -> None:
        """Start code without waiting for what it says."""
        self._socket.sendall(code.encode() + b"\x04")
        self.until(b"OK")

    def send(self, data: bytes) -> None:
        """Type this."""
        self._socket.sendall(data)

    def run(self, code: str, timeout_s: float = ANSWER_S) -> str:
        """Run code -> what it printed; an exception on the board is an AssertionError with its traceback."""
        self.begin(code)
        out = self.until(b"\x04", timeout_s)[:-1].decode()
        trouble = self.until(b"\x04")[:-1].decode()
        self.until(b">")
        assert not trouble, out[-2000:] + trouble
        return out

    def until(self, end: bytes, timeout_s: float = ANSWER_S) -> bytes:
        """Bytes up to and with `end`; AssertionError showing what came instead."""
        deadline = time.monotonic() + timeout_s
        while end not in self._left:
            data = self._receive(deadline - time.monotonic())
            assert data, f"wanted {end!r}, the board said {self._left[-600:]!r}"
            self._left += data
        taken, self._left = self._left.split(end, 1)
        return taken + end

    def rest(self) -> str:
        """Everything until the board is gone."""
        while data := self._receive(ANSWER_S):
            self._left += data
        return self._left.decode(errors="replace")

    def _receive(self, timeout_s: float) -> bytes:
        ready, _, _ = select.select([self._socket], [], [], max(timeout_s, 0))
        try:
            return self._socket.recv(65_536) if ready else b""
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self._socket.close()


class BoardAtPrompt:
    """A board whose application is importable and not running; `start()` -> Prompt of that life, which loses nothing."""

    def __init__(self, folder: Path, image: bytes, extra: tuple[str, ...] = (), **options: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.flash = FlashFile(folder / "flash.bin")
        self.flash.write("files", files_at_prompt())
        self.flash.write("slot_a", image)
        self._console = folder / "console.sock"
        self.machine = Machine(self.flash, {CONSOLE: f"{SOCKET}{self._console}"}, {"patience_ms": PATIENCE_MS, **options}, extra)
        self.prompt: Prompt | None = None

    def start(self, **options: int) -> Prompt:
        """Power on."""
        self._console.unlink(missing_ok=True)
        self.machine.start(**options)
        self.prompt = Prompt(self._console)
        self.prompt.enter()
        return self.prompt

    def wait_for_cut(self) -> int:
        """The exit code of a machine that ends by itself."""
        try:
            return self.machine.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            raise AssertionError("the board goes on: " + (self.prompt.rest() if self.prompt else "")) from None

    def stop(self) -> None:
        """Power off."""
        self.machine.stop()
        if self.prompt is not None:
            self.prompt.close()
