"""The checkout as MicroPython's unix port runs it in the tests: compiled once a session instead of by each process anew.

    subprocess.run([str(paths.micropython()), "-m", "tests.kit_runner", ...], cwd=compiled.folder(), env=compiled.environment())

A folder like the checkout: firmware, boards, umqtt and what the tests run on MicroPython as .mpy, each file compiled by itself from
the sources as they are when the session first asks; data by symlink; `build` is the checkout's, where fakes keep their files. A
process compiles half a second of its own, and a hall that reads a document compiles its reader each time (base/rare.py).

Traps avoided: MicroPython looks into its working folder before MICROPYPATH, so the folder and not only the path is another. Several
workers (tests/lanes.py) want it at once: one makes it, under a lock, and it has its name only when it is whole. It goes with the
session, so none is ever stale.
"""

import atexit
import fcntl
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from host_tools.flash.compiler import compile_each
from host_tools.set_up import paths

PLACE = "LAMPLIGHTER_COMPILED"  # in the environment, so that the workers know it
TOPS = ("firmware", "board_configs", "tests")
ROOMS = "tests/rooms"


def begin() -> tempfile.TemporaryDirectory[str]:
    """A place for this session and its workers, empty until somebody asks; to be cleaned up at the end."""
    place = tempfile.TemporaryDirectory(prefix="lamplighter-compiled-")
    os.environ[PLACE] = place.name
    return place


def folder() -> Path:
    """The compiled checkout."""
    if PLACE not in os.environ:  # no session: a bench
        atexit.register(begin().cleanup)
    return _made(Path(os.environ[PLACE]), paths.checkout())


def path() -> str:
    """Its MICROPYPATH."""
    return f"{folder()}:.frozen"


def environment(**more: str) -> dict[str, str]:
    """Ours, with the path."""
    return {**os.environ, "MICROPYPATH": path(), **more}


@functools.cache
def _made(place: Path, checkout: Path) -> Path:
    whole = place / "checkout"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            draft = Path(tempfile.mkdtemp(dir=place))
            _write(draft, checkout)
            draft.rename(whole)
    return whole


def _write(target: Path, checkout: Path) -> None:
    for name, data in compile_each(dict(sources(checkout))).items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    for file in _files(checkout):
        if file.suffix not in (".py", ".pyc"):
            link = target / file.relative_to(checkout)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    (checkout / "build").mkdir(exist_ok=True)
    (target / "build").symlink_to(checkout / "build")


def sources(checkout: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of each Python file that MicroPython may be given; what pytest alone reads is not among them."""
    for file in _files(checkout):
        name = file.relative_to(checkout).as_posix()
        for_pytest = name.startswith("tests/") and not name.startswith(ROOMS) and file.name.startswith(("test_", "conftest"))
        if file.suffix == ".py" and not for_pytest:
            yield name, file
    library = paths.micropython_library()
    for file in sorted((library / "umqtt").rglob("*.py")):
        yield file.relative_to(library).as_posix(), file


def _files(checkout: Path) -> list[Path]:
    return sorted(file for top in TOPS for file in (checkout / top).rglob("*") if file.is_file())
