"""Runs what computes for minutes beside the other tests, most of which wait for wires and clocks (hooks: tests/conftest.py).

A test with a parameter `job`, the words behind `micropython`, takes `told`: the lines of JSON that it printed. All jobs of the
session are begun once the tests are collected, one after the other on one core and at the lowest priority; their tests come last.
"""

import json
import os
import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from host_tools.set_up import paths

JOB_SECONDS_MAX = 1_200


class Jobs:
    """The jobs of one session; `close` ends the one that runs, by its own id."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._futures: dict[str, Future[list[Any]]] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def begin(self, job: str) -> None:
        if job not in self._futures:
            self._futures[job] = self._pool.submit(self._run, job)

    def told(self, job: str) -> list[Any]:
        return self._futures[job].result()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, job: str) -> list[Any]:
        command = ["nice", "-n", "19", str(paths.micropython()), *job.split()]
        environment = {**os.environ, "MICROPYPATH": paths.micropython_path()}
        with self._lock:
            assert not self._closed, "the session has ended"
            self._process = subprocess.Popen(
                command, cwd=paths.checkout(), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        process = self._process
        try:
            output, _ = process.communicate(timeout=JOB_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        assert process.returncode == 0, f"{job} ended with {process.returncode}\n{output[-3000:]}"
        return [json.loads(line) for line in output.splitlines()]


_JOBS = pytest.StashKey[Jobs]()


def _job_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("job")


def put_last(items: list[pytest.Item]) -> None:
    """The tests that wait for a job come last."""
    items.sort(key=lambda item: _job_of(item) is not None)


def begin(session: pytest.Session) -> None:
    """Begin what the selected tests ask for."""
    wanted = [job for item in session.items if (job := _job_of(item)) is not None]
    if wanted:
        session.stash[_JOBS] = Jobs()
        for job in wanted:
            session.stash[_JOBS].begin(job)


def end(session: pytest.Session) -> None:
    """Leave nothing running behind a session that was ended early."""
    if _JOBS in session.stash:
        session.stash[_JOBS].close()


def told(session: pytest.Session, job: str) -> list[Any]:
    """What the job printed, line by line; waits until it has ended."""
    return session.stash[_JOBS].told(job)
