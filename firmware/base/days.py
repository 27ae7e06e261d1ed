"""Days, dates and weekdays in integers (DESIGN: words and units). Day 0 is 1970-01-01; a local day begins at local midnight.

The calendar is the proleptic Gregorian one: a year of 365 days plus the leap days, counted from 1 March so that the
leap day is the last of its year.

Trap avoided: `time.gmtime` counts from 2000 on some ports and from 1970 on others; nothing here asks the port.
"""

from firmware.base.port import const

DAY_S = const(86400)
_DAYS_OF_400_YEARS = const(146097)
_DAYS_TO_EPOCH = const(719468)  # from 1 March of year 0 to 1970-01-01


def local_s(at_s, utc_offset_min):
    """Wall seconds -> seconds of the local wall clock."""
    return at_s + utc_offset_min * 60


def day_number(at_s, utc_offset_min):
    """The local day in which `at_s` lies."""
    return local_s(at_s, utc_offset_min) // DAY_S


def second_of_day(at_s, utc_offset_min):
    """Seconds since local midnight, 0 ... 86399."""
    return local_s(at_s, utc_offset_min) % DAY_S


def midnight_s(day, utc_offset_min):
    """Wall seconds at which local `day` begins."""
    return day * DAY_S - utc_offset_min * 60


def midnight_lies_between(before_s, after_s, utc_offset_min):
    """True when two known moments are of different local days."""
    if not before_s or not after_s:
        return False
    return day_number(before_s, utc_offset_min) != day_number(after_s, utc_offset_min)


def weekday(day):
    """ISO weekday: 1 Monday ... 7 Sunday."""
    return (day + 3) % 7 + 1  # day 0 was a Thursday


def day_of_date(year, month, day):
    """Day number of a date; None when there is no such date (February 30th, month 13)."""
    if year < 1970 or year > 2199 or month < 1 or month > 12 or day < 1:
        return None
    number = _count(year, month, day)
    return number if date_of_day(number) == (year, month, day) else None


def date_of_day(day):
    """Day number -> (year, month, day of month)."""
    left = day + _DAYS_TO_EPOCH
    era = left // _DAYS_OF_400_YEARS
    left -= era * _DAYS_OF_400_YEARS
    # leap days that lie before `left`: one in 4 years, not in 100, again in 400
    year = (left - left // 1460 + left // 36524 - left // 146096) // 365
    left -= year * 365 + year // 4 - year // 100
    shifted = (5 * left + 2) // 153  # months from March: 31 30 31 30 31 repeats each 153 days
    day_of_month = left - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return (era * 400 + year + (1 if month <= 2 else 0), month, day_of_month)


def _count(year, month, day):
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1 - _DAYS_TO_EPOCH
