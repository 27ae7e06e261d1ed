"""Seasons, holidays and the begin of the month in a tariff document, and the names that a document gives to things.

Trap avoided: a season that begins on 29 February has no beginning in most years, a month that begins on the 31st none in
most months; both are refused.
"""

from firmware.base.decimal_text import shown
from firmware.base.document import Fields, checked_int
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.tariff.calendar import Calendar
from firmware.tariff.dates import month_day, parse_date

DAY_TYPE_NAMES = ("work", "weekend", "holiday")
SEASONS_MAX = const(12)
LISTED_DAYS_MAX = const(96)
NAME_CHARS_MAX = const(20)
_SATURDAY_AND_SUNDAY = (6, 7)


def take_calendar(fields):
    """The calendar fields of a tariff document -> Calendar."""
    seasons, starts = _take_seasons(fields.take_list("seasons", SEASONS_MAX, []), fields.at("seasons"))
    weekend = _take_weekend(fields)
    holidays = _take_days(fields, "holidays", ())
    workdays = _take_days(fields, "workdays", holidays)
    return Calendar(seasons, starts, weekend, holidays, workdays, fields.take_int("month_begins", 1, 28, 1))


def take_names(fields, name, known):
    """A list of some of the `known` names -> their indexes; all of them where the field is missing."""
    if not fields.has(name):
        return tuple(range(len(known)))
    items = fields.take_list(name, len(known))
    if not items:
        raise BadInput(fields.at(name), "must name at least one, or be left out")
    found = []
    for index in range(len(items)):
        here = fields.at(name) + "[" + str(index) + "]"
        place = name_index(items[index], known, here)
        if place in found:
            raise BadInput(here, "stands there twice")
        found.append(place)
    return tuple(found)


def name_index(name, known, field):
    """Index of a name among `known`."""
    for index in range(len(known)):
        if known[index] == name:
            return index
    raise BadInput(field, "must be one of " + ", ".join(known) + ", got " + shown(name))


def new_name(fields, known):
    """The field `name` of a thing that the document names, other than those before it."""
    name = fields.take_text("name", NAME_CHARS_MAX)
    for char in name:
        if char not in "abcdefghijklmnopqrstuvwxyz0123456789_":
            raise BadInput(fields.at("name"), "may have small letters, digits and _ only, got " + shown(name))
    if name in known:
        raise BadInput(fields.at("name"), "stands there twice")
    return name


def _take_seasons(items, path):
    names = []
    starts = []
    for index in range(len(items)):
        fields = Fields(items[index], path + "[" + str(index) + "]")
        names.append(new_name(fields, names))
        start = month_day(fields.take("from"), fields.at("from"))
        if starts and start <= starts[-1]:
            raise BadInput(fields.at("from"), "must be later in the year than the season before it")
        starts.append(start)
        fields.finish()
    if len(names) == 1:
        raise BadInput(path, "must have two seasons at least, or be left out")
    return tuple(names), tuple(starts)


def _take_weekend(fields):
    items = fields.take_list("weekend", 7, list(_SATURDAY_AND_SUNDAY))
    found = []
    for index in range(len(items)):
        here = fields.at("weekend") + "[" + str(index) + "]"
        weekday = checked_int(items[index], 1, 7, here)
        if weekday in found:
            raise BadInput(here, "stands there twice")
        found.append(weekday)
    return tuple(sorted(found))


def _take_days(fields, name, others):
    items = fields.take_list(name, LISTED_DAYS_MAX, [])
    found = []
    for index in range(len(items)):
        here = fields.at(name) + "[" + str(index) + "]"
        day = parse_date(items[index], here)
        if day in found:
            raise BadInput(here, "stands there twice")
        if day in others:
            raise BadInput(here, "is among the holidays too")
        found.append(day)
    return tuple(sorted(found))
