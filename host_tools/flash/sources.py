"""Which files of the checkout make up a board's application.

All of firmware/ but the hal files that this board does not use; of board_configs/ the board's own files that board.py imports;
umqtt; the meter models. A file that no import names is still taken when it lies in a room: main.py alone computes a name.

Trap avoided: the order is sorted by bytes and the content is read as it is, so the machine, its locale and its file times
leave no trace in the image.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from host_tools.flash.board_folder import Board
from host_tools.flash.edits import is_rare_call, nodes_of
from host_tools.flash.errors import FlashError

MODELS = "firmware/meters/models"
PORCH = "firmware/boot.py"  # also the board's boot.py, as source


def python_sources(board: Board, checkout: Path, library: Path) -> dict[str, Path]:
    """{path in the image: file} of every Python file, sorted."""
    everything = {path.relative_to(checkout).as_posix(): path for path in (checkout / "firmware").rglob("*.py")}
    everything["board_configs/__init__.py"] = checkout / "board_configs" / "__init__.py"
    everything |= {f"board_configs/{board.name}/{path.name}": path for path in board.folder.glob("*.py")}
    entry = f"board_configs/{board.name}/board.py"
    if entry not in everything:
        raise FlashError(f"{board.name} has no board.py: nothing could start on it")
    used = reachable((entry, "firmware/main.py"), everything)
    chosen = {path: file for path, file in everything.items() if path in used or _in_a_room(path)}
    for path in (library / "umqtt").rglob("*.py"):
        chosen[path.relative_to(library).as_posix()] = path
    return dict(sorted(chosen.items()))


def model_files(checkout: Path) -> dict[str, Path]:
    """{path in the image: file} of the meter models."""
    return {f"{MODELS}/{path.name}": path for path in sorted((checkout / MODELS).glob("*.json"))}


def _in_a_room(path: str) -> bool:
    return path.startswith("firmware/") and not path.startswith("firmware/hal/")


def reachable(starts: tuple[str, ...], files: dict[str, Path]) -> set[str]:
    """Files that the starts import, directly or through others, with the packages on the way."""
    seen: set[str] = set()
    todo = list(starts)
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        for module in _imports(files[here].read_bytes(), str(files[here])):
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                stem = "/".join(parts[:length])
                todo += [path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in files]
        package = here.rpartition("/")[0]
        while package:
            todo += [path for path in (f"{package}/__init__.py",) if path in files]
            package = package.rpartition("/")[0]
    return seen


@functools.lru_cache(maxsize=1024)  # who builds for many boards asks for the same files again
def _imports(text: bytes, file: str) -> list[str]:
    names: list[str] = []
    tree = ast.parse(text, file)
    for node in nodes_of(tree) if b"Rare" in text else _statements(tree):
        if is_rare_call(node):
            names.append(str(node.args[0].value))  # loaded for a call, by its name
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, wherever it stands, and none of the expressions: five times as many, in each file of each build."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            todo += getattr(node, part, ())
