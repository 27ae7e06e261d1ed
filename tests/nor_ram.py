"""A NOR region in memory with the rules of flash, for tests of what is stored on it (DESIGN: devices, Region).

`flash` is what a reader sees now, `stable` what a power cut leaves: sync() makes them the same. Rules enforced: only whole
units, each programmed once between erases, only inside a block. `on_point(region, torn)` is called before every byte that is
programmed, before each sixteenth of an erase and before each sync: torn(image, salt) leaves in `image` (a copy of the flash)
what the operation would leave if the power went just now.
"""

from firmware.base.faults import StorageFault

ERASE_PARTS = 16


class RamRegion:
    """size, erase_size, program_unit, read_into, program, erase, sync as the firmware's Region."""

    def __init__(self, size, erase_size, program_unit):
        self.size = size
        self.erase_size = erase_size
        self.program_unit = program_unit
        self.flash = bytearray(b"\xff" * size)
        self.stable = bytearray(self.flash)
        self.programmed = bytearray(size // program_unit)  # 1 = programmed since its last erase
        self.stable_programmed = bytearray(self.programmed)
        self.erase_counts = [0] * (size // erase_size)
        self.sync_works = True
        self.syncs = 0
        self.programmed_bytes = 0
        self.fail_next = None  # name of the operation that the driver refuses
        self.on_point = None
        self.torn_unit = -1  # at a point: the unit that is about to be programmed, -1 = none
        self.boots = 0  # for those who count the lives on this region

    def load(self, flash, programmed, stable=None, stable_programmed=None):
        """Take over an image; without a stable one it is all durable."""
        self.flash[:] = flash
        self.programmed[:] = programmed
        self.stable[:] = flash if stable is None else stable
        self.stable_programmed[:] = programmed if stable_programmed is None else stable_programmed

    def cut_power(self):
        """What was not synced is gone."""
        self.load(self.stable, self.stable_programmed)

    def read_into(self, offset, buf, start, end):
        self._driver("read")
        if offset < 0 or offset + end - start > self.size:
            raise StorageFault("read past the end")
        buf[start:end] = memoryview(self.flash)[offset : offset + end - start]

    def program(self, offset, buf, start, end):
        self._driver("program")
        unit = self.program_unit
        count = end - start
        if count <= 0 or offset % unit or count % unit or offset < 0 or offset + count > self.size:
            raise StorageFault("program of parts of units")
        if offset // self.erase_size != (offset + count - 1) // self.erase_size:
            raise StorageFault("program over a block's end")
        for index in range(offset // unit, (offset + count) // unit):
            if self.programmed[index]:
                raise StorageFault("unit programmed twice")
        if self.on_point is None:
            for index in range(offset // unit, (offset + count) // unit):
                self.programmed[index] = 1
            self.flash[offset : offset + count] = memoryview(buf)[start:end]
        else:
            self._program_slowly(offset, buf, start, count)
        self.programmed_bytes += count

    def _program_slowly(self, offset, buf, start, count):
        unit = self.program_unit
        for byte in range(count):
            at = offset + byte
            unit_end = at // unit * unit + unit

            self.torn_unit = at // unit
            self.on_point(self, _half_programmed(at, unit_end, buf, start + byte))
            self.programmed[at // unit] = 1
            self.flash[at] &= buf[start + byte]

    def erase(self, offset):
        self._driver("erase")
        size = self.erase_size
        if offset % size or not 0 <= offset < self.size:
            raise StorageFault("erase of parts of blocks")
        piece = size // ERASE_PARTS
        for part in range(ERASE_PARTS):
            # blocks with an even number lose their first bytes first, the others their last
            at = offset + (part if offset // size % 2 == 0 else ERASE_PARTS - 1 - part) * piece
            self.torn_unit = -1
            if self.on_point is not None:
                self.on_point(self, _half_erased(at, at + piece))
            self.flash[at : at + piece] = b"\xff" * piece
        first = offset // self.program_unit
        units = size // self.program_unit
        self.programmed[first : first + units] = bytes(units)
        self.erase_counts[offset // size] += 1

    def sync(self):
        self._driver("sync")
        self.torn_unit = -1
        if self.on_point is not None:
            self.on_point(self, _nothing)
        self.syncs += 1
        if self.sync_works:
            self.stable[:] = self.flash
            self.stable_programmed[:] = self.programmed

    def _driver(self, name):
        if self.fail_next == name:
            raise StorageFault("driver refuses to " + name)


def _half_programmed(at, end, buf, source):
    """torn() of a unit from byte `at` on: some of the bits that buf[source:] would clear are cleared."""

    def torn(image, salt):
        for place in range(at, end):
            salt = (salt * 1103515245 + 12345) & 0x7FFFFFFF
            image[place] &= buf[source + place - at] | (salt >> 12 & 0xFF)

    return torn


def _half_erased(at, end):
    """torn() of a piece of a block: some of its bits are set."""

    def torn(image, salt):
        for place in range(at, end):
            salt = (salt * 1103515245 + 12345) & 0x7FFFFFFF
            image[place] |= salt >> 12 & 0xFF

    return torn


def _nothing(image, salt):
    """A cut before a sync tears nothing by itself."""
