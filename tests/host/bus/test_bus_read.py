"""`read` on a real pty: what is shown, what is said when a meter gives less, and the exit status."""

from __future__ import annotations

import json
import subprocess

import pytest

from host_tools.simulators.frames import Frame
from tests.host.bus.bench import BAUD, ROOT, A, Answer, Bench, bus, command, model_file, waits

METER = {"address": A, "model": "three_phase_4rate", "forward_cwh": 125_435, "forward_rates_cwh": [1, 20, 300, 4000], "load": 1200}


@waits
def test_registers_status_and_clock_are_shown_with_their_units(folder):
    with Bench(METER) as line:
        run = bus("read", A, "--port", line.path, "--baud", BAUD, "--item", "02010100", "--item", "05060101")
        assert (run.returncode, run.stderr, line.restored) == (0, "", True)
    shown = [" ".join(row.split()) for row in run.stdout.splitlines()]
    assert shown[0] == f"meter {A}, unknown model, asked as for the richest, {line.path} at {BAUD} baud 8E1"
    assert shown[1:6] == [
        "forward active energy 1254.35 kWh", "rate 1 0.01 kWh", "rate 2 0.20 kWh", "rate 3 3.00 kWh", "rate 4 40.00 kWh",
    ]  # fmt: skip
    assert shown[6] == "status word 3 0000 relay closed, last command close"
    assert shown[7].startswith("clock 20") and shown[7].endswith(("agrees with this machine", "2 s behind this machine"))
    assert shown[8:10] == ["active power 1200 W", f"meter number {A}"]
    assert shown[10] == "02010100 230.0 V voltage"
    assert shown[11] == "05060101 0.00, 0.00, 0.00, 0.00, 0.00 kWh frozen forward active energy"


@pytest.mark.slow
@waits
def test_one_json_document_holds_everything(folder):
    with Bench({**METER, "relay": {"initially_open": True}, "clock": {"offset_s": 7200}}) as line:
        run = bus("read", A, "--port", line.path, "--baud", BAUD, "--json", "--model", "three_phase_tou")
    (document,) = (json.loads(row) for row in run.stdout.splitlines())
    answers = {answer["name"]: answer for answer in document["answers"]}
    assert (run.returncode, document["ok"], document["address"], document["model"]) == (0, True, A, "three_phase_tou")
    assert (answers["rate 4"]["value"], answers["rate 4"]["unit"]) == ("40.00", "kWh")
    assert answers["status word 3"]["bits"] == ["relay open", "last command open"]
    assert 7197 <= answers["clock"]["ahead_s"] <= 7201 and answers["clock"]["words"].endswith("ahead of this machine")


@pytest.mark.slow
@waits
def test_meters_that_give_less_are_read_all_the_same(folder):
    basic = {"address": A, "model": "base_standard", "clock": {"state": "invalid"}}
    with Bench(basic) as line:
        run = bus("read", A, "--port", line.path, "--baud", BAUD)
        assert run.returncode == 0 and "not a date: the meter's clock is lost" in run.stdout, run.stdout
    old = {"address": A, "model": "meter_1997", "forward_cwh": 700}
    with Bench(old) as line:
        given = ("--port", line.path, "--model", "legacy_1997", "--baud", BAUD)
        run = bus("read", A, *given, "--item", "C032")
        assert (run.returncode, "7.00 kWh" in run.stdout, "this model has no such thing" in run.stdout) == (0, True, True), run.stdout
        assert all(request.control == 0x01 for request in line.requests), "a 1997 meter was asked what it cannot know"


@pytest.mark.slow
@waits
def test_a_silent_meter_and_a_refusing_one_end_with_1(folder):
    with Bench({"address": A, "silent": True}) as line:
        run = bus("read", A, "--port", line.path, "--model", model_file(folder))
        assert (run.returncode, line.restored, len(line.requests)) == (1, True, 3)
        assert f"no answer from meter {A}: silent" in run.stdout and "scan-one" in run.stdout
    with Bench({"address": A}) as line:
        run = bus("read", A, "--port", line.path, "--model", model_file(folder), "--item", "12345678")
        assert run.returncode == 1 and "12345678                 refused: no such data (02)" in run.stdout


@pytest.mark.slow
@waits
def test_noise_and_echo_are_counted_and_overcome(folder):
    state = {"asked": 0}

    def act(request: Frame, answer: Answer) -> bytes:
        state["asked"] += 1
        said = answer(request)
        echo = b"\xfe\xfe" + bytes.fromhex("68010000000021681104333334337316")
        return said[:-2] + b"\x00\x16" if state["asked"] == 1 else b"\x55" + echo + said

    with Bench({"address": A}, act=act) as line:
        run = bus("read", A, "--port", line.path, "--model", model_file(folder), "--json")
    report = json.loads(run.stdout)["line"]
    assert run.returncode == 0 and report["repeated"] == 1 and report["noise_bytes"] > 5, report


@waits
def test_an_unplugged_adapter_is_one_sentence_and_exit_code_2(folder):
    def act(request: Frame, answer: Answer) -> bytes:
        line.unplug()
        return b""

    with Bench({"address": A}, act=act) as line:
        run = bus("read", A, "--port", line.path, "--model", model_file(folder))
    assert (run.returncode, run.stderr) == (2, f"port: {line.path} failed in the middle: was it unplugged?\n")


@pytest.mark.slow
@waits
def test_a_full_disk_is_told(folder):
    with Bench({"address": A}) as line, open("/dev/full", "w") as full:
        given = command("read", A, "--port", line.path, "--model", model_file(folder))
        run = subprocess.run(given, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (2, "output: the answer cannot be written: No space left on device\n")


@pytest.mark.slow
@waits
def test_a_load_limit_is_shown_where_the_model_has_one(folder):
    with Bench({"address": A, "load": 300, "model": "lifeline", "load_limit": {"initial": 50}}) as line:
        run = bus("read", A, "--port", line.path, "--model", "lifeline_1p")
    shown = [" ".join(row.split()) for row in run.stdout.splitlines()]
    assert run.returncode == 0 and "load limit 500 W the meter switches off above it" in shown, shown
