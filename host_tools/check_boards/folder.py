"""One board's folder, read without running its board.py: the constants of wiring.py, the facts of about.toml.

wiring.py must be plain constants, because a microcontroller, CPython and these tools all import it: literals, arithmetic on
them and names defined above. That is checked on the syntax tree before the file is run.
"""

from __future__ import annotations

import ast
import runpy
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILES = ("wiring.py", "about.toml", "board.py")
CONSTANTS: dict[str, type | tuple[type, ...]] = {
    "NAME": str,
    "TITLE": str,
    "ARCH": str,
    "PLATFORM": str,
    "PINS": tuple,
    "LINES": tuple,
    "FLASH": tuple,
    "ERASE_SIZE": int,
    "PROGRAM_UNIT": int,
    "FLASH_CYCLES": int,
    "UPLINK": str,
    "WATCHDOG_MS": int,
    "HEAP_BYTES": int,
    "ACCOUNTS_MAX": int,
    "RUNTIME_OLDEST": tuple,
}
_PLAIN = (
    ast.Constant, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.Name, ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip


class Unreadable(Exception):
    """A file of the folder cannot be used at all; the text is the rest of a sentence that begins with its name."""


@dataclass
class Folder:
    """`wiring` by constant name, `about` as nested dictionaries, `board` the syntax tree of board.py."""

    path: Path
    wiring: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    board: ast.Module | None = None

    @property
    def name(self) -> str:
        return self.path.name

    def parts(self) -> dict[str, tuple[int, int]]:
        """{part: (offset, size)} of the flash."""
        return {part: (offset, size) for part, offset, size in self.wiring["FLASH"]}

    def fact(self, table: str, name: str) -> Any:
        """A field of about.toml, or None."""
        inside = self.about.get(table)
        return inside.get(name) if isinstance(inside, dict) else None


def read_folder(path: Path) -> tuple[Folder, list[str]]:
    """The folder, and a sentence for each file that is missing or cannot be read."""
    folder = Folder(path)
    faults = [f"{name} is missing" for name in FILES if not (path / name).is_file()]
    for name, read in (("wiring.py", _read_wiring), ("about.toml", _read_about), ("board.py", _read_board)):
        if (path / name).is_file():
            try:
                read(folder, path / name)
            except (Unreadable, OSError) as fault:
                faults.append(f"{name} {fault}")
    return folder, faults


def _read_wiring(folder: Folder, path: Path) -> None:
    tree = _tree(path)
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the head comment
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if len(targets) != 1 or not isinstance(targets[0], ast.Name):
            raise Unreadable(f"line {statement.lineno} is not NAME = constant")
        for node in ast.walk(statement.value):
            if not isinstance(node, _PLAIN):
                raise Unreadable(f"line {statement.lineno} is not a plain constant: {ast.unparse(node)}")
    try:
        values = runpy.run_path(str(path))
    except (ArithmeticError, LookupError, NameError, TypeError, ValueError) as fault:
        raise Unreadable(f"cannot be run: {fault}") from fault
    folder.wiring = {name: value for name, value in values.items() if name.isupper() and name[0] != "_"}


def _read_about(folder: Folder, path: Path) -> None:
    try:
        folder.about = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise Unreadable(f"is not TOML: {fault}") from fault


def _read_board(folder: Folder, path: Path) -> None:
    folder.board = _tree(path)


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(), str(path))
    except (SyntaxError, ValueError) as fault:
        raise Unreadable(f"is not Python: {fault}") from fault
