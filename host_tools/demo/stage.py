"""The stage: broker, head-end, meters, tap and gateway as real processes, and the levers that the story pulls."""

import asyncio
import random
import signal
import sys

from host_tools.demo import certificates
from host_tools.demo.books import Books
from host_tools.demo.console import Console
from host_tools.demo.gateways import BOARDS
from host_tools.demo.processes import Child, ChildDied, Children
from host_tools.demo.proof import Proof, prove
from host_tools.demo.scenery import GATEWAY, Scenery
from host_tools.demo.tap import Tap
from host_tools.demo.wire_log import WireLog
from host_tools.emulator.machine import WAITS
from host_tools.set_up import paths
from host_tools.simulators.client import AsyncSiteClient, SiteClient, SiteEvent, SiteState

START_TIMEOUT_S = 20.0
POLL_S = 0.05


class Stage:
    """Everything that runs. `open()` starts all of it, `close()` ends all of it, whatever happened between."""

    def __init__(self, scenery: Scenery, seed: int) -> None:
        self.scenery = scenery
        self.random = random.Random(seed)
        self.children = Children()
        self.console = Console()
        self.log = WireLog(GATEWAY, scenery.key)
        tls = None if scenery.certificates is None else certificates.server_context(scenery.certificates)
        self.tap = Tap(scenery.tap_port, scenery.broker_port, self.log, tls)
        self.books = Books(scenery)
        self.broker: Child | None = None
        self.gateway: Child | None = None
        self._board = BOARDS[scenery.board](scenery)
        self._site: AsyncSiteClient | None = None

    async def open(self, now_s: int) -> None:
        self.books.open_accounts(now_s)
        await self.start_broker()
        await self.tap.open()
        await self._start_site()
        await self.children.start(
            "head-end", [sys.executable, "-m", "host_tools.head_end", "--db", str(self.scenery.database), "serve",
                         "--broker", f"127.0.0.1:{self.scenery.broker_port}"], paths.CHECKOUT,
        )
        await self._board.prepare(self.children)
        await self.start_gateway()

    async def close(self) -> None:
        await self.children.stop_all()
        await self.tap.close()
        if self._site is not None:
            self._site.close()
        self.books.close()

    # broker

    async def start_broker(self) -> None:
        self.broker = await self.children.start(
            "broker", [str(paths.mosquitto()), "-c", str(self.scenery.folder / "mosquitto.conf")], self.scenery.folder
        )
        await self._listening()

    async def stop_broker(self) -> None:
        assert self.broker is not None
        await self.children.stop(self.broker)

    def broker_memory(self) -> bytes:
        """What the broker has written down of sessions and messages that wait."""
        path = self.scenery.persistence
        return path.read_bytes() if path.exists() else b""

    def wipe_broker(self) -> None:
        """Everything the broker kept goes."""
        self.scenery.persistence.unlink(missing_ok=True)

    async def broker_reachable(self) -> bool:
        """Whether anybody answers at the broker's port."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.scenery.broker_port)
        except OSError:
            return False
        writer.close()
        return True

    async def _listening(self) -> None:
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if self.children.died.done():
                self.children.died.result()
            if await self.broker_reachable():
                return
            await asyncio.sleep(POLL_S)
        raise ChildDied(f"broker does not listen on port {self.scenery.broker_port} after {START_TIMEOUT_S:.0f} s")

    # meters

    async def _start_site(self) -> None:
        folder = self.scenery.folder
        ready = asyncio.Event()
        await self.children.start(
            "meters", [sys.executable, "-m", "host_tools.simulators.site", "--config", str(folder / "site.json"),
                       "--link", str(self.scenery.line), "--control", str(folder / "site.sock")],
            paths.CHECKOUT, on_line=lambda _: ready.set(),
        )
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            if self.children.died.done():
                self.children.died.result()
            if ready.is_set():
                break
            await asyncio.sleep(POLL_S)
        else:
            raise ChildDied(f"meters are not ready after {START_TIMEOUT_S:.0f} s")
        self._site = AsyncSiteClient(await asyncio.to_thread(SiteClient, folder / "site.sock", START_TIMEOUT_S))

    @property
    def site(self) -> AsyncSiteClient:
        assert self._site is not None
        return self._site

    async def meters(self) -> SiteState:
        return await self.site.state()

    async def meter_events(self, address: str, kind: str) -> list[SiteEvent]:
        return [event for event in await self.site.events() if event.meter == address and event.kind == kind]

    async def registers(self) -> dict[int, int]:
        """What each meter shows now, cwh, by account."""
        site = await self.site.state()
        return {one.account: site.meter(one.address).forward_cwh for one in self.scenery.households}

    async def replies(self) -> dict[str, int]:
        """How often each meter has answered, by its own count."""
        return {meter.address: meter.replies for meter in (await self.site.state()).meters}

    # gateway

    async def start_gateway(self) -> None:
        self.gateway = await self._board.start(self.children, self.console.hear)

    async def kill_gateway(self) -> int:
        """SIGKILL, which no program can answer; its exit status, -9 when it died of that."""
        assert self.gateway is not None
        await self.children.stop(self.gateway, signal.SIGKILL)
        return self.gateway.process.returncode or 0

    def proof_of(self, name: str) -> Proof:
        """The wire against what the dead gateway left on flash; a copy of that is kept as `name`."""
        copy = self.scenery.folder / name
        copy.write_bytes(self._board.region())
        return prove(self.log, copy, self._board.erase_size, self._board.program_unit, self._board.journal_bytes)

    def complaints(self) -> dict[str, list[str]]:
        """What a process says only when it stumbled: the gateway anything but JSON, the others a traceback."""
        gateway = [line for line in self.children.errors_of("gateway") if WAITS not in line]
        others = {name: [line for line in self.children.errors_of(name) if "Traceback" in line or "Error: " in line]
                  for name in ("head-end", "meters", "broker")}
        return {"gateway": self.console.other + gateway, **others}
