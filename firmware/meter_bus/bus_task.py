"""The life of the bus: relay orders as they fall due, readings in between, for ever.

Two rules: an order is never kept waiting by a reading that has not begun, and a dead meter never by more than its own
time-outs. What is learned goes to `sink` at once, synchronously: `on_reading(reading)`, `on_status(meter, word, limit_w)`,
`on_relay(outcome)`, `on_meter_clock(meter, local_s)`, `on_silence(meter, turns, malformed)`, `on_refused(meter, error_word)`.
Each turn asks it `wants_clock(meter)` and `wants_freeze(reading)`: numbers of daily freezes are asked for, and told by
`on_freeze(reading, refused, at_local_s, registers)`, until it returns 0; relay orders go between them. Then, if it
`wants_settlement(reading)`, the settlement-day register goes to `on_settlement(reading, number, clock_s, settles, registers)`.
Behind all of it come counts, which it wants by `wants_count(meter)` and is told by `on_count(meter, which, count or None)` until that
returns 0. While no relay order is under way `time_to_set()` says which local time is told to all meters now, 0 = none.
"""

from firmware.base import aio, questions, relay, ticks
from firmware.base.port import const
from firmware.base.reading import Reading
from firmware.meter_bus.asker_task import ANSWERED, MALFORMED, REFUSED, SILENT, Asker
from firmware.meter_bus.counters import BusCounters
from firmware.meter_bus.lane import RelayLane
from firmware.meter_bus.plan import NO_METER, ReadPlan
from firmware.meter_bus.relay_sequence import FINISHED

IDLE_WAIT_MS = const(1_000)  # heartbeat of an idle bus
HELD_WAIT_MS = const(50)


