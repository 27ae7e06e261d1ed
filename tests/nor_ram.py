"""A NOR region in memory that counts, tears and forgets: what the journal must survive (design sections 3 and 9).

Rules enforced: a unit is programmed once between erases, only whole units, only inside a block. `cut_at` is the number of
the byte operation (a byte programmed, or one sixteenth of an erase) at which the power goes: PowerCut is raised, what was
not synced is decided by `survive`, and the rest of the operation is left torn.
"""

from firmware.base.faults import StorageFault

ERASE_PARTS = 16
NOTHING, PREFIX, ALL = 0, 1, 2  # what survives of unsynced operations at a cut


class PowerCut(Exception):
    """The power went. Deliberately not a Fault: no code of the firmware may catch it."""


class RamRegion:
    """size, erase_size, program_unit as DESIGN's Region. `flash` is what a reader sees, `stable` what a power cut leaves."""

    def __init__(self, size, erase_size, program_unit, seed=1):
        self.size = size
        self.erase_size = erase_size
        self.program_unit = program_unit
        self.flash = bytearray(b"\xff" * size)
        self.programmed = bytearray(size // program_unit)  # 1 = this unit was programmed since its erase
        self.erase_counts = [0] * (size // erase_size)
        self.operations = 0
        self.cut_at = None
        self.survive = NOTHING
        self.tear = True
        self.half_cleared = True
        self.sync_works = True
        self.syncs = 0
        self.programmed_bytes = 0
        self.fail_next = None  # name of the operation that the driver refuses next
        self._log = []  # undo log: (offset, old bytes, unit flags) since the last sync
        self._seed = seed

    def read_into(self, offset, buf, start, end):
        self._driver("read")
        if offset < 0 or offset + end - start > self.size:
            raise StorageFault("read past the end")
        buf[start:end] = memoryview(self.flash)[offset : offset + end - start]

    def program(self, offset, buf, start, end):
        self._driver("program")
        unit = self.program_unit
        count = end - start
        if count <= 0 or offset % unit or count % unit or offset + count > self.size:
            raise StorageFault("program of parts of units")
        if offset // self.erase_size != (offset + count - 1) // self.erase_size:
            raise StorageFault("program over a block's end")
        for index in range(offset // unit, (offset + count) // unit):
            if self.programmed[index]:
                raise StorageFault("unit programmed twice")
        for index in range(count // unit):
            at = offset + index * unit
            self._log.append((at, bytes(self.flash[at : at + unit]), bytes(1)))
            self.programmed[at // unit] = 1
            for byte in range(unit):
                if self._is_cut():
                    self._tear_unit(at, byte, buf, start + index * unit)
                    self._power_cut()
                self.flash[at + byte] &= buf[start + index * unit + byte]
        self.programmed_bytes += count

    def erase(self, offset):
        self._driver("erase")
        size = self.erase_size
        if offset % size or offset >= self.size:
            raise StorageFault("erase of parts of blocks")
        units = size // self.program_unit
        first = offset // self.program_unit
        self._log.append((offset, bytes(self.flash[offset : offset + size]), bytes(self.programmed[first : first + units])))
        order = range(ERASE_PARTS) if self._random() & 1 else range(ERASE_PARTS - 1, -1, -1)
        piece = size // ERASE_PARTS
        for part in order:
            if self._is_cut():
                if self.half_cleared:
                    for at in range(offset + part * piece, offset + (part + 1) * piece):
                        self.flash[at] |= self._random() & 0xFF
                self._power_cut()
            self.flash[offset + part * piece : offset + (part + 1) * piece] = b"\xff" * piece
        for index in range(first, first + units):
            self.programmed[index] = 0
        self.erase_counts[offset // size] += 1

    def sync(self):
        self._driver("sync")
        if self._is_cut():
            self._power_cut()
        self.syncs += 1
        if self.sync_works:
            self._log = []

    def restart(self):
        """Power is back: the same flash, a new life."""
        self._log = []
        self.cut_at = None
        self.operations = 0

    def _driver(self, name):
        if self.fail_next == name:
            raise StorageFault("driver refuses to " + name)

    def _is_cut(self):
        if self.cut_at is not None and self.operations == self.cut_at:
            return True
        self.operations += 1
        return False

    def _tear_unit(self, at, done, buf, start):
        """Bytes before `done` are programmed; the torn byte, or the whole unit, is left with some bits cleared."""
        if not self.half_cleared:
            return
        last = done + 1 if self.program_unit == 1 else self.program_unit
        for byte in range(done, last):
            self.flash[at + byte] &= buf[start + byte] | (self._random() & 0xFF)

    def _power_cut(self):
        keep = len(self._log)
        if self.survive == NOTHING:
            keep = 0 if not self.tear else max(0, keep - 1)
        if self.survive == NOTHING and self.tear:
            # the operation under way is torn on the flash itself, all others of the step were still in a buffer
            torn = self._log[-1:] if self._log else []
            self._undo(self._log[: len(self._log) - 1], torn)
        elif self.survive == NOTHING:
            self._undo(self._log, [])
        elif self.survive == PREFIX:
            count = self._random() % (len(self._log) + 1)
            self._undo(self._log[count:], [])
        self._log = []
        raise PowerCut()

    def _undo(self, entries, but):
        kept = [(at, bytes(self.flash[at : at + len(old)])) for at, old, _ in but]
        for at, old, flags in reversed(entries):
            self.flash[at : at + len(old)] = old
            first = at // self.program_unit
            self.programmed[first : first + len(flags)] = flags
        for at, data in kept:
            self.flash[at : at + len(data)] = data

    def _random(self):
        self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF
        return self._seed >> 12
