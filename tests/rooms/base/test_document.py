"""Decimals, days and JSON documents of people."""

from firmware.base import days
from firmware.base.decimal_text import format_decimal, parse_decimal
from firmware.base.document import Fields, Inexact, read_document
from firmware.base.faults import BadInput
from tests.kit import cases, eq, raises


def test_decimals_become_integers_without_a_float():
    def check(text, digits, want):
        eq(parse_decimal(text, digits, "amount", True), want)

    cases(
        (
            ("0", 4, 0),
            ("0.1", 4, 1000),
            ("12.3456", 4, 123456),
            ("007", 0, 7),
            ("-5.00", 6, -5000000),
            ("-0", 6, 0),
            ("999999999999.999999", 6, 999999999999999999),
        ),
        check,
    )


def test_what_is_no_plain_decimal_is_refused():
    def check(text):
        fault = raises(BadInput, parse_decimal, text, 2, "amount")
        eq(fault.field, "amount")

    texts = ("", " ", "1 ", " 1", "+1", "-1", "1e3", "1E3", "NaN", "inf", ".5", "5.", ".", "1.234", "1,5", "1_0", "0x1", "--1")
    cases([(text,) for text in texts + ("\u0661", "1" * 13, "1.2.3", 1, 1.5, None, True, b"1")], check)


def test_decimals_are_written_as_they_are_read():
    for value in (0, 1, -1, 5500, 999999999999999999, -123456):
        eq(parse_decimal(format_decimal(value, 6), 6, "x", True), value)
    eq([format_decimal(5500, 4), format_decimal(-5, 2), format_decimal(7, 0)], ["0.5500", "-0.05", "7"])


def test_dates_and_day_numbers_agree_at_the_edges():
    def check(date, day, weekday):
        eq(days.day_of_date(*date), day)
        eq(days.date_of_day(day), date)
        eq(days.weekday(day), weekday)

    cases(
        (
            ((1970, 1, 1), 0, 4),
            ((1999, 12, 31), 10956, 5),
            ((2000, 2, 29), 11016, 2),
            ((2000, 3, 1), 11017, 3),
            ((2024, 2, 29), 19782, 4),
            ((2026, 12, 31), 20818, 4),
            ((2027, 1, 1), 20819, 5),
            ((2100, 2, 28), 47540, 7),
            ((2100, 3, 1), 47541, 1),
        ),
        check,
    )


def test_dates_that_do_not_exist_have_no_number():
    for date in ((2025, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0), (1969, 12, 31)):
        eq(days.day_of_date(*date), None, str(date))


def test_a_local_day_begins_at_local_midnight():
    midnight_s = days.midnight_s(20454, 480)
    eq(midnight_s, 20454 * 86400 - 8 * 3600)
    eq([days.day_number(midnight_s - 1, 480), days.day_number(midnight_s, 480)], [20453, 20454])
    eq([days.second_of_day(midnight_s - 1, 480), days.second_of_day(midnight_s, 480)], [86399, 0])
    eq(days.day_number(days.midnight_s(20454, -300), -300), 20454)


def test_documents_are_read_with_whole_numbers_only():
    got = read_document('{"a": [1, -2, true, null], "b": {"c": "x\\u00e9\\n\\"/"}, "d": 1.5e3}', "document")
    eq((got["a"], got["b"]["c"]), ([1, -2, True, None], 'x\xe9\n"/'))
    eq((type(got["d"]), got["d"].text), (Inexact, "1.5e3"))


class SlowFile:
    """A binary file that gives `at_once` bytes a read; it counts the most that was asked for."""

    def __init__(self, raw, at_once):
        self._raw = raw
        self._at_once = at_once
        self.asked_max = 0

    def read(self, count):
        self.asked_max = max(self.asked_max, count)
        piece = self._raw[: min(count, self._at_once)]
        self._raw = self._raw[len(piece) :]
        return piece


def test_a_file_is_read_in_pieces_that_may_end_anywhere():
    text = '{"name": "a\\u00e9\\n\xe9\\"x", "list": [1, -23, true, null, 4.5], "meters": [{"a": 12}, {"a": 34}]}'
    raw = text.encode()
    want = read_document(raw, "document")
    for at_once in (1, 2, 3, 7, 64, 1000):
        file = SlowFile(raw, at_once)
        got = read_document(file, "document")
        eq((got["name"], got["list"][:4], got["list"][4].text, got["meters"]), (want["name"], want["list"][:4], "4.5", want["meters"]))
        eq(file.asked_max <= 1024, True)


def test_items_of_a_long_list_are_taken_over_one_by_one():
    taken = []

    def keep(item, path):
        taken.append((item["a"], path))
        return len(taken)

    got = read_document('{"other": [{"a": 9}], "meters": [{"a": 1}, {"a": 2}]}', "document", {"meters": keep})
    eq((got, taken), ({"other": [{"a": 9}], "meters": [1, 2]}, [(1, "meters[0]"), (2, "meters[1]")]))


def test_a_file_that_is_too_long_or_no_text_is_refused():
    eq(raises(BadInput, read_document, SlowFile(b" " * 70000, 512), "document").field, "document")
    for raw in (b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\xe9\x22}'):
        eq(raises(BadInput, read_document, SlowFile(raw, 3), "document").field, "document", repr(raw))
        eq(raises(BadInput, read_document, raw, "document").field, "document", repr(raw))


def test_what_is_no_document_names_the_place():
    def check(text, field):
        fault = raises(BadInput, read_document, text, "document")
        eq(fault.field, field, str(fault))

    cases(
        (
            ("", "document"),
            ("[1]", "document"),
            ("{} x", "document"),
            ('{"a": 1, "a": 2}', "a"),
            ('{"b": {"a": 1, "a": 1}}', "b.a"),
            ('{"a" 1}', "a"),
            ('{"a": 1 "b": 2}', "a"),
            ('{"a": 1,}', "document"),
            ('{"a": [1,]}', "a[1]"),
            ('{"a": [1 2]}', "a[0]"),
            ('{"a": NaN}', "a"),
            ('{"a": 01}', "a"),
            ('{"a": -}', "a"),
            ('{"a": 1-2}', "a"),
            ('{"a": 9999999999999999}', "a"),
            ('{"a": "x', "a"),
            ('{"a": "\n"}', "a"),
            ('{"a": "\\x"}', "a"),
            ('{"a": "\\ud800"}', "a"),
            ('{"a": "\\u12"}', "a"),
            ("{a: 1}", "document"),
            ('{"a":' + "[" * 50, "a[0][0][0][0][0][0][0][0]"),
            (" " * 70000, "document"),
        ),
        check,
    )


def test_fields_are_taken_once_and_the_rest_is_unknown():
    fields = Fields(read_document('{"b": 1, "a": 2, "c": 3}', "document"), "top")
    eq(fields.take_int("b", 0, 9), 1)
    eq(fields.unknown(), ["top.a", "top.c"])
    eq(raises(BadInput, fields.finish).field, "top.a")
    eq(raises(BadInput, fields.take_flag, "c").field, "top.c")
    eq(raises(BadInput, fields.take_text, "d", 5).field, "top.d")
