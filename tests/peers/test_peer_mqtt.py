"""Our MQTT against peers nobody here wrote: paho encodes the same packets, Mosquitto keeps the same session."""

import socket
import sys
import threading
import time

import cbor2
import paho.mqtt.client as paho
import pycddl
import pytest

from firmware.sync import counters as count
from host_tools.set_up import paths
from tests.peers.mqtt_world import HOST, INTERPRETERS, Broker, Device, HeadEnd, opened, until

LIMITS = {"reconnect_first_ms": 100, "reconnect_max_ms": 500, "mqtt_keep_alive_s": 5, "mqtt_packet_max_bytes": 1_024}


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def head_end(broker):
    head_end = HeadEnd(broker.port)
    yield head_end
    head_end.close()


@pytest.fixture
def device(broker):
    devices = []

    def start(interpreter, **options):
        options = {"host": HOST, "port": broker.port, "seconds": 60, "limits": LIMITS, **options}
        devices.append(Device(interpreter, **options))
        return devices[-1]

    yield start
    for one in devices:
        one.kill()


def schema(rule: str) -> pycddl.Schema:
    """The normative CDDL, with `rule` as its root."""
    text = (paths.checkout() / "firmware" / "sync" / "messages.cddl").read_text()
    return pycddl.Schema(f"root = {rule}\n" + text)


