"""Numbers, words and dates as they lie in a frame: BCD or binary, low byte first; integers only.

"No value" is None: FF-filled data, or any digit above 9. It must never turn into 0 or into a huge number, so billing
can neither charge nor forgive on it. The top bit is a sign only where the caller says so: an unsigned register may
legally begin with the digit 8 or 9.

Dates are local seconds: seconds since 1970-01-01 00:00:00 of the meter's own wall clock, without a time zone.
"""

from firmware.base.days import DAY_S, date_of_day, day_of_date
from firmware.base.faults import require
from firmware.base.port import const

STAMP_BYTES = const(6)  # ss mm hh DD MM YY
CENTURY = const(2000)
LOCAL_S_MIN = const(946684800)  # 2000-01-01 00:00:00
LOCAL_S_MAX = const(4102444799)  # 2099-12-31 23:59:59: two digits of the year hold no more


def number_at(buf, start, width, signed):
    """BCD of `width` bytes -> integer in units of its last digit, or None when it holds no value."""
    value = 0
    at = start + width - 1
    mask = 0x7F if signed else 0xFF
    negative = signed and buf[at] & 0x80
    while at >= start:
        byte = buf[at] & mask
        mask = 0xFF
        high = byte >> 4
        low = byte & 0x0F
        if high > 9 or low > 9:
            return None
        value = value * 100 + high * 10 + low
        at -= 1
    return -value if negative else value


def put_number(buf, start, width, value):
    """Write `value` (not negative) as BCD of `width` bytes."""
    for i in range(width):
        pair = value % 100
        buf[start + i] = pair // 10 << 4 | pair % 10
        value //= 100
    require(value == 0, "number too big for its BCD field")


def word_at(buf, start):
    """Binary word of 2 bytes, low byte first; None when FF-filled (no value)."""
    word = buf[start] | buf[start + 1] << 8
    return None if word == 0xFFFF else word


def is_full_address(buf, start=0):
    """True for 12 BCD digits that are neither the broadcast address nor shortened by AA."""
    nines = 0
    for i in range(start, start + 6):
        byte = buf[i]
        if byte >> 4 > 9 or byte & 0x0F > 9:
            return False
        nines += byte == 0x99
    return nines < 6


def local_seconds(year, month, day, hour, minute, second):
    """Fields (year of two digits; any may be None) -> local seconds, or None when there is no such moment."""
    for field in (year, month, day, hour, minute, second):
        if field is None:
            return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    number = day_of_date(CENTURY + year, month, day)
    if number is None:
        return None
    return number * DAY_S + hour * 3600 + minute * 60 + second


def date_at(buf, start):
    """DD MM YY -> local seconds of its midnight, or None. (The weekday in front is not believed: many are wrong.)"""
    return local_seconds(_pair(buf, start + 2), _pair(buf, start + 1), _pair(buf, start), 0, 0, 0)


def time_at(buf, start):
    """ss mm hh -> second of the day, or None."""
    second = _pair(buf, start)
    minute = _pair(buf, start + 1)
    hour = _pair(buf, start + 2)
    if second is None or minute is None or hour is None or hour > 23 or minute > 59 or second > 59:
        return None
    return hour * 3600 + minute * 60 + second


def stamp_at(buf, start):
    """ss mm hh DD MM YY -> local seconds, or None."""
    return _joined(date_at(buf, start + 3), time_at(buf, start))


def day_hour_at(buf, start):
    """hh DD -> (day of the month, hour), or None when it is no such moment (9999: unset)."""
    hour = _pair(buf, start)
    day = _pair(buf, start + 1)
    if hour is None or day is None or hour > 23 or not 1 <= day <= 31:
        return None
    return day, hour


def minute_stamp_at(buf, start):
    """mm hh DD MM YY (freezes) -> local seconds, or None; all zero means that there is no record, None too."""
    minute = _pair(buf, start)
    hour = _pair(buf, start + 1)
    return local_seconds(_pair(buf, start + 4), _pair(buf, start + 3), _pair(buf, start + 2), hour, minute, 0)


def put_stamp(buf, start, at_local_s):
    """Local seconds -> ss mm hh DD MM YY in BCD, by construction: no digit above 9 leaves here."""
    require(LOCAL_S_MIN <= at_local_s <= LOCAL_S_MAX, "date outside the years 2000 to 2099")
    day = at_local_s // DAY_S
    second = at_local_s - day * DAY_S
    year, month, day_of_month = date_of_day(day)
    put_number(buf, start, 1, second % 60)
    put_number(buf, start + 1, 1, second // 60 % 60)
    put_number(buf, start + 2, 1, second // 3600)
    put_number(buf, start + 3, 1, day_of_month)
    put_number(buf, start + 4, 1, month)
    put_number(buf, start + 5, 1, year - CENTURY)


def _pair(buf, at):
    return number_at(buf, at, 1, False)


def _joined(date_s, second):
    return None if date_s is None or second is None else date_s + second
