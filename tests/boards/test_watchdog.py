"""A task of the firmware breaks on the emulated board: the machine resets, the next life goes on, and nobody's supply changes.

The scene: two households, one of them lawfully cut in the life that breaks. What tells is outside the board: the
simulated meters log each relay command, and the independent reader goes through the journal.
"""

import time
from typing import Any, NamedTuple

import pytest

from host_tools.simulators.client import SiteClient, SiteEvent
from tests.boards.live_board import LiveBoard, live_board
from tests.running_gateway import PREPAID, Scene

METERS = 2
CUT_METER = 0
WATCHDOG, RESET, POWER_ON = 3, 2, 1  # SPEC 2, BOOT
WATCHDOG_MS = 3_000  # the wiring's 8 s would only make the test longer
SILENCE_MS = 4_000
START_S_MAX = 15  # in a busy machine; test_machine.py measures the watchdog itself
EVENT, TASK_DIED = "EVENT", 4

# The board's part. `seen_open` holds when the one cut of this story has been proven by the meter's status word.
USUAL = f"""
from firmware import main
from firmware.gateway import Gateway
from board_configs.qemu_mps2 import board
board.wiring.WATCHDOG_MS = {WATCHDOG_MS}
usual_tick = Gateway.on_tick
def seen_open(hall):
    return hall.ledger.accounts.get(hall.slots[{CUT_METER}].row, "seen") == 2
def pay_for_all_but_one(hall):
    at_s = hall.clock_view.stamp()[0]
    if not hall.head_end.last_contact_s and at_s:
        hall.head_end.last_contact_s = at_s
        for index in range(len(hall.slots)):
            if index != {CUT_METER}:
                hall.on_credit(hall.slots[index].account, 1, 1, 100000000, 100000000, at_s)
"""
SPINS = """
def on_tick(hall):
    usual_tick(hall)
    pay_for_all_but_one(hall)
    if seen_open(hall):
        print("it spins")
        while True:
            pass
Gateway.on_tick = on_tick
main.main("qemu_mps2")
"""
WAITS = """
from firmware.base import aio
from firmware.meter_bus.bus_task import MeterBus
import board as part
flash = part.Flash(2 << 20, 1 << 20)
erased = 0
def on_tick(hall):  # the stall of an erase, five times a second, in a slot that nobody uses
    global erased
    usual_tick(hall)
    for _ in range(5):
        flash.ioctl(6, erased % 255)
        erased += 1
Gateway.on_tick = on_tick
usual_read = MeterBus._read
reads = 0
async def read(bus, index):
    global reads
    reads += 1
    if reads > 8:
        print("it waits")
        await aio.Event().wait()
    await usual_read(bus, index)
MeterBus._read = read
main.main("qemu_mps2")
"""
RAISES = """
usual_reading = Gateway.on_reading
def on_reading(hall, reading):
    usual_reading(hall, reading)
    if seen_open(hall):
        print("it raises")
        raise ValueError("a bug of ours")
Gateway.on_reading = on_reading
main.main("qemu_mps2")
"""
HANGS_IN_THE_REPLAY = """
from firmware.ledger.replay import Replay
def block(replay, *rest):
    print("it hangs")
    while True:
        pass
Replay.block = block
main.main("qemu_mps2")
"""
NO_PLACE = """
from firmware.base.faults import BadInput
def begin(hall, *rest):
    raise BadInput("account", "1003 finds no place")
Gateway.begin = begin
main.main("qemu_mps2")
"""


class Supply:
    """What the meters know: relays, and every relay command that came since the last look."""

    def __init__(self, site: SiteClient) -> None:
        self._site = site
        self._seen = 0

    def relays(self) -> list[bool]:
        """Open?, by meter."""
        return [meter.relay is not None and meter.relay.open for meter in self._site.state().meters]

    def movements(self) -> int:
        return sum(meter.relay.movements for meter in self._site.state().meters if meter.relay is not None)

    def commands(self) -> list[SiteEvent]:
        """Relay commands that a meter took or refused, each once."""
        events = self._site.events(self._seen)
        self._seen = max((event.n for event in events), default=self._seen)
        return [event for event in events if event.kind in ("relay_command", "relay_moved")]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    limits = {"task_silence_max_ms": SILENCE_MS, "supply_retry_s": 2}
    with live_board(tmp_path_factory.mktemp("watchdog"), {"erase_ms": 45}, meters=METERS, limits=limits, policy=PREPAID) as board:
        yield board


class Spun(NamedTuple):
    """The life in which one household was cut and a task span: how it began, whom it ordered about, and what ended it when."""

    first_boot: dict[str, Any]
    ordered: set[str]
    decisions: int
    next_boot: dict[str, Any]
    after_s: float


