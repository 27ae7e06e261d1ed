"""python -m tests.sim: many seeds, one after the other; the first failure is printed with the command that repeats it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.sim.mutants import MUTANTS, NEEDS, SEEDS_MAX, applied, provoked
from tests.sim.options import ASKED, KINDS, draw
from tests.sim.story import Verdict, play

LINE_MAX = 330
WORDS_MAX = 200


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Play the whole firmware under many seeds.")
    parser.add_argument("--seeds", type=int, default=100, help="how many (100)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--days", type=float, default=2.0, help="virtual days of faults each (2)")
    parser.add_argument("--meters", type=int, default=0, help="so many meters in each run; 0 draws it")
    parser.add_argument("--without", default="", help=f"kinds of fault to leave out, by commas: {','.join(KINDS)}, or all")
    parser.add_argument("--besides", default="", help=f"kinds that are in whatever the seed says, by commas; also {','.join(ASKED)}")
    parser.add_argument("--mutants", action="store_true", help="play each deliberate bug until it is caught, and print the table")
    parser.add_argument("--only", default="", help="with --mutants: these alone, by commas")
    parser.add_argument("--shrink", action="store_true", help="after a failure, leave out kinds of fault while it still fails")
    parser.add_argument("--keep-going", action="store_true", help="do not end at the first failure")
    parser.add_argument("--notes", type=int, default=40, help="how many of the last events a failure prints (40)")
    parser.add_argument("--verbose", action="store_true", help="say a line for each seed")
    args = parser.parse_args(argv)
    without = frozenset(KINDS if args.without == "all" else filter(None, args.without.split(",")))
    besides = frozenset(filter(None, args.besides.split(",")))
    names = list(filter(None, args.only.split(","))) or list(MUTANTS)
    for given, known, what in ((without, KINDS, "--without"), (besides, KINDS + ASKED, "--besides"), (names, MUTANTS, "--only")):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"{what}: there is no {unknown[0]}; there are {', '.join(sorted(known))}")
    if args.seeds < 1 or args.days <= 0:
        parser.error("--seeds and --days must be more than 0")
    if args.mutants:
        return hunt(names, args.first, args.days, args.meters)
    begun, days, lives, checks, failed = time.process_time(), 0.0, 0, 0, 0
    counts: Counter[str] = Counter()
    for seed in range(args.first, args.first + args.seeds):
        verdict = play(draw(seed, args.days, without, args.meters, besides))
        days, lives, checks = days + verdict.days, lives + verdict.lives, checks + verdict.checks
        counts.update(verdict.counts)
        if args.verbose:
            print(f"seed {seed}: {verdict.lives} lives, {verdict.days / verdict.seconds:.2f} days/s {verdict.sentence}", flush=True)
        if verdict.sentence:
            failed += 1
            report(verdict, args.notes, command(seed, args.days, args.meters, without, besides))
            if args.shrink:
                shrink(verdict, args.days, args.meters, without, besides)
            if not args.keep_going:
                break
    seconds = time.process_time() - begun
    print(f"{seed - args.first + 1} seeds, {failed} failed: {days:.1f} virtual days, {lives} lives, {checks} checks in {seconds:.1f} s "
          f"of processor time, {days / seconds:.2f} days a second")  # fmt: skip
    print("  " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    return 1 if failed else 0


def run_of(name: str, seed: int, days: float, meters: int) -> Verdict:
    """That seed in a world that provokes that mutant."""
    return play(provoked(name, draw(seed, days, frozenset(), meters, frozenset(NEEDS.get(name, "").split()))))


def hunt(names: list[str], first: int, days: float, meters: int) -> int:
    """Each mutant until it is caught -> 1 when one escapes."""
    escaped = 0
    for name in names:
        begun = time.process_time()
        found = f"ESCAPED {SEEDS_MAX} seeds"
        for seed in range(first, first + SEEDS_MAX):
            with applied(name):
                verdict = run_of(name, seed, days, meters)
            if "Error(" in verdict.sentence:  # it does not fit this firmware any more: that is no catch
                raise SystemExit(f"{name} is broken: {verdict.sentence}")
            if verdict.sentence and not run_of(name, seed, days, meters).sentence:  # else it would prove nothing
                found = f"seed {seed - first + 1}: {verdict.sentence}"
                break
        escaped += found.startswith("ESCAPED")
        print(f"{name:30} {MUTANTS[name][0]}\n    {time.process_time() - begun:6.1f} s, {found[:WORDS_MAX]}", flush=True)
    print(f"{len(names)} mutants, {escaped} escaped")
    return 1 if escaped else 0


def report(verdict: Verdict, notes: int, again: str) -> None:
    """Everything that somebody needs who looks for the fault."""
    print(f"seed {verdict.options.seed} FAILED: {verdict.sentence}\n  {verdict.options.shown()}")
    for line in verdict.notes[len(verdict.notes) - min(notes, len(verdict.notes)) :]:
        print("    " + line[:LINE_MAX])
    print("  again: " + again, flush=True)


def command(seed: int, days: float, meters: int, without: frozenset[str], besides: frozenset[str] = frozenset()) -> str:
    """What repeats that run exactly."""
    text = f"python -m tests.sim --seeds 1 --from {seed} --days {days:g}"
    text += f" --meters {meters}" if meters else ""
    text += f" --besides {','.join(sorted(besides))}" if besides else ""
    return text + (f" --without {','.join(sorted(without))}" if without else "")


def shrink(verdict: Verdict, days: float, meters: int, without: frozenset[str], besides: frozenset[str]) -> None:
    """Leave out one kind after another; what is left is needed for the failure."""
    seed = verdict.options.seed
    for kind in sorted(verdict.options.faults - besides):
        if play(draw(seed, days, without | {kind}, meters, besides)).sentence:
            without = without | {kind}
    left = draw(seed, days, without, meters, besides)
    last = play(left)
    print(f"  shrunk to {' '.join(sorted(left.faults)) or 'no faults at all'}: {last.sentence}")
    for line in last.notes[-12:]:
        print("    " + line[:LINE_MAX])
    print("  again: " + command(seed, days, meters, without, besides), flush=True)


if __name__ == "__main__":
    sys.exit(main())
