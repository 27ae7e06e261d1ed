"""The site file, the control orders, and the real process on a real pty."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.simulators.client import SiteClient, SiteError
from host_tools.simulators.config import SiteFileError, load_site, parse_site
from host_tools.simulators.frames import Assembler, Frame, encode
from host_tools.simulators.models import MODELS
from host_tools.simulators.running import main, spawned
from host_tools.simulators.virtual import VirtualBench

EXAMPLE = Path(sys.modules["host_tools.simulators.running"].__file__).parent / "examples" / "twelve_meters.json"
A = "210000000001"
READ = bytes.fromhex("00000100")

BAD_FILES = [
    ({}, "meters: is missing"),
    ({"meters": []}, "meters"),
    ({"meters": [{"address": "12"}]}, "meters.0.address"),
    ({"meters": [{"address": A, "laod": 5}]}, "meters.0.laod: no such field"),
    ({"meters": [{"address": A, "load": "much"}]}, "meters.0.load"),
    ({"meters": [{"address": A, "load": {"steps": [[-1, 5]]}}]}, "meters.0.load.steps.0.0"),
    ({"meters": [{"address": A, "load": {"random": {"min_w": 5, "max_w": 1}}}]}, "meters.0.load.random"),
    ({"meters": [{"address": A, "model": "unknown"}]}, "meters.0: model 'unknown' is unknown"),
    ({"meters": [{"address": A, "relay": {"close_code": "1D"}}]}, "meters.0.relay.close_code"),
    ({"meters": [{"address": A, "preamble": 9}]}, "meters.0.preamble"),
    ({"meters": [{"address": A, "schedule": [["06:00", 1]]}]}, "schedule must start at 00:00"),
    ({"meters": [{"address": A}], "line": {"baud": 2401}}, "line.baud"),
    ({"meters": [{"address": A}], "line": {"faults": [{"kind": "fire"}]}}, "line.faults.0.kind"),
]


@pytest.mark.parametrize(("document", "named"), BAD_FILES)
def test_a_bad_site_file_is_one_sentence_that_names_the_field(document, named, tmp_path, capsys):
    path = tmp_path / "site.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SiteFileError):  # first, so that an accepted file fails here instead of being served for ever
        load_site(path)
    assert main(["--config", str(path), "--link", str(tmp_path / "line")]) == 2
    said = capsys.readouterr().err
    assert named in said and said.count("\n") == 1
    assert not (tmp_path / "line").exists()


def test_a_site_file_that_is_absent_or_no_json_is_named(tmp_path):
    with pytest.raises(SiteFileError, match="No such file"):
        load_site(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(SiteFileError, match="not JSON"):
        load_site(tmp_path / "x.json")


def test_every_model_makes_a_meter_that_answers():
    for name in MODELS:
        baud = 1200 if name == "meter_1997" else 2400
        b = VirtualBench({"line": {"baud": baud}, "meters": [{"address": A, "model": name}]})
        request = Frame(A, 0x01, b"\x10\x90") if name == "meter_1997" else Frame(A, 0x11, READ)
        assert b.ask(request).reply.control in (0x91, 0x81), name


def test_models_are_listed(capsys):
    assert main(["--list-models"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in MODELS) and len(MODELS) >= 10


def test_the_example_has_twelve_meters_of_the_kinds_promised():
    cfg = load_site(EXAMPLE)
    assert len({m.address for m in cfg.meters}) == 12
    assert sum(m.relay.needs_button for m in cfg.meters) == 2
    assert [m.rates for m in cfg.meters].count(4) == 1
    assert sum(m.purse is not None for m in cfg.meters) == 1
    assert sum(m.relay.plaintext != "all" for m in cfg.meters) == 1


def test_a_wrong_order_is_refused_by_name_and_changes_nothing():
    b = VirtualBench({"meters": [{"address": A}]})
    before = b.order(do="state")["meters"]
    for order, named in (
        ({"do": "explode"}, "explode"),
        ({"do": "set", "meter": A, "colour": 1}, "colour"),
        ({"do": "set", "meter": "999", "load_w": 1}, "meter"),
        ({"do": "set", "meter": "000000000009", "load_w": 1}, "000000000009"),
        ({"do": "set", "meter": A, "load_w": 5, "purse_balance": 5}, "purse_balance"),
        ({"do": "fault", "kind": "flood"}, "kind"),
        ({"do": "add_energy", "meter": A, "cwh": -5}, "cwh"),
        ({"do": "add_energy", "meter": A, "cwh": 5, "rate": 3}, "rate"),
    ):
        answer = b.order(**order)
        assert not answer["ok"] and named in answer["error"], order
    assert b.order(do="state")["meters"] == before


def test_a_bare_value_as_order_is_refused():
    from host_tools.simulators.control import obey

    b = VirtualBench({"meters": [{"address": A}]})
    for odd in (None, 3, [], "state", {"do": None}):
        assert obey(b.site, odd)["ok"] is False


def test_orders_set_what_they_name():
    b = VirtualBench({"meters": [{"address": A, "rates": 2}]})
    assert b.order(do="set", meter=A, load_w=0, energy_speed=5, clock_offset_s=-30, silent=True)["ok"]
    b.order(do="add_energy", meter=A, cwh=700, rate=2)
    b.order(do="add_energy", meter=A, cwh=9, direction="reverse")
    (m,) = b.order(do="state")["meters"]
    assert (m["forward_cwh"], m["forward_rates_cwh"], m["reverse_cwh"]) == (700, [0, 700], 9)
    assert (m["load_w"], m["energy_speed"], m["clock_offset_s"], m["silent"]) == (0, 5, -30, True)


def test_events_are_given_from_a_number_on():
    b = VirtualBench({"meters": [{"address": A}]})
    for on in ("2A", "2B"):
        b.ask(Frame(A, 0x1C, bytes.fromhex(f"0200000001000000{on}00595923311299")))
    every = b.order(do="events", since=0)["events"]
    assert [e["kind"] for e in every] == ["alarm", "relay_command"] * 2
    assert b.order(do="events", since=every[2]["n"])["events"] == every[3:]


def test_parse_gives_models_their_settings_and_keeps_overrides():
    (m,) = parse_site({"meters": [{"address": A, "model": "export_button", "relay": {"delay_ms": 7}}]}).meters
    assert (m.relay.close_code, m.relay.needs_button, m.relay.delay_ms) == ("1B", True, 7)


def ask(fd, request):
    """One request over a real pty; waits for the frame, up to 3 s."""
    os.write(fd, encode(request))
    ears = Assembler()
    while select.select([fd], [], [], 3)[0]:
        frames = ears.feed(os.read(fd, 300))
        if frames:
            return frames[0]
    return None


def test_the_process_answers_on_its_pty_survives_a_master_that_dies_and_cleans_up(tmp_path):
    link, control = tmp_path / "line", tmp_path / "ctl"
    with spawned(EXAMPLE, link, control) as process:
        for _ in range(3):  # each round is a gateway that opened the port and was killed
            fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
            assert ask(fd, Frame(A, 0x11, READ, 4)).address == A
            os.write(fd, encode(Frame(A, 0x11, READ))[:7])
            os.close(fd)
        with SiteClient(control) as client:
            state = client.state()
            assert state.meter(A).replies == 3 and state.line.replies == 3
            client.set(A, load_w=4321)
            assert client.meter(A).load_w == 4321
            with pytest.raises(SiteError, match="colour"):
                client.set(A, colour=1)
            assert len(client.freezes(A)) == 10
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert not link.is_symlink() and not control.exists()


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_site_whose_master_went_away_does_not_spin(tmp_path):
    """A pty whose slave is closed gives EIO for ever; a loop that spins on it would burn a hundred ticks here."""
    link, control = tmp_path / "line", tmp_path / "ctl"
    with spawned(EXAMPLE, link, control) as process, SiteClient(control) as client:
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        assert ask(fd, Frame(A, 0x11, READ)) is not None
        os.close(fd)
        client.state()
        before = cpu_ticks(process.pid)
        start_ms = client.state().mono_ms
        while client.state().mono_ms - start_ms < 1000:
            select.select([], [], [], 0.5)
        assert cpu_ticks(process.pid) - before <= 10


def test_a_link_that_is_a_real_file_is_left_alone(tmp_path):
    (tmp_path / "line").write_text("precious")
    command = [sys.executable, "-m", "host_tools.simulators.site", "--config", str(EXAMPLE)]
    root = EXAMPLE.parents[3]
    command += ["--link", str(tmp_path / "line")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "not a symbolic link" in done.stderr
    assert (tmp_path / "line").read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"meters": [{"address": "210000000001", "history_days": 400}], "start_local": "0001-01-01T00:00:00"}', "start_local: must be"),
        ('{"meters": [{"address": "210000000001"}], "start_local": "9999-12-31T23:59:59"}', "start_local: must be"),
        ('{"meters": [{"address": "210000000001", "clock": {"offset_s": 99999999999999}}]}', "meters.0.clock.offset_s: "),
        ('{"meters": [{"address": "210000000001", "model": ["x"]}]}', "meters.0: model ['x'] is unknown"),
        ('{"meters": [{"address": "210000000001", "load": {"steps": [[0, 1e30]]}}]}', "meters.0.load.steps.0.1: "),
        ('{"meters": [], "meters": [{"address": "210000000001"}]}', "field 'meters' stands twice"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_no_meter_can_be_is_one_sentence_before_the_site_stands(text, named, tmp_path, capsys):
    path = tmp_path / "site.json"
    path.write_text(text)
    assert main(["--config", str(path), "--link", str(tmp_path / "line")]) == 2
    said = capsys.readouterr().err
    assert named in said and said.count("\n") == 1 and not (tmp_path / "line").is_symlink()


def test_a_path_that_cannot_be_made_is_named_itself(tmp_path, capsys):
    assert main(["--config", str(EXAMPLE), "--link", str(tmp_path / "none" / "line")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none' / 'line'}: No such file or directory\n"
    assert main(["--config", str(EXAMPLE), "--link", str(tmp_path / "line"), "--control", str(tmp_path / "none" / "ctl")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none' / 'ctl'}: No such file or directory\n"
    assert not (tmp_path / "line").is_symlink()


def test_a_site_that_is_ended_while_somebody_asks_says_nothing_on_stderr(tmp_path):
    with spawned(EXAMPLE, tmp_path / "line", tmp_path / "control") as process, SiteClient(tmp_path / "control") as client:
        assert client.ask("state")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0 and process.stderr is not None
        assert process.stderr.read() == ""
        with pytest.raises(ConnectionError):
            client.ask("state")


def test_a_site_that_is_ended_while_nobody_reads_its_answers_says_nothing_on_stderr(tmp_path):
    with spawned(EXAMPLE, tmp_path / "line", tmp_path / "control") as process:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
            deaf.connect(str(tmp_path / "control"))
            deaf.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    deaf.sendall(b'{"do": "state"}\n' * 100)
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0 and process.stderr is not None
            assert process.stderr.read() == ""
