"""The line on pyserial: when the transceiver drives, that it always lets go, and that the port is put back.

A pty has no RTS, so here the port's own RTS writes are noted instead of made; everything else is the real port.
"""

from __future__ import annotations

import asyncio
import errno
import os
import termios
import time

import pytest
import serial

from firmware.base.faults import BadInput
from host_tools.bus.port import Direction, HostLine, PortGone
from tests.host.bus.bench import Bench

PROGRAM, PROGRAM_LOW, KERNEL = Direction(False), Direction(False, False), Direction(True)


class NotedRts:
    """(seconds, level) of each RTS write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.levels: list[tuple[float, bool]] = []
        noted = self.levels
        monkeypatch.setattr(serial.Serial, "_update_dtr_state", lambda port: None)  # opening sets it first, and a pty has none
        monkeypatch.setattr(serial.Serial, "_update_rts_state", lambda port: noted.append((time.monotonic(), bool(port.rts))))


@pytest.fixture
def rts(monkeypatch: pytest.MonkeyPatch) -> NotedRts:
    return NotedRts(monkeypatch)


@pytest.mark.parametrize(("direction", "drive"), [(PROGRAM, True), (PROGRAM_LOW, False)])
def test_rts_drives_for_the_time_of_the_frame_and_listens_otherwise(rts, direction, drive):
    with Bench() as line:
        port = HostLine(line.path, 1200, "even", direction)
        assert rts.levels and all(level != drive for _, level in rts.levels), "it drove before there was anything to send"
        rts.levels.clear()
        asyncio.run(port.send(bytes(20), 0, 20))
        (on_s, on), (off_s, off) = rts.levels
        assert (on, off) == (drive, not drive)
        assert 0.183 <= off_s - on_s < 0.183 + 0.1  # 20 characters of 11 bits at 1200
        port.close()
        assert rts.levels[-1][1] != drive


def test_a_failed_write_lets_go_of_the_line(rts, monkeypatch):
    def fails(port: serial.Serial, data: bytes) -> int:
        raise serial.SerialException(errno.EIO, "write failed")

    with Bench() as line:
        port = HostLine(line.path, 2400, "even", PROGRAM)
        monkeypatch.setattr(serial.Serial, "write", fails)
        with pytest.raises(PortGone, match="was it unplugged"):
            asyncio.run(port.send(b"x", 0, 1))
        assert rts.levels[-1][1] is False
        port.close()


def test_a_signal_in_the_middle_of_a_request_lets_the_frame_leave_first(rts):
    with Bench() as line:
        port = HostLine(line.path, 1200, "even", PROGRAM)

        async def interrupted() -> float:
            task = asyncio.create_task(port.send(bytes(20), 0, 20))
            asyncio.get_running_loop().call_later(0.02, task.cancel)
            began = time.monotonic()
            await asyncio.wait([task])
            return time.monotonic() - began

        assert asyncio.run(interrupted()) >= 0.183
        assert [level for _, level in rts.levels[-2:]] == [True, False]
        port.close()


def test_rates_and_parity_are_set_and_what_was_there_before_comes_back():
    with Bench() as line:
        attributes = termios.tcgetattr(line.slave)
        attributes[4] = attributes[5] = termios.B300
        attributes[3] |= termios.ECHO
        termios.tcsetattr(line.slave, termios.TCSANOW, attributes)
        before = termios.tcgetattr(line.slave)
        port = HostLine(line.path, 2400)
        assert termios.tcgetattr(line.slave)[5] == termios.B2400 and not termios.tcgetattr(line.slave)[3] & termios.ECHO
        for baud, speed in ((9600, termios.B9600), (600, termios.B600), (600, termios.B600)):
            port.set_rate(baud)
            assert termios.tcgetattr(line.slave)[5] == speed
        assert port.wire_ms(20) == 367
        assert port.parity_refused and not port.lacks_parity  # a pty: nothing is wrong with it
        port.close()
        port.close()
        assert termios.tcgetattr(line.slave) == before


def test_a_driver_that_refuses_parity_is_used_without_and_told(monkeypatch):
    def refusing(fd: int, when: int, attributes: list) -> None:
        if attributes[2] & termios.PARENB:
            raise termios.error(errno.EINVAL, "Invalid argument")
        made(fd, when, attributes)

    made = termios.tcsetattr
    monkeypatch.setattr(termios, "tcsetattr", refusing)
    with Bench() as line:
        port = HostLine(line.path, 2400)
        port.set_rate(9600)
        monkeypatch.setattr("host_tools.bus.port.os.path.realpath", lambda path: "/dev/ttyUSB0")
        assert port.parity_refused and port.lacks_parity and termios.tcgetattr(line.slave)[5] == termios.B9600
        port.close()
        port = HostLine(line.path, 2400, "none")
        assert not port.parity_refused
        port.close()


def test_a_port_that_was_refused_leaves_no_descriptor_behind():
    with Bench() as line:
        for path, direction in ((line.path, PROGRAM), (line.path, KERNEL), ("/dev/null", None), ("/nowhere/x", None)):
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(BadInput):
                HostLine(path, 2400, "even", direction)
            assert len(os.listdir("/proc/self/fd")) == before
        assert line.restored


def test_a_line_that_takes_no_bytes_is_given_up(monkeypatch):
    monkeypatch.setattr(serial.Serial, "out_waiting", property(lambda port: 7))
    with Bench() as line:
        port = HostLine(line.path, 19200)
        with pytest.raises(PortGone, match="takes no bytes"):
            asyncio.run(port.send(b"x", 0, 1))
        port.close()
