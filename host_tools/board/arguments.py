"""The command line of `python -m host_tools.board`: one command a question, each with an example."""

import argparse
from collections.abc import Callable
from pathlib import Path

from host_tools.board.port import BAUD

DESCRIPTION = "Ask a gateway on its serial console. Nothing asked here changes money or supply."
EPILOG = "exit status: 0 done, 1 the board said no or nothing, 2 used wrongly, 130 ended by Ctrl-C"
ROWS_MAX = (1 << 30) - 1

Commands = tuple[tuple[str, str, str], ...]
COMMANDS: Commands = (
    ("status", "who and how the gateway is", "python -m host_tools.board status --port /dev/ttyUSB0"),
    ("meters", "each meter: register, age, answers, silences, its clock", "python -m host_tools.board meters"),
    ("accounts", "each account: balance, what is wished and seen", "python -m host_tools.board accounts --json"),
    ("visits", "who is to be visited before a cut, with the days left", "python -m host_tools.board visits"),
    ("brake", "what closed the brake, and the cuts that it holds", "python -m host_tools.board brake"),
    ("events", "what happened in this life", "python -m host_tools.board events --from 12"),
    ("journal", "records, decoded, their chain checked here", "python -m host_tools.board journal --count 200 --account 1001"),
    ("why", "why an account is on or off, with the values that decide", "python -m host_tools.board why 1001"),
    ("statement", "the last days of an account: opening, energy, charges, credits, closing", "python -m host_tools.board statement 1001"),
    ("logs", "troubles that do not go away, and what ended an earlier life", "python -m host_tools.board logs"),
    ("watch", "what the gateway does, as it does it, until Ctrl-C", "python -m host_tools.board watch --seconds 60 --json"),
)


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A whole number in a range."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {highest}, got {text!r}")
        return int(text)

    return number


def parser() -> argparse.ArgumentParser:
    """All commands; a wrong use ends with exit status 2, as argparse does."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--port", help="serial port or pty of the console (default: the only USB serial port)")
    shared.add_argument("--baud", type=whole(300, 4_000_000), default=BAUD, help=f"default {BAUD}")
    shared.add_argument("--json", action="store_true", help="one JSON document, complete; watch: one a line")
    top = argparse.ArgumentParser(prog="python -m host_tools.board", description=DESCRIPTION, epilog=EPILOG)
    verbs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {}
    for name, text, example in COMMANDS:
        about = text[0].upper() + text[1:] + "."
        made[name] = verbs.add_parser(name, help=text, description=about, epilog="example: " + example, parents=[shared])
    for name in ("why", "statement"):
        made[name].add_argument("account", type=whole(1, 0xFFFFFFFE))
    made["statement"].add_argument("--days", type=whole(1, 31), default=7, help="default 7")
    made["events"].add_argument("--from", dest="first", type=whole(0, ROWS_MAX), default=0, metavar="NUMBER", help="from this event on")
    made["watch"].add_argument("--seconds", type=whole(1, 86_400), help="default: until Ctrl-C")
    journal = made["journal"]
    journal.add_argument("--from", dest="first", type=whole(1, 0xFFFFFFFF), metavar="SEQUENCE", help="default: the newest records")
    journal.add_argument("--count", type=whole(1, ROWS_MAX), default=50, help="default 50")
    journal.add_argument("--all", action="store_true", help="everything that the board holds")
    journal.add_argument("--account", type=whole(1, 0xFFFFFFFE), help="show this account's only; the chain is checked over all")
    journal.add_argument("--out", type=Path, metavar="FILE", help="keep the records as they stand on flash, for journal_reader --export")
    return top
