"""The linux_rs485 board on both interpreters: the calls that switch the driver, refusals, and a whole gateway on a pty.

No machine of ours has an RS-485 UART, so a library put in front of the C library plays its driver: it takes and remembers
TIOCSRS485 and RTS, and writes down the order of what it was asked for and of the bytes that were sent in between.
"""

import os
import pty
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.set_up import paths
from tests.running_gateway import Scene, meters

CHECKOUT = Path(__file__).resolve().parents[3]
RECORDER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static unsigned char state[32];
static int line = -1, polls;
static void say(const char *what, unsigned value) {
    FILE *log = fopen(getenv("RECORDER_LOG"), "a");
    fprintf(log, "%s %u\n", what, value);
    fclose(log);
}
int ioctl(int fd, unsigned long request, ...) {
    va_list list; va_start(list, request); void *arg = va_arg(list, void *); va_end(list);
    const char *mode = getenv("RECORDER_MODE");
    if (request == 0x542F) { line = fd; if (*mode != 'i') memcpy(state, arg, 32); say("set", *(unsigned *)arg); return 0; }
    if (request == 0x542E) { memcpy(arg, state, 32); say("get", *(unsigned *)state); return 0; }
    if (request == 0x5416 || request == 0x5417) { line = fd; say(request == 0x5416 ? "on" : "off", *(unsigned *)arg); return 0; }
    if (request == 0x5459) {
        if (*mode == 'm') { errno = ENOTTY; return -1; }
        *(unsigned *)arg = polls++ > 1; say("empty", *(unsigned *)arg); return 0;
    }
    int (*real)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, arg);
}
ssize_t write(int fd, const void *buf, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (fd == line) say("write", (unsigned)count);
    return real(fd, buf, count);
}
"""
PROGRAM = """
import sys
from firmware.base import aio
from firmware.base.faults import BadInput
from firmware.hal.line_linux_rs485 import LinuxRs485Line

async def talk(path, direction):
    line = LinuxRs485Line(path, 2400, direction)
    await line.send(b"\\xfe\\xfehello", 2, 7)
    line.close()

try:
    aio.run(talk(sys.argv[1], sys.argv[2]))
except BadInput as fault:
    print(fault)
