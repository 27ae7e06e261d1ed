"""The line on a pty: bytes from the master go in as they come, replies come out when the wire would give them.

Traps avoided: reading a pty master whose slave nobody holds fails with EIO for ever (a killed gateway would
turn into a busy loop), so the port keeps the slave open itself; a write to a pty nobody reads would block, so
it never waits and counts what was lost; timers are absolute, taken from the line, so no error adds up.
"""

from __future__ import annotations

import asyncio
import os
import pty
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

NS = 1_000_000_000

READ_MAX = 4096
SPEEDS = {
    termios.B600: 600,
    termios.B1200: 1200,
    termios.B2400: 2400,
    termios.B4800: 4800,
    termios.B9600: 9600,
    termios.B19200: 19200,
}


class Wire(Protocol):
    """What stands behind the pty; it is told the time in nanoseconds of the monotonic clock."""

    baud: int

    def send(self, data: bytes, now_ns: int) -> None: ...

    def run(self, now_ns: int) -> bytes: ...

    def next_due(self) -> int | None: ...


class PtyPort:
    def __init__(self, line: Wire, mono_ns: Callable[[], int], link: Path, baud_from_termios: bool) -> None:
        self._line = line
        self._mono_ns = mono_ns
        self._link = link
        self._follow_termios = baud_from_termios
        self._master = self._slave = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.slave_name = ""
        self.bytes_nobody_read = 0

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the pty and the link. The loop's clock must be time.monotonic, as asyncio's is."""
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(17, "exists and is not a symbolic link", str(self._link))
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.slave_name = os.ttyname(self._slave)
        try:
            self._place_link()
        except OSError:
            self._close_fds()
            raise
        self._loop = loop
        loop.add_reader(self._master, self._readable)

    def _place_link(self) -> None:
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.slave_name)
        fresh.replace(self._link)

    def close(self) -> None:
        if self._loop is None:
            return
        self._loop.remove_reader(self._master)
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
        if self._link.is_symlink() and os.readlink(self._link) == self.slave_name:
            self._link.unlink()
        self._close_fds()

    def _close_fds(self) -> None:
        os.close(self._master)
        os.close(self._slave)

    def wake(self) -> None:
        """Something became due by itself."""
        self._deliver(self._mono_ns())
        self._plan()

    def _readable(self) -> None:
        try:
            data = os.read(self._master, READ_MAX)
        except BlockingIOError:
            return
        now_ns = self._mono_ns()
        self._deliver(now_ns)
        if self._follow_termios:
            speed = termios.tcgetattr(self._slave)[5]
            self._line.baud = SPEEDS.get(speed, self._line.baud)
        self._line.send(data, now_ns)
        self._plan()

    def _on_time(self) -> None:
        self._timer = None
        self._deliver(self._mono_ns())
        self._plan()

    def _deliver(self, now_ns: int) -> None:
        out = self._line.run(now_ns)
        if not out:
            return
        try:
            written = os.write(self._master, out)
        except BlockingIOError:
            written = 0
        self.bytes_nobody_read += len(out) - written

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ns = self._line.next_due()
        if due_ns is not None and self._loop is not None:
            self._timer = self._loop.call_at(due_ns / NS, self._on_time)
