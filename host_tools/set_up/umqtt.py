"""MicroPython libraries the firmware runs on: umqtt.simple and umqtt.robust, by version and hash.

Their archives are older than Python packaging: pip can fetch them but neither builds the one nor, when new, unpacks the
other (it carries a dangling link), and throws the archive away as it fails. So a hook in pip's process keeps the archive
when its folder is about to be removed; the archive is checked by the hash of umqtt.lock, and one file is taken out.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from host_tools.set_up.cache import CACHE, CHECKOUT, SetUpError, built, key_of, step

LOCK = CHECKOUT / "host_tools" / "set_up" / "umqtt.lock"
FETCH_SECONDS_MAX = 300
KEEP = """
import pathlib, runpy, shutil, sys
kept = sys.argv.pop(1)
def keep(event, details):
    if event == "shutil.rmtree":
        for archive in pathlib.Path(details[0]).rglob("*.tar.gz"):
            shutil.copy(archive, kept)
sys.addaudithook(keep)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def place() -> Path:
    """The folder to put on MICROPYPATH."""
    return CACHE / f"umqtt-{key_of(LOCK.read_bytes())}"


def make(folder: Path, python: Path) -> None:
    """Fetch the archives with this Python's pip, keep one file of each."""
    with step("umqtt.simple and umqtt.robust"), built(folder) as scratch:
        (scratch / "umqtt").mkdir()
        for line in LOCK.read_text().splitlines():
            if line and not line.startswith("#"):
                requirement, _, sha256 = line.partition(" --hash=sha256:")
                name = requirement.split("==")[0].rpartition(".")[2] + ".py"
                with tempfile.TemporaryDirectory(dir=scratch) as kept:
                    archive = _fetch(line, sha256, Path(kept), python)
                    (scratch / "umqtt" / name).write_bytes(_member(archive, f"umqtt/{name}"))


def _fetch(requirement: str, sha256: str, kept: Path, python: Path) -> Path:
    """The archive of one requirement; pip's exit code says nothing here, the hash does."""
    (kept / "lock").write_text(requirement + "\n")
    try:
        done = subprocess.run(
            [str(python), "-c", KEEP, str(kept), "download", "--disable-pip-version-check", "--no-input", "--retries", "5",
             "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes",
             "--dest", str(kept), "--requirement", str(kept / "lock")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SetUpError(f"{requirement.split()[0]} did not arrive; check the network and run make setup again") from None
    (CACHE / "logs").mkdir(exist_ok=True)
    log = CACHE / "logs" / "umqtt.log"
    log.write_bytes(done.stdout)
    for archive in kept.glob("*.tar.gz"):
        if hashlib.sha256(archive.read_bytes()).hexdigest() == sha256:
            return archive
    raise SetUpError(f"{requirement.split()[0]} could not be fetched; check the network and run make setup again (see {log})")


def _member(archive: Path, ending: str) -> bytes:
    """The bytes of the one regular file of an archive whose name ends so."""
    with tarfile.open(archive) as opened:
        found = [member for member in opened.getmembers() if member.isfile() and member.name.endswith("/" + ending)]
        if len(found) != 1:
            raise SetUpError(f"{archive.name} does not hold one {ending}; report this")
        return opened.extractfile(found[0]).read()
