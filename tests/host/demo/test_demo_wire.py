"""The tap and its log: whole packets out of any pieces, and an acknowledgement counts when the gateway's PUBACK was seen."""

import asyncio
import hashlib

import cbor2
import pytest

from host_tools.demo.mqtt_packets import CONNACK, CONNECT, PUBACK, PUBLISH, NotMqtt, Packet, PacketReader, Publish, parse_publish
from host_tools.demo.tap import Tap
from host_tools.demo.wire_log import WireLog
from host_tools.head_end.messages import seal, topic
from tests.host.demo.worlds import CUSTOMER, DOCUMENT, GATEWAY, KEY, NEVER_S, journal

CREDIT = {1: CUSTOMER, 2: 1, 3: 1, 4: 10_000_000, 5: 10_000_000, 6: 1_700_000_000}
CUT = {1: 1, 2: CUSTOMER, 3: 1, 4: NEVER_S, 5: 1, 6: 0, 7: None}
TARIFF = {1: 5, 2: 0, 3: 1, 4: NEVER_S, 5: 0, 6: 0, 7: DOCUMENT}


def packet(kind: int, body: bytes = b"", flags: int = 0) -> Packet:
    """A packet as it stands on the wire."""
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (128 if length else 0))
        if not length:
            return Packet(kind, flags, body, bytes([kind << 4 | flags, *digits]) + body)


def publish(name: str, payload: bytes, number: int = 7) -> Packet:
    text = topic(GATEWAY, name).encode()
    return packet(PUBLISH, len(text).to_bytes(2, "big") + text + number.to_bytes(2, "big") + payload, flags=2)


def sealed(name: str, body: dict[int, object], key: bytes = KEY, number: int = 7) -> Packet:
    return publish(name, seal(body, GATEWAY, key, topic(GATEWAY, name)), number)


def puback(number: int = 7) -> Packet:
    return packet(PUBACK, number.to_bytes(2, "big"))


def log() -> WireLog:
    return WireLog(GATEWAY, KEY)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_packets_come_out_whole_whatever_the_pieces(size):
    sent = [packet(CONNECT, b"x" * 200), puback(), publish("up/journal", b"y" * 20_000), packet(12)]
    stream = b"".join(one.raw for one in sent)
    reader = PacketReader()
    found = [one for start in range(0, len(stream), size) for one in reader.feed(stream[start:start + size])]
    assert found == sent


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\x30\xff\xff\xff\x7f"])
def test_a_length_that_cannot_be_is_no_mqtt(data):
    with pytest.raises(NotMqtt):
        PacketReader().feed(data)


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x05ab", b"\x00\x02ab", b"\x00\x02ab\x00"])
def test_a_publish_that_is_cut_short_is_no_mqtt(body):
    with pytest.raises(NotMqtt):
        parse_publish(packet(PUBLISH, body, flags=2))


def test_a_publish_is_read_with_its_number_and_without():
    assert parse_publish(packet(PUBLISH, b"\x00\x01t\x01\x02data", flags=2 | 8)) == Publish("t", b"data", 0x0102, True)
    assert parse_publish(packet(PUBLISH, b"\x00\x01tdata")) == Publish("t", b"data", 0, False)


def test_a_credit_counts_from_its_puback_and_not_before():
    seen = log()
    seen.down(sealed("down/credits", CREDIT))
    assert not seen.credits_acked and (CUSTOMER, 1, 1) in seen.credit_at
    seen.up(puback(8))
    assert not seen.credits_acked
    seen.up(puback())
    assert seen.credits_acked == {(CUSTOMER, 1, 1): 1} and seen.credit_money == {(CUSTOMER, 1, 1): (10_000_000, 10_000_000)}
    seen.up(puback())
    assert seen.credits_acked == {(CUSTOMER, 1, 1): 1}


def test_a_puback_of_a_new_connection_acknowledges_nothing_of_the_old_one():
    seen = log()
    seen.down(sealed("down/credits", CREDIT))
    seen.up(packet(CONNECT))
    seen.up(puback())
    assert not seen.credits_acked and seen.connections == 1


def test_orders_and_documents_are_told_apart():
    seen = log()
    seen.down(sealed("down/orders", CUT, number=1))
    seen.down(sealed("down/orders", TARIFF, number=2))
    seen.up(puback(1))
    seen.up(puback(2))
    assert seen.orders_acked == {(1, CUSTOMER, 1): 1}
    assert seen.documents_acked == {hashlib.sha256(DOCUMENT).digest()[:8]: 1}
    assert (1, CUSTOMER, 1) in seen.order_at


def test_the_head_ends_signature_counts_when_the_gateway_took_it():
    seen = log()
    body = {1: 1, 2: 3, 3: b"12345678", 4: bytes(8), 5: 0, 6: 0, 7: None, 8: 0, 9: None, 10: None}
    seen.down(sealed("down/acks", body))
    assert seen.head_end_acks == []
    seen.up(puback())
    assert seen.head_end_acks == [(1, 3, b"12345678")]


def test_a_message_with_another_key_is_counted_as_unreadable():
    seen = log()
    seen.down(sealed("down/credits", CREDIT, key=bytes(32)))
    seen.up(puback())
    assert seen.credits_acked == {} and seen.unreadable > 0


