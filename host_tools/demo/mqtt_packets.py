"""Whole MQTT 3.1.1 packets out of a stream of bytes: only what a listener on the wire needs to know.

Written for the tap and for nothing else: the firmware's session and the head-end's client must not be asked what they said.
"""

from dataclasses import dataclass

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
PACKET_MAX = 1 << 20


class NotMqtt(ValueError):
    """These bytes cannot be MQTT."""


@dataclass(frozen=True)
class Packet:
    """`kind` is the packet type, `flags` the low half of the first byte; `raw` are all its bytes."""

    kind: int
    flags: int
    body: bytes
    raw: bytes

    @property
    def packet_id(self) -> int:
        """Of a PUBACK."""
        return int.from_bytes(self.body[:2], "big")


@dataclass(frozen=True)
class Publish:
    """`packet_id` is 0 for QoS 0."""

    topic: str
    payload: bytes
    packet_id: int
    again: bool


class PacketReader:
    """`feed(data)` gives the packets that are complete; the rest waits. NotMqtt when a length cannot be."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        found: list[Packet] = []
        while (size := self._size()) is not None:
            head, whole = size
            raw = bytes(self._buffer[:whole])
            del self._buffer[:whole]
            found.append(Packet(raw[0] >> 4, raw[0] & 15, raw[head:], raw))
        return found

    def _size(self) -> tuple[int, int] | None:
        """(bytes of the head, bytes of the packet) when all of it is here."""
        length = 0
        for place in range(1, 5):
            if place >= len(self._buffer):
                return None
            byte = self._buffer[place]
            length |= (byte & 127) << 7 * (place - 1)
            if byte < 128:
                if length > PACKET_MAX:
                    raise NotMqtt(f"a packet of {length} bytes")
                whole = place + 1 + length
                return (place + 1, whole) if len(self._buffer) >= whole else None
        raise NotMqtt("a length of more than four bytes")


def parse_publish(packet: Packet) -> Publish:
    """Topic and payload. NotMqtt when the packet is too short for them."""
    body, qos = packet.body, packet.flags >> 1 & 3
    if len(body) < 2:
        raise NotMqtt("PUBLISH without a topic")
    end = 2 + int.from_bytes(body[:2], "big")
    start = end + (2 if qos else 0)
    if len(body) < start:
        raise NotMqtt("PUBLISH cut short")
    return Publish(
        body[2:end].decode(errors="replace"), body[start:], int.from_bytes(body[end:start], "big"), bool(packet.flags & 8)
    )
