"""What each command of flash.py does, with words for the terminal."""

import argparse
from pathlib import Path

from host_tools.flash.board_folder import Board, board_names, find_board
from host_tools.flash.build import build
from host_tools.flash.errors import FlashError
from host_tools.set_up import paths


def list_boards(_: argparse.Namespace) -> int:
    """A line for each board; one that is broken is named with its fault."""
    rows = [("board", "platform", "flashed by", "has run", "what it is")]
    for name in board_names():
        try:
            board = find_board(name)
        except FlashError as fault:
            rows.append((name, "?", "?", "?", str(fault)))
            continue
        rows.append((name, board.platform, told(board, "flash", "method"), told(board, "proven", "run"), board.title))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]]))
    return 0


def told(board: Board, table: str, name: str) -> str:
    """A word of about.toml, "-" when it is not there."""
    inside = board.about.get(table)
    return str(inside.get(name) or "-") if isinstance(inside, dict) else "-"


def usual_out(board: Board) -> Path:
    """Where images go unless a folder is given."""
    return paths.checkout() / "build" / "boards" / board.name


def build_board(given: argparse.Namespace) -> int:
    """`build`: the images, and one line for each."""
    board = find_board(given.board)
    out = given.out or usual_out(board)
    made = build(board, out, given.settings, given.key, given.commit)
    print(f"{board.name} at {made.description}: {len(made.program)} files of the application, {len(made.romfs)} bytes as ROMFS")
    for name, path in made.written.items():
        print(f"  {path.stat().st_size:9d}  {name}")
    print(f"in {out}")
    return 0
