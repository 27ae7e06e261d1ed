"""Typed access to the control socket of a running site: `SiteClient` blocks, `AsyncSiteClient` does not."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

TIMEOUT_S = 5.0


class SiteError(Exception):
    """The site refused an order, in its own words."""


class RelayState(BaseModel):
    open: bool
    wants_open: bool
    armed: bool
    keep_power: bool
    alarm: bool
    welded: bool
    movements: int


class MeterState(BaseModel):
    """Registers in 0.01 kWh as shown and in exact watt-milliseconds; load_w flows now (0 behind an open relay)."""

    address: str
    meter_number: str
    model: str
    protocol: str
    baud: int
    silent: bool
    forward_cwh: int
    forward_rates_cwh: list[int]
    reverse_cwh: int
    combined_cwh: int
    forward_wms: int
    reverse_wms: int
    load_w: int
    energy_speed: int
    status3: int
    relay: RelayState | None
    limit_w: int | None  # its load limit, where it has a register for one and one is set
    purse_balance: int | None
    clock_local: str
    clock_state: str
    clock_offset_s: int
    requests: int
    replies: int
    broadcasts: int


class LineState(BaseModel):
    baud: int
    driver_release_ms: int
    echo: bool
    requests: int
    replies: int
    unanswered: int
    bad_frames: int
    bytes_in: int
    bytes_out: int
    collisions: int
    master_collisions: int
    damaged_by_driver: int
    wrong_baud: int
    wire_busy_ms: int
    faults: dict[str, int]
    rules: list[dict[str, Any]]


class SiteState(BaseModel):
    """mono_ms: CLOCK_MONOTONIC, comparable between processes of one machine."""

    mono_ms: int
    meters: list[MeterState]
    line: LineState

    def meter(self, address: str) -> MeterState:
        return next(m for m in self.meters if m.address == address)


class SiteEvent(BaseModel):
    """kind: relay_command (code, command, accepted, result), relay_moved (open), button (works), alarm (on)."""

    model_config = ConfigDict(extra="allow")
    n: int
    mono_ms: int
    meter: str
    kind: str
    open: bool | None = None
    on: bool | None = None
    works: bool | None = None
    code: str | None = None
    command: str | None = None
    accepted: bool | None = None
    result: str | None = None


class Freeze(BaseModel):
    local: str
    forward_cwh: list[int]
    reverse_cwh: list[int]


class ControlClient:
    """Orders over a control socket; SiteError when the simulator refuses one, in its own words."""

    def __init__(self, path: str | Path, timeout_s: float = TIMEOUT_S) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """One order. SiteError when the site refuses it, ConnectionError when the site is gone."""
        self._socket.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
        line = self._file.readline()
        if not line:
            raise ConnectionError("the site closed the control socket")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise SiteError(answer["error"])
        return answer


class SiteClient(ControlClient):
    def state(self) -> SiteState:
        return SiteState.model_validate(self.ask("state"))

    def meter(self, address: str) -> MeterState:
        return self.state().meter(address)

    def events(self, since: int = 0) -> list[SiteEvent]:
        return [SiteEvent.model_validate(e) for e in self.ask("events", since=since)["events"]]

    def freezes(self, address: str) -> list[Freeze]:
        """Daily freezes, newest first; `local` is the stamp, the day after the one it closes."""
        return [Freeze.model_validate(f) for f in self.ask("freezes", meter=address)["daily"]]

    def set(self, address: str, **fields: Any) -> None:
        """Fields as in control.Set: load_w, silent, energy_speed, clock_offset_s, clock_state, ..."""
        self.ask("set", meter=address, **fields)

    def press(self, address: str) -> bool:
        """True when the press closes the relay."""
        return any(self.ask("press", meter=address)["works"])

    def add_energy(self, address: str, cwh: int, direction: str = "forward", rate: int = 1) -> None:
        self.ask("add_energy", meter=address, cwh=cwh, direction=direction, rate=rate)

    def fault(
        self, kind: str, count: int = 0, probability: float = 0.0, meter: str | None = None, ms: int = 1500
    ) -> None:
        self.ask("fault", kind=kind, count=count, probability=probability, meter=meter, ms=ms)

    def clear_faults(self) -> None:
        self.ask("clear_faults")

    def line(self, **fields: Any) -> None:
        """baud, driver_release_ms, echo."""
        self.ask("line", **fields)


class AsyncSiteClient:
    """The same orders for a program that runs an event loop; one at a time, in a thread."""

    def __init__(self, client: SiteClient) -> None:
        self._client = client
        self._lock = asyncio.Lock()

    @classmethod
    async def connect(cls, path: str | Path) -> Self:
        return cls(await asyncio.to_thread(SiteClient, path))

    def close(self) -> None:
        self._client.close()

    async def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        async with self._lock:
            return await asyncio.to_thread(lambda: self._client.ask(do, **fields))

    async def state(self) -> SiteState:
        return SiteState.model_validate(await self.ask("state"))

    async def events(self, since: int = 0) -> list[SiteEvent]:
        return [SiteEvent.model_validate(e) for e in (await self.ask("events", since=since))["events"]]

    async def set(self, address: str, **fields: Any) -> None:
        await self.ask("set", meter=address, **fields)

    async def press(self, address: str) -> bool:
        return any((await self.ask("press", meter=address))["works"])
