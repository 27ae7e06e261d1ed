"""A host file as a NOR flash region for the `unix` board (DESIGN: devices, Region; design 4.5).

It behaves as flash would: only whole units, each programmed once between erases, only inside a block. What was programmed
stands in the file at once, so it survives the end of the process; sync() is fsync and makes it survive the host as well.

Trap avoided: a short read or write is not an error for the operating system; here every count is checked. The file is made
beside its place and renamed, so an interrupted start never leaves half a region.
"""

import os
import sys

from firmware.base.faults import StorageFault

if sys.implementation.name == "micropython":
    import ffi

    _fsync = ffi.open("libc.so.6").func("i", "fsync", "i")
else:

    def _fsync(number):
        os.fsync(number)
        return 0


_BLANK = b"\xff" * 256
_BLANK_VIEW = memoryview(_BLANK)


class FileRegion:
    """FileRegion(path, size, erase_size, program_unit): opens the file, or makes it blank. Every failure is StorageFault."""

    def __init__(self, path, size, erase_size, program_unit):
        if program_unit < 1 or erase_size % program_unit or size % erase_size:
            raise StorageFault("region sizes do not fit each other")
        self.size = size
        self.erase_size = erase_size
        self.program_unit = program_unit
        self._check_buf = bytearray(max(program_unit, 256))
        try:
            os.stat(path)
        except OSError:
            self._make(path)
        try:
            self._file = open(path, "r+b", 0)
            length = self._file.seek(0, 2)
        except OSError as fault:
            raise StorageFault("cannot open the region file: " + str(fault))
        if length != size:
            self._file.close()
            raise StorageFault("region file has " + str(length) + " bytes instead of " + str(size))

    def read_into(self, offset, buf, start, end):
        """Fill buf[start:end] from `offset` of the region."""
        self._check_window(offset, end - start)
        view = memoryview(buf)
        try:
            self._file.seek(offset)
            while start < end:
                count = self._file.readinto(view[start:end])
                if not count:
                    raise StorageFault("region file ends early")
                start += count
        except OSError as fault:
            raise StorageFault("cannot read the region: " + str(fault))

    def program(self, offset, buf, start, end):
        """Write buf[start:end], whole blank units of one block, at `offset`."""
        count = end - start
        self._check_window(offset, count)
        if offset % self.program_unit or count % self.program_unit or count == 0:
            raise StorageFault("only whole units are programmed")
        if offset // self.erase_size != (offset + count - 1) // self.erase_size:
            raise StorageFault("a step crosses the end of a block")
        if not self._is_blank(offset, count):
            raise StorageFault("a unit that is not blank is not programmed")
        self._write(offset, memoryview(buf)[start:end])

    def erase(self, offset):
        """Make one block blank; `offset` is its beginning."""
        if offset % self.erase_size:
            raise StorageFault("only whole blocks are erased")
        self._check_window(offset, self.erase_size)
        done = 0
        while done < self.erase_size:
            piece = min(len(_BLANK), self.erase_size - done)
            self._write(offset + done, _BLANK_VIEW[:piece])
            done += piece

    def sync(self):
        """Return when all that was programmed and erased is on the host's disk."""
        try:
            answer = _fsync(self._file.fileno())
        except OSError as fault:
            raise StorageFault("cannot sync the region: " + str(fault))
        if answer != 0:
            raise StorageFault("sync of the region failed")

    def close(self):
        """For tools and tests; the firmware keeps its region until the end."""
        self._file.close()

    def _write(self, offset, data):
        try:
            self._file.seek(offset)
            written = self._file.write(data)
        except OSError as fault:
            raise StorageFault("cannot write the region: " + str(fault))
        if written != len(data):
            raise StorageFault("region file took " + str(written) + " bytes of " + str(len(data)))

    def _is_blank(self, offset, count):
        buf = self._check_buf
        while count:
            piece = min(len(_BLANK), count)
            self.read_into(offset, buf, 0, piece)
            if memoryview(buf)[:piece] != _BLANK_VIEW[:piece]:
                return False
            offset += piece
            count -= piece
        return True

    def _check_window(self, offset, count):
        if offset < 0 or count < 0 or offset + count > self.size:
            raise StorageFault("outside the region: " + str(count) + " bytes at " + str(offset))

    def _make(self, path):
        fresh = path + ".new"
        try:
            with open(fresh, "wb") as file:
                left = self.size
                while left:
                    piece = min(len(_BLANK), left)
                    if file.write(_BLANK_VIEW[:piece]) != piece:
                        raise StorageFault("no space for the region file")
                    left -= piece
                file.flush()
                if _fsync(file.fileno()) != 0:
                    raise StorageFault("sync of the new region failed")
            os.rename(fresh, path)
        except OSError as fault:
            raise StorageFault("cannot make the region file: " + str(fault))
