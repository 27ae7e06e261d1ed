"""The runtime image of the emulated board: MicroPython for QEMU's mps2-an385, from the sources that micropython.py brought
and the port in board_configs/qemu_mps2/port. Named by all that it is made from, so a change of the port makes another.
"""

import os
import shutil
from pathlib import Path

from host_tools.set_up import micropython
from host_tools.set_up.cache import CACHE, CHECKOUT, built, key_of, machine_key, run, step

BOARD = CHECKOUT / "board_configs" / "qemu_mps2"
PORT = BOARD / "port"
IMAGE = "concentrator.elf"


def place() -> Path:
    """Where the image of this checkout's port lies or will lie."""
    parts: list[str | bytes] = [machine_key(), micropython.sources().name]
    for path in [BOARD / "wiring.py", *sorted(PORT.rglob("*"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            parts += [str(path.relative_to(BOARD)), path.read_bytes()]
    return CACHE / f"qemu_mps2-{key_of(*parts)}" / IMAGE


def make(image: Path, mpy_cross: Path) -> None:
    """Build it into the cache; the sources and the packages of system.BUILDING are there by now."""
    with step("MicroPython for the emulated board"), built(image.parent) as scratch:
        build = scratch / "build"
        run(
            "qemu-mps2-build",
            ["make", "-s", "-C", str(PORT), f"-j{os.cpu_count() or 1}", f"BUILD={build}",
             f"MPY_DIR={micropython.sources() / 'micropython'}", f"MICROPY_MPYCROSS={mpy_cross}"],
            "the emulated board's MicroPython could not be built; report this with the log",
        )  # fmt: skip
        (build / IMAGE).rename(scratch / IMAGE)
        shutil.rmtree(build)