"""
INTERPRETERS = ("cpython", "micropython")


def command(interpreter: str) -> list[str]:
    return [str(paths.python())] if interpreter == "cpython" else [str(paths.micropython()), "-X", "heapsize=2M"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "MICROPYPATH": paths.micropython_path(), "PYTHONPATH": str(CHECKOUT), **more}


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorder")
    (folder / "recorder.c").write_text(RECORDER)
    built = folder / "recorder.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", built, folder / "recorder.c", "-ldl"], check=True)
    return built


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """(file descriptor of the other end, path of a serial device)."""
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def talk(interpreter: str, path: str, direction: str, **more: str) -> str:
    done = subprocess.run(
        [*command(interpreter), "-c", PROGRAM, path, direction], cwd=CHECKOUT, env=environment(**more), capture_output=True,
        text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def recorded(recorder: Path, tmp_path: Path, interpreter: str, device: str, direction: str, mode: str = "good") -> tuple[list[str], str]:
    log = tmp_path / "log"
    said = talk(interpreter, device, direction, LD_PRELOAD=str(recorder), RECORDER_LOG=str(log), RECORDER_MODE=mode)
    return log.read_text().splitlines(), said


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_kernel_is_told_to_switch_the_driver_before_anything_is_sent(recorder, tmp_path, terminal, interpreter):
    calls, _ = recorded(recorder, tmp_path, interpreter, terminal[1], "kernel_rs485")
    assert calls == ["set 3", "get 3", "write 5"]  # SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND, read back
    assert os.read(terminal[0], 16) == b"hello"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_driver_that_ignores_the_mode_is_found_out(recorder, tmp_path, terminal, interpreter):
    _, said = recorded(recorder, tmp_path, interpreter, terminal[1], "kernel_rs485", "ignores")
    assert said.startswith("direction: the driver of /dev/pts/") and "ignored it: use rts" in said


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_rts_is_up_from_before_the_first_byte_until_the_last_bit_has_left(recorder, tmp_path, terminal, interpreter):
    calls, _ = recorded(recorder, tmp_path, interpreter, terminal[1], "rts")
    assert calls == ["off 4", "on 4", "write 5", "empty 0", "empty 0", "empty 1", "off 4"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_rts_is_dropped_also_where_the_driver_cannot_tell_when_it_is_empty(recorder, tmp_path, terminal, interpreter):
    calls, _ = recorded(recorder, tmp_path, interpreter, terminal[1], "rts", "mute")
    assert calls == ["off 4", "on 4", "write 5", "off 4"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("direction", ["kernel_rs485", "rts"])
def test_a_device_without_such_a_mode_is_refused_in_one_sentence(terminal, interpreter, direction):
    said = talk(interpreter, terminal[1], direction)
    assert said.startswith(f"direction: the driver of {terminal[1]} knows no {direction} (") and said.count("\n") == 1


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_an_adapter_that_switches_by_itself_is_just_a_line(terminal, interpreter):
    assert talk(interpreter, terminal[1], "auto") == ""
    assert os.read(terminal[0], 16) == b"hello"


def start(interpreter: str, root: Path, line: Path, **more: str) -> subprocess.Popen[str]:
    told = {"LAMPLIGHTER_ROOT": str(root), "LAMPLIGHTER_LINE": str(line), "LAMPLIGHTER_WATCHDOG": "none", **more}
    return subprocess.Popen(
        [*command(interpreter), "-m", "firmware.main", "linux_rs485"], cwd=CHECKOUT, env=environment(**told),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_whole_firmware_reads_meters_on_this_board(tmp_path, interpreter):
    scene = Scene(tmp_path, meters=2, baud=9600)
    watchdog = tmp_path / "watchdog"
    watchdog.touch()
    with meters(scene):
        gateway = start(interpreter, scene.root, scene.line, LAMPLIGHTER_DIRECTION="auto", LAMPLIGHTER_WATCHDOG=str(watchdog))
        try:
            deadline = time.monotonic() + 20
            while not (held := _readings(scene.root / "region.bin")) or not watchdog.read_bytes():
                assert gateway.poll() is None, gateway.stderr and gateway.stderr.read()
                assert time.monotonic() < deadline, "no reading reached the region"
                time.sleep(0.1)
        finally:
            gateway.kill()
            gateway.communicate(timeout=5)
    assert {account for _, account in held} <= {1001, 1002}
    assert set(watchdog.read_bytes()) == {0}


def _readings(region: Path) -> list[tuple[int, int]]:
    """(number, account) of the first stored readings; blocks as in SPEC 3: a header of 32 bytes, entries of 44."""
    if not region.exists():
        return []
    image = region.read_bytes()
    at = image.find(b"LR01")
    if at < 0 or image[at + 32 : at + 36] == b"\xff\xff\xff\xff":
        return []
    return [struct.unpack_from("<II", image, at + 32)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LAMPLIGHTER_DIRECTION": "sideways"}, "direction: must be one of auto kernel_rs485 rts, got sideways"),
        ({"LAMPLIGHTER_DIRECTION": "kernel_rs485"}, "knows no kernel_rs485"),
        ({"LAMPLIGHTER_LINE": "/dev/no such line"}, "line: the serial device /dev/no such line cannot be used"),
        ({"LAMPLIGHTER_WATCHDOG": "/dev/no such dog"}, "LAMPLIGHTER_WATCHDOG: /dev/no such dog cannot be used"),
    ],
)
def test_what_this_gateway_does_not_have_is_one_sentence_and_code_2(tmp_path, terminal, change, said):
    scene = Scene(tmp_path, meters=1)
    gateway = start("micropython", scene.root, Path(terminal[1]), **change)
    _, errors = gateway.communicate(timeout=20)
    assert gateway.returncode == 2, errors
    assert said in errors and errors.count("\n") == 1


def test_a_watchdog_that_somebody_else_has_is_found_out_at_the_first_feeding(tmp_path, terminal):
    scene = Scene(tmp_path, meters=1)
    taken = tmp_path / "watchdog"
    taken.mkdir()  # opening it fails, as that of a device which is busy
    gateway = start("micropython", scene.root, Path(terminal[1]), LAMPLIGHTER_DIRECTION="auto", LAMPLIGHTER_WATCHDOG=str(taken))
    _, errors = gateway.communicate(timeout=20)
    assert gateway.returncode == 2, errors
    assert f"LAMPLIGHTER_WATCHDOG: {taken} cannot be used" in errors and errors.count("\n") == 1
