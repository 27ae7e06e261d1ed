"""Bands, steps and fees of the firmware against a slow second computation: datetime, Fraction, quarter by quarter, on drawn tariffs."""

import calendar
import datetime
import json
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base import days
from firmware.tariff.charging import charge_spans
from firmware.tariff.fees import fee_of_day_floor_ucu
from firmware.tariff.pricing import MARK_ESTIMATED
from firmware.tariff.tariff import parse_tariff

ZONE = datetime.timezone(datetime.timedelta(minutes=330))
FIRST = datetime.datetime(2026, 1, 1, tzinfo=ZONE)
QUARTER = datetime.timedelta(minutes=15)
SEASONS = [{"name": "dry", "from": "02-10"}, {"name": "hot", "from": "05-01"}, {"name": "wet", "from": "10-31"}]
DAY_TYPES = ["work", "weekend", "holiday"]
HOLIDAYS = ["2026-01-26", "2026-08-15", "2027-01-01"]
WORKDAYS = ["2026-08-16"]
prices = st.integers(0, 99_999_999)
instants = st.integers(0, 2 * 365 * 96).map(lambda quarter: FIRST + quarter * QUARTER)


def text_of(price: int) -> str:
    return f"{price // 10_000}.{price % 10_000:04d}"


def clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


@st.composite
def hours(draw: Any) -> list[dict[str, Any]]:
    """Rows that do not overlap: each kind of day is cut at drawn quarters."""
    rows = []
    for season in SEASONS:
        for kind in DAY_TYPES:
            cuts = sorted(draw(st.sets(st.integers(0, 95), max_size=5)))
            for begin, end in zip(cuts, cuts[1:] + cuts[:1], strict=True) if len(cuts) > 1 else ():
                if len(rows) < 40 and draw(st.booleans()):
                    row = {"band": draw(st.sampled_from(("peak", "valley"))), "from": clock(begin), "to": clock(end)}
                    rows.append({**row, "days": [kind], "seasons": [season["name"]]})
    return rows


