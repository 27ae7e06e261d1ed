"""What happens to packets between modem and network: loss, delay, bandwidth, and a bounded queue, drawn from one generator."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

NS = 1_000_000_000
MS = 1_000_000
QUEUE_BYTES_MAX = 64 * 1024


@dataclass
class Radio:
    """One direction. `put` a packet now, `due` gives those that have come through."""

    rng: random.Random
    loss: float = 0.0
    latency_ms: int = 0
    bandwidth_bytes_s: int = 0  # 0 = no limit
    passed: int = 0
    lost: int = 0
    overflowed: int = 0
    _queue: list[tuple[int, int, bytes]] = field(default_factory=list)
    _queued_bytes: int = 0
    _free_ns: int = 0
    _number: int = 0

    def put(self, packet: bytes, now_ns: int) -> None:
        if self.loss and self.rng.random() < self.loss:
            self.lost += 1
            return
        if self._queued_bytes + len(packet) > QUEUE_BYTES_MAX:
            self.overflowed += 1
            return
        self._free_ns = max(self._free_ns, now_ns)
        if self.bandwidth_bytes_s:
            self._free_ns += len(packet) * NS // self.bandwidth_bytes_s
        self._number += 1
        self._queued_bytes += len(packet)
        heapq.heappush(self._queue, (self._free_ns + self.latency_ms * MS, self._number, packet))

    def due(self, now_ns: int) -> list[bytes]:
        found = []
        while self._queue and self._queue[0][0] <= now_ns:
            packet = heapq.heappop(self._queue)[2]
            self._queued_bytes -= len(packet)
            self.passed += 1
            found.append(packet)
        return found

    def next_due(self) -> int | None:
        return self._queue[0][0] if self._queue else None

    def clear(self) -> None:
        """What is in the air is gone."""
        self._queue.clear()
        self._queued_bytes = self._free_ns = 0
