"""A NOR region on a host file whose unsynced operations die with the process (DESIGN: devices, Region; design section 9: power cuts).

The file is the flash as the next life finds it. What is programmed or erased lives in this process's memory until sync()
applies it to the file, in order, a few bytes at a time: a SIGKILL leaves whatever prefix it met, the operation under way torn.
So that torn flash is certain and not luck, `fate` makes the process die inside a chosen operation and leave a random tear:
bytes that stop in the middle of a unit, bits that are half programmed, a unit touched that looks blank, all but one bit
of a unit, a block erased in part, in all its bits by half, or all but a few.

Which units were touched since their last erase stands in a file beside it, since a torn unit may look blank: programming
one again, or anything else that NOR flash forbids, is written to a log and ends the process. Both interpreters.

Operations are never reordered: a driver that returned has done its work on the chip, before the one behind it.
"""

import os
import random
import sys
import time

PIECE_BYTES = 4  # of a unit
ERASE_PARTS = 16
UNIT_US = 60  # flash takes its time, so that a SIGKILL finds it at work
ERASE_PART_US = 150
IDLE, PROGRAMMING, ERASING = b"-", b"p", b"e"  # the last byte of the side file

if sys.implementation.name == "micropython":
    import ffi

    _libc = ffi.open("libc.so.6")
    _getpid = _libc.func("i", "getpid", "")
    _kill = _libc.func("i", "kill", "ii")

    def die():
        """No handler runs, no buffer is written: the power is gone."""
        _kill(_getpid(), 9)
        time.sleep(10)

    _sleep_us = time.sleep_us
else:

    def die():
        os.kill(os.getpid(), 9)

    def _sleep_us(duration_us):
        time.sleep(duration_us / 1_000_000)


class Violation(Exception):
    """The firmware did what flash forbids; no Fault, so nothing in the firmware may catch it."""


