"""An RS-485 line on a serial port of this machine: the door that the firmware's bus expects, made of pyserial.

`send` is back when the last stop bit must have left (11 bits a character), and only then releases the direction: it waits
for the driver's queue and for the time that the wire takes, because USB adapters report an empty queue too early.
`close` puts back what it found: direction, kernel RS-485 mode, terminal attributes.

Traps avoided: pyserial restores nothing, so a descriptor of our own keeps the port's attributes; a pty has no parity,
and the C library says so with an error or not at all; with "low to send" the kernel would begin to send when it drops
RTS at the last close.
"""

from __future__ import annotations

import errno
import fcntl
import os
import termios
import time
from typing import NamedTuple

import serial
from serial.rs485 import RS485Settings

from firmware.base import aio
from firmware.base.faults import BadInput

BAUDS = (2400, 9600, 1200, 4800, 19200, 600)  # the likeliest first
BITS_PER_CHARACTER = 11  # start, 8 data, even parity, stop
WRITE_TIMEOUT_S = 2.0
DRAIN_EXTRA_S = 1.0
DRAIN_LOOK_S = 0.002
PARITIES = {"even": serial.PARITY_EVEN, "none": serial.PARITY_NONE}
TIOCGRS485, TIOCSRS485 = 0x542E, 0x542F  # Linux: asm-generic/ioctls.h
RS485_STRUCT_BYTES = 32
_WHY_NOT = {
    errno.ENOENT: "is not there: is the adapter plugged in?",
    errno.ENODEV: "has no device behind it",
    errno.ENXIO: "has no device behind it",
    errno.EACCES: "must not be opened by you: join the group that owns it (often dialout)",
    errno.EBUSY: "is used by another program",
    errno.EAGAIN: "is used by another program",
    errno.EISDIR: "is a folder, not a serial port",
}


class PortGone(Exception):
    """The port failed while it was in use: unplugged, or it takes no bytes. One sentence for people."""


class Direction(NamedTuple):
    """Who switches the transceiver with RTS: the kernel's RS-485 mode, or this program; RTS high or low to send."""

    by_kernel: bool
    high_to_send: bool = True


