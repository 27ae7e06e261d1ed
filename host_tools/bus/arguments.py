"""What the command line takes. A wrong argument gets one sentence that names it, exit status 2."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from host_tools.bus.meter import PASSWORD_VARIABLE, names
from host_tools.bus.port import BAUDS, PARITIES
from host_tools.bus.scan import WINDOW_MS

DESCRIPTION = "Talk to meters straight over an RS-485 adapter, with the concentrator's own codec and its own caution."
EPILOG = """\
examples:
  python -m host_tools.bus scan-one --port /dev/ttyUSB0
  python -m host_tools.bus read 210000000001 --port /dev/ttyUSB0
  python -m host_tools.bus sniff --port /dev/ttyUSB0 --save line.jsonl
  python -m host_tools.bus relay 210000000001 restore --model export_1p --port /dev/ttyUSB0 --yes

exit status: 0 done, 1 the meter said no, is silent or does not obey, 2 used wrongly, or the port is missing or fails,
130 ended with Ctrl-C; the line is left in order then."""
READ_EXAMPLE = """\
example:
  python -m host_tools.bus read 210000000001 --port /dev/ttyUSB0 --model export_1p --item 02010100 --item 050601FF

Without --model everything that some meter offers is asked for. --item takes an identifier as people write it, DI3 first."""
SCAN_EXAMPLE = """\
example:
  python -m host_tools.bus scan-one --port /dev/ttyUSB0

For a line with one meter on it: the question reaches every meter, and several answers at once are told as a collision."""
SNIFF_EXAMPLE = """\
examples:
  python -m host_tools.bus sniff --port /dev/ttyUSB0 --baud 2400 --save line.jsonl
  python -m host_tools.bus sniff --replay line.jsonl

Nothing is ever sent. `>` is a master, `<` a meter, `?` bytes that belong to no frame; + is the silence before, in seconds.
A saved file is JSON lines, described in host_tools/bus/tape.py; it and --raw hold passwords as they were on the wire."""
RELAY_EXAMPLE = f"""\
example:
  python -m host_tools.bus relay 210000000001 cut --model export_1p --port /dev/ttyUSB0 --password-file meter.password --yes

The steps are the concentrator's: the meter's clock, its status word, the order, the status word until it agrees, the load.
The six digits of the password come from --password-file, else the variable {PASSWORD_VARIABLE}, else you are asked.
A concentrator that manages this meter will undo what it did not decide: tell the head-end instead."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{message} (see `{self.prog} --help`)", file=sys.stderr)
        sys.exit(2)


def number(low: int, high: int):
    """A type of argparse: a whole number in plain digits, low ... high."""

    def whole(text: str) -> int:
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 9 or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number, {low} to {high}, got {text!r}")
        return int(text)

    return whole


def identifier(text: str) -> int:
    """DI3 DI2 DI1 DI0 in hex, or the four digits of 1997."""
    if len(text) not in (4, 8) or not all(char in "0123456789abcdefABCDEF" for char in text):
        raise argparse.ArgumentTypeError(f"must be 8 hex digits (4 for a 1997 meter), got {text!r}")
    return int(text, 16)


def parser() -> argparse.ArgumentParser:
    """All commands."""
    top = _Parser(prog="python -m host_tools.bus", description=DESCRIPTION, epilog=EPILOG, **_form())
    verbs = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    shared = _shared()

    def verb(name: str, text: str, example: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, epilog=example, parents=[shared], **_form())

    read = verb("read", "Read registers, status word, clock, power and number of one meter.", READ_EXAMPLE)
    read.add_argument("address", metavar="ADDRESS", help="12 digits")
    _model(read, "what the meter is")
    read.add_argument("--item", action="append", type=identifier, default=[], metavar="DI", help="also this item; may be repeated")
    _offset(read)
    scan = verb("scan-one", "Find address and baud rate of the one meter on the line.", SCAN_EXAMPLE)
    window = "listen so long for answers; behind converters and power-line modems 2000 (default %(default)s)"
    scan.add_argument("--window", type=number(50, 10_000), default=WINDOW_MS, metavar="MS", help=window)
    sniff = verb("sniff", "Show every frame and all junk on the line, with times.", SNIFF_EXAMPLE)
    sniff.add_argument("--seconds", type=number(1, 864_000), metavar="N", help="end by itself (default: with Ctrl-C)")
    sniff.add_argument("--save", metavar="FILE", help="keep what is heard in a new file")
    sniff.add_argument("--replay", metavar="FILE", help="show a saved file again, without a port")
    sniff.add_argument("--raw", action="store_true", help="also the bytes of each frame, passwords included")
    silence = "ends an unfinished frame (default %(default)s)"
    sniff.add_argument("--silence", type=number(10, 60_000), default=500, metavar="MS", help=silence)
    relay = verb("relay", "Cut or restore supply through the relay of one meter, and see that it obeys.", RELAY_EXAMPLE)
    relay.add_argument("address", metavar="ADDRESS", help="12 digits")
    relay.add_argument("action", choices=["cut", "restore"])
    _model(relay, "what the meter is; needed")
    relay.add_argument("--yes", action="store_true", help="really do it")
    relay.add_argument("--password-file", metavar="FILE", help="its first line holds the six digits")
    relay.add_argument("--password-level", type=number(0, 9), default=2, metavar="N", help="0 to 9 (default %(default)s)")
    relay.add_argument("--wait", type=number(1, 3600), metavar="SECONDS", help="no longer (default: as the concentrator, some minutes)")
    _offset(relay)
    return top


def _form() -> dict:
    return {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}


def _shared() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False)
    shared.add_argument("--port", metavar="PORT", help="serial port, such as /dev/ttyUSB0")
    shared.add_argument("--baud", type=int, choices=sorted(BAUDS), help="default: the model's, 2400 for sniff, all for scan-one")
    shared.add_argument("--parity", choices=sorted(PARITIES), default="even", help="default %(default)s; some export meters use none")
    shared.add_argument(
        "--rts",
        choices=["kernel", "program"],
        help="RTS switches the transceiver: by the kernel's RS-485 mode, or by this program (default: the adapter does it by itself)",
    )
    shared.add_argument("--rts-low", action="store_true", help="with --rts: RTS is low, not high, while sending")
    shared.add_argument("--json", action="store_true", help="one JSON document; for sniff one a frame")
    return shared


def _model(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--model", metavar="MODEL", help=f"{text}: {', '.join(names())}, or the path of a model file")


def _offset(command: argparse.ArgumentParser) -> None:
    help_text = "the meters' local time is so far ahead of UTC (default: this machine's)"
    command.add_argument("--utc-offset-min", type=number(-720, 840), metavar="MINUTES", help=help_text)
