"""The simulated site on a pty, which also writes down when each request of the gateway began: the poll cycle as the meters see it.

usage: python -m tests.timed_site CONFIG LINK CONTROL LOG     LOG gets one line a request: CLOCK_MONOTONIC ns, hex of the bytes
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from host_tools.set_up import paths
from host_tools.simulators.config import load_site
from host_tools.simulators.running import start_on_pty

ENERGY = bytes.fromhex("33333433")  # item 00010000, low byte first, each byte + 33H
STATUS = bytes.fromhex("36383337")  # item 04000503
STOP_SECONDS = 5


class Request(NamedTuple):
    """One request as it began on the wire; `address` and `data` as on the wire."""

    at_ns: int
    address: bytes
    control: int
    data: bytes


async def _serve(config: str, link: str, control: str, log: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = await start_on_pty(load_site(config), link, control)
    line = running.site.line
    plain_send = line.send
    with open(log, "w", buffering=1) as told:

        def send(data: bytes, now_ns: int) -> None:
            told.write(f"{now_ns} {data.hex()}\n")
            plain_send(data, now_ns)

        line.send = send  # type: ignore[method-assign]
        print("ready", flush=True)
        try:
            await stop.wait()
        finally:
            await running.stop()


@contextlib.contextmanager
def spawned(config: Path, link: Path, control: Path, log: Path) -> Iterator[None]:
    """The site as a process, ready when the block begins, ended with it by its own id."""
    command = [sys.executable, "-m", "tests.timed_site", str(config), str(link), str(control), str(log)]
    process = subprocess.Popen(command, cwd=paths.checkout(), stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the simulated site ended before it was ready")
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def requests(log: Path) -> list[Request]:
    """Everything in the log that looks like one request; a torn last line is left out."""
    found = []
    for line in log.read_text().split("\n")[:-1]:
        at, _, text = line.partition(" ")
        frame = bytes.fromhex(text).lstrip(b"\xfe")
        if len(frame) >= 12 and frame[0] == 0x68:
            found.append(Request(int(at), frame[1:7], frame[8], frame[10:-2]))
    return found


def cycles_ms(log: Path, since_ns: int = 0, until_ns: int | None = None) -> list[float]:
    """Times between two energy requests to the same meter, over all meters."""
    last: dict[bytes, int] = {}
    found = []
    for one in requests(log):
        if one.data != ENERGY or one.at_ns < since_ns or (until_ns is not None and one.at_ns > until_ns):
            continue
        if one.address in last:
            found.append((one.at_ns - last[one.address]) / 1_000_000)
        last[one.address] = one.at_ns
    return found


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
