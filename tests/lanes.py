"""Several workers share the tests (pytest-xdist, `make test`): which tests stay together, which come first, and how all end.

The tests of a file stay together and in order, for their fixtures; those of a file in APART are dealt out one function at a time,
those that wait for a job (tests/beside.py) are one lane of their own, the last. The files in FIRST take longest: begun late, each
would keep the others waiting.

A session ended by SIGTERM ends in order: each fixture gives back what it started. A worker gets the signal when the process that
deals out the tests is gone, whatever took it.
"""

import contextlib
import ctypes
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import beside

FIRST = (
    "host/head_end/test_head_end_broker.py", "scenarios/test_demo_story.py", "scenarios/test_link_never_delays_the_bus.py",
    "host/head_end/test_head_end_concurrency.py", "rooms/hall/test_deaf_meters.py", "scenarios/test_two_hundred_kills.py",
    "scenarios/test_credits_survive_everything.py", "peers/test_head_end_lost_database.py", "house/test_kit.py",
    "host/head_end/test_head_end_stop.py", "scenarios/test_bad_links.py", "scenarios/test_full_journal_recovers.py",
    "house/test_ending.py",
)  # fmt: skip
APART = ("house/test_kit.py", "house/test_ending.py")
ENDED = 128 + signal.SIGTERM
_PR_SET_PDEATHSIG = 1


def lane_of(name: str) -> str:
    """The lane of a test by its whole name."""
    if beside.job_in(name):
        return "jobs"
    file, _, test = name.partition("::")
    return f"{file}::{test.partition('[')[0]}" if file.endswith(APART) else file


def put_in_order(items: list[pytest.Item]) -> None:
    """For several workers: what takes longest comes first."""
    items.sort(key=lambda item: next((place for place, file in enumerate(FIRST) if item.nodeid.startswith("tests/" + file)), len(FIRST)))


def is_worker(config: pytest.Config) -> bool:
    """True in a process that runs tests which another deals out."""
    return hasattr(config, "workerinput")


class Dealer(LoadScopeScheduling):
    """Deals out lanes in the order in which they come."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)


def end_in_order(config: pytest.Config) -> None:
    """Let SIGTERM end the session as Ctrl-C does."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        if is_worker(config):  # execnet sends one five seconds after its master is gone, in the middle of a fixture's end
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if getattr(config.option, "numprocesses", 0):
            _end_workers()
        pytest.exit("ended by SIGTERM", ENDED)

    signal.signal(signal.SIGTERM, end)
    if is_worker(config):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_workers() -> None:
    """At once: xdist waits ten seconds for them, half of which execnet lets pass, and kills what has not given back its fixtures."""
    for children in Path("/proc/self/task").glob("*/children"):
        for worker in children.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(worker), signal.SIGTERM)
