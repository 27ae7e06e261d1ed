"""`relay`: cut and restore on a real pty, and everything that can go wrong between the first question and the proof.

The scenes are played side by side as soon as the first is wanted: each mostly waits, as the sequence does.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from host_tools.simulators.frames import Frame
from tests.host.bus.bench import RELAY, A, Act, Answer, Bench, model_file, plain, start

SECRET = "739154"
OPEN = {"initially_open": True}
LIMITED: dict[str, object] = {"load": 300, "load_limit": {"initial": 50}}


@dataclass
class Scene:
    """One order: the meter, the hand that a test puts in, and what the command line is given."""

    action: str
    relay: dict[str, object] = field(default_factory=dict)
    meter: dict[str, object] = field(default_factory=dict)
    model: dict[str, object] = field(default_factory=dict)
    model_name: str = "export_1p"
    act: Callable[[Bench, dict], Act] = lambda line, notes: plain
    arguments: tuple[str, ...] = ()
    password: str = "000000"
    signal: int | None = None  # sent when `act` notes "now"


@dataclass
class Played:
    status: int
    out: str
    err: str
    orders: list[str]
    restored: bool
    opened: bool

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


def lose_first_answer(line: Bench, notes: dict) -> Act:
    """The meter obeys, and its acknowledgement is lost."""

    def act(request: Frame, answer: Answer) -> bytes:
        said = answer(request)
        if request.control == RELAY and "lost" not in notes:
            notes["lost"] = True
            return b""
        return said

    return act


def lose_first_order(line: Bench, notes: dict) -> Act:
    """The order never reaches the meter."""

    def act(request: Frame, answer: Answer) -> bytes:
        if request.control == RELAY and "lost" not in notes:
            notes["lost"] = True
            return b""
        return answer(request)

    return act


def dead_after_order(line: Bench, notes: dict) -> Act:
    """The meter takes the order and never says a word again."""

    def act(request: Frame, answer: Answer) -> bytes:
        if request.control == RELAY:
            notes["dead"] = True
            answer(request)
        return b"" if "dead" in notes else answer(request)

    return act


def unplugged_at_order(line: Bench, notes: dict) -> Act:
    """The adapter is pulled while the order is on its way."""

    def act(request: Frame, answer: Answer) -> bytes:
        if request.control == RELAY:
            line.unplug()
            return b""
        return answer(request)

    return act


def now(control: int) -> Callable[[Bench, dict], Act]:
    """The moment for the signal: a request with this control byte has just been sent; nothing is answered any more."""

    def hand(line: Bench, notes: dict) -> Act:
        def act(request: Frame, answer: Answer) -> bytes:
            if request.control != control:
                return answer(request)
            notes["now"] = True
            return b""

        return act

    return hand


SCENES = {
    "cut": Scene("cut"),
    "restore": Scene("restore", OPEN),
    "already": Scene("cut", OPEN),
    "button": Scene("restore", {**OPEN, "close_code": "1B", "needs_button": True}, model_name="button_1p"),
    "wrong_password": Scene("cut", password=SECRET),
    "keep_power": Scene("cut", {"keep_power": True}),
    "own_purse": Scene("cut", meter={"purse": {"kind": "money", "balance": 5}}),
    "wrong_clock": Scene("cut", meter={"clock": {"offset_s": -3600}}),
    "wrong_clock_restore": Scene("restore", OPEN, {"clock": {"offset_s": -3600}}),
    "invalid_clock": Scene("cut", meter={"clock": {"state": "invalid"}}),
    "silent": Scene("cut", meter={"silent": True}),
    "limited": Scene("restore", {"initially_open": True}, LIMITED, model_name="lifeline_1p", arguments=("--json",)),
    "limit_only": Scene("restore", meter=LIMITED, model_name="lifeline_1p"),
    "limit_kept": Scene("restore", meter={"load_limit": {"initial": 50, "refuses": True}}, model_name="lifeline_1p"),
    "lost_answer": Scene("restore", OPEN, act=lose_first_answer),
    "lost_order": Scene("restore", OPEN, act=lose_first_order),
    "dead": Scene("restore", OPEN, act=dead_after_order, arguments=("--wait", "3")),
    "welded": Scene("cut", {"welded": True}),
    "stuck": Scene("cut", {"delay_ms": 600_000}, arguments=("--wait", "2", "--json")),
    "overdrawn": Scene("restore", OPEN, {"purse": {"kind": "money", "balance": -150}}, arguments=("--wait", "2")),
    "unplugged": Scene("restore", OPEN, act=unplugged_at_order),
    "ctrl_c_before": Scene("cut", act=now(0x11), signal=signal.SIGINT),
    "ctrl_c_after": Scene("cut", act=now(RELAY), signal=signal.SIGINT, arguments=("--json",)),
    "terminated_after": Scene("cut", act=now(RELAY), signal=signal.SIGTERM),
}


def play(scene: Scene, folder: Path) -> Played:
    folder.mkdir()
    notes: dict = {}
    line = Bench({"address": A, "relay": scene.relay, **scene.meter}, act=lambda request, answer: act(request, answer))
    with line:
        act = scene.act(line, notes)
        given = ["--model", model_file(folder, scene.model_name, **scene.model), "--port", line.path, "--yes", *scene.arguments]
        process = start("relay", A, scene.action, *given, password=scene.password)
        if scene.signal is not None:
            while "now" not in notes and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(scene.signal)
        out, err = process.communicate(timeout=60)
        relay = line.meters[0].relay
        restored = line.slave < 0 or line.restored
        return Played(process.returncode, out, err, line.orders, restored, bool(relay and relay.open))


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Played]]:
    """The result of a scene by name; all that the chosen tests name are played at once."""
    folder = tmp_path_factory.mktemp("scenes")
    mine = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    wanted = {name for item in mine for name in SCENES if name in item.function.scenes}
    with ThreadPoolExecutor(len(wanted)) as pool:
        futures: dict[str, Future[Played]] = {name: pool.submit(play, SCENES[name], folder / name) for name in sorted(wanted)}
        yield lambda name: futures[name].result()


def scenes(*names: str):
    """Which scenes a test looks at."""

    def mark(function):
        function.scenes = names
        return function

    return mark


@scenes("cut")
def test_a_cut_goes_from_clock_to_proof_and_leaves_the_port_as_it_was(played):
    cut = played("cut")
    assert (cut.status, cut.err, cut.opened, cut.restored) == (0, "", True, True)
    assert [line.split()[0] for line in cut.out.splitlines()[1:-1]] == ["clock", "status", "order", "meter", "status", "load"]
    assert cut.last == "done: supply is cut, by the meter's own status word and load (0 W)"
    assert cut.orders == ["trip: acknowledged 0004"]


@scenes("restore", "already", "button")
def test_a_restore_closes_and_what_is_so_already_is_left_alone(played):
    restore, already, button = played("restore"), played("already"), played("button")
    assert (restore.status, restore.opened, restore.orders) == (0, False, ["close: acknowledged 0001"])
    assert (already.status, already.orders) == (0, []) and already.last.startswith("nothing was sent: by its status word the relay is open")
    assert (button.status, button.opened) == (0, True) and "waits for its button" in button.last


@scenes("limited", "limit_only", "limit_kept")
def test_a_restore_lifts_the_load_limit_and_says_so(played):
    both, only, kept = played("limited"), played("limit_only"), played("limit_kept")
    assert (both.status, both.opened, both.orders) == (0, False, ["close: acknowledged 0001"])
    assert [step["step"] for step in json.loads(both.out)["steps"]][:4] == ["limit", "order", "meter", "limit"]
    assert (only.status, only.orders) == (0, []) and only.last.startswith("done: the load limit is lifted")
    assert (kept.status, kept.last) == (1, "the meter refused to give up its load limit: whoever set it must lift it")


@scenes("wrong_password")
def test_a_wrong_password_is_named_tried_once_and_never_shown(played):
    refused = played("wrong_password")
    assert (refused.status, refused.orders, refused.opened) == (1, ["trip: password"], False)
    assert "wrong password or not authorised (04)" in refused.last
    assert SECRET not in refused.out + refused.err and SECRET[::-1] not in refused.out


@pytest.mark.slow
@scenes("keep_power", "own_purse", "wrong_clock", "invalid_clock", "silent")
def test_nothing_is_sent_to_a_meter_that_must_not_be_cut(played):
    for name, why in (
        ("keep_power", "keep-power is active"),
        ("own_purse", "keeps its own credit"),
        ("wrong_clock", "the meter's clock is 60 min behind this machine, more than 10 minutes off"),
        ("invalid_clock", "clock is not a date"),
        ("silent", "gives no usable answer (silent)"),
    ):
        held = played(name)
        assert (held.status, held.orders, held.opened, held.restored) == (1, [], False, True), name
        assert why in held.last and held.last.endswith("nothing was sent to the relay"), held.last


@pytest.mark.slow
@scenes("wrong_clock_restore")
def test_a_wrong_clock_withholds_no_supply(played):
    assert (played("wrong_clock_restore").status, played("wrong_clock_restore").opened) == (0, False)


@pytest.mark.slow
@scenes("lost_answer", "lost_order", "dead")
def test_after_a_lost_answer_the_status_word_decides_whether_the_order_is_repeated(played):
    obeyed, lost, dead = played("lost_answer"), played("lost_order"), played("dead")
    assert (obeyed.status, obeyed.orders) == (0, ["close: acknowledged 0001"]), obeyed.out
    assert (lost.status, lost.orders) == (0, ["close: acknowledged 0001"]), lost.out
    assert lost.out.count("  order ") == 2 and "again: the status word shows that nothing moved" in lost.out
    assert obeyed.out.count("  order ") == 1
    assert (dead.status, len(dead.orders)) == (1, 1) and "whether the relay obeys is not known" in dead.last


@pytest.mark.slow
@scenes("welded", "stuck", "overdrawn")
def test_a_relay_that_does_not_obey_is_found_out(played):
    welded, stuck = played("welded"), played("stuck")
    assert welded.status == 1 and "1000 W still flow: welded or bypassed" in welded.last
    document = json.loads(stuck.out)
    assert (stuck.status, document["result"], document["orders_sent"]) == (1, "not seen", 1)
    assert "looking again" in json.dumps(document["steps"])
    overdrawn = played("overdrawn")  # its own purse acknowledges the close and does nothing
    assert (overdrawn.status, overdrawn.opened) == (1, True) and "keeps its own credit in money; looking again" in overdrawn.out


@pytest.mark.slow
@scenes("unplugged")
def test_an_adapter_pulled_in_the_middle_is_named_with_what_is_not_known(played):
    gone = played("unplugged")
    assert gone.status == 2 and len(gone.err.splitlines()) == 2, gone.err
    assert "whether the relay moved was not seen" in gone.err and "was it unplugged?" in gone.err


@scenes("ctrl_c_before", "ctrl_c_after", "terminated_after")
def test_ctrl_c_leaves_the_line_in_order_and_says_what_was_sent(played):
    before, after, terminated = played("ctrl_c_before"), played("ctrl_c_after"), played("terminated_after")
    assert (before.status, before.orders, before.restored) == (130, [], True)
    assert before.err == "interrupted: nothing was sent to the relay, supply is as it was\n"
    assert (after.status, after.restored) == (130, True) and "the order was sent" in after.err
    document = json.loads(after.out)
    assert (document["result"], document["orders_sent"]) == ("interrupted", 1)
    assert (terminated.status, terminated.restored) == (128 + signal.SIGTERM, True) and "Traceback" not in terminated.err
