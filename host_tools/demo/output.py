"""The one place where output leaves the demo: a reader that has gone is one kind of error, whatever the system calls it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class OutputGone(Exception):
    """Nobody reads any more: the pipe is closed, or the terminal is."""


@contextmanager
def to_the_reader() -> Iterator[None]:
    """OutputGone instead of what the system says when it cannot be written."""
    try:
        yield
    except OSError as fault:
        raise OutputGone(str(fault)) from fault


def put(line: str) -> None:
    """One line to whoever reads."""
    with to_the_reader():
        print(line, flush=True)


def forget() -> None:
    """What is still buffered goes nowhere, or the interpreter complains about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
