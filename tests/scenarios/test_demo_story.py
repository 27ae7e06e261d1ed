"""The demo as people start it: one whole story, told in JSON, and what it leaves behind when it is interrupted."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from host_tools.demo import programme
from host_tools.set_up import paths

STORY_SECONDS_MAX = 420
SOON_S = 40
COMMAND = [sys.executable, "-m", "host_tools.demo"]


def processes_of(folder: Path) -> dict[int, str]:
    """Running processes that name the folder, in their arguments or their environment: pid -> command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue  # it ended, or is not ours to look at
        if os.fsencode(folder) in arguments + environment:
            found[int(process.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found


def end(processes: dict[int, str]) -> None:
    """A failing test leaves nothing behind either."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass
class Told:
    """What one headless run said."""

    status: int
    lines: list[dict[str, Any]]
    errors: str
    left: dict[int, str]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]

    def with_key(self, key: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if key in line]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("demo") / "kept"
    try:
        done = subprocess.run([*COMMAND, "--headless", "--seed", "2", "--keep", str(folder)], cwd=paths.checkout(), capture_output=True,
                              text=True, timeout=STORY_SECONDS_MAX, check=False)
    finally:
        left = processes_of(folder)
        end(left)
    return Told(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr, left)


def test_every_check_of_the_story_holds(told: Told):
    failed = {line["check"]: line["number"] for line in told.with_key("check") if not line["ok"]}
    assert not failed and told.last["ok"] is True and told.status == 0, (failed, told.last, told.errors)
    assert told.errors == ""


def test_each_check_of_the_programme_is_told_once_in_its_step_with_a_number(told: Told):
    made = [(line["step"], line["check"]) for line in told.with_key("check")]
    assert sorted(made) == sorted((number, name) for number, scene in enumerate(programme.SCENES, 1) for name in scene.checks)
    assert all(line["number"] and line["should"] and line["took_s"] >= 0 for line in told.with_key("check"))


def test_each_step_says_what_should_happen_and_that_it_did(told: Told):
    steps = [(line["step"], line["state"]) for line in told.with_key("title")]
    assert steps == [(number, state) for number in range(1, 9) for state in ("runs", "holds")]
    assert all(line["should"] == programme.should(line["step"]) for line in told.with_key("title"))


def test_the_last_line_sums_up(told: Told):
    summary = told.last["summary"]
    assert set(told.last) == {"summary", "ok"}
    assert set(summary) == {"checks", "held", "of", "steps", "seconds", "seed", "meters"}
    assert set(summary["checks"]) == set(programme.ALL_CHECKS) and all(one["ok"] for one in summary["checks"].values())
    assert summary["held"] == summary["of"] == len(programme.ALL_CHECKS)
    assert (summary["seed"], summary["meters"]) == (2, 12) and summary["seconds"] > 60


def test_the_time_from_payment_to_light_is_told(told: Told):
    number = told.last["summary"]["checks"]["payment_to_closed"]["number"]
    found = re.match(r"payment to read back (\d+\.\d\d) s", number)
    assert found and 0 < float(found[1]) < 15, number


def test_meters_bus_and_link_are_told_on_the_way(told: Told):
    views = told.with_key("meters")
    assert len(views) > 5 and all(len(view["meters"]) == 12 for view in views)
    assert {view["link"]["connected"] for view in views} == {True, False}
    assert any(one["wish"] == "OFF" and one["seen"] == "OPEN" for view in views for one in view["meters"])
    assert any("SIGKILL" in line["event"] for line in told.with_key("event"))


def test_no_process_is_left(told: Told):
    assert told.left == {}


# interrupted


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    kept = tmp_path / "kept"
    yield kept
    left = processes_of(kept)
    end(left)
    assert not left


def running(folder: Path) -> None:
    """Wait until all five processes are there."""
    until = time.monotonic() + SOON_S
    while len(processes_of(folder)) < 5:
        assert time.monotonic() < until, processes_of(folder)
        time.sleep(0.1)


def test_ctrl_c_twice_ends_every_process_and_says_so(folder: Path):
    with subprocess.Popen([*COMMAND, "--headless", "--keep", str(folder)], cwd=paths.checkout(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as demo:
        running(folder)
        demo.send_signal(signal.SIGINT)
        time.sleep(0.05)
        demo.send_signal(signal.SIGINT)
        out, errors = demo.communicate(timeout=SOON_S)
    last = json.loads(out.splitlines()[-1])
    assert demo.returncode == 130 and errors == "interrupted\n"
    assert last["ok"] is False and last["summary"]["trouble"] == "interrupted" and "supply_stays" in last["summary"]["missing"]


def test_a_child_that_dies_ends_the_story_and_is_named(folder: Path):
    with subprocess.Popen([*COMMAND, "--headless", "--keep", str(folder)], cwd=paths.checkout(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as demo:
        running(folder)
        meters = [pid for pid, command in processes_of(folder).items() if "host_tools.simulators.site" in command]
        assert len(meters) == 1
        os.kill(meters[0], signal.SIGKILL)
        out, errors = demo.communicate(timeout=SOON_S)
    assert demo.returncode == 1 and json.loads(out.splitlines()[-1])["ok"] is False
    assert errors.startswith(f"meters (pid {meters[0]}) ended by signal 9; its last lines:")


def test_a_reader_that_goes_away_ends_every_process(folder: Path):
    with subprocess.Popen([*COMMAND, "--keep", str(folder)], cwd=paths.checkout(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None and demo.stderr is not None
        running(folder)
        demo.stdout.close()
        assert demo.wait(SOON_S) == 1
        assert demo.stderr.read() == ""


def test_ctrl_c_in_a_terminal_gives_the_terminal_back(folder: Path):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(paths.checkout())
        os.execve(sys.executable, [*COMMAND, "--keep", str(folder)], {**os.environ, "TERM": "xterm-256color"})
    termios.tcsetwinsize(terminal, (24, 80))
    before = termios.tcgetattr(terminal)
    shown, until = b"", time.monotonic() + SOON_S
    while len(processes_of(folder)) < 5 and time.monotonic() < until:
        shown += _read(terminal, 0.2)  # a terminal that nobody reads would hold the demo up
    shown += _read(terminal, 1.0)
    termios.tcsetwinsize(terminal, (50, 200))
    shown += _read(terminal, 1.0)
    termios.tcsetwinsize(terminal, (10, 30))
    shown += _read(terminal, 1.0)
    os.write(terminal, b"\x03")
    shown += _read(terminal, SOON_S)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)
    on, off = shown.find(b"\x1b[?1049h"), shown.rfind(b"\x1b[?1049l")
    assert 0 <= on < off and shown.rfind(b"\x1b[?25l") < shown.rfind(b"\x1b[?25h")
    assert b"step 1 of 8: Meters are read" in shown[on:off] and b"interrupted" in shown[off:]


def _read(terminal: int, seconds: float) -> bytes:
    """Everything shown in this time, or until the other side is gone."""
    data, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                data += os.read(terminal, 65_536)
            except OSError:
                break
    return data
