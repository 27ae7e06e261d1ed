"""The serial line of the unix board on a real pty, under MicroPython: opened again and again, as by a restarted gateway."""

import os
import pty
import subprocess
from pathlib import Path

from host_tools.set_up import paths

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from firmware.base import aio
from firmware.hal.line_serial import SerialLine

async def talk():
    line = SerialLine(sys.argv[1], 2400)
    line.set_rate(9600)
    await line.send(b"ping", 0, 4)
    buf = bytearray(16)
    n = await line.receive_into(buf, 2000)
    print(bytes(buf[:n]).decode(), await line.receive_into(buf, 20))

aio.run(talk())
"""


def test_a_line_can_be_opened_again_after_its_owner_was_killed() -> None:
    master, slave = pty.openpty()
    try:
        for _ in range(3):
            environment = dict(os.environ, MICROPYPATH=f"{CHECKOUT}:.frozen")
            command = [str(paths.micropython()), "-c", PROGRAM, os.ttyname(slave)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            with subprocess.Popen(command, env=environment, cwd=CHECKOUT, **pipes) as child:
                assert os.read(master, 16) == b"ping"
                os.write(master, b"pong")
                assert child.stdout is not None
                assert child.stdout.read().split() == ["pong", "0"]
            assert child.returncode == 0
    finally:
        os.close(master)
        os.close(slave)
