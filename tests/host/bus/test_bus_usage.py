"""Used wrongly: one sentence that names what is wrong, exit code 2, and nothing said on the line. Passwords are asked, not shown."""

from __future__ import annotations

import os
import pty
import select
import signal
import time

import pytest
import serial

from host_tools.bus.cli import main
from tests.host.bus.bench import BAUD, ROOT, A, Bench, bus, command, environment, model_file, waits

RESTORE = ("relay", A, "restore", "--model", "export_1p", "--yes")


def wrong(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence of a command that was used wrongly."""
    try:
        status = main(list(arguments))
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status == 2 and said.out == "" and said.err.count("\n") == 1, said
    return said.err


@waits
def test_the_real_command_line_ends_with_2_and_one_sentence(folder):
    (folder / "file").write_text("")
    for arguments, said in (
        (("read", A), "port: is missing"),
        (("read", A, "--port", str(folder / "none")), f"port: {folder / 'none'} is not there: is the adapter plugged in?"),
        (("sniff", "--port", str(folder / "file")), f"port: {folder / 'file'} is not a serial port"),
        (("explode",), "invalid choice: 'explode'"),
    ):
        run = bus(*arguments)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1), run.stderr
        assert said in run.stderr


def test_every_wrong_argument_is_named(capsys, tmp_path):
    (tmp_path / "model.json").write_text('{"name": "model"}')
    with Bench() as line:
        port = ("--port", line.path)
        for arguments, said in (
            (("read", "21", *port), "address: must be the meter's 12 digits (leading zeros too), got '21'"),
            (("read", "9" * 12, *port), "address: must not be all 9"),
            (("read", "A" * 12, *port), "address: must be the meter's 12 digits"),
            (("read", A, *port, "--baud", "2401"), "--baud: invalid choice: 2401"),
            (("read", A, *port, "--item", "0201"), "item: 201: a meter of 1997 has"),
            (("read", A, *port, "--item", "xyz"), "--item: must be 8 hex digits"),
            (("read", A, *port, "--model", "unheard_of"), "model: 'unheard_of' is unknown: take one of base_2007, "),
            (("read", A, *port, "--model", str(tmp_path / "none.json")), "none.json cannot be read: No such file"),
            (("read", A, *port, "--model", str(tmp_path / "model.json")), "model.json: about: is missing"),
            (("read", A, *port, "--rts-low"), "rts-low: goes with --rts only"),
            (("read", A, *port, "--utc-offset-min", "841"), "--utc-offset-min: must be a whole number, -720 to 840, got '841'"),
            (("sniff", *port, "--seconds", "0"), "--seconds: must be a whole number"),
            (("sniff", *port, "--replay", "x"), "replay: a saved file is shown without --port"),
            (("sniff", "--replay", str(tmp_path / "none")), "none cannot be read: No such file"),
            (("relay", A, "explode", *port), "invalid choice: 'explode'"),
            (("relay", A, "cut", *port, "--yes"), "model: is missing"),
            (("relay", A, "cut", *port, "--model", "export_1p"), "yes: nothing was done: only with --yes"),
            (("read", A, "--port", "/dev/null"), "port: /dev/null is not a serial port"),
            (("read", A, "--port", str(tmp_path)), "is a folder, not a serial port"),
        ):
            assert said in wrong(capsys, *arguments), arguments
        assert line.requests == [] and line.restored


def test_meters_that_must_not_be_ordered_from_here_are_refused_by_their_model(capsys):
    with Bench() as line:
        for model, why in (
            ("sg_feecontrol_1p", "needs the utility's key"),
            ("purse_1p", "keeps its own credit"),
            ("base_2007", "has no relay that can be ordered"),
            ("legacy_1997", "has no relay that can be ordered"),
        ):
            for action in ("cut", "restore"):
                assert why in wrong(capsys, "relay", A, action, "--port", line.path, "--model", model, "--yes"), model
        assert line.requests == []


def test_a_port_that_another_program_uses_is_named(capsys):
    with Bench() as line, serial.Serial(line.path, exclusive=True):
        assert wrong(capsys, "read", A, "--port", line.path) == f"port: {line.path} is used by another program\n"


def test_a_port_without_rts_is_named_and_left_as_it_was(capsys):
    with Bench() as line:
        assert "has no RTS line" in wrong(capsys, "read", A, "--port", line.path, "--rts", "program")
        assert "does not switch direction by itself: try --rts program" in wrong(capsys, "read", A, "--port", line.path, "--rts", "kernel")
        assert line.restored and line.requests == []


def test_every_command_shows_an_example(capsys):
    for name in ("read", "scan-one", "sniff", "relay"):
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        said = capsys.readouterr().out
        assert end.value.code == 0 and f"  python -m host_tools.bus {name} " in said
    assert bus("--help").returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("12345\n", "must hold 6 digits"), ("12345x", "must hold 6 digits"), ("", "must hold 6 digits"), ("\xff", "must hold 6 digits")],
)
def test_a_bad_password_file_is_named_and_not_shown(capsys, tmp_path, text, said):
    (tmp_path / "password").write_text(text, encoding="utf-8")
    with Bench() as line:
        sentence = wrong(capsys, *RESTORE, "--port", line.path, "--password-file", str(tmp_path / "password"))
        assert sentence == f"password: the first line of {tmp_path / 'password'} {said}\n"
        assert "cannot be read: No such file" in wrong(capsys, *RESTORE, "--port", line.path, "--password-file", str(tmp_path / "none"))
        assert line.requests == []


@pytest.mark.slow
@waits
def test_a_password_comes_from_a_file_or_the_environment_and_without_either_nothing_is_sent(folder):
    (folder / "password").write_text("739154\nnot this\n")
    relay = {"passwords": {"04": "739154"}, "initially_open": True}
    with Bench({"address": A, "relay": relay}) as line:
        given = ("relay", A, "restore", "--model", model_file(folder), "--port", line.path, "--yes", "--password-level", "4")
        none = bus(*given, password=None)
        assert none.returncode == 2 and none.stderr.startswith("password: none given: --password-file, the variable")
        bad = bus(*given, password="7391540")
        assert (bad.returncode, bad.stderr) == (2, "password: LAMPLIGHTER_METER_PASSWORD must hold 6 digits\n")
        assert line.requests == []
        run = bus(*given, "--password-file", str(folder / "password"), password="000000")
        assert run.returncode == 0 and "739154" not in run.stdout + run.stderr
        assert line.orders == ["close: acknowledged 0001"]


def type_at(arguments: tuple[str, ...], typed: bytes) -> tuple[int, bytes]:
    """Run the command at a terminal of its own, type when it asks -> exit status, everything the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        words = command(*arguments)
        os.execve(words[0], words, environment(None))
    shown, deadline, wrote = b"", time.monotonic() + 30, False
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 1000)
            except OSError:
                break  # the child has ended
        if b"not shown: " in shown and not wrote:
            time.sleep(0.1)
            os.write(terminal, typed)
            wrote = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


@waits
def test_who_sits_at_a_terminal_is_asked_and_what_he_types_is_not_shown(folder):
    with Bench({"address": A, "relay": {"passwords": {"02": "739154"}, "initially_open": True}}) as line:
        given = ("relay", A, "restore", "--model", model_file(folder), "--port", line.path, "--yes")
        status, shown = type_at(given, b"739154\n")
        assert status == 0 and b"done: supply is restored" in shown and b"739154" not in shown, shown
        status, shown = type_at(given, b"\x03")
        assert status == 130 and b"Traceback" not in shown, shown


@pytest.mark.slow
@waits
def test_ctrl_c_while_reading_leaves_the_port_as_it_was(folder):
    import subprocess

    with Bench({"address": A, "silent": True}) as line:
        given = command("read", A, "--port", line.path, "--baud", BAUD)
        process = subprocess.Popen(given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not line.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err, line.restored) == (130, "", True)
