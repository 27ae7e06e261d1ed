"""Every Region driver behaves alike: the rules of NOR flash, over the drivers of the ports as their source says they are."""

import os
import sys

from firmware.base.faults import StorageFault
from firmware.hal.flash_rp2 import Rp2Flash
from firmware.hal.flash_stm32 import storage_region
from firmware.hal.nor_file import FileRegion
from firmware.hal.nor_flash import FlashRegion
from firmware.hal.partition_esp32 import partition_region
from tests.fake_flash import EspPartition, PybFlash, Rp2Storage
from tests.kit import cases, eq, raises

ERASE = 4096
SIZE = 4 * ERASE
OFFSET = 0x280000
UNITS = (1, 32, 256)
PATH = "test_regions_" + sys.implementation.name + ".tmp"  # both interpreters run at once


def esp32(unit):
    part = EspPartition("journal", OFFSET, SIZE)
    EspPartition.table = [EspPartition("vfs", 0x200000, ERASE), part]
    return partition_region(EspPartition, "journal", OFFSET, SIZE, unit), part


def rp2(unit):
    device = Rp2Storage(start=ERASE, len=SIZE)
    return FlashRegion(Rp2Flash(device), unit, 256), device


def stm32(unit):
    made = []

    def flash(start, len):
        made.append(PybFlash(start=start, len=len))
        return made[0]

    return storage_region(flash, OFFSET, SIZE, ERASE, unit), made[0]


class CountedFile(FileRegion):
    """The host file, which is driver and region in one."""

    erases = 0

    def erase(self, offset):
        super().erase(offset)
        self.erases += 1


def linux(unit):
    region = CountedFile(PATH, SIZE, ERASE, unit)
    return region, region


DRIVERS = {"esp32": esp32, "rp2": rp2, "stm32": stm32, "linux": linux}


def each(check):
    def on_one(name, unit):
        region, device = DRIVERS[name](unit)
        try:
            check(region, device)
        finally:
            region.close()
            if name == "linux":
                os.remove(PATH)

    cases([(name, unit) for name in sorted(DRIVERS) for unit in UNITS], on_one)


def read(region, offset, count):
    buf = bytearray(count + 2)
    region.read_into(offset, buf, 1, count + 1)
    eq((buf[0], buf[-1]), (0, 0), "bytes beside the window")
    return bytes(buf[1:-1])


def pattern(count):
    return bytes(index * 7 & 0xFF for index in range(count))


def test_a_region_is_as_large_as_its_part_and_blank():
    def check(region, device):
        eq((region.size, region.erase_size), (SIZE, ERASE))
        eq(read(region, 0, SIZE), b"\xff" * SIZE)

    each(check)


def test_what_was_programmed_stands_there_and_its_neighbours_are_untouched():
    def check(region, device):
        unit = region.program_unit
        for first in (0, 3, 255 // unit, ERASE // unit - 2):  # a step over the end of a page, and one at the end of a block
            at = ERASE + first * unit
            region.program(at, b"?" + pattern(2 * unit) + b"?", 1, 1 + 2 * unit)
            region.sync()
            eq(read(region, at, 2 * unit), pattern(2 * unit))
            eq(read(region, 0, ERASE), b"\xff" * ERASE)
            eq(read(region, 2 * ERASE, ERASE), b"\xff" * ERASE)
            region.erase(ERASE)
        eq(device.erases, 4)

    each(check)


def test_records_of_one_page_are_programmed_one_after_the_other():
    def check(region, device):
        unit = region.program_unit
        for index in range(256 // unit):
            region.program(index * unit, pattern(unit), 0, unit)
        eq(read(region, 0, 256), pattern(unit) * (256 // unit))
        eq(device.erases, 0)

    each(check)


def test_a_unit_is_programmed_once_and_again_only_after_an_erase():
    def check(region, device):
        unit = region.program_unit
        region.program(0, bytes(unit), 0, unit)
        raises(StorageFault, region.program, 0, b"\xff" * unit, 0, unit)
        region.erase(0)
        eq(read(region, 0, ERASE), b"\xff" * ERASE)
        region.program(0, pattern(unit), 0, unit)

    each(check)


def test_what_flash_cannot_do_is_refused_and_changes_nothing():
    def check(region, device):
        unit = region.program_unit
        wrong = [(0, 0), (ERASE - unit, 2 * unit), (SIZE, unit), (-unit, unit)]
        if unit > 1:
            wrong += [(1, unit), (0, unit - 1), (0, unit + 1)]
        for offset, count in wrong:
            raises(StorageFault, region.program, offset, bytes(2 * unit + 1), 0, count)
        for offset in (1, ERASE // 2, SIZE, -ERASE):
            raises(StorageFault, region.erase, offset)
        raises(StorageFault, region.read_into, SIZE - 4, bytearray(8), 0, 8)
        eq(read(region, 0, SIZE), b"\xff" * SIZE)
        eq(device.erases, 0)

    each(check)


def test_a_failing_driver_is_a_storage_fault():
    def check(region, device):
        unit = region.program_unit
        if device is region:  # a host file: test_nor_file.py
            return
        if not isinstance(device, Rp2Storage):  # reading memory cannot fail there
            device.fails = "read"
            raises(StorageFault, region.read_into, 0, bytearray(8), 0, 8)
            device.fails = "erase"
            raises(StorageFault, region.erase, 0)
        device.fails = "write"
        raises(StorageFault, region.program, 0, pattern(unit + 3), 3, unit + 3)
        eq(device.fails, None, "the fault was met")

    each(check)


def test_the_esp32_partition_must_be_the_one_that_is_meant():
    def check(label, offset, size, encrypted, kind):
        EspPartition.table = [EspPartition(label, offset, size, encrypted, kind)]
        raises(StorageFault, partition_region, EspPartition, "journal", OFFSET, SIZE, 1)

    wrong = (
        ("nvs", OFFSET, SIZE, False, EspPartition.TYPE_DATA),
        ("journal", OFFSET + ERASE, SIZE, False, EspPartition.TYPE_DATA),
        ("journal", OFFSET, 2 * SIZE, False, EspPartition.TYPE_DATA),
        ("journal", OFFSET, SIZE, True, EspPartition.TYPE_DATA),
        ("journal", OFFSET, SIZE, False, EspPartition.TYPE_APP),
    )
    cases(wrong, check)


def test_the_stm32_storage_must_reach_so_far_and_know_extended_access():
    raises(StorageFault, storage_region, PybFlash, PybFlash.storage_bytes - ERASE, SIZE, ERASE, 1)
    raises(StorageFault, storage_region, PybFlash, OFFSET, SIZE, 2 * ERASE, 1)
    PybFlash.knows_extended = False
    try:
        raises(StorageFault, storage_region, PybFlash, OFFSET, SIZE, ERASE, 1)
    finally:
        PybFlash.knows_extended = True
