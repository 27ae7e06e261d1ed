"""The rules of a board's folder; each yields the sentences of what breaks it, and nothing when it holds.

`check` runs them in order: later rules count on what the earlier ones found sound, so the first group with faults ends it.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware.base.limits import Limits, limit_names
from host_tools.check_boards.chips import CHIPS
from host_tools.check_boards.flash_rules import BARE, flash_holds, flash_is_formed
from host_tools.check_boards.folder import CONSTANTS, Folder, read_folder
from host_tools.check_boards.pin_rules import (
    DIRECTIONS,
    UPLINKS,
    lines_are_on_uarts,
    lines_have_their_pins,
    pins_do_not_meet,
    uplink_has_its_pins,
)
from host_tools.set_up import paths

PLATFORMS = ("linux", "qemu", "esp32", "rp2", "stm32")
RUNTIME_OLDEST = (1, 25)
WATCHDOG_MS_MIN = 2_000  # the supervisor feeds twice a second, and an erase or a TLS handshake holds it up
SOURCE_WORDS_MIN = 2
FACTS = {
    "board": {"maker": str, "product": str, "page": str, "mcu": str},
    "runtime": {"name": str, "page": str, "file": str, "stock": bool, "why": str},
    "flash": {"chip": str, "bytes": int, "method": str, "how": str, "source": str},
    "usb": {"ids": list},
    "proven": {"run": str, "what": str},
    "unknown": {"facts": list},
}
MAY_BE_EMPTY = {("board", "mcu"), ("runtime", "file"), ("runtime", "why"), ("usb", "ids"), ("unknown", "facts")}
METHODS = ("files", "emulator", "esptool", "uf2", "dfu")
RUNS = ("on this machine", "emulated", "on hardware", "never on hardware")
USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")


def check(path: Path) -> tuple[Folder, list[str]]:
    """The folder and its faults, a sentence each, without the board's name."""
    folder, faults = read_folder(path)
    for group in GROUPS:
        if faults:
            break
        for rule in group:
            faults += rule(folder)
    return folder, faults


def constants_are_there(folder: Folder) -> Iterator[str]:
    for name, kind in CONSTANTS.items():
        if name not in folder.wiring:
            yield f"wiring.py lacks {name}"
        elif not isinstance(folder.wiring[name], kind) or isinstance(folder.wiring[name], bool):
            yield f"wiring.py: {name} must be {kind.__name__}, not {folder.wiring[name]!r}"


def facts_are_there(folder: Folder) -> Iterator[str]:
    for table, fields in FACTS.items():
        for name, kind in fields.items():
            value = folder.fact(table, name)
            if value is None:
                yield f"about.toml lacks {name} in [{table}]"
            elif not isinstance(value, kind):
                yield f"about.toml: {table}.{name} must be {kind.__name__}, not {value!r}"
            elif value in ("", []) and (table, name) not in MAY_BE_EMPTY:
                yield f"about.toml: {table}.{name} is empty"
        for name in folder.about.get(table, {}):
            if name not in fields:
                yield f"about.toml: {table}.{name} is no known field"
    for table in folder.about:
        if table not in FACTS:
            yield f"about.toml: [{table}] is no known table"


def facts_are_known_words(folder: Folder) -> Iterator[str]:
    for table, name, words in (("flash", "method", METHODS), ("proven", "run", RUNS), ("board", "mcu", tuple(CHIPS))):
        if folder.fact(table, name) not in words:
            yield f"about.toml: {table}.{name} must be one of {', '.join(filter(None, words))}, not {folder.fact(table, name)!r}"
    if folder.fact("runtime", "stock") is False and not folder.fact("runtime", "why"):
        yield "about.toml: runtime.why must say why the maker's own image does not do"
    if folder.wiring["PLATFORM"] in BARE:
        if folder.fact("runtime", "stock") and not folder.fact("runtime", "file"):
            yield "about.toml: runtime.file must name the file that the maker publishes"
        if not folder.fact("flash", "bytes"):
            yield "about.toml: flash.bytes must say how large the flash is"
    for usb in folder.fact("usb", "ids"):
        if not isinstance(usb, str) or not USB_ID.fullmatch(usb):
            yield f"about.toml: usb.ids has {usb!r}, which is not vendor:product in lower-case hex"


