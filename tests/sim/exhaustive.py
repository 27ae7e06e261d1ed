"""Every order of events for one account: two credits, one cut, one restore, each lost, late, doubled or interrupted by a power cut.

usage: python -m tests.sim.exhaustive [--crashes N] [--states-max N] [--limited]

Breadth first over the real firmware (main.Firmware without its tasks: its gateway, ledger, relay lane and sequences are stepped
here). An action is a message of the head-end, a turn of the meter, one relay order carried out with its answer or without, or a
minute passing; and each of them again with the power cut in each of its flash operations, a torn unit left behind or not. States
that look alike - the account's row, the supply process, what the relay waits for, what was delivered - are visited once. In every
state the fold of tests/sim/books.py must agree, and from every state the undisturbed rest of the story must end in light and in
the right balance.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from firmware.base import aio
from tests.sim.cell import NOW_MS, Cell, Wrong, prepare
from tests.sim.loop import Event

TEARS = 3  # of each operation that the power cuts


def successors(cell: Cell, crashes_max: int) -> Iterable[tuple[str, Cell]]:
    """Every state that follows, with the words of what happened."""
    for name in cell.actions():
        plain, cuts = cell.fork(), []
        if cell.crashes < crashes_max:
            plain.flash.instant = lambda here=plain, cuts=cuts: cuts.append(here.dark())
        plain.act(name)
        plain.flash.instant = None
        yield name, plain
        yield from _lives_after(name, cuts)


def _lives_after(name: str, cuts: list[Cell]) -> Iterable[tuple[str, Cell]]:
    """The next life behind each cut, with each of a few tears; one that leaves the same flash in the same world is begun once."""
    found = set()
    for operation, cut in enumerate(cuts):
        for salt in range(TEARS):
            torn = cut.fork()
            torn.flash._rng = random.Random(salt)
            torn.flash.power_lost()
            torn.flash._rng = cut.flash._rng
            left = (bytes(torn.flash.image), bytes(torn.flash._touched), torn.books.sequence, torn.relay_open, torn.alarm, torn.now_ms)
            if left not in found:
                found.add(left)
                torn.begin()
                yield f"{name}, power lost in operation {operation} ({torn.flash.torn or 'clean'})", torn


def explore(crashes_max: int, states_max: int, seconds: float = 3_600.0, limited: bool = False) -> tuple[int, int, str, bool]:
    """-> (states, transitions, what was wrong, were that all)."""
    before = {name: getattr(aio, name) for name in ("now_ms", "Event")}
    aio.now_ms, aio.Event = (lambda: NOW_MS[0] & 0x3FFFFFFF), Event  # type: ignore[assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _explore(prepare(Path(folder), limited), crashes_max, states_max, time.process_time() + seconds)
    finally:
        for name, value in before.items():
            setattr(aio, name, value)


def _explore(first: Cell, crashes_max: int, states_max: int, until: float) -> tuple[int, int, str, bool]:
    known = {first.key()}
    waiting: deque[tuple[tuple[str, ...], Cell]] = deque([((), first)])
    transitions = 0
    path: tuple[str, ...] = ()
    while waiting and len(known) < states_max and time.process_time() < until:
        path, cell = waiting.popleft()
        try:
            for words, after in successors(cell, crashes_max):
                transitions += 1
                key = after.key()
                if key in known:
                    continue
                known.add(key)
                last = (*path, words)
                try:
                    after.fork().end_well()
                except Wrong as wrong:
                    return len(known), transitions, f"{wrong}: after {'; '.join(last)}, then the undisturbed rest", False
                waiting.append((last, after))
        except Wrong as wrong:
            return len(known), transitions, f"{wrong}: behind {'; '.join(path)}", False
    return len(known), transitions, "", not waiting


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.exhaustive", description="Every order of events for one account.")
    parser.add_argument("--crashes", type=int, choices=range(10), default=1, help="power cuts on one path (1)")
    parser.add_argument("--states-max", type=int, default=100_000, help="end there (100000)")
    parser.add_argument("--seconds", type=float, default=3_600.0, help="of processor time, then it ends (3600)")
    parser.add_argument("--limited", action="store_true", help="the cut is by the meter's load limit, its relay stays closed")
    args = parser.parse_args()
    begun = time.process_time()
    states, transitions, wrong, all_of_them = explore(args.crashes, args.states_max, args.seconds, args.limited)
    whole = "all of them" if all_of_them else "not all"
    print(f"{states} states ({whole}), {transitions} transitions, {args.crashes} power cuts a path, {time.process_time() - begun:.1f} s")
    if wrong:
        print("WRONG: " + wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
