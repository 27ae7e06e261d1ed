"""Tariffs and policies: what the head-end takes, the gateway takes too. A version is immutable; one that the gateway refuses is lost."""

import copy
from typing import Any

import pytest

from firmware.base.faults import BadInput
from firmware.cutoff.policy import parse_policy
from firmware.tariff.tariff import parse_tariff
from host_tools.head_end import documents, errors
from tests.host.head_end.books import POLICY, TARIFF

DATES = (
    "1960-01-01", "1969-12-31", "1970-01-01", "2000-01-01", "2026-02-29", "2028-02-29", "2099-12-31", "2100-01-01", "9999-12-31",
    "0001-01-01",
)  # fmt: skip
PRICES = ("0", "10000", "10000.0001", "00.5", ".5", "5.", "-0", "-1", "+1", "0.50000", "0" * 20 + "1", "1e3", "NaN", "", " 1", "1_0")
AMOUNTS = ("0", "-1", "-0", "5.0000001", "1e3", "9999999999999", "10000000", "10000000.000001", "-100000000000", "", "x", "+1")
NUMBERS = (
    -841, -840, -1, 0, 1, 100, 101, 840, 841, 10_000, 10_001, 65_536, 100_000, 100_001, 31_622_400, 31_622_401, 2**32 - 1, 2**32, 1.0,
    True, None, "1",
)  # fmt: skip
LEVELS = tuple([{"level": level, "period_s": 60, "channels": ["text"]} for level in levels] for levels in (
    (), ("9", "5"), ("5", "5"), ("5", "9"), ("5", "-1"), ("5", "4", "3", "2"), ("5", "4", "3", "2", "1"), ("5", "x"),
))  # fmt: skip
VISITS = tuple(
    [{"level": level, "period_s": 60, "channels": list(names)} for level, names in zip(("9", "5"), channels, strict=True)]
    for channels in ((("visit",), ("text",)), (("visit", "text"), ("alarm", "visit")))
)
DAYS = (
    [], ["2026-10-01"], ["2026-10-01/2026-10-08"], ["2026-10-08/2026-10-01"], ["2026-10-01/"], ["/2026-10-01"], ["2026-02-30"], ["x"],
    [1], "2026-10-01", None, ["2026-10-01"] * 128, ["2026-10-01"] * 129, ["2149-06-05"], ["2026-10-01/2026-10-01"], ["1969-12-31"],
)  # fmt: skip
CALENDAR = {"until": "2027-12-31", "holidays": ["2026-10-01"], "hot_days": [], "cold_days": []}
WHOLE = POLICY | {"calendar": CALENDAR, "care": {"lead_days": 5}, "notice_hours": POLICY["hours"]}
CHANNELS = ([], ["head_end"], ["visit"], ["alarm", "alarm"], "alarm", ["sms"])
CHANGES: tuple[tuple[dict[str, Any], str, tuple[Any, ...]], ...] = (
    (TARIFF, "effective", DATES),
    (TARIFF, "prices", ({"total": "1", "rates": None}, {"total": None, "rates": ["1"]}, {}, [], None)),
    (TARIFF, "prices", tuple({"rates": ["1"] * count} for count in range(7))),
    (TARIFF, "prices", tuple({"rates": ["1", text]} for text in PRICES)),
    (TARIFF, "prices.total", PRICES),
    (TARIFF, "currency", ("CNY", "EURO", "cny", "CN1", "ÀÉÎ", "")),
    *((TARIFF, name, NUMBERS) for name in ("tariff", "version", "utc_offset_min")),
    *((POLICY, name, AMOUNTS) for name in ("floor", "restore", "notice.level")),
    (POLICY, "notice.channels", CHANNELS),
    (POLICY, "notice", (*LEVELS, *VISITS, {}, None, 5, [5])),
    (WHOLE, "calendar.until", (*DATES, "2148-12-31", "2149-06-05", "2149-06-06", 5, None)),
    *((WHOLE, "calendar." + name, DAYS) for name in ("holidays", "hot_days", "cold_days")),
    (WHOLE, "calendar", ({}, [], None, {"until": "2027-01-01"}, {"until": "2027-01-01", "storms": []})),
    (POLICY, "emergency", (*AMOUNTS, None, 5)),
    (POLICY, "lifeline", ({}, [], None, 500, {"power_w": 500}, {"power_w": 500, "days": 3})),
    (POLICY | {"lifeline": {"power_w": 500}}, "lifeline.power_w", (*NUMBERS, 60_000, 60_001)),
    (WHOLE, "care", ({}, [], None, {"lead_days": 5, "phone": True})),
    (WHOLE, "care.lead_days", (*NUMBERS, 366, 367)),
    (WHOLE, "notice_hours", ([], {}, None, [5], POLICY["hours"] * 32, POLICY["hours"] * 33)),
    (POLICY, "hours", tuple(POLICY["hours"] * count for count in (0, 1, 8, 30))),
    (POLICY, "hours.0.days", ([], [0], [8], [1, 1], [True], [7, 1])),
    (POLICY, "hours.0.from", ("24:00", "8:00", "16:00", "23:59", "00:60", "٠٨:00")),
    (POLICY, "hours.0.to", ("24:00", "00:00", "08:00", "07:59", "24:01")),
    *((POLICY, name, NUMBERS) for name in ("notice.period_s", "brake.accounts_max", "brake.share_percent", "brake.window_s", "alarm")),
    *((POLICY, name, NUMBERS) for name in ("policy", "version", "utc_offset_min", "reading_fresh_s", "clock_error_max_s")),
    *((POLICY, name, NUMBERS) for name in ("throttle_per_hour", "offline_right_s")),
)


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(document)
    place: Any = whole
    *before, last = path.split(".")
    for name in before:
        place = place[int(name)] if name.isdigit() else place[name]
    place[last] = value
    return whole


def taken(document: dict[str, Any]) -> bytes | None:
    """The text that the head-end would keep and send; None when it refuses the document."""
    try:
        documents.check(documents.Tariff if "tariff" in document else documents.Policy, document)
        return documents.compact(document)
    except errors.BadInput as fault:
        assert str(fault).count("\n") == 0
        return None


@pytest.mark.parametrize(("document", "path", "values"), CHANGES, ids=[path for _, path, _ in CHANGES])
def test_the_gateway_takes_what_the_head_end_took(document, path, values):
    parse, refused = parse_tariff if "tariff" in document else parse_policy, []
    for value in values:
        text = taken(changed(document, path, value))
        try:
            if text is not None:
                parse(text)
        except BadInput as fault:
            refused.append(f"{value!r:.60}: {fault}")
    assert refused == []


def test_both_take_what_is_right():
    for document, parse in ((TARIFF, parse_tariff), (POLICY, parse_policy), (WHOLE, parse_policy)):
        text = taken(document)
        assert text is not None and parse(text)
