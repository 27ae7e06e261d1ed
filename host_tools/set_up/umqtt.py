"""MicroPython libraries the firmware runs on: umqtt.simple and umqtt.robust, by version and hash.

Their archives have no project file that pip can build, and need none: pip downloads and checks each archive, unpacks it,
fails at its metadata, and is told to leave the unpacked tree. Only files named in umqtt.lock are taken, each checked
again by its own hash; the dangling link in robust's archive stays behind.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from host_tools.set_up.cache import CACHE, CHECKOUT, SetUpError, built, key_of, step

LOCK = CHECKOUT / "host_tools" / "set_up" / "umqtt.lock"
FETCH_SECONDS_MAX = 300


def place() -> Path:
    """The folder to put on MICROPYPATH."""
    return CACHE / f"umqtt-{key_of(LOCK.read_bytes())}"


def make(folder: Path, python: Path) -> None:
    """Fetch the archives with this Python's pip, keep the files of the lock."""
    lines = LOCK.read_text().splitlines()
    archives = [line for line in lines if line and not line.startswith("#")]
    wanted = [line.split()[2:4] for line in lines if line.startswith("#   file ")]
    with step("umqtt.simple and umqtt.robust"), built(folder) as scratch:
        unpacked = [_unpack(archive, scratch / f"archive{number}", python) for number, archive in enumerate(archives)]
        for name, sha256 in wanted:
            found = [file for tree in unpacked for file in tree.rglob(Path(name).name) if file.is_file()]
            if len(found) != 1 or hashlib.sha256(found[0].read_bytes()).hexdigest() != sha256:
                raise SetUpError(f"{name} is not the file that umqtt.lock names; check the network, then make setup again")
            (scratch / name).parent.mkdir(exist_ok=True)
            found[0].rename(scratch / name)
        for tree in unpacked:
            shutil.rmtree(tree)


def _unpack(requirement: str, tree: Path, python: Path) -> Path:
    """Let pip fetch, check and unpack one archive into `tree`; its exit code says nothing, the hashes of files do."""
    tree.mkdir()
    (tree / "lock").write_text(requirement + "\n")
    command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "5",
               "--no-clean", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes",
               "--dest", str(tree / "out"), "--requirement", str(tree / "lock")]  # fmt: skip
    try:
        subprocess.run(
            command,
            env={**os.environ, "TMPDIR": str(tree)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SetUpError(f"{requirement.split()[0]} did not arrive; check the network and run make setup again") from None
    return tree
