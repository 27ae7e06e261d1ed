"""What a run is made of, all drawn from its seed: sizes, limits, policy, and which kinds of fault it has at all (swarm testing).

A run that has every fault all the time hides what each of them does; so each kind is in or out by the toss of a coin, and what
is in has its own rate. `without` takes kinds out again: the rest of the run stays as near to what it was as can be.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.sim import lifeline
from tests.sim.rich import UTC_OFFSET_MIN, date_text, shape_of

KINDS = (
    "noise", "silence", "power", "flash_power", "rtc_lost", "rtc_wrong", "rtc_drift", "meter_clock", "meter_clock_lost",
    "link_down", "half_open", "link_cuts", "lost", "twice", "late", "slow_link", "away", "orders", "tariffs", "policies",
    "keep_power", "two_issuers", "echo", "old_messages",
    "jump", "central_clock", "long_offline",
    "flash_fails", "exchange",
    "ratios", "debts", "limits", "moves", "transfers",
)  # fmt: skip
ASKED = ("old_backup", "lifeline", "time_told")  # in a run only when asked for: what the first finds is not all mended yet
MODELS = (("export_1p", "export_single"), ("button_1p", "export_button"), ("three_phase_tou", "three_phase_4rate"), lifeline.MODEL)
LIFELINE = 3
RATIOS = (1, 2, 30, 400)  # of transformers: current times voltage
MONDAY_S = 1_790_006_400 - 1_790_006_400 % 86_400 - 3 * 86_400


def stream(seed: int, name: str) -> random.Random:
    """One stream of chance for each actor, so that what one does draws nothing from another."""
    return random.Random(f"{seed}/{name}")


@dataclass
class Options:
    """`faults` are the kinds of this run; `rates` how often, in times a day or in chances."""

    seed: int
    days: float
    meters: int = 1
    models: list[int] = field(default_factory=list)
    flags: list[dict[str, bool]] = field(default_factory=list)
    peak_w: int = 8_000
    poll_period_s: int = 900
    batch_ms: int = 60  # what reaches the head-end within so long is answered together
    start_s: int = MONDAY_S
    erase_size: int = 1024
    program_unit: int = 32
    journal_blocks: int = 40
    readings_blocks: int = 12
    tick_s: int = 1
    tick_ppm: int = 0
    start_ticks_ms: int = 0
    faults: frozenset[str] = frozenset()
    limits: dict[str, int] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    price: int = 5_500
    pays: float = 0.5  # chance that somebody whose balance is low pays, when he looks
    often: dict[str, int] = field(default_factory=dict)  # kinds of fault that come so many times oftener
    shape: dict[str, Any] = field(default_factory=dict)  # what besides prices its tariffs have (rich.py)
    settlement_days: list[str] = field(default_factory=list)  # DDhh of each meter
    ratios: list[int] = field(default_factory=list)  # of the transformers before each meter, none = 1

    def shown(self) -> str:
        """One paragraph for people."""
        what = {
            "meters": self.meters, "models": "".join("sbtl"[model] for model in self.models), "poll_s": self.poll_period_s,
            "unit": self.program_unit, "erase": self.erase_size, "journal_blocks": self.journal_blocks, "peak_w": self.peak_w,
            "price": self.price, "ratios": self.ratios or 1, "pays": self.pays, "tick_s": self.tick_s, "tick_ppm": self.tick_ppm,
        }  # fmt: skip
        shown = ("notice", "hours", "throttle_per_hour", "brake", "offline_right_s", "lifeline")
        policy = {name: self.policy[name] for name in shown if name in self.policy}
        tariff = " ".join(f"{name}={value}" for name, value in self.shape.items()) or "plain"
        lines = [f"{what}", f"settles {self.settlement_days}, tariff {tariff}", f"policy {policy}", f"limits {self.limits}"]
        return "\n  ".join([*lines, f"faults {' '.join(sorted(self.faults)) or 'none'}"])


def draw(seed: int, days: float, without: frozenset[str] = frozenset(), meters: int = 0, besides: frozenset[str] = frozenset()) -> Options:
    """The options of `seed`; `meters` 0 draws their number; kinds of fault in `besides` are in, whatever the seed says."""
    rng = stream(seed, "options")
    options = Options(seed, days)
    options.meters = rng.choices((1, 2, 3, 5, 8), (25, 25, 25, 15, 10))[0]
    if meters:
        options.meters = meters
    options.models = [rng.choices((0, 1, 2), (60, 20, 20))[0] for _ in range(8)][: options.meters]
    options.flags = [_flags(rng) for _ in range(8)][: options.meters]
    options.peak_w = rng.choice((2_000, 5_000, 9_000, 12_000))
    options.poll_period_s = rng.choices((120, 300, 900), (15, 25, 60))[0]
    options.batch_ms = rng.choice((60, 3_000, 10_000))
    options.start_s = MONDAY_S + rng.randrange(0, 400 * 86_400)
    options.program_unit = rng.choice((1, 8, 32, 256))
    options.erase_size = rng.choice((1024, 4096)) if options.program_unit < 256 else 4096
    options.journal_blocks = rng.choice((20, 28, 60))
    options.tick_s = rng.choices((1, 5, 10), (5, 20, 75))[0]
    options.tick_ppm = rng.choice((0, -80, 80))
    options.start_ticks_ms = rng.choice((0, 2**30 - 30_000_000, rng.randrange(2**30)))
    options.price = rng.choice((5_500, 1, 12_345, 9_999))
    options.limits = _limits(rng)
    options.policy = policy_document(rng, 1, (options.start_s + UTC_OFFSET_MIN * 60) // 86_400)
    today = (options.start_s + UTC_OFFSET_MIN * 60) // 86_400
    options.shape = shape_of(stream(seed, "tariff"), today)
    options.pays = stream(seed, "pays").choice((0.5, 0.5, 0.2, 0.05))
    options.settlement_days = _settlement_days(stream(seed, "settlement"), today)[: options.meters]
    options.faults = frozenset(kind for kind in KINDS if rng.random() < 0.35) - without | besides
    if "ratios" in options.faults:
        ratios = stream(seed, "ratios")
        options.ratios = [ratios.choice(RATIOS) for _ in range(8)][: options.meters]
    if lifeline.KIND in options.faults:
        options.models = [model or LIFELINE for model in options.models]
        lifeline.give(stream(seed, lifeline.KIND), options.policy)
    return options


def _flags(rng: random.Random) -> dict[str, bool]:
    drawn = rng.random()
    return {"protected": drawn < 0.06, "care": 0.06 <= drawn < 0.12, "exempt": 0.12 <= drawn < 0.16}


def _settlement_days(rng: random.Random, today: int) -> list[str]:
    """The month of most meters closes within the run, at midnight or in the middle of a day."""
    days = [min(int(date_text(today + rng.choice((1, 1, 2, 20)))[8:]), 28) for _ in range(8)]
    return [f"{day:02d}{rng.choice((0, 0, 13)):02d}" for day in days]


def _limits(rng: random.Random) -> dict[str, int]:
    """Each is the shipped one half of the time."""
    ranges = {
        "uncharged_max_ucu": (1_000, 100_000, 10_000_000), "mqtt_in_flight_max": (2, 3, 20), "sync_batch_max_bytes": (600, 1_500),
        "reconnect_first_ms": (100, 5_000), "reconnect_max_ms": (5_000, 120_000), "acked_readings_step": (1, 20),
        "readings_gap_min": (1, 50), "snapshot_rows_per_tick": (1, 3), "journal_snapshot_blocks": (2, 8),
        "supply_retry_s": (20, 120), "sync_status_period_ms": (60_000, 900_000), "read_retries": (0, 1), "relay_valid_s": (120, 600),
        "meter_clock_every_s": (3_600, 43_200), "journal_step_bytes_max": (512, 1_024),
        "sync_ahead_max": (4, 64),
    }  # fmt: skip
    return {name: rng.choice(values) for name, values in ranges.items() if rng.random() < 0.5}


def policy_document(rng: random.Random, version: int, today: int) -> dict[str, Any]:
    """A policy that a utility could write."""
    always = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}]
    work = [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "16:00"}]
    late = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "to": "02:00"}, {"days": [6, 7], "from": "10:00", "to": "12:00"}]
    brake = {"accounts_max": rng.choice((1, 2, 8)), "share_percent": rng.choice((10, 50, 100)), "window_s": rng.choice((3_600, 86_400))}
    ways = (["alarm"], ["head_end"], ["head_end", "alarm"])
    notices = [
        {"level": level, "period_s": rng.choice((0, 60, 600, 3_600)), "channels": rng.choice(ways)}
        for level in rng.choice((("5.00",), ("2.50",), ("5.00", "2.00"), ("12.00", "5.00", "1.00")))
    ]
    extra: dict[str, Any] = {}
    if rng.random() < 0.3:
        extra["notice_hours"] = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "07:00", "to": "21:00"}]
    if rng.random() < 0.3:
        listed = {name: [date_text(today + rng.randrange(4))] for name in ("holidays", "hot_days", "cold_days")}
        extra["calendar"] = {"until": date_text(today + rng.choice((1, 400))), **listed}
    if rng.random() < 0.3:
        extra["care"] = {"lead_days": rng.choice((1, 5))}
    return {
        "policy": 1, "version": version, "utc_offset_min": UTC_OFFSET_MIN, **extra,
        "notice": notices[0] if len(notices) == 1 and rng.random() < 0.5 else notices,
        "floor": rng.choice(("0.00", "-1.00", "0.50")), "restore": rng.choice(("1.00", "2.000001")),
        "hours": rng.choice((always, always, work, late)), "reading_fresh_s": rng.choice((1_000, 1_800, 3_600)),
        "clock_error_max_s": rng.choice((60, 120)), "throttle_per_hour": rng.choice((1, 2, 10)), "brake": brake,
        "offline_right_s": rng.choice((3_600, 86_400, 259_200)), "alarm": rng.choice((True, False)),
    }  # fmt: skip
