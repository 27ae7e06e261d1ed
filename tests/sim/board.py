"""The board that main.Firmware is fed with: a clock that lies, a console at which nobody is, flash, line and uplink of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.base import aio
from firmware.gateway_slot import Slots
from tests.sim.flash import Flash
from tests.sim.link import Broker
from tests.sim.options import stream
from tests.sim.street import Pair

if TYPE_CHECKING:
    from tests.sim.world import World

TICKS_MASK = (1 << 30) - 1


class CountingSlots(Slots):
    """The gateway's seconds by its ticks, however seldom the tick task comes."""

    @property
    def second(self) -> int:
        return 1 + (aio.now_ms() - self.begun_ms & TICKS_MASK) // 1000

    @second.setter
    def second(self, value: int) -> None:
        pass


class Rtc:
    """The battery-backed clock of the board: `offset_s` wrong, or lost."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset_s: int | None = 0
        self.ppm = 0
        self._since_ms = 0

    def rtc_s(self) -> int | None:
        if self.offset_s is None:
            return None
        drifted = (self._world.loop.now_ms - self._since_ms) * self.ppm // 1_000_000_000
        return self._world.true_s + self.offset_s + drifted

    def set_rtc(self, at_s: int) -> None:
        self.offset_s = at_s - self._world.true_s
        self._since_ms = self._world.loop.now_ms


class Console:
    """Nobody listens, and nobody types."""

    def write(self, text: str) -> bool:
        return True

    def read_into(self, buf: bytearray) -> int:
        return 0


class Watchdog:
    """Its teeth are the supervisor's; here it counts."""

    def feed(self) -> None:
        pass


class Board:
    """What board.make() returns."""

    name = "simulated"
    firmware_version = 1
    model_root = "firmware/meters/models"
    console_streams = False
    console_bytes_s = 6_000

    def __init__(self, world: World) -> None:
        self.root = str(world.folder)
        self.clock = world.rtc
        self.watchdog = Watchdog()
        self.console = Console()
        self.journal_bytes = world.flash.journal_bytes
        self._world = world
        self._rng = stream(world.options.seed, f"board {world.boots}")

    def region(self) -> Flash:
        return self._world.flash

    def uplink(self, settings: object) -> Broker:
        return self._world.broker

    def line(self, baud: int) -> Pair:
        return self._world.pair

    def random_bytes(self, count: int) -> bytes:
        return self._rng.randbytes(count)