class HostLine:
    """Open from construction to `close()`. BadInput when the port cannot be used."""

    def __init__(self, path: str, baud: int, parity: str = "even", direction: Direction | None = None) -> None:
        self.path = path
        self.parity_refused = False
        self._direction = direction
        self._rs485_before: bytes | None = None
        self._port: serial.Serial | None = None
        self._keeper, self._before = _keep(path)
        try:
            self._port = self._opened(baud, parity)
            if direction is not None:
                self._take_direction(direction)
        except BaseException:
            self.close()
            raise

    @property
    def lacks_parity(self) -> bool:
        """True when a real port refused even parity: meters would stay silent. A pty has none and needs none."""
        return self.parity_refused and not os.path.realpath(self.path).startswith("/dev/pts/")

    def set_rate(self, baud: int) -> None:
        """Bits a second."""
        port = self._alive()
        try:
            if baud != port.baudrate:
                _without_parity_if_refused(self, lambda: setattr(port, "baudrate", baud))
        except (OSError, termios.error, ValueError) as fault:
            raise self._gone(fault)

    def wire_ms(self, count: int) -> int:
        """Milliseconds that `count` characters take on the wire, rounded up."""
        baud = self._alive().baudrate
        return (count * BITS_PER_CHARACTER * 1000 + baud - 1) // baud

    def discard_input(self) -> int:
        """Throw away what was received -> number of bytes."""
        return len(self._read(4096))

    async def send(self, buf: bytes | bytearray, start: int, end: int) -> None:
        """Put buf[start:end] on the wire. It blocks, so that Ctrl-C never leaves half a frame or a driver switched on."""
        port = self._alive()
        data = bytes(buf[start:end])
        by_us = self._direction is not None and not self._direction.by_kernel
        try:
            if by_us and self._direction is not None:
                port.rts = self._direction.high_to_send
            try:
                self._write(port, data)
            finally:
                if by_us:
                    self._release()
        except (OSError, termios.error) as fault:
            raise self._gone(fault)

    async def receive_into(self, buf: bytearray, timeout_ms: int) -> int:
        """-> number of bytes put into `buf`, 0 when none came within `timeout_ms`."""
        data = self._read(len(buf))
        if not data and timeout_ms > 0 and await aio.wait_readable(self._alive().fileno(), timeout_ms):
            data = self._read(len(buf))
        buf[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Release the direction, put the port back as it was found, let go."""
        if self._keeper < 0:
            return
        if self._port is not None and self._port.is_open:
            if self._direction is not None and not self._direction.by_kernel:
                self._release()
            self._give_back()
            self._port.close()
        os.close(self._keeper)
        self._keeper = -1

    # -- inside -----------------------------------------------------------

    def _opened(self, baud: int, parity: str) -> serial.Serial:
        port = serial.Serial(baudrate=baud, parity=PARITIES[parity], timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
        port.port = self.path
        if self._direction is not None and not self._direction.by_kernel:
            port.rts = not self._direction.high_to_send
        self._port = port
        try:
            _without_parity_if_refused(self, port.open)
            has_parity = termios.tcgetattr(self._keeper)[2] & termios.PARENB
        except (OSError, termios.error) as fault:
            raise _unusable(self.path, fault)
        self.parity_refused = parity != "none" and not has_parity
        return port

    def _take_direction(self, direction: Direction) -> None:
        port = self._alive()
        if not direction.by_kernel:
            try:
                port.rts = not direction.high_to_send
            except OSError:
                raise BadInput("rts", f"{self.path} has no RTS line to switch a transceiver with")
            return
        state = bytearray(RS485_STRUCT_BYTES)
        try:
            fcntl.ioctl(self._keeper, TIOCGRS485, state)
            port.rs485_mode = RS485Settings(rts_level_for_tx=direction.high_to_send, rts_level_for_rx=not direction.high_to_send)
        except (OSError, ValueError):  # pyserial reports the driver's no as ValueError
            raise BadInput("rts", f"the driver of {self.path} does not switch direction by itself: try --rts program")
        self._rs485_before = bytes(state)

    def _write(self, port: serial.Serial, data: bytes) -> None:
        wire_s = self.wire_ms(len(data)) / 1000
        began = time.monotonic()
        port.write(data)
        while (passed := time.monotonic() - began) < wire_s or port.out_waiting:
            if passed > wire_s + DRAIN_EXTRA_S:
                raise OSError(errno.EIO, "it takes no bytes")
            time.sleep(DRAIN_LOOK_S)

    def _release(self) -> None:
        """Listen again; a port that is gone drives nothing any more."""
        if self._port is not None and self._direction is not None:
            try:
                self._port.rts = not self._direction.high_to_send
            except OSError:
                return

    def _give_back(self) -> None:
        before = self._before
        if self._direction is not None and not self._direction.high_to_send:
            before = [*before[:2], before[2] & ~termios.HUPCL, *before[3:]]
        try:
            if self._rs485_before is not None:
                fcntl.ioctl(self._keeper, TIOCSRS485, self._rs485_before)
            termios.tcsetattr(self._keeper, termios.TCSANOW, before)
        except (OSError, termios.error):
            return  # unplugged: there is nothing to put back

    def _read(self, count: int) -> bytes:
        try:
            return self._alive().read(count)
        except (OSError, termios.error, TypeError) as fault:  # pyserial: TypeError for a port that was closed meanwhile
            raise self._gone(fault)

    def _alive(self) -> serial.Serial:
        if self._port is None or not self._port.is_open:
            raise PortGone(f"{self.path} is closed")
        return self._port

    def _gone(self, fault: Exception) -> PortGone:
        said = "it takes no bytes" if "takes no bytes" in str(fault) or "timeout" in str(fault).lower() else "was it unplugged?"
        return PortGone(f"{self.path} failed in the middle: {said}")


def _keep(path: str) -> tuple[int, list]:
    """A descriptor and the attributes to come back to; BadInput when this is no serial port."""
    try:
        keeper = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as fault:
        raise _unusable(path, fault)
    try:
        return keeper, termios.tcgetattr(keeper)
    except termios.error:
        os.close(keeper)
        raise BadInput("port", f"{path} is not a serial port")


def _unusable(path: str, fault: Exception) -> BadInput:
    number = fault.errno if isinstance(fault, OSError) else fault.args[0]
    return BadInput("port", f"{path} {_WHY_NOT.get(number or 0, f'cannot be used: {os.strerror(number or errno.EIO)}')}")


def _without_parity_if_refused(line: HostLine, act) -> None:
    """`act()`; when the port refuses parity, once more without it."""
    port = line._port
    try:
        act()
    except termios.error as fault:
        if fault.args[0] != errno.EINVAL or port is None or port.parity == serial.PARITY_NONE:
            raise
        port.parity = serial.PARITY_NONE
        if not port.is_open:
            act()
