"""Dates and times of day as they stand in tariff documents."""

from firmware.base import days
from firmware.base.decimal_text import shown
from firmware.base.faults import BadInput
from firmware.base.port import const

QUARTERS = const(96)
_DAY_MIN = const(1440)


def parse_date(text, field):
    """ "2026-01-31" -> day number."""
    if type(text) is str and len(text) == 10 and text[4] == "-" and text[7] == "-":
        digits = text[:4] + text[5:7] + text[8:]
        if _only_digits(digits):
            number = days.day_of_date(int(text[:4]), int(text[5:7]), int(text[8:]))
            if number is not None:
                return number
    raise BadInput(field, 'must be a date such as "2026-01-31", got ' + shown(text))


def month_day(text, field):
    """ "06-30" -> 630; a date that there is in every year."""
    if type(text) is str and len(text) == 5 and text[2] == "-" and _only_digits(text[:2] + text[3:]):
        month, day = int(text[:2]), int(text[3:])
        if days.day_of_date(2025, month, day) is not None:
            return month * 100 + day
    raise BadInput(field, 'must be month and day such as "06-30", got ' + shown(text))


def quarter(text, field):
    """ "08:30" -> quarters of an hour since midnight, "24:00" is 96."""
    if type(text) is str and len(text) == 5 and text[2] == ":" and _only_digits(text[:2] + text[3:]):
        minute = int(text[:2]) * 60 + int(text[3:])
        if int(text[3:]) < 60 and minute <= _DAY_MIN:
            if minute % 15:
                raise BadInput(field, "must be a full quarter of an hour, got " + shown(text))
            return minute // 15
    raise BadInput(field, 'must be a time such as "08:00", got ' + shown(text))


def _only_digits(text):
    for char in text:
        if char not in "0123456789":
            return False
    return True
