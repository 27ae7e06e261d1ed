"""The uplink: a TCP-like link that fails in the ways of links, and an MQTT broker with one persistent session, byte by byte.

The broker keeps what it accepted for the gateway until the PUBACK, and sends it again with DUP at the next connection; what
gateways say it hands to `central`, late, twice or not at all. Faults are asked of `Weather`, which the world changes.

`on_puback(topic, payload)` is called at the instant when the gateway has let the PUBACK of a message go: what it promised with
it must be durable now. `on_publish(topic, payload)` likewise for what it says. `on_delivered(topic, payload)`: just before a message
has come whole, and the gateway may act by it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from firmware.base import aio
from firmware.base.faults import UplinkFault
from tests.sim.flash import PowerLost
from tests.sim.loop import Event, Loop

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14
KEEP_ALIVE_SLACK = 1.5
QUEUED_MAX = 200
IN_FLIGHT_MAX = 20  # what brokers send before the first PUBACK came


@dataclass
class Weather:
    """How the link is now; everything 0 is a good day."""

    up: bool = True
    half_open: bool = False  # bytes vanish both ways, and nobody is told
    latency_ms: int = 40
    jitter_ms: int = 20
    cut: float = 0.0  # chance of each packet to be the last of its connection
    lost: float = 0.0  # chance of each message to be lost between broker and head-end
    twice: float = 0.0  # and to come twice
    late: float = 0.0  # and to come seconds later, behind others


class Stream:
    """One connection as the gateway sees it (DESIGN: devices, Stream)."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._inbox = bytearray()
        self._news = Event()
        self._closed = False
        self.dead = False  # the power of this life is gone
        self.gone = False  # the broker holds it for over
        self.cut = False  # no further byte comes through, either way
        self.out_ready_ms = 0
        self.in_ready_ms = 0
        self.partial = bytearray()

    async def receive_into(self, buf: bytearray, timeout_ms: int) -> int:
        if not self._inbox and not self._closed:
            self._news.clear()
            try:
                await aio.wait_for_ms(self._news.wait(), timeout_ms)
            except aio.TimeoutError:
                return 0
        if self._inbox:
            count = min(len(buf), len(self._inbox))
            buf[:count] = self._inbox[:count]
            del self._inbox[:count]
            return count
        return -1

    async def send(self, buf: bytearray, start: int, end: int, timeout_ms: int) -> None:
        if self.dead:
            raise PowerLost
        if self._closed:
            raise UplinkFault("the connection was closed")
        self._broker.from_gateway(self, bytes(memoryview(buf)[start:end]))
        await aio.sleep_ms(0)

    def close(self) -> None:
        if not self._closed and not self.dead:
            self._closed = True
            self._broker.closed_by_gateway(self)

    # what the world does to it

    def deliver(self, data: bytes) -> None:
        if not self._closed and not self.dead:
            self._inbox += data
            self._news.set()

    def broken(self) -> None:
        """The gateway finds it closed."""
        if not self.dead:
            self._closed = True
            self._news.set()


