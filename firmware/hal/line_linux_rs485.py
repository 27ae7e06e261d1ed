"""RS-485 line on a UART of a Linux board that has its own transceiver: the driver is switched by the kernel or by us.

    "kernel_rs485"   the UART's driver raises RTS while it sends (TIOCSRS485; kernel.org, driver-api/serial/serial-rs485)
    "rts"            we raise RTS, wait until the last stop bit has left, and drop it (TIOCMBIS, TIOCSERGETLSR)
    "auto"           the adapter does it by itself: nothing but hal/line_serial.py

A meter answers 20 ms after the request at the earliest (dlt645.md 1.4), so RTS must be dropped within that. In "rts" mode
that is the task loop's business; in kernel mode the driver's, which is why a board should use that one.

Trap avoided: a driver that knows no RS-485 mode says ENOTTY or EINVAL, and some take the setting and ignore it; the flags are
read back, and a line that would never transmit is refused when it is opened, with the word that helps.

Run on a pty in "auto" mode, and in the others against a C library that records the calls; never on an RS-485 UART.
"""

import struct
import sys

from firmware.base import aio
from firmware.base.faults import BadInput, WireFault
from firmware.base.port import const
from firmware.hal.line_serial import SerialLine

_TIOCGRS485 = const(0x542E)  # Linux, asm-generic/ioctls.h
_TIOCSRS485 = const(0x542F)
_TIOCMBIS = const(0x5416)
_TIOCMBIC = const(0x5417)
_TIOCSERGETLSR = const(0x5459)
_TIOCM_RTS = const(0x004)
_TIOCSER_TEMT = const(0x01)
_SER_RS485_ENABLED = const(0x01)  # linux/serial.h
_SER_RS485_RTS_ON_SEND = const(0x02)
_RS485_WORDS = "IIIIIIII"  # flags, delay before and after send in ms, padding
_EMPTY_POLLS = const(20)
_INSTEAD = "use rts when RTS drives the transceiver, auto when the adapter switches by itself"

DIRECTIONS = ("auto", "kernel_rs485", "rts")


def _find_ioctl():
    """-> ioctl(fd, request, bytearray), which raises OSError; the buffer is read and written."""
    if sys.implementation.name == "cpython":
        import fcntl

        return lambda fd, request, buf: fcntl.ioctl(fd, request, buf, True)
    import os

    import ffi

    call = ffi.open(None).func("i", "ioctl", "iLp")

    def ioctl(fd, request, buf):
        if call(fd, request, buf) < 0:
            raise OSError(os.errno())

    return ioctl


class LinuxRs485Line(SerialLine):
    """LinuxRs485Line(path, baud, direction): BadInput when the device has no such direction control, OSError without device."""

    def __init__(self, path, baud, direction):
        if direction not in DIRECTIONS:
            raise BadInput("direction", "must be one of " + " ".join(DIRECTIONS) + ", got " + str(direction))
        super().__init__(path, baud)
        self._direction = direction
        self._ioctl = _find_ioctl()
        self._word = bytearray(4)
        try:
            if direction == "kernel_rs485":
                self._begin_kernel_mode()
            elif direction == "rts":
                self._set_rts(False)
        except OSError as fault:
            self.close()
            raise BadInput("direction", "the driver of " + path + " knows no " + direction + " (" + str(fault) + "): " + _INSTEAD)
        except BadInput:
            self.close()
            raise

    async def send(self, buf, start, end):
        """As SerialLine.send; in "rts" mode the driver is on from before the first bit until after the last."""
        if self._direction != "rts":
            return await super().send(buf, start, end)
        try:
            self._set_rts(True)
            try:
                await super().send(buf, start, end)
                await self._wait_until_empty()
            finally:
                self._set_rts(False)  # whatever happened: a driver that stays on keeps every meter silent
        except OSError as fault:
            raise WireFault("serial device " + self.path + " fails: " + str(fault))

    async def _wait_until_empty(self):
        """The shift register too; a driver that cannot tell is believed to have sent at line speed."""
        for _ in range(_EMPTY_POLLS):
            try:
                self._ioctl(self._fd, _TIOCSERGETLSR, self._word)
            except OSError:
                return
            if self._word[0] & _TIOCSER_TEMT:
                return
            await aio.sleep_ms(1)

    def _begin_kernel_mode(self):
        wanted = _SER_RS485_ENABLED | _SER_RS485_RTS_ON_SEND
        state = bytearray(struct.pack(_RS485_WORDS, wanted, 0, 0, 0, 0, 0, 0, 0))
        self._ioctl(self._fd, _TIOCSRS485, state)
        state[:] = bytes(len(state))
        self._ioctl(self._fd, _TIOCGRS485, state)
        if struct.unpack(_RS485_WORDS, state)[0] & wanted != wanted:
            raise BadInput("direction", "the driver of " + self.path + " took kernel_rs485 and ignored it: " + _INSTEAD)

    def _set_rts(self, on):
        struct.pack_into("I", self._word, 0, _TIOCM_RTS)
        self._ioctl(self._fd, _TIOCMBIS if on else _TIOCMBIC, self._word)
