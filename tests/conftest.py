"""Shows each room test twice: on CPython as usual, and as an item of its own under MicroPython.

One MicroPython process runs one file, beside the tests on CPython and in the order in which they come; where several workers share
the tests (tests/lanes.py), when it is the turn of the file. Its lines are read as they stand when it ends or is ended, so a crash
or a hang is laid on the test it happened in and the tests behind it are not called passed. Both interpreters must see the same
tests: `same_tests[micropython]` fails when the names differ. Tests in slow places get the marker `slow`.
"""

import functools
import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_tools.set_up import paths
from tests import beside, compiled, lanes
from tests.kit_runner import MARK

ROOMS = Path(__file__).parent / "rooms"
# Brokers, sweeps, processes on a pty, peers asked hundreds of times, days of virtual time.
SLOW_PLACES = (
    "powercut", "scenarios", "boards", "peers/test_peer_mqtt.py", "peers/test_peer_cbor.py", "peers/test_peer_sim_dlt645.py",
    "host/simulators/test_sim_site.py", "host/board/test_strangers.py", "host/flash/test_build.py", "host/flash/test_runtimes.py",
    "host/flash/test_esp32.py", "rooms/hall/test_deaf_meters.py", "rooms/hall/test_faults.py", "rooms/hall/test_clock.py",
    "rooms/hal/test_uplink_socket.py", "rooms/diagnostics/test_event_ring.py",
    "rooms/diagnostics/test_console.py", "rooms/hall/test_freezes.py", "rooms/hall/test_tariffs.py", "rooms/hall/test_settlements.py",
    "rooms/hall/test_registers.py", "rooms/hall/test_conditions.py", "rooms/hall/test_care.py", "rooms/hall/test_orders.py",
    "rooms/hall/test_bad_moments.py", "rooms/hall/test_segments.py", "rooms/hall/test_rates.py", "rooms/hall/test_notices.py",
    "rooms/hall/test_dates.py", "host/bus/test_bus_relay.py", "host/bus/test_bus_scan.py", "host/flash/test_linking.py",
    "host/flash/test_folding.py", "host/flash/test_names.py", "host/set_up/test_rp2040.py",
    "host/head_end/test_head_end_notices_process.py", "peers/test_settlement_story.py", "peers/test_peer_tariff_fractions.py",
    "house/test_kit.py", "house/test_ending.py",
    "peers/test_peer_tariff_books.py", "peers/test_peer_tariff_head_end.py", "peers/test_peer_journal_evidence.py",
    "rooms/hall/test_safe_life.py", "rooms/hall/test_safe_lives.py", "rooms/hall/test_moves.py", "rooms/hall/test_moves_cut.py",
    "rooms/hall/test_transfers.py", "rooms/hall/test_transfers_cut.py", "rooms/hall/test_debts.py", "rooms/hall/test_causes.py",
    "rooms/hall/test_credit_limit.py", "rooms/hall/test_held_orders.py", "rooms/hall/test_ratios.py", "rooms/hall/test_restored.py",
    "rooms/hall/test_rates_and_total.py",
    "host/head_end/test_head_end_transfers.py", "host/head_end/test_head_end_limits.py", "peers/test_credit_limit_story.py",
    "rooms/hall/test_lifeline.py", "rooms/hall/test_lifeline_moves.py",
    "rooms/hal/test_line_uart.py", "rooms/hal/test_bare_boards.py", "rooms/diagnostics/test_console_maintenance.py",
    "rooms/base/test_aio.py", "host/head_end/test_head_end_verify_journal.py", "host/head_end/test_head_end_mutations.py",
    "host/bus/test_bus_sniff.py", "host/bus/test_bus_port.py", "peers/test_dlt645_peer.py", "peers/test_dlt645_properties.py",
    "host/firmware/test_main_bad_input.py", "host/head_end/test_head_end_senders.py", "host/boards_config/test_linux_rs485.py",
    "peers/test_peer_head_end.py", "rooms/hall/test_settings_change.py", "rooms/hall/test_safe_orders.py", "rooms/sync/test_session.py",
    "host/head_end/test_head_end_commands.py", "host/head_end/test_head_end_cli.py", "host/bus/test_bus_usage.py",
    "peers/test_peer_pricing_decimal.py", "host/demo/test_demo_wire.py",
)  # fmt: skip
SLOW = tuple(Path(__file__).parent / name for name in SLOW_PLACES)
HEAP = "3m"  # a board has less, but here the tests are in it too
FILE_SECONDS_MAX = 300


_POOL = pytest.StashKey[ThreadPoolExecutor]()
_JOBS = pytest.StashKey[beside.Jobs]()
_COMPILED = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


class Failed(Exception):
    """A MicroPython test failed; the text is what MicroPython said, and no traceback of ours adds to it."""


class Report:
    """What one MicroPython process told about one file."""

    def __init__(self, output: str, ended: str):
        self.output = output
        self.ended = ended
        self.names: list[str] | None = None
        self.started: str | None = None
        self.done = False
        self.trouble: dict[str, str | None] = {}
        for line in output.splitlines():
            if line.startswith(MARK):
                self._take(json.loads(line[len(MARK) :]))

    def _take(self, parts: list) -> None:
        word = parts[0]
        if word == "names":
            self.names = parts[1]
        elif word == "start":
            self.started = parts[1]
        elif word == "end":
            self.trouble[parts[1]] = parts[3]
            self.started = None
        elif word == "done":
            self.done = True

    def said(self) -> str:
        """The end of the output without our own lines."""
        own = [line for line in self.output.splitlines() if line and not line.startswith(MARK)]
        return "\n".join(own[-40:])

    def why_missing(self, name: str) -> str:
        """Why there is no verdict for a test."""
        if self.names is None:
            return f"MicroPython could not import the file ({self.ended})\n{self.said()}"
        if name == self.started:
            return f"MicroPython {self.ended} in this test\n{self.said()}"
        if name not in self.names:
            return "CPython sees this test, MicroPython does not"
        return f"not reached: MicroPython {self.ended} in {self.started}\n{self.said()}"


