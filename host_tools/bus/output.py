"""Lines on standard output that never break the work behind them: a reader who has left must not stop a relay order."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import Any


class Teller:
    """`line` for people, `document` with --json; the other is quiet. `failed` holds the first error of the output."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.failed: OSError | None = None

    def line(self, text: str) -> None:
        """One line for people."""
        if not self.as_json:
            self._write(text)

    def document(self, value: dict[str, Any]) -> None:
        """One JSON document, on one line."""
        if self.as_json:
            self._write(json.dumps(value))

    def aside(self, text: str) -> None:
        """For people who wait or must know, beside the answer."""
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError as fault:
            self.failed = self.failed or fault

    @property
    def lost(self) -> str | None:
        """Why the answer could not be written; None when it was, and when its reader had simply seen enough."""
        if self.failed is None or self.failed.errno == errno.EPIPE:
            return None
        return f"output: the answer cannot be written: {self.failed.strerror}"

    def _write(self, text: str) -> None:
        if self.failed is not None:
            return
        try:
            print(text, flush=True)
        except OSError as fault:
            self.failed = fault
            leave_stdout()


def leave_stdout() -> None:
    """What is still buffered has nowhere to go; the interpreter must not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
