"""Pricing, decimals, days and JSON of the firmware against Python's own decimal, datetime and json, on drawn values."""

import datetime
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.base import days
from firmware.base.decimal_text import format_decimal, parse_decimal
from firmware.base.document import read_document
from firmware.base.faults import BadInput
from firmware.cutoff.hours import inside
from firmware.cutoff.policy_document import parse_hours
from firmware.tariff import pricing
from firmware.tariff.tariff import parse_tariff

registers = st.integers(0, 99_999_999)
prices = st.integers(0, 100_000_000)


def tariff_with(texts: list[str]) -> object:
    return parse_tariff(
        json.dumps(
            {
                "tariff": 1,
                "version": 1,
                "effective": "2026-01-01",
                "currency": "EUR",
                "utc_offset_min": 60,
                "prices": {"rates": texts},
            }
        )
    )


@given(st.lists(st.tuples(prices, registers, registers), min_size=1, max_size=4))
def test_a_charge_equals_the_decimal_bill(rows: list[tuple[int, int, int]]) -> None:
    texts = [str(Decimal(price).scaleb(-4).quantize(Decimal("0.0001"))) for price, _, _ in rows]
    before = [0] + [row[1] for row in rows] + [0] * (4 - len(rows))
    after = [0] + [row[2] for row in rows] + [0] * (4 - len(rows))
    lines = pricing.charge_lines(tariff_with(texts), len(rows), before, after)
    bill = Decimal(0)
    for text, (_, start, end) in zip(texts, rows, strict=True):
        energy_kwh = (Decimal(end) - Decimal(start)) / 100
        if energy_kwh < 0:
            energy_kwh += 1_000_000
        bill += energy_kwh * Decimal(text)
    assert Decimal(pricing.total_ucu(lines)).scaleb(-6) == bill
    assert all(line[1] != line[2] for line in lines)


@given(
    registers,
    st.lists(st.integers(0, 20_000_000), min_size=1, max_size=9),
    st.sets(st.integers(1, 8)),
    st.randoms(use_true_random=False),
)
def test_spans_join_to_the_whole_way_whatever_freezes_are_there(start: int, steps: list[int], kept: set[int], random: object) -> None:
    values = [start]
    for step in steps:
        values.append((values[-1] + step) % 100_000_000)
    last = len(steps) - 1
    freezes = [(day, [values[day], 0, 0, 0, 0]) for day in kept if day <= last]
    random.shuffle(freezes)  # type: ignore[attr-defined]
    spans = pricing.split(0, last, [values[0], 0, 0, 0, 0], [values[-1], 0, 0, 0, 0], freezes)
    assert [span[0] for span in spans] == [0] + sorted(day for day, _ in freezes)
    for first, second in zip(spans, spans[1:], strict=False):
        assert first[2] == second[1]
    assert (spans[0][1][0], spans[-1][2][0]) == (values[0], values[-1])
    for index, (day, _, _, marks) in enumerate(spans):
        end = spans[index + 1][0] if index + 1 < len(spans) else last + 1
        assert (marks == pricing.MARK_UNSPLIT) == (end - day > 1)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False), st.integers(6, 8))
def test_decimals_agree_with_the_decimal_module(value: Decimal, digits: int) -> None:
    number = parse_decimal(format(value, "f"), digits, "x", True)
    assert Decimal(number).scaleb(-digits) == value
    assert Decimal(format_decimal(number, digits)) == value


@given(st.text("0123456789.+-eE_ NainfNA\u0661", max_size=12))
def test_a_text_is_taken_only_when_it_is_plain(text: str) -> None:
    plain = text.removeprefix("-")
    whole, _, part = plain.partition(".")
    good = all(whole and set(bit) <= set("0123456789") for bit in (whole, part)) and ("." not in plain or part != "")
    if good and len(part) <= 4:
        assert Decimal(parse_decimal(text, 4, "x", True)).scaleb(-4) == Decimal(text)
    else:
        with pytest.raises(BadInput):
            parse_decimal(text, 4, "x", True)


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2199, 12, 31)))
def test_days_agree_with_datetime(date: datetime.date) -> None:
    day = (date - datetime.date(1970, 1, 1)).days
    assert days.day_of_date(date.year, date.month, date.day) == day
    assert days.date_of_day(day) == (date.year, date.month, date.day)
    assert days.weekday(day) == date.isoweekday()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=5), st.booleans(), st.sampled_from((None, 1, "\t")))
def test_what_json_writes_is_read_the_same(document: dict[str, object], ascii_only: bool, indent: int | str | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    try:
        got = read_document(text, "document")
    except BadInput as fault:
        # refused on purpose: nested too deep, or a character beyond 16 bits written as two escapes
        assert "deep" in str(fault) or "\\ud8" in text or "\\ud9" in text or "\\uda" in text or "\\udb" in text
    else:
        assert got == document


@given(st.binary(max_size=60) | st.text('{}[]":,0129.eE+-truefalsn\\u ', max_size=60))
def test_what_json_refuses_is_refused_and_nothing_else_escapes(text: bytes | str) -> None:
    try:
        got = read_document(text, "document")
    except BadInput:
        return
    assert isinstance(got, dict)
    json.loads(text, parse_constant=lambda word: pytest.fail(word))


ZONE = datetime.timezone(datetime.timedelta(hours=8))
minutes = st.integers(0, 1439)


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 7), min_size=1), minutes, st.integers(1, 1440)), max_size=4),
    st.integers(1_750_000_000, 1_900_000_000),
    st.integers(0, 7200),
)
def test_allowed_hours_agree_with_a_walk_over_minutes(rows: list[tuple[set[int], int, int]], start_s: int, length_s: int) -> None:
    rows = [row for row in rows if row[1] != row[2]]
    items = [{"days": sorted(on), "from": clock(begin), "to": clock(end)} for on, begin, end in rows]
    windows = parse_hours(items, "hours", [])

    def allowed(at_s: int) -> bool:
        local = datetime.datetime.fromtimestamp(at_s, ZONE)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.isoweekday(), (local.isoweekday() + 5) % 7 + 1
        for on, begin, end in rows:
            if begin < end and today in on and begin <= minute < end:
                return True
            if begin > end and ((today in on and minute >= begin) or (yesterday in on and minute < end)):
                return True
        return False

    end_s = start_s + length_s
    instants = {start_s, end_s} | set(range(start_s - start_s % 60 + 60, end_s + 1, 60))
    assert inside(windows, start_s, end_s, 480) == all(allowed(at_s) for at_s in instants)


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
