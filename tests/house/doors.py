"""Who may import whom: the doors of the house as rows, and a checker that reads one file's imports.

A path says what a file is: base, room, hall (gateway.py and its parts), hal, board, oracle (a second implementation).
`import`, `from ... import`, relative imports, `__import__`, importlib and `Rare(module, function)` are all read; an import whose
name is computed is refused everywhere in firmware but in main.py, which is given the name of its board, and base/rare.py.
"""

import ast
import functools
from typing import NamedTuple

from tests.house.sources import of_types

STREET = {
    "_thread", "bluetooth", "esp", "esp32", "fcntl", "ffi", "machine", "mmap", "neopixel", "network", "pyb", "rp2", "select",
    "selectors", "serial", "signal", "socket", "ssl", "subprocess", "termios", "threading", "tls", "uselect", "usocket", "ussl",
}  # fmt: skip
ON_BOTH = {
    "array", "binascii", "collections", "cryptolib", "deflate", "errno", "gc", "hashlib", "io", "json", "micropython", "os",
    "random", "struct", "sys", "time", "umqtt",
}  # fmt: skip
CLOCK_AND_FILES = {"os", "io", "time", "random"}
MAY_IMPORT_STRUCT = {"firmware/base/records.py", "firmware/sync/mqtt_codec.py"}  # flash; lent to umqtt as ustruct
COMPUTED = ("firmware/main.py", "firmware/base/rare.py")
WAITING = ("supervisor.py", "main.py", "safe_mode.py")
ORACLES = ("host_tools/head_end/", "host_tools/simulators/", "host_tools/journal_reader/")
TEST_ONLY = {"pytest", "hypothesis", "unittest", "host_tools"}


class Import(NamedTuple):
    """One imported module: its full name ("?" when it is computed), and the line."""

    name: str
    line: int
    relative: bool = False


class File(NamedTuple):
    """What a path says about a file of the firmware."""

    path: str
    room: str  # "" for files directly in firmware/
    name: str

    @classmethod
    def of(cls, path: str) -> "File":
        parts = path.split("/")
        return cls(path, parts[1] if len(parts) > 2 else "", parts[-1])

    @property
    def is_hall(self) -> bool:
        return not self.room and (self.name == "gateway.py" or self.name.startswith("gateway_"))

    @property
    def is_aio(self) -> bool:
        return self.room == "base" and self.name.startswith("aio")

    @property
    def is_pure(self) -> bool:
        waits = self.name.endswith("_task.py") or self.name in WAITING
        outside = self.room == "hal" or (not self.room and self.name in ("boot.py", "safe_mode.py"))
        return not (waits or outside or self.is_aio or self.name.endswith("_store.py"))


@functools.lru_cache(maxsize=2048)
def imports(path: str, text: str) -> list[Import]:
    """Every import of a file, whichever way it is written."""
    found = []
    package = path.removesuffix(".py").split("/")[:-1]
    for node in of_types(path, text, ast.Import, ast.ImportFrom, ast.Call):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            # `from firmware import ledger` and `from firmware.ledger import accounts` name modules one level down
            found += [Import(f"{base}.{alias.name}", node.lineno, node.level > 0) for alias in node.names]
        elif isinstance(node, ast.Call) and _called(node) in ("__import__", "import_module", "importlib.import_module", "Rare"):
            first = node.args[0] if node.args else None
            known = isinstance(first, ast.Constant) and isinstance(first.value, str)
            found.append(Import(first.value if known else "?", node.lineno))
    return found


def _called(node: ast.Call) -> str:
    """The name that is called, dotted or not; "" for anything else."""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return f"{node.func.value.id}.{node.func.attr}"
    return node.func.id if isinstance(node.func, ast.Name) else ""


def wrong_doors(path: str, text: str) -> list[str]:
    """What is wrong with the imports of one file, one sentence each."""
    if path.startswith("firmware/"):
        wrong = _of_firmware(File.of(path), text)
    elif path.startswith(ORACLES):
        wrong = [
            (entry, "shares code with the firmware: this is a second implementation")
            for entry in imports(path, text)
            if entry.name.split(".")[0] in ("firmware", "board_configs")
        ]
    elif path.startswith("tests/rooms/"):
        wrong = [
            (entry, "runs on both interpreters: the firmware and tests.kit only")
            for entry in imports(path, text)
            if entry.name.split(".")[0] in TEST_ONLY or entry.relative
        ]
    else:
        wrong = _of_others(path, text)
    return [f"{path}:{entry.line} imports {entry.name}: {why}" for entry, why in wrong]


