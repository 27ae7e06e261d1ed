"""A whole metering site: meters on a line, an event log, and the orders a test or a demo may give.

From the command line it stands on a pty:
    python -m host_tools.simulators.site --config site.json --link PATH [--control SOCKET]
`Site` itself does no I/O; its clock is given, so unit tests run it on virtual time.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict
from datetime import datetime
from typing import Protocol

from host_tools.simulators.config import SiteCfg
from host_tools.simulators.line import MS, Line
from host_tools.simulators.meter import Meter
from host_tools.simulators.meter_clock import local_datetime, to_local_ms

EVENTS_MAX = 20_000


class Clock(Protocol):
    def mono_ns(self) -> int: ...

    def wall_s(self) -> int: ...


class RealClock:
    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def wall_s(self) -> int:
        return int(time.time())


class VirtualClock:
    """Stands still until it is moved."""

    def __init__(self, wall_s: int = 1_750_000_000) -> None:
        self.ns = 0
        self._wall_s = wall_s

    def mono_ns(self) -> int:
        return self.ns

    def wall_s(self) -> int:
        return self._wall_s + self.ns // 1_000_000_000


class Site:
    def __init__(self, cfg: SiteCfg, clock: Clock | None = None) -> None:
        self.cfg = cfg
        self.clock: Clock = clock or RealClock()
        self.events: deque[dict[str, object]] = deque(maxlen=EVENTS_MAX)
        self._event_number = 0
        now_ms = self.clock.mono_ns() // MS
        self.meters = [
            Meter(m, now_ms, self._start_local_ms(), cfg.energy_speed, cfg.line.baud, self._log) for m in cfg.meters
        ]
        self.line = Line(cfg.line, self.meters)

    def _start_local_ms(self) -> int:
        if self.cfg.start_local is not None:
            return to_local_ms(self.cfg.start_local.replace(tzinfo=None))
        return to_local_ms(datetime(1970, 1, 1)) + (self.clock.wall_s() + self.cfg.utc_offset_s) * 1000

    def _log(self, now_ms: int, address: str, kind: str, detail: dict[str, object]) -> None:
        self._event_number += 1
        self.events.append({"n": self._event_number, "mono_ms": now_ms, "meter": address, "kind": kind, **detail})

    def now_ms(self) -> int:
        return self.clock.mono_ns() // MS

    def advance(self) -> None:
        """Bring every meter to the present."""
        for meter in self.meters:
            meter.advance(self.now_ms())

    def named(self, address: str) -> list[Meter]:
        """Every meter with this address; several may share one. KeyError when there is none."""
        found = [m for m in self.meters if m.address == address]
        if not found:
            raise KeyError(address)
        return found

    def events_since(self, since: int) -> list[dict[str, object]]:
        self.advance()
        return [e for e in self.events if isinstance(e["n"], int) and e["n"] > since]

    def state(self) -> dict[str, object]:
        self.advance()
        line = asdict(self.line.counters)
        busy_ns = line.pop("busy_ns")
        return {
            "mono_ms": self.now_ms(),
            "meters": [meter_state(m) for m in self.meters],
            "line": {
                **line,
                "wire_busy_ms": busy_ns // MS,
                "baud": self.line.baud,
                "driver_release_ms": self.line.driver_release_ms,
                "echo": self.line.echo,
                "faults": dict(self.line.faults.counts),
                "rules": [asdict(r) for r in self.line.faults.rules],
            },
        }


def meter_state(m: Meter) -> dict[str, object]:
    relay = m.relay
    forward, reverse = m.energy.forward, m.energy.reverse
    return {
        "address": m.address,
        "meter_number": m.meter_number,
        "model": m.cfg.model,
        "protocol": m.cfg.protocol,
        "baud": m.baud,
        "silent": m.silent,
        "forward_cwh": forward.total.cwh,
        "forward_rates_cwh": [r.cwh for r in forward.rates],
        "reverse_cwh": reverse.total.cwh,
        "combined_cwh": m.energy.combined()[0],
        "forward_wms": forward.total.wms,
        "reverse_wms": reverse.total.wms,
        "load_w": m.watts(),
        "energy_speed": m.energy_speed,
        "status3": m.status_word(3),
        "relay": None
        if relay is None
        else {
            "open": relay.open,
            "wants_open": relay.wants_open,
            "armed": relay.armed,
            "keep_power": relay.keep_power,
            "alarm": relay.alarm,
            "welded": relay.welded,
            "movements": relay.movements,
        },
        "limit_w": m.limit.watts if m.limit else None,
        "purse_balance": m.purse.balance if m.purse else None,
        "clock_local": local_datetime(m.clock.local_ms(m.now_ms)).isoformat(timespec="seconds"),
        "clock_state": m.clock.state,
        "clock_offset_s": (m.clock.local_ms(m.now_ms) - m.clock.true_local_ms(m.now_ms)) // 1000,
        "requests": m.requests,
        "replies": m.replies,
        "broadcasts": m.broadcasts,
    }


if __name__ == "__main__":
    from host_tools.simulators.running import main

    raise SystemExit(main())