def run_on_micropython(file: Path) -> Report:
    """Run one file's tests in one process, bounded in time."""
    module = ".".join(file.relative_to(paths.checkout()).with_suffix("").parts)
    command = [str(paths.micropython()), "-X", f"heapsize={HEAP}", "-m", "tests.kit_runner", module]
    with subprocess.Popen(
        command,
        cwd=compiled.folder(),
        env=compiled.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            output, _ = process.communicate(timeout=FILE_SECONDS_MAX)
            ended = f"ended with code {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended = f"was ended after {FILE_SECONDS_MAX} s"
    return Report(output.decode(errors="replace"), ended)


class RoomFile(pytest.Module):
    """A file of room tests: its CPython items, then one MicroPython item for each, then the comparison."""

    _report: Future[Report] | None = None

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Have the run under MicroPython made."""
        if self._report is None:
            self._report = pool.submit(run_on_micropython, self.path)

    def report(self) -> Report:
        """The run under MicroPython."""
        assert self._report is not None, "the run was not begun"
        return self._report.result()

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        found = list(super().collect())
        yield from found
        names = sorted({getattr(item, "originalname", None) or item.name for item in found})
        for name in names:
            yield MicroPythonItem.from_parent(self, name=f"{name}[micropython]", test=name)
        yield SameTests.from_parent(self, name="same_tests[micropython]", names=names)


class MicroPythonItem(pytest.Item):
    """One test under MicroPython."""

    def __init__(self, *, test: str, **named):
        super().__init__(**named)
        self.test = test

    def runtest(self) -> None:
        report = self.parent.report()
        if self.test not in report.trouble:
            raise Failed(report.why_missing(self.test))
        if report.trouble[self.test] is not None:
            raise Failed(report.trouble[self.test])

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.name


class SameTests(MicroPythonItem):
    """The comparison of the two interpreters' names; an empty file proves nothing and fails too."""

    def __init__(self, *, names: list[str], **named):
        super().__init__(test="", **named)
        self.names = names

    def runtest(self) -> None:
        report = self.parent.report()
        if report.names is None:
            raise Failed(report.why_missing(""))
        if not self.names:
            raise Failed("no tests in this file")
        if report.names != self.names:
            only_c = sorted(set(self.names) - set(report.names))
            only_micro = sorted(set(report.names) - set(self.names))
            raise Failed(f"the interpreters differ\n   only CPython      {only_c}\n   only MicroPython  {only_micro}")
        if not report.done:
            raise Failed(f"MicroPython {report.ended} before the last test was done\n{report.said()}")


@functools.cache
def is_slow(path: Path) -> bool:
    """Whether a file or folder lies in a slow place; asked for each of some thousand tests."""
    return any(path.is_relative_to(place) for place in SLOW)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is in a slow place need not be imported to be left out."""
    return config.option.markexpr == "not slow" and is_slow(collection_path) or None


def pytest_pycollect_makemodule(module_path: Path, parent):
    """Room tests are collected by RoomFile; everything else as usual."""
    if ROOMS in module_path.parents:
        return RoomFile.from_parent(parent, path=module_path)
    return None


def pytest_configure(config: pytest.Config) -> None:
    """What has to be there before workers are."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun by a shell with `&`: each tool under test would be deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    lanes.end_in_order(config)
    config.stash[_POOL] = ThreadPoolExecutor(1)
    if not lanes.is_worker(config) and not config.option.collectonly:
        config.stash[_JOBS] = beside.Jobs()
        config.stash[_COMPILED] = compiled.begin()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> lanes.Dealer:
    """Who deals out the tests to several workers."""
    return lanes.Dealer(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Begin the jobs: all workers have found the same tests."""
    node.config.stash[_JOBS].begin(ids)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what lies in the slow places; what waits for a job comes last."""
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    if lanes.is_worker(config):
        lanes.put_in_order(items)
    beside.put_last(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what runs beside the tests on CPython. A worker cannot know yet which of them will be its own."""
    if session.config.option.collectonly or lanes.is_worker(session.config):
        return
    for item in session.items:
        _begin(item)
    session.config.stash[_JOBS].begin([item.nodeid for item in session.items])


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """In a worker: this file's run under MicroPython, and that of the next one."""
    _begin(item)
    if nextitem is not None:
        _begin(nextitem)


def _begin(item: pytest.Item) -> None:
    if isinstance(item.parent, RoomFile):
        item.parent.begin(item.config.stash[_POOL])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing running behind a session that was ended early."""
    if _POOL in config.stash:
        config.stash[_POOL].shutdown(cancel_futures=True)
    if _JOBS in config.stash:
        config.stash[_JOBS].close()
    if _COMPILED in config.stash:
        config.stash[_COMPILED].cleanup()


@pytest.fixture
def told(job: str) -> list:
    """The lines of JSON that the job of this test printed (tests/beside.py)."""
    return beside.told(job)
