"""Journal records a second on this interpreter, and the same bytes programmed without any journal; one JSON line.

usage: micropython -m tests.bench.journal_program FOLDER

Each record is a CREDIT with its own commit, as a payment is: programmed, synced, and only then answered. `bytes` is what one
record takes on flash, the rest of its program unit and its share of block headers included.
"""

import gc
import json
import os
import sys
import time

from firmware.base.faults import StorageFault
from firmware.base.limits import Limits
from firmware.hal.nor_file import FileRegion
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import Ledger
from firmware.ledger.record import size_of

ERASE_SIZE = 4096
JOURNAL_BYTES = 1024 * 1024
READINGS_BYTES = 32 * 1024
RECORDS = 2000
FILE_RECORDS = 500
REPLAYED = 10_000
REPLAY_BYTES = 768 * 1024
ACCOUNT = 1001


class MemoryRegion:
    """NOR in a bytearray, as fast as the interpreter can copy; `bytes` and `steps` count what was programmed."""

    def __init__(self, size, program_unit):
        self.size = size
        self.erase_size = ERASE_SIZE
        self.program_unit = program_unit
        self.bytes = 0
        self.steps = 0
        self._flash = memoryview(bytearray(b"\xff" * size))

    def read_into(self, offset, buf, start, end):
        memoryview(buf)[start:end] = self._flash[offset : offset + end - start]

    def program(self, offset, buf, start, end):
        if offset % self.program_unit or (end - start) % self.program_unit:
            raise StorageFault("program of parts of units")
        self._flash[offset : offset + end - start][:] = memoryview(buf)[start:end]
        self.bytes += end - start
        self.steps += 1

    def erase(self, offset):
        self._flash[offset : offset + ERASE_SIZE][:] = b"\xff" * ERASE_SIZE

    def sync(self):
        pass


class CountingFile(FileRegion):
    """The region of the unix board, counted."""

    def __init__(self, path, size, program_unit):
        super().__init__(path, size, ERASE_SIZE, program_unit)
        self.bytes = 0
        self.steps = 0

    def program(self, offset, buf, start, end):
        super().program(offset, buf, start, end)
        self.bytes += end - start
        self.steps += 1


def ledger_on(region, journal_bytes, boot_count):
    """The whole ledger with one account; opened."""
    ledger = Ledger(region, journal_bytes, Limits(accounts_max=4), lambda: (1_800_000_000, 3))
    ledger.open(boot_count, 1)
    if ledger.accounts.row_of(ACCOUNT) < 0:
        ledger.record(kinds.SEGMENT, (ACCOUNT, bytes(6), 0, 0, 0, 0, 0, 0))
        ledger.commit()
    return ledger


def append(ledger, count, commit_every):
    """Milliseconds for `count` credits."""
    began_ms = time.ticks_ms()
    for number in range(1, count + 1):
        ledger.record(kinds.CREDIT, (ACCOUNT, 1, number, 1_000_000, 1_000_000 * number))
        if number % commit_every == 0:
            ledger.commit()
    ledger.commit()
    return max(1, time.ticks_diff(time.ticks_ms(), began_ms))


def raw(region, count, size):
    """Milliseconds for `count` programs of `size` bytes with a sync each, in fresh blocks: what the medium alone takes."""
    payload = bytes(size)
    in_block = ERASE_SIZE // size
    began_ms = time.ticks_ms()
    for index in range(count):
        offset = JOURNAL_BYTES - (index // in_block + 1) * ERASE_SIZE
        if index % in_block == 0:
            region.erase(offset)
        region.program(offset + index % in_block * size, payload, 0, size)
        region.sync()
    return max(1, time.ticks_diff(time.ticks_ms(), began_ms))


def case(region, name, count):
    """One unit size on one medium."""
    gc.collect()
    ledger = ledger_on(region, JOURNAL_BYTES, 1)
    before = region.bytes
    took_ms = append(ledger, count, 1)
    used = region.bytes - before
    unit = region.program_unit
    size = -(-size_of(kinds.CREDIT) // unit) * unit
    raw_ms = raw(region, count, size)
    told = {"region": name, "unit": unit, "records_per_s": count * 1000 // took_ms, "raw_per_s": count * 1000 // raw_ms}
    told["bytes"] = (used + count - 1) // count
    told["record_bytes"] = size_of(kinds.CREDIT)
    return told


def replay():
    """Milliseconds for reading 10,000 records again; appended many to a step, in pages of one unit."""
    gc.collect()
    region = MemoryRegion(REPLAY_BYTES + READINGS_BYTES, 32)
    append(ledger_on(region, REPLAY_BYTES, 1), REPLAYED, 16)
    gc.collect()
    began_ms = time.ticks_ms()
    ledger = ledger_on(region, REPLAY_BYTES, 2)
    took_ms = time.ticks_diff(time.ticks_ms(), began_ms)
    if ledger.accounts.balance_ucu(0) != REPLAYED * 1_000_000:
        raise ValueError("the replay lost money")
    piece = bytearray(256)
    began_ms = time.ticks_ms()
    for offset in range(0, region.bytes, 256):
        region.read_into(offset, piece, 0, 256)
    read_ms = time.ticks_diff(time.ticks_ms(), began_ms)
    return {"replayed": ledger.journal.replayed, "replay_ms": took_ms, "read_ms": max(1, read_ms)}


def main(folder):
    """All cases."""
    told = []
    for unit in (1, 32, 256):
        told.append(case(MemoryRegion(JOURNAL_BYTES + READINGS_BYTES, unit), "memory", RECORDS))
        path = folder + "/region_" + str(unit)
        told.append(case(CountingFile(path, JOURNAL_BYTES + READINGS_BYTES, unit), "file", FILE_RECORDS))
        os.remove(path)
    print(json.dumps({"cases": told, "replay": replay()}))


if __name__ == "__main__":
    main(sys.argv[1])
