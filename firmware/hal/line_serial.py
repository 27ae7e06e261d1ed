"""RS-485 line on a serial device file of the unix ports: a USB adapter, a kernel RS-485 port, or a pty.

The adapter or kernel switches direction by itself; `send` returns when the last stop bit must have left (11 bits a
character at 8E1, dlt645.md 1.1), so that deadlines count from there.

Trap avoided: MicroPython's serial file returns None when nothing is there and b"" when the other end is gone; both are
"nothing yet" for a bus that must outlive its adapter.
"""

import sys
import termios

from firmware.base import aio
from firmware.base.faults import BadInput, StorageFault, WireFault

BITS_PER_CHARACTER = 11  # start, 8 data, even parity, stop
_TERMIOS_FAULTS = (OSError, getattr(termios, "error", OSError))  # CPython's own is no OSError
_SPEEDS = {600: 8, 1200: 9, 2400: 11, 4800: 12, 9600: 13, 19200: 14}  # Linux termios: B600 ... B19200
EINVAL = 22
_CSIZE = 0x30
_CS8 = 0x30
_CSTOPB = 0x40
_CREAD = 0x80
_PARENB = 0x100
_PARODD = 0x200
_CLOCAL = 0x800
_CBAUD = 0x100F
_O_NONBLOCK = 0o4000
_O_RDWR = 2
_O_NOCTTY = 0o400


def _open_non_blocking(path):
    """-> (object to wait on, read_into(buf) -> n, write(view) -> n, close) for either interpreter."""
    if sys.implementation.name == "cpython":
        import os

        fd = os.open(path, _O_RDWR | _O_NOCTTY | _O_NONBLOCK)

        def read_into(buf):
            try:
                data = os.read(fd, len(buf))
            except BlockingIOError:
                return 0
            buf[: len(data)] = data
            return len(data)

        def write(view):
            try:
                return os.write(fd, view)
            except BlockingIOError:
                return 0

        return fd, fd, read_into, write, lambda: os.close(fd)
    import ffi

    port = open(path, "r+b")
    fcntl = ffi.open("libc.so.6").func("i", "fcntl", "iii")
    if fcntl(port.fileno(), 4, _O_RDWR | _O_NOCTTY | _O_NONBLOCK) < 0:  # F_SETFL
        port.close()
        raise StorageFault("serial device refuses non-blocking mode: " + path)
    return port.fileno(), port, lambda buf: port.readinto(buf) or 0, lambda view: port.write(view) or 0, port.close


class SerialLine:
    """SerialLine(path, baud): OSError when the device is not there."""

    def __init__(self, path, baud):
        self.path = path
        self.bytes_in = 0
        self.bytes_out = 0
        self.parity_refused = False
        self._baud = 0
        self._fd, self._stream, self._read_into, self._write, self._close = _open_non_blocking(path)
        self._scratch = bytearray(256)
        self.set_rate(baud)

    def set_rate(self, baud):
        """8 data bits, even parity, 1 stop bit at `baud`; BadInput for a rate the protocol does not know."""
        if baud == self._baud:
            return
        if baud not in _SPEEDS:
            raise BadInput("baud", "must be one of 600 1200 2400 4800 9600 19200, got " + str(baud))
        attributes = termios.tcgetattr(self._fd)
        control = attributes[2] & ~(_CSIZE | _CSTOPB | _PARODD | _CBAUD)
        attributes[0] = 0  # no input translation: every byte value is data
        attributes[1] = 0
        attributes[2] = control | _CS8 | _PARENB | _CREAD | _CLOCAL | _SPEEDS[baud]
        attributes[3] = 0  # raw: no echo, no signals, no lines
        attributes[4] = attributes[5] = _SPEEDS[baud]
        attributes[6][6] = b"\x00" if isinstance(attributes[6][6], bytes) else 0  # VMIN
        attributes[6][5] = b"\x00" if isinstance(attributes[6][5], bytes) else 0  # VTIME
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        except _TERMIOS_FAULTS as fault:
            if fault.args[0] != EINVAL:
                raise
            # a pty has no parity to switch on, and says so the second time; on a UART meters would stay silent, so it is told
            self.parity_refused = True
            attributes[2] &= ~_PARENB
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        self._baud = baud

    def wire_ms(self, count):
        """Milliseconds that `count` characters take on the wire, rounded up."""
        return (count * BITS_PER_CHARACTER * 1000 + self._baud - 1) // self._baud

    def discard_input(self):
        """Throw away what was received -> number of bytes."""
        dropped = 0
        for _ in range(64):
            n = self._read(self._scratch)
            if not n:
                break
            dropped += n
        return dropped

    async def send(self, buf, start, end):
        """Put buf[start:end] on the wire; back when the last stop bit has left. WireFault when the device is gone."""
        view = memoryview(buf)
        at = start
        for _ in range(1000):
            try:
                at += self._write(view[at:end])
            except OSError as fault:
                raise WireFault("serial device " + self.path + " fails: " + str(fault))
            if at >= end:
                break
            await aio.sleep_ms(5)
        if at < end:
            raise WireFault("serial device " + self.path + " takes no bytes")
        self.bytes_out += end - start
        await aio.sleep_ms(self.wire_ms(end - start))

    async def receive_into(self, buf, timeout_ms):
        """-> number of bytes put into `buf`, 0 when none came within `timeout_ms`."""
        n = self._read(buf)
        if n:
            return n
        if not await aio.wait_readable(self._stream, timeout_ms):
            return 0
        n = self._read(buf)
        if not n:
            await aio.sleep_ms(min(timeout_ms, 20))  # a hung-up pty is always readable: do not spin
        return n

    def close(self):
        """Give the device back."""
        self._close()

    def _read(self, buf):
        try:
            n = self._read_into(buf)
        except OSError:
            return 0  # EIO while the adapter or the other end of a pty is away
        self.bytes_in += n
        return n
