"""IPv4, UDP and ICMP echo as far as a board needs them (RFC 791, 768, 792, 1071): bytes to fields, fields to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

ICMP, TCP, UDP = 1, 6, 17
HEADER_BYTES = 20
PACKET_MAX = 1_500


def checksum(data: bytes) -> int:
    """RFC 1071: ones' complement of the ones' complement sum of 16-bit words."""
    if len(data) & 1:
        data += b"\x00"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass(frozen=True)
class Packet:
    """One IP packet without options; fragments are not known here."""

    source: IPv4Address
    target: IPv4Address
    protocol: int
    payload: bytes

    @staticmethod
    def parse(data: bytes) -> Packet | None:
        """None when it is no whole, sound IPv4 packet."""
        if len(data) < HEADER_BYTES or data[0] >> 4 != 4:
            return None
        header = (data[0] & 15) * 4
        size = int.from_bytes(data[2:4], "big")
        fragment = int.from_bytes(data[6:8], "big") & 0x3FFF
        if header < HEADER_BYTES or not header <= size <= len(data) or fragment or checksum(data[:header]):
            return None
        return Packet(IPv4Address(data[12:16]), IPv4Address(data[16:20]), data[9], data[header:size])

    def build(self, number: int) -> bytes:
        head = bytes((0x45, 0)) + (HEADER_BYTES + len(self.payload)).to_bytes(2, "big") + (number & 0xFFFF).to_bytes(2, "big")
        head += b"\x00\x00" + bytes((64, self.protocol))
        addresses = self.source.packed + self.target.packed
        return head + checksum(head + b"\x00\x00" + addresses).to_bytes(2, "big") + addresses + self.payload

    def back(self, payload: bytes) -> Packet:
        """The answer to it."""
        return Packet(self.target, self.source, self.protocol, payload)

    def pseudo_header(self) -> bytes:
        """What TCP and UDP add to their checksum (RFC 793 section 3.1)."""
        return self.source.packed + self.target.packed + bytes((0, self.protocol)) + len(self.payload).to_bytes(2, "big")


def echo_reply(packet: Packet) -> Packet | None:
    """The answer to an ICMP echo request."""
    data = packet.payload
    if packet.protocol != ICMP or len(data) < 8 or data[0] != 8 or checksum(data):
        return None
    body = b"\x00\x00\x00\x00" + data[4:]
    return packet.back(body[:2] + checksum(body).to_bytes(2, "big") + body[4:])


def datagram(packet: Packet) -> tuple[int, int, bytes] | None:
    """(source port, target port, data) of a UDP packet."""
    data = packet.payload
    if packet.protocol != UDP or len(data) < 8:
        return None
    size = int.from_bytes(data[4:6], "big")
    if not 8 <= size <= len(data) or (data[6:8] != b"\x00\x00" and checksum(packet.pseudo_header() + data)):
        return None
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), data[8:size]


def udp_answer(packet: Packet, source: int, target: int, data: bytes) -> Packet:
    """A datagram back to where `packet` came from; without a checksum, as RFC 768 allows."""
    head = source.to_bytes(2, "big") + target.to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big") + b"\x00\x00"
    return packet.back(head + data)
