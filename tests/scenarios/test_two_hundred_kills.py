"""The running firmware, killed at least 200 times over one history, in a region where unsynced bytes die (issue: must hold).

tests/scenarios/many_lives.py has the world and the lives, witness.py the judge, settling.py the end. To repeat a history:
KILLS_SEED=N in the environment; KILLS_UNIT=1 or 256 takes a flash of another program unit.
"""

import os

import pytest

from tests.scenarios.many_lives import Lives, plan, world
from tests.scenarios.settling import settle

KILLS = 202
SEED = int(os.environ.get("KILLS_SEED", "645"))
MUTANT_KILLS_MAX = 40
OFFLINE = range(80, 95)  # lives without a broker
TARIFFS = {70: (2, "0.4900"), 140: (3, "0.6100")}  # life -> a new version arrives


def summary(lives: Lives) -> str:
    """One line for people."""
    counts, records = lives.counts, lives.books.counts
    torn = {name: sum(n for key, n in counts.items() if key.startswith("torn " + name)) for name in ("program", "erase", "sync")}
    by_kill = sum(n for key, n in counts.items() if key.endswith("by SIGKILL"))
    heard = lives.witness.judged
    acks = ", ".join(f"{heard[what]} {name}" for what, name in _HEARD)
    return (
        f"{counts['lives']} lives, {counts['killed']} killed from outside ({by_kill} of them inside a flash operation), "
        f"{counts['died']} by fate inside one; torn {torn}; heard {acks}; {len(lives.witness.history)} records "
        f"(oldest held {lives.witness.first_held}, at least {lives.free_blocks} blocks free), {lives.books.snapshots} snapshots, "
        f"{counts['erases']} erases; " + ", ".join(f"{records.get(name, 0)} {words}" for name, words in _WRITTEN)
    )


_HEARD = (("credit", "credits"), ("order", "orders"), ("ack", "head-end's"), ("record", "published"), ("console", "on the console"),
          ("reading", "readings"))  # fmt: skip


_WRITTEN = (("CHARGE", "charges"), ("NOTICE", "notices"), ("cut", "cuts"), ("restore", "restores"), ("withdrawn", "cuts withdrawn"),
            ("RELAY", "relay steps"), ("SEEN", "changes seen"))  # fmt: skip


def test_nothing_acknowledged_is_lost_over_two_hundred_kills(tmp_path, capsys):
    with world(tmp_path, SEED) as lives:
        for number in range(KILLS):
            if number in TARIFFS:
                lives.set_tariff(*TARIFFS[number])
            lives.tap.is_open = number not in OFFLINE
            lives.live(plan(lives.draw))
            assert not lives.witness.faults, f"seed {SEED}: {lives.witness.faults}"
        lives.judge_all()
        settle(lives)
    with capsys.disabled():
        print(f"\n  seed {SEED}: {summary(lives)}")
    assert not lives.witness.faults, f"seed {SEED}: {lives.witness.faults}"
    _was_worth_it(lives)


def _was_worth_it(lives: Lives) -> None:
    """A history in which too little happened proves nothing."""
    counts, records = lives.counts, lives.books.counts
    assert counts["killed"] + counts["died"] >= 200
    assert counts["started"] >= 60, "most lives died before the journal was replayed"
    for name, least in (("program", 4), ("erase", 5), ("sync", 2)):
        torn = sum(number for key, number in counts.items() if key.startswith("torn " + name))
        assert torn >= least, f"only {torn} deaths in {name}"
    assert lives.witness.first_held > 1, "nothing was pruned"
    assert lives.books.snapshots >= 3
    for name in ("CREDIT", "CHARGE", "ORDER", "NOTICE", "RELAY", "DECISION", "DOCUMENT"):
        assert records.get(name), f"no {name} in {records}"
    assert lives.witness.judged["credit"] >= 30


@pytest.mark.parametrize("mutant", ["forgets_sync", "acks_first"])
def test_a_firmware_that_loses_what_it_acknowledged_is_found(tmp_path, mutant):
    with world(tmp_path, SEED, mutant) as lives:
        for _ in range(MUTANT_KILLS_MAX):
            lives.live(plan(lives.draw, fated=False))
            lives.judge_all()
            if lives.witness.faults:
                break
    assert any(words in sentence for sentence in lives.witness.faults for words in LOST[mutant]), lives.witness.faults


LOST = {"forgets_sync": ("is not booked", "never stood on flash", "was there or was shown"), "acks_first": ("is not booked",)}
