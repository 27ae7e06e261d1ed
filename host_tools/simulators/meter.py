"""One simulated meter: what flows through it, what it remembers, and what it answers.

Pure: `advance(now_ms)` brings it up to a monotonic instant, stopping at every edge (load change, rate switch,
local midnight, settlement, relay movement), so the result never depends on how often it is asked. `answer`
takes a whole request frame and gives the reply frame or None for silence.
"""

from __future__ import annotations

from collections.abc import Callable

from host_tools.simulators import protocol_1997, protocol_2007
from host_tools.simulators.config import MeterCfg, RandomCfg, StepsCfg
from host_tools.simulators.energy import (
    ConstantLoad,
    Direction,
    Energy,
    LoadCurve,
    RandomLoad,
    Register,
    StepLoad,
)
from host_tools.simulators.frames import Frame, matches
from host_tools.simulators.history import History, Snapshot, snapshot
from host_tools.simulators.load_limit import LoadLimit
from host_tools.simulators.meter_clock import DAY_MS, MeterClock
from host_tools.simulators.relay import Relay

Log = Callable[[int, str, str, dict[str, object]], None]  # now_ms, address, kind, detail


def silent_log(now_ms: int, address: str, kind: str, detail: dict[str, object]) -> None:
    """For meters whose events nobody collects."""


def load_curve(cfg: MeterCfg) -> LoadCurve:
    load = cfg.load
    if isinstance(load, StepsCfg):
        return StepLoad(tuple(sorted(load.steps)), load.repeat_s)
    if isinstance(load, RandomCfg):
        r = load.random
        return RandomLoad(r.min_w, r.max_w, r.period_s, r.seed)
    return ConstantLoad(load)


