"""Carriers of notices: a file that survives a torn line, and an HTTP hook on the loopback."""

import http.server
import json
import threading

import pytest

from host_tools.head_end.senders import AGAIN, DELIVERED, REFUSED, TAKEN, FileSender, HttpSender, Notice

NOTICE = Notice("gw/1/low/1.1.0", 1, "+86138", "zh", "low", "余额不足", 1_900_000_000, 2)


def test_a_file_gets_each_name_once_also_over_restarts(tmp_path):
    path = tmp_path / "out"
    sender = FileSender(str(path))
    assert sender.send(NOTICE).what == TAKEN and sender.send(NOTICE).what == TAKEN
    assert FileSender(str(path)).send(NOTICE).what == TAKEN
    [line] = path.read_text().splitlines()
    assert json.loads(line) == {
        "name": "gw/1/low/1.1.0", "account": 1, "to": "+86138", "language": "zh", "what": "low", "text": "余额不足",
        "event_s": 1_900_000_000, "try": 2,
    }  # fmt: skip


@pytest.mark.parametrize("cut", (1, 5, 60))
def test_a_torn_line_counts_for_nothing_and_spoils_nothing(tmp_path, cut):
    path = tmp_path / "out"
    FileSender(str(path)).send(NOTICE)
    path.write_bytes(path.read_bytes()[:-cut])
    FileSender(str(path)).send(NOTICE)
    lines = path.read_text(errors="replace").splitlines()
    assert json.loads(lines[-1])["name"] == NOTICE.name and len(lines) == (2 if cut > 1 else 1)


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path):
    sender = FileSender(str(tmp_path / "no" / "folder"))
    outcome = sender.send(NOTICE)
    assert outcome.what == AGAIN and "cannot be written" in outcome.sentence
    (tmp_path / "no").mkdir()
    assert sender.send(NOTICE).what == TAKEN


class Hook(http.server.BaseHTTPRequestHandler):
    answers: list[tuple[int, bytes]] = []
    got: list[tuple[dict[str, str], dict[str, object]]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.got.append((dict(self.headers), json.loads(body)))
        status, answer = Hook.answers.pop(0)
        if not status:
            return  # no answer at all
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        return


@pytest.fixture
def hook():
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hook.answers, Hook.got = [], []
    yield f"http://127.0.0.1:{server.server_port}/sms?from=1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "status, answer, what",
    (
        (200, b"", TAKEN),
        (202, b'{"delivered": false}', TAKEN),
        (200, b'{"delivered": true}', DELIVERED),
        (200, b'{"delivered": 1}', TAKEN),
        (200, b"[" * 9_999, TAKEN),
        (429, b"", AGAIN),
        (408, b"", AGAIN),
        (500, b"oops", AGAIN),
        (503, b"", AGAIN),
        (0, b"", AGAIN),
        (301, b"", REFUSED),
        (400, b"", REFUSED),
        (404, b"", REFUSED),
    ),
)
def test_the_hook_decides_by_its_status(hook, status, answer, what):
    Hook.answers.append((status, answer))
    outcome = HttpSender(hook, "secret").send(NOTICE)
    assert outcome.what == what and bool(outcome.sentence) == (what in (AGAIN, REFUSED))
    [(headers, body)] = Hook.got
    assert headers["Idempotency-Key"] == NOTICE.name == body["name"] and headers["Authorization"] == "Bearer secret"
    assert body["text"] == "余额不足" and body["try"] == 2


def test_a_hook_that_is_not_there_is_tried_again():
    assert HttpSender("http://127.0.0.1:1/").send(NOTICE).what == AGAIN
