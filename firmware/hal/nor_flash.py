"""A Region (DESIGN: devices) on a block device of MicroPython: `board.Flash`, and what other ports offer with the same methods.

    device.readblocks(block, buf, offset)    device.writeblocks(block, buf, offset): programs, without an erase
    device.ioctl(6, block): erases           ioctl(4, 0), ioctl(5, 0): number and size of blocks

A NOR part has nothing to sync: an operation has happened when the driver returns. Every answer of the driver is checked: some
drivers raise, some answer with a negative number.

Trap avoided: writeblocks without an offset erases first. The offset is always given here.
"""

from firmware.base.faults import StorageFault
from firmware.base.port import const

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)
_CHECK_BYTES = const(64)
_BLANK = b"\xff" * 64


class FlashRegion:
    """FlashRegion(device, program_unit, page_size=0): the whole device. `page_size`: a program step never crosses such a page."""

    def __init__(self, device, program_unit, page_size=0):
        self._device = device
        self.erase_size = self._ioctl(_BLOCK_SIZE, 0)
        self.size = self._ioctl(_BLOCK_COUNT, 0) * self.erase_size
        self.program_unit = program_unit
        self._page_size = page_size or self.erase_size
        self._check_buf = bytearray(_CHECK_BYTES)
        self._check_view = memoryview(self._check_buf)
        if program_unit < 1 or self.erase_size % program_unit or self._page_size % program_unit or self.erase_size % self._page_size:
            raise StorageFault("region sizes do not fit each other")

    def read_into(self, offset, buf, start, end):
        """Fill buf[start:end] from `offset` of the region."""
        self._check_window(offset, end - start)
        view = memoryview(buf)
        while start < end:
            block, inside = divmod(offset, self.erase_size)
            count = min(end - start, self.erase_size - inside)
            self._call(self._device.readblocks, block, view[start : start + count], inside)
            start += count
            offset += count

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
        view = memoryview(buf)
        while start < end:
            block, inside = divmod(offset, self.erase_size)
            piece = min(end - start, self._page_size - inside % self._page_size)
            self._call(self._device.writeblocks, block, view[start : start + piece], inside)
            start += piece
            offset += piece

    def erase(self, offset):
        """Make one block blank; `offset` is its beginning."""
        if offset % self.erase_size:
            raise StorageFault("only whole blocks are erased")
        self._check_window(offset, self.erase_size)
        self._ioctl(_BLOCK_ERASE, offset // self.erase_size)

    def sync(self):
        """Nothing waits: what was programmed stands in the flash."""

    def close(self):
        """Nothing to give back."""

    def _is_blank(self, offset, count):
        while count:
            piece = min(_CHECK_BYTES, count)
            self.read_into(offset, self._check_buf, 0, piece)
            if self._check_view[:piece] != _BLANK[:piece]:
                return False
            offset += piece
            count -= piece
        return True

    def _check_window(self, offset, count):
        if offset < 0 or count < 0 or offset + count > self.size:
            raise StorageFault("outside the region: " + str(count) + " bytes at " + str(offset))

    def _ioctl(self, operation, argument):
        try:
            answer = self._device.ioctl(operation, argument)
        except OSError as fault:
            raise StorageFault("the flash driver failed: " + str(fault))
        if type(answer) is not int or answer < 0:
            raise StorageFault("the flash driver answered " + str(answer) + " to operation " + str(operation))
        return answer

    def _call(self, method, block, view, inside):
        try:
            answer = method(block, view, inside)
        except OSError as fault:
            raise StorageFault("the flash driver failed: " + str(fault))
        if answer is not None and answer is not True and (type(answer) is not int or answer != 0):
            raise StorageFault("the flash driver answered " + str(answer))
