"""NOR flash in memory whose unsynced operations die or tear with the power (DESIGN: devices, Region), and a tap on what is written.

`tap(records)` gets the records of each step once they are durable, parsed by host_tools.journal_reader from the bytes that were
programmed: what the gateway has promised is known at the instant of its sync, from its flash and from nobody's word. `fate`
counts operations down to the one in the middle of which the power goes, `fails` to the one that the driver reports as failed: then the
medium is `broken` until the power comes back. `instant` is called where the power could go. A tear leaves what
tests/mortal_region.py leaves.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from firmware.base.faults import StorageFault
from host_tools.journal_reader import BadRecord, Record, parse_record
from tests.sim.loop import Abandoned

ERASE_PARTS = 16
HEADER_BYTES = 32


class PowerLost(Abandoned):
    """The power goes at this instruction; what is asked of a dead device afterwards meets the same."""


class Violation(BaseException):
    """The firmware did what NOR flash forbids."""


class Flash:
    """The Region of DESIGN.md; `power_lost()` leaves what a reader finds afterwards."""

    def __init__(self, size: int, erase_size: int, program_unit: int, journal_bytes: int, rng: random.Random) -> None:
        self.size = size
        self.erase_size = erase_size
        self.program_unit = program_unit
        self.journal_bytes = journal_bytes
        self.image = bytearray(b"\xff" * size)  # what a reader of this life sees
        self.tap: Callable[[list[Record]], None] = lambda records: None
        self.fate: int | None = None
        self.fails: int | None = None
        self.instant: Callable[[], None] | None = None
        self.broken = False
        self.erases = 0
        self.torn = ""
        self._stable = bytearray(self.image)
        self._touched = bytearray(size // program_unit)
        self._stable_touched = bytearray(self._touched)
        self._pending: list[tuple[int, bytes | None]] = []
        self._rng = rng
        self._dead = False

    # the Region

    def read_into(self, offset: int, buf: bytearray, start: int, end: int) -> None:
        if self._dead:
            raise PowerLost
        if offset < 0 or offset + end - start > self.size:
            raise Violation(f"read outside the region at {offset}")
        buf[start:end] = self.image[offset : offset + end - start]

    def program(self, offset: int, buf: bytearray, start: int, end: int) -> None:
        unit, count = self.program_unit, end - start
        if self._dead:
            raise PowerLost
        if count <= 0 or offset % unit or count % unit or offset < 0 or offset + count > self.size:
            raise Violation(f"{count} bytes at {offset} are not whole units")
        if offset // self.erase_size != (offset + count - 1) // self.erase_size:
            raise Violation(f"{count} bytes at {offset} cross the end of a block")
        first, last = offset // unit, (offset + count) // unit
        if any(self._touched[first:last]):
            raise Violation(f"units {first} to {last - 1} are programmed a second time")
        self._touched[first:last] = b"\x01" * (last - first)
        data = bytes(memoryview(buf)[start:end])
        if self._strikes():
            done = self._rng.randrange(count // unit) * unit
            self.image[offset : offset + done] = data[:done]
            self._pending += [(offset, data[:done])] if done else []
            raise StorageFault("the driver says that it did not program")
        self.image[offset : offset + count] = data
        self._pending.append((offset, data))
        self._meet()

    def erase(self, offset: int) -> None:
        if self._dead:
            raise PowerLost
        if offset % self.erase_size or not 0 <= offset < self.size:
            raise Violation(f"erase at {offset}, which begins no block")
        self.image[offset : offset + self.erase_size] = b"\xff" * self.erase_size
        first, count = offset // self.program_unit, self.erase_size // self.program_unit
        self._touched[first : first + count] = bytes(count)
        self._pending.append((offset, None))
        self.erases += 1
        if self._strikes():
            raise StorageFault("the driver says that it did not erase")
        self._meet()

    def sync(self) -> None:
        if self._dead:
            raise PowerLost
        if self._strikes():
            raise StorageFault("the driver says that it did not sync")
        self._meet()
        pending, self._pending = self._pending, []
        records: list[Record] = []
        for offset, data in pending:
            end = offset + (self.erase_size if data is None else len(data))
            self._stable[offset:end] = self.image[offset:end]
            self._stable_touched[offset // self.program_unit : end // self.program_unit] = self._touched[
                offset // self.program_unit : end // self.program_unit
            ]
            if data is not None and offset < self.journal_bytes:
                records += _records_in(data, offset % self.erase_size == 0)
        if records:
            self.tap(records)

    # failures and power

    def _strikes(self) -> bool:
        """The medium fails at this operation, and at all later ones of this life."""
        if self.fails is not None:
            self.fails -= 1
            self.broken = self.broken or self.fails < 0
        return self.broken

    def _meet(self) -> None:
        if self.instant is not None:
            self.instant()
        if self.fate is None:
            return
        self.fate -= 1
        if self.fate < 0:
            raise PowerLost

    def power_lost(self) -> None:
        """Some of what was not synced is there, one operation torn; from now on this object raises until `power_back`."""
        self._dead = True
        self.fate = self.fails = None
        draw = self._rng
        image, touched = self._stable, self._stable_touched
        self.torn = ""
        if self._pending:
            place = draw.randrange(len(self._pending) + 1)
            for offset, data in self._pending[:place]:
                self._apply(image, touched, offset, data)
            if place < len(self._pending):
                self._tear(image, touched, *self._pending[place])
        self._pending = []
        self.image = bytearray(image)
        self._touched = bytearray(touched)

    def copy(self) -> tuple[bytes, bytes]:
        """What is durable, to be put back some day."""
        return bytes(self._stable), bytes(self._stable_touched)

    def put(self, copy: tuple[bytes, bytes] | None) -> None:
        """Of a board without power: that copy, or nothing, stands on its flash now."""
        blank = (b"\xff" * self.size, bytes(len(self._touched)))
        image, touched = copy or blank
        self.image, self._stable = bytearray(image), bytearray(image)
        self._touched, self._stable_touched = bytearray(touched), bytearray(touched)

    def power_back(self) -> None:
        self._dead = self.broken = False

    def _apply(self, image: bytearray, touched: bytearray, offset: int, data: bytes | None) -> None:
        length = self.erase_size if data is None else len(data)
        first, last = offset // self.program_unit, (offset + length) // self.program_unit
        image[offset : offset + length] = b"\xff" * length if data is None else data
        touched[first:last] = (b"\x00" if data is None else b"\x01") * (last - first)

    def _tear(self, image: bytearray, touched: bytearray, offset: int, data: bytes | None) -> None:
        draw, unit = self._rng, self.program_unit
        if data is None:
            self._tear_erase(image, touched, offset)
            return
        whole = draw.randrange(len(data) // unit) * unit
        if whole:
            self._apply(image, touched, offset, data[:whole])
        offset, data = offset + whole, data[whole : whole + unit]
        touched[offset // unit] = 1
        kind = self.torn = draw.choice(("blank", "short", "one_bit", "short_weak", "weak"))
        length = unit if kind == "one_bit" else draw.randrange(unit) if kind in ("short", "short_weak") else 0
        torn = bytearray(b"\xff" * unit)
        torn[:length] = data[:length]
        if kind == "one_bit":
            zeros = [bit for bit in range(unit * 8) if not torn[bit // 8] >> bit % 8 & 1]
            if zeros:
                bit = draw.choice(zeros)
                torn[bit // 8] |= 1 << bit % 8
        elif kind in ("short_weak", "weak"):
            for at in range(length, unit):
                torn[at] = data[at] | draw.randrange(256)
        image[offset : offset + unit] = torn

    def _tear_erase(self, image: bytearray, touched: bytearray, offset: int) -> None:
        draw, size = self._rng, self.erase_size
        touched[offset // self.program_unit : (offset + size) // self.program_unit] = b"\x01" * (size // self.program_unit)
        kind = self.torn = draw.choice(("erase in parts", "erase half", "erase nearly"))
        if kind == "erase in parts":
            piece = size // ERASE_PARTS
            done = draw.randrange(ERASE_PARTS) * piece
            image[offset : offset + done] = b"\xff" * done
            start, end = offset + done, offset + done + piece
        else:
            start, end = offset, offset + size
        for at in range(start, end):
            if kind != "erase nearly":
                image[at] |= draw.randrange(256)
            else:
                image[at] |= 0xFF if draw.randrange(256) else draw.randrange(256)


def _records_in(data: bytes, begins_block: bool) -> list[Record]:
    """Records of one step; a step of the journal begins a block with its header."""
    at, found = 0, []
    if begins_block and data[:4] == b"LJ01":
        at = HEADER_BYTES
    while at < len(data):
        if data[at] == 0xFF:
            at += 1
            continue
        try:
            record = parse_record(data, at)
        except BadRecord:
            break
        found.append(record)
        at += len(record.raw)
    return found
