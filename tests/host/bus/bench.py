"""Meters on a real pty that answer exactly as a test says, and the command line run against them.

`Bench` has simulated meters (their own registers, clock and relay rules) behind a thread that answers at once; a test may
put a hand in: `act(frame, answer)` gets each request and may drop, delay, change or forget the answer, or pull the plug.
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from host_tools.simulators.config import parse_site
from host_tools.simulators.frames import Assembler, Frame, encode
from host_tools.simulators.meter import Meter
from host_tools.simulators.meter_clock import to_local_ms

ROOT = Path(__file__).resolve().parents[3]
A, B = "210000000001", "210000000002"
RELAY = 0x1C
BAUD = "19200"
TIMEOUT_S = 60
BESIDE_MAX = 8

Answer = Callable[[Frame], bytes]
Act = Callable[[Frame, Answer], bytes]


def waits(body: Callable[[Path], None]) -> Callable:
    """A test that mostly waits, to be run beside the others of its file (conftest.py)."""

    def test(together: Callable) -> None:
        together(body)

    test.body = body  # type: ignore[attr-defined]
    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


def body_of(test: Callable) -> Callable | None:
    """What `waits` was given; None for an ordinary test."""
    return getattr(test, "body", None)


def plain(request: Frame, answer: Answer) -> bytes:
    """Every meter as it is."""
    return answer(request)


class Bench:
    """with Bench({...}, act) as line: line.path is the port."""

    def __init__(self, *meters: dict[str, Any], act: Act = plain) -> None:
        self._cfgs = parse_site({"meters": [dict(meter) for meter in meters or ({"address": A},)]}).meters
        self._act = act
        self.requests: list[Frame] = []
        self.events: list[dict[str, object]] = []
        self.faults: list[BaseException] = []

    def __enter__(self) -> Bench:
        self._master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.before = termios.tcgetattr(self.slave)
        now_ms, local_ms = self._now_ms(), to_local_ms(datetime.now().replace(microsecond=0))
        self.meters = [Meter(cfg, now_ms, local_ms, log=self._log) for cfg in self._cfgs]
        self._stop, self._pull = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._close()
        assert not self.faults, self.faults

    def unplug(self) -> None:
        """The adapter is pulled."""
        self._pull.set()
        while threading.current_thread() is not self._thread and self._master >= 0:
            time.sleep(0.005)

    def put(self, data: bytes) -> None:
        """Bytes on the line that nobody asked for."""
        os.write(self._master, data)

    @property
    def restored(self) -> bool:
        """True when the port has the attributes that it had before anybody opened it."""
        return termios.tcgetattr(self.slave) == self.before

    @property
    def orders(self) -> list[str]:
        """What the relays were told, and what came of it."""
        return [f"{event['command']}: {event['result']}" for event in self.events if event["kind"] == "relay_command"]

    def _close(self) -> None:
        for fd in (self.slave, self._master):
            if fd >= 0:
                os.close(fd)
        self.slave = self._master = -1

    def _log(self, now_ms: int, address: str, kind: str, detail: dict[str, object]) -> None:
        self.events.append({"meter": address, "kind": kind, **detail})

    def _now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def _serve(self) -> None:
        ears = Assembler()
        try:
            while not self._stop.is_set() and self._master >= 0:
                if self._pull.is_set():
                    self._close()
                    return
                if not select.select([self._master], [], [], 0.02)[0]:
                    continue
                for request in ears.feed(os.read(self._master, 4096)):
                    self.requests.append(request)
                    said = self._act(request, self._answer)
                    if said:
                        os.write(self._master, said)
        except BaseException as fault:
            self.faults.append(fault)

    def _answer(self, request: Frame) -> bytes:
        replies = [meter.answer(request, self._now_ms()) for meter in self.meters]
        return b"".join(encode(Frame(r.address, r.control, r.data, 4)) for r in replies if r is not None)


def model_file(folder: Path, name: str = "export_1p", **changes: Any) -> str:
    """A model of the firmware at the speed of tests."""
    document = json.loads((ROOT / "firmware" / "meters" / "models" / f"{name}.json").read_text())
    fast = {"name": "fast", "baud": 19200, "reply_start_timeout_ms": 400, "inter_byte_timeout_ms": 60}
    (folder / "fast.json").write_text(json.dumps({**document, **fast, **changes}))
    return str(folder / "fast.json")


def command(*arguments: str) -> list[str]:
    """The real command line."""
    return [sys.executable, "-m", "host_tools.bus", *arguments]


def environment(password: str | None = "000000") -> dict[str, str]:
    """Of the command; `password` of the meter in its variable."""
    found = {**os.environ}
    found.pop("LAMPLIGHTER_METER_PASSWORD", None)
    return found if password is None else {**found, "LAMPLIGHTER_METER_PASSWORD": password}


def bus(*arguments: str, password: str | None = "000000") -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(password),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def start(*arguments: str, password: str | None = "000000") -> subprocess.Popen[str]:
    """Run it in the background."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*arguments), cwd=ROOT, env=environment(password), text=True, **pipes)
