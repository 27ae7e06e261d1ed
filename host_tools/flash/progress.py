"""Progress on the terminal: a bar for a person, a line for each step in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int], None]


@contextmanager
def step(what: str, total: int) -> Iterator[Advance]:
    """`with step("application", 48) as done: done(1)`."""
    if not sys.stderr.isatty():
        yield lambda count: None
        print(f"{what}: done", file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description:28}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=max(total, 1))
        yield lambda count: progress.advance(task, count)
        progress.update(task, completed=max(total, 1))


def say(sentence: str) -> None:
    """A line between steps."""
    print(sentence, file=sys.stderr, flush=True)
