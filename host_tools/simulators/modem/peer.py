"""The network's end of PPP: LCP, PAP and IPCP (RFC 1661, 1334, 1332, 1877). Frames in, frames out, time given.

It demands little and gives an address and a name server; what it does not know is rejected, what it wants otherwise is
named. A peer that is silent is asked again each second, for as long as the modem's call lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address

from host_tools.simulators.modem.hdlc import IP, IPCP, LCP, PAP

REQUEST, ACK, NAK, REJECT, TERMINATE, TERMINATE_ACK, CODE_REJECT, PROTOCOL_REJECT, ECHO, ECHO_REPLY = range(1, 11)
MRU, ACCM, AUTH, MAGIC, PROTOCOL_COMPRESSION, ADDRESS_COMPRESSION = 1, 2, 3, 5, 7, 8
ADDRESS, DNS_FIRST, DNS_SECOND = 3, 0x81, 0x83
PAP_REQUEST, PAP_ACK, PAP_NAK = 1, 2, 3
AGAIN_NS = 1_000_000_000

Frame = tuple[int, bytes]


@dataclass
class Addresses:
    """What the network gives."""

    board: IPv4Address = IPv4Address("10.0.2.15")
    gateway: IPv4Address = IPv4Address("10.0.2.2")
    name_server: IPv4Address = IPv4Address("10.0.2.3")


@dataclass
class Layer:
    """One of the two negotiations: ours was accepted, theirs was."""

    protocol: int
    ours: bool = False
    theirs: bool = False

    @property
    def is_open(self) -> bool:
        return self.ours and self.theirs


@dataclass
class Peer:
    """`receive` frames and `tick`; `login` (user, password) demands PAP. `ended` when the board closed the link."""

    addresses: Addresses
    login: tuple[str, str] | None = None
    magic: bytes = b"\x12\x34\x56\x78"
    ended: bool = False
    lcp: Layer = field(default_factory=lambda: Layer(LCP))
    ipcp: Layer = field(default_factory=lambda: Layer(IPCP))
    packets: list[bytes] = field(default_factory=list)  # IP packets that came, to be taken by the owner
    _logged_in: bool = False
    _number: int = 0
    _asked_ns: int | None = None

    @property
    def is_up(self) -> bool:
        return self.lcp.is_open and self.ipcp.is_open

    def tick(self, now_ns: int) -> list[Frame]:
        """Ask again for what is not settled."""
        if self._asked_ns is not None and now_ns - self._asked_ns < AGAIN_NS:
            return []
        self._asked_ns = now_ns
        if not self.lcp.ours:
            return [self._request(LCP)]
        if self._may_ipcp() and not self.ipcp.ours:
            return [self._request(IPCP)]
        return []

    def receive(self, frame: Frame) -> list[Frame]:
        """One frame of the board -> the frames that answer it."""
        protocol, data = frame
        if protocol == IP:
            if self.is_up:
                self.packets.append(data)
            return []
        if protocol == PAP:
            return self._on_pap(data)
        if protocol == LCP or (protocol == IPCP and self._may_ipcp()):
            return self._on_control(self.lcp if protocol == LCP else self.ipcp, data)
        if protocol == IPCP or not self.lcp.is_open:
            return []
        self._number += 1
        return [(LCP, _control(PROTOCOL_REJECT, self._number, protocol.to_bytes(2, "big") + data[:1_400]))]

    def _may_ipcp(self) -> bool:
        return self.lcp.is_open and (self.login is None or self._logged_in)

    def _request(self, protocol: int) -> Frame:
        self._number += 1
        if protocol == IPCP:
            options = _option(ADDRESS, self.addresses.gateway.packed)
        else:
            options = _option(ACCM, bytes(4)) + _option(MAGIC, self.magic)
            options += _option(AUTH, PAP.to_bytes(2, "big")) if self.login else b""
        return protocol, _control(REQUEST, self._number, options)

    def _on_control(self, layer: Layer, data: bytes) -> list[Frame]:
        if len(data) < 4:
            return []
        code, number, size = data[0], data[1], int.from_bytes(data[2:4], "big")
        body = data[4:size]
        if code == REQUEST:
            answer, options = self._judge(layer.protocol, body)
            layer.theirs = answer == ACK
            out = [(layer.protocol, _control(answer, number, options))]
            return out + self._next_layer()
        if code == ACK:
            layer.ours = True
            return self._next_layer()
        if code in (NAK, REJECT):
            return [self._request(layer.protocol)]
        if code == TERMINATE:
            self.ended = self.ended or layer.protocol == LCP
            return [(layer.protocol, _control(TERMINATE_ACK, number, b""))]
        if code == ECHO and layer.protocol == LCP:
            return [(LCP, _control(ECHO_REPLY, number, self.magic + body[4:]))]
        return []

    def _next_layer(self) -> list[Frame]:
        return [self._request(IPCP)] if self._may_ipcp() and not self.ipcp.ours else []

    def _judge(self, protocol: int, body: bytes) -> tuple[int, bytes]:
        """The options of a request -> (ACK, NAK or REJECT, the options that this answer carries)."""
        wanted = {ADDRESS: self.addresses.board, DNS_FIRST: self.addresses.name_server, DNS_SECOND: self.addresses.name_server}
        rejected, otherwise = b"", b""
        for kind, value in _options(body):
            if protocol == LCP:
                if kind not in (MRU, ACCM, MAGIC):
                    rejected += _option(kind, value)
            elif kind not in wanted:
                rejected += _option(kind, value)
            elif value != wanted[kind].packed:
                otherwise += _option(kind, wanted[kind].packed)
        if rejected:
            return REJECT, rejected
        return (NAK, otherwise) if otherwise else (ACK, body)

    def _on_pap(self, data: bytes) -> list[Frame]:
        if self.login is None or len(data) < 6 or data[0] != PAP_REQUEST:
            return []
        user_end = 5 + data[4]
        if user_end >= len(data):
            return []
        given = (data[5:user_end].decode("latin1"), data[user_end + 1 : user_end + 1 + data[user_end]].decode("latin1"))
        self._logged_in = given == self.login
        self.ended = not self._logged_in
        answer = _control(PAP_ACK if self._logged_in else PAP_NAK, data[1], b"\x00")
        return [(PAP, answer), *self._next_layer()]


def _control(code: int, number: int, data: bytes) -> bytes:
    return bytes((code, number & 0xFF)) + (4 + len(data)).to_bytes(2, "big") + data


def _option(kind: int, value: bytes) -> bytes:
    return bytes((kind, 2 + len(value))) + value


def _options(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while len(body) >= 2 and 2 <= body[1] <= len(body):
        found.append((body[0], body[2 : body[1]]))
        body = body[body[1] :]
    return found
