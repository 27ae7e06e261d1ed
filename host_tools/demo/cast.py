"""Who lives on the line: the named households of the story and the quiet ones beside them.

Each of the five that fall below zero differs from the one that is cut in exactly one thing, so what keeps its supply on
is that thing and nothing else.
"""

from dataclasses import dataclass, field

METERS_LEAST = 8
METERS_MOST = 64  # firmware limit: one RS-485 segment with repeaters
FIRST_ACCOUNT = 1001

CUT, PROTECTED, HOURS, SILENT, UNWARNED, LOW, QUEUED, BUTTON = (
    "customer", "protected", "out of hours", "falls silent", "not warned", "runs low", "pays offline", "button meter",
)
BELOW_ZERO = (CUT, PROTECTED, HOURS, SILENT, UNWARNED)
STAY_ON = (PROTECTED, HOURS, SILENT, UNWARNED)

POLICY_NORMAL, POLICY_HOURS, POLICY_SILENT, POLICY_UNWARNED, POLICY_LOW = 1, 2, 3, 4, 5
TARIFF_TOTAL, TARIFF_RATES = 1, 2


@dataclass(frozen=True)
class Household:
    """One account and its meter: `site_model` for the simulator, `model` for the firmware, loads in W."""

    account: int
    address: str
    role: str
    opening: str
    model: str = "export_1p"
    site_model: str = "export_single"
    policy: int = POLICY_NORMAL
    tariff: int = TARIFF_TOTAL
    protected: bool = False
    load_w: int = 600
    start_cwh: int = 100_000
    extra: dict[str, object] = field(default_factory=dict, hash=False)


_NAMED: tuple[tuple[str, str, dict[str, object]], ...] = (
    (CUT, "10.00", {}),
    (PROTECTED, "10.00", {"protected": True}),
    (HOURS, "10.00", {"policy": POLICY_HOURS}),
    (SILENT, "10.00", {"policy": POLICY_SILENT}),
    (UNWARNED, "10.00", {"policy": POLICY_UNWARNED}),
    (LOW, "9.00", {"policy": POLICY_LOW}),
    (QUEUED, "60.00", {"load_w": 2400}),
    (BUTTON, "45.00", {"model": "button_1p", "site_model": "export_button", "load_w": 1800}),
)
_MORE: tuple[tuple[str, dict[str, object]], ...] = (
    ("three-phase", {"model": "three_phase_tou", "site_model": "three_phase_4rate", "tariff": TARIFF_RATES, "load_w": 7800}),
    ("own purse", {"model": "purse_1p", "site_model": "purse_money", "load_w": 1500}),
    ("utility key", {"model": "sg_feecontrol_1p", "site_model": "encrypted", "load_w": 3000}),
    ("household", {"load_w": 4200}),
)


def households(count: int) -> list[Household]:
    """The first eight have a part in the story; the others are read and charged beside them."""
    found: list[Household] = []
    for index in range(count):
        place: dict[str, object] = {
            "account": FIRST_ACCOUNT + index, "address": f"2100{index + 1:08d}", "start_cwh": 123_456 + 98_765 * index,
        }
        if index < len(_NAMED):
            role, opening, differs = _NAMED[index]
        else:
            role, differs = _MORE[(index - len(_NAMED)) % len(_MORE)]
            opening = "200.00"
        found.append(Household(role=role, opening=opening, **place, **differs))  # type: ignore[arg-type]
    return found