def _of_others(path: str, text: str) -> list[tuple[Import, str]]:
    """Boards bring hal and base; no host tool touches hal (a test may: it stands in for a board)."""
    wrong = []
    is_board = path.startswith("tests/") or path.startswith("board_configs/") and path.endswith("/board.py")
    for entry in imports(path, text):
        room = room_of(entry.name)
        if room == "hal" and not is_board:
            wrong.append((entry, "hal is imported only by board_configs/<board>/board.py"))
        if path.startswith("board_configs/") and room not in (None, "hal", "base"):
            wrong.append((entry, "a board knows hal and base, no room"))
    return wrong


def room_of(module: str) -> str | None:
    """The room (or file) of a firmware module, "" for the package itself, None for anything else."""
    parts = module.split(".")
    if parts[0] != "firmware":
        return None
    return parts[1] if len(parts) > 1 else ""


def _of_firmware(file: File, text: str) -> list[tuple[Import, str]]:
    wrong = []
    for entry in imports(file.path, text):
        root = entry.name.split(".")[0]
        if entry.relative:
            wrong.append((entry, "imports are absolute: from firmware.<room> import <file>"))
        if root == "?":
            why = None if file.path in COMPUTED else "the name is computed: only main.py may, for its board"
        elif root == "firmware":
            why = _own_door(file, entry.name)
        elif root in ("host_tools", "tests"):
            why = "the firmware knows nothing of the host"
        elif root == "board_configs":
            why = None if file.path == "firmware/main.py" else "only main.py takes a board"
        else:
            why = _street_door(file, root)
        if why:
            wrong.append((entry, why))
    return wrong


def _own_door(file: File, module: str) -> str | None:
    """Why a file of the firmware may not import this module of the firmware, or None."""
    parts = module.split(".")
    room = room_of(module)
    if file.path == "firmware/boot.py":
        return "boot.py imports nothing of ours"
    if room == "":
        return "name the room: from firmware.<room> import <file>"
    if module.startswith("firmware.base.aio"):
        may = file.room == "hal" or file.is_aio or file.name.endswith("_task.py") or file.name in WAITING
        return None if may else "only tasks, supervisor.py, main.py and hal wait"
    if parts[-1].startswith("_"):
        return "a name with an underscore is its own file's (and a const of that kind is invisible on MicroPython)"
    if room == "base" or (file.room and room == file.room):
        return None
    if room == "hal":
        return "hal is imported only by board_configs/<board>/board.py"
    if file.room == "base":
        return "base imports nothing of ours"
    if file.room:
        return "no room imports another room"
    if file.is_hall and any(part.endswith("_task") for part in parts):
        return "the hall imports pure and store files, no tasks"
    if file.is_hall and room in ("main", "supervisor", "safe_mode", "boot"):
        return "the hall imports base, and pure and store files of rooms"
    if file.name == "supervisor.py":
        return "the supervisor knows base only"
    return None


def _street_door(file: File, root: str) -> str | None:
    """Why a file of the firmware may not import this module of the platform, or None."""
    if file.room == "hal" or file.path == "firmware/boot.py":
        return None
    if file.is_aio:
        return None if root in ON_BOTH | {"asyncio", "select", "selectors"} else "aio needs only what waits"
    if root in ("asyncio", "uasyncio"):
        return "asyncio comes through firmware.base.aio"
    if root in STREET:
        return "only hal and boot.py import what touches the street"
    if root not in ON_BOTH:
        return "not on every board"
    if root == "struct" and file.path not in MAY_IMPORT_STRUCT:
        return "only base/records packs: struct wraps silently on MicroPython"
    if root == "umqtt" and file.room != "sync":
        return "only sync speaks MQTT"
    if root in CLOCK_AND_FILES and file.is_pure:
        return "a pure file has no clock and no I/O"
    return None


def reachable(start: str, texts: dict[str, str]) -> dict[str, str]:
    """Files of ours that `start` imports, directly or through others: {path: the file that imports it}."""
    seen: dict[str, str] = {}
    todo = [start]
    while todo:
        here = todo.pop()
        for entry in imports(here, texts[here]):
            parts = entry.name.split(".")
            for length in range(1, len(parts) + 1):
                stem = "/".join(parts[:length])
                for path in (f"{stem}.py", f"{stem}/__init__.py"):
                    if path in texts and path not in seen and path != start:
                        seen[path] = here
                        todo.append(path)
    return seen
