"""What was said between gateway and broker, kept as evidence.

An acknowledgement counts from the moment the gateway's PUBACK was seen: from then on nobody sends that credit again, so it
must be in the journal, once. A journal record counts from the moment it was published, a countersigned acknowledgement
of the head-end from the moment the gateway took it.
"""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field

from host_tools.demo.mqtt_packets import CONNACK, CONNECT, PUBACK, PUBLISH, Packet, Publish, parse_publish
from host_tools.head_end.errors import BadMessage
from host_tools.head_end.messages import decode, parse_journal, parse_readings, unseal

CreditName = tuple[int, int, int]  # account, issuer, number
OrderName = tuple[int, int, int]  # order, account, number
TARIFF, POLICY = 5, 6  # orders that carry a document


@dataclass
class WireLog:
    """All of one gateway, over any number of connections. Times are time.monotonic()."""

    gateway: str
    key: bytes
    connections: int = 0
    session_present: list[bool] = field(default_factory=list)
    credits_acked: Counter[CreditName] = field(default_factory=Counter)
    credit_money: dict[CreditName, tuple[int, int]] = field(default_factory=dict)  # amount, total; of acknowledged ones
    orders_acked: Counter[OrderName] = field(default_factory=Counter)  # without documents
    documents_acked: Counter[bytes] = field(default_factory=Counter)  # by digest
    head_end_acks: list[tuple[int, int, bytes]] = field(default_factory=list)  # epoch, sequence, chain; PUBACKed
    records_sent: dict[int, bytes] = field(default_factory=dict)
    records_changed: list[int] = field(default_factory=list)  # sequences that came with two contents
    credit_at: dict[CreditName, float] = field(default_factory=dict)  # delivered to the gateway
    order_at: dict[OrderName, float] = field(default_factory=dict)  # delivered to the gateway
    unreadable: int = 0
    packets_up: int = 0
    packets_down: int = 0
    _open: dict[int, Publish] = field(default_factory=dict)  # delivered, PUBACK outstanding

    def up(self, packet: Packet) -> None:
        """A packet of the gateway."""
        self.packets_up += 1
        if packet.kind == CONNECT:
            self.connections += 1
            self._open.clear()
        elif packet.kind == PUBACK:
            message = self._open.pop(packet.packet_id, None)
            if message is not None:
                self._acknowledged(message)
        elif packet.kind == PUBLISH:
            self._said(parse_publish(packet))

    def down(self, packet: Packet) -> None:
        """A packet of the broker, at the moment it is handed on."""
        self.packets_down += 1
        if packet.kind == CONNACK:
            self.session_present.append(bool(packet.body[:1] and packet.body[0] & 1))
        elif packet.kind == PUBLISH:
            message = parse_publish(packet)
            if message.packet_id:
                self._open[message.packet_id] = message
            if message.topic.endswith(("/down/credits", "/down/orders")) and (body := self.content(message)) is not None:
                moments = self.credit_at if message.topic.endswith("credits") else self.order_at
                moments.setdefault(_name(body), time.monotonic())

    def content(self, message: Publish) -> dict[int, object] | None:
        """The authenticated map of a message to the gateway; None (and counted) when it is none."""
        try:
            body = unseal(message.payload, self.gateway, self.key, message.topic)
        except BadMessage:
            self.unreadable += 1
            return None
        return body if isinstance(body, dict) else None

    def _acknowledged(self, message: Publish) -> None:
        body = self.content(message)
        if body is None:
            return
        if message.topic.endswith("/down/credits"):
            self.credits_acked[_name(body)] += 1
            self.credit_money[_name(body)] = (_whole(body[4]), _whole(body[5]))
        elif message.topic.endswith("/down/orders"):
            if body[1] in (TARIFF, POLICY) and isinstance(body[7], bytes):
                self.documents_acked[hashlib.sha256(body[7]).digest()[:8]] += 1
            else:
                self.orders_acked[_name(body)] += 1
        elif message.topic.endswith("/down/acks") and isinstance(body[3], bytes):
            self.head_end_acks.append((_whole(body[1]), _whole(body[2]), body[3]))

    def _said(self, message: Publish) -> None:
        try:
            if message.topic.endswith("/up/journal"):
                heard = parse_journal(unseal(message.payload, self.gateway, self.key, message.topic))
                for place, raw in enumerate(heard.records):
                    if self.records_sent.setdefault(heard.first + place, raw) != raw:
                        self.records_changed.append(heard.first + place)
            elif message.topic.endswith("/up/readings"):
                self.unreadable += len(parse_readings(decode(message.payload)).bad)
        except BadMessage:
            self.unreadable += 1


def _name(body: dict[int, object]) -> tuple[int, int, int]:
    return _whole(body[1]), _whole(body[2]), _whole(body[3])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1
