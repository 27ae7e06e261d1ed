"""Boards that exist only in a test: a folder with wiring.py and a board.py that imports a little."""

from pathlib import Path

from host_tools.flash.board_folder import Board, find_board

KIB = 1024
LAYOUT = (
    ("files", 0, 256 * KIB),
    ("slot_a", 256 * KIB, 512 * KIB),
    ("slot_b", 768 * KIB, 512 * KIB),
    ("journal", 1280 * KIB, 64 * KIB),
    ("readings", 1344 * KIB, 64 * KIB),
)
ESP32_LAYOUT = (
    ("runtime", 0x10000, 0x1F0000),
    ("files", 0x200000, 0x100000),
    ("journal", 0x300000, 0x80000),
    ("readings", 0x380000, 0x80000),
)
BOARD = '''"""A board of a test."""

from board_configs.%s import wiring
from firmware.base.version import FIRMWARE_VERSION
from firmware.hal import watchdog_none


def make():
    """Nothing that could run."""
    return wiring.NAME, FIRMWARE_VERSION, watchdog_none
'''


def make_board(root: Path, name: str = "test_board", layout=LAYOUT, about: str = "", **changed) -> Board:
    """A board folder under `root`; `changed` replaces constants of wiring.py."""
    constants = {
        "NAME": name,
        "TITLE": "Board of a test",
        "ARCH": "",
        "PLATFORM": "qemu",
        "FLASH": layout,
        "ERASE_SIZE": 4096,
        "PROGRAM_UNIT": 1,
        "RUNTIME_OLDEST": (1, 25),
    } | changed
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wiring.py").write_text("".join(f"{key} = {value!r}\n" for key, value in constants.items()))
    (folder / "board.py").write_text(BOARD % name)
    (folder / "__init__.py").write_text("")
    (folder / "about.toml").write_text(about)
    return find_board(name, root)