class MeterBus:
    """One line with its `meters` (each has `serial` and `model`; see MeterRow); `stamp()` -> (at_s, quality) of this moment."""

    def __init__(self, line, protocol, meters, limits, sink, stamp, heartbeat):
        self._meters = meters
        self._protocol = protocol
        self._limits = limits
        self._sink = sink
        self._stamp = stamp
        self._heartbeat = heartbeat
        self._wake = aio.Event()
        self.counters = BusCounters(len(meters))
        self.orders_refused = 0  # the lane was full
        self.held = False  # before the board is served: relay work that has begun is finished, nothing else is asked
        self._resting = False
        self.cycle_ms = 0  # how long the last full round of readings took, 0 before the first
        self._round_started_ms = aio.now_ms()
        self._round_left = len(meters)
        self._asker = Asker(line, protocol, limits, self.counters, heartbeat)
        self.plan = ReadPlan(len(meters), limits, aio.now_ms())
        self.lane = RelayLane(meters.model_of, limits, sink.on_relay)

    def order(self, meter, action, limit_w=0):
        """Queue a relay order (base/relay) -> False when the lane is full."""
        if not self.lane.put(meter, action, aio.now_ms(), limit_w):
            self.orders_refused += 1
            return False
        self._wake.set()
        return True

    def at_rest(self):
        """True when the bus is held, the line quiet and all relay work that had begun is finished."""
        return self.held and self._resting and self.lane.at_rest()

    async def run(self):
        """Serve the line; returns never."""
        while True:
            self._heartbeat()
            sequence = self.lane.next_due(aio.now_ms(), self.held)
            self._resting = self.held and sequence is None
            if sequence is not None:
                await self._serve(sequence)
                self.lane.sweep()
                continue
            if self.held:
                await aio.sleep_ms(HELD_WAIT_MS)
                continue
            if not len(self.lane):
                await self._set_clocks(self._sink.time_to_set())
            meter = self.plan.next_meter(aio.now_ms())
            if meter != NO_METER:
                await self._read(meter)
                continue
            await self._idle()

    async def _set_clocks(self, local_s):
        """Tell the time, once at each rate that meters here have."""
        bauds = []
        for index in range(len(self._meters) if local_s else 0):
            model = self._meters.model_of(index)
            if model.baud not in bauds:
                bauds.append(model.baud)
                await self._asker.tell_time(local_s, model)

    async def _idle(self):
        now_ms = aio.now_ms()
        wait_ms = self.plan.wait_ms(now_ms, self.lane.wait_ms(now_ms, IDLE_WAIT_MS))
        self._wake.clear()
        try:
            await aio.wait_for_ms(self._wake.wait(), wait_ms + 1)
        except aio.TimeoutError:
            pass  # the usual end of an idle wait

    async def _serve(self, sequence):
        """One step of a relay order."""
        sequence.leave_in_time(aio.now_ms())
        if sequence.state == FINISHED:
            return
        index = sequence.meter
        meter = self._meters[index]
        question = sequence.question()
        arg = sequence.argument() if question in (questions.SEND_RELAY, questions.WRITE_LIMIT) else None
        attempts = 1 if sequence.failing() else self.plan.attempts(index)
        result = await self._asker.ask(question, index, meter, arg, attempts)
        now_ms = aio.now_ms()
        if result == ANSWERED and question == questions.READ_STATUS and not meter.model.limit_di:
            self._sink.on_status(index, self._protocol.status_word, None)
        if result == ANSWERED and question == questions.READ_LIMIT and sequence.action == relay.STATUS:
            self._sink.on_status(index, sequence.word, self._protocol.limit_w)
        if result == ANSWERED and question == questions.READ_CLOCK:
            self._sink.on_meter_clock(index, self._protocol.clock_s)
        if sequence.state == FINISHED:
            return  # overtaken by a newer order while the line was busy
        if result == ANSWERED:
            self._deliver(sequence, question, now_ms)
        elif result == REFUSED:
            sequence.on_refused(self._protocol.error_word, now_ms)
        else:
            sequence.on_silence(now_ms)
        if sequence.state == FINISHED and sequence.action in (relay.CUT, relay.RESTORE, relay.LIMIT):
            self.plan.ask_now(index, now_ms)  # a register right after the switch dates the change

    def _deliver(self, sequence, question, now_ms):
        if question == questions.READ_CLOCK:
            sequence.on_clock(self._protocol.clock_s, now_ms)
        elif question == questions.READ_STATUS:
            sequence.on_status(self._protocol.status_word, now_ms)
        elif question == questions.SEND_RELAY:
            sequence.on_relay_word(self._protocol.relay_word, now_ms)
        elif question == questions.READ_LIMIT:
            sequence.on_limit(self._protocol.limit_w, now_ms)
        elif question == questions.WRITE_LIMIT:
            sequence.on_written(now_ms)
        else:
            power_w = self._protocol.power_w
            sequence.on_load(None if power_w is None else power_w * self._meters[sequence.meter].ratio, now_ms)

    async def _read(self, index):
        """One turn of one meter: registers, then its status word, and now and then its clock."""
        meter = self._meters[index]
        result = await self._asker.ask(questions.READ_ENERGY, index, meter, None, self.plan.attempts(index))
        self._count_round()
        if result == REFUSED:
            self.plan.answered(index, aio.now_ms())
            self._sink.on_refused(index, self._protocol.error_word)
            return
        if result != ANSWERED:
            self.plan.silent(index, aio.now_ms())
            self._sink.on_silence(index, self.plan.failures(index), result == MALFORMED)
            return
        reading = self._take(index, meter)
        if self._sink.wants_clock(index) and await self._asker.ask(questions.READ_CLOCK, index, meter, None, 1) in (ANSWERED, REFUSED):
            self._sink.on_meter_clock(index, self._protocol.clock_s)  # None when it is refused
        await self._fetch_freezes(index, meter, reading)
        await self._fetch_settlement(index, meter, reading)
        result = await self._asker.ask(questions.READ_STATUS, index, meter, None, 1)
        if result == ANSWERED:
            reading.status_word = self._protocol.status_word
        if meter.model.limit_di:
            await self._read_limit(index, meter, reading)
        self.plan.answered(index, aio.now_ms())
        if self._sink.on_reading(reading):
            self.plan.ask_in(index, aio.now_ms(), self._limits.freeze_retry_ms)
        await self._read_counts(index, meter)

    async def _read_counts(self, index, meter):
        """What nobody waits for: behind all else of the turn, and after every relay order."""
        which = self._sink.wants_count(index)
        while which and not self.held and self.lane.next_due(aio.now_ms()) is None:
            result = await self._asker.ask(questions.READ_COUNT, index, meter, which, 1)
            if result not in (ANSWERED, REFUSED):
                return
            which = self._sink.on_count(index, which, self._protocol.count)

    async def _read_limit(self, index, meter, reading):
        """The load limit in force, and the power where there is one: whether it is obeyed shows in nothing else."""
        if await self._asker.ask(questions.READ_LIMIT, index, meter, None, 1) != ANSWERED:
            return
        reading.limit_w = self._protocol.limit_w
        if reading.limit_w in (None, relay.NO_LIMIT):
            return
        if await self._asker.ask(questions.READ_LOAD, index, meter, None, 1) == ANSWERED and self._protocol.power_w is not None:
            reading.power_w = self._protocol.power_w * meter.ratio

    async def _fetch_freezes(self, index, meter, reading):
        number = self._sink.wants_freeze(reading)
        while number and not self.held:
            sequence = self.lane.next_due(aio.now_ms())
            if sequence is not None:
                await self._serve(sequence)
                self.lane.sweep()
                continue
            protocol = self._protocol
            result = await self._asker.ask(questions.READ_FREEZE, index, meter, number, self.plan.attempts(index))
            if result == SILENT:
                return  # the reading waits
            at_local_s = protocol.freeze_s if result == ANSWERED else None
            number = self._sink.on_freeze(reading, result == REFUSED, at_local_s, protocol.registers)

    async def _fetch_settlement(self, index, meter, reading):
        number = self._sink.wants_settlement(reading)
        if not number or await self._asker.ask(questions.READ_CLOCK, index, meter, None, 1) != ANSWERED:
            return
        protocol = self._protocol
        clock_s = protocol.clock_s
        self._sink.on_meter_clock(index, clock_s)
        while number and not self.held:
            if await self._asker.ask(questions.READ_SETTLEMENT, index, meter, number, self.plan.attempts(index)) != ANSWERED:
                return
            number = self._sink.on_settlement(reading, number, clock_s, protocol.settles, protocol.registers)

    def _take(self, index, meter):
        reading = Reading(index, meter.serial)
        reading.at_s, reading.quality = self._stamp()
        reading.rates = meter.model.rates
        for rate in range(len(reading.registers)):
            reading.registers[rate] = self._protocol.registers[rate]
        return reading

    def _count_round(self):
        self._round_left -= 1
        if self._round_left <= 0:
            now_ms = aio.now_ms()
            self.cycle_ms = ticks.diff(now_ms, self._round_started_ms)
            self._round_started_ms = now_ms
            self._round_left = len(self._meters)
