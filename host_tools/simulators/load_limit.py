"""A load limit inside the meter: a register of its vendor's own, and what the meter does when more flows.

Above the limit the meter opens its own relay for a while, then closes it and looks again. The command bit stays where it was: nobody
ordered it. The register outlives a power failure, as its energy does; a test can have it forgotten, or set by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable

from host_tools.simulators.config import LimitCfg
from host_tools.simulators.frames import NotBcd, bcd, unbcd
from host_tools.simulators.relay import Relay

Log = Callable[[int, str, dict[str, object]], None]


class LoadLimit:
    """`steps` is what the register holds."""

    def __init__(self, cfg: LimitCfg, relay: Relay, log: Log) -> None:
        self.cfg = cfg
        self.di = int(cfg.di, 16)
        self.steps = cfg.none if cfg.initial is None else cfg.initial
        self.writes = 0
        self.acts_at_ms: int | None = None
        self._relay = relay
        self._log = log

    @property
    def watts(self) -> int | None:
        """The limit in force, None = none."""
        return None if self.steps == self.cfg.none else self.steps * self.cfg.unit_w

    def set_watts(self, watts: int | None) -> None:
        """What others do to it, or nobody."""
        self.steps = self.cfg.none if watts is None else watts // self.cfg.unit_w

    def value(self) -> bytes:
        return bcd(self.steps, self.cfg.bytes)

    def write(self, value: bytes, now_ms: int) -> bool:
        """False when it is no number of this width."""
        if len(value) != self.cfg.bytes:
            return False
        try:
            self.steps = unbcd(value)
        except NotBcd:
            return False
        self.writes += 1
        self._log(now_ms, "load_limit", {"watts": self.watts})
        return True

    def look(self, demand_w: int, now_ms: int) -> None:
        """To be called at every edge: `demand_w` is what the customer would take through a closed relay."""
        if self.watts is None or demand_w <= self.watts or self._relay.open:
            self.acts_at_ms = None
        elif self.acts_at_ms is None:
            self.acts_at_ms = now_ms + self.cfg.react_ms
        elif now_ms >= self.acts_at_ms:
            self.acts_at_ms = None
            self._relay.open_by_itself(now_ms, self.cfg.off_s * 1000)
