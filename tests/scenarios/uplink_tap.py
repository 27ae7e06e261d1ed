"""A tap between gateway and broker: passes every byte on at once and writes down, in order, what the gateway said and took.

What the gateway said counts from the moment its bytes left its process, whether or not the broker ever gets them: the kernel
hands them over also when the process dies behind them. So `drained()` must be waited for after a kill, before judging.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2

from host_tools.demo.mqtt_packets import PUBACK, PUBLISH, Packet, PacketReader, Publish, parse_publish
from tests.peers.mqtt_world import HOST, opened

READ_BYTES = 65_536
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Heard:
    """`what` is credit, order or ack (PUBACKed by the gateway; `body` the map), record or reading (published by it), or trouble."""

    what: str
    body: Any


class _Connection:
    """One connection of the gateway: two pumps, and the messages whose PUBACK is outstanding on it."""

    def __init__(self, near: socket.socket, far: socket.socket, hear: Callable[[Heard], None]) -> None:
        self._hear = hear
        self._open: dict[int, Publish] = {}
        self.upwards = threading.Thread(target=self._pump, args=(near, far, self._on_up), daemon=True)
        self.downwards = threading.Thread(target=self._pump, args=(far, near, self._on_down), daemon=True)
        self.upwards.start()
        self.downwards.start()

    def _pump(self, source: socket.socket, target: socket.socket, note: Any) -> None:
        packets = PacketReader()
        forwards = True
        try:
            while data := source.recv(READ_BYTES):
                for packet in packets.feed(data):
                    self._note(note, packet)
                try:
                    if forwards:
                        target.sendall(data)
                except OSError:
                    forwards = False  # the other end is gone; what this one said still counts
        except OSError:
            pass  # reset: as good as closed
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _note(self, note: Any, packet: Packet) -> None:
        try:
            note(packet)
        except Exception as fault:  # garbage on purpose, or a bug: who listens decides
            self._hear(Heard("trouble", f"unreadable on the wire: {fault!r}"))

    def _on_down(self, packet: Packet) -> None:
        if packet.kind == PUBLISH:
            message = parse_publish(packet)
            self._open[message.packet_id] = message

    def _on_up(self, packet: Packet) -> None:
        if packet.kind == PUBACK:
            message = self._open.pop(packet.packet_id, None)
            if message is not None:
                self._hear(Heard(message.topic.rsplit("/", 1)[1].rstrip("s"), _content(message)))
        elif packet.kind == PUBLISH:
            message = parse_publish(packet)
            if message.topic.endswith("/up/journal"):
                body = _content(message)
                for place, raw in enumerate(body[4]):
                    self._hear(Heard("record", (body[2] + place, raw)))
            elif message.topic.endswith("/up/readings"):
                body = cbor2.loads(message.payload)
                for row in body[2]:
                    self._hear(Heard("reading", (row[0], row[1:4] + row[5:])))


def _content(message: Publish) -> dict[int, Any]:
    body = cbor2.loads(opened(message.topic, message.payload))
    assert isinstance(body, dict)
    return body


class Tap:
    """Listens on `port`; `events` grows by what is heard. A context: all its sockets are closed when it ends.

    While `is_open` is False nobody gets through. `then(heard)` is called at once, in the tap's thread, before the broker
    gets it: the place for a kill at the worst moment.
    """

    def __init__(self, broker_port: int) -> None:
        self.events: list[Heard] = []
        self.is_open = True
        self.then: Callable[[Heard], None] | None = None
        self._broker_port = broker_port
        self._listener = socket.create_server((HOST, 0), backlog=16)
        self.port = int(self._listener.getsockname()[1])
        self._live: list[_Connection] = []
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Tap":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DRAIN_SECONDS)
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for connection in self._live:
            connection.upwards.join(DRAIN_SECONDS)
            connection.downwards.join(DRAIN_SECONDS)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # the tap is closed
            if not self.is_open:
                near.close()
                continue
            try:
                far = socket.create_connection((HOST, self._broker_port))
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [near, far]
            self._live.append(_Connection(near, far, self._hear))

    def _hear(self, heard: Heard) -> None:
        self.events.append(heard)
        if self.then is not None:
            self.then(heard)

    def drained(self) -> int:
        """After the gateway died: all it said is written down -> how many events there are."""
        live, self._live = self._live, []
        sockets, self._sockets = self._sockets, []
        for connection in live:
            connection.upwards.join(DRAIN_SECONDS)
            assert not connection.upwards.is_alive(), "the gateway is dead and its connection is not"
            connection.downwards.join(DRAIN_SECONDS)
        for one in sockets:
            one.close()
        return len(self.events)
