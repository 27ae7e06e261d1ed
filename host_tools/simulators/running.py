"""A site on a pty: started inside an asyncio loop, from the command line, or as a process of its own.

`RunningSite` owns the pty, the control socket and the site together, so that stopping leaves nothing behind.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from host_tools.simulators.config import SiteCfg, SiteFileError, load_site
from host_tools.simulators.control import obey
from host_tools.simulators.control_server import ControlServer
from host_tools.simulators.models import MODELS
from host_tools.simulators.pty_port import PtyPort
from host_tools.simulators.site import Site

CHECKOUT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 5


@dataclass
class RunningSite:
    site: Site
    port: PtyPort
    control: ControlServer | None

    async def stop(self) -> None:
        if self.control is not None:
            await self.control.close()
        self.port.close()


async def start_on_pty(cfg: SiteCfg, link: str | Path, control: str | Path | None = None) -> RunningSite:
    """Stand the site on a fresh pty in the running loop. OSError, naming the path, when link or socket cannot be made."""
    site = Site(cfg)
    port = PtyPort(site.line, site.clock.mono_ns, Path(link), cfg.line.baud_from_termios)
    try:
        port.open(asyncio.get_running_loop())
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(link)) from error
    server = None if control is None else ControlServer(lambda document: obey(site, document), Path(control))
    if server is not None:
        try:
            await server.open()
        except OSError as error:
            port.close()
            raise OSError(error.errno, error.strerror or str(error), str(control)) from error
    return RunningSite(site, port, server)


@contextmanager
def ready_process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A simulator as its own process, ready when the block begins, ended with it. RuntimeError if it never is."""
    command = [sys.executable, "-m", f"host_tools.simulators.{module}", *arguments]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    try:
        if not process.stdout.readline():
            raise RuntimeError(process.stderr.read().strip() or f"the {module} ended before it was ready")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def spawned(config: str | Path, link: str | Path, control: str | Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """The site as its own process."""
    return ready_process("site", "--config", str(config), "--link", str(link), "--control", str(control))


async def _serve(cfg: SiteCfg, link: str, control: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = await start_on_pty(cfg, link, control)
    where = f"{link} ({running.port.slave_name})" + (f", control {control}" if control else "")
    print(f"site ready: {len(cfg.meters)} meters at {cfg.line.baud} baud on {where}", flush=True)
    try:
        await stop.wait()
    finally:
        await running.stop()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.simulators.site",
        description="Play a site of DL/T 645 meters on a pty at wire pace, until it is stopped.",
        epilog="example: --config host_tools/simulators/examples/twelve_meters.json --link ./meters",
    )
    parser.add_argument("--config", help="site file, JSON: its fields are those of host_tools/simulators/config.py")
    parser.add_argument("--link", help="where to put the symbolic link to the pty")
    parser.add_argument("--control", help="unix socket for orders and questions, JSON lines")
    parser.add_argument("--list-models", action="store_true", help="print the meter models and end")
    args = parser.parse_args(argv)
    if args.list_models:
        for name, model in MODELS.items():
            print(f"{name:20} {model.about}")
        return 0
    if not args.config or not args.link:
        print("--config and --link are both needed", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(load_site(args.config), args.link, args.control))
    except SiteFileError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or args.link}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0
