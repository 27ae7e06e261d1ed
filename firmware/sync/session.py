"""One MQTT 3.1.1 session over many connections: framing, ids, window, time-outs. Pure: bytes and ticks in, events and
bytes out.

    CLOSED --on_connected--> WAIT_CONNACK --CONNACK 0--> SUBSCRIBING --all SUBACKs--> OPEN     (session kept: straight
    to OPEN) any state --fault, time-out, on_closed--> CLOSED; unacknowledged publishes stay and go again, with DUP,
    when OPEN

What the other side may send in which state is the table below; every other packet closes the connection (UNEXPECTED).

The gate: a gated topic (up/journal) is neither published nor sent again before `open_gate()`, anew on each connection,
and it never takes the last place of the window, so that the status that opens the gate always finds one.

Traps avoided: PUBACK leaves only through `puback()`, after the durable verdict. A time-out of PUBACK closes, because
MQTT 3.1.1 sends again only after a reconnect. Session present without a SUBACK seen in this life still subscribes: the
broker may have kept a session whose SUBSCRIBE was lost, and we would be deaf for ever.
"""

from firmware.base import ticks
from firmware.base.faults import WireFault, require
from firmware.base.port import const
from firmware.sync import counters as count
from firmware.sync import mqtt_codec as codec
from firmware.sync.framing import NEED_DATA, OVERSIZED, PacketReader

CLOSED = const(0)
WAIT_CONNACK = const(1)
SUBSCRIBING = const(2)
OPEN = const(3)

EVENT_CONNECTED = const(1)  # (kind, session_present)
EVENT_PUBACKED = const(2)  # (kind, token)
EVENT_MESSAGE = const(3)  # (kind, topic, payload, packet id or 0)
EVENT_OVERSIZED = const(4)  # (kind, bytes of the packet's first byte): drained, acknowledged already
EVENT_CLOSE = const(5)  # (kind, reason: a CLOSED_ code of counters)

_TABLE = {  # state, and in the low four bits the kind of packet
    WAIT_CONNACK << 4 | codec.CONNACK: "_on_connack",
    SUBSCRIBING << 4 | codec.SUBACK: "_on_suback",
    SUBSCRIBING << 4 | codec.PUBLISH: "_on_publish",
    SUBSCRIBING << 4 | codec.PINGRESP: "_on_pingresp",
    OPEN << 4 | codec.PUBLISH: "_on_publish",
    OPEN << 4 | codec.PUBACK: "_on_puback",
    OPEN << 4 | codec.PINGRESP: "_on_pingresp",
}
WITHHELD_MAX = const(32)  # messages whose verdict may be outstanding at once


class _Flight:
    """One publish until its PUBACK: the packet as encoded, and whether a byte of it has left since it was queued last."""

    def __init__(self, packet_id, topic_index, packet):
        self.packet_id = packet_id
        self.topic_index = topic_index
        self.packet = packet
        self.queued = False
        self.left = False
        self.left_ms = 0


