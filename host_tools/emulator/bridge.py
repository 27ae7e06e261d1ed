"""Two ptys back to back: QEMU opens one, a person's tool opens the other by a stable link, as it would a USB adapter.

The link stays over power cuts and restarts of the board. A side that nobody reads loses bytes, and the board is not stopped by it.
"""

import os
import pty
import selectors
import threading
import tty
from pathlib import Path

READ_MAX = 4096


class Bridge:
    """Bridge(link): `inner` is the path for QEMU, `link` the one for everybody else; copies until closed."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._masters: list[int] = []
        self._slaves: list[int] = []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)  # held open: a pty without any holder answers EIO for ever
        self.inner = os.ttyname(self._slaves[0])
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.symlink_to(os.ttyname(self._slaves[1]))
        fresh.replace(link)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._copy, name=f"bridge {link.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop copying, remove the link; safe to repeat."""
        if self._wake_write < 0:
            return
        os.write(self._wake_write, b"x")
        self._thread.join()
        for fd in (*self._masters, *self._slaves, self._wake_read, self._wake_write):
            os.close(fd)
        self._wake_write = -1
        self.link.unlink(missing_ok=True)

    def _copy(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            for one, other in (self._masters, reversed(self._masters)):
                selector.register(one, selectors.EVENT_READ, other)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    _pass_on(key.fd, key.data)


def _pass_on(source: int, sink: int) -> None:
    try:
        data = os.read(source, READ_MAX)
        os.write(sink, data)
    except BlockingIOError:
        pass  # nobody reads the other side: its buffer is full and these bytes are lost