class Meter:
    def __init__(
        self,
        cfg: MeterCfg,
        now_ms: int = 0,
        true_local_ms: int = 0,
        energy_speed: int = 1,
        line_baud: int = 2400,
        log: Log = silent_log,
    ) -> None:
        self.cfg = cfg
        self.address = cfg.address
        self.meter_number = cfg.meter_number or cfg.address
        self.baud: int = cfg.baud or line_baud
        self.silent = cfg.silent
        self.programming_key = cfg.programming_key
        self.now_ms = now_ms
        self.energy_speed = energy_speed if cfg.energy_speed is None else cfg.energy_speed
        self.clock = MeterClock(now_ms, true_local_ms, cfg.clock.offset_s, cfg.clock.drift_ppm)
        if cfg.clock.state != "ok":
            self.clock.set_state(now_ms, cfg.clock.state)
        self._load_start_ms = now_ms
        self._load = load_curve(cfg)
        self._log = log
        self.purse = cfg.purse.model_copy() if cfg.purse else None
        self.relay = Relay(cfg.relay, self.purse, self._logged) if cfg.relay.method == "1C" else None
        self.limit = LoadLimit(cfg.load_limit, self.relay, self._logged) if cfg.load_limit and self.relay else None
        self.energy = Energy(
            Direction(Register(), [Register() for _ in range(cfg.rates)]),
            Direction(Register(), [Register() for _ in range(cfg.rates)]),
            cfg.combined_mode,
        )
        self.energy.forward.total.set_cwh(cfg.forward_cwh)
        self.energy.reverse.total.set_cwh(cfg.reverse_cwh)
        for register, cwh in zip(self.energy.forward.rates, cfg.forward_rates_cwh, strict=False):
            register.set_cwh(cwh)
        self.history = History(cfg.settlement_day)
        self.history.prefill(self.clock.local_ms(now_ms), cfg.history_days, self._past)
        self._edges = [(int(start[:2]) * 3600 + int(start[3:]) * 60, rate) for start, rate in cfg.schedule]
        self.requests = 0
        self.replies = 0
        self.broadcasts = 0
        # what one function leaves for a later one: follow-up frames, a new baud rate, the day of a time broadcast
        self.rest: dict[int, bytes] = {}
        self.rest_di = b""
        self.baud_after_reply: int | None = None
        self.time_set_day: int | None = None
        self.covers_opened = [0, 0]  # of the meter, of its terminals

    def _logged(self, now_ms: int, kind: str, detail: dict[str, object]) -> None:
        self._log(now_ms, self.address, kind, detail)

    def _past(self, back: int, local_ms: int) -> Snapshot:
        """An invented past: the register `back` days before the first midnight, at an even daily use."""
        use = self.cfg.history_daily_cwh * (back + 1)
        now = self.energy.forward.shown()
        total = max(0, now[0] - use)
        rates = tuple(v * total // now[0] if now[0] else 0 for v in now[1:])
        forward, reverse = (total, *rates), self.energy.reverse.shown()
        return Snapshot(local_ms, forward, reverse, forward)

    def empty_snapshot(self) -> Snapshot:
        zeros = (0,) * (1 + self.cfg.rates)
        return Snapshot(0, zeros, zeros, zeros)

    # -- time ---------------------------------------------------------------

    def advance(self, now_ms: int) -> None:
        """Bring registers, freezes and relay up to `now_ms`; earlier instants change nothing."""
        while self.now_ms < now_ms:
            midnight = self.clock.next_midnight(self.now_ms)
            settles = self.history.next_settlement(self.clock.local_ms(self.now_ms))
            settle_ms = None if settles is None else self.clock.when(settles)
            edges = [now_ms, midnight, settle_ms, self._rate_edge(), self._load_edge()]
            if self.relay:
                edges.append(self.relay.moves_at_ms)
            if self.limit:
                self._look_at_limit(self.now_ms)
                edges.append(self.limit.acts_at_ms)
            step = max(self.now_ms + 1, min(e for e in edges if e is not None))
            self.energy.add(self.watts(), step - self.now_ms, self.energy_speed, self._rate())
            self.now_ms = step
            if self.relay:
                self.relay.on_tick(step)
            if self.limit:
                self._look_at_limit(step)
            if step == midnight:
                self._freeze_day()
            if step == settle_ms and settles is not None and self.clock.state != "invalid":
                self.history.settlements.appendleft(snapshot(self.energy, settles))

    def _look_at_limit(self, now_ms: int) -> None:
        if self.limit:
            self.limit.look(self._load.at(now_ms - self._load_start_ms), now_ms)

    def _freeze_day(self) -> None:
        if self.cfg.daily_freezes and self.clock.state != "invalid":
            local = self.clock.local_ms(self.now_ms) // DAY_MS * DAY_MS
            self.history.daily.appendleft(snapshot(self.energy, local))

    def _load_edge(self) -> int | None:
        change = self._load.next_change(self.now_ms - self._load_start_ms)
        return None if change is None else self._load_start_ms + change

    def _rate(self) -> int:
        second = self.clock.local_ms(self.now_ms) % DAY_MS // 1000
        return [rate for start, rate in self._edges if start <= second][-1]

    def _rate_edge(self) -> int | None:
        local = self.clock.local_ms(self.now_ms)
        midnight = local // DAY_MS * DAY_MS
        ahead = [midnight + start * 1000 for start, _ in self._edges if midnight + start * 1000 > local]
        return self.clock.when(ahead[0]) if ahead else None

    # -- what a technician or the test does to it ---------------------------

    def set_load(self, watts: int) -> None:
        self._load, self._load_start_ms = ConstantLoad(watts), self.now_ms

    def set_clock(self, offset_s: int) -> None:
        """Moves the clock; crossing a midnight forwards freezes once, as meters do when time is set over it."""
        before = self.clock.local_ms(self.now_ms) // DAY_MS
        self.clock.set_offset(self.now_ms, offset_s)
        if self.clock.local_ms(self.now_ms) // DAY_MS > before:
            self._freeze_day()

    def open_cover(self, terminal: bool = False) -> None:
        """Somebody opens it, for whatever reason."""
        self.covers_opened[terminal] += 1

    # -- what it shows ------------------------------------------------------

    def watts(self) -> int:
        """Power through the meter now; zero behind an open relay."""
        if self.relay and not self.relay.conducts:
            return 0
        return self._load.at(self.now_ms - self._load_start_ms)

    def phase_watts(self, phase: int) -> int:
        """phase 0 is the total; what does not divide by three flows in phase A."""
        total = self.watts()
        if phase == 0 or self.cfg.phases == 1:
            return total
        share = abs(total) // 3 * (-1 if total < 0 else 1)
        return total - 2 * share if phase == 1 else share

    def status_word(self, number: int) -> int:
        if number == 3:
            return self._status_word_3()
        if number == 1:
            word = 0x0004 if self.clock.state == "lost" else 0
            overdrawn = self.purse is not None and self.purse.balance < 0
            return word | (0x8000 if self.clock.state != "ok" else 0) | (0x4000 if overdrawn else 0)
        if number == 2:
            return 0x0001 if self.watts() < 0 else 0
        return 0

    def _status_word_3(self) -> int:
        word = self.cfg.status3_or | (0x0008 if self.programming_key else 0)
        relay = self.relay
        if relay and relay.open:
            word |= 0x0010
        if not self.cfg.status_extended:
            return word & 0x001F
        if relay:
            word |= (0x0040 if relay.wants_open else 0) | (0x0080 if relay.alarm else 0)
            word |= 0x1000 if relay.keep_power else 0
        if self.purse:
            word |= (0x0100 if self.purse.kind == "energy" else 0x0200) | 0x8000
        return word

    # -- the wire -----------------------------------------------------------

    def answer(self, request: Frame, now_ms: int) -> Frame | None:
        """The reply to one whole request that reaches this meter, without preamble. None is silence."""
        self.advance(now_ms)
        if self.silent or request.from_meter:
            return None
        self.requests += matches(request.address, self.address)
        handler = protocol_1997.answer if self.cfg.protocol == "1997" else protocol_2007.answer
        reply = handler(self, request)
        self.replies += reply is not None
        return reply
