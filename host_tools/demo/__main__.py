"""`python -m host_tools.demo [--headless] [--meters N] [--seconds S] [--seed K] [--keep DIR]`

Exit status: 0 every check holds, 1 one does not or a process died, 2 bad input, 130 interrupted.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console as Terminal

from host_tools.demo import cast, feed, scenery, screen
from host_tools.demo.act import Act
from host_tools.demo.checks import Checks
from host_tools.demo.headless import JsonTeller
from host_tools.demo.processes import ChildDied, free_port
from host_tools.demo.scenery import Scenery
from host_tools.demo.screen import ScreenTeller
from host_tools.demo.stage import Stage
from host_tools.demo.story import tell
from host_tools.set_up.paths import NotSetUp

SECONDS, SECONDS_LEAST, SECONDS_MOST = 90, 30, 3_600
LOOK_EACH_S = 0.2


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    fault = _fault_of(given)
    if fault:
        print(fault, file=sys.stderr)
        return 2
    seed = random.SystemRandom().randrange(10_000) if given.seed is None else given.seed
    try:
        with _folder(given.keep) as folder:
            return asyncio.run(_run(given, Path(folder), seed))
    except KeyboardInterrupt:
        return 130
    except NotSetUp as missing:
        print(missing, file=sys.stderr)
        return 2


def _folder(keep: Path | None) -> AbstractContextManager[str | Path]:
    if keep is None:
        return tempfile.TemporaryDirectory(prefix="lamplighter-demo-", ignore_cleanup_errors=True)
    keep.mkdir(parents=True, exist_ok=True)
    return nullcontext(keep.resolve())


def _fault_of(given: argparse.Namespace) -> str:
    """The sentence about the first field that is wrong, or ""."""
    if not cast.METERS_LEAST <= given.meters <= cast.METERS_MOST:
        return f"meters: must be from {cast.METERS_LEAST} to {cast.METERS_MOST}, got {given.meters}"
    if not SECONDS_LEAST <= given.seconds <= SECONDS_MOST:
        return f"seconds: must be from {SECONDS_LEAST} to {SECONDS_MOST}, got {given.seconds}"
    if given.seed is not None and given.seed < 0:
        return f"seed: must not be negative, got {given.seed}"
    keep: Path | None = given.keep
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        return f"keep: {keep} must be a new or empty folder"
    return ""


async def _run(given: argparse.Namespace, folder: Path, seed: int) -> int:
    # a round of readings takes the wire longer with more meters, and every period of the story is some rounds
    stretch = max(1.0, given.seconds / SECONDS, given.meters / 12)
    set_ = scenery.build(folder, given.meters, seed, free_port(), free_port(), stretch)
    terminal = Terminal()
    headless = given.headless or not terminal.is_terminal
    teller: JsonTeller | ScreenTeller = (
        JsonTeller() if headless else ScreenTeller(terminal, {one.account: one.role for one in set_.households}))
    checks = Checks(teller, stretch)
    teller.event(f"seed {seed}, {given.meters} meters, about {given.seconds} s", "dim")
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    trouble, interrupted = "", False
    with nullcontext() if isinstance(teller, JsonTeller) else teller.live:
        try:
            await _perform(Stage(set_, seed), checks, set_, teller, given.seconds)
        except ChildDied as death:
            trouble = str(death)
        except asyncio.CancelledError:
            interrupted = True
    ok = checks.ok and not trouble and not interrupted
    summary = checks.summary() | {"seed": seed, "meters": given.meters}
    if trouble or interrupted:
        summary["trouble"] = trouble or "interrupted"
    if isinstance(teller, JsonTeller):
        teller.finish(summary, ok)
    else:
        terminal.print(screen.last_table(checks.done, ok, time.monotonic() - checks.started))
        terminal.print(f"Run it again with --seed {seed}." + (f" Everything is kept in {folder}." if given.keep else ""))
    if trouble:
        print(trouble, file=sys.stderr)
    return 130 if interrupted else 0 if ok else 1


async def _perform(stage: Stage, checks: Checks, set_: Scenery, teller: JsonTeller | ScreenTeller, seconds: float) -> None:
    """The story against the death of a child, whichever comes first; the children end in any case."""
    looking = asyncio.create_task(_look(stage, set_, teller))
    story: asyncio.Task[None] | None = None
    try:
        await stage.open(int(time.time()))
        story = asyncio.create_task(tell(Act(stage, checks), seconds))
        await asyncio.wait({story, stage.children.died, looking}, return_when=asyncio.FIRST_COMPLETED)
        if stage.children.died.done():
            stage.children.died.result()
        if looking.done():
            looking.result()
        await story
    finally:
        for task in (looking, story):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await stage.close()


async def _look(stage: Stage, set_: Scenery, teller: JsonTeller | ScreenTeller) -> None:
    """Show the present, and new records as events, a few times a second."""
    names = {one.account: one.role for one in set_.households}
    told = 0
    while True:
        for noted in stage.console.noted[told:]:
            words = feed.in_plain_words(noted.record, names)
            if words is not None:
                teller.event(*words)
        told = len(stage.console.noted)
        teller.look(stage.console)
        await asyncio.sleep(LOOK_EACH_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.demo",
        description="Broker, head-end, meters and gateway as real processes; a story of eight steps, each one checked.",
    )
    parser.add_argument("--headless", action="store_true", help="lines of JSON instead of the screen")
    parser.add_argument("--meters", type=int, default=12, metavar="N", help="meters on the line (default 12, at least 8)")
    parser.add_argument("--seconds", type=int, default=SECONDS, metavar="S", help="about how long it takes (default 90)")
    parser.add_argument("--seed", type=int, default=None, metavar="K", help="decides the moment of the kill, keys, loads")
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="keep databases, region and settings there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
