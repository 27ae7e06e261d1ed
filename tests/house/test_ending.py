"""A session that is ended leaves nothing running: neither a job beside the tests nor what a fixture started."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from host_tools.set_up import paths

pytestmark = pytest.mark.slow  # each starts pytest anew
SOON_S = 60
GONE_S = 20
# Words that no other process bears; a job has no spaces within a word.
TESTS = '''"""One waits for a job, one for what its fixture started."""

import pathlib
import subprocess

import pytest


@pytest.mark.parametrize("job", ["-X heapsize=64k -c __import__('time').sleep({seconds})"])
def test_waits_for_a_job(told):
    pass


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "{seconds}.5"]) as process:
        try:
            pathlib.Path("{up}").touch()  # a signal that comes before Popen has returned finds nobody who would end it
            yield
        finally:
            process.kill()


def test_waits_for_its_fixture(sleeper):
    __import__("time").sleep({seconds})
'''


def processes_with(word: str) -> list[int]:
    """Running processes that bear the word in an argument and are no pytest of this test."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it ended
        if word.encode() in arguments:
            found.append(int(process.name))
    return found


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_that_is_ended_leaves_no_process(tmp_path, workers, number):
    here, seconds = paths.checkout(), str(1_000_000 + os.getpid() * 10 + workers)
    (tmp_path / "tests").mkdir()
    for name in ("__init__.py", "kit.py", "kit_runner.py", "beside.py", "compiled.py", "lanes.py", "conftest.py"):
        shutil.copy(here / "tests" / name, tmp_path / "tests" / name)
    for name in ("set_up", "flash"):
        shutil.copytree(here / "host_tools" / name, tmp_path / "host_tools" / name)
    shutil.copy(here / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to((here / ".venv").resolve())
    (tmp_path / "tests" / "test_it.py").write_text(TESTS.format(seconds=seconds, up=tmp_path / "up"))
    with (tmp_path / "said").open("w") as said:
        session = subprocess.Popen(
            [paths.python(), "-m", "pytest", "-v", "-p", "no:cacheprovider", "-n", str(workers)], cwd=tmp_path, stdin=subprocess.DEVNULL,
            stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        begun = lambda: len(processes_with(seconds)) == 2 and (tmp_path / "up").exists()  # noqa: E731
        _until(begun, SOON_S, lambda: (tmp_path / "said").read_text())
        session.send_signal(number)
        status = session.wait(SOON_S)
        alone = not workers and number == signal.SIGKILL  # what a fixture started then outlives it; a worker would end it in order
        gone = lambda: len(processes_with(seconds)) == alone  # noqa: E731
        _until(gone, GONE_S, lambda: f"{processes_with(seconds)} are left")
    finally:
        session.kill()
        for process in processes_with(seconds):
            os.kill(process, signal.SIGKILL)
    assert status == {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}[number], (tmp_path / "said").read_text()
    assert number == signal.SIGKILL or "ended by SIGTERM" in (tmp_path / "said").read_text()


def _until(condition, seconds: float, said) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)
