"""Puts one deliberate bug into the firmware, and takes it out again.

A mutant takes `swap(owner, name, new)` and replaces what it needs; each must be caught within SEEDS_MAX seeds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

SEEDS_MAX = 200
# Without these kinds of fault a mutant does no wrong; half of the seeds would be played for nothing.
NEEDS = {
    "cut_by_stale_reading": "silence", "cut_offline_for_ever": "long_offline", "cut_by_doubtful_clock": "rtc_wrong power long_offline",
    "cut_on_hold": "orders", "cut_order_never_expires": "orders", "order_taken_again": "orders twice", "throttle_reset_by_restart": "power",
    "pruned_unheard": "away", "late_tariff_ignored": "tariffs", "tariff_a_day_early": "tariffs", "wish_forgotten_by_restart": "power",
    "brake_reset_by_restart": "power", "sequence_used_again": "power", "restore_never_repeated": "noise", "never_sent_again": "lost",
    "old_publish_closes_connection": "half_open",
}  # fmt: skip
Swap = Callable[[Any, str, Any], None]
Mutant = Callable[[Swap], None]
MUTANTS: dict[str, tuple[str, Mutant]] = {}


def mutant(sentence: str) -> Callable[[Mutant], Mutant]:
    def keep(make: Mutant) -> Mutant:
        MUTANTS[make.__name__] = (sentence, make)
        return make

    return keep


@contextlib.contextmanager
def applied(name: str) -> Iterator[None]:
    """The firmware with this bug, until the block ends."""
    before: list[tuple[Any, str, Any]] = []

    def swap(owner: Any, what: str, new: Any) -> None:
        before.append((owner, what, owner.__dict__[what] if isinstance(owner, type) else getattr(owner, what)))
        setattr(owner, what, new)

    try:
        if name:
            MUTANTS[name][1](swap)
        yield
    finally:
        for owner, what, old in reversed(before):
            setattr(owner, what, old)
