"""The gateway of the demo on each board that can play it: a process of this machine, or the emulated concentrator in QEMU.

Both are one child process whose console is heard line by line, both die of SIGKILL, and both leave a region for the
independent reader. The emulated one reaches the broker by its modem: AT commands, PPP, TLS that ends at the tap.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Protocol

from board_configs.qemu_mps2 import wiring as emulated
from board_configs.unix import wiring as unix
from host_tools.demo.processes import Child, ChildDied, Children
from host_tools.demo.scenery import MODEM_NAME, Scenery
from host_tools.emulator import machine
from host_tools.emulator.flash_file import FlashFile
from host_tools.flash.application import make_application
from host_tools.set_up import paths

UNIX_HEAP = "2M"
HEAP_KB = emulated.HEAP_BYTES // 1024
START_TIMEOUT_S = 20.0
POLL_S = 0.05
WATCH_S = 60  # asked for again and again while the demo lives
WATCH_AGAIN_S = 20
LINE_MAX = 1 << 20

Hear = Callable[[str], None]


class Gateway(Protocol):
    """`wiring` of its board; its region's bytes while it is dead."""

    erase_size: int
    program_unit: int
    journal_bytes: int

    async def prepare(self, children: Children) -> None:
        """Everything before its first life."""

    async def start(self, children: Children, hear: Hear) -> Child:
        """A life."""

    def region(self) -> bytes:
        """What it left on flash."""


def _journal_bytes(flash: tuple[tuple[str, int, int], ...]) -> int:
    return next(size for part, _, size in flash if part == "journal")


class UnixGateway:
    """The firmware on MicroPython's unix port."""

    erase_size, program_unit, journal_bytes = unix.ERASE_SIZE, unix.PROGRAM_UNIT, _journal_bytes(unix.FLASH)

    def __init__(self, scenery: Scenery) -> None:
        self._scenery = scenery

    async def prepare(self, children: Children) -> None:
        """Settings and key are where the firmware looks for them."""

    async def start(self, children: Children, hear: Hear) -> Child:
        return await children.start(
            "gateway", [str(paths.micropython()), "-X", f"heapsize={UNIX_HEAP}", "-m", "firmware.main", "unix"], paths.CHECKOUT,
            env={
                "LAMPLIGHTER_ROOT": str(self._scenery.root), "LAMPLIGHTER_LINE": str(self._scenery.line),
                "MICROPYPATH": paths.micropython_path(),
            },
            on_line=hear,
        )

    def region(self) -> bytes:
        return (self._scenery.root / "region.bin").read_bytes()


class EmulatedGateway:
    """The firmware on the emulated Cortex-M3: from a slot of its flash, with a real part's heap."""

    erase_size, program_unit, journal_bytes = emulated.ERASE_SIZE, emulated.PROGRAM_UNIT, _journal_bytes(emulated.FLASH)

    def __init__(self, scenery: Scenery) -> None:
        self._scenery = scenery
        self._console = scenery.folder / "console.sock"
        self._modem = scenery.folder / "modem"
        self._flash: FlashFile | None = None
        self._listening: asyncio.Task[None] | None = None

    async def prepare(self, children: Children) -> None:
        made = await asyncio.to_thread(make_application, emulated.NAME, self._scenery.root, self._scenery.root / "key")
        self._flash = FlashFile(self._scenery.folder / "flash.bin")
        self._flash.write("files", made.littlefs)
        self._flash.write("slot_a", made.slot)
        await children.start(
            "modem", [sys.executable, "-m", "host_tools.simulators.modem", "--port", str(self._modem),
                      "--host", f"{MODEM_NAME}=10.0.2.2"], paths.CHECKOUT,
        )
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if children.died.done():
                children.died.result()
            if self._modem.exists():
                return
            await asyncio.sleep(POLL_S)
        raise ChildDied(f"modem is not ready after {START_TIMEOUT_S:.0f} s")

    async def start(self, children: Children, hear: Hear) -> Child:
        assert self._flash is not None
        if self._listening is not None:
            await asyncio.wait({self._listening}, timeout=START_TIMEOUT_S)  # the console of the life before ended with it
        self._console.unlink(missing_ok=True)
        ways = {machine.CONSOLE: f"{machine.SOCKET}{self._console}", machine.LINE: str(self._scenery.line), machine.MODEM: str(self._modem)}
        child = await children.start("gateway", machine.command(self._flash.path, ways, {"heap_kb": HEAP_KB}), self._scenery.folder)
        reader, writer = await self._connect(children)
        alive = asyncio.Event()
        self._listening = asyncio.create_task(_listen(reader, writer, hear, child, alive))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(alive.wait(), START_TIMEOUT_S)
        if not alive.is_set() and not children.died.done():
            raise ChildDied("the firmware does not start on the board; its console said:\n" + "\n".join(child.last))
        return child

    async def _connect(self, children: Children) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if children.died.done():
                children.died.result()
            try:
                return await asyncio.open_unix_connection(str(self._console), limit=LINE_MAX)
            except OSError:
                await asyncio.sleep(POLL_S)
        raise ChildDied(f"gateway shows no console after {START_TIMEOUT_S:.0f} s")

    def region(self) -> bytes:
        assert self._flash is not None
        return self._flash.region()


async def _listen(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Hear, child: Child, alive: asyncio.Event
) -> None:
    """Ask to watch from the first line on, pass every other line on, until the board is gone."""
    asking: asyncio.Task[None] | None = None
    try:
        while data := await reader.readline():
            line = data.decode(errors="replace").strip()
            child.last.append(line[:300])
            if asking is None and line.startswith('{"boot"'):
                alive.set()
                asking = asyncio.create_task(_keep_watching(writer))
            if data.endswith(b"\n") and line and not line.startswith('{"re"') and '"end":true' not in line:
                hear(line)
    except OSError:
        pass  # a board that was killed resets its end
    finally:
        if asking is not None:
            asking.cancel()
        writer.close()


async def _keep_watching(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(json.dumps({"ask": "watch", "seconds": WATCH_S, "id": 1}).encode() + b"\n")
        await asyncio.sleep(WATCH_AGAIN_S)


BOARDS: dict[str, Callable[[Scenery], Gateway]] = {unix.NAME: UnixGateway, emulated.NAME: EmulatedGateway}
