"""The bands of a tariff document, read strictly: each quarter of an hour of each kind of day belongs to exactly one band.

    "prices": {"bands": [{"name": "peak", "price": "1.0300"}, {"name": "valley", "price": "0.3100"}]},
    "bands": {"hours": [{"band": "peak", "from": "08:00", "to": "22:00", "days": ["work"], "seasons": ["summer"]}],
              "rest": "valley", "missed_edge": "by_time", "late_read_s": 300}

`days` (work, weekend, holiday) and `seasons` left out mean all of them; `rest` is the band of what no row names.
"""

from firmware.base.document import Fields
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.tariff.bands import Bands
from firmware.tariff.calendar import DAY_TYPES
from firmware.tariff.calendar_document import DAY_TYPE_NAMES, name_index, new_name, take_names
from firmware.tariff.dates import QUARTERS, quarter

BANDS_MAX = const(8)
ROWS_MAX = const(48)
LATE_S = const(300)
LATE_S_MAX = const(840)
RULE_NAMES = ("by_time", "cheapest", "first")  # in the order of the numbers in bands.py
_FREE = const(0xFF)


def take_band_prices(items, path, price):
    """List of {"name", "price"} -> (names, prices); `price(text, field)` checks one."""
    names = []
    prices = []
    for index in range(len(items)):
        fields = Fields(items[index], path + "[" + str(index) + "]")
        names.append(new_name(fields, names))
        prices.append(price(fields.take("price"), fields.at("price")))
        fields.finish()
    if not names:
        raise BadInput(path, "must have 1 to " + str(BANDS_MAX) + " bands")
    return tuple(names), tuple(prices)


def take_bands(fields, calendar, utc_offset_min, names, prices):
    """The object `bands` -> Bands."""
    rule = name_index(fields.take("missed_edge"), RULE_NAMES, fields.at("missed_edge"))
    late_s = fields.take_int("late_read_s", 0, LATE_S_MAX, LATE_S)
    rest = _FREE
    if fields.has("rest"):
        rest = name_index(fields.take("rest"), names, fields.at("rest"))
    rows = _take_rows(fields.take_list("hours", ROWS_MAX), fields.at("hours"), calendar, names)
    fields.finish()
    plans = []
    places = bytearray(max(1, len(calendar.seasons)) * DAY_TYPES)
    for place in range(len(places)):
        plan = _plan(rows, place // DAY_TYPES, place % DAY_TYPES, rest, calendar, fields)
        if plan not in plans:
            plans.append(plan)
        places[place] = plans.index(plan)
    return Bands(calendar, utc_offset_min, names, prices, tuple(plans), bytes(places), rule, late_s)


def _take_rows(items, path, calendar, names):
    """[(path, band, from quarter, to quarter, day types, seasons)]."""
    rows = []
    for index in range(len(items)):
        fields = Fields(items[index], path + "[" + str(index) + "]")
        band = name_index(fields.take("band"), names, fields.at("band"))
        begins, ends = quarter(fields.take("from"), fields.at("from")), quarter(fields.take("to"), fields.at("to"))
        if begins == QUARTERS:
            raise BadInput(fields.at("from"), 'must be a time before "24:00"')
        if begins == ends:
            raise BadInput(fields.at("to"), "must differ from `from`: no time lies between")
        types = take_names(fields, "days", DAY_TYPE_NAMES)
        if fields.has("seasons") and not calendar.seasons:
            raise BadInput(fields.at("seasons"), "names seasons, but the tariff has none")
        seasons = take_names(fields, "seasons", calendar.seasons) if calendar.seasons else (0,)
        fields.finish()
        rows.append((fields.path, band, begins, ends, types, seasons))
    return rows


def _plan(rows, season, day_type, rest, calendar, fields):
    """Pairs (quarter, band) of one kind of day; BadInput where two rows overlap or none says anything."""
    of_quarter = bytearray(b"\xff" * QUARTERS)  # _FREE
    for path, band, begins, ends, types, seasons in rows:
        if season not in seasons or day_type not in types:
            continue
        for number in range(begins, ends if ends > begins else ends + QUARTERS):
            if of_quarter[number % QUARTERS] != _FREE:
                raise BadInput(path, "overlaps a row before it" + _where(number % QUARTERS, season, day_type, calendar))
            of_quarter[number % QUARTERS] = band
    plan = bytearray()
    for number in range(QUARTERS):
        band = rest if of_quarter[number] == _FREE else of_quarter[number]
        if band == _FREE:
            said = "is missing, and no row names a band" + _where(number, season, day_type, calendar)
            raise BadInput(fields.at("rest"), said)
        if not plan or plan[-1] != band:
            plan.append(number)
            plan.append(band)
    return bytes(plan)


def _where(number, season, day_type, calendar):
    """Words for one quarter of one kind of day."""
    minute = number * 15
    text = " at %02d:%02d on a day of type %s" % (minute // 60, minute % 60, DAY_TYPE_NAMES[day_type])
    return text + (" in " + calendar.seasons[season] if calendar.seasons else "")
