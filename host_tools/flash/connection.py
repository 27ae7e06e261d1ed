"""What is behind a port - a gateway at work, a prompt, or silence - and how a gateway is asked to step aside (SPEC 7).

A running gateway gets no Ctrl-C: it is asked over its console, proves to itself that we know its key, finishes relay work,
syncs its books, and resets to a prompt that lasts for the seconds it was told. Who asks goes on telling that time, so a
board whose tool died is back at work soon.

Trap avoided: a REPL echoes what it is asked, so an answer counts only with the number of its question.
"""

import hashlib
import hmac
import itertools
import json
import re
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any

from host_tools.flash.errors import FlashError
from host_tools.flash.port import Port
from host_tools.flash.repl import Repl

PURPOSE = b"lamplighter-maintenance-1"
PROBE_S = 6.0
ANSWER_S = 10.0
LEAVE_S = 90.0  # relay work under way is finished first
RESET_S = 30.0
HOLD_S = 120
HOLD = """
try:
 maintenance_timer.deinit()
 import machine
 maintenance_timer=machine.Timer(-1,mode=machine.Timer.ONE_SHOT,period=%d,callback=lambda t:machine.reset())
except NameError:
 pass
"""  # boot.py's name for the timer that ends a maintenance
PROMPT = b">>> "
_numbers = itertools.count(1)
NO = {
    "mac": "the key is not this gateway's: give the key file that it was provisioned with (--key)",
    "wait": "after a wrong key the board takes no other for a while: wait some minutes and give the same command",
    "busy": "somebody else has just asked it to step aside: wait until it is back at work and try again",
    "storage": "its flash cannot be written, so it stays at work: look at `python -m host_tools.board status`",
    "challenge": "its challenge was overtaken: give the same command again",
}


class State(Enum):
    """What answers on a port."""

    RUNNING = "a gateway at work"
    PROMPT = "MicroPython's prompt"
    OTHER = "a console of another version"
    SILENT = "nothing"


@dataclass(frozen=True)
class Found:
    """`about` is the gateway's own answer while it runs."""

    state: State
    about: dict[str, Any]


class ConsoleNo(FlashError):
    """The board refused; `no` is its word."""

    def __init__(self, no: str, sentence: str):
        super().__init__(sentence)
        self.no = no


def probe(port: Port, repl: Repl) -> Found:
    """Look without disturbing: a question on the console, then Ctrl-A, which a console passes over."""
    number = next(_numbers)
    port.read_for(0.05)
    port.write(b'\n{"ask":"status","id":%d}\n' % number)
    said = b""
    ends = time.monotonic() + PROBE_S
    while time.monotonic() < ends and PROMPT not in said:
        said += port.read_for(0.1)
        about = _about(said, number)
        if about is not None:
            _read_to_end(port, said, number)
            return Found(State.RUNNING, about)
    if repl.enter():
        return Found(State.PROMPT, {})
    lines = [line for line in said.splitlines() if _object(line)]
    return Found(State.OTHER if lines else State.SILENT, {})


def _about(said: bytes, number: int) -> dict[str, Any] | None:
    for line in said.splitlines():
        answer = _object(line)
        if answer.get("re") == number and isinstance(answer.get("about"), dict):
            return answer["about"]
    return None


def _read_to_end(port: Port, said: bytes, number: int) -> None:
    """Take the rest of an answer, so that it does not stand before the next one."""
    ends = time.monotonic() + ANSWER_S
    last = re.compile(rb'"re": ?%d\b.*"end": ?true|"end": ?true.*"re": ?%d\b' % (number, number))
    while time.monotonic() < ends and not any(last.search(line) for line in said.splitlines()):
        said += port.read_for(0.1)


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def ask(port: Port, request: dict[str, Any], timeout_s: float = ANSWER_S) -> list[dict[str, Any]]:
    """The lines of an answer. ConsoleNo when the board says no, FlashError when it falls silent."""
    number = next(_numbers)
    port.write(json.dumps(request | {"id": number}, separators=(",", ":")).encode() + b"\n")
    rest, lines = b"", []
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        *whole, rest = (rest + port.read_for(0.1, (b"\n",))).split(b"\n")
        for answer in map(_object, whole):
            if answer.get("re") != number:
                continue
            lines.append(answer)
            if "no" in answer:
                no = str(answer["no"])
                raise ConsoleNo(no, f"the board on {port.name} says no: {NO.get(no, no + ' ' + str(answer.get('what', '')))}")
            if answer.get("end"):
                return lines
    raise FlashError(f"the board on {port.name} does not answer its console any more: wait a minute and give the same command again")


def order_maintenance(port: Port, repl: Repl, key: bytes, seconds: int) -> None:
    """Have a running gateway step aside; afterwards the board is in its raw REPL."""
    nonce = next((line["nonce"] for line in ask(port, {"ask": "challenge"}) if "nonce" in line), None)
    if not isinstance(nonce, str):
        raise FlashError(f"the board on {port.name} gave no challenge: its console is of another version")
    mac = hmac.new(key, PURPOSE + bytes.fromhex(nonce) + seconds.to_bytes(4, "big"), hashlib.sha256).hexdigest()
    ask(port, {"ask": "maintenance", "seconds": seconds, "mac": mac}, LEAVE_S)
    ends = time.monotonic() + RESET_S
    while time.monotonic() < ends:
        if PROMPT in port.read_for(1.0, (PROMPT,)):
            break
    if not repl.enter():
        raise FlashError(f"the board on {port.name} stepped aside but shows no prompt: wait {seconds} s, it comes back to work by itself")


def leave_alone(repl: Repl, hold_s: int) -> None:
    """From now on the board waits so long for each next word of ours; one that waits for ever goes on doing so."""
    repl.keep_every(hold_s / 4, HOLD % (hold_s * 1000))
