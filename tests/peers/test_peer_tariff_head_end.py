"""Two implementations of tariffs, the gateway's and the head-end's, take the same documents and ask the same money."""

import copy
import datetime
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base import days
from firmware.base.faults import BadInput
from firmware.tariff.charging import charge_spans
from firmware.tariff.fees import fee_of_day_floor_ucu, minimum_due_ucu
from firmware.tariff.pricing import MARK_ESTIMATED
from firmware.tariff.tariff import parse_tariff
from host_tools.head_end import errors, tariff_document
from host_tools.head_end.pricing import Rules
from tests.peers.test_peer_tariff_fractions import documents, instants
from tests.rooms.tariff import documents as room

DAY_0 = datetime.date(1970, 1, 1)
any_documents = documents(True, False) | documents(False, True) | documents(False, False)
JUNK: tuple[Any, ...] = (
    None, True, 0, 1, -1, 3, 29, 2.5, "", "x", "1", "0", "-1", "1.00001", "10000.0001", "08:00", "08:10", "24:00", "24:15", "02-29",
    "12-31", "2026-02-29", "2026-10-01", "peak", "flat", "summer", "work", "month", "by_time", [], ["1"], ["summer"], ["work", "work"],
    [6, 6], {}, {"total": "1"}, {"rates": ["1"]},
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a document, the deepest places too."""
    found = [at] if at else []
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(part, (*at, name))
    return found


def changed(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    whole = copy.deepcopy(document)
    place = whole
    for name in at[:-1]:
        place = place[name]
    if value is Ellipsis:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return whole


def test_the_same_documents_are_taken_and_refused_by_both() -> None:
    """Every place of three documents is left out, and takes every value of a list of junk."""
    apart, taken, refused = [], 0, 0
    steps = {"over": "month", "surcharges": ["0", "0.05", "0.3"], "thresholds": room.HUNAN_THRESHOLDS}
    texts = (
        room.banded(steps=steps, holidays=["2026-10-01"], workdays=["2026-10-10"], weekend=[6, 7], month_begins=5, fee_per_day="1"),
        room.stepped(fee_per_month="20", minimum_per_month="30"),
        room.text(prices={"rates": ["1", "0.5"]}),
    )
    for document in map(json.loads, texts):
        for at in places(document):
            for junk in (..., *JUNK):
                tried = changed(document, at, junk)
                theirs = None
                try:
                    parse_tariff(json.dumps(tried))
                except BadInput as fault:
                    theirs = fault.field
                ours = tariff_document.faults(tried)
                taken, refused = taken + (theirs is None), refused + (theirs is not None)
                if bool(ours) != (theirs is not None):
                    apart.append(f"{at} = {junk!r}: gateway {theirs}, head-end {ours[:1]}")
    assert apart == []
    assert taken > 100 and refused > 1000


def test_every_fault_of_a_document_is_told_with_its_field() -> None:
    wrong = json.loads(room.banded({"late_read_s": -1}, currency="yuan"))
    wrong["bands"]["hours"][0]["from"] = "08:10"
    wrong["color"] = "red"
    assert [field for field, _ in tariff_document.faults(wrong)] == ["currency", "bands.hours[0].from", "bands.late_read_s", "color"]
    wrong = json.loads(room.stepped(holidays=["2026-02-30"], fee_per_day="0"))
    wrong["steps"]["thresholds"][1]["kwh"] = ["180", "180"]
    found = tariff_document.faults(wrong)
    assert [field for field, _ in found] == ["holidays[0]", "steps.thresholds[1].kwh[1]", "fee_per_day"]
    assert all("\n" not in sentence for _, sentence in found)
    try:
        tariff_document.read(wrong)
    except errors.BadInput as fault:
        assert str(fault) == "holidays[0]: must be a date such as \"2026-01-31\", got '2026-02-30'"


def as_head_end(line: tuple[Any, ...], names: list[str], ratio: int) -> tuple[Any, ...]:
    band = names[line[8] - 1] if line[8] else ""
    digits = (line[2] - line[1]) % 100_000_000
    assert line[4] == digits * ratio * line[3]
    return (
        line[0],
        digits,
        line[3],
        line[4],
        band,
        line[9],
        bool(line[5] & MARK_ESTIMATED),
        DAY_0 + datetime.timedelta(line[10]),
        line[11],
    )


@settings(max_examples=300)
@given(
    any_documents,
    instants,
    st.integers(0, 86_400 * 3),
    st.integers(0, 899),
    st.integers(0, 5_000_000),
    st.integers(0, 50_000_000),
    st.integers(1, 60),
    st.sampled_from((0, 300, 840)),
)
def test_a_charge_is_the_same_line_by_line(
    document: dict[str, Any], begin: datetime.datetime, length_s: int, late_s: int, digits: int, used_cwh: int, ratio: int, slack_s: int
) -> None:
    if "bands" in document:
        document["bands"]["late_read_s"] = slack_s
    tariff, rules = parse_tariff(json.dumps(document)), Rules(tariff_document.read(document))
    names = [row["name"] for row in document["prices"].get("bands", [])]
    from_s = int(begin.timestamp()) + late_s
    day = rules.local(from_s).date()
    number = (day - DAY_0).days
    period = rules.period_of(day)
    position = ((period - DAY_0).days, used_cwh)
    start = 99_000_000
    span = (number, from_s, from_s + length_s, [start] + [0] * 4, [(start + digits) % 100_000_000] + [0] * 4, 0)
    theirs, after = charge_spans(tariff, position, [span], 0, 100_000_000, ratio)
    ours = rules.lines(0, day, (from_s, from_s + length_s), digits, ratio, (period, used_cwh))
    assert [as_head_end(line, names, ratio) for line in theirs] == [
        (line.rate, line.digits, line.price, line.amount_ucu, line.band, line.step, line.estimated, *line.position) for line in ours
    ]
    if ours:
        assert ((ours[-1].position[0] or DAY_0) - DAY_0).days == after[0] and ours[-1].position[1] == after[1]


@given(any_documents, st.integers(1, 10**11), st.integers(0, 3000), st.booleans())
def test_fees_are_the_same(document: dict[str, Any], fee_ucu: int, ahead: int, monthly: bool) -> None:
    text = f"{fee_ucu // 10**6}.{fee_ucu % 10**6:06d}"
    document = {**document, "fee_per_month" if monthly else "fee_per_day": text, "minimum_per_month": text}
    tariff, rules = parse_tariff(json.dumps(document)), Rules(tariff_document.read(document))
    day = datetime.date(2026, 1, 1) + datetime.timedelta(days=ahead)
    number = (day - DAY_0).days
    assert fee_of_day_floor_ucu(tariff, number) == rules.fee_ucu(day)
    last = rules.next_month(day) == day + datetime.timedelta(days=1)
    assert minimum_due_ucu(tariff, number, 7) == (max(0, rules.minimum_ucu() - 7) if last else 0)
    assert days.date_of_day(tariff.calendar.month_begin(number)) == rules.month_of(day).timetuple()[:3]
