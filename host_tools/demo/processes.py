"""The demo's own processes: started, watched, ended by process id and by nothing else.

A child that ends when nobody asked it to is an error that names the child and shows its last lines. Each child has a
session of its own, so that Ctrl-C reaches the demo alone and the demo ends the children in order.
"""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LINE_MAX = 1 << 20
LAST_LINES = 12
ERROR_LINES = 50
STOP_TIMEOUT_S = 5.0

OnLine = Callable[[str], None]


class ChildDied(Exception):
    """A child ended by itself; args[0] says which, how, and what it said last."""


@dataclass
class Child:
    """One process, its last words, and what it wrote to its standard error."""

    name: str
    process: asyncio.subprocess.Process
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=ERROR_LINES))
    expected_to_end: bool = False
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.returncode is None


class Children:
    """All processes of one demo. `died` is set to an error when one ends unexpectedly."""

    def __init__(self) -> None:
        self._all: list[Child] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(
        self, name: str, command: list[str], cwd: Path, env: Mapping[str, str] | None = None, on_line: OnLine | None = None
    ) -> Child:
        """Start a process; its standard output goes to `on_line` line by line, both streams to its last words."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True, limit=LINE_MAX,
            )
        except OSError as fault:
            raise ChildDied(f"{name} cannot be started: {fault}") from fault
        child = Child(name, process)
        assert process.stdout is not None and process.stderr is not None
        child.readers = [
            asyncio.create_task(_read(child, process.stdout, on_line)),
            asyncio.create_task(_read(child, process.stderr, child.errors.append)),
        ]
        watcher = asyncio.create_task(self._watch(child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self._all.append(child)
        return child

    async def _watch(self, child: Child) -> None:
        code = await child.process.wait()
        await asyncio.gather(*child.readers, return_exceptions=True)
        if child.expected_to_end or self.died.done():
            return
        how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
        words = "\n".join("    " + line for line in child.last) or "    (it said nothing)"
        self.died.set_exception(ChildDied(f"{child.name} (pid {child.pid}) ended {how}; its last lines:\n{words}"))

    async def stop(self, child: Child, number: int = signal.SIGTERM) -> None:
        """End one child and wait for it; SIGKILL when it does not obey."""
        child.expected_to_end = True
        _send(child, number)
        try:
            await asyncio.wait_for(asyncio.shield(child.process.wait()), STOP_TIMEOUT_S)
        except TimeoutError:
            _send(child, signal.SIGKILL)
            await child.process.wait()
        await asyncio.gather(*child.readers, return_exceptions=True)

    def errors_of(self, name: str) -> list[str]:
        """What all lives of one process wrote to their standard error."""
        return [line for child in self._all if child.name == name for line in child.errors]

    async def stop_all(self) -> None:
        """End every child that still runs, the last one started first."""
        for child in reversed(self._all):
            if child.running:
                await self.stop(child)
        if self.died.done() and not self.died.cancelled():
            self.died.exception()  # it was told already, or nobody wants to know any more


async def _read(child: Child, stream: asyncio.StreamReader, on_line: OnLine | None) -> None:
    while data := await stream.readline():
        line = data.decode(errors="replace").rstrip()
        child.last.append(line[:300])
        if on_line is not None and data.endswith(b"\n"):  # a process that is killed may leave half a line
            on_line(line)


def _send(child: Child, number: int) -> None:
    if child.running:
        try:
            os.kill(child.pid, number)
        except ProcessLookupError:
            pass  # it ended in this moment


def free_ports() -> tuple[int, int]:
    """Two different loopback ports that are free now; whoever uses them binds them at once."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])
