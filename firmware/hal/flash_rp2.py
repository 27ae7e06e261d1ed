"""The flash of an RP2040 for hal/nor_flash.py: small programs inside a page.

The driver of MicroPython's rp2 port (ports/rp2/rp2_flash.c) programs whole pages of 256 bytes only. A serial NOR part takes
several programs of one page as long as they only clear bits (W25Q16JV data sheet, "Page Program": FFH leaves a byte as it
is), so a unit is put into a page of FFH.

Traps avoided: while a page is programmed nothing can be read from flash, so the bytes must lie in RAM: a constant of code
that runs in place does not, the page buffer here does. The driver answers nothing; the page is read back.
"""

import errno

from firmware.base.port import const

_PAGE_BYTES = const(256)


class Rp2Flash:
    """Rp2Flash(device): `device` a rp2.Flash window; a program must not cross a page (FlashRegion's page_size=256)."""

    def __init__(self, device):
        self._device = device
        self.readblocks = device.readblocks
        self.ioctl = device.ioctl
        self._page = bytearray(_PAGE_BYTES)
        self._page_view = memoryview(self._page)
        self._check = memoryview(bytearray(_PAGE_BYTES))

    def writeblocks(self, block, view, inside):
        """Program `view` at `inside` of a block; OSError when the flash does not hold it afterwards."""
        first = inside % _PAGE_BYTES
        last = first + len(view)
        if last > _PAGE_BYTES:
            raise OSError(errno.EINVAL)
        for at in range(_PAGE_BYTES):
            self._page[at] = 0xFF
        self._page_view[first:last] = view
        self._device.writeblocks(block, self._page, inside - first)
        check = self._check[: len(view)]
        self._device.readblocks(block, check, inside)
        if check != view:
            raise OSError(errno.EIO)
