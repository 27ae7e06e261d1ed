"""Runs the sweeps of this folder beside the other tests: they compute for minutes, most others wait for wires and clocks.

A test that takes `told` names its `job`, the words behind `micropython -m`. All jobs of the session are begun once the tests are
collected, one after the other on one core and at the lowest priority; their tests come last and read what was told.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_tools.set_up import paths

HERE = Path(__file__).parent
HEAP = "8M"  # the region, its images and the ledgers that judge them
JOB_SECONDS_MAX = 1_200


class Sweeps:
    """The jobs of one session; `close` ends the one that runs, by its own id."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._futures: dict[str, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def begin(self, job: str) -> None:
        if job not in self._futures:
            self._futures[job] = self._pool.submit(self._run, job)

    def told(self, job: str) -> dict[str, Any]:
        return self._futures[job].result()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, job: str) -> dict[str, Any]:
        command = ["nice", "-n", "19", str(paths.micropython()), "-X", f"heapsize={HEAP}", "-m", *job.split()]
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
        return json.loads(output.splitlines()[-1])


_SWEEPS = pytest.StashKey[Sweeps]()


def _job_of(item: pytest.Item) -> str | None:
    if not item.path.is_relative_to(HERE):
        return None
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("job")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that wait for a sweep come last."""
    items.sort(key=lambda item: _job_of(item) is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what the selected tests ask for."""
    jobs = [job for item in session.items if (job := _job_of(item)) is not None]
    if jobs and not session.config.option.collectonly:
        session.stash[_SWEEPS] = Sweeps()
        for job in jobs:
            session.stash[_SWEEPS].begin(job)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing running behind a session that was ended early."""
    if _SWEEPS in session.stash:
        session.stash[_SWEEPS].close()


@pytest.fixture
def told(request: pytest.FixtureRequest, job: str) -> Iterator[dict[str, Any]]:
    """What the job of this test printed."""
    yield request.session.stash[_SWEEPS].told(job)
