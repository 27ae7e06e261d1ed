"""`python -m host_tools.demo [--headless] [--meters N] [--seconds S] [--seed K] [--keep DIR] [--board NAME]`

Exit status: 0 every check holds, 1 one does not or a process died, 2 bad input, 130 interrupted.
"""

import asyncio
import signal
import sys
import tempfile
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

from host_tools.demo import feed, scenery, screen
from host_tools.demo.act import Act
from host_tools.demo.checks import Checks
from host_tools.demo.headless import JsonTeller
from host_tools.demo.options import BadOption, Options, parse, short_enough
from host_tools.demo.output import OutputGone, forget, to_the_reader
from host_tools.demo.panels import verdict_lines
from host_tools.demo.plain import PlainTeller
from host_tools.demo.processes import ChildDied, free_ports
from host_tools.demo.scenery import Scenery
from host_tools.demo.screen import ScreenTeller
from host_tools.demo.stage import Stage
from host_tools.demo.story import tell
from host_tools.set_up.paths import NotSetUp

LOOK_EACH_S = 0.2
CAUSE_WAIT_S = 1.0
INTERRUPTED = 130

AnyTeller = JsonTeller | PlainTeller | ScreenTeller


def main(arguments: list[str] | None = None) -> int:
    try:
        options = parse(arguments)
        with _folder(options) as folder:
            return asyncio.run(_run(options, short_enough("TMPDIR", Path(folder))))
    except (BadOption, NotSetUp) as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except OutputGone:
        forget()
        return 1


def _folder(options: Options) -> AbstractContextManager[str | Path]:
    if options.keep is not None:
        return nullcontext(options.keep)
    return tempfile.TemporaryDirectory(prefix="lamplighter-demo-", ignore_cleanup_errors=True)


async def _run(options: Options, folder: Path) -> int:
    set_ = scenery.build(folder, options.meters, options.seed, *free_ports(), options.stretch, options.board)
    terminal = Terminal(highlight=False)
    teller = _teller(options, terminal, {one.account: one.role for one in set_.households})
    checks = Checks(teller, options.stretch)
    teller.event(f"seed {options.seed}, {options.meters} meters, board {options.board}, about {options.about_s:.0f} s", "")
    interrupted = _on_signals()
    trouble = ""
    with to_the_reader(), teller.live if isinstance(teller, ScreenTeller) else nullcontext():
        try:
            await _perform(Stage(set_, options.seed), checks, set_, teller, options.about_s, interrupted)
        except ChildDied as death:
            trouble = str(death)
        except OutputGone:
            raise
        except Exception:  # the demo's own bug must not look like a story that held
            trouble = f"the demo itself failed:\n{traceback.format_exc()}"
    if interrupted.is_set():
        trouble = "interrupted"
    checks.end()
    ok = checks.ok and not trouble
    with to_the_reader():
        _finish(options, checks, teller, terminal, trouble)
    if trouble:
        print(trouble, file=sys.stderr)
    return INTERRUPTED if interrupted.is_set() else 0 if ok else 1


def _teller(options: Options, terminal: Terminal, roles: dict[int, str]) -> AnyTeller:
    if options.headless:
        return JsonTeller()
    if not terminal.is_terminal or terminal.is_dumb_terminal:
        return PlainTeller(roles)
    return ScreenTeller(terminal, roles, options.about_s)


def _on_signals() -> asyncio.Event:
    """Set by the first of them; the others change nothing, for the children are being ended by then."""
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    return interrupted


def _finish(options: Options, checks: Checks, teller: AnyTeller, terminal: Terminal, trouble: str) -> None:
    seconds, ok = time.monotonic() - checks.started, checks.ok and not trouble
    if isinstance(teller, JsonTeller):
        summary = checks.summary() | {"seed": options.seed, "meters": options.meters}
        teller.finish(summary | ({"trouble": trouble} if trouble else {}), ok)
        return
    if isinstance(teller, PlainTeller):
        teller.finish(checks.done, ok, seconds, checks.missing)
    else:
        if checks.done:
            terminal.print(screen.last_table(checks.done))
        for line in verdict_lines(checks.done, ok, seconds, checks.missing):
            terminal.print(line)
    print(f"Run it again with --seed {options.seed}." + (f" Everything is kept in {options.keep}." if options.keep else ""))


async def _perform(
    stage: Stage, checks: Checks, set_: Scenery, teller: AnyTeller, seconds: float, interrupted: asyncio.Event
) -> None:
    """The story against the death of a child and a signal, whichever comes first; the children end in any case."""
    story = asyncio.create_task(_play(stage, checks, seconds))
    looking = asyncio.create_task(_look(stage, checks, set_, teller))
    stopping = asyncio.create_task(interrupted.wait())
    try:
        first: set[asyncio.Future[Any]] = {story, stage.children.died, looking, stopping}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if story.done() and story.exception() is not None:
            await asyncio.wait({stage.children.died}, timeout=CAUSE_WAIT_S)  # who stumbles over a dead child is not the cause
        if interrupted.is_set():
            return
        if stage.children.died.done():
            stage.children.died.result()
        if looking.done():
            looking.result()
        await story
    finally:
        for task in (looking, story, stopping):
            task.cancel()
        await asyncio.gather(looking, story, stopping, return_exceptions=True)
        await stage.close()


async def _play(stage: Stage, checks: Checks, seconds: float) -> None:
    await stage.open(int(time.time()))
    await tell(Act(stage, checks), seconds)


async def _look(stage: Stage, checks: Checks, set_: Scenery, teller: AnyTeller) -> None:
    """Show the present, and new records as events, a few times a second."""
    names = {one.account: one.role for one in set_.households}
    told = 0
    while True:
        for noted in stage.console.noted[told:]:
            words = feed.in_plain_words(noted.record, names)
            if words is not None:
                teller.event(*words)
        told = len(stage.console.noted)
        teller.look(stage.console, checks.waiting)
        await asyncio.sleep(LOOK_EACH_S)


if __name__ == "__main__":
    sys.exit(main())
