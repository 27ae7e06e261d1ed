"""`python -m host_tools.check_boards [BOARD]`: one sentence for each fault of a board's folder, or the table of boards.

Exit code 0: no faults; 1: faults; 2: used wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from host_tools.check_boards.figures import Figures, figures
from host_tools.check_boards.folder import Folder
from host_tools.check_boards.rules import check
from host_tools.set_up import paths

EXAMPLE = """\
examples:
  python -m host_tools.check_boards                 all boards
  python -m host_tools.check_boards esp32_poe_iso   one of them
  python -m host_tools.check_boards --json          the figures for programs

Days offline: how long the flash holds money records (busy to quiet site) and readings while the head-end is away.
Wear: years until the first ring has used up the erases that its flash is rated for."""
WIDTH_OF_FILES = 160


def folders(root: Path) -> list[Path]:
    """Every board's folder, by name."""
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.check_boards",
        description="Check the folders of board_configs/ and compute what their flash holds.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("board", nargs="?", metavar="BOARD", help="a folder of board_configs/; none: all of them")
    parser.add_argument("--json", action="store_true", help="one object per board instead of a table")
    parser.add_argument("--root", type=Path, default=paths.checkout() / "board_configs", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    known = folders(options.root)
    chosen = [path for path in known if options.board in (None, path.name)]
    if not chosen:
        print(f"check_boards: there is no board {options.board}; there are {', '.join(path.name for path in known)}", file=sys.stderr)
        return 2
    checked = [check(path) for path in chosen]
    faults = [f"{folder.name}: {fault}" for folder, found in checked for fault in found]
    if faults:
        print("\n".join(faults))
        return 1
    boards = [(folder, figures(folder)) for folder, _ in checked]
    if options.json:
        for folder, known_figures in boards:
            print(json.dumps({"board": folder.name, **asdict(known_figures)}))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(_table(boards))
    return 0


def _table(boards: list[tuple[Folder, Figures]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in (
        ("board", "left"), ("MCU", "left"), ("lines", "left"), ("uplink", "left"), ("accounts", "right"),
        ("journal", "right"), ("readings", "right"), ("days of money", "right"), ("of readings", "right"), ("wear, years", "right"),
        ("run", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for folder, known in boards:
        parts, wiring = folder.parts(), folder.wiring
        table.add_row(
            folder.name,
            folder.fact("board", "mcu") or "host",
            ", ".join(dict.fromkeys(direction for _, direction in wiring["LINES"])),
            wiring["UPLINK"],
            str(wiring["ACCOUNTS_MAX"]),
            _size(parts["journal"][1]),
            _size(parts["readings"][1]),
            f"{known.money_days[0]:.0f}-{known.money_days[1]:.0f}",
            f"{known.readings_days:.1f}",
            "-" if known.wear_years is None else f"{known.wear_years:.0f}",
            folder.fact("proven", "run"),
        )
    return table


def _size(count: int) -> str:
    return f"{count // 1024} KB" if count < 10 * 1024 * 1024 else f"{count // (1024 * 1024)} MB"


if __name__ == "__main__":
    sys.exit(main())
