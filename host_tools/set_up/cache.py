"""The cache folder: finished things only, named by what made them; one set-up at a time; every step said and timed.

A thing is built beside its place and renamed into it, so a killed set-up leaves nothing that looks finished. A virtual
environment cannot be renamed (its scripts hold its path): it is finished when its stamp lies in it.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lamplighter"
STEP_SECONDS_MAX = 1800
_inherited: list[int] = []  # the lock, for the commands that write into the cache


class SetUpError(Exception):
    """What stands in the way, with what to do about it, in one sentence."""


def key_of(*parts: str | bytes) -> str:
    """A short name for a content: the same parts give the same name on every start."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def debian_release() -> str:
    """Major release of Debian, or "" on anything else (Ubuntu and its kin too: their packages differ)."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return ""
    return system.get("VERSION_ID", "") if system.get("ID") == "debian" else ""


def machine_key() -> str:
    """What a compiled program depends on."""
    return f"debian{debian_release() or '-other'}-{platform.machine()}"


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Name a step as it begins and say how long it took: one line."""
    print(f"  {what} ... ", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("stopped", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the cache's lock; when another set-up holds it, say so and wait. The kernel frees it when its last holder dies:
    us, or a pip or make that outlived a killed set-up and still writes into the cache.
    """
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        handle = open(CACHE / "lock", "w")  # noqa: SIM115 - held for as long as the block runs
    except OSError as trouble:
        raise SetUpError(f"the cache folder {CACHE} cannot be written ({trouble.strerror}); set XDG_CACHE_HOME to one that can") from None
    with handle:
        _inherited.append(handle.fileno())
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another set-up is at work on this cache; waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        for left_over in CACHE.glob("unfinished-*"):  # by a set-up that was killed: the lock says nobody uses it
            shutil.rmtree(left_over, ignore_errors=True)
        yield


@contextlib.contextmanager
def built(place: Path) -> Iterator[Path]:
    """A scratch folder that becomes `place` in one rename when the block ends well, and is removed when it does not."""
    scratch = Path(tempfile.mkdtemp(prefix="unfinished-", dir=CACHE))
    try:
        yield scratch
        scratch.chmod(0o755)
        if place.exists():
            shutil.rmtree(place)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, replacing an older link in one rename; never a folder or a file."""
    if path.is_symlink() and os.readlink(path) == str(target):
        return
    if path.exists() and not path.is_symlink():
        raise SetUpError(f"{path} is in the way: move it aside, then run make setup again")
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


def run(
    what: str,
    command: list[str],
    advice: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    starts_services: bool = False,
) -> str:
    """Run a command quietly, its output kept in a log; a failure is one sentence with the advice and the log's name.

    `starts_services`: the command may leave a daemon behind, which must not inherit the cache's lock.
    """
    logs = CACHE / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{what}.log"
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=STEP_SECONDS_MAX,
            pass_fds=() if starts_services else _inherited,
            check=False,
        )
        text, failed = done.stdout.decode(errors="replace"), done.returncode != 0
    except subprocess.TimeoutExpired:
        text, failed = f"{command[0]} did not end within {STEP_SECONDS_MAX} s", True
    except FileNotFoundError:
        text, failed = f"{command[0]} is not installed", True
    log.write_text(text)
    if failed:
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
        raise SetUpError(f"{advice} ({last[:200]}; all of it in {log})")
    return text
