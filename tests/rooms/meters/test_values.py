"""BCD numbers and dates: exact, or no value at all."""

from firmware.base.faults import Broken
from firmware.meters.dlt645 import values
from tests.kit import cases, eq, raises


def test_numbers_are_low_byte_first_and_signed_only_when_said():
    def check(text, signed, want):
        raw = bytes.fromhex(text)
        eq(values.number_at(raw, 0, len(raw), signed), want)

    cases(
        (
            ("56341200", False, 123456),
            ("99999999", False, 99999999),
            ("00000080", True, 0),
            ("50000080", True, -50),
            ("00000080", False, 80000000),
            ("452381", True, -12345),
            ("9722", False, 2297),
            ("99999979", True, 79999999),
        ),
        check,
    )


def test_ff_or_any_digit_above_nine_is_no_value():
    def check(text, signed):
        raw = bytes.fromhex(text)
        eq(values.number_at(raw, 0, len(raw), signed), None)

    cases([(t, s) for t in ("FFFFFFFF", "0A000000", "A0000000", "00000E00", "000000FF", "FFFF", "FA") for s in (0, 1)], check)


def test_encoding_a_number_gives_its_digits_or_fails_loudly():
    buf = bytearray(4)
    values.put_number(buf, 1, 2, 1234)
    eq(bytes(buf), b"\x00\x34\x12\x00")
    raises(Broken, values.put_number, buf, 0, 1, 100)
    raises(Broken, values.put_number, buf, 0, 1, -1)


def test_a_filled_word_is_no_value():
    eq(values.word_at(b"\x50\x00", 0), 0x50)
    eq(values.word_at(b"\x00\x10", 0), 0x1000)
    eq(values.word_at(b"\xff\xff", 0), None)


def test_dates_go_to_local_seconds_and_back():
    def check(at_s, text):
        buf = bytearray(6)
        values.put_stamp(buf, 0, at_s)
        eq(bytes(buf), bytes.fromhex(text))
        eq(values.stamp_at(buf, 0), at_s)

    cases(
        (
            (946684800, "000000010100"),
            (951782399, "595923280200"),  # 2000-02-28 23:59:59
            (951782400, "000000290200"),  # a leap day
            (1500000000, "004002140717"),
            (4102444799, "595923311299"),
        ),
        check,
    )


def test_a_date_beyond_two_digits_of_the_year_is_our_own_bug():
    raises(Broken, values.put_stamp, bytearray(6), 0, 4102444800)
    raises(Broken, values.put_stamp, bytearray(6), 0, 946684799)


def test_what_is_no_date_is_no_value():
    def check(text):
        eq(values.stamp_at(bytes.fromhex(text), 0), None)

    cases(
        [
            (t,)
            for t in (
                "000000000000",  # day and month 0
                "000000290201",  # no leap year
                "000000310424",
                "000000011324",
                "600000010124",
                "006000010124",
                "000024010124",
                "0A0000010124",
                "FFFFFFFFFFFF",
                "254010341256",  # year first, as one peer sends it: month 34
            )
        ],
        check,
    )


def test_a_freeze_time_of_zeros_is_no_record():
    eq(values.minute_stamp_at(bytes(5), 0), None)
    eq(values.minute_stamp_at(bytes.fromhex("0000091015"), 0), 1444348800)


def test_only_twelve_digits_that_are_not_the_broadcast_make_a_full_address():
    def check(text, want):
        eq(values.is_full_address(bytes.fromhex(text)), want)

    cases(
        (
            ("129078563412", True),
            ("000000000000", True),
            ("999999999998", True),
            ("999999999999", False),
            ("AAAAAAAAAAAA", False),
            ("6748AAAAAAAA", False),
            ("1290785634F2", False),
        ),
        check,
    )
