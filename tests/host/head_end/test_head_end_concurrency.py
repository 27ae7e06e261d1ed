"""Several processes on one database, and processes killed at any moment: each payment once, nothing acknowledged is lost."""

import json
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from host_tools.head_end.database import Database
from tests.host.head_end.books import TARIFF
from tests.host.head_end.simulated_gateway import SimulatedGateway
from tests.host.head_end.site import Site, greet

pytestmark = pytest.mark.slow


def start(site: Site, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*site.command(), *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ends(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    return [(process.returncode, out, err) for process in processes for out, err in [process.communicate(timeout=60)]]


def test_one_reference_from_many_processes_at_once_is_one_credit(site):
    site.gateway()
    done = ends([start(site, "topup", "1001", "5.00", "--reference", "same") for _ in range(6)])
    assert [status for status, _, _ in done] == [0] * 6, done
    answers = [json.loads(out) for _, out, _ in done]
    assert sorted(answer["answer"] for answer in answers) == ["created"] + ["exists"] * 5
    assert {answer["number"] for answer in answers} == {1}
    done = ends([start(site, "topup", "1001", "1.00", "--reference", f"r{number}") for number in range(6)])
    assert sorted(json.loads(out)["number"] for _, out, _ in done) == [2, 3, 4, 5, 6, 7]
    assert {json.loads(out)["total"] for _, out, _ in done} == {f"{total}.00" for total in range(6, 12)}


def test_many_processes_begin_one_database_together(site):
    key = site.folder / "key"
    key.write_text("11" * 32)
    done = ends([start(site, "gateway", "add", f"gw-{number}", "--key-file", str(key)) for number in range(6)])
    assert [status for status, _, _ in done] == [0] * 6, done
    assert len(site.run("gateways")[1]["gateways"]) == 6


def test_a_database_that_somebody_holds_for_too_long_is_one_sentence(site):
    site.gateway()
    holder = sqlite3.connect(site.folder / "head_end.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    ((status, out, err),) = ends([start(site, "topup", "1001", "5.00", "--reference", "r")])
    holder.execute("ROLLBACK")
    assert status == 2 and err.startswith("db: ") and err.count("\n") == 1 and not out
    assert 5 < time.monotonic() - started < 30
    assert site.run("topup", "1001", "5.00", "--reference", "r")[1]["answer"] == "created"


def test_a_second_server_on_the_same_database_is_refused(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    second = subprocess.run([*site.command(), "serve", "--broker", f"127.0.0.1:{site.port}"], capture_output=True, text=True, timeout=30)
    assert second.returncode == 2 and second.stderr.startswith("db: ") and second.stderr.count("\n") == 1
    gateway.begin()
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 2)
    site.stop_server(signal.SIGKILL)
    site.start_server()
    gateway.charge(100_000, 100_001)
    gateway.send_journal(3)
    assert gateway.wait("acks", lambda ack: ack[2] == 3), "a killed server leaves nothing behind that keeps the next from starting"


class Outbox:
    """What a gateway does with its journal: sends a few records at a time, again from what was acknowledged when nothing moves."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway, self.next, self.moved_s = gateway, 1, time.monotonic()
        self.acked: dict[int, bytes] = {}
        self.credit = 0

    def pump(self) -> None:
        gateway, now_s = self.gateway, time.monotonic()
        if now_s > self.moved_s + 1:
            self.next, self.moved_s = max(self.acked, default=0) + 1, now_s
        if self.next <= gateway.sequence:
            last = min(self.next + 19, gateway.sequence)
            gateway.send_journal(self.next, last)
            self.next = last + 1
        while not gateway.inbox.empty():
            topic, body = gateway.inbox.get()
            if topic.endswith("acks"):
                self.acked[body[2]], self.moved_s = body[3], now_s
                self.next = body[9] or self.next
            elif topic.endswith("credits") and body[3] > self.credit:
                self.credit = body[3]
                gateway.credit(body)


def test_what_was_acknowledged_survives_a_server_killed_at_any_moment(site):
    gateway = site.gateway()
    tariff = site.folder / "tariff.json"
    tariff.write_text(json.dumps(TARIFF))
    site.run("tariff", "set", str(tariff))
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    draw, outbox, register = random.Random(11), Outbox(gateway), 100_000
    for life in range(5):
        until = time.monotonic() + draw.uniform(0.5, 2.0)
        payment = start(site, "topup", "1001", "1.00", "--reference", f"life-{life}")
        while time.monotonic() < until:
            gateway.charge(register, register + 1)
            register += 1
            outbox.pump()
            time.sleep(0.02)
        site.stop_server(signal.SIGKILL)
        assert ends([payment])[0][0] == 0
        site.start_server()
    db, until = Database(site.folder / "head_end.db"), time.monotonic() + 60
    while db.number("SELECT count(*) FROM credits WHERE receipt = 'applied'") < 5 or max(outbox.acked) < gateway.sequence:
        assert time.monotonic() < until, "payments are not receipted"
        outbox.pump()
        time.sleep(0.05)
    for sequence, chain in outbox.acked.items():
        assert sequence == 0 or gateway.records[sequence][2][-12:-4] == chain
        assert db.number("SELECT count(*) FROM records WHERE sequence <= ?", sequence) == sequence
    status, answer = site.run("reconcile")
    assert status == 0, answer["differences"]
    assert answer["accounts"][0]["credits_ucu"] == 5_000_000


def test_a_server_outlives_a_database_that_somebody_holds(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    holder = sqlite3.connect(site.folder / "head_end.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    gateway.begin()
    gateway.send_journal(1)
    time.sleep(11)
    assert site.server.poll() is None
    holder.execute("ROLLBACK")
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 2)
    assert "database" in (site.folder / "server.log").read_text()
