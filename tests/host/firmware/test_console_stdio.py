"""The console device of a process, on both interpreters: it never waits, tears no line, and lives with whatever its streams are."""

import os
import pty
import subprocess
import sys
import tty

import pytest

from host_tools.set_up import paths

LINES = 3_000
SECONDS = 20
PROGRAM = f"""
import sys
from firmware.hal.console_stdio import StdioConsole
console = StdioConsole()
taken = 0
for number in range({LINES}):
    if console.write("line %05d %s\\n" % (number, "x" * 100)):
        taken += 1
sys.stderr.write("taken %d\\n" % taken)
buf = bytearray(16)
for _ in range(200_000):
    n = console.read_into(buf)
    if n:
        sys.stderr.write("heard %r\\n" % bytes(buf[:n]))
        break
"""
INTERPRETERS = {"cpython": lambda: [sys.executable, "-c"], "micropython": lambda: [str(paths.micropython()), "-c"]}


@pytest.fixture(params=sorted(INTERPRETERS))
def command(request):
    return [*INTERPRETERS[request.param](), PROGRAM]


def start(command, stdin, stdout):
    environment = {**os.environ, "MICROPYPATH": paths.micropython_path(), "PYTHONPATH": str(paths.checkout())}
    return subprocess.Popen(
        command, cwd=paths.checkout(), env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
    )


def lines_in(data: bytes) -> list[bytes]:
    """Whole lines; the last one may be cut off where the reader stopped to read."""
    return data.split(b"\n")[:-1]


def whole(lines: list[bytes]) -> bool:
    return all(line.startswith(b"line ") and len(line) == 111 for line in lines)


def test_a_pty_that_nobody_reads_takes_some_lines_whole_and_refuses_the_others(command):
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.write(master, b"ask\n")
    process = start(command, slave, slave)
    _, said = process.communicate(timeout=SECONDS)
    taken = int(said.split()[1])
    assert process.returncode == 0 and 10 < taken < LINES and b"heard b'ask\\n'" in said
    os.set_blocking(master, False)
    data = b""
    while True:
        try:
            data += os.read(master, 65_536)
        except OSError:
            break
    os.close(slave)
    os.close(master)
    assert whole(lines_in(data)) and taken - 1 <= len(lines_in(data)) <= taken  # of the last one only a part may fit


def test_a_pipe_that_nobody_reads_stops_nothing(command):
    process = start(command, subprocess.PIPE, subprocess.PIPE)
    process.stdin.write(b"ask\n")
    process.stdin.close()
    assert process.wait(SECONDS) == 0
    said, data = process.stderr.read(), process.stdout.read()
    process.stderr.close()
    process.stdout.close()
    assert 10 < int(said.split()[1]) < LINES and whole(lines_in(data)) and b"heard b'ask\\n'" in said


def test_a_pipe_whose_reader_went_away_and_no_input_at_all(command):
    reader, writer = os.pipe()
    os.close(reader)
    process = start(command, subprocess.DEVNULL, writer)
    os.close(writer)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and b"Traceback" not in said


def test_a_file_gets_every_line_behind_what_it_held(command, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    with path.open("ab") as log:
        process = start(command, subprocess.DEVNULL, log)
        _, said = process.communicate(timeout=SECONDS)
    lines = lines_in(path.read_bytes())
    assert said.startswith(b"taken 3000") and lines[0] == b"before" and len(lines) == LINES + 1 and whole(lines[1:])
