"""Decimal text to integer and back, without a float (DESIGN: words and units).

    parse_decimal("0.55", 4, "price") -> 5500         format_decimal(5500, 4) -> "0.5500"

Traps avoided: `float("0.1") * 10000` is 999.99... on boards with single precision; `int("1e3")` differs from what people
mean, `int(" 5")`, `int("+5")` and `int("1_000")` are taken by one interpreter or the other. Only digits and one point pass.
"""

from firmware.base.faults import BadInput
from firmware.base.port import const

WHOLE_DIGITS_MAX = const(12)  # with 6 decimals this stays inside a signed 64-bit amount
_DIGITS = "0123456789"


def parse_decimal(text, digits, field, negative=False):
    """Text such as "12.5" -> integer in units of 10**-digits. BadInput(field) on anything else, or when below zero."""
    if type(text) is not str:
        raise BadInput(field, 'must be a decimal number in quotes, such as "1.50", got ' + shown(text))
    minus = negative and text[:1] == "-"
    body = text[1:] if minus else text
    point = body.find(".")
    whole = body if point < 0 else body[:point]
    part = "" if point < 0 else body[point + 1 :]
    if not _only_digits(whole) or (point >= 0 and not _only_digits(part)):
        hint = "" if negative or text[:1] != "-" else " (it must not be negative)"
        raise BadInput(field, 'must be a decimal number such as "1.50", got ' + shown(text) + hint)
    if len(part) > digits:
        raise BadInput(field, "may have at most " + str(digits) + " decimals, got " + shown(text))
    if len(whole) > WHOLE_DIGITS_MAX:
        raise BadInput(field, "may have at most " + str(WHOLE_DIGITS_MAX) + " digits before the point, got " + shown(text))
    value = 0
    for digit in whole + part:
        value = value * 10 + _DIGITS.find(digit)
    for _ in range(digits - len(part)):
        value *= 10
    return -value if minus else value


def format_decimal(value, digits):
    """Integer in units of 10**-digits -> text with exactly `digits` decimals."""
    text = str(-value if value < 0 else value)
    while len(text) <= digits:
        text = "0" + text
    if digits:
        text = text[: len(text) - digits] + "." + text[len(text) - digits :]
    return "-" + text if value < 0 else text


def shown(value):
    """A value for a sentence: repr, shortened."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _only_digits(text):
    # str.isdigit() accepts digits of other scripts on CPython
    if not text:
        return False
    for char in text:
        if char not in _DIGITS:
            return False
    return True
