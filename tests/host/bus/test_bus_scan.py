"""`scan-one`: one meter, several, none; wildcards sent back, old meters, noise."""

from __future__ import annotations

import json

import pytest

from host_tools.bus.scan import BY_ADDRESS, BY_ITEM, hear
from host_tools.simulators.frames import Frame, encode
from tests.host.bus.bench import BAUD, A, Answer, B, Bench, bus, waits

QUICK = ("--window", "300")
OWN_A, OWN_B = bytes.fromhex(A)[::-1], bytes.fromhex(B)[::-1]
ANSWER_A, ANSWER_B = encode(Frame(A, 0x93, OWN_A, 4)), encode(Frame(B, 0x93, OWN_B, 4))


def scan(line: Bench, *more: str) -> tuple[int, dict]:
    """The verdict at the rate of tests, or at those given."""
    run = bus("scan-one", "--port", line.path, "--json", *QUICK, *(more or ("--baud", BAUD)))
    assert line.restored
    return run.returncode, json.loads(run.stdout)


@waits
def test_one_meter_is_found_and_the_next_command_shown(folder):
    with Bench({"address": A}) as line:
        run = bus("scan-one", "--port", line.path, "--baud", BAUD, *QUICK)
    assert run.returncode == 0
    assert run.stdout.splitlines()[0] == f"one meter: {A} at {BAUD} baud, DL/T 645-2007"
    assert f"read {A} --port {line.path} --baud {BAUD}" in run.stdout


@pytest.mark.slow
@waits
def test_a_slower_second_meter_is_told_with_its_address(folder):
    def act(request: Frame, answer: Answer) -> bytes:
        return answer(request)  # both, one behind the other: no byte is lost, and still it is a collision

    with Bench({"address": A}, {"address": B}, act=act) as line:
        status, verdict = scan(line)
    assert (status, verdict["result"], verdict["addresses"], verdict["address"]) == (1, "several", [A, B], None)


@waits
def test_answers_on_top_of_each_other_are_a_collision(folder):
    def act(request: Frame, answer: Answer) -> bytes:
        return bytes(one ^ other for one, other in zip(answer(request), b"\x21\x07\x90" * 30, strict=False)) + b"\x16\x33"

    with Bench({"address": A}, act=act) as line:
        run = bus("scan-one", "--port", line.path, "--baud", BAUD, *QUICK)
    assert run.returncode == 1 and "two or more meters at once, or much noise" in run.stdout


@pytest.mark.slow
@waits
def test_a_damaged_answer_between_clean_ones_is_told_and_does_not_hide_the_meter(folder):
    state = {"asked": 0}

    def act(request: Frame, answer: Answer) -> bytes:
        state["asked"] += 1
        said = answer(request)
        return said[:-2] + b"\x00\x16" if state["asked"] == 1 else said

    with Bench({"address": A}, act=act) as line:
        status, verdict = scan(line)
    assert (status, verdict["address"], verdict["damaged"]) == (0, A, 1)


@pytest.mark.slow
@waits
def test_meters_that_send_the_wildcard_back_or_lack_13h_are_found(folder):
    with Bench({"address": A, "wildcard_echo": True}) as line:
        assert scan(line)[1]["address"] == A

    def no_13h(request: Frame, answer: Answer) -> bytes:
        return b"" if request.control == 0x13 else answer(request)

    with Bench({"address": A}, act=no_13h) as line:
        assert scan(line)[1]["address"] == A


@pytest.mark.slow
@waits
def test_the_rates_are_tried_in_turn_and_an_old_meter_answers_at_1200(folder):
    def only_old(request: Frame, answer: Answer) -> bytes:
        return answer(request)

    with Bench({"address": A, "model": "meter_1997"}, act=only_old) as line:
        status, verdict = scan(line, "--parity", "none")
        questions = [request.control for request in line.requests[:7]]
    assert (status, verdict["address"], verdict["edition"], verdict["baud"]) == (0, A, "1997", 1200)
    assert verdict["silent_bauds"] == [2400, 9600] and questions == [0x13, 0x11, 0x13, 0x11, 0x13, 0x11, 0x01]


@pytest.mark.slow
@waits
def test_nobody_at_all_is_told_with_what_to_look_at(folder):
    with Bench({"address": A, "silent": True}) as line:
        run = bus("scan-one", "--port", line.path, "--baud", BAUD, *QUICK)
    assert run.returncode == 1 and run.stdout.startswith(f"no meter answered at {BAUD} baud: check A and B")


@pytest.mark.parametrize(
    ("raw", "probe", "clean", "addresses"),
    [
        (ANSWER_A, BY_ADDRESS, A, 1),
        (encode(Frame("A" * 12, 0x13, b"", 4)) + ANSWER_A, BY_ADDRESS, A, 1),  # an adapter that hears itself
        (ANSWER_A + b"\x16", BY_ADDRESS, None, 1),
        (b"\x00" + ANSWER_A, BY_ADDRESS, None, 1),
        (ANSWER_A + ANSWER_B, BY_ADDRESS, None, 2),
        (ANSWER_A + ANSWER_A, BY_ADDRESS, A, 1),
        (encode(Frame("A" * 12, 0x91, b"\x01\x04\x00\x04" + OWN_A)), BY_ITEM, A, 1),
        (encode(Frame("A" * 12, 0x91, b"\x01\x04\x00\x04" + b"\xff" * 6)), BY_ITEM, None, 0),
        (encode(Frame("A" * 12, 0xD1, b"\x02")), BY_ITEM, None, 0),
        (encode(Frame(A, 0xD1, b"\x02")), BY_ITEM, A, 1),
        (b"", BY_ADDRESS, None, 0),
        (ANSWER_A[:-4], BY_ADDRESS, None, 0),
    ],
)
def test_only_an_answer_alone_is_clean(raw, probe, clean, addresses):
    heard = hear(raw, probe)
    assert (heard.clean, len(heard.addresses)) == (clean, addresses)
