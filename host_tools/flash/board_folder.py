"""A folder of board_configs/ as the host sees it: wiring.py, the truth about the hardware, and about.toml, words for people.

Trap avoided: a flash layout that overlaps, or a part that does not begin on an erase block, would let an image be written over
the journal. Such a board is refused before anything is built for it.
"""

import difflib
import importlib.util
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from host_tools.flash.errors import FlashError
from host_tools.set_up import paths

BOARDS = paths.checkout() / "board_configs"
PLATFORMS = ("linux", "qemu", "esp32", "rp2", "stm32")
PARTS = ("runtime", "files", "slot_a", "slot_b", "journal", "readings")
KEPT = ("journal", "readings")  # nothing but --erase-journal touches these


@dataclass(frozen=True)
class Part:
    """A span of flash, in bytes from its beginning."""

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True)
class Board:
    """One board; `arch` is mpy-cross's -march, "" = bytecode only; `about` is about.toml, {} when there is none."""

    name: str
    folder: Path
    title: str
    arch: str
    platform: str
    parts: dict[str, Part]
    erase_size: int
    program_unit: int
    runtime_oldest: tuple[int, ...]
    limits: tuple[tuple[str, int], ...] = ()  # what the firmware uses there in place of its general ones
    is_linked: bool = False  # its heap is too small for a hundred modules
    is_frozen: bool = False  # the application is part of the runtime image
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def has_slots(self) -> bool:
        """False: the runtime executes no ROMFS from flash; the application lies as files under /app, or is frozen."""
        return "slot_a" in self.parts

    @property
    def roots(self) -> tuple[str, ...]:
        """Paths that stay modules when the others are linked; () = nothing is."""
        return (f"board_configs/{self.name}/board.py", "firmware/main.py", "firmware/boot.py") if self.is_linked else ()

    @property
    def flash_end(self) -> int:
        return max((part.end for part in self.parts.values()), default=0)

    @property
    def journal_span(self) -> Part | None:
        """Journal and readings as one span; None on a board whose journal is a host file."""
        kept = [self.parts[name] for name in KEPT if name in self.parts]
        if not kept:
            return None
        begin = min(part.offset for part in kept)
        return Part("journal", begin, max(part.end for part in kept) - begin)


def board_names(root: Path = BOARDS) -> list[str]:
    """Boards that can be built: folders with a wiring.py."""
    return sorted(folder.parent.name for folder in root.glob("*/wiring.py"))


def find_board(name: str, root: Path = BOARDS) -> Board:
    """The board of this name, checked; FlashError names what is wrong with it."""
    folder = root / name
    if not (folder / "wiring.py").is_file() or folder.parent != root:
        known = board_names(root)
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
        raise FlashError(f"there is no board {name!r} in {root.name}: {hint}")
    wiring = _load(folder / "wiring.py", name)
    about = folder / "about.toml"
    try:
        words = tomllib.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    except tomllib.TOMLDecodeError as fault:
        raise FlashError(f"{name}/about.toml cannot be read: {fault}") from fault
    return _checked(name, folder, wiring, words)


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"wiring_of_{name}", path)
    if spec is None or spec.loader is None:
        raise FlashError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as fault:  # a board folder is a person's work: whatever it raises is about that file
        raise FlashError(f"{name}/wiring.py does not load: {type(fault).__name__}: {fault}") from fault
    return module


def _checked(name: str, folder: Path, wiring: ModuleType, about: dict[str, Any]) -> Board:
    def constant(wanted: str, kind: type) -> Any:
        value = getattr(wiring, wanted, None)
        if type(value) is not kind:
            raise FlashError(f"{name}/wiring.py must say {wanted} as {kind.__name__}, got {value!r}")
        return value

    if constant("NAME", str) != name:
        raise FlashError(f"{name}/wiring.py calls itself {wiring.NAME!r}: NAME must be the folder's name")
    if constant("PLATFORM", str) not in PLATFORMS:
        raise FlashError(f"{name}/wiring.py: PLATFORM must be one of {', '.join(PLATFORMS)}, got {wiring.PLATFORM!r}")
    erase_size = constant("ERASE_SIZE", int)
    return Board(
        name=name,
        folder=folder,
        title=constant("TITLE", str),
        arch=constant("ARCH", str),
        platform=wiring.PLATFORM,
        parts=_parts(name, constant("FLASH", tuple), erase_size, wiring.PLATFORM),
        erase_size=erase_size,
        program_unit=constant("PROGRAM_UNIT", int),
        runtime_oldest=constant("RUNTIME_OLDEST", tuple),
        limits=getattr(wiring, "LIMITS", ()),
        is_linked=getattr(wiring, "LINKED", False),
        is_frozen=getattr(wiring, "APPLICATION", "") == "frozen",
        about=about,
    )


def _parts(name: str, rows: tuple[Any, ...], erase_size: int, platform: str) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for row in rows:
        if type(row) is not tuple or [type(value) for value in row] != [str, int, int]:
            raise FlashError(f"{name}/wiring.py: each row of FLASH is (part, offset, size), got {row!r}")
        part = Part(*row)
        if part.name not in PARTS or part.name in parts:
            raise FlashError(f"{name}/wiring.py: FLASH names {part.name!r}, which is unknown or there twice; parts are {', '.join(PARTS)}")
        if part.size <= 0 or part.offset < 0 or part.offset % erase_size or part.size % erase_size:
            raise FlashError(f"{name}/wiring.py: {part.name} must begin and end on erase blocks of {erase_size} bytes")
        parts[part.name] = part
    in_order = sorted(parts.values(), key=lambda part: part.offset) if platform != "linux" else []  # host files have no order
    for before, after in zip(in_order, in_order[1:], strict=False):
        if before.end > after.offset:
            raise FlashError(f"{name}/wiring.py: {before.name} and {after.name} overlap at {after.offset:#x}")
    if ("slot_a" in parts) != ("slot_b" in parts) or "slot_a" in parts and parts["slot_a"].size != parts["slot_b"].size:
        raise FlashError(f"{name}/wiring.py: slot_a and slot_b must both be there and be of one size")
    return parts
