"""Runs what computes for minutes beside the other tests, most of which wait for wires and clocks (hooks: tests/conftest.py).

A test with a parameter `job`, the words behind `micropython`, takes `told`: the lines of JSON that it printed. All jobs of the
session are begun once the tests are collected, AT_ONCE at a time and at the lowest priority; their tests come last.

What a job printed goes through a file, because with several workers (tests/lanes.py) one process begins the jobs and another
judges them. A job dies with the process that began it, however that ended: the kernel sees to it (prctl(2), PR_SET_PDEATHSIG).
"""

import faulthandler
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from host_tools.set_up import paths
from tests import compiled

AT_ONCE = 2
JOB_SECONDS_MAX = 2_400
PLACE = "LAMPLIGHTER_JOBS"  # in the environment, so that the workers know it
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_JOB = re.compile(r"\[(-X .+)\]$")  # in the name of a test


class Jobs:
    """The jobs of one session; `close` ends those that run, each by its own id."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lamplighter-jobs-")
        os.environ[PLACE] = self._folder.name
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._begun: set[str] = set()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def begin(self, names: list[str]) -> None:
        """Begin the jobs that tests of these names ask for, in their order; each once."""
        for job in filter(None, map(job_in, names)):
            if job not in self._begun:
                self._begun.add(job)
                self._pool.submit(self._run, job)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _run(self, job: str) -> None:
        command = [*DIES_WITH_US, "nice", "-n", "19", str(paths.micropython()), *job.split()]
        place, environment = compiled.folder(), compiled.environment()
        with self._lock:
            if self._closed:
                return
            process = subprocess.Popen(
                command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            self._running.add(process)
        try:
            output, _ = process.communicate(timeout=JOB_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        with self._lock:
            self._running.remove(process)
            if not self._closed:
                _write(job, process.returncode, output)


def job_in(name: str) -> str | None:
    """The job that a test of this name asks for."""
    found = _JOB.search(name)
    return None if found is None else found.group(1)


def put_last(items: list[pytest.Item]) -> None:
    """The tests that wait for a job come last."""
    items.sort(key=lambda item: job_in(item.name) is not None)


def told(job: str) -> list[Any]:
    """What the job printed, line by line; waits until it has ended."""
    faulthandler.cancel_dump_traceback_later()  # pytest's patience with one test; on a busy machine a job may need more
    file, deadline = _file(job), time.monotonic() + JOB_SECONDS_MAX
    while not file.exists():
        assert file.parent.is_dir(), "the session has ended"
        assert time.monotonic() < deadline, f"{job} has not ended in {JOB_SECONDS_MAX} s"
        time.sleep(0.1)
    ended = json.loads(file.read_text())
    assert ended["code"] == 0, f"{job} ended with {ended['code']}\n{ended['output'][-3000:]}"
    return [json.loads(line) for line in ended["output"].splitlines()]


def _file(job: str) -> Path:
    return Path(os.environ[PLACE]) / sha256(job.encode()).hexdigest()


def _write(job: str, code: int, output: str) -> None:
    """All of it at once: who waits for the file must not see half of it."""
    file = _file(job)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"code": code, "output": output}))
    draft.rename(file)
