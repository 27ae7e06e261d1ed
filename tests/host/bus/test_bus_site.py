"""The tool against a whole simulated site at wire pace: faults drawn from a seed, answers on top of each other, echo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host_tools.simulators.client import SiteClient
from host_tools.simulators.running import spawned
from tests.host.bus.bench import A, B, bus, model_file, waits

pytestmark = pytest.mark.slow
LINE = {"baud": 9600, "baud_from_termios": True, "echo": True}


@contextmanager
def site(folder: Path, *meters: dict[str, Any], **line: Any) -> Iterator[tuple[str, SiteClient]]:
    """-> (port, control) of a site in a process of its own."""
    (folder / "site.json").write_text(json.dumps({"line": {**LINE, **line}, "meters": list(meters)}))
    with spawned(folder / "site.json", folder / "line", folder / "control"), SiteClient(folder / "control") as control:
        yield str(folder / "line"), control


@waits
def test_everything_works_on_a_line_that_damages_every_fifth_answer(folder):
    faults = [{"kind": "flip", "probability": 0.1}, {"kind": "noise", "probability": 0.1}, {"kind": "drop", "probability": 0.03}]
    with site(folder, {"address": A, "forward_cwh": 4321}, faults=faults, seed=7) as (port, control):
        given = ("--port", port, "--model", model_file(folder, baud=9600))
        run = bus("relay", A, "cut", *given, "--yes")
        assert run.returncode == 0 and control.meter(A).relay.open, run.stdout + run.stderr
        assert [event.command for event in control.events() if event.kind == "relay_command"].count("trip") == 1
        run = bus("read", A, *given)
        assert "43.21 kWh" in run.stdout, run.stdout


@waits
def test_two_meters_are_a_collision_and_the_one_that_is_left_is_found_and_says_why_it_refuses(folder):
    encrypted = {"address": A, "model": "encrypted", "relay": {"reply_words": True}}
    with site(folder, encrypted, {"address": B, "reply_delay_ms": 200}) as (port, control):
        run = bus("scan-one", "--port", port, "--baud", "9600", "--window", "300")
        assert run.returncode == 1 and f"collision at 9600 baud: {A}, {B} answered; leave one meter on the line" in run.stdout
        control.set(B, reply_delay_ms=40)
        verdict = json.loads(bus("scan-one", "--port", port, "--baud", "9600", "--window", "300", "--json").stdout)
        assert verdict["address"] is None and verdict["result"] in ("several", "unclear")
        assert control.state().line.collisions >= 2
        control.set(B, silent=True)
        run = bus("scan-one", "--port", port, "--window", "300", "--json")
        verdict = json.loads(run.stdout)
        assert (verdict["result"], verdict["address"], verdict["baud"], verdict["silent_bauds"]) == ("one", A, 9600, [2400])
        assert run.stderr == "2400 baud: silent\n"
        run = bus("relay", A, "cut", "--port", port, "--model", model_file(folder, baud=9600), "--yes")
        assert run.returncode == 1 and "the meter refused to cut: wrong password or not authorised (0004)" in run.stdout
        assert control.meter(A).relay.open is False