@st.composite
def documents(draw: Any, banded: bool, as_price: bool) -> dict[str, Any]:
    count = draw(st.integers(1, 3))
    kwh = sorted(draw(st.sets(st.integers(1, 100_000), min_size=count, max_size=count)))
    less = [max(index + 1, value // 2) for index, value in enumerate(kwh)]
    less = [value for index, value in enumerate(less) if value not in less[:index]]
    rows = [{"seasons": ["dry", "wet"], "kwh": [text_of(value * 100)[:-2] for value in kwh]}]
    rows.append({"seasons": ["hot"], "kwh": [text_of(v * 100)[:-2] for v in (less if len(less) == count else kwh)]})
    steps: dict[str, Any] = {"over": draw(st.sampled_from(("month", "year"))), "thresholds": rows}
    document: dict[str, Any] = {
        "tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "INR", "utc_offset_min": 330, "seasons": SEASONS,
        "holidays": HOLIDAYS, "workdays": WORKDAYS, "month_begins": draw(st.integers(1, 28)), "steps": steps,
    }  # fmt: skip
    several = [text_of(draw(prices) // 2) for _ in range(count + 1)]
    if as_price:
        document["prices"] = {"steps": several}
    else:
        steps["surcharges"] = several
        document["prices"] = {"total": text_of(draw(prices) // 2)}
    if banded:
        named = [{"name": name, "price": text_of(draw(prices) // 2)} for name in ("peak", "flat", "valley")]
        rule = draw(st.sampled_from(("by_time", "cheapest", "first")))
        document["prices"] = {"bands": named}
        document["bands"] = {"hours": draw(hours()), "rest": "flat", "missed_edge": rule, "late_read_s": 0}
    return document


def season_of(document: dict[str, Any], day: datetime.date) -> str:
    begun = [row["name"] for row in document["seasons"] if (day.month, day.day) >= tuple(map(int, row["from"].split("-")))]
    return begun[-1] if begun else document["seasons"][-1]["name"]


def kind_of(document: dict[str, Any], day: datetime.date) -> str:
    if day.isoformat() in document["holidays"]:
        return "holiday"
    return "weekend" if day.isoweekday() > 5 and day.isoformat() not in document["workdays"] else "work"


def band_at(document: dict[str, Any], at: datetime.datetime) -> str:
    now = at.strftime("%H:%M")
    for row in document["bands"]["hours"]:
        inside = row["from"] <= now < row["to"] if row["from"] < row["to"] else now >= row["from"] or now < row["to"]
        if inside and kind_of(document, at.date()) in row["days"] and season_of(document, at.date()) in row["seasons"]:
            return str(row["band"])
    return str(document["bands"]["rest"])


def month_of(document: dict[str, Any], day: datetime.date) -> datetime.date:
    begin = day.replace(day=document["month_begins"])
    if begin > day:
        begin = (begin.replace(day=1) - datetime.timedelta(days=1)).replace(day=document["month_begins"])
    return begin


def period_of(document: dict[str, Any], day: datetime.date) -> datetime.date:
    if document["steps"]["over"] == "month":
        return month_of(document, day)
    begin = datetime.date(day.year, 1, document["month_begins"])
    return begin if begin <= day else begin.replace(year=day.year - 1)


def cost_until(document: dict[str, Any], day: datetime.date, kwh: Fraction) -> Fraction:
    """Money of the steps, from nothing to `kwh`: prices, or surcharges only."""
    row = next(row for row in document["steps"]["thresholds"] if season_of(document, day) in row["seasons"])
    edges = [Fraction(0)] + [Fraction(text) for text in row["kwh"]]
    each = document["prices"].get("steps") or document["steps"]["surcharges"]
    return sum(
        (
            Fraction(price) * max(Fraction(0), min(kwh, edges[i + 1] if i + 1 < len(edges) else kwh) - edges[i])
            for i, price in enumerate(each)
        ),
        Fraction(0),
    )


def seconds_of(at: datetime.datetime) -> int:
    return int(at.timestamp())


def day_number(day: datetime.date) -> int:
    return (day - datetime.date(1970, 1, 1)).days


def one_day_spans(moments: list[datetime.datetime]) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """Each pair of neighbours, cut at midnights."""
    cut = []
    for begin, end in zip(moments, moments[1:], strict=False):
        while begin.date() < end.date():
            midnight = datetime.datetime.combine(begin.date() + datetime.timedelta(days=1), datetime.time(), ZONE)
            cut.append((begin, midnight))
            begin = midnight
        if begin < end:
            cut.append((begin, end))
    return cut


@given(documents(True, False), instants)
def test_bands_and_edges_agree_with_a_walk_over_quarters(document: dict[str, Any], at: datetime.datetime) -> None:
    bands = parse_tariff(json.dumps(document)).bands
    names = [row["name"] for row in document["prices"]["bands"]]
    want = band_at(document, at)
    assert names[bands.at(seconds_of(at))] == want
    edge = at + QUARTER
    while band_at(document, edge) == want and edge < at + datetime.timedelta(days=10):
        edge += QUARTER
    found = bands.next_edge_s(seconds_of(at))
    if band_at(document, edge) == want:
        assert found is None or found > seconds_of(edge)
    else:
        assert found == seconds_of(edge)
        assert bands.next_edge_s(found - 1) == found


@given(documents(True, False), instants, st.integers(1, 400_000))
def test_time_is_shared_as_a_walk_over_quarters_shares_it(document: dict[str, Any], at: datetime.datetime, length_s: int) -> None:
    bands = parse_tariff(json.dumps(document)).bands
    names = [row["name"] for row in document["prices"]["bands"]]
    end = at + datetime.timedelta(seconds=length_s)
    want: dict[str, int] = {}
    while at < end:
        until = min(end, at + QUARTER)
        want[band_at(document, at)] = want.get(band_at(document, at), 0) + int((until - at).total_seconds())
        at = until
    got = bands.shares(seconds_of(end) - length_s, seconds_of(end))
    assert [(names[band], seconds) for band, seconds in got] == list(want.items())


@settings(max_examples=200)
@given(
    documents(False, True) | documents(False, False),
    st.lists(instants, min_size=2, max_size=6, unique=True),
    st.integers(0, 99_999_999),
    st.lists(st.integers(0, 3_000_000), min_size=1, max_size=30),
    st.integers(0, 20_000_000),
)
def test_steps_agree_with_fractions(
    document: dict[str, Any], moments: list[datetime.datetime], start: int, uses: list[int], used_cwh: int
) -> None:
    tariff = parse_tariff(json.dumps(document))
    pieces = one_day_spans(sorted(moments)[:1] + [sorted(moments)[0] + datetime.timedelta(days=40)] + sorted(moments)[1:])[:60]
    first = pieces[0][0].date()
    position = (day_number(period_of(document, first)), used_cwh)
    used, period, money, register, spans = Fraction(used_cwh, 100), period_of(document, first), Fraction(0), start, []
    for index, (begin, end) in enumerate(pieces):
        energy = uses[index % len(uses)]
        after = (register + energy) % 100_000_000
        span = (day_number(begin.date()), seconds_of(begin), seconds_of(end), [register, 0, 0, 0, 0], [after, 0, 0, 0, 0], 0)
        spans.append(span)
        register = after
        if period_of(document, begin.date()) != period:
            period, used = period_of(document, begin.date()), Fraction(0)
        kwh = Fraction(energy, 100)
        money += cost_until(document, begin.date(), used + kwh) - cost_until(document, begin.date(), used)
        money += kwh * Fraction(document["prices"].get("total", "0"))
        used += kwh
    lines, position = charge_spans(tariff, position, spans, 0)
    assert Fraction(sum(line[4] for line in lines), 10**6) == money
    assert position == (day_number(period), used * 100)
    assert all(line[5] == 0 and line[1] != line[2] for line in lines)
    assert all(before[2] == after[1] for before, after in zip(lines, lines[1:], strict=False))
    assert lines[0][1] == start if lines else True


@given(documents(True, False), instants, st.integers(1, 86_400), st.integers(1, 5_000_000), st.integers(0, 50_000_000))
def test_bands_with_surcharges_agree_with_fractions(
    document: dict[str, Any], begin: datetime.datetime, length_s: int, energy: int, used_cwh: int
) -> None:
    tariff = parse_tariff(json.dumps(document))
    end = begin + datetime.timedelta(seconds=length_s)
    day = begin.date()
    named = {row["name"]: Fraction(row["price"]) for row in document["prices"]["bands"]}
    shares: dict[str, int] = {}
    at = begin
    while at < end:
        until = min(end, at + QUARTER)
        shares[band_at(document, at)] = shares.get(band_at(document, at), 0) + int((until - at).total_seconds())
        at = until
    parts = [(next(iter(shares)), energy)]
    if document["bands"]["missed_edge"] == "cheapest":
        parts = [(min(shares, key=lambda name: named[name]), energy)]
    elif document["bands"]["missed_edge"] == "by_time" and len(shares) > 1:
        parts, passed, done = [], 0, 0
        for name, seconds in shares.items():
            passed += seconds
            reached = (Fraction(energy) * passed / length_s).__floor__()
            parts.append((name, reached - done))
            done = reached
    span = (day_number(day), seconds_of(begin), seconds_of(end), [7, 0, 0, 0, 0], [7 + energy, 0, 0, 0, 0], 0)
    lines, _ = charge_spans(tariff, (day_number(period_of(document, day)), used_cwh), [span], 0)
    used = Fraction(used_cwh, 100)
    money = cost_until(document, day, used + Fraction(energy, 100)) - cost_until(document, day, used)
    money += sum(named[name] * Fraction(part, 100) for name, part in parts)
    assert Fraction(sum(line[4] for line in lines), 10**6) == money
    assert (lines[0][1], lines[-1][2]) == (7, 7 + energy)
    assert {line[5] for line in lines} == {MARK_ESTIMATED if len(shares) > 1 else 0}


@given(documents(False, True), st.integers(1, 300), st.integers(1, 5_000_000), st.integers(0, 50_000_000))
def test_a_ratio_never_parts_money_from_registers(document: dict[str, Any], ratio: int, digits: int, used_cwh: int) -> None:
    tariff = parse_tariff(json.dumps(document))
    day = datetime.date(2026, 6, 15)
    begun = day_number(period_of(document, day))
    at_s = seconds_of(datetime.datetime.combine(day, datetime.time(12), ZONE))
    span = (day_number(day), at_s, at_s, [0] * 5, [digits, 0, 0, 0, 0], 0)
    lines, position = charge_spans(tariff, (begun, used_cwh), [span], 0, 100_000_000, ratio)
    assert position == (begun, min(used_cwh + digits * ratio, 0xFFFFFFFF))
    assert all(line[4] == (line[2] - line[1]) * ratio * line[3] for line in lines)
    row = next(row for row in document["steps"]["thresholds"] if "hot" in row["seasons"])
    edges = [int(Fraction(text) * 100) for text in row["kwh"]]
    for line in lines:
        begin = used_cwh + line[1] * ratio  # a digit is of the step in which it begins
        assert line[9] == sum(edge <= begin for edge in edges)
        assert line[9] == sum(edge <= used_cwh + (line[2] - 1) * ratio for edge in edges)


@given(st.integers(1, 10**12), st.integers(1, 28), st.integers(0, 3000))
def test_a_monthly_fee_is_a_floored_share_that_comes_to_the_whole(fee_ucu: int, begins: int, ahead: int) -> None:
    document = {"month_begins": begins}
    day = datetime.date(2026, 1, 1) + datetime.timedelta(days=ahead)
    text = f"{fee_ucu // 10**6}.{fee_ucu % 10**6:06d}"
    tariff = parse_tariff(
        json.dumps(
            {
                "tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "INR", "utc_offset_min": 330, "prices": {"total": "1"},
                "month_begins": begins, "fee_per_month": text,
            }
        )
    )  # fmt: skip
    begin = month_of(document, day)
    length = calendar.monthrange(begin.year, begin.month)[1]
    fees = [fee_of_day_floor_ucu(tariff, day_number(begin) + index) for index in range(length)]
    assert sum(fees) == fee_ucu
    for index in range(length):
        assert sum(fees[: index + 1]) == (Fraction(fee_ucu) * (index + 1) / length).__floor__()
    assert days.date_of_day(day_number(begin) + length)[2] == begins