def test_published_records_are_kept_and_a_second_content_is_named():
    seen, records = log(), journal()

    def say(raws: list[bytes]) -> None:
        seen.up(sealed("up/journal", {1: 1, 2: 1, 3: bytes(8), 4: raws}))

    say([record.raw for record in records[:2]])
    say([record.raw for record in records[:2]])
    assert seen.records_changed == [] and seen.records_sent == {1: records[0].raw, 2: records[1].raw}
    say([records[4].raw])
    assert seen.records_changed == [1]


def test_readings_that_cannot_be_read_are_counted():
    seen = log()
    reading = [5, CUSTOMER, 0, 3, 0, [1, None, None, None, None], None, None]
    seen.up(publish("up/readings", cbor2.dumps({1: True, 2: [reading]})))
    assert seen.unreadable == 0
    seen.up(publish("up/readings", cbor2.dumps({1: True, 2: [reading[:7]]})))
    assert seen.unreadable == 1
    seen.up(publish("up/readings", b"no CBOR"))
    assert seen.unreadable == 2


def test_a_wiped_session_is_seen_in_the_connack():
    seen = log()
    seen.down(packet(CONNACK, b"\x01\x00"))
    seen.down(packet(CONNACK, b"\x00\x00"))
    assert seen.session_present == [True, False]


class Street:
    """A tap between a gateway and a broker that are this test."""

    def __init__(self) -> None:
        self.at_broker: asyncio.Queue[bytes] = asyncio.Queue()
        self.broker_writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.tap = Tap(0, self.server.sockets[0].getsockname()[1], WireLog(GATEWAY, KEY))
        await self.tap.open()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.tap.listens_on)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.broker_writer = writer
        while data := await reader.read(65_536):
            self.at_broker.put_nowait(data)

    async def close(self) -> None:
        self.writer.close()
        await self.tap.close()
        self.server.close()

    async def broker_says(self, *packets: Packet) -> None:
        while self.broker_writer is None:
            await asyncio.sleep(0.01)
        self.broker_writer.write(b"".join(one.raw for one in packets))
        await self.broker_writer.drain()

    async def gateway_hears(self, wanted: Packet) -> None:
        got = await asyncio.wait_for(self.reader.readexactly(len(wanted.raw)), 5)
        assert got == wanted.raw

    async def broker_hears(self, wanted: bytes) -> None:
        got = b""
        while len(got) < len(wanted):
            got += await asyncio.wait_for(self.at_broker.get(), 5)
        assert got == wanted


def on_a_street(walk) -> None:
    """Run walk(street) and close everything."""

    async def run() -> None:
        street = Street()
        await street.open()
        try:
            await walk(street)
        finally:
            await street.close()

    asyncio.run(run())


def test_the_tap_passes_everything_on_and_writes_it_down():
    async def walk(street: Street) -> None:
        credit = sealed("down/credits", CREDIT)
        street.writer.write(packet(CONNECT, b"hello").raw)
        await street.broker_hears(packet(CONNECT, b"hello").raw)
        await street.broker_says(credit)
        await street.gateway_hears(credit)
        street.writer.write(puback().raw)
        await street.broker_hears(puback().raw)
        assert street.tap.log.credits_acked == {(CUSTOMER, 1, 1): 1}

    on_a_street(walk)


def test_a_held_message_comes_late_and_the_others_pass_it():
    async def walk(street: Street) -> None:
        late, other = sealed("down/orders", CUT), sealed("down/credits", CREDIT)
        street.tap.hold(lambda message: message.topic.endswith("/orders"))
        await street.broker_says(late, other)
        await street.gateway_hears(other)
        assert street.tap.holds and not street.tap.log.order_at
        street.tap.release()
        await street.gateway_hears(late)
        assert not street.tap.holds
        assert street.tap.log.order_at[(1, CUSTOMER, 1)] > street.tap.log.credit_at[(CUSTOMER, 1, 1)]

    on_a_street(walk)


def test_a_thin_way_up_is_slow_and_the_way_down_is_not():
    async def walk(street: Street) -> None:
        up, down = packet(CONNECT, b"x" * 400), sealed("down/credits", CREDIT)
        street.tap.thin(400)
        loop = asyncio.get_running_loop()
        began = loop.time()
        street.writer.write(up.raw)
        await street.broker_says(down)
        await street.gateway_hears(down)
        assert street.at_broker.empty()
        await street.broker_hears(up.raw)
        assert loop.time() - began >= 1.0

    on_a_street(walk)


def test_a_network_that_is_cut_comes_back_when_it_is_mended():
    async def walk(street: Street) -> None:
        street.writer.write(packet(CONNECT, b"one").raw)
        await street.broker_hears(packet(CONNECT, b"one").raw)
        street.tap.cut()
        assert await asyncio.wait_for(street.reader.read(), 5) == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", street.tap.listens_on)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        street.tap.mend()
        street.reader, street.writer = await asyncio.open_connection("127.0.0.1", street.tap.listens_on)
        street.writer.write(packet(CONNECT, b"two").raw)
        await street.broker_hears(packet(CONNECT, b"two").raw)

    on_a_street(walk)
