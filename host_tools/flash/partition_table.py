"""The partition table of an ESP32, as its boot loader reads it at 8000H.

Format: ESP-IDF Programming Guide, "Partition Tables" and gen_esp32part.py's documented output: rows of 32 bytes (AA 50, type,
subtype, offset u32, size u32, label of 16 bytes, flags u32), then a row of EB EB, fourteen FFH and the MD5 of all rows before, then FFH to
C00H bytes. An application begins on 64 KB.

Why labels matter: MicroPython mounts the partition `vfs`; our region is the partition `journal`, outside every file system.
"""

import hashlib
import struct
from dataclasses import dataclass

from host_tools.flash.board_folder import Board
from host_tools.flash.errors import FlashError

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00
SECTOR = 0x1000
APP_ALIGN = 0x10000
MAGIC = b"\xaa\x50"
MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
TYPE_APP, TYPE_DATA = 0, 1
FACTORY, PHY, NVS, UNDEFINED, FAT = 0x00, 0x01, 0x02, 0x06, 0x81
_ROW = struct.Struct("<2sBBII16sI")
# What ESP-IDF itself wants, at the places of MicroPython's own tables (ports/esp32/partitions-4MiB.csv).
SYSTEM = (("nvs", TYPE_DATA, NVS, 0x9000, 0x6000), ("phy_init", TYPE_DATA, PHY, 0xF000, 0x1000))
OURS = {"runtime": ("factory", TYPE_APP, FACTORY), "files": ("vfs", TYPE_DATA, FAT)}


@dataclass(frozen=True)
class Row:
    """One partition."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int


def rows_of(board: Board) -> list[Row]:
    """The board's partitions: those of ESP-IDF, then its parts; journal and readings are one."""
    rows = [Row(*row) for row in SYSTEM]
    for part in board.parts.values():
        label, kind, subtype = OURS.get(part.name, (part.name, TYPE_DATA, UNDEFINED))
        if part.name in ("journal", "readings"):
            continue
        rows.append(Row(label, kind, subtype, part.offset, part.size))
    span = board.journal_span
    if span is not None:
        rows.append(Row("journal", TYPE_DATA, UNDEFINED, span.offset, span.size))
    return sorted(rows, key=lambda row: row.offset)


def encode_table(rows: list[Row]) -> bytes:
    """The table's bytes; FlashError when the boot loader would refuse it."""
    end, labels = TABLE_OFFSET + SECTOR, set()
    rows = sorted(rows, key=lambda row: row.offset)
    for row in rows:
        if row.offset < end:
            raise FlashError(f"partition {row.label} begins at {row.offset:#x}, before {end:#x} where the one before it ends")
        align = APP_ALIGN if row.type == TYPE_APP else SECTOR
        if row.offset % align or row.size % SECTOR or row.size <= 0:
            raise FlashError(f"partition {row.label} must begin at a multiple of {align:#x} and be whole sectors of {SECTOR:#x} bytes")
        label = row.label.encode("ascii")
        if not 0 < len(label) < 16 or row.label in labels:
            raise FlashError(f"a partition's label has 1 to 15 letters and is there once, got {row.label!r}")
        labels.add(row.label)
        end = row.offset + row.size
    return pack_rows(rows)


def pack_rows(rows: list[Row]) -> bytes:
    """The rows as they stand, and their MD5."""
    data = b"".join(_ROW.pack(MAGIC, row.type, row.subtype, row.offset, row.size, row.label.encode("ascii"), 0) for row in rows)
    data += MD5_MAGIC + hashlib.md5(data).digest()
    if len(data) > TABLE_BYTES:
        raise FlashError(f"{len(rows)} partitions do not fit into the table")
    return data.ljust(TABLE_BYTES, b"\xff")


def parse_table(data: bytes) -> list[Row]:
    """The rows of a table read from a chip; FlashError when it is none or its MD5 is wrong."""
    rows: list[Row] = []
    for at in range(0, min(len(data), TABLE_BYTES) - 31, 32):
        line = data[at : at + 32]
        if line.startswith(MD5_MAGIC):
            if hashlib.md5(data[:at]).digest() != line[16:]:
                raise FlashError("the partition table on the chip is damaged: its MD5 is wrong")
            return rows
        magic, kind, subtype, offset, size, label, _ = _ROW.unpack(line)
        if magic != MAGIC:
            break
        rows.append(Row(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    raise FlashError("there is no partition table on the chip")
