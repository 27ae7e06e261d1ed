"""Asks one question of one meter over the line and waits for its answer: the only place where bus time is spent.

Deadlines follow dlt645.md 1.4: the reply starts within the model's start time-out, and its bytes follow each other
closely; the whole answer is bounded besides, so a chattering line cannot hold the bus.

Trap avoided: a late answer to an earlier request. Input is discarded before each request, the protocol matches address,
control and item, and before the same meter is asked again the line is left to fall silent; what comes then is dropped.
"""

from firmware.base import aio, questions, ticks
from firmware.base.faults import WireFault
from firmware.base.port import const
from firmware.meter_bus import counters

ANSWERED = const(0)
REFUSED = const(1)
SILENT = const(2)
MALFORMED = const(3)

RECEIVE_BYTES = const(256)
BYTE_BAUD_MS = const(11_000)  # ms of one byte times the baud rate: start, 8 data, even parity, stop
FRAMES_MAX = const(64)  # follow-ups and parts of one question: bounded whatever the meter says


class Asker:
    """`ask` one question at a time; results stay on `protocol` until the next one."""

    def __init__(self, line, protocol, limits, bus_counters, heartbeat):
        self._line = line
        self._protocol = protocol
        self._limits = limits
        self._counters = bus_counters
        self._heartbeat = heartbeat
        self._buf = bytearray(RECEIVE_BYTES)

    async def ask(self, question, index, meter, arg, attempts):
        """-> ANSWERED, REFUSED, SILENT or MALFORMED after at most `attempts`. SEND_RELAY and WRITE_LIMIT are never repeated here."""
        if question == questions.SEND_RELAY or question == questions.WRITE_LIMIT:
            attempts = 1
        result = SILENT
        for attempt in range(attempts):
            if attempt:
                self._counters.add(index, counters.RETRIED)
                await self._let_fall_silent()
            result = await self._ask_once(question, index, meter, arg)
            if result in (ANSWERED, REFUSED):
                break
        await aio.sleep_ms(self._limits.quiet_between_exchanges_ms)
        return result

    async def tell_time(self, local_s, model):
        """The broadcast that sets the clocks of all meters at the rate of this model; nobody answers it."""
        self._line.set_rate(model.baud)
        self._line.discard_input()
        self._protocol.begin_broadcast(local_s, model.preamble)
        try:
            await self._line.send(self._protocol.request, 0, self._protocol.request_end)
        except WireFault:
            pass  # what the clocks came to is read back in any case
        await aio.sleep_ms(self._limits.quiet_between_exchanges_ms)

    async def _ask_once(self, question, index, meter, arg):
        protocol = self._protocol
        self._line.set_rate(meter.model.baud)
        self._line.discard_input()
        protocol.begin(question, meter, arg)
        if not protocol.request_end:
            return self._result(protocol.next_event(), index)  # this model has no such thing: nothing is sent
        try:
            for _ in range(FRAMES_MAX):
                self._heartbeat()  # a meter of many words is no stuck task
                await self._line.send(protocol.request, 0, protocol.request_end)
                event = await self._answer(meter.model, index)
                if event == questions.SEND:
                    await aio.sleep_ms(self._limits.quiet_between_exchanges_ms)
                    continue
                return self._result(event, index)
        except WireFault:
            self._counters.add(index, counters.MALFORMED)
            return MALFORMED
        self._counters.add(index, counters.MALFORMED)
        return MALFORMED

    async def _answer(self, model, index):
        """Feed the protocol until it decides; NEED_DATA back means that time ran out."""
        protocol = self._protocol
        now_ms = aio.now_ms()
        end_ms = ticks.add(now_ms, model.reply_start_timeout_ms + self._limits.reply_longest_ms)
        deadline_ms = ticks.add(now_ms, model.reply_start_timeout_ms)
        heard = False
        while True:
            wait_ms = ticks.diff(deadline_ms, aio.now_ms())
            n = await self._line.receive_into(self._buf, wait_ms) if wait_ms > 0 else 0
            if n:
                heard = True
                protocol.feed(self._buf, 0, n)
                event = protocol.next_event()
                if event != questions.NEED_DATA:
                    return event
                deadline_ms = self._extended(deadline_ms, end_ms, model)
                # each look costs more than the byte that it finds: let those come that must come
                await aio.sleep_ms(min(protocol.missing() * BYTE_BAUD_MS // model.baud, model.inter_byte_timeout_ms // 2))
            if ticks.reached(aio.now_ms(), deadline_ms):
                break
        # a noise byte that looked like a long frame may hide the true one: let the receiver look again
        event = protocol.on_time_out()
        if event != questions.NEED_DATA:
            return event
        self._counters.add(index, counters.BROKEN_OFF if heard else counters.SILENT)
        return questions.NEED_DATA

    def _extended(self, deadline_ms, end_ms, model):
        """Bytes came: the next ones have the inter-byte time, but never beyond the end of the whole answer."""
        # an echo of our own request must not shorten the time that the meter has to begin
        next_ms = ticks.add(aio.now_ms(), model.inter_byte_timeout_ms)
        if ticks.diff(next_ms, deadline_ms) < 0:
            next_ms = deadline_ms
        return end_ms if ticks.diff(next_ms, end_ms) > 0 else next_ms

    async def _let_fall_silent(self):
        """Before asking the same meter again: wait until a late answer has come and gone, bounded."""
        for _ in range(8):
            n = await self._line.receive_into(self._buf, self._limits.late_answer_wait_ms)
            if not n:
                return

    def _result(self, event, index):
        if event == questions.DONE:
            self._counters.add(index, counters.ANSWERED)
            return ANSWERED
        if event == questions.REFUSED:
            self._counters.add(index, counters.REFUSED)
            return REFUSED
        return SILENT
