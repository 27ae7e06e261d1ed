"""Days on which nobody is cut: holidays, listed hot and cold days, and everything behind the calendar's own end (design section 5).

    {"until": "2027-12-31", "holidays": ["2026-10-01/2026-10-08"], "hot_days": ["2026-07-21"], "cold_days": ["2026-11-15/2027-03-15"]}

A date is a local day, two with a slash are a span with both ends. Nobody said whether a day behind `until` is a holiday, so
it is taken for one: a calendar that nobody renews stops cuts, it does not let them run. Weekends are no matter of the
calendar: the hours are named for each weekday.

Packed as pairs of day numbers in 16 bits, which last until 2149; the first pair is all days behind `until`.
"""

from array import array

from firmware.base import days
from firmware.base.decimal_text import shown
from firmware.base.faults import BadInput
from firmware.base.port import const

DATES_MAX = const(128)  # in each list
DAY_MAX = const(0xFFFF)
_LISTS = ("holidays", "hot_days", "cold_days")


def parse_calendar(fields, unknown):
    """Fields of a calendar -> its closed spans; unknown fields are added to `unknown`."""
    spans = array("H")
    spans.append(_day(fields.take("until"), fields.at("until")) + 1)
    spans.append(DAY_MAX)
    for name in _LISTS:
        items = fields.take_list(name, DATES_MAX, [])
        for index in range(len(items)):
            _take_span(spans, items[index], fields.at(name) + "[" + str(index) + "]")
    unknown.extend(fields.unknown())
    return spans


def is_open(spans, start_s, end_s, utc_offset_min):
    """True when no local day that start_s ... end_s touches is closed."""
    first, last = days.day_number(start_s, utc_offset_min), days.day_number(end_s, utc_offset_min)
    for index in range(0, len(spans), 2):
        if spans[index] <= last and first <= spans[index + 1]:
            return False
    return last < DAY_MAX


def _take_span(spans, text, field):
    if type(text) is str and len(text) == 21 and text[10] == "/":
        first, last = _day(text[:10], field), _day(text[11:], field)
    else:
        first = last = _day(text, field)
    if last < first:
        raise BadInput(field, "ends before it begins: " + text)
    spans.append(first)
    spans.append(last)


def _day(text, field):
    if type(text) is str and len(text) == 10 and text[4] == "-" and text[7] == "-":
        digits = text[:4] + text[5:7] + text[8:]
        if all(char in "0123456789" for char in digits):
            day = days.day_of_date(int(text[:4]), int(text[5:7]), int(text[8:]))
            if day is not None and day < DAY_MAX:
                return day
    raise BadInput(field, 'must be a date such as "2026-10-01", got ' + shown(text))
