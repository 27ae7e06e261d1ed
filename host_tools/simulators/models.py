"""Meter models as data: a name, a sentence, and the settings in which it differs from the plain meter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Model:
    about: str
    settings: dict[str, Any] = field(default_factory=dict)


MODELS: dict[str, Model] = {
    "export_single": Model("single-phase export meter: plaintext 1A and 1C under PA 02 000000, closes directly"),
    "export_button": Model(
        "single-phase: knows 1B only, which arms; the customer's button closes",
        {"relay": {"close_code": "1B", "needs_button": True}},
    ),
    "export_1b": Model("single-phase: knows 1B only, which closes at once", {"relay": {"close_code": "1B"}}),
    "three_phase_4rate": Model(
        "three-phase, total and four rates, three-phase blocks",
        {
            "phases": 3,
            "rates": 4,
            "schedule": [["00:00", 4], ["06:00", 3], ["08:00", 2], ["11:00", 1], ["13:00", 2], ["22:00", 4]],
            "load": 6000,
        },
    ),
    "lifeline": Model("as export_single, with a register for a load limit: an example, no standard has one", {"load_limit": {}}),
    "newer_words": Model("answers relay commands with two-byte words", {"relay": {"reply_words": True}}),
    "purse_money": Model(
        "keeps its own money; while overdrawn a close is acknowledged and nothing moves",
        {"purse": {"kind": "money", "balance": -150}, "relay": {"reply_words": True}},
    ),
    "purse_energy": Model(
        "keeps its own energy credit; while overdrawn a close is acknowledged and nothing moves",
        {"purse": {"kind": "energy", "balance": 5000}},
    ),
    "encrypted": Model(
        "needs the utility's key: plaintext trip is refused with DC 04, plaintext close is taken",
        {"relay": {"plaintext": "close_only"}},
    ),
    "encrypted_old": Model(
        "needs the utility's key: every plaintext relay command is refused with DC 04",
        {"relay": {"plaintext": "none"}},
    ),
    "base_standard": Model(
        "the base standard only: no relay, no freezes, no blocks, bits 5-15 of status word 3 are zero",
        {
            "relay": {"method": "none"},
            "daily_freezes": False,
            "refuse_blocks": True,
            "status_extended": False,
            "preamble": 0,
        },
    ),
    "small_buffer": Model("splits replies at 48 data bytes into follow-up frames", {"max_data": 48}),
    "meter_1997": Model(
        "DL/T 645-1997 at 1200 baud: reads 9010 and 901F only",
        {"protocol": "1997", "baud": 1200, "relay": {"method": "none"}, "daily_freezes": False},
    ),
}
