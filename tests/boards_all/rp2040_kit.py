"""The RP2040 board for its smoke test: a flash file made from UF2s as the boot ROM makes it, and a life with its console."""

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from board_configs.rp2040_modem import wiring
from host_tools import uf2
from host_tools.emulator.bridge import Bridge
from host_tools.emulator.rp2040js import CONSOLE, LINE, PARTS, Rp2040, read_part, write_flash
from host_tools.flash.application import make_application
from host_tools.flash.build import install_uf2
from host_tools.journal_reader import JournalImage, read_region
from host_tools.set_up import rp2040
from tests.running_gateway import Scene

WAIT_S = 300  # the chip is emulated several times slower than it is, and other tests may run
ASK_AGAIN_S = 5
MODEM = {"apn": "internet"}  # nobody answers on that UART here: the board lives without its uplink


def runtime_uf2() -> bytes:
    """What a person puts on the board's drive first."""
    return uf2.encode([uf2.Part(uf2.FLASH_START, rp2040.runtime().read_bytes())])


def provisioned_flash(scene: Scene, path: Path) -> None:
    """The runtime and the files of a scene, through the UF2 that flash.py makes."""
    settings = json.loads((scene.root / "settings.json").read_text())
    settings["uplink"]["modem"] = MODEM
    (scene.root / "settings.json").write_text(json.dumps(settings))
    made = make_application(wiring.NAME, scene.root, scene.root / "key", "smoke test")
    write_flash(path, uf2.decode(install_uf2(made, runtime_uf2())))


def journal_of(flash: Path, scratch: Path) -> JournalImage:
    """The journal and the readings as the independent reader finds them."""
    scratch.write_bytes(read_part(flash, "journal", "readings"))
    return read_region(scratch, wiring.ERASE_SIZE, wiring.PROGRAM_UNIT, PARTS["journal"][1])


def journal_end(flash: Path) -> int:
    """Offset in the part `journal` of the first byte behind the last record: this short story never comes to its end."""
    return len(read_part(flash, "journal").rstrip(b"\xff"))


@dataclass
class Told:
    """What the console said in one life. A record is told only when it is durable."""

    about: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    now: dict[str, Any] = field(default_factory=dict)

    def hear(self, row: dict[str, Any]) -> None:
        if "record" in row:
            self.records.append(row["record"])
        self.about = row.get("about", self.about)
        self.now = row.get("now", self.now)

    @property
    def readings(self) -> int:
        """Number of the newest reading that lies in the ring."""
        return int(self.now.get("readings", {}).get("last", 0))


class Life:
    """One life of the board: powered on, heard, and cut. `times` are those of its end."""

    def __init__(self, flash: Path, line: Path, folder: Path, **options: int) -> None:
        self.told = Told()
        self.times: dict[str, int] = {}
        self._bridge = Bridge(folder / "tty")
        self._board = Rp2040(flash, {CONSOLE: self._bridge.inner, LINE: str(line)}, **options)
        self._ended = False
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._board.start()
        self._listener.start()
        return self

    def _listen(self) -> None:
        """Ask who is there until it says so, then to be told everything; a board that starts hears neither."""
        console = os.open(self._bridge.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        left, asked_s = b"", 0.0
        while not self._ended:
            if not self.told.now and time.monotonic() - asked_s > ASK_AGAIN_S:
                asked_s = time.monotonic()
                os.write(console, b'{"ask":"watch","seconds":3600}\n' if self.told.about else b'{"ask":"status"}\n')
            if select.select([console], [], [], 0.2)[0]:
                *lines, left = (left + os.read(console, 4_096)).split(b"\n")
                for line in lines:
                    with contextlib.suppress(ValueError):  # a line that the end of a life tore
                        self.told.hear(json.loads(line))
        os.close(console)

    def wait_until(self, condition: Callable[[Told], Any], what: str) -> None:
        """Until it holds of what was told; AssertionError says what did not happen, and what the emulator complained of."""
        deadline = time.monotonic() + WAIT_S
        while not condition(self.told):
            assert self._board.running, f"the board ended while waiting for {what}: {self._board.said()}"
            assert time.monotonic() < deadline, f"{what} did not happen: {self.told.now} {self._board.said()}"
            time.sleep(0.05)

    def strike_at_the_next_record(self) -> None:
        """kill -9 at once when a record is told: most often another one is under way."""
        self.times = self._board.times()
        count = len(self.told.records)
        self.wait_until(lambda told: len(told.records) > count, "another record")
        self._board.cut_power()

    def wait_for_cut(self) -> int:
        """The exit code when the power goes with the flash byte that was asked for."""
        try:
            return self._board.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the power was not cut: {self.told.now} {self._board.said()}") from None

    def __exit__(self, *_: object) -> None:
        if self._board.running:
            self.times = self._board.times()
        self._board.stop()
        self._ended = True
        self._listener.join()
        self._bridge.close()
