"""Small programs inside a page of an RP2040's flash: neighbours keep their bytes, and what the flash did not take is seen."""

from firmware.hal.flash_rp2 import Rp2Flash
from tests.kit import eq, raises

BLOCK = 4096
PAGE = 256


class PageFlash:
    """As rp2.Flash: whole pages only, programming clears bits, no answer. `stuck` bytes keep what they are."""

    def __init__(self):
        self.bytes = bytearray(b"\xff" * (2 * BLOCK))
        self.stuck = ()
        self.programs = 0

    def readblocks(self, block, buf, offset):
        at = block * BLOCK + offset
        buf[:] = self.bytes[at : at + len(buf)]

    def writeblocks(self, block, buf, offset):
        if offset % PAGE or len(buf) % PAGE:
            raise ValueError("the port's assert would stop the board")
        self.programs += 1
        at = block * BLOCK + offset
        for index in range(len(buf)):
            if at + index not in self.stuck:
                self.bytes[at + index] &= buf[index]

    def ioctl(self, operation, argument):
        return 7


def test_units_of_one_page_are_programmed_one_after_the_other():
    flash = PageFlash()
    device = Rp2Flash(flash)
    for at in (0, 32, 224, PAGE):
        device.writeblocks(1, memoryview(bytes([at & 0xFF | 1] * 32)), at)
    want = b"\x01" * 32 + b"\x21" * 32 + b"\xff" * 160 + b"\xe1" * 32 + b"\x01" * 32
    eq(bytes(flash.bytes[BLOCK : BLOCK + 288]), want)
    eq(bytes(flash.bytes[:BLOCK]), b"\xff" * BLOCK)
    eq(flash.programs, 4)


def test_a_step_over_the_end_of_a_page_is_refused_before_anything_is_programmed():
    flash = PageFlash()
    raises(OSError, Rp2Flash(flash).writeblocks, 0, memoryview(bytes(64)), 224)
    eq(flash.programs, 0)


def test_flash_that_does_not_hold_what_it_was_given_is_an_error():
    flash = PageFlash()
    flash.stuck = (40,)
    raises(OSError, Rp2Flash(flash).writeblocks, 0, memoryview(bytes(32)), 32)
    flash.stuck = ()
    Rp2Flash(flash).writeblocks(0, memoryview(bytes(32)), 64)


def test_reads_and_erases_go_straight_to_the_driver():
    flash = PageFlash()
    device = Rp2Flash(flash)
    buf = bytearray(2)
    device.writeblocks(0, memoryview(b"ab"), 10)
    device.readblocks(0, buf, 10)
    eq(bytes(buf), b"ab")
    eq(device.ioctl(4, 0), 7)
