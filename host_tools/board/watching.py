"""`watch`: what the gateway does, as it does it, until the time is over or Ctrl-C."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from host_tools.board import tables
from host_tools.board.answers import ACCOUNT, named
from host_tools.board.console_client import ConsoleClient, Row
from host_tools.journal_reader import record_in_words
from host_tools.journal_reader.told import record_of
from host_tools.journal_reader.words import when

ASKED_S = 60  # for so long the board tells; asked again before it is over
AGAIN_S = 45.0
LISTEN_S = 0.25
LAST_RECORDS = 8
STATE_S = 10.0


@dataclass
class Watched:
    """What was told so far."""

    now: Row = field(default_factory=dict)
    accounts: dict[int, Row] = field(default_factory=dict)
    records: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)  # records not shown yet
    as_json: bool = False

    def take(self, row: Row) -> None:
        """One line of the board."""
        if self.as_json:
            print(json.dumps(row), flush=True)
        elif "record" in row:
            record = record_of(row["record"])
            text = f"{record.sequence:8d}  {when(record.at_s)}  {record_in_words(record)}"
            self.records = [*self.records, text][-LAST_RECORDS:]
            self.fresh.append(text)
        elif "account" in row:
            self.accounts[row["account"][0]] = named(ACCOUNT, row["account"])
        elif "accounts" in row:
            self.accounts |= {one[0]: named(ACCOUNT[:10], one) for one in row["accounts"]}
        elif "now" in row:
            self.now = row["now"]

    def screen(self, height: int) -> Group:
        """Numbers, the newest records, and as many accounts as fit."""
        fits = max(3, height - LAST_RECORDS - 15)
        capture = Console(width=tables.PIPE_WIDTH, highlight=False)
        with capture.capture() as text:
            tables.show_now(capture, self.now) if self.now else capture.print("waiting for the board")
            tables.show_accounts(capture, [self.accounts[key] for key in sorted(self.accounts)][:fits])
        parts = [Text(line, no_wrap=True, overflow="ellipsis") for line in text.get().splitlines()]
        return Group(*parts, *(Text(line, no_wrap=True, overflow="ellipsis") for line in self.records))


def watch(board: ConsoleClient, seconds: float | None, as_json: bool) -> None:
    """Show it until `seconds` are over; None = until Ctrl-C."""
    watched = Watched(as_json=as_json)
    board.on_told = watched.take
    until = None if seconds is None else time.monotonic() + seconds
    if as_json or not sys.stdout.isatty():
        _print_lines(board, watched, until)
    else:
        out = tables.terminal()
        with Live(console=out, auto_refresh=False, screen=True) as live:
            for _ in _rounds(board, until):
                live.update(watched.screen(out.height), refresh=True)
    board.watch(0)


def _print_lines(board: ConsoleClient, watched: Watched, until: float | None) -> None:
    """For a pipe or a file: records as they come, and now and then how the gateway is."""
    told_at = None
    for _ in _rounds(board, until):
        for text in watched.fresh:
            print(text, flush=True)
        watched.fresh.clear()
        if watched.now and (told_at is None or time.monotonic() - told_at > STATE_S):
            told_at = time.monotonic()
            print(tables.now_in_a_line(watched.now), flush=True)


def _rounds(board: ConsoleClient, until: float | None) -> Iterator[None]:
    asked_at = None
    while until is None or time.monotonic() < until:
        if asked_at is None or time.monotonic() - asked_at > AGAIN_S:
            board.watch(ASKED_S)
            asked_at = time.monotonic()
        board.listen(LISTEN_S)
        yield
