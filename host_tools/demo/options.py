"""The demo's command line: every bad value gets one sentence that names it, and exit status 2."""

import argparse
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from host_tools.demo import cast

SECONDS, SECONDS_LEAST, SECONDS_MOST = 90, 90, 3_600
SEED_MOST = 2**32 - 1
BOARDS = ("unix", "qemu_mps2")
SOCKET_PATH_MAX = 100  # bytes; a Unix socket lies in the folder, and the system allows 107 for its path


class BadOption(Exception):
    """args[0] is the sentence for the user."""


@dataclass(frozen=True)
class Options:
    """What was asked for; `keep` None = a folder that is removed at the end."""

    headless: bool
    meters: int
    seconds: int
    seed: int
    keep: Path | None
    board: str

    @property
    def stretch(self) -> float:
        """A round of readings takes the wire longer with more meters, and every period of the story is some rounds."""
        return max(1.0, self.seconds / SECONDS, self.meters / 12)

    @property
    def about_s(self) -> float:
        """How long it will take, about."""
        return SECONDS * self.stretch


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadOption(message + "; --help lists the options")


def parse(arguments: list[str] | None) -> Options:
    """Checked options, or BadOption."""
    parser = _Parser(
        prog="python -m host_tools.demo", allow_abbrev=False,
        description="Broker, head-end, meters and gateway as real processes; a story of eight steps, each one checked.",
        epilog="Exit status: 0 every check holds, 1 one does not or a process died, 2 bad input, 130 interrupted.",
    )
    parser.add_argument("--headless", action="store_true", help="lines of JSON instead of the screen")
    parser.add_argument("--meters", default="12", metavar="N",
                        help=f"meters on the line, {cast.METERS_LEAST} to {cast.METERS_MOST} (default 12)")
    parser.add_argument("--seconds", default=str(SECONDS), metavar="S",
                        help=f"about how long it takes, {SECONDS_LEAST} to {SECONDS_MOST} (default {SECONDS}; over 12 meters longer)")
    parser.add_argument("--seed", default=None, metavar="K", help="decides the moment of the kill, the keys and the noise")
    parser.add_argument("--board", default=BOARDS[0], metavar="NAME",
                        help=f"where the firmware runs: {' or '.join(BOARDS)} (default {BOARDS[0]})")
    parser.add_argument("--keep", default=None, metavar="DIR", help="keep databases, flash and settings there (new or empty)")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10_000) if given.seed is None else _whole("seed", given.seed, 0, SEED_MOST)
    return Options(
        given.headless,
        _whole("meters", given.meters, cast.METERS_LEAST, cast.METERS_MOST, f"the story has {cast.METERS_LEAST} parts to give"),
        _whole("seconds", given.seconds, SECONDS_LEAST, SECONDS_MOST, "the meters' line is no faster"),
        seed, None if given.keep is None else _folder(given.keep), _board(given.board),
    )


def _whole(name: str, text: str, least: int, most: int, why: str = "") -> int:
    because = f" ({why})" if why else ""
    try:
        value = int(text)
    except ValueError:
        raise BadOption(f"{name}: must be a whole number from {least} to {most}, got {text!r}") from None
    if not least <= value <= most:
        raise BadOption(f"{name}: must be from {least} to {most}{because}, got {value}")
    return value


def _board(name: str) -> str:
    if name not in BOARDS:
        raise BadOption(f"board: must be {' or '.join(BOARDS)}, got {name!r}")
    return name


def _folder(text: str) -> Path:
    if not text:
        raise BadOption("keep: names no folder")
    path = short_enough("keep", Path(text).expanduser().resolve())
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise BadOption(f"keep: must be a new or an empty folder, {text} is neither")
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise BadOption(f"keep: may not write into {text}")
    except OSError as fault:
        raise BadOption(f"keep: cannot make the folder {text}: {fault.strerror}") from fault
    return path


def short_enough(name: str, folder: Path) -> Path:
    """The folder, or BadOption when a socket in it would have too long a path."""
    over = len(os.fsencode(folder / "site.sock")) - SOCKET_PATH_MAX
    if over > 0:
        raise BadOption(f"{name}: the path of the folder is {over} bytes too long for a socket in it: {folder}")
    return folder
