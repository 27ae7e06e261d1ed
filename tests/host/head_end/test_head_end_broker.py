"""The whole head-end as a process against a real Mosquitto and a simulated gateway: the broker is not storage."""

import json
import os
import pwd
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tests.host.head_end.simulated_gateway import TIMEOUT_S, SimulatedGateway

pytestmark = pytest.mark.slow  # real processes, real back-off
ROOT = Path(__file__).resolve().parents[3]
TARIFF = {"tariff": 1, "version": 3, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """Broker, head-end process and command line in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.broker: subprocess.Popen[bytes] | None = None
        self.server: subprocess.Popen[bytes] | None = None
        self.gateways: list[SimulatedGateway] = []

    def start_broker(self) -> None:
        store = self.folder / "broker"
        store.mkdir(exist_ok=True)
        store.chmod(0o777)
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {store}/\nautosave_interval 1\nlog_dest none\nuser {_user()}\n"
        )
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.broker = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until and self.broker.poll() is None, "mosquitto did not start"
                time.sleep(0.05)

    def wipe_broker(self) -> None:
        """Kill it and lose everything it kept."""
        assert self.broker is not None
        self.broker.kill()
        self.broker.wait()
        shutil.rmtree(self.folder / "broker")

    def start_server(self) -> None:
        with open(self.folder / "server.log", "ab") as log:
            self.server = subprocess.Popen([*self.command(), "serve", "--broker", f"127.0.0.1:{self.port}"], cwd=ROOT, stderr=log)

    def stop_server(self, how: int = signal.SIGTERM) -> None:
        assert self.server is not None
        self.server.send_signal(how)
        self.server.wait(TIMEOUT_S)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "host_tools.head_end", "--db", str(self.folder / "head_end.db")]

    def run(self, *arguments: str) -> Any:
        """A command with --json -> (exit status, answer)."""
        done = subprocess.run([*self.command(), *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def gateway(self, name: str = "gw-001", account: int = 1001, meter: str = "000000000001") -> SimulatedGateway:
        gateway = SimulatedGateway(name)
        key = self.folder / "key"
        key.write_text(gateway.key.hex())
        assert self.run("gateway", "add", name, "--key-file", str(key))[0] == 0
        assert self.run("account", "add", str(account), "--gateway", name, "--meter", meter, "--tariff", "1", "--policy", "1")[0] == 0
        self.gateways.append(gateway)
        return gateway

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.disconnect()
        for process in (self.server, self.broker):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.start_broker()
    yield made
    made.close()


def greet(gateway: SimulatedGateway, port: int, clean: bool = False) -> dict[int, Any]:
    """Connect and say status until it is answered, as a gateway does."""
    gateway.connect(port, clean)
    until = time.monotonic() + TIMEOUT_S
    while True:
        gateway.say_status(standing=1)
        try:
            return gateway.wait("acks", lambda ack: ack[7] == gateway.challenge(), timeout_s=3)
        except queue.Empty:
            assert time.monotonic() < until, "no status was answered"


def test_payment_reaches_the_gateway_and_is_resent_until_its_record_arrives(site):
    gateway = site.gateway()
    site.start_server()
    assert greet(gateway, site.port)[8] == 0
    gateway.begin()
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 2)[3] == gateway.chain
    assert site.run("topup", "1001", "12.50", "--reference", "r-1")[1]["answer"] == "created"
    first = gateway.wait("credits")
    assert gateway.wait("credits") == first, "sent again without a receipt"
    number = gateway.credit(first)
    gateway.send_journal(number)
    gateway.wait("acks", lambda ack: ack[2] == number)
    status, answer = site.run("topup", "1001", "12.5", "--reference", "r-1")
    assert (status, answer["answer"], answer["number"], answer["receipt"]) == (0, "exists", 1, "applied")
    status, sentence = site.run("topup", "1001", "13", "--reference", "r-1")
    assert status == 2 and sentence.startswith("reference: ")


def test_credits_survive_a_broker_that_forgets_everything(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 2)
    gateway.disconnect()
    for number in (1, 2, 3):
        site.run("topup", "1001", "1.00", "--reference", f"r-{number}")
    time.sleep(0.5)  # so that the broker has them, and loses them
    site.wipe_broker()
    site.run("topup", "1001", "1.00", "--reference", "r-4")
    site.start_broker()
    greet(gateway, site.port, clean=True)
    got: dict[int, int] = {}
    while set(got) != {1, 2, 3, 4}:
        body = gateway.wait("credits")
        got[body[3]] = body[5]
    assert got == {1: 1_000_000, 2: 2_000_000, 3: 3_000_000, 4: 4_000_000}


def test_a_killed_head_end_goes_on_where_its_database_stands(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 2)
    site.stop_server(signal.SIGKILL)
    gateway.charge(100_000, 100_010)
    gateway.charge(100_010, 100_020)
    gateway.send_journal(3, 3)  # waits in the broker
    site.start_server()
    gateway.wait("acks", lambda ack: ack[2] == 3)
    gateway.say_status()
    assert gateway.wait("acks", lambda ack: ack[7] == gateway.challenge())[8] == 0
    gateway.send_journal(1)  # everything once more
    assert gateway.wait("acks", lambda ack: ack[2] == 4)[8] == 0


def test_gap_bad_mac_and_fork_over_the_wire(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.charge(100_000, 100_010)
    gateway.charge(100_010, 100_020)
    gateway.send_journal(3)
    assert gateway.wait("acks", lambda ack: ack[9] is not None)[9] == 1
    payload = bytearray(gateway.journal_payload(1))
    payload[-3] ^= 4
    gateway.send("up/journal", bytes(payload))
    gateway.send("up/journal", b"\xff" * 100)
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 4)[8] == 0
    twin = SimulatedGateway()
    twin.begin()
    twin.charge(100_000, 100_011)
    gateway.send("up/journal", twin.journal_payload(3))
    assert gateway.wait("acks", lambda ack: ack[8] == 2)[2] == 4
    (told,) = site.run("gateways")[1]["gateways"]
    assert told["comparison"] == "fork" and told["counters"]["bad_mac"] == 1 and told["counters"]["bad_cose"] == 1


def test_orders_reach_only_their_own_gateway_until_it_has_answered(site):
    gateway, other = site.gateway(), site.gateway("gw-002", 2002, "000000000002")
    site.start_server()
    greet(gateway, site.port)
    greet(other, site.port)
    gateway.begin()
    gateway.send_journal(1)
    site.run("order", "1001", "cut", "--expires", "30")
    order = gateway.wait("orders")
    assert (order[1], order[2], order[3]) == (1, 1001, 1) and 1700 < order[4] - time.time() <= 1800
    assert gateway.wait("orders") == order
    number = gateway.append("ORDER", account=1001, number=1, order=1, verdict=2, reason=4, failed=2, credit_number=0, expires_at_s=order[4])
    gateway.send_journal(number)
    gateway.wait("acks", lambda ack: ack[2] == number)
    status, answer = site.run("why", "1001")
    assert status == 0 and answer["record"]["kind"] == "ORDER" and answer["countersignature"]["valid"]
    assert all(topic.startswith("pg1/gw-002/down/acks") for topic, _ in list(other.inbox.queue))


def test_reconcile_finds_one_planted_ucu_in_what_came_over_the_wire(site):
    gateway = site.gateway()
    tariff = site.folder / "tariff.json"
    tariff.write_text(json.dumps(TARIFF))
    assert site.run("tariff", "set", str(tariff))[0] == 0
    site.start_server()
    greet(gateway, site.port)
    document = gateway.wait("orders", lambda order: order[1] == 5)
    assert json.loads(document[7]) == TARIFF
    site.run("topup", "1001", "2.00", "--reference", "r")
    gateway.begin()
    gateway.send_journal(1)
    gateway.credit(gateway.wait("credits"))
    gateway.charge(100_000, 100_123)
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 4)
    status, answer = site.run("reconcile")
    assert status == 0 and answer["totals"]["balance_ucu"] == 2_000_000 - 123 * 5500
    gateway.charge(100_123, 100_124, error_ucu=1)
    gateway.send_journal(5)
    gateway.wait("acks", lambda ack: ack[2] == 5)
    status, answer = site.run("reconcile")
    assert status == 1 and any("difference 1 ucu" in said for said in answer["differences"])


def test_a_replaced_gateway_gets_state_and_a_new_epoch(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.charge(100_000, 100_123)
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 3)
    gateway.disconnect()
    fresh = SimulatedGateway()
    fresh.challenges = 1000
    site.gateways.append(fresh)
    assert greet(fresh, site.port)[8] == 1
    order = fresh.wait("orders", lambda order: order[1] == 8)
    fresh.take_state([cbor2.loads(order[7])])
    fresh.say_status(standing=0)
    assert fresh.wait("acks", lambda ack: ack[7] == fresh.challenge())[8] == 0
    fresh.send_journal(fresh.sequence)
    ack = fresh.wait("acks", lambda ack: ack[2] == fresh.sequence)
    assert (ack[1], ack[8]) == (2, 0)