def test_packets_are_those_that_paho_sends():
    if str(paths.micropython_library()) not in sys.path:
        sys.path.append(str(paths.micropython_library()))
    from firmware.sync import mqtt_codec as codec

    seen = bytearray()
    listener = socket.create_server((HOST, 0))

    def answer():
        peer = listener.accept()[0]
        seen.extend(peer.recv(1_000))
        peer.sendall(b"\x20\x02\x00\x00")
        while data := peer.recv(1_000):
            seen.extend(data)

    server = threading.Thread(target=answer)
    server.start()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="gw1", clean_session=False, protocol=paho.MQTTv311)
    client.will_set("pg1/gw1/up/status", b"\xa1\x01\xf4", 1, True)
    client.connect(HOST, listener.getsockname()[1], 60)
    client.loop_start()
    until(client.is_connected, "paho is connected")
    client.subscribe("pg1/gw1/down/acks", 1)
    client.publish("pg1/gw1/up/readings", b"x" * 300, 1)
    client.publish("pg1/gw1/up/status", b"y", 1, True)
    want = bytes(
        codec.connect_packet(b"gw1", 60, b"pg1/gw1/up/status", b"\xa1\x01\xf4")
        + codec.subscribe_packet(b"pg1/gw1/down/acks", 1)
        + codec.publish_packet(b"pg1/gw1/up/readings", b"x" * 300, 2)
        + codec.publish_packet(b"pg1/gw1/up/status", b"y", 3, True)
    )
    until(lambda: len(seen) >= len(want), "paho has sent")
    client._sock_close()  # disconnect() would send DISCONNECT
    client.loop_stop()
    server.join(5)
    listener.close()
    assert bytes(seen[: len(want)]) == want


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_records_readings_credits_and_poison_flow_through_mosquitto(broker, head_end, device, interpreter):
    gateway = device(interpreter, records=300, readings=500, record_every_ms=200)
    until(lambda: head_end.held >= 300 and head_end.readings_held == 500, "all records and readings are held")
    head_end.credit(1)
    head_end.send("credits", b"garbage")
    head_end.send("credits", b"x" * 9_000)
    head_end.send("orders", {1: 7})
    head_end.send("orders", {1: 3, 2: 7, 3: 1, 4: 0, 5: 0, 6: 0, 7: None}, key=bytes(32))
    head_end.send("orders", {1: 3, 2: 7, 3: 1, 4: 0, 5: 0, 6: 0, 7: None}, kid=b"gw2")
    head_end.send("orders", {1: 3, 2: 7, 3: 2, 4: 0, 5: 0, 6: 0, 7: None})
    head_end.credit(2)
    until(lambda: len(gateway.having("credit")) == 2 and gateway.having("order"), "good messages pass the poison")
    assert [line["credit"][2] for line in gateway.having("credit")] == [1, 2]
    assert [line["order"] for line in gateway.having("order")] == [[3, 7, 2, 0, 0, 0]]
    for code, times in (
        (count.POISON_NOT_COSE, 1),
        (count.POISON_TOO_LARGE, 1),
        (count.POISON_SHAPE, 1),
        (count.POISON_MAC, 2),
        (count.CONNECTED, 1),
    ):
        assert len(gateway.reports(code)) == times, code
    until(lambda: head_end.held >= 310, "ten more records, each sent as it becomes durable")
    added = {line["record"]: line["at_ms"] for line in gateway.having("record")}
    delays_ms = sorted(
        _arrival_ms(head_end, number) - at_ms for number, at_ms in added.items() if number <= head_end.held
    )
    assert delays_ms[len(delays_ms) // 2] <= 100, delays_ms
    _messages_are_of_the_normative_shape(head_end)


def _arrival_ms(head_end, number):
    for topic, payload, _, seconds in head_end.received:
        if topic.endswith("/journal"):
            batch = cbor2.loads(opened(topic, payload))
            if batch[2] <= number < batch[2] + len(batch[4]):
                return int(seconds * 1_000)
    raise AssertionError("record never arrived")


def _messages_are_of_the_normative_shape(head_end):
    for kind, rule in (("/journal", "up-journal"), ("/readings", "up-readings"), ("/status", "up-status")):
        check = schema(rule)
        payloads = head_end.of(kind)
        assert payloads
        for payload in payloads:
            bare = opened("pg1/gw1/up/journal", payload) if kind == "/journal" else payload
            check.validate_cbor(bare)
            assert cbor2.dumps(cbor2.loads(bare), canonical=True) == bare  # deterministic encoding


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_credit_sent_while_the_gateway_is_away_waits_in_its_session(head_end, device, interpreter):
    first = device(interpreter)
    until(lambda: first.having("ack"), "the first life is connected")
    first.kill()
    until(lambda: b"\xa1\x01\xf4" in head_end.of("/status"), "the will is published")
    head_end.credit(1)
    time.sleep(0.2)
    second = device(interpreter)
    until(lambda: second.having("credit"), "the credit arrives in the second life")


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_broker_that_lost_everything_is_subscribed_again(broker, head_end, device, interpreter):
    gateway = device(interpreter, records=5)
    until(lambda: head_end.held == 5, "records flow before")
    broker.stop(wipe=True)
    until(lambda: gateway.reports(count.CLOSED_BY_PEER), "the gateway notices")
    broker.start()
    until(lambda: len(gateway.reports(count.CONNECTED)) == 2, "the gateway is back")
    until(lambda: head_end.client.is_connected(), "the head-end is back")
    head_end.credit(1)
    until(lambda: gateway.having("credit"), "a credit arrives through the new subscription")


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_storage_fault_withholds_the_puback_and_the_broker_sends_again(head_end, device, interpreter):
    gateway = device(interpreter, storage_faults=2)
    until(lambda: gateway.having("ack"), "the gateway is connected")
    head_end.credit(1)
    until(lambda: gateway.having("credit"), "the credit comes again until it is durable")
    assert len(gateway.reports(count.CLOSED_HANDLER_FAULT)) == 2
    time.sleep(0.5)
    assert len(gateway.having("credit")) == 1


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("credit", {1: 7, 2: 1, 3: 1, 4: -5, 5: 5, 6: 0}, {1: 0, 2: 1, 3: 1, 4: 5, 5: 5, 6: 0}),
        ("order", {1: 1, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: b"{}"}, {1: 1, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: "{}"}),
        (
            "ack",
            {1: 1, 2: 0, 3: bytes(8), 4: bytes(8), 5: 0, 6: 0, 7: None, 8: 3, 9: 1, 10: None},
            {1: 1, 2: 0, 3: bytes(8), 4: bytes(8), 5: 0, 6: 0, 7: None, 8: 4, 9: 1, 10: None},
        ),
        ("state", {1: 1, 2: 1, 3: 1, 4: 1, 5: [b"row"]}, {1: 1, 2: 1, 3: 1, 4: 1, 5: b"row"}),
        ("flags", {1: 0}, {1: -1}),
        ("flags", {1: 4, 2: 1}, {1: 4, 2: 0}),
        ("report", {1: 3, 2: 1, 3: 2, 4: 9}, {1: 4, 2: 1, 3: 2, 4: 9}),
        ("held", {1: 2, 2: 4, 3: 9, 4: "a \u7535"}, {1: 4, 2: 0, 3: 9, 4: "a"}),
        ("held", {1: 1, 2: 0, 3: 9, 4: "a" * 64}, {1: 1, 2: 5, 3: 9, 4: "a"}),
        ("held", {1: 1, 2: 0, 3: 9, 4: "\u7535" * 21}, {1: 1, 2: 0, 3: 9, 4: "\u7535" * 22}),
        ("held", {1: 1, 2: 0, 3: 9, 4: "a"}, {1: 1, 2: 0, 3: 9, 4: ""}),
        ("move", {1: 0, 2: 7, 3: "a"}, {1: 4_294_967_295, 2: 0, 3: "a"}),
        ("move", {1: 7001, 2: 0, 3: "a" * 64}, {1: 7001, 2: 8, 3: "a"}),
    ],
)
def test_decoders_and_cddl_agree_on_what_is_lawful(rule, good, bad):
    if str(paths.micropython_library()) not in sys.path:
        sys.path.append(str(paths.micropython_library()))
    from firmware.base.faults import WireFault
    from firmware.sync import messages

    decode = {
        "credit": lambda data: messages.decode_credit(data, 0, len(data)),
        "order": lambda data: messages.decode_order(data, 0, len(data)),
        "ack": lambda data: messages.decode_ack(data, 0, len(data)),
        "state": messages.decode_state,
        "flags": messages.decode_flags,
        "report": messages.decode_report,
        "held": messages.decode_held,
        "move": messages.decode_move,
    }[rule]
    check = schema(rule)
    for message, lawful in ((good, True), (bad, False), ({**good, 99: 0}, False), ({}, False), ([], False)):
        data = cbor2.dumps(message, canonical=True)
        if lawful:
            check.validate_cbor(data)
            decode(data)
        else:
            with pytest.raises(pycddl.ValidationError):
                check.validate_cbor(data)
            with pytest.raises(WireFault):
                decode(data)