def words_are_known(folder: Folder) -> Iterator[str]:
    wiring = folder.wiring
    if wiring["NAME"] != folder.name:
        yield f"wiring.py: NAME is {wiring['NAME']!r}, but the folder is {folder.name}"
    for name, words in (("PLATFORM", PLATFORMS), ("UPLINK", tuple(UPLINKS))):
        if wiring[name] not in words:
            yield f"wiring.py: {name} must be one of {', '.join(words)}, not {wiring[name]!r}"
    if wiring["ARCH"] and not arch_is_known(wiring["ARCH"]):
        yield f"wiring.py: ARCH {wiring['ARCH']!r} is unknown to mpy-cross"
    oldest = wiring["RUNTIME_OLDEST"]
    if len(oldest) != 2 or not all(isinstance(number, int) for number in oldest) or oldest < RUNTIME_OLDEST:
        yield f"wiring.py: RUNTIME_OLDEST must be two numbers, {RUNTIME_OLDEST} or newer, not {oldest!r}"
    if not 0 < wiring["ACCOUNTS_MAX"] <= Limits.accounts_max:
        yield f"wiring.py: ACCOUNTS_MAX must be 1 ... {Limits.accounts_max}, not {wiring['ACCOUNTS_MAX']}"
    for row in wiring.get("LIMITS", ()):
        if not isinstance(row, tuple) or len(row) != 2 or row[0] not in limit_names() or type(row[1]) is not int or row[1] < 1:
            yield f"wiring.py: LIMITS has {row!r}, which is not (name of a limit, number)"
    if wiring["HEAP_BYTES"] <= 0:
        yield f"wiring.py: HEAP_BYTES must say how much the board has, not {wiring['HEAP_BYTES']}"


@functools.cache
def arch_is_known(arch: str) -> bool:
    """Whether the pinned mpy-cross compiles for it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "x.py"
        source.write_text("x = 1\n")
        command = [str(paths.mpy_cross()), f"-march={arch}", "-o", str(source.with_suffix(".mpy")), str(source)]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def tables_are_formed(folder: Folder) -> Iterator[str]:
    for row in folder.wiring["PINS"]:
        if not _is_row(row, (str, (int, str), str)):
            yield f"wiring.py: PINS has {row!r}, which is not (signal, pin, source)"
        elif len(row[2].split()) < SOURCE_WORDS_MIN:
            yield f"wiring.py: the source of {row[0]} must name a document and the place in it, not {row[2]!r}"
    for row in folder.wiring["LINES"]:
        if not _is_row(row, ((int, str), str)):
            yield f"wiring.py: LINES has {row!r}, which is not (uart, direction)"
        elif row[1] not in DIRECTIONS:
            yield f"wiring.py: the direction of line {row[0]!r} must be one of {', '.join(DIRECTIONS)}, not {row[1]!r}"
    if not folder.wiring["LINES"]:
        yield "wiring.py: LINES is empty, and a board without a meter line reads nothing"


def _is_row(row: object, kinds: tuple) -> bool:
    if not isinstance(row, tuple) or len(row) != len(kinds):
        return False
    return all(isinstance(item, kind) and not isinstance(item, bool) for item, kind in zip(row, kinds, strict=True))


def watchdog_fits(folder: Folder) -> Iterator[str]:
    watchdog_ms = folder.wiring["WATCHDOG_MS"]
    most = CHIPS[folder.fact("board", "mcu")].watchdog_ms_max
    if watchdog_ms and watchdog_ms < WATCHDOG_MS_MIN:
        yield f"wiring.py: WATCHDOG_MS {watchdog_ms} would bite during an erase or a TLS handshake; at least {WATCHDOG_MS_MIN}"
    elif most and watchdog_ms > most:
        yield f"wiring.py: WATCHDOG_MS {watchdog_ms} is more than this chip counts: {most}"
    elif watchdog_ms < 0:
        yield "wiring.py: WATCHDOG_MS must be 0 (none) or more"
    elif not watchdog_ms and folder.wiring["PLATFORM"] in BARE:
        yield "wiring.py: WATCHDOG_MS is 0, but a microcontroller has a watchdog and must use it"


def board_makes_its_devices(folder: Folder) -> Iterator[str]:
    """board.py has make(), takes its hardware from wiring.py, and asks it for nothing it does not have."""
    assert folder.board is not None
    functions = [node.name for node in folder.board.body if isinstance(node, ast.FunctionDef)]
    if "make" not in functions:
        yield "board.py has no function make()"
    wanted = f"board_configs.{folder.name}"
    imported = [node for node in ast.walk(folder.board) if isinstance(node, ast.ImportFrom) and node.module == wanted]
    if not any(alias.name == "wiring" for node in imported for alias in node.names):
        yield f"board.py does not say `from {wanted} import wiring`: its numbers would be a second truth"
    for node in ast.walk(folder.board):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wiring":
            if node.attr not in folder.wiring:
                yield f"board.py line {node.lineno} uses wiring.{node.attr}, which wiring.py does not have"


Rule = Callable[[Folder], Iterator[str]]
GROUPS: tuple[tuple[Rule, ...], ...] = (
    (constants_are_there, facts_are_there),
    (words_are_known, facts_are_known_words, tables_are_formed, flash_is_formed),
    (
        pins_do_not_meet, lines_are_on_uarts, lines_have_their_pins, uplink_has_its_pins, watchdog_fits, flash_holds,
        board_makes_its_devices,
    ),
)  # fmt: skip
