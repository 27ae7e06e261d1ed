"""The console: one JSON object a line in both directions, for tools and people on the spot (SPEC 7).

A request is answered row by row, a few rows a tick, no faster than the wire; the next request ends the answer before. While
somebody watches, records, accounts and numbers are told as they come; a board that `streams` tells them all its life,
accounts in one line. The console only looks; the one order it takes, `maintenance`, is authenticated.

Traps avoided: printing text from inside a money path: all is gathered by `view`, outside of it. A reader that does not read
must not stop the gateway: the device never waits, and what it does not take is tried again or dropped. A UART that is
written to waits for its bytes, so half the wire's time is left to the bus.
"""

import json

from firmware.base import aio, ticks
from firmware.base.faults import MaintenanceAsked, Refused
from firmware.base.port import const
from firmware.diagnostics import event_ring as events
from firmware.diagnostics import maintenance as orders
from firmware.diagnostics import request_reader as reader

BUSY_MS = const(20)  # a tick while there is something to say
IDLE_MS = const(250)  # nobody asks: a request waits so long for its first row
STREAM_EVERY_MS = const(100)
STATE_EVERY = const(10)  # times STREAM_EVERY_MS
WATCH_EVERY_MS = const(1_000)
WATCH_REST_TICKS = const(2)
COMPLAIN_EVERY_MS = const(1_000)
LAST_WORDS_MS = const(500)
BATCH_BYTES = const(2_000)
RECEIVE_BYTES = const(64)
RECEIVES_MAX = const(8)  # a tick: a line that chatters must not hold the others


