"""A serial cable for tests: a program on one pty, the tool on another, and between them a wire that can be noisy, slow or pulled.

    with Cable() as cable, board_on(cable, scene) as board: ... cable.port ...

Nothing is hung up while the tool is away: the cable keeps both ptys open itself.
"""

import contextlib
import json
import os
import pty
import select
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from host_tools.set_up import paths
from tests import compiled
from tests.running_gateway import Scene

READ_MAX = 4096
STOP_SECONDS = 5
UART_BYTES_S = 6_000

Change = Callable[[bytes], bytes]


class Cable:
    """`port` is for the tool; `near` the program's end. `to_tool` and `to_board` change what passes, None = as it is."""

    def __init__(self) -> None:
        self.to_tool: Change | None = None
        self.to_board: Change | None = None
        self.passed = bytearray()  # what the program said
        self.deaf = False  # nobody takes what the program says: its pty fills up
        self._near_master, self.near = pty.openpty()
        self._far_master, self._far = pty.openpty()
        for end in (self.near, self._far):
            tty.setraw(end)
        for end in (self._near_master, self._far_master):
            os.set_blocking(end, False)
        self.port = os.ttyname(self._far)
        self._plugged = True
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(STOP_SECONDS)
        self.unplug()
        for end in (self.near, self._near_master):
            os.close(end)

    def unplug(self) -> None:
        """Pull the tool's end out, as a USB adapter is: its port is gone."""
        if self._plugged:
            self._plugged = False
            os.close(self._far_master)
            os.close(self._far)

    def _carry(self) -> None:
        while not self._ends.is_set():
            ends = [*([] if self.deaf else [self._near_master]), *([self._far_master] if self._plugged else [])]
            with contextlib.suppress(OSError, ValueError):
                for end in select.select(ends, [], [], 0.05)[0]:
                    self._pass_on(end)

    def _pass_on(self, end: int) -> None:
        data = os.read(end, READ_MAX)
        if end == self._near_master:
            self.passed += data
            change, other = self.to_tool, self._far_master
        else:
            change, other = self.to_board, self._near_master
        data = change(data) if change is not None else data
        if self._plugged and data:
            os.write(other, data)


@contextlib.contextmanager
def program_on(cable: Cable, command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose terminal is the near end, ended by its own id."""
    process = subprocess.Popen(
        command, cwd=compiled.folder(), env=compiled.environment(**environment), stdin=cable.near, stdout=cable.near,
        stderr=cable.near, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def board_on(cable: Cable, scene: Scene, **options: Any) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """The real firmware on MicroPython, as quiet and as slow as on a UART."""
    given = {"model_root": str(scene.models), "no_uplink": True, "console_bytes_s": UART_BYTES_S, **options}
    command = [str(paths.micropython()), "-X", "heapsize=2M", "-m", "tests.gateway_program", json.dumps(given)]
    return program_on(cable, command, LAMPLIGHTER_ROOT=str(scene.root), LAMPLIGHTER_LINE=str(scene.line))


class Peer:
    """Something else at the other end: answers each numbered request with what `answer(request)` gives; None = nothing."""

    def __init__(self, answer: Callable[[dict[str, Any]], bytes | None], at_once: bytes = b"") -> None:
        self._answer = answer
        self.heard = bytearray()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._ends = threading.Event()
        os.write(self._master, at_once)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(STOP_SECONDS)
        os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        line = b""
        while not self._ends.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            data = os.read(self._master, READ_MAX)
            self.heard += data
            line += data
            while b"\n" in line:
                one, _, line = line.partition(b"\n")
                request: Any = None
                with contextlib.suppress(ValueError):
                    request = json.loads(one)
                said = self._answer(request) if isinstance(request, dict) and "id" in request else None
                if said:
                    os.write(self._master, said)


def lines(*rows: dict[str, Any]) -> bytes:
    """Rows as a console sends them."""
    return b"".join(json.dumps(row).encode() + b"\r\n" for row in rows)


def scene_in(folder: Path, **options: Any) -> Scene:
    """A small site."""
    return Scene(folder, **{"meters": 3, **options})