class MortalRegion:
    """Region on `path`, made by blank(). `fate` {"program" | "erase" | "sync": n}: the n-th of these, from 0, is the last."""

    def __init__(self, path, erase_size, program_unit, seed=0, fate=None, die=die):
        self.erase_size = erase_size
        self.program_unit = program_unit
        self._fate = dict(fate or {})
        self._die = die
        self._log_path = path + ".log"
        self._file = open(path, "r+b", 0)
        self._side = open(path + ".units", "r+b", 0)
        self._flash = bytearray(self._file.read())  # what a reader of this life sees
        self.size = len(self._flash)
        self._units = self.size // program_unit
        self._touched = bytearray(self._side.read()[: self._units])
        self._pending = []  # (offset, bytes to be programmed, or None for an erase)
        random.seed(seed)

    # the Region

    def read_into(self, offset, buf, start, end):
        if offset < 0 or offset + end - start > self.size:
            self._violated("read outside the region at %d" % offset)
        buf[start:end] = memoryview(self._flash)[offset : offset + end - start]

    def program(self, offset, buf, start, end):
        unit, count = self.program_unit, end - start
        if count <= 0 or offset % unit or count % unit or offset < 0 or offset + count > self.size:
            self._violated("%d bytes at %d are not whole units" % (count, offset))
        if offset // self.erase_size != (offset + count - 1) // self.erase_size:
            self._violated("%d bytes at %d cross the end of a block" % (count, offset))
        for index in range(offset // unit, (offset + count) // unit):
            if self._touched[index]:
                blank = self._flash[index * unit : (index + 1) * unit] == b"\xff" * unit
                looks = "looks blank" if blank else "is not blank"
                self._violated("unit %d at %d is programmed a second time; it %s" % (index, index * unit, looks))
            self._touched[index] = 1
        data = bytes(memoryview(buf)[start:end])
        self._flash[offset : offset + count] = data  # untouched units are blank
        self._pending.append((offset, data))
        self._meet("program")

    def erase(self, offset):
        if offset % self.erase_size or not 0 <= offset < self.size:
            self._violated("erase at %d, which begins no block" % offset)
        self._flash[offset : offset + self.erase_size] = b"\xff" * self.erase_size
        first = offset // self.program_unit
        count = self.erase_size // self.program_unit
        self._touched[first : first + count] = bytes(count)
        self._pending.append((offset, None))
        self._meet("erase")

    def sync(self):
        self._meet("sync")
        if self._pending:
            for offset, data in self._pending:
                self._apply(offset, data, True)
            self._pending = []
            self._say(IDLE)

    # onto the file

    def _apply(self, offset, data, slowly):
        if data is None:
            self._apply_erase(offset, slowly)
        else:
            self._say(PROGRAMMING)
            for at in range(0, len(data), self.program_unit):
                self._touch(offset + at, b"\x01")
                self._write_unit(offset + at, data[at : at + self.program_unit])
                if slowly:
                    _sleep_us(UNIT_US)

    def _write_unit(self, offset, data):
        for at in range(0, len(data), PIECE_BYTES):
            self._write(offset + at, data[at : at + PIECE_BYTES])

    def _apply_erase(self, offset, slowly):
        """Until all of it is done, each of its units counts as touched: a block that was half erased may look blank."""
        self._say(ERASING)
        self._touch(offset, b"\x01" * (self.erase_size // self.program_unit))
        piece = self.erase_size // ERASE_PARTS
        for part in range(ERASE_PARTS):
            self._write(self._part_at(offset, part), b"\xff" * piece)
            if slowly:
                _sleep_us(ERASE_PART_US)
        self._touch(offset, bytes(self.erase_size // self.program_unit))

    def _part_at(self, offset, part):
        """Blocks with an even number lose their first bytes first, the others their last."""
        backwards = offset // self.erase_size % 2
        return offset + (ERASE_PARTS - 1 - part if backwards else part) * (self.erase_size // ERASE_PARTS)

    def _write(self, offset, data):
        self._file.seek(offset)
        if self._file.write(data) != len(data):
            raise OSError("the host took less than it was given")

    def _touch(self, offset, marks):
        self._side.seek(offset // self.program_unit)
        self._side.write(marks)

    def _say(self, state):
        self._side.seek(self._units)
        self._side.write(state)

    def _log(self, line):
        with open(self._log_path, "a") as log:
            log.write(line + "\n")

    def _violated(self, what):
        self._log("violation: " + what)
        raise Violation(what)

    # death

    def _meet(self, name):
        left = self._fate.get(name)
        if left is None:
            return
        self._fate[name] = left - 1
        if left == 0:
            torn = self._tear(name)
            self._log("died: %s %s" % (name, torn))
            self._die()

    def _tear(self, name):
        """Leave on the file what a death in this operation may leave: all before it, or as much as came before an earlier one."""
        if not self._pending:
            return "nothing"
        place = len(self._pending) - 1
        if name == "sync" or not random.getrandbits(2):
            place = _below(place + 1)
        for offset, data in self._pending[:place]:
            self._apply(offset, data, False)
        offset, data = self._pending[place]
        return self._tear_erase(offset) if data is None else self._tear_program(offset, data)

    def _tear_program(self, offset, data):
        unit = self.program_unit
        last = _below(len(data) // unit) * unit
        if last:
            self._apply(offset, data[:last], False)
        data = data[last : last + unit]
        offset += last
        self._say(PROGRAMMING)
        self._touch(offset, b"\x01")
        kind = ("blank", "short", "one_bit", "short_weak", "weak")[_below(5)]
        whole = unit if kind == "one_bit" else _below(unit) if kind in ("short", "short_weak") else 0
        torn = bytearray(b"\xff" * unit)
        torn[:whole] = data[:whole]
        if kind == "one_bit":
            _forget_one_bit(torn)
        elif kind in ("short_weak", "weak"):
            for at in range(whole, unit):
                torn[at] = data[at] | _below(256)
        self._write_unit(offset, torn)
        return kind

    def _tear_erase(self, offset):
        size = self.erase_size
        self._say(ERASING)
        self._touch(offset, b"\x01" * (size // self.program_unit))
        self._file.seek(offset)
        torn = bytearray(self._file.read(size))
        kind = ("in_parts", "half", "nearly")[_below(3)]
        if kind == "in_parts":
            piece = size // ERASE_PARTS
            part = _below(ERASE_PARTS)
            for done in range(part):
                at = self._part_at(offset, done) - offset
                torn[at : at + piece] = b"\xff" * piece
            at = self._part_at(offset, part) - offset
            _weaken(torn, at, at + piece)
        elif kind == "half":
            _weaken(torn, 0, size)
        else:
            for at in range(size):
                torn[at] |= 0xFF if _below(256) else _below(256)
        self._write(offset, torn)
        return kind


def blank(path, size, program_unit):
    """A region as it comes from the factory."""
    with open(path, "wb") as file:
        file.write(b"\xff" * size)
    with open(path + ".units", "wb") as file:
        file.write(bytes(size // program_unit) + IDLE)


def _below(count):
    return random.getrandbits(24) % count


def _weaken(image, start, end):
    for at in range(start, end):
        image[at] |= _below(256)


def _forget_one_bit(image):
    """One bit that was to become 0 is still 1."""
    zeros = [bit for bit in range(len(image) * 8) if not image[bit // 8] >> bit % 8 & 1]
    if zeros:
        bit = zeros[_below(len(zeros))]
        image[bit // 8] |= 1 << bit % 8
