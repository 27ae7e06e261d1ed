"""MicroPython's unix port, 1.25 or newer: the installed one when it can do what we need, else built from Debian's source.

The source is the package of Debian's trixie, fetched from the mirror this system already uses through an apt state of
its own (nothing of the system's changes) and checked by apt against Debian's keyring. Traps: Debian's patches of
micropython serve its shared mbedTLS and are left out, while mbedTLS and lwIP keep theirs, which are security fixes; the
source tarball lacks the submodules, so both are linked in from their own packages. The boards (boards.py) are built from
the same sources.
"""

import os
import shutil
import subprocess
from pathlib import Path

from host_tools.set_up import debian
from host_tools.set_up.cache import CACHE, SetUpError, built, key_of, machine_key, run, step

OLDEST = (1, 25)
SUITE = "trixie"
SOURCES = ("micropython", "mbedtls", "lwip")
MANIFEST = 'include("$(MPY_DIR)/extmod/asyncio")\n'
OPTIONS = (
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_FFI=1",
    "MICROPY_PY_SSL=1",
    "MICROPY_SSL_AXTLS=0",
    "MICROPY_SSL_MBEDTLS=1",
    # Tests compute on it for minutes: a quarter less of that without threads (we use none) and with more room to remember look-ups.
    "MICROPY_PY_THREAD=0",
    "COPT=-O2 -DNDEBUG -fdata-sections -ffunction-sections",
    "CFLAGS_EXTRA=-DMICROPY_OPT_MAP_LOOKUP_CACHE_SIZE=4096",
)
PROOF = """
import sys
import asyncio, cryptolib, deflate, ffi, io, json, micropython, os, select, socket, struct, termios, time, tls
from hashlib import sha256
asyncio.StreamReader, asyncio.wait_for, select.poll, os.VfsPosix, tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
sha256(b"").digest(), micropython.heap_lock, time.ticks_ms, sys.print_exception, ffi.open("libc.so.6")
assert sys.implementation[1][:2] >= %r
""" % (OLDEST,)


def works(program: Path | str) -> bool:
    """Can this MicroPython do what firmware and tests need, with a heap of a given size?"""
    try:
        tried = subprocess.run(
            [str(program), "-X", "heapsize=512k", "-c", PROOF],
            env={**os.environ, "MICROPYPATH": ".frozen"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def installed() -> Path | None:
    """A MicroPython the system brought that works here; our own on PATH (an activated environment) does not count."""
    found = shutil.which("micropython")
    if not found or CACHE in Path(found).resolve().parents:
        return None
    program = Path(found).resolve()
    return program if works(program) else None


def place() -> Path:
    """The program to use: an installed one, or where ours lies or will lie, named by all that it is made from."""
    own = key_of(machine_key(), SUITE, MANIFEST, PROOF, *SOURCES, *OPTIONS)
    return installed() or CACHE / f"micropython-{own}" / "micropython"


def sources() -> Path:
    """Where the sources lie or will lie: micropython/ with the libraries that it was published without."""
    return CACHE / f"micropython-source-{key_of(SUITE, *SOURCES)}"


def fetch() -> None:
    """Bring the sources into the cache."""
    if not sources().is_dir():
        with step(f"sources of {', '.join(SOURCES)} from Debian {SUITE}"), built(sources()) as scratch:
            _fetch(scratch)


def make(program: Path, mpy_cross: Path) -> None:
    """Build our own into the cache; the packages of system.BUILDING are there by now."""
    with step("MicroPython for this machine"), built(program.parent) as scratch:
        _compile(sources(), scratch, mpy_cross)


def _fetch(scratch: Path) -> None:
    """Download and unpack the source packages."""
    with debian.other_suite(scratch, SUITE, "deb-src") as apt:
        run("source-fetch", [*apt, "source", "--download-only", *SOURCES], debian.AGAIN, cwd=scratch)
    for name in SOURCES:
        described = sorted(scratch.glob(f"{name}_*.dsc"))
        if len(described) != 1:
            raise SetUpError(f"Debian {SUITE} answered {len(described)} sources of {name}, not one; report this")
        patches = ["--skip-patches"] if name == "micropython" else []
        unpack = ["dpkg-source", "--no-check", *patches, "-x", described[0].name, name]  # apt has checked the hashes
        run(f"unpack-{name}", unpack, f"the source of {name} could not be unpacked; is the disk full?", cwd=scratch)
    for name in SOURCES[1:]:
        hollow = scratch / "micropython" / "lib" / name
        hollow.rmdir()
        hollow.symlink_to(f"../../{name}")
    (scratch / "micropython" / "lib" / "micropython-lib" / "README.md").touch()  # the build asks only that it exists


def _compile(sources: Path, scratch: Path, mpy_cross: Path) -> None:
    """Build the unix port out of tree and keep the program alone."""
    build = scratch / "build"
    (scratch / "manifest.py").write_text(MANIFEST)
    run(
        "micropython-build",
        ["make", "-s", "-C", str(sources / "micropython" / "ports" / "unix"), f"-j{os.cpu_count() or 1}",
         f"BUILD={build}", f"MICROPY_MPYCROSS={mpy_cross}", f"FROZEN_MANIFEST={scratch / 'manifest.py'}", *OPTIONS],
        "MicroPython could not be built; report this with the log",
    )  # fmt: skip
    (build / "micropython").rename(scratch / "micropython")
    shutil.rmtree(build)
    if not works(scratch / "micropython"):
        raise SetUpError("the MicroPython that was built lacks something the tests need; report this")
