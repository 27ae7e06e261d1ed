"""Command line of flash.py: arguments to commands, one sentence and exit code 2 when something is wrong.

Exit codes: 0 done, 1 verify found a difference, 2 used wrongly or something stands in the way and the board is as it was, 130 interrupted.

Trap avoided: no option may be shortened, so that --erase-journal is never typed by accident.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from host_tools.flash import commands
from host_tools.flash.errors import FlashError
from host_tools.set_up.paths import NotSetUp

EPILOG = """examples:
  python flash.py build esp32_poe_iso --settings site/settings.json --key site/key
  python flash.py flash esp32_poe_iso --port /dev/ttyUSB0 --key site/key
  python flash.py verify rp2040_w5500 --port /dev/ttyACM0
  python flash.py restore qemu_mps2 --port /dev/pts/7 --from backups/gw-001-2026-11-26-101500
exit codes: 0 done, 1 verify found a difference, 2 something stands in the way and the board is as it was, 130 interrupted"""


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="flash.py",
        description="Build what a board runs, put it there, prove that it is there, keep what was there before.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    several = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, sentence: str, example: str, board: bool = True) -> argparse.ArgumentParser:
        one = several.add_parser(
            name,
            help=sentence,
            description=sentence,
            epilog=f"example: python flash.py {example}",
            allow_abbrev=False,
        )
        if board:
            one.add_argument("board", metavar="BOARD", help="a folder of board_configs/; `flash.py list` names them")
        return one

    command("list", "the boards, how each is flashed and what has run on it", "list", board=False)
    one = command("build", "compile and pack everything that a board runs", "build qemu_mps2 --out build/demo")
    _site(one)
    one.add_argument("--out", type=Path, metavar="DIR", help="folder for the images (default build/boards/BOARD)")
    one.add_argument("--commit", metavar="TEXT", help="how the build names its commit (default: what git describes)")
    return top


def _site(one: argparse.ArgumentParser) -> None:
    one.add_argument("--settings", type=Path, metavar="FILE", help="settings.json, or a folder with it, certificates, tariffs, policies")
    one.add_argument("--key", type=Path, metavar="FILE", help="the gateway's key: 64 hex digits or 32 bytes")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"list": commands.list_boards, "build": commands.build_board}


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    given = parser().parse_args(arguments)
    try:
        return COMMANDS[given.command](given)
    except (FlashError, NotSetUp) as trouble:
        print(f"flash.py: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nflash.py: interrupted; give the same command again, it goes on where it stopped", file=sys.stderr)
        return 130
