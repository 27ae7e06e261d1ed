"""A serial port or pty, opened for us alone, that says in one sentence what is wrong with it.

It is shaped as mpremote's transport wants it (inWaiting, read, write) and reads in bulk behind that.

Traps avoided: two programs on one port tear each other's lines, so it is locked; a USB adapter that is pulled raises in
half a dozen ways, and a pty whose other end closed in two more: all of them become PortGone.
"""

import errno
import os
import stat
import termios
import time

import serial
from serial.tools import list_ports

from host_tools.flash.errors import FlashError

BAUD = 115200
WAIT_S = 0.02
WRITE_TIMEOUT_S = 10.0


class PortGone(FlashError):
    """The cable was pulled, or the board's USB went away."""


class Port:
    """Port(name): open and locked. FlashError when it cannot be."""

    def __init__(self, name: str, baud: int = BAUD):
        self.name = name
        self._taken = bytearray()
        self._serial = _opened(name, baud)

    def write(self, data: bytes) -> int:
        """All of it."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as fault:
            raise FlashError(f"{self.name} takes no more bytes: is anything behind it? Check the cable and the port") from fault
        except (OSError, termios.error) as fault:
            raise self._gone() from fault
        return len(data)

    def inWaiting(self) -> int:  # noqa: N802 (mpremote's name for it)
        """Bytes that can be read; waits a little for the first one."""
        if not self._taken:
            self._fill(WAIT_S)
        return len(self._taken)

    def read(self, count: int = 1, timeout_s: float = 10.0) -> bytes:
        """Up to `count` bytes; fewer only when the time is over."""
        ends = time.monotonic() + timeout_s
        while len(self._taken) < count and time.monotonic() < ends:
            self._fill(WAIT_S)
        found = bytes(self._taken[:count])
        del self._taken[:count]
        return found

    def read_for(self, seconds: float, until: tuple[bytes, ...] = ()) -> bytes:
        """What comes within so many seconds, or sooner when one of `until` is in it."""
        ends = time.monotonic() + seconds
        found = bytearray()
        while time.monotonic() < ends and not any(mark in found for mark in until):
            self._fill(WAIT_S)
            found += self._taken
            self._taken.clear()
        return bytes(found)

    def _fill(self, seconds: float) -> None:
        try:
            self._serial.timeout = seconds
            first = self._serial.read(1)
            if first:
                self._taken += first
                self._serial.timeout = 0
                self._taken += self._serial.read(65536)
        except (OSError, TypeError, termios.error) as fault:  # pyserial reads from None after a close
            raise self._gone() from fault

    def _gone(self) -> PortGone:
        return PortGone(f"{self.name} went away in the middle: plug it in again and give the same command, it goes on where it stopped")

    def close(self) -> None:
        """Release it; RTS before DTR, which resets no board."""
        for line in ("rts", "dtr"):
            try:
                setattr(self._serial, line, False)
            except (OSError, termios.error):
                break  # a pty has no such lines, and a port that went away neither
        try:
            self._serial.close()
        except (OSError, termios.error):
            return  # it is gone already

    def __enter__(self) -> "Port":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(name: str, baud: int) -> serial.Serial:
    try:
        if not stat.S_ISCHR(os.stat(name).st_mode):
            raise FlashError(f"{name} is not a serial port: give the device, as /dev/ttyUSB0 or /dev/ttyACM0")
    except OSError as fault:
        raise FlashError(f"there is no port {name}: {_ports()}") from fault
    try:
        return serial.Serial(name, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    except (OSError, termios.error, ValueError) as fault:
        raise FlashError(_why_not(name, fault)) from fault


def _why_not(name: str, fault: Exception) -> str:
    number = getattr(fault, "errno", None)
    if number == errno.EACCES:
        return f"{name} may not be opened by this user: join the group that owns it (often dialout) and log in again, or use sudo"
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(fault):
        return f"{name} is in use by another program: end that one (a terminal, mpremote, diagnose) and try again"
    if "configure" in str(fault) or number in (errno.ENOTTY, errno.EINVAL, None):
        return f"{name} is not a serial port: give the device, as /dev/ttyUSB0 or /dev/ttyACM0"
    return f"{name} cannot be opened: {os.strerror(number) if number else fault}"


def _ports() -> str:
    found = [port.device for port in list_ports.comports()]
    return f"there are {', '.join(sorted(found))}" if found else "no serial port is plugged in"