class Console:
    """`device` has write(text) and read_into(buf) (DESIGN, devices), `answers` is answers.Answers, `note` adds an event.

    `bytes_s` is how much may be said a second; with `streams` everything is told unasked.
    """

    def __init__(self, device, view, answers, note, limits, heartbeat, bytes_s, streams):
        self._device = device
        self._view = view
        self._answers = answers
        self._note = note
        self._limits = limits
        self._heartbeat = heartbeat
        self._tick_bytes = max(1, bytes_s * BUSY_MS // 1000)
        self._allowance = 0
        self._reader = reader.RequestReader()
        self._buf = bytearray(RECEIVE_BYTES)
        self._rows = None  # of the answer under way
        self._re = None
        self._told_rows = 0
        self._line = None  # made, but not yet taken by the device
        self._stalled_ms = None
        self._complained_ms = None
        self._watch = None
        self._watch_end_ms = 0
        self._streams = streams
        self._idle_ms = STREAM_EVERY_MS if streams else IDLE_MS
        self._sequence = view.last_sequence()
        self.lines_lost = 0

    async def run(self):
        """Tell and answer, for ever; MaintenanceAsked when the board is to be left alone."""
        self._say({"boot": self._view.boot()})
        streamed_ms = aio.now_ms()
        count = 0
        while True:
            self._heartbeat()
            now_ms = aio.now_ms()
            self._hear(now_ms)
            if self._streams and ticks.reached(now_ms, streamed_ms):
                streamed_ms = ticks.add(now_ms, STREAM_EVERY_MS)
                self._stream(count == 0)
                count = (count + 1) % STATE_EVERY
            self._speak(now_ms)
            if self._answers.maintenance.step(now_ms) == orders.READY:
                await self._say_last_words()
            busy = self._rows is not None or self._watch is not None or self._line is not None
            await aio.sleep_ms(BUSY_MS if busy else self._idle_ms)

    # hearing

    def _hear(self, now_ms):
        for _ in range(RECEIVES_MAX):
            n = self._device.read_into(self._buf)
            if not n:
                return
            self._reader.feed(self._buf, n)
            event = self._reader.next_event()
            while event != reader.NEED_DATA:
                if event == reader.REQUEST:
                    self._begin(self._reader.request, now_ms)
                else:
                    self._complain("too_long" if event == reader.TOO_LONG else "garbage", now_ms)
                event = self._reader.next_event()

    def _complain(self, reason, now_ms):
        """A line that is no request: noise must not be answered with as much noise."""
        self._note(events.REQUEST_DROPPED, 0, self._reader.dropped)
        if self._complained_ms is None or ticks.diff(now_ms, self._complained_ms) >= COMPLAIN_EVERY_MS:
            self._complained_ms = now_ms
            self._say({"re": None, "no": reason, "end": True})

    def _begin(self, request, now_ms):
        if self._answers.maintenance.state in (orders.HELD, orders.READY):
            self._say({"re": request.id, "no": "busy", "end": True})
            return
        if self._rows is not None:
            if request.id is not None and request.id == self._re:
                return  # sent again by an asker that did not wait: its answer is under way
            self._rows = None
            self._say({"re": self._re, "no": "overtaken", "end": True})
        self._re = request.id
        self._told_rows = 0
        try:
            if request.ask == "watch":
                self._begin_watch(request, now_ms)
            else:
                self._rows = self._answers.rows(request, now_ms)
        except Refused as refusal:
            self._end(refusal)

    def _begin_watch(self, request, now_ms):
        seconds = request.number("seconds", 0, self._limits.console_watch_s_max)
        if not seconds:
            self._watch = None
        elif self._watch is None:  # who asks again goes on watching, and misses no record
            self._watch = self._watched()
        self._watch_end_ms = ticks.add(now_ms, seconds * 1000)
        self._end(None)

    # speaking

    def _speak(self, now_ms):
        """As many lines as the wire carries in this tick; at least one when the last tick left something over."""
        self._allowance = min(self._allowance + self._tick_bytes, self._tick_bytes)
        if self._watch is not None and ticks.reached(now_ms, self._watch_end_ms):
            self._watch = None
        while self._allowance > 0:
            if self._line is None:
                self._line = self._next_line()
            if self._line is None:
                return
            if not self._device.write(self._line):
                self._wait_for_reader(now_ms)
                return
            self._allowance -= len(self._line)
            self._line = self._stalled_ms = None

    def _wait_for_reader(self, now_ms):
        """The device takes nothing: after a while nobody reads, and who comes next shall not get old lines."""
        if self._stalled_ms is None:
            self._stalled_ms = now_ms
        elif ticks.diff(now_ms, self._stalled_ms) >= self._limits.console_stall_ms_max:
            self._line = self._stalled_ms = self._rows = self._watch = None
            self.lines_lost += 1

    def _next_line(self):
        """The next row of the answer, else of what is watched; None when there is nothing to say now."""
        if self._rows is not None:
            try:
                row = next(self._rows)
            except StopIteration:
                return self._ended(None)
            except Refused as refusal:
                return self._ended(refusal)
            except Exception as fault:  # a question must never end the gateway, whatever is wrong with its answer
                self._note(events.ANSWER_FAILED, 0, 0)
                return self._ended(Refused("failed", type(fault).__name__ + ": " + str(fault)))
            if row is not None:
                row["re"] = self._re
                self._told_rows += 1
                return _text(row)
        row = next(self._watch) if self._watch is not None else None
        return None if row is None else _text(row)

    def _ended(self, refusal):
        self._rows = None
        end = {"re": self._re, "rows": self._told_rows, "end": True}
        if refusal is not None:
            end["no"] = refusal.reason
            end["what"] = str(refusal)
        return _text(end)

    def _end(self, refusal):
        if not self._device.write(self._ended(refusal)):
            self.lines_lost += 1

    def _say(self, value):
        """One line at once, or it is lost."""
        if self._line is not None or not self._device.write(_text(value)):
            self.lines_lost += 1
            return False
        return True

    async def _say_last_words(self):
        """The end of the answer must be out before the board resets."""
        until_ms = ticks.add(aio.now_ms(), LAST_WORDS_MS)
        while (self._rows is not None or self._line is not None) and not ticks.reached(aio.now_ms(), until_ms):
            self._speak(aio.now_ms())
            await aio.sleep_ms(BUSY_MS)
        await aio.sleep_ms(STREAM_EVERY_MS)
        raise MaintenanceAsked("maintenance")

    # telling unasked

    def _stream(self, with_state):
        for record in self._view.records_after(self._sequence, BATCH_BYTES):
            if not self._say({"record": record}):
                return  # told again next time
            self._sequence = record["sequence"]
        if with_state:
            self._say({"accounts": self._view.accounts()})
            self._say({"now": self._view.now()})

    def _watched(self):
        """Rows without end: numbers and accounts in turn, each second at most, records in between as they come."""
        sequence = self._view.last_sequence()
        while True:
            again_ms = ticks.add(aio.now_ms(), WATCH_EVERY_MS)
            yield {"now": self._view.now()}
            for index in range(self._view.count()):
                for record in self._view.records_after(sequence, 1):
                    sequence = record["sequence"]
                    yield {"record": record}
                yield {"account": self._view.account(index)}
                for _ in range(WATCH_REST_TICKS):
                    yield None  # each row is computed: a watch must not take the time of the bus
            while not ticks.reached(aio.now_ms(), again_ms):
                found = self._view.records_after(sequence, 1)
                for record in found:
                    sequence = record["sequence"]
                    yield {"record": record}
                if not found:
                    yield None


def _text(value):
    return json.dumps(value, separators=(",", ":")) + "\n"