class Session:
    """`up_topics` [(topic, retain, gated), ...]; `down_topics` filters; `will` (topic, payload). All text is bytes. `clean`: the
    broker keeps nothing of it, and forgets what it kept."""

    def __init__(self, limits, client_id, up_topics, down_topics, will, counters, clean=False):
        self.state = CLOSED
        self.counters = counters
        self.gate_open = False
        self._limits = limits
        self._connect = codec.connect_packet(client_id, limits.mqtt_keep_alive_s, will[0], will[1], clean=clean)
        self._up_topics = up_topics
        self._down_topics = down_topics
        self._reader = PacketReader(limits.mqtt_packet_max_bytes)
        self._keep_alive_ms = limits.mqtt_keep_alive_s * 1_000
        self._next_id = 1
        self._flights = []  # in the order first published, which is the order sent again
        self._subscribed = False  # SUBACK of all filters seen, and the broker has not lost the session since
        self._events = []
        self._clear_connection(0)

    def _clear_connection(self, now_ms):
        self._reader.reset()
        self._queue = []  # packets to be written: [(packet, flight or None)]
        self._queued_bytes = 0
        self._written = 0  # bytes of the first packet in the queue
        self._withheld = []
        self._awaited_subacks = []
        self._waiting_since_ms = now_ms
        self._received_ms = now_ms
        self._sent_ms = now_ms
        self._ping_ms = None
        self.gate_open = False
        for flight in self._flights:
            flight.queued = False

    # the connection

    def on_connected(self, now_ms):
        """A stream is open: CONNECT is queued."""
        require(self.state == CLOSED, "connected twice")
        self._events = []
        self._clear_connection(now_ms)
        self.state = WAIT_CONNACK
        self._enqueue(self._connect, None)

    def on_closed(self, reason):
        """The stream ended (a CLOSED_ code); publishes without PUBACK are kept. Nothing when closed already."""
        if self.state == CLOSED:
            return
        self.state = CLOSED
        self._clear_connection(0)
        self.counters.add(reason)
        self._events.append((EVENT_CLOSE, reason))

    def feed(self, buf, start, end, now_ms):
        """Take bytes of buf[start:end], at most one packet -> index after them. Take the events before feeding more."""
        if self.state == CLOSED:
            return end
        self._received_ms = now_ms  # any byte proves that the link lives
        self._ping_ms = None
        try:
            at, result = self._reader.feed(buf, start, end)
            if result == OVERSIZED:
                self._on_oversized()
            elif result != NEED_DATA:
                self._on_packet(now_ms)
        except WireFault:
            self.on_closed(count.CLOSED_MALFORMED)
            return end
        return at

    def next_event(self):
        """The oldest event, or None."""
        return self._events.pop(0) if self._events else None

    # time

    def on_tick(self, now_ms):
        """Look at the deadlines; may queue PINGREQ or close."""
        limits = self._limits
        if self.state == WAIT_CONNACK:
            if self._past(self._waiting_since_ms, limits.mqtt_connack_timeout_ms, now_ms):
                self.on_closed(count.CLOSED_CONNACK_TIMEOUT)
        elif self.state == SUBSCRIBING:
            if self._past(self._waiting_since_ms, limits.mqtt_connack_timeout_ms, now_ms):
                self.on_closed(count.CLOSED_SUBACK_TIMEOUT)
        elif self.state == OPEN:
            for flight in self._flights:
                if flight.queued and flight.left and self._past(flight.left_ms, limits.mqtt_puback_timeout_ms, now_ms):
                    self.on_closed(count.CLOSED_PUBACK_TIMEOUT)
                    return
            self._keep_alive(now_ms)

    def _keep_alive(self, now_ms):
        """PINGREQ after half a keep-alive of quiet either way; silent for 3/4 after it: half-open, seen within 1.25."""
        if self._ping_ms is not None:
            if self._past(self._ping_ms, self._keep_alive_ms * 3 // 4, now_ms):
                self.on_closed(count.CLOSED_SILENT)
            return
        quiet_ms = self._keep_alive_ms // 2
        if self._past(self._received_ms, quiet_ms, now_ms) or self._past(self._sent_ms, quiet_ms, now_ms):
            self._ping_ms = now_ms
            self._enqueue(codec.PINGREQ_PACKET, None)

    def wait_ms(self, now_ms):
        """How long until on_tick has something to look at, at most a quarter of the keep-alive."""
        wait_ms = self._keep_alive_ms // 4
        marks = ()
        if self.state == OPEN:
            marks = ((self._ping_ms, self._keep_alive_ms * 3 // 4),)
            if self._ping_ms is None:
                marks = ((self._received_ms, self._keep_alive_ms // 2), (self._sent_ms, self._keep_alive_ms // 2))
        elif self.state != CLOSED:
            marks = ((self._waiting_since_ms, self._limits.mqtt_connack_timeout_ms),)
        for since_ms, period_ms in marks:
            wait_ms = min(wait_ms, period_ms - ticks.diff(now_ms, since_ms))
        return max(wait_ms, 0)

    def _past(self, since_ms, period_ms, now_ms):
        return ticks.diff(now_ms, since_ms) >= period_ms

    # going out

    def can_publish(self, topic_index):
        """True when publish() would take it now."""
        if self.state != OPEN or len(self._flights) >= self._limits.mqtt_in_flight_max:
            return False
        if self._queued_bytes >= self._limits.mqtt_backlog_max_bytes:
            return False
        if not self._up_topics[topic_index][2]:
            return True
        gated = sum(1 for flight in self._flights if self._up_topics[flight.topic_index][2])
        return self.gate_open and gated < self._limits.mqtt_in_flight_max - 1

    def publish(self, topic_index, payload):
        """Queue a publish at QoS 1 -> token, answered by EVENT_PUBACKED(token); None when it cannot be taken now."""
        if not self.can_publish(topic_index):
            return None
        packet_id = self._take_id()
        topic, retain, _ = self._up_topics[topic_index]
        flight = _Flight(packet_id, topic_index, codec.publish_packet(topic, payload, packet_id, retain))
        self._flights.append(flight)
        self._send_flight(flight)
        self.counters.add(count.PUBLISHED)
        return packet_id

    def puback(self, packet_id):
        """The verdict is durable: acknowledge. Nothing for id 0 and for ids of an earlier connection."""
        if packet_id in self._withheld:
            self._withheld.remove(packet_id)
            self._enqueue(codec.puback_packet(packet_id), None)

    def open_gate(self):
        """Gated topics may flow until the connection ends; what was unacknowledged goes first."""
        if self.state == OPEN and not self.gate_open:
            self.gate_open = True
            self._send_again(True)

    def shut_gate(self):
        """No new publish on gated topics."""
        self.gate_open = False

    def in_flight(self):
        """Publishes without PUBACK."""
        return len(self._flights)

    def backlogged(self):
        """True when more is queued than the bound: read no more until something was written."""
        return self._queued_bytes >= self._limits.mqtt_backlog_max_bytes

    def output(self):
        """(buf, start, end) to be written next, one packet at most; None when there is nothing."""
        if not self._queue:
            return None
        packet = self._queue[0][0]
        return packet, self._written, len(packet)

    def wrote(self, count_bytes, now_ms):
        """So many bytes of output() have left. Nothing when the connection ended while they left."""
        if not self._queue:
            return
        packet, flight = self._queue[0]
        self._sent_ms = now_ms
        if flight is not None:
            flight.left = True
            flight.left_ms = now_ms
        self._written += count_bytes
        self._queued_bytes -= count_bytes
        if self._written >= len(packet):
            self._queue.pop(0)
            self._written = 0

    def _enqueue(self, packet, flight):
        self._queue.append((packet, flight))
        self._queued_bytes += len(packet)

    def _send_flight(self, flight):
        flight.queued = True
        if flight.left:
            flight.left = False  # its time on an earlier connection would close this one before it is written
            flight.packet[0] |= codec.PUBLISH_DUP
            self.counters.add(count.RESENT)
        self._enqueue(flight.packet, flight)

    def _send_again(self, gated):
        for flight in self._flights:
            if not flight.queued and self._up_topics[flight.topic_index][2] == gated:
                self._send_flight(flight)

    def _take_id(self):
        """1 ... 65535, wrapping, passing over those still in use; the window is far smaller, so there is one."""
        used = [flight.packet_id for flight in self._flights] + self._awaited_subacks
        while self._next_id in used:
            self._step_id()
        packet_id = self._next_id
        self._step_id()
        return packet_id

    def _step_id(self):
        self._next_id = 1 if self._next_id >= codec.PACKET_ID_MAX else self._next_id + 1

    # coming in

    def _on_packet(self, now_ms):
        reader = self._reader
        kind = reader.first >> 4
        row = _TABLE.get(self.state << 4 | kind)
        if row is None:
            self.on_closed(count.CLOSED_UNEXPECTED)
            return
        if kind != codec.PUBLISH and reader.first & 0x0F:
            raise WireFault("reserved flags are set")
        getattr(self, row)(reader.packet, reader.body, reader.end, now_ms)

    def _on_connack(self, packet, body, end, now_ms):
        if end - body != 2 or packet[body] > 1:
            raise WireFault("CONNACK of wrong shape")
        if packet[body + 1]:
            self.on_closed(count.CLOSED_CONNECT_REFUSED)
            return
        session_present = packet[body] == 1
        self._waiting_since_ms = now_ms
        if session_present and self._subscribed:
            self._open(True)
            return
        self._subscribed = False
        self.state = SUBSCRIBING
        for topic in self._down_topics:
            packet_id = self._take_id()
            self._awaited_subacks.append(packet_id)
            self._enqueue(codec.subscribe_packet(topic, packet_id), None)
        self._session_present = session_present

    def _on_suback(self, packet, body, end, now_ms):
        if end - body != 3 or codec.packet_id_at(packet, body) not in self._awaited_subacks:
            raise WireFault("SUBACK of wrong shape or number")
        if packet[body + 2] != 1:
            self.on_closed(count.CLOSED_SUBSCRIBE_REFUSED)
            return
        self._awaited_subacks.remove(codec.packet_id_at(packet, body))
        if not self._awaited_subacks:
            self._subscribed = True
            self._open(self._session_present)

    def _open(self, session_present):
        self.state = OPEN
        self.counters.add(count.CONNECTED)
        self._send_again(False)
        self._events.append((EVENT_CONNECTED, session_present))

    def _on_puback(self, packet, body, end, now_ms):
        if end - body != 2:
            raise WireFault("PUBACK of wrong length")
        packet_id = codec.packet_id_at(packet, body)
        for flight in self._flights:
            if flight.packet_id == packet_id and flight.queued:
                self._flights.remove(flight)
                self._events.append((EVENT_PUBACKED, packet_id))
                return
        self.counters.add(count.PUBACK_UNKNOWN)

    def _on_publish(self, packet, body, end, now_ms):
        topic, payload, packet_id = codec.parse_publish(packet, 0, body, end)
        self.counters.add(count.MESSAGES)
        if packet_id and not self._withhold(packet_id):
            return
        self._events.append((EVENT_MESSAGE, topic, payload, packet_id))

    def _on_oversized(self):
        first = self._reader.first
        qos = first >> 1 & 3
        if first >> 4 != codec.PUBLISH or self.state < SUBSCRIBING or qos > 1:
            self.on_closed(count.CLOSED_UNEXPECTED)
            return
        packet_id = self._reader.packet_id
        if qos and not packet_id:
            raise WireFault("oversized PUBLISH without packet id")
        self._events.append((EVENT_OVERSIZED, first))
        if packet_id and self._withhold(packet_id):
            self.puback(packet_id)

    def _withhold(self, packet_id):
        """Remember that a PUBACK is owed; a repeat of an owed id is one debt."""
        if packet_id not in self._withheld:
            if len(self._withheld) >= WITHHELD_MAX:
                self.on_closed(count.CLOSED_OVERRUN)
                return False
            self._withheld.append(packet_id)
        return True

    def _on_pingresp(self, packet, body, end, now_ms):
        if end != body:
            raise WireFault("PINGRESP with a body")
