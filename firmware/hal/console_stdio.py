"""The console on standard input and output: a process' streams under Linux, the REPL's UART or USB on a board.

    console.write(text) -> True when the whole line is taken, False when it is not: the reader does not read
    console.read_into(buf) -> number of bytes, 0 when nothing came

Neither waits. What the device took only a part of is kept and goes first next time, so a line is never torn.

Traps avoided: O_NONBLOCK on our own streams would be set for the shell that shares them, so they are opened anew, as no
controlling terminal. sys.stdin of a board waits for as many bytes as are asked, so they are taken one by one while the
poller sees more. A Ctrl-C from a noisy line must not end a gateway: the interpreter is told to take it for a byte.
"""

import select
import sys

from firmware.base.port import const

_O_RDONLY = const(0)
_O_WRONLY_APPEND = const(0o2001)
_O_NOCTTY_NONBLOCK = const(0o4400)
_PIECE_BYTES = const(64)  # what a UART or USB buffer with room is given at once


class StdioConsole:
    """The console of the process or board that this interpreter runs on."""

    def __init__(self):
        self._left = None  # the end of a line of which the device took only the beginning
        device = _Streams() if sys.platform == "linux" else _Terminal()
        self._write_some, self.read_into = device.write_some, device.read_into

    def write(self, text):
        """Take one line, or nothing of it."""
        if not self.flush():
            return False
        self._left = memoryview(text.encode())
        self.flush()
        return True

    def flush(self):
        """Hand on what is left -> True when nothing is."""
        while self._left is not None:
            written = self._write_some(self._left)
            if not written:
                return False
            self._left = self._left[written:] if written < len(self._left) else None
        return True


class _Streams:
    """Standard input and output of a Linux process, opened anew without waiting. OSError is "nothing": the other end went away."""

    def __init__(self):
        self._in = _reopened(0, _O_RDONLY | _O_NOCTTY_NONBLOCK, "rb")
        self._out = _reopened(1, _O_WRONLY_APPEND | _O_NOCTTY_NONBLOCK, "wb")

    def write_some(self, view):
        if self._out is None:
            sys.stdout.write(str(bytes(view), "utf-8"))  # a socket cannot be opened anew: it may make us wait
            return len(view)
        try:
            return self._out.write(view) or 0
        except OSError:
            return 0

    def read_into(self, buf):
        if self._in is None:
            return 0
        try:
            return self._in.readinto(buf) or 0
        except OSError:
            return 0


def _reopened(number, flags, mode):
    """An unbuffered file on another opening of file `number`, None when it cannot be had."""
    path = "/proc/self/fd/" + str(number)
    if sys.implementation.name == "cpython":
        import os

        try:
            return open(os.open(path, flags), mode, buffering=0)
        except OSError:
            return None
    import ffi

    again = ffi.open("libc.so.6").func("i", "open", "si")(path, flags)
    return open(again, mode) if again >= 0 else None


class _Terminal:
    """The interpreter's own terminal on a board, without Ctrl-C."""

    def __init__(self):
        import micropython

        micropython.kbd_intr(-1)
        self._in = getattr(sys.stdin, "buffer", sys.stdin)
        self._out = getattr(sys.stdout, "buffer", sys.stdout)
        self._one = bytearray(1)
        self._readable = _poller(sys.stdin, select.POLLIN)
        self._writable = _poller(sys.stdout, select.POLLOUT)

    def write_some(self, view):
        for _ in self._writable.ipoll(0):
            return self._out.write(view[:_PIECE_BYTES]) or 0
        return 0

    def read_into(self, buf):
        count = 0
        while count < len(buf) and self._waits():
            self._in.readinto(self._one)
            buf[count] = self._one[0]
            count += 1
        return count

    def _waits(self):
        for _ in self._readable.ipoll(0):
            return True
        return False


def _poller(stream, event):
    poller = select.poll()
    poller.register(stream, event)
    return poller
