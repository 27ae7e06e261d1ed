"""The life of the uplink: connect, pump stream <-> session <-> sender, close on any fault, back off, again, for ever.

Four waits, each bounded: the parent beats the heart and looks at deadlines; one child connects and reads; one child
writes. `wake()` sets an event, so that what became durable leaves within milliseconds.

Traps avoided: a link that takes no bytes must not stop reading, ticking or the heartbeat, so writing is a task of its
own; garbage in quantity must not starve the bus, so after each message the loop is yielded; a stream is closed on every
way out.
"""

from firmware.base import aio, ticks
from firmware.base.faults import StorageFault, TlsFault, UplinkFault, require
from firmware.base.port import const
from firmware.sync import counters as count
from firmware.sync import messages, session
from firmware.sync.back_off import BackOff
from firmware.sync.dispatch import Dispatcher, Seal
from firmware.sync.sender import Sender

BEAT_MS = const(1_000)  # the longest the parent sleeps
RECEIVE_BYTES = const(1_024)
STABLE_MS = const(10_000)  # a connection that stayed open so long resets the back-off
GATEWAY_NAME_MAX = const(32)
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


class Sync:
    """See the docstring of the package for every argument."""

    def __init__(self, uplink, host, port, gateway_name, key, limits, source, handler, random_bytes, heartbeat, report, orders_only=False):
        require(0 < len(gateway_name) <= GATEWAY_NAME_MAX, "gateway name must be 1 ... 32 characters")
        require(all(c in _NAME_CHARACTERS for c in gateway_name), "gateway name must be letters, digits, - or _")
        require(len(key) == 32, "the key must be 32 bytes")
        name = gateway_name.encode()
        prefix = b"pg1/" + name
        up = [
            (prefix + b"/up/journal", False, True),
            (prefix + b"/up/readings", False, False),
            (prefix + b"/up/status", True, False),
        ]
        down = (prefix + b"/down/credits", prefix + b"/down/orders", prefix + b"/down/acks")
        self.counters = count.SyncCounters()
        self._uplink = uplink
        self._host = host
        self._port = port
        self._limits = limits
        self._heartbeat = heartbeat
        self._report = report
        seal = Seal(name, key)
        will = (up[2][0], messages.OFFLINE_PAYLOAD)
        wanted = down[1:2] if orders_only else down
        self._session = session.Session(limits, name, up, wanted, will, self.counters, orders_only)
        self._sender = Sender(limits, self._session, source, seal, up[0][0], random_bytes, self.counters)
        self._dispatcher = Dispatcher(down, seal, handler, self._sender, self.counters, report)
        self._back_off = BackOff(limits.reconnect_first_ms, limits.reconnect_max_ms, random_bytes)
        self._wake = aio.Event()  # the parent has something to look at
        self._output = aio.Event()  # the writer has something to write
        self._drained = aio.Event()  # the writer wrote something
        self._stream = None
        self._ended = False
        self._opened_ms = None
        self._buf = bytearray(RECEIVE_BYTES)
        self.trouble = None  # why there is no connection, one sentence; None while there is one

    @property
    def connected(self):
        """CONNACK and SUBACKs seen, and not closed since."""
        return self._session.state == session.OPEN

    @property
    def gate_open(self):
        """The head-end compared on this connection, and agrees."""
        return self._session.gate_open

    def in_flight(self):
        """Publishes that the broker has not acknowledged."""
        return self._session.in_flight()

    @property
    def last_ack_ms(self):
        """now_ms of the last authenticated down/acks, None before the first."""
        return self._dispatcher.last_ack_ms

    def wake(self):
        """Something durable is new."""
        self._wake.set()

    def announce(self):
        """Send up/status now."""
        self._sender.announce()
        self._wake.set()

    async def run(self):
        """Serve the uplink; returns never. Raises only what is a bug."""
        while True:
            await self._one_connection()
            deadline_ms = ticks.add(aio.now_ms(), self._back_off.next_ms())
            while not ticks.reached(aio.now_ms(), deadline_ms):
                self._heartbeat()
                await aio.sleep_ms(min(BEAT_MS, max(ticks.diff(deadline_ms, aio.now_ms()), 1)))

    async def _one_connection(self):
        self._ended = False
        self._opened_ms = None
        reader = aio.create_task(self._connect_and_read())
        writer = aio.create_task(self._write())
        try:
            while not self._ended:
                self._heartbeat()
                await self._wait(self._wake, self._attend())
        finally:
            self._ended = True
            try:
                await _finish(reader)
            finally:
                try:
                    await _finish(writer)
                finally:
                    self._close()

    def _attend(self):
        """Deadlines and publishing -> how long the parent may sleep, 0 when there is more to publish at once."""
        now_ms = aio.now_ms()
        self._wake.clear()
        self._session.on_tick(now_ms)
        self._take_events()
        more = self._sender.fill(now_ms)
        if self._opened_ms is not None and ticks.diff(now_ms, self._opened_ms) >= STABLE_MS:
            self._back_off.reset()
        self._wake_writer()
        if more:
            return 0
        wait_ms = min(self._session.wait_ms(now_ms), BEAT_MS)
        return min(wait_ms, self._sender.wait_ms(now_ms)) if self.connected else wait_ms

    def _wake_writer(self):
        if self._session.output() is not None:
            self._output.set()

    async def _wait(self, event, timeout_ms):
        if timeout_ms <= 0:
            await aio.sleep_ms(0)
            return
        try:
            await aio.wait_for_ms(event.wait(), timeout_ms)
        except aio.TimeoutError:
            pass  # the usual end of a quiet beat

    # children

    async def _connect_and_read(self):
        try:
            self._stream = await self._uplink.connect(self._host, self._port, self._limits.uplink_connect_timeout_ms)
            self._session.on_connected(aio.now_ms())
            self._wake.set()
            while not self._ended:
                await self._read_once()
        except UplinkFault as fault:
            self.trouble = str(fault)
            if self._stream is None:
                self.counters.add(count.TLS_REFUSED if isinstance(fault, TlsFault) else count.CONNECT_FAILED)
            self._session.on_closed(count.CLOSED_LINK_FAULT)
        except StorageFault:
            self._session.on_closed(count.CLOSED_HANDLER_FAULT)  # no PUBACK: the broker sends it again
        finally:
            self._ended = True
            self._wake.set()

    async def _read_once(self):
        while self._session.backlogged():
            self._drained.clear()
            await self._wait(self._drained, BEAT_MS)
        filled = await self._stream.receive_into(self._buf, BEAT_MS)
        if filled < 0:
            self._session.on_closed(count.CLOSED_BY_PEER)
        at = 0
        while at < filled:
            at = self._session.feed(self._buf, at, filled, aio.now_ms())
            self._take_events()
            self._wake_writer()  # SUBSCRIBE, PUBACK and resends come without an event
            await aio.sleep_ms(0)
        self._take_events()

    async def _write(self):
        try:
            while not self._ended:
                window = self._session.output()
                if window is None:
                    self._output.clear()
                    await self._output.wait()
                    continue
                buf, start, end = window
                await self._stream.send(buf, start, end, self._limits.mqtt_send_timeout_ms)
                self._session.wrote(end - start, aio.now_ms())
                self._drained.set()
        except UplinkFault as fault:
            self.trouble = str(fault)
            self._session.on_closed(count.CLOSED_LINK_FAULT)
        finally:
            self._ended = True
            self._wake.set()

    def _take_events(self):
        while True:
            event = self._session.next_event()
            if event is None:
                return
            self._wake.set()
            kind = event[0]
            if kind == session.EVENT_MESSAGE:
                self._dispatcher.handle(event[1], event[2], aio.now_ms())
                self._session.puback(event[3])
            elif kind == session.EVENT_OVERSIZED:
                self._dispatcher.garbage(count.POISON_TOO_LARGE)
            elif kind == session.EVENT_CONNECTED:
                self._opened_ms = aio.now_ms()
                self.trouble = None
                self._sender.on_connected(self._opened_ms)
                self._report(count.CONNECTED, self.counters.of(count.CONNECTED))
            elif kind == session.EVENT_CLOSE:
                self._ended = True
                self._report(event[1], self.counters.of(event[1]))

    def _close(self):
        self._session.on_closed(count.CLOSED_ON_REQUEST)
        self._take_events()
        if self._stream is not None:
            self._stream.close()
            self._stream = None


async def _finish(task):
    """Wait until a child has ended; what it raised itself is a bug and goes up."""
    if task.done():
        await task
    else:
        await aio.cancel(task)
