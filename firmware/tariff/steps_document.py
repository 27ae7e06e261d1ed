"""The steps of a tariff document, read strictly.

    "steps": {"over": "month", "surcharges": ["0.0000", "0.0500", "0.3000"],
              "thresholds": [{"kwh": ["180", "350"], "seasons": ["mild"]}, {"kwh": ["180", "450"], "seasons": ["extreme"]}]}

With `"prices": {"steps": [...]}` the steps are the prices and `surcharges` is left out.
"""

from firmware.base.decimal_text import parse_decimal, shown
from firmware.base.document import Fields
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.tariff.calendar_document import take_names
from firmware.tariff.steps import Steps

OVER_NAMES = ("month", "year")  # in the order of the numbers in steps.py
STEPS_MAX = const(8)
THRESHOLD_CWH_MAX = 1_000_000_000  # ten million kWh


def take_steps(fields, prices, calendar, price):
    """The object `steps` -> Steps; `prices` are those of prices.steps, or None; `price(text, field)` checks one."""
    over = fields.take("over")
    if over not in OVER_NAMES:
        raise BadInput(fields.at("over"), "must be month or year, got " + shown(over))
    surcharges = None
    if prices is None:
        texts = fields.take_list("surcharges", STEPS_MAX)
        surcharges = tuple([price(texts[i], fields.at("surcharges") + "[" + str(i) + "]") for i in range(len(texts))])
    elif fields.has("surcharges"):
        raise BadInput(fields.at("surcharges"), "must be left out where prices.steps has the prices")
    count = len(surcharges if prices is None else prices)
    if count < 2:
        raise BadInput(fields.at("surcharges") if prices is None else "prices.steps", "must have two steps at least")
    thresholds = _take_thresholds(fields, count - 1, calendar)
    fields.finish()
    return Steps(OVER_NAMES.index(over), prices, surcharges, thresholds)


def _take_thresholds(fields, count, calendar):
    path = fields.at("thresholds")
    found = [None] * max(1, len(calendar.seasons))
    items = fields.take_list("thresholds", len(found))
    for index in range(len(items)):
        row = Fields(items[index], path + "[" + str(index) + "]")
        if row.has("seasons") and not calendar.seasons:
            raise BadInput(row.at("seasons"), "names seasons, but the tariff has none")
        limits_cwh = _take_limits(row, count)
        for season in take_names(row, "seasons", calendar.seasons) if calendar.seasons else (0,):
            if found[season] is not None:
                raise BadInput(row.at("seasons"), "names a season that a row before it has")
            found[season] = limits_cwh
        row.finish()
    for season in range(len(found)):
        if found[season] is None:
            raise BadInput(path, "has no row for " + (calendar.seasons[season] if calendar.seasons else "the steps"))
    return tuple(found)


def _take_limits(row, count):
    texts = row.take_list("kwh", STEPS_MAX)
    if len(texts) != count:
        raise BadInput(row.at("kwh"), "must have " + str(count) + ", one less than there are steps, got " + str(len(texts)))
    limits = []
    for index in range(count):
        here = row.at("kwh") + "[" + str(index) + "]"
        limit_cwh = parse_decimal(texts[index], 2, here)
        if limit_cwh > THRESHOLD_CWH_MAX:
            raise BadInput(here, "is more than ten million kWh")
        if limit_cwh <= (limits[-1] if limits else 0):
            raise BadInput(here, "must be more than " + ("the one before it" if limits else "0"))
        limits.append(limit_cwh)
    return tuple(limits)
