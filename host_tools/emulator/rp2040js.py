"""The rp2040_modem board in rp2040js: its whole flash in a host file, its console (USB), RS-485 line and modem on serial ports.

As host_tools.emulator.machine: a way out is the path of a serial port or pty that somebody else made, killing it is the power
cut, and the same names of options where both have them. It is about five times slower than a real board.

    write_flash(path, parts)        # what the board's boot ROM does with a UF2
    with Rp2040(path, {CONSOLE: console.inner, LINE: line}) as board: ...
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from board_configs.rp2040_modem import wiring
from host_tools.emulator.machine import CONSOLE, LINE, MODEM
from host_tools.emulator.power import CUT_EXIT, PowerSwitch
from host_tools.set_up import rp2040
from host_tools.set_up.paths import NotSetUp
from host_tools.uf2 import FLASH_START, Part

__all__ = ["CONSOLE", "CUT_EXIT", "LINE", "MODEM", "PARTS", "Rp2040", "read_part", "write_flash"]

PARTS = {name: (offset, size) for name, offset, size in wiring.FLASH}
FLASH_BYTES = max(offset + size for offset, size in PARTS.values())
WAYS = {CONSOLE: "console", LINE: "line", MODEM: "modem"}
TIMES = re.compile(r"rp2040: (\{.*\})")


def write_flash(path: Path, parts: Iterable[Part]) -> None:
    """Write parts of a UF2 into the flash file; it is made blank when it is not there."""
    if not path.exists():
        path.write_bytes(b"\xff" * FLASH_BYTES)
    with path.open("r+b") as file:
        for part in parts:
            if part.address < FLASH_START or part.end > FLASH_START + FLASH_BYTES:
                raise ValueError(f"{part.address:#x} ... {part.end:#x} is not in the flash of this board")
            file.seek(part.address - FLASH_START)
            file.write(part.data)


def read_part(path: Path, *names: str) -> bytes:
    """The bytes of these parts of the flash file, one behind the other."""
    flash = path.read_bytes()
    return b"".join(flash[PARTS[name][0] : sum(PARTS[name])] for name in names)


class Rp2040(PowerSwitch):
    """A board that can be started, killed and started again over one flash file."""

    stdin = subprocess.PIPE  # it is asked for its times there

    def __init__(self, flash: Path, ways: Mapping[int, str], **options: int) -> None:
        super().__init__(options)
        self.flash = flash
        self.ways = dict(ways)

    def command(self, options: Mapping[str, int]) -> list[str]:
        """Node's command line; `options`: erase_ms, cut_after (flash byte operations, of those between cut_from and cut_to)."""
        node = shutil.which("node")
        if node is None:
            raise NotSetUp("node is not installed: run `make boards-all`")
        driver = next(pin for signal_name, pin, _ in wiring.PINS if signal_name == "rs485_de")
        words: dict[str, object] = {
            "library": rp2040.emulator_library(), "rom": rp2040.boot_rom(), "flash": self.flash, "driver-pin": driver,
        }  # fmt: skip
        words |= {WAYS[way]: path for way, path in self.ways.items()}
        words |= {name.replace("_", "-"): value for name, value in options.items()}
        return [node, str(rp2040.EMULATOR / "run.mjs"), *(part for name, value in words.items() for part in (f"--{name}", str(value)))]

    def times(self, timeout_s: float = 5.0) -> dict[str, int]:
        """`machine_ms` and `ours_ms` since the start of this life, and `line_lost`, bytes that the transceiver swallowed."""
        before = len(TIMES.findall(self.said()))
        asked = self._now().stdin
        assert asked is not None
        asked.write(b"\n")
        asked.flush()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            told = TIMES.findall(self.said())
            if len(told) > before:
                return dict(json.loads(told[-1]))
            time.sleep(0.02)
        raise TimeoutError("the emulator does not answer")

    def __enter__(self) -> "Rp2040":
        return self if self.running else self.start()