class Broker:
    """Uplink of the board, and the broker behind it. `central.heard(topic, payload)` gets what gateways publish."""

    def __init__(self, loop: Loop, rng: random.Random) -> None:
        self.loop = loop
        self.weather = Weather()
        self.on_puback: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_publish: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_delivered: Callable[[str, bytes], None] = lambda topic, payload: None
        self.heard: Callable[[str, bytes], None] = lambda topic, payload: None
        self.connections = 0
        self._rng = rng
        self._stream: Stream | None = None
        self._session = False
        self._queue: dict[int, tuple[str, bytes]] = {}  # waits for its PUBACK, oldest first
        self._sent: set[int] = set()  # on this connection
        self._packet_id = 0
        self._will: tuple[str, bytes] | None = None
        self._heard_ms = 0
        self._keep_alive_ms = 60_000
        self._watching = False

    # the board's side

    async def connect(self, host: str, port: int, timeout_ms: int) -> Stream:
        await aio.sleep_ms(self._delay())
        if not self.weather.up:
            raise UplinkFault("no way to the broker")
        if self.weather.half_open:
            await aio.sleep_ms(timeout_ms)
            raise UplinkFault("no answer")
        self._drop(True)
        self.connections += 1
        self._stream = Stream(self)
        return self._stream

    def power_lost(self) -> None:
        """The board says nothing any more; the broker finds out by the keep-alive."""
        if self._stream is not None:
            self._stream.dead = True

    def set_up(self, up: bool) -> None:
        self.weather.up = up
        if not up and self._stream is not None:
            self._break(self._stream)

    # to the gateway

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1 for the gateway: kept until its PUBACK. A full queue takes no more, as with real brokers."""
        if len(self._queue) >= QUEUED_MAX:
            return
        self._packet_id = self._packet_id % 65_535 + 1
        self._queue[self._packet_id] = (topic, payload)
        self._send_queued()

    def _send_queued(self) -> None:
        stream = self._stream
        if stream is None or not self._session or stream.gone:
            return
        for packet_id, (topic, payload) in islice(self._queue.items(), IN_FLIGHT_MAX):
            if packet_id not in self._sent:
                name = topic.encode()
                body = len(name).to_bytes(2, "big") + name + packet_id.to_bytes(2, "big") + payload
                self._sent.add(packet_id)
                self._to_gateway(stream, 0x32, body)

    def _to_gateway(self, stream: Stream, first: int, body: bytes) -> None:
        data = bytes([first]) + _length(len(body)) + body
        stream.in_ready_ms = max(stream.in_ready_ms, self.loop.now_ms + self._delay())
        self.loop.at(stream.in_ready_ms, lambda: self._arrive(stream, data))

    def _arrive(self, stream: Stream, data: bytes) -> None:
        if self.weather.half_open or stream.gone or stream.cut:
            return
        if self._strikes(self.weather.cut):
            stream.deliver(data[: self._rng.randrange(len(data))])
            self._break(stream)
            return
        if data[0] >> 4 == PUBLISH and not stream.dead:
            body = data[_head(data)[0] :]
            end = 2 + (body[0] << 8 | body[1])
            self.on_delivered(body[2:end].decode(), body[end + 2 :])
        stream.deliver(data)

    # from the gateway

    def from_gateway(self, stream: Stream, data: bytes) -> None:
        self._look(stream, data)
        if stream.cut:
            return
        if self._strikes(self.weather.cut):
            data = data[: self._rng.randrange(len(data))]
            stream.cut = True
            self.loop.after(self._delay(), lambda: self._break(stream))
        stream.out_ready_ms = max(stream.out_ready_ms, self.loop.now_ms + self._delay())
        self.loop.at(stream.out_ready_ms, lambda: self._take(stream, data))

    def _look(self, stream: Stream, data: bytes) -> None:
        """What the gateway lets go is a promise, whether it arrives or not. It writes whole packets."""
        kind = data[0] >> 4
        body = data[_head(data)[0] :]
        if kind == PUBLISH:
            end = 2 + (body[0] << 8 | body[1])
            self.on_publish(body[2:end].decode(), body[end + 2 :])
        elif kind == PUBACK:
            known = self._queue.get(body[0] << 8 | body[1])
            if known is not None:
                self.on_puback(*known)

    def _take(self, stream: Stream, data: bytes) -> None:
        if self.weather.half_open or stream.gone:
            return
        self._heard_ms = self.loop.now_ms
        stream.partial += data
        while len(stream.partial) >= 2:
            start, length = _head(stream.partial)
            if not start or len(stream.partial) < start + length:
                return
            packet, body = stream.partial[0], bytes(stream.partial[start : start + length])
            del stream.partial[: start + length]
            self._packet(stream, packet, body)

    def _packet(self, stream: Stream, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == CONNECT:
            self._on_connect(stream, body)
        elif kind == SUBSCRIBE:
            self._to_gateway(stream, 0x90, body[:2] + b"\x01")
            self._send_queued()
        elif kind == PINGREQ:
            self._to_gateway(stream, 0xD0, b"")
        elif kind == PUBACK:
            packet_id = body[0] << 8 | body[1]
            self._queue.pop(packet_id, None)
            self._sent.discard(packet_id)
            self._send_queued()
        elif kind == PUBLISH:
            end = 2 + (body[0] << 8 | body[1])
            if first & 0x06:
                self._to_gateway(stream, 0x40, body[end : end + 2])
            self._hand_over(body[2:end].decode(), body[end + 2 :])

    def _on_connect(self, stream: Stream, body: bytes) -> None:
        self._sent = set()
        self._keep_alive_ms = (body[8] << 8 | body[9]) * 1000
        if body[7] & 0x04:
            self._will = _will_of(body)
        self._to_gateway(stream, 0x20, b"\x01\x00" if self._session else b"\x00\x00")
        self._session = True
        self._heard_ms = self.loop.now_ms
        if not self._watching:
            self._watching = True
            self._watch()
        self._send_queued()

    def _watch(self) -> None:
        """A silent client is dropped after one and a half keep-alives."""
        limit_ms = int(self._keep_alive_ms * KEEP_ALIVE_SLACK)
        quiet_ms = self.loop.now_ms - self._heard_ms
        if self._stream is not None and quiet_ms >= limit_ms:
            self._break(self._stream)
        if self._stream is None:
            self._watching = False
            return
        self.loop.after(max(1_000, limit_ms - quiet_ms), self._watch)

    def _hand_over(self, topic: str, payload: bytes) -> None:
        """To the head-end, as reliable as the weather."""
        if self._strikes(self.weather.lost):
            return
        delay_ms = self._delay()
        if self._strikes(self.weather.late):
            delay_ms += self._rng.randrange(30_000)
        self.loop.after(delay_ms, lambda: self.heard(topic, payload))
        if self._strikes(self.weather.twice):
            self.loop.after(delay_ms + self._rng.randrange(20_000), lambda: self.heard(topic, payload))

    # ends

    def closed_by_gateway(self, stream: Stream) -> None:
        self.loop.after(self._delay(), lambda: self._end(stream))

    def _break(self, stream: Stream) -> None:
        stream.broken()
        self._end(stream)

    def _end(self, stream: Stream) -> None:
        stream.gone = True
        if self._stream is stream:
            self._drop(False)

    def _drop(self, replaced: bool) -> None:
        if self._stream is not None:
            self._stream.gone = True
            self._stream.broken()
            self._stream = None
        if self._will is not None:
            will, self._will = self._will, None
            self._hand_over(*will)

    def _delay(self) -> int:
        weather = self.weather
        return weather.latency_ms + (self._rng.randrange(weather.jitter_ms) if weather.jitter_ms else 0)

    def _strikes(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance


def _length(count: int) -> bytes:
    out = bytearray()
    while True:
        out.append(count & 0x7F | (0x80 if count > 0x7F else 0))
        count >>= 7
        if not count:
            return bytes(out)


def _head(data: bytes | bytearray) -> tuple[int, int]:
    """(offset of the body, its length) of the packet at the beginning; (0, 0) when the length is not there yet."""
    length, shift = 0, 0
    for at in range(1, min(len(data), 5)):
        length |= (data[at] & 0x7F) << shift
        shift += 7
        if not data[at] & 0x80:
            return at + 1, length
    return 0, 0


def _will_of(body: bytes) -> tuple[str, bytes]:
    at = 10
    texts = []
    for _ in range(3):
        length = body[at] << 8 | body[at + 1]
        texts.append(body[at + 2 : at + 2 + length])
        at += 2 + length
    return texts[1].decode(), texts[2]
