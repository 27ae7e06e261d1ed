"""Tariff documents of the room tests: a flat one with changes, one with bands, one with steps."""

import json

from firmware.base import days
from firmware.tariff.tariff import parse_tariff

SEASONS = [{"name": "spring", "from": "03-01"}, {"name": "summer", "from": "06-01"}, {"name": "autumn", "from": "09-01"},
           {"name": "winter", "from": "12-01"}]  # fmt: skip
BAND_PRICES = {"bands": [{"name": "peak", "price": "1.0000"}, {"name": "flat", "price": "0.6000"}, {"name": "valley", "price": "0.3000"}]}
HOURS = [
    {"band": "peak", "from": "08:00", "to": "12:00", "days": ["work"]},
    {"band": "peak", "from": "18:00", "to": "21:30", "days": ["work"], "seasons": ["summer", "winter"]},
    {"band": "valley", "from": "23:00", "to": "07:00"},
]
BANDS = {"hours": HOURS, "rest": "flat", "missed_edge": "by_time"}
HUNAN_THRESHOLDS = [{"seasons": ["spring", "autumn"], "kwh": ["180", "350"]}, {"seasons": ["summer", "winter"], "kwh": ["180", "450"]}]


def text(**changes):
    """A flat tariff with fields changed, or left out where the change is None."""
    fields = {
        "tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"},
    }  # fmt: skip
    for name in changes:
        if changes[name] is None:
            del fields[name]
        else:
            fields[name] = changes[name]
    return json.dumps(fields)


def banded(changes=None, **fields):
    """A tariff with three bands; `changes` are of the object `bands`."""
    bands = dict(BANDS)
    bands.update(changes or {})
    for name in [name for name in bands if bands[name] is None]:
        del bands[name]
    described = {"prices": BAND_PRICES, "seasons": SEASONS, "bands": bands}
    described.update(fields)
    return text(**described)


def stepped(changes=None, **fields):
    """Hunan's three steps over a month; `changes` are of the object `steps`."""
    steps = {"over": "month", "thresholds": HUNAN_THRESHOLDS}
    steps.update(changes or {})
    described = {"prices": {"steps": ["0.5880", "0.6380", "0.8880"]}, "seasons": SEASONS, "steps": steps}
    described.update(fields)
    return text(**described)


def tariff(document):
    """The tariff of a document."""
    return parse_tariff(document)


def day(year, month, day_of_month):
    """A day number."""
    return days.day_of_date(year, month, day_of_month)


def at(year, month, day_of_month, hour=0, minute=0, second=0):
    """Wall seconds of a local time at UTC+8."""
    return days.midnight_s(day(year, month, day_of_month), 480) + hour * 3600 + minute * 60 + second
