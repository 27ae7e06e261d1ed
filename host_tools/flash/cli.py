"""Command line of flash.py: arguments to commands, one sentence and exit code 2 when something is wrong.

Exit codes: 0 done, 1 verify found a difference, 2 used wrongly or something stands in the way and the board is as it was, 130 interrupted.

Trap avoided: no option may be shortened, so that --erase-journal is never typed by accident.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from host_tools.flash import commands, emulated
from host_tools.flash.connection import HOLD_S
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
    _commit(one)
    one = command("flash", "put it on a board, after a backup; only what differs is sent", "flash qemu_mps2 --port /dev/pts/7")
    _port(one)
    _site(one)
    _commit(one)
    one.add_argument("--runtime", type=Path, metavar="IMAGE", help="put this MicroPython there first, as its maker publishes it")
    _erase_journal(one)
    one = command("verify", "compare a board with what would be flashed", "verify qemu_mps2 --port /dev/pts/7")
    _port(one)
    _site(one)
    _commit(one)
    one = command("backup", "copy files, journal and readings of a board", "backup qemu_mps2 --port /dev/pts/7")
    _port(one)
    _key(one)
    one = command("restore", "put a backup onto a board", "restore qemu_mps2 --port /dev/pts/7 --from backups/gw-001-2026-11-26-101500")
    _port(one)
    _key(one)
    one.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR", help="folder of the backup")
    _erase_journal(one)
    one = command("erase", "remove application, settings and key from a board", "erase qemu_mps2 --port /dev/pts/7")
    _port(one)
    _key(one)
    _erase_journal(one)
    one = command("run", "start an emulated board until Ctrl-C", "run qemu_mps2 --console build/console")
    one.add_argument("--flash", type=Path, metavar="FILE", help="its flash (default build/boards/BOARD/flash.bin)")
    one.add_argument("--console", type=Path, metavar="LINK", help="where its console port appears (default build/boards/BOARD/console)")
    one.add_argument("--line", metavar="PORT", help="serial port or pty of its meters")
    one.add_argument("--modem", metavar="PORT", help="serial port or pty of its modem")
    return top


def _commit(one: argparse.ArgumentParser) -> None:
    one.add_argument("--commit", metavar="TEXT", help="how the build names its commit (default: what git describes)")


def _port(one: argparse.ArgumentParser) -> None:
    one.add_argument("--port", required=True, metavar="PORT", help="the board's console: /dev/ttyUSB0, /dev/ttyACM0, a pty")
    one.add_argument("--yes", action="store_true", help="ask nothing")
    one.add_argument("--hold", type=int, default=HOLD_S, metavar="SECONDS", help=argparse.SUPPRESS)  # how long the board waits for us
    one.add_argument("--backups", type=Path, metavar="DIR", help="where backups lie (default backups/)")


def _erase_journal(one: argparse.ArgumentParser) -> None:
    one.add_argument("--erase-journal", action="store_true", help="let the journal on the board be lost; must be typed out in full")


def _key(one: argparse.ArgumentParser) -> None:
    one.add_argument("--key", type=Path, metavar="FILE", help="the gateway's key (default: the one in its newest backup)")


def _site(one: argparse.ArgumentParser) -> None:
    one.add_argument("--settings", type=Path, metavar="FILE", help="settings.json, or a folder with it, certificates, tariffs, policies")
    one.add_argument("--key", type=Path, metavar="FILE", help="the gateway's key: 64 hex digits or 32 bytes")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": commands.list_boards,
    "build": commands.build_board,
    "flash": commands.flash_board,
    "verify": commands.verify_board,
    "backup": commands.backup_board,
    "restore": commands.restore_board,
    "erase": commands.erase_board,
    "run": emulated.run,
}


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
