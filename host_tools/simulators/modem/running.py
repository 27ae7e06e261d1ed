"""The modem as a process: from the command line, or spawned by a test."""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from host_tools.simulators.control_server import ControlServer
from host_tools.simulators.modem.control import obey
from host_tools.simulators.modem.line import ModemLine
from host_tools.simulators.pty_port import PtyPort
from host_tools.simulators.running import ready_process


def spawned(port: str | Path, control: str | Path, *more: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The modem as its own process."""
    return ready_process("modem", "--port", str(port), "--control", str(control), *more)


async def _serve(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    line = ModemLine(dict(given.host), time.monotonic_ns, given.login, given.seed, given.card)
    port = PtyPort(line, time.monotonic_ns, Path(given.port), False)
    try:
        port.open(loop)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), given.port) from error
    line.woken = port.wake
    server = None
    try:
        if given.control is not None:
            server = ControlServer(lambda document: obey(line, document), Path(given.control))
            try:
                await server.open()
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), given.control) from error
        print(f"modem ready on {given.port} ({port.slave_name})", flush=True)
        await stop.wait()
    finally:
        if server is not None:
            await server.close()
        line.close()
        port.close()


def _host(text: str) -> tuple[str, IPv4Address]:
    name, _, address = text.partition("=")
    try:
        return name.lower(), IPv4Address(address)
    except AddressValueError:
        raise argparse.ArgumentTypeError(f"must be NAME=ADDRESS, got {text!r}") from None


def _login(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("must be USER:PASSWORD")
    return user, password


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.simulators.modem",
        description="Play a cellular modem on a pty until it is stopped. The board reaches this machine's loopback as 10.0.2.2.",
        epilog="example: --port ./modem --control ./modem.control --host broker.test=10.0.2.2",
    )
    parser.add_argument("--port", required=True, help="where to put the symbolic link to the pty")
    parser.add_argument("--control", help="unix socket for orders, JSON lines: see host_tools/simulators/modem/control.py")
    parser.add_argument("--host", action="append", default=[], type=_host, metavar="NAME=ADDRESS", help="a name that the network knows")
    parser.add_argument("--login", type=_login, metavar="USER:PASSWORD", help="what PAP must bring; default: nothing is asked")
    parser.add_argument("--card", default="ready", choices=("ready", "absent", "pin", "puk"), help="the SIM card at start; its PIN is 1234")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    try:
        asyncio.run(_serve(parser.parse_args(argv)))
    except OSError as error:
        print(f"{error.filename}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0
