"""A dead, slow or silent link never holds the loop: beside the real Sync on MicroPython a ticker of 20 ms keeps its pace.

All links are tried at once, each by a device process of its own, together with one that has no uplink at all: the pace
to compare with. The longest gap allowed is generous because the machine is shared; a blocking connect, name or read
would cost seconds.
"""

import os
import signal
import socket
import time

import pytest

from firmware.sync import counters as count
from tests.peers.mqtt_world import HOST, Broker, Device, HeadEnd, free_port, until
from tests.peers.slow_proxy import SlowProxy

SECONDS = 12
GAP_MS_MAX = 200
KEEP_ALIVE_S = 4
LIMITS = {
    "reconnect_first_ms": 100,
    "reconnect_max_ms": 400,
    "uplink_connect_timeout_ms": 2_000,
    "mqtt_connack_timeout_ms": 2_000,
    "mqtt_keep_alive_s": KEEP_ALIVE_S,
}
PATIENT = {**LIMITS, "mqtt_keep_alive_s": 20, "mqtt_connack_timeout_ms": 10_000}


class FullBacklog:
    """A listener that answers no further SYN."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind((HOST, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((HOST, self.port))
            self.fillers.append(filler)


class BlackHole:
    """Takes every connection into its backlog and says nothing, ever."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind((HOST, 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    if broker.process is not None:
        os.kill(broker.process.pid, signal.SIGCONT)
    broker.stop()


def test_no_bad_link_slows_the_rest_of_the_firmware(broker):
    silent_resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent_resolver.bind((HOST, 0))
    resolver_port = silent_resolver.getsockname()[1]
    full, hole, slow = FullBacklog(), BlackHole(), SlowProxy(broker.port, 1.5)
    head_end = HeadEnd(broker.port)

    def device(**options):
        options = {"host": HOST, "port": 1, "seconds": SECONDS, "limits": LIMITS, "records": 200, **options}
        return Device("micropython", **options)

    devices = {
        "none": device(idle=True),
        "black hole": device(port=hole.port),
        "silent name server": device(host="broker.example", resolver_port=resolver_port),
        "dropped SYN": device(port=full.port),
        "nobody listens": device(port=free_port()),
        "three seconds": device(port=slow.port, limits=PATIENT),
    }
    ends = {name: one.end() for name, one in devices.items()}
    pace = ends["none"]["turns"]
    for name, end in ends.items():
        assert end["gap_ms"] <= GAP_MS_MAX, (name, end)
        assert end["turns"] >= pace * 0.95, (name, end, pace)
        assert name == "none" or end["beats"] >= SECONDS // 2, (name, end)
    assert ends["black hole"]["counters"][str(count.CLOSED_CONNACK_TIMEOUT)] >= 3
    for name in ("silent name server", "dropped SYN", "nobody listens"):
        assert ends[name]["counters"][str(count.CONNECT_FAILED)] >= 3, name
    assert devices["three seconds"].having("ack"), "a slow link still works"
    head_end.close()
    slow.close()
    for sock in [silent_resolver, hole.listener, full.listener, *full.fillers]:
        sock.close()


def test_broker_that_stops_answering_is_noticed_within_one_and_a_half_keep_alives(broker):
    head_end = HeadEnd(broker.port)
    device = Device("micropython", host=HOST, port=broker.port, seconds=20, limits=LIMITS, record_every_ms=500)
    until(lambda: len(device.having("ack")) >= 3, "records flow")
    assert broker.process is not None
    os.kill(broker.process.pid, signal.SIGSTOP)
    stopped_ms = time.time_ns() // 1_000_000
    until(lambda: device.reports(count.CLOSED_SILENT), "the silence is noticed")
    assert device.reports(count.CLOSED_SILENT)[0]["at_ms"] - stopped_ms <= KEEP_ALIVE_S * 1_500
    os.kill(broker.process.pid, signal.SIGCONT)
    until(lambda: len(device.reports(count.CONNECTED)) >= 2, "the gateway comes back")
    end = device.end()
    assert end["gap_ms"] <= GAP_MS_MAX, end
    head_end.close()


def test_flood_of_garbage_is_counted_and_neither_holds_the_loop_nor_the_credit_behind_it(broker):
    head_end = HeadEnd(broker.port)
    device = Device("micropython", host=HOST, port=broker.port, seconds=8, limits=PATIENT)
    until(lambda: device.having("ack"), "the gateway is connected")
    for number in range(800):
        head_end.send(("credits", "orders", "acks")[number % 3], os.urandom(number + 1))
    head_end.credit(1)
    until(lambda: device.having("credit"), "the credit behind the flood arrives")
    end = device.end()
    poison = (count.POISON_TOPIC, count.POISON_NOT_COSE, count.POISON_MAC, count.POISON_SHAPE)
    assert sum(end["counters"].get(str(code), 0) for code in poison) == 800, end
    assert len(device.having("credit")) == 1
    assert end["gap_ms"] <= GAP_MS_MAX, end
    assert end["turns"] >= 8_000 / 20 * 0.9, end
    head_end.close()
