"""send-notices as a process of its own, beside `serve` and over a hook on the loopback: killed and begun again, it repeats no notice."""

import http.server
import json
import signal
import subprocess
import threading
import time

import pytest

from tests.host.head_end.simulated_gateway import TIMEOUT_S
from tests.host.head_end.site import ROOT, greet


class Hook(http.server.BaseHTTPRequestHandler):
    names: list[str] = []
    broken = False
    may_answer = threading.Event()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Hook.may_answer.wait(TIMEOUT_S)
        if not Hook.broken:
            Hook.names.append(body["name"])
        self.send_response(503 if Hook.broken else 202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        return


@pytest.fixture
def hook():
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hook.names, Hook.broken = [], False
    Hook.may_answer.set()
    yield f"http://127.0.0.1:{server.server_port}/"
    Hook.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


def begin(site, hook):
    return subprocess.Popen([*site.command(), "send-notices", "--to-url", hook, "--quiet", "none"], cwd=ROOT, stderr=subprocess.DEVNULL)


def listed(site, wanted):
    """The list, once `wanted` accepts it."""
    until = time.monotonic() + 2 * TIMEOUT_S
    while True:
        rows = site.run("notices")[1]["notices"]
        if wanted(rows):
            return rows
        assert time.monotonic() < until, rows
        time.sleep(0.2)


def test_killed_and_begun_again_it_tells_each_thing_once(site, hook):
    site.start_server()
    gateway = site.gateway()
    site.run("recipient", "1001", "--to", "+8613800000000", "--language", "en")
    gateway.begin()
    gateway.append("NOTICE", account=1001, episode=1, level=1, channel=1, outcome=1, available_ucu=0, restore_ucu=5)
    greet(gateway, site.port)
    sending = begin(site, hook)
    try:
        gateway.send_journal(1)
        listed(site, lambda rows: [row["state"] for row in rows] == ["sent"])
        sending.send_signal(signal.SIGKILL)
        sending.wait(TIMEOUT_S)
        gateway.send_journal(1)  # the same message again
        gateway.append("NOTICE", account=1001, episode=1, level=1, channel=1, outcome=2, available_ucu=0, restore_ucu=5)
        Hook.broken = True
        Hook.may_answer.clear()
        assert site.run("topup", "1001", "5.00", "--reference", "ref-1")[0] == 0
        gateway.credit(gateway.wait("credits"))
        gateway.send_journal(3)
        sending = begin(site, hook)
        rows = listed(site, lambda rows: len(rows) == 2 and rows[1]["tries"] == 1)
        assert rows[1]["fault"] == "try 1 has no end yet", "a list does not take a try under way for a held notice"
        Hook.may_answer.set()
        rows = listed(site, lambda rows: len(rows) == 2 and "503" in (rows[1]["fault"] or ""))
        assert rows[1]["state"] == "waiting" and rows[1]["tries"] == 1 and rows[1]["due_at_s"] > rows[0]["sent_at_s"]
        assert site.run("send-notices", "--to-url", hook, "--once")[0] == 2, "one process at a time"
        sending.send_signal(signal.SIGTERM)
        assert sending.wait(TIMEOUT_S) == 0
    finally:
        sending.kill()
        sending.wait()
    assert Hook.names == ["gw-001/1001/low/1.1.0"]