@pytest.fixture(scope="module")
def supply(live):
    with SiteClient(live.scene.control) as site:
        yield Supply(site)


@pytest.fixture(scope="module")
def spun(live, supply):
    """Every test begins behind this life."""
    live.run_at_prompt(USUAL + SPINS)
    first_boot = live.boot()
    live.said("it spins")
    began = time.monotonic()
    ordered, decisions = {event.meter for event in supply.commands()}, decisions_of(live)
    return Spun(first_boot, ordered, decisions, live.boot(), time.monotonic() - began)


def judged(live: LiveBoard, supply: Supply, boot: dict[str, Any], cause: int, decisions: int) -> None:
    """The life after the break: it reads the meters, its books are sound, and nobody ordered anything."""
    assert boot["reset_cause"] == cause and boot["sound"] is True
    live.wait_until_read()
    status = live.status()
    assert status["about"]["reset_cause"] == cause and status["journal"]["sound"] is True
    rows = [row["account"] for row in live.ask("accounts")]
    assert [row[7] for row in rows] == [2 if index == CUT_METER else 1 for index in range(METERS)]  # seen
    assert [row[6] for row in rows] == [int(index == CUT_METER) for index in range(METERS)]  # wish
    assert supply.commands() == [] and supply.relays() == [index == CUT_METER for index in range(METERS)]
    assert supply.movements() == 1
    journal = live.journal()
    assert journal.sound and not journal.corrupt
    begun = [record for record in journal.records if record.name == "BOOT"][-1]
    assert begun.number("boot_count") == boot["boot_count"] and begun.number("reset_cause") == cause
    assert decisions_of(live) == decisions and sum(record.name == "RELAY" for record in journal.records) > 0


def decisions_of(live: LiveBoard) -> int:
    return sum(record.name == "DECISION" for record in live.journal().records)


def faults_of(live: LiveBoard) -> int:
    return sum(record.name == EVENT and record.number("code") == TASK_DIED for record in live.journal().records)


def test_a_task_that_spins_is_ended_by_the_hardware(live, supply, spun):
    assert spun.first_boot["reset_cause"] == POWER_ON and spun.ordered == {Scene.address(CUT_METER)}
    assert WATCHDOG_MS / 1000 * 0.8 < spun.after_s < WATCHDOG_MS / 1000 + START_S_MAX
    judged(live, supply, spun.next_boot, WATCHDOG, spun.decisions)
    assert faults_of(live) == 0 and live.last_fault() == ""


def test_a_task_that_waits_for_ever_is_ended_by_the_supervisor(live, supply, spun):
    live.to_prompt()
    decisions, faults = decisions_of(live), faults_of(live)
    live.run_at_prompt(USUAL + WAITS)
    assert live.boot()["reset_cause"] == RESET
    live.wait_until_read(2)
    told = [row["meter"] for row in live.ask("meters")]
    assert all(row[8:13] == [0] * 5 for row in told), f"{told}: an erase cost an answer"  # silent ... retried, SPEC 7
    live.said("it waits")
    boot = live.boot(SILENCE_MS / 1000 + 20)
    judged(live, supply, boot, RESET, decisions)
    assert faults_of(live) == faults + 1 and "task is stuck: bus" in live.last_fault()


def test_an_exception_in_a_task_is_kept_for_the_next_life(live, supply, spun):
    live.to_prompt()
    decisions, faults = decisions_of(live), faults_of(live)
    live.run_at_prompt(USUAL + RAISES)
    live.said("it raises")
    boot = live.boot()
    judged(live, supply, boot, RESET, decisions)
    fault = live.last_fault()
    assert faults_of(live) == faults + 1
    assert "task bus" in fault and "ValueError: a bug of ours" in fault and "Traceback" in fault, fault


def test_a_start_that_hangs_is_ended_by_the_hardware(live, supply, spun):
    live.to_prompt()
    live.run_at_prompt(USUAL + HANGS_IN_THE_REPLAY)
    live.said("it hangs")
    judged(live, supply, live.boot(), WATCHDOG, decisions_of(live))


def test_settings_that_the_books_refuse_leave_the_prompt_in_peace(live, supply, spun):
    """They are found when the watchdog runs already; the prompt must not be reset under flash.py's hands."""
    live.to_prompt()
    live.run_at_prompt(USUAL + NO_PLACE)
    live.said("account: 1003 finds no place")
    live.said("maintenance for 3600 s, then a reset")
    live.said(">>> ")
    time.sleep(WATCHDOG_MS / 1000 + 1)
    live.send(b"print(open('/last_fault').read())\r\n")
    live.said("BadInput: account: 1003 finds no place")
    live.send(b"import machine\r\nmachine.reset()\r\n")
    judged(live, supply, live.boot(), RESET, decisions_of(live))
