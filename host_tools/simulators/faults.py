"""What can happen to one reply on the way to the master, drawn from one seeded generator.

A rule either has a probability and stays, or a count and is used up. Rules are asked in the order given, so
the same seed and the same requests give the same story.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from host_tools.simulators.config import FaultCfg, FaultKind

KINDS: tuple[FaultKind, ...] = ("drop", "flip", "truncate", "echo", "late", "collision", "noise")


@dataclass
class Delivery:
    """One reply about to go on the wire; None in `data` is silence."""

    data: bytes | None
    delay_ms: int
    echo: bool = False
    collides: bool = False


@dataclass
class FaultRule:
    kind: FaultKind
    probability: float = 0.0
    left: int = 0
    meter: str | None = None
    ms: int = 1500

    @staticmethod
    def of(cfg: FaultCfg) -> FaultRule:
        return FaultRule(cfg.kind, cfg.probability, cfg.count, cfg.meter, cfg.ms)

    def strikes(self, address: str, rng: random.Random) -> bool:
        if self.meter is not None and self.meter != address:
            return False
        if self.left > 0:
            self.left -= 1
            return True
        return self.probability > 0 and rng.random() < self.probability


@dataclass
class Faults:
    rng: random.Random
    rules: list[FaultRule] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def add(self, cfg: FaultCfg) -> None:
        self.rules.append(FaultRule.of(cfg))

    def clear(self) -> None:
        self.rules.clear()

    def apply(self, address: str, data: bytes, delay_ms: int) -> Delivery:
        """What becomes of a reply of `address`."""
        out = Delivery(data, delay_ms)
        for rule in self.rules:
            if out.data and rule.strikes(address, self.rng):
                self.counts[rule.kind] += 1
                self._inflict(rule, out)
        self.rules = [r for r in self.rules if r.left > 0 or r.probability > 0]
        return out

    def _inflict(self, rule: FaultRule, out: Delivery) -> None:
        data = out.data or b""
        if rule.kind == "drop":
            out.data = None
        elif rule.kind == "flip":
            hit = bytearray(data)
            hit[self.rng.randrange(len(hit))] ^= 1 << self.rng.randrange(8)
            out.data = bytes(hit)
        elif rule.kind == "truncate":
            out.data = data[: self.rng.randrange(1, len(data))] if len(data) > 1 else None
        elif rule.kind == "echo":
            out.echo = True
        elif rule.kind == "late":
            out.delay_ms += rule.ms
        elif rule.kind == "collision":
            out.collides = True
        else:
            out.data = self.garbage(self.rng.randrange(1, 12)) + data

    def garbage(self, size: int) -> bytes:
        return bytes(self.rng.randrange(256) for _ in range(size))
