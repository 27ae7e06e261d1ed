"""The virtual environment: exactly the packages of requirements.lock, checked by hash. All but esptool are wheels; esptool is
published as source only, and is built last, by the setuptools of the same lock instead of whichever is newest.

Its name is a hash of the lock, of the interpreter and of what else is linked into it, so two checkouts with different
locks never share one, and going back to an old commit finds its old environment.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from host_tools.set_up.cache import CACHE, CHECKOUT, SetUpError, key_of, machine_key, run, step

LOCK = CHECKOUT / "host_tools" / "set_up" / "requirements.lock"
OLDEST = (3, 11)
BUILT_HERE = ("esptool",)


def interpreter() -> str:
    """The Python that makes the environment: the one that runs us, outside any environment of its own."""
    if sys.version_info < OLDEST:
        raise SetUpError(f"Python {sys.version.split()[0]} is too old: start make setup with PYTHON=python3.11 or newer")
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def place(python: str, companions: tuple[str, ...]) -> Path:
    """Where the environment of this lock, this interpreter and these companions lies or will lie."""
    version = "%d.%d" % sys.version_info[:2]
    return CACHE / f"python{version}-{key_of(LOCK.read_bytes(), python, version, machine_key(), *companions)}"


def ready(folder: Path) -> bool:
    """Finished, and its interpreter is still there (a Python may have been upgraded away under it)."""
    return (folder / "stamp").is_file() and (folder / "bin" / "python").exists()


def make(folder: Path, python: str) -> None:
    """Make the environment in its place; the stamp is its last file."""
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"virtual environment of {python}"):
        run("venv", [python, "-m", "venv", str(folder)], "the virtual environment could not be made; is the disk full?")
    wheels, sources = split_lock(LOCK.read_text())
    with step("Python packages of requirements.lock"):
        _install(folder, "wheels", wheels, ["--only-binary", ":all:"])
        _install(folder, "sources", sources, ["--no-binary", ":all:", "--no-build-isolation", "--no-deps"])
    (folder / "stamp").touch()


def split_lock(text: str) -> tuple[str, str]:
    """The lock's requirements in two: those that are installed as wheels, and BUILT_HERE."""
    wheels, sources = [], []
    where = wheels
    for line in text.splitlines(keepends=True):
        if line[:1].isalnum():  # a requirement begins; its hashes are the indented lines behind it
            where = sources if line.split("==")[0] in BUILT_HERE else wheels
        where.append(line)
    return "".join(wheels), "".join(sources)


def _install(folder: Path, what: str, requirements: str, options: list[str]) -> None:
    """A package index or constraint that a person configured still applies; only the hashes decide what is accepted."""
    listed = folder / f"{what}.lock"
    listed.write_text(requirements)
    run(
        f"pip-{what}",
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-input", "--retries", "5", "--require-hashes", *options, "-r", str(listed)],
        "the Python packages could not be installed; check the network and run make setup again",
    )  # fmt: skip


def library_pointer(folder: Path) -> Path:
    """The .pth file by which CPython finds umqtt too: the same firmware file imports it on both interpreters."""
    return folder / "lib" / ("python%d.%d" % sys.version_info[:2]) / "site-packages" / "micropython_library.pth"


def show_library(folder: Path, library: Path) -> None:
    """Write that file."""
    library_pointer(folder).write_text(f"{library}\n")


def can_make_environments(python: str) -> bool:
    """Has this Python venv and ensurepip? Debian's own has them only with the package python3-venv."""
    asked = subprocess.run(
        [python, "-c", "import venv, ensurepip; venv.create; ensurepip.version()"], stderr=subprocess.DEVNULL, check=False
    )
    return asked.returncode == 0
