"""Puts one deliberate bug into the firmware, and takes it out again.

A mutant takes `swap(owner, name, new)` and replaces what it needs; each must be caught within SEEDS_MAX seeds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.sim.options import Options, stream
from tests.sim.rich import shape_of

SEEDS_MAX = 200
# Without these kinds of fault a mutant does no wrong; half of the seeds would be played for nothing.
NEEDS = {
    "cut_by_stale_reading": "silence", "cut_offline_for_ever": "long_offline", "cut_by_doubtful_clock": "rtc_wrong power long_offline",
    "cut_on_hold": "orders", "cut_order_never_expires": "orders", "order_taken_again": "orders twice", "throttle_reset_by_restart": "power",
    "pruned_unheard": "away", "late_tariff_ignored": "tariffs", "tariff_a_day_early": "tariffs", "wish_forgotten_by_restart": "power",
    "brake_reset_by_restart": "power", "sequence_used_again": "power", "restore_never_repeated": "noise", "never_sent_again": "lost",
    "old_publish_closes_connection": "half_open", "unit_tried_again": "flash_fails power", "segment_from_zero": "exchange",
    "closing_register_forgotten": "exchange", "debt_below_restore": "debts", "debt_taken_twice": "debts power", "ratio_ignored": "ratios",
    "limit_forgotten_by_snapshot": "limits", "balance_moves_in": "moves", "move_forgotten_by_restart": "moves power",
    "limit_left_behind": "lifeline", "means_forgotten": "lifeline", "limit_rounded_down": "lifeline", "own_opening_found_off": "lifeline",
    "transfer_forgets_used": "transfers", "transfer_forgets_total": "transfers", "transfer_charges_again": "transfers",
    "given_and_kept": "transfers",
}  # fmt: skip
# What besides makes a world in which it does harm soon: fields of Options, of the policy (`policy`) and of the limits.
_ALWAYS = {"hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}]}
_AT_ONCE = {**_ALWAYS, "notice": {"level": "5.00", "period_s": 0, "channels": ["alarm"]}}
_WIDE = {"throttle_per_hour": 100, "brake": {"accounts_max": 8, "share_percent": 100, "window_s": 3_600}}
_SLOW = {**_ALWAYS, **_WIDE, "notice": {"level": "5.00", "period_s": 3_600, "channels": ["alarm"]}}
_POOR: dict[str, Any] = {"pays": 0.1, "meters_min": 3}
PROVOKES: dict[str, dict[str, Any]] = {
    "cut_by_stale_reading": {**_POOR, "policy": {**_SLOW, "reading_fresh_s": 1_000}, "often": {"silence": 8}},
    "cut_offline_for_ever": {**_POOR, "policy": {**_SLOW, "offline_right_s": 3_600}, "often": {"long_offline": 8}},
    "cut_by_doubtful_clock": {**_POOR, "policy": {**_AT_ONCE, **_WIDE}, "often": {"power": 4, "long_offline": 8}},
    "throttle_reset_by_restart": {**_POOR, "meters_min": 5, "policy": {**_AT_ONCE, **_WIDE, "throttle_per_hour": 1}, "often": {"power": 8}},
    "brake_reset_by_restart": {**_POOR, "meters_min": 5, "often": {"power": 4}},
    "cut_order_never_expires": {**_POOR, "policy": _SLOW, "often": {"orders": 12}},
    "restore_never_repeated": {**_POOR, "pays": 0.7, "policy": {**_AT_ONCE, **_WIDE}},
    "pruned_unheard": {
        "journal_blocks": 20, "erase_size": 1024, "program_unit": 32, "poll_period_s": 120, "often": {"away": 6, "power": 2},
        "limits": {"uncharged_max_ucu": 1_000, "journal_snapshot_blocks": 2},
    },
    "unit_tried_again": {"often": {"flash_fails": 6}},
    "segment_from_zero": {"often": {"exchange": 6}}, "closing_register_forgotten": {"often": {"exchange": 6}},
}  # fmt: skip
PROVOKES["balance_moves_in"] = PROVOKES["move_forgotten_by_restart"] = {"often": {"moves": 4, "power": 4}}
for _name in ("transfer_forgets_total", "transfer_charges_again", "given_and_kept"):
    PROVOKES[_name] = {"often": {"transfers": 6}}
PROVOKES["transfer_forgets_used"] = {"often": {"transfers": 6}, "rich": True}
PROVOKES["month_of_another_day"] = {"without": "rtc_lost rtc_wrong central_clock meter_clock meter_clock_lost"}
for _name in ("step_position_forgotten", "band_edge_ignored", "fee_of_a_day_twice", "fee_of_a_day_left_out"):
    PROVOKES[_name] = {"rich": True}
for _name in ("cut_outside_hours", "cut_without_notice", "cut_past_throttle", "cut_past_brake", "cut_the_protected", "cut_care_unvisited",
              "cut_on_hold", "brake_never_closes", "older_order_not_cancelled", "wish_forgotten_by_restart", "floor_too_high"):  # fmt: skip
    PROVOKES[_name] = _POOR
Swap = Callable[[Any, str, Any], None]
Mutant = Callable[[Swap], None]
MUTANTS: dict[str, tuple[str, Mutant]] = {}


def mutant(sentence: str) -> Callable[[Mutant], Mutant]:
    def keep(make: Mutant) -> Mutant:
        MUTANTS[make.__name__] = (sentence, make)
        return make

    return keep


def provoked(name: str, options: Options) -> Options:
    """The run in which this mutant does harm, as near to `options` as can be."""
    for field, value in PROVOKES.get(name, {}).items():
        if field in ("policy", "limits"):
            getattr(options, field).update(value)
        elif field == "meters_min":
            options.meters = max(options.meters, value)
            options.models = (options.models + [0] * value)[: options.meters]
            options.flags = (options.flags + [dict.fromkeys(options.flags[0], False)] * value)[: options.meters]
            options.settlement_days = (options.settlement_days * value)[: options.meters]
            options.ratios = options.ratios and (options.ratios + [1] * value)[: options.meters]
        elif field == "without":
            options.faults = options.faults - set(value.split())
        elif field == "rich":
            for salt in range(20):
                options.shape = options.shape or shape_of(stream(options.seed, f"tariff {salt}"), options.start_s // 86_400)
        else:
            setattr(options, field, value)
    return options


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
