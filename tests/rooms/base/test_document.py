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
