"""`python -m host_tools.board` as an installer types it: words or JSON, exit codes, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from host_tools.board.arguments import COMMANDS
from host_tools.journal_reader import read_export
from host_tools.set_up import paths
from tests.host.board.wires import Peer

pytestmark = pytest.mark.slow
SECONDS = 40


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "host_tools.board", *words]


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=paths.checkout(), capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture
def port(running):
    return running.cable.port


def as_json(port: str, *words: str):
    done = typed(*words, "--port", port, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status"], ["gateway   gw1 on unix, firmware", "journal   sound", "link      DOWN"]),
        (["meters"], ["210000000001", "export_1p", "2400"]),
        (["accounts"], ["1001", "1002", "1003", "available"]),
        (["visits"], ["no visits to make"]),
        (["events"], ["firmware began"]),
        (["logs"], ["no troubles"]),
        (["why", "1001"], ["account 1001, meter 210000000001", "a cut needs all of these", "yes  account not protected"]),
        (["statement", "1001", "--days", "3"], ["opening", "closing", "0.00"]),
        (["journal", "--all"], ["EPOCH", "epoch 1 begins", "chain: whole"]),
    ],
)
def test_each_answer_in_words(port, words, said):
    done = typed(*words, "--port", port)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert all(text in done.stdout for text in said), done.stdout


def test_each_answer_as_json_is_complete(port):
    assert as_json(port, "status")["about"]["gateway"] == "gw1"
    assert len(as_json(port, "meters")) == len(as_json(port, "accounts")) == 3
    assert as_json(port, "events")[0]["code"] == 210
    assert as_json(port, "visits") == []
    assert as_json(port, "logs") == {"troubles": [], "last_fault": ""}
    why = as_json(port, "why", "1001")
    assert len(why["conditions"]) == 21 and why["facts"]["policy"] == 1 and why["decision"] is None
    statement = as_json(port, "statement", "1001")
    assert [day["closing_ucu"] for day in statement["days"]] == [0] and statement["days"][0]["energy"] == []
    journal = as_json(port, "journal", "--all", "--account", "1002")
    assert journal["summary"]["sound"] and {one["account"] for one in journal["records"]} == {1002}


def test_the_journal_kept_in_a_file_is_an_export(port, tmp_path):
    done = typed("journal", "--all", "--port", port, "--out", str(tmp_path / "books"))
    assert done.returncode == 0
    image = read_export(tmp_path / "books")
    assert image.sound and len(image.records) >= 11
    done = typed("journal", "--port", port, "--out", str(tmp_path / "no" / "such"))
    assert done.returncode == 2 and done.stderr.startswith("out: ")


def test_a_watch_as_json_lines_and_in_words(port):
    done = typed("watch", "--seconds", "3", "--json", "--port", port)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and {"now", "account"} <= {name for row in rows for name in row}
    done = typed("watch", "--seconds", "3", "--port", port)
    assert done.returncode == 0 and "s a round" in done.stdout


def test_a_watch_on_a_terminal_draws_its_screen(port):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("watch", "--seconds", "4", "--port", port), cwd=paths.checkout(), stdout=slave, stderr=slave, stdin=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65_536)
        except OSError:
            break
    os.close(master)
    assert process.wait(SECONDS) == 0 and b"210000000003" in shown and b"s a round" in shown


@pytest.mark.parametrize("words", [["watch"], ["watch", "--json"]])
def test_ctrl_c_ends_with_130_and_leaves_the_board_silent(running, words):
    process = subprocess.Popen(
        command(*words, "--port", running.cable.port), cwd=paths.checkout(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS
    start = len(running.cable.passed)
    while b'"account"' not in running.cable.passed[start:] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130 and b"Traceback" not in said
    time.sleep(0.3)
    before = len(running.cable.passed)
    time.sleep(1.5)
    assert len(running.cable.passed) == before
    assert typed("status", "--port", running.cable.port).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["dance"], "invalid choice"),
        (["why"], "account"),
        (["why", "x"], "must be a whole number from 1"),
        (["why", "0"], "must be a whole number from 1"),
        (["statement"], "account"),
        (["statement", "1001", "--days", "32"], "must be a whole number from 1 to 31"),
        (["journal", "--count", "-1"], "count"),
        (["status", "--baud", "fast"], "baud"),
        (["status", "--port", "no_such_port"], "port: no_such_port is not there"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words, said):
    done = typed(*words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_board_that_says_no_or_nothing_is_exit_code_1(port):
    done = typed("why", "4711", "--port", port)
    assert (done.returncode, done.stderr) == (1, "there is no such account on this board\n")
    done = typed("statement", "4711", "--port", port)
    assert (done.returncode, done.stderr) == (1, "there is no such account on this board\n")
    with Peer(lambda asked: None) as peer:
        done = typed("status", "--port", peer.port)
    assert done.returncode == 1 and "is silent" in done.stderr and len(done.stderr.splitlines()) == 1


def test_every_command_has_an_example():
    for name, _, example in COMMANDS:
        done = typed(name, "--help")
        assert done.returncode == 0 and f"host_tools.board {name}" in " ".join(done.stdout.split()) and example
