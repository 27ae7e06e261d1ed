"""Load curves and energy registers, exact.

A register counts watt-milliseconds as a Python integer and shows 0.01 kWh, rounded down, modulo 1,000,000.00
kWh: reading it more or less often can never change what it shows. Curves are piecewise constant and say when
they change next, so the meter integrates edge to edge instead of sampling.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol

WMS_PER_CWH = 36_000_000  # 0.01 kWh = 10 Wh = 10 x 3600 x 1000 watt-milliseconds
REGISTER_MOD_CWH = 100_000_000
COMBINED_MAX_CWH = 79_999_999


class LoadCurve(Protocol):
    def at(self, elapsed_ms: int) -> int:
        """Watts, negative when the customer exports."""
        ...

    def next_change(self, elapsed_ms: int) -> int | None:
        """First later millisecond at which `at` may differ."""
        ...


@dataclass(frozen=True)
class ConstantLoad:
    watts: int

    def at(self, elapsed_ms: int) -> int:
        return self.watts

    def next_change(self, elapsed_ms: int) -> int | None:
        return None


@dataclass(frozen=True)
class StepLoad:
    """steps: (seconds from start, watts), ascending, the first at 0; optionally repeating."""

    steps: tuple[tuple[int, int], ...]
    repeat_s: int | None = None

    def _phase(self, elapsed_ms: int) -> tuple[int, int]:
        if self.repeat_s is None:
            return 0, elapsed_ms
        period = self.repeat_s * 1000
        return elapsed_ms // period * period, elapsed_ms % period

    def at(self, elapsed_ms: int) -> int:
        _, inside = self._phase(elapsed_ms)
        watts = 0
        for start_s, step_w in self.steps:
            if start_s * 1000 <= inside:
                watts = step_w
        return watts

    def next_change(self, elapsed_ms: int) -> int | None:
        base, inside = self._phase(elapsed_ms)
        for start_s, _ in self.steps:
            if start_s * 1000 > inside and (self.repeat_s is None or start_s < self.repeat_s):
                return base + start_s * 1000
        return None if self.repeat_s is None else base + self.repeat_s * 1000


@dataclass(frozen=True)
class RandomLoad:
    """A new value every period, a function of seed and period number only: it never depends on who asked when."""

    min_w: int
    max_w: int
    period_s: int
    seed: int

    def at(self, elapsed_ms: int) -> int:
        number = elapsed_ms // (self.period_s * 1000)
        return random.Random(f"{self.seed}/{number}").randint(self.min_w, self.max_w)

    def next_change(self, elapsed_ms: int) -> int | None:
        period = self.period_s * 1000
        return (elapsed_ms // period + 1) * period


@dataclass
class Register:
    wms: int = 0

    @property
    def cwh(self) -> int:
        """As shown: 0.01 kWh, floor, rolls over after 999999.99 kWh."""
        return self.wms // WMS_PER_CWH % REGISTER_MOD_CWH

    def set_cwh(self, cwh: int) -> None:
        self.wms = cwh * WMS_PER_CWH


@dataclass
class Direction:
    """One direction of flow: the total and one register per rate."""

    total: Register = field(default_factory=Register)
    rates: list[Register] = field(default_factory=list)

    def add(self, wms: int, rate: int) -> None:
        """rate: 1-based; without rate registers only the total counts."""
        self.total.wms += wms
        if self.rates:
            self.rates[rate - 1].wms += wms

    def shown(self) -> tuple[int, ...]:
        """Total first, then each rate."""
        return (self.total.cwh, *(r.cwh for r in self.rates))


@dataclass
class Energy:
    forward: Direction
    reverse: Direction
    combined_mode: int = 0x05  # bit 0 + forward, 1 - forward, 2 + reverse, 3 - reverse

    def add(self, watts: int, duration_ms: int, speed: int, rate: int) -> None:
        wms = abs(watts) * duration_ms * speed
        (self.forward if watts >= 0 else self.reverse).add(wms, rate)

    def combined(self) -> tuple[int, ...]:
        """Signed 0.01 kWh, total first; kept inside what the signed format can carry."""
        out = []
        for fwd, rev in zip(self.forward.shown(), self.reverse.shown(), strict=True):
            value = 0
            for bit, part in ((0x01, fwd), (0x02, -fwd), (0x04, rev), (0x08, -rev)):
                if self.combined_mode & bit:
                    value += part
            out.append(max(-COMBINED_MAX_CWH, min(COMBINED_MAX_CWH, value)))
        return tuple(out)
