"""The host file as NOR flash: it refuses what flash cannot do and keeps what it took."""

import os
import sys

from firmware.base.faults import StorageFault
from firmware.hal.nor_file import FileRegion
from tests.kit import eq, raises

PATH = "test_nor_file_" + sys.implementation.name + ".tmp"  # both interpreters run at once
SIZE = 4096
ERASE = 1024
UNIT = 32


def fresh():
    remove()
    return FileRegion(PATH, SIZE, ERASE, UNIT)


def remove():
    try:
        os.remove(PATH)
    except OSError:
        pass


def read(region, offset, count):
    buf = bytearray(count)
    region.read_into(offset, buf, 0, count)
    return bytes(buf)


def test_a_new_region_is_blank_and_keeps_what_was_programmed():
    region = fresh()
    eq(read(region, 0, SIZE), b"\xff" * SIZE)
    region.program(64, b"x" + bytes(range(32)) + b"y", 1, 33)
    region.sync()
    region.close()
    again = FileRegion(PATH, SIZE, ERASE, UNIT)
    eq(read(again, 64, 32), bytes(range(32)))
    eq(read(again, 96, 32), b"\xff" * 32)
    again.close()
    remove()


def test_a_unit_is_programmed_once_and_again_only_after_an_erase():
    region = fresh()
    region.program(1024, bytes(32), 0, 32)
    raises(StorageFault, region.program, 1024, bytes(32), 0, 32)
    eq(read(region, 1056, 32), b"\xff" * 32)
    region.erase(1024)
    eq(read(region, 1024, 1024), b"\xff" * 1024)
    region.program(1024, bytes(32), 0, 32)
    region.close()
    remove()


def test_what_flash_cannot_do_is_refused_and_changes_nothing():
    region = fresh()
    for offset, count in ((1, 32), (0, 31), (0, 0), (1024 - 32, 64), (SIZE, 32), (-32, 32)):
        raises(StorageFault, region.program, offset, bytes(64), 0, count)
    for offset in (1, 512, SIZE, -1024):
        raises(StorageFault, region.erase, offset)
    raises(StorageFault, region.read_into, SIZE - 4, bytearray(8), 0, 8)
    eq(read(region, 0, SIZE), b"\xff" * SIZE)
    region.close()
    remove()


def test_a_file_of_another_size_is_refused():
    fresh().close()
    raises(StorageFault, FileRegion, PATH, SIZE * 2, ERASE, UNIT)
    raises(StorageFault, FileRegion, PATH, SIZE, ERASE, 33)
    raises(StorageFault, FileRegion, "no such folder/region", SIZE, ERASE, UNIT)
    remove()
