"""The emulated board's flash as a host file: parts by name, the battery-backed block, the log of flash operations.

The layout of the parts is board_configs/qemu_mps2/wiring.py's, that of the model's last MiB is port/board.h's and port/nor.c's.
Read and write it while the machine is off: QEMU maps the same file.
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

from board_configs.qemu_mps2 import wiring

SIZE = 16 << 20
BLANK = b"\xff"
BATTERY = SIZE - 4096
BATTERY_MAGIC = 0x4C414D50
LOG = 15 << 20
PROGRAM, ERASE = 1, 2
_BATTERY = struct.Struct("<IIqI")
_LOG_ENTRY = struct.Struct("<IIII")
PARTS = {name: (offset, size) for name, offset, size in wiring.FLASH}


@dataclass(frozen=True)
class Operation:
    """One program or erase: its byte operations are numbered `first` ... `last` since the start of that life."""

    first: int
    last: int
    kind: int
    offset: int

    @property
    def part(self) -> str:
        """Where it happened."""
        return next(name for name, (offset, size) in PARTS.items() if offset <= self.offset < offset + size)


class FlashFile:
    """FlashFile(path): the file is made blank when it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            fresh = path.with_name(path.name + ".new")
            fresh.write_bytes(BLANK * SIZE)
            fresh.rename(path)
            self.set_clock_s(int(time.time()))

    def read(self, part: str) -> bytes:
        """All bytes of a part."""
        offset, size = PARTS[part]
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, part: str, data: bytes) -> None:
        """Replace a part; what `data` leaves out becomes blank."""
        offset, size = PARTS[part]
        if len(data) > size:
            raise ValueError(f"{len(data)} bytes do not fit into {part} of {size}")
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data.ljust(size, BLANK))

    def region(self) -> bytes:
        """Journal and readings, as host_tools.journal_reader wants them."""
        return self.read("journal") + self.read("readings")

    def set_clock_s(self, shown_s: int) -> None:
        """Let the battery-backed clock show this now, and go on."""
        _, cause, _, starts = self._battery()
        self._set_battery(BATTERY_MAGIC, cause, (shown_s - int(time.time())) * 1000, starts)

    def lose_clock(self) -> None:
        """The battery was empty: the next start finds the clock in 2000."""
        self._set_battery(0, 0, 0, 0)

    def starts(self) -> int:
        """How often the board has been powered on or reset; the only thing here to be read while it runs."""
        return self._battery()[3]

    def operations(self) -> list[Operation]:
        """What the last life with the option log=1 did to the flash, in order."""
        with self.path.open("rb") as file:
            file.seek(LOG)
            (count,) = struct.unpack("<I", file.read(16)[:4])
            entries = file.read(count * _LOG_ENTRY.size)
        return [
            Operation(first, first + length - 1, kind, offset) for first, kind, offset, length in _LOG_ENTRY.iter_unpack(entries)
        ]

    def _battery(self) -> tuple[int, int, int, int]:
        with self.path.open("rb") as file:
            file.seek(BATTERY)
            magic, cause, offset_ms, starts = _BATTERY.unpack(file.read(_BATTERY.size))
        return (magic, cause, offset_ms, starts) if magic == BATTERY_MAGIC else (magic, 0, 0, 0)

    def _set_battery(self, magic: int, cause: int, offset_ms: int, starts: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(BATTERY)
            file.write(_BATTERY.pack(magic, cause, offset_ms, starts))
