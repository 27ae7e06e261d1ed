"""Households, their meters, and the RS-485 pair between them and the board.

The meters are those of host_tools/simulators: exact registers, relay rules and clock. The pair hands over whole answers at the
instant of their last byte; noise, loss, late and broken answers happen to them there, drawn from the line's own stream.
What flows is given by a load curve that is known for the whole run beforehand, so the energy of any span can be computed anew.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from firmware.base import aio
from host_tools.simulators.config import MeterCfg
from host_tools.simulators.frames import BROADCAST, Frame, encode
from host_tools.simulators.meter import Meter
from host_tools.simulators.meter_clock import read_stamp6
from tests.sim.loop import Loop

BYTE_BITS = 11
HOUR_MS = 3_600_000
CWH_WMS = 36_000_000  # 0.01 kWh in W ms
ROLLOVER = 100_000_000
ON_THE_WAY_MS = 60_000  # at most, from a meter's answer to the record that charges it


class LoadPlan:
    """Watts of one household: piecewise constant, its past and its future fixed."""

    def __init__(self, rng: random.Random, until_ms: int, peak_w: int) -> None:
        self.starts: list[int] = [0]
        self.watts: list[int] = [rng.randrange(peak_w)]
        at = 0
        while at < until_ms:
            at += rng.randrange(600_000, 2 * HOUR_MS)
            share = rng.choice((0.0, 0.05, 0.3, 0.6, 1.0))
            self.starts.append(at)
            self.watts.append(int(peak_w * share * rng.uniform(0.5, 1.0)))

    def at(self, elapsed_ms: int) -> int:
        return self.watts[bisect_right(self.starts, elapsed_ms) - 1]

    def next_change(self, elapsed_ms: int) -> int | None:
        index = bisect_right(self.starts, elapsed_ms)
        return self.starts[index] if index < len(self.starts) else None

    def wms(self, start_ms: int, end_ms: int) -> int:
        """Energy between two instants with the relay closed, in W ms, by this plan alone."""
        total, index = 0, bisect_right(self.starts, start_ms) - 1
        while start_ms < end_ms:
            stop = min(self.starts[index + 1], end_ms) if index + 1 < len(self.starts) else end_ms
            total += self.watts[index] * (stop - start_ms)
            start_ms, index = stop, index + 1
        return total


    def passed_ms(self, start_ms: int, wms: int) -> int:
        """When so much has flowed since `start_ms`."""
        at_ms = start_ms
        while wms > 0:
            change_ms, watts = self.next_change(at_ms), self.at(at_ms)
            if change_ms is None or watts * (change_ms - at_ms) >= wms:
                return at_ms - (-wms // watts) if watts else at_ms
            wms -= watts * (change_ms - at_ms)
            at_ms = change_ms
        return at_ms


class House(Meter):
    """A meter with the household behind it; `moved` are its relay's movements as (ms, open)."""

    def __init__(self, cfg: MeterCfg, now_ms: int, local_ms: int, plan: LoadPlan, on_command: Callable[[House, str, bool], None]) -> None:
        self.moved: list[tuple[int, bool]] = []
        self.plan = plan
        self.on_command = on_command
        self.limited_by_others = False  # which nobody can know before the next reading, and lifts at most once an hour
        self.jumped_cwh = 0  # by which somebody moved its register
        self.was_moved = False
        self.not_let_go_cwh = 0
        self.ratio = 1  # of the transformers before it
        self.before_jump: tuple[int, tuple[int, ...]] = (0, ())  # until when it stood elsewhere, and where
        self.held = False  # it stands where no energy brought it, and nobody let that go
        self.answered_ms = -1  # when it last told its register
        self.alarm_since_ms: int | None = None
        super().__init__(cfg, now_ms, local_ms, 1, 2400, self._note)
        self._load, self._load_start_ms = plan, 0
        self.since_ms = now_ms
        self.start_cwh = cfg.forward_cwh
        self.wire_address = bytes.fromhex(self.address)[::-1]

    def drift(self, rng: random.Random, now_ms: int) -> None:
        """Its clock is off, and goes on drifting."""
        self.clock.set_drift(now_ms, rng.choice((-400, -20, 20, 400)))
        self.set_clock(rng.choice((0, 45, -60, 200, -280, 400)))

    def _note(self, now_ms: int, address: str, kind: str, detail: dict[str, object]) -> None:
        if kind == "relay_moved":
            self.moved.append((now_ms, bool(detail["open"])))
        elif kind == "alarm":
            self.alarm_since_ms = now_ms if detail["on"] else None
        elif kind == "load_limit":
            self.on_command(self, "limit", True)
        elif kind == "relay_command":
            self.on_command(self, str(detail["command"]), bool(detail["accepted"]))

    @property
    def register_cwh(self) -> int:
        return self.energy.forward.total.cwh

    def jump(self, cwh: int) -> None:
        """The register moves without energy, forwards or back, by more than any meter could pass."""
        registers = self.energy.forward.rates[:1] or [self.energy.forward.total]
        cwh = abs(cwh) if registers[0].cwh + cwh < 0 else cwh
        self.before_jump = (self.now_ms, self.energy.forward.shown())
        registers[0].wms += cwh * CWH_WMS
        self.jumped_cwh += 0 if self.energy.forward.rates else cwh
        self.held = self.was_moved = True
        self.not_let_go_cwh = cwh

    def shown_by_energy(self) -> list[int]:
        """Its registers without a jump forward that nobody let go; after one back, as before it: an answer may still be on its way."""
        shown = list(self.energy.forward.shown())
        jumped_ms, before = self.before_jump
        if self.held and self.not_let_go_cwh > 0:
            shown[1 if self.energy.forward.rates else 0] -= self.not_let_go_cwh
        elif before and self.now_ms - jumped_ms < ON_THE_WAY_MS:
            shown = [max(pair) for pair in zip(shown, before, strict=True)]
        return shown

    def flowed_at_ms(self, register_cwh: int) -> int:
        """When the register came to show that, by plan and relay alone; of a register that nobody moved."""
        left = (register_cwh - self.start_cwh) % ROLLOVER * CWH_WMS
        is_open, at_ms = False, self.since_ms
        for until_ms, opens in [*self.moved, (self.now_ms, False)]:
            if not is_open:
                through = self.plan.wms(at_ms, until_ms)
                if through >= left:
                    return self.plan.passed_ms(at_ms, left)
                left -= through
            at_ms, is_open = until_ms, opens
        return at_ms

    def true_wms(self, now_ms: int, initially_open: bool) -> int:
        """What must have flowed since the beginning: the plan, but for the time behind an open relay."""
        total, closed_since = 0, None if initially_open else self.since_ms
        for at_ms, is_open in [*self.moved, (now_ms, True)]:
            if is_open and closed_since is not None:
                total += self.plan.wms(closed_since, at_ms)
                closed_since = None
            elif not is_open and closed_since is None:
                closed_since = at_ms
        return total * self.energy_speed


