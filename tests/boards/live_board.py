"""A board with the whole firmware and meters on its line, for tests that break it: it wakes in maintenance, at its prompt.

    with live_board(folder, meters=3) as live:
        live.run_at_prompt(code)            the firmware, patched: `code` ends with main.main(...)
        live.boot()                         the first line of the next life
        live.ask("status")                  what its console answers
        live.to_prompt()                    by the order of maintenance, as flash.py does it
"""

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from board_configs.qemu_mps2 import wiring
from host_tools.board.console_client import PURPOSE
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, LINE, SOCKET, Machine
from host_tools.flash import files_image
from host_tools.flash.application import make_application
from host_tools.journal_reader import JournalImage, read_region
from tests.boards.board_kit import Prompt, code_for_prompt
from tests.running_gateway import KEY, Scene, meters

LIFE_S = 20.0
MAINTENANCE_S = 3_600
LIMITS = {"accounts_max": 32}
ANSWERED, REGISTER = 7, 13  # in a row of `meters`, SPEC 7

# In the namespace of boot.py; the end of the maintenance must not end this life.
MOUNT = """
import gc, slots, sys, vfs
gc.threshold(16384)
maintenance_timer.deinit()
vfs.mount(vfs.VfsRom(whole_image(memoryview(slots.slot("a")), slots.ERASE_SIZE)), "/rom")
sys.path.insert(0, "/rom")
"""


class LiveBoard:
    """Made by live_board(), or by who wants one that lives at once: `at_prompt=False`."""

    def __init__(self, folder: Path, scene: Scene, options: dict[str, int], at_prompt: bool = True) -> None:
        made = make_application(wiring.NAME, scene.root, scene.root / "key", "tests")
        parts = made.board.parts
        files = made.files | ({"maintenance": b"%d\n" % MAINTENANCE_S} if at_prompt else {})
        self.scene = scene
        self.flash = FlashFile(folder / "flash.bin")
        self.flash.write("files", files_image.build_littlefs(files, parts["files"].size, made.board.erase_size, 32))
        self.flash.write("slot_a", made.slot)
        self.other: list[str] = []  # what the board said that is no JSON
        self._number = 0
        self._region = folder / "region.bin"
        self._console = folder / "console.sock"
        options = {"heap_kb": wiring.HEAP_BYTES // 1024, **options}
        self.machine = Machine(self.flash, {CONSOLE: f"{SOCKET}{self._console}", LINE: str(scene.line)}, options)
        self.prompt: Prompt | None = None

    def start(self) -> None:
        """Power on."""
        self._console.unlink(missing_ok=True)
        self.machine.start()
        if self.prompt is not None:
            self.prompt.close()
        self.prompt = Prompt(self._console)

    def stop(self) -> None:
        self.machine.stop()
        if self.prompt is not None:
            self.prompt.close()

    def run_at_prompt(self, code: str) -> None:
        """At the prompt of maintenance: mount what boot.py left alone, then `code`, which goes on by itself."""
        prompt = self._prompt()
        prompt.until(b">>> ")
        prompt.enter()
        prompt.begin(MOUNT + code_for_prompt(code))

    def line_with(self, key: str, timeout_s: float = LIFE_S) -> dict[str, Any]:
        """The next line of JSON with this key; what is no JSON is kept in `other`."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                text = self._prompt().until(b"\n", end - time.monotonic()).decode(errors="replace").strip()
            except AssertionError as fault:
                raise AssertionError(f"no line with {key}: {self.other[-20:]}") from fault
            try:
                row = json.loads(text[text.index("{") :])
            except ValueError:
                self.other.append(text)
                continue
            if key in row:
                return dict(row)

    def send(self, data: bytes) -> None:
        """Type this."""
        self._prompt().send(data)

    def said(self, words: str, timeout_s: float = LIFE_S) -> None:
        """Wait until the board says this."""
        self._prompt().until(words.encode(), timeout_s)

    def boot(self, timeout_s: float = LIFE_S) -> dict[str, Any]:
        """The first line of a life."""
        return dict(self.line_with("boot", timeout_s)["boot"])

    def ask(self, what: str, **fields: Any) -> list[dict[str, Any]]:
        """Ask the console -> its rows, without the last."""
        self._number += 1
        self._prompt().send((json.dumps({"ask": what, "id": self._number, **fields}) + "\n").encode())
        rows = []
        while "end" not in (row := self.line_with("re")):
            rows.append(row)
        assert "no" not in row, row
        return rows

    def status(self) -> dict[str, Any]:
        """All parts of the answer to `status`."""
        return {name: part for row in self.ask("status") for name, part in row.items()}

    def last_fault(self) -> str:
        """What ended an earlier life, as `logs` tells it."""
        return "".join(row.get("last_fault", "") for row in self.ask("logs"))

    def wait_until_read(self, at_least: int = 1, timeout_s: float = LIFE_S) -> None:
        """Until every meter has answered so often in this life, and its register is known."""
        end = time.monotonic() + timeout_s
        rows = [row["meter"] for row in self.ask("meters")]
        while any(row[ANSWERED] < at_least or row[REGISTER] is None for row in rows):
            assert time.monotonic() < end, rows
            time.sleep(0.2)
            rows = [row["meter"] for row in self.ask("meters")]

    def to_prompt(self) -> None:
        """Order maintenance; the board resets, and its prompt is there."""
        nonce = bytes.fromhex(self.ask("challenge")[0]["nonce"])
        mac = hmac.new(KEY, PURPOSE + nonce + MAINTENANCE_S.to_bytes(4, "big"), hashlib.sha256).hexdigest()
        order = {"ask": "maintenance", "id": 1, "seconds": MAINTENANCE_S, "mac": mac}
        self._prompt().send((json.dumps(order) + "\n").encode())
        self.line_with("leaves")

    def journal(self) -> JournalImage:
        """The books as they stand on the flash now."""
        self._region.write_bytes(self.flash.region())
        return read_region(self._region, wiring.ERASE_SIZE, wiring.PROGRAM_UNIT, len(self.flash.read("journal")))

    def _prompt(self) -> Prompt:
        assert self.prompt is not None, "the board is off"
        return self.prompt


@contextlib.contextmanager
def live_board(folder: Path, options: dict[str, int] | None = None, **scene: Any) -> Iterator[LiveBoard]:
    """The board, started, and its meters, standing while the block lasts; `scene` as tests/running_gateway.Scene."""
    scene["limits"] = {**LIMITS, **scene.get("limits", {})}
    place = Scene(folder / "site", **scene)
    with meters(place):
        live = LiveBoard(folder, place, options or {})
        try:
            live.start()
            yield live
        finally:
            live.stop()