@dataclass
class Noise:
    """Chances of each exchange; all 0 is a good line."""

    deaf: float = 0.0  # the request does not reach the meter
    drop: float = 0.0
    flip: float = 0.0
    truncate: float = 0.0
    garbage: float = 0.0
    late: float = 0.0


class Pair:
    """The Line of DESIGN.md with `houses` on it."""

    def __init__(self, loop: Loop, houses: list[House], rng: random.Random) -> None:
        self.noise = Noise()
        self.houses = {house.wire_address: house for house in houses}  # whoever hears a request
        self.echo = False
        self.requests = 0
        self.on_time: Callable[[int], None] = lambda local_ms: None  # a broadcast told the time
        self._loop = loop
        self._rng = rng
        self._baud = 2400
        self._incoming: list[tuple[int, int, bytes]] = []
        self._order = count()

    def set_rate(self, baud: int) -> None:
        self._baud = baud

    def discard_input(self) -> int:
        dropped = 0
        while self._incoming and self._incoming[0][0] <= self._loop.now_ms:
            dropped += len(heappop(self._incoming)[2])
        return dropped

    async def send(self, buf: bytearray, start: int, end: int) -> None:
        data = bytes(buf[start:end])
        await aio.sleep_ms(self._wire_ms(len(data)))
        self.requests += 1
        if self.echo:
            self._coming(0, data)
        if not self._strikes(self.noise.deaf):
            self._ask(data.lstrip(b"\xfe"))

    async def receive_into(self, buf: bytearray, timeout_ms: int) -> int:
        now_ms = self._loop.now_ms
        if not self._incoming or self._incoming[0][0] > now_ms + timeout_ms:
            await aio.sleep_ms(timeout_ms)
            return 0
        if self._incoming[0][0] > now_ms:
            await aio.sleep_ms(self._incoming[0][0] - now_ms)
        if not self._incoming:
            return 0
        data = heappop(self._incoming)[2]
        length = min(len(data), len(buf))
        buf[:length] = data[:length]
        return length

    def _ask(self, body: bytes) -> None:
        if body[1:7] == b"\x99" * 6:
            self._broadcast(Frame(BROADCAST, body[8], bytes((byte - 0x33) & 0xFF for byte in body[10:-2])))
            return
        house = self.houses.get(body[1:7])
        if house is None or sum(body[:-2]) & 0xFF != body[-2]:
            return
        request = Frame(house.address, body[8], bytes((byte - 0x33) & 0xFF for byte in body[10:-2]), 4)
        reply = house.answer(request, self._loop.now_ms)
        if reply is None:
            return
        delay_ms = house.cfg.reply_delay_ms + self._rng.randrange(house.cfg.reply_jitter_ms + 1)
        wire = encode(Frame(reply.address, reply.control, reply.data, 4))
        noise = self.noise
        if self._strikes(noise.drop):
            return
        if self._strikes(noise.flip):
            hurt = bytearray(wire)
            hurt[self._rng.randrange(len(hurt))] ^= 1 << self._rng.randrange(8)
            wire = bytes(hurt)
        elif request.control == 0x11 and request.data[2:4] == b"\x01\x00" and reply.control == 0x91:
            house.answered_ms = self._loop.now_ms
        if self._strikes(noise.truncate):
            wire = wire[: self._rng.randrange(1, len(wire))]
        if self._strikes(noise.garbage):
            wire = bytes(self._rng.randrange(256) for _ in range(self._rng.randrange(1, 12))) + wire
        if self._strikes(noise.late):
            delay_ms += self._rng.randrange(700, 3_000)
        self._coming(delay_ms, wire)

    def _broadcast(self, told: Frame) -> None:
        self.on_time(read_stamp6(told.data))
        for house in self.houses.values():
            house.answer(told, self._loop.now_ms)

    def _coming(self, delay_ms: int, data: bytes) -> None:
        heappush(self._incoming, (self._loop.now_ms + delay_ms + self._wire_ms(len(data)), next(self._order), data))

    def _wire_ms(self, length: int) -> int:
        return -(-length * BYTE_BITS * 1000 // self._baud)

    def _strikes(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance
