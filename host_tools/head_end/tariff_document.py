"""A tariff with bands, steps and fees as people write it: every fault of a file, each with its field (design, section 6).

`faults(value)` lists them; `read(value)` gives the model, or BadInput with the first. What stands in a tariff is in firmware/tariff/
in words; nothing of its code is used here.
"""

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from host_tools.head_end.amounts import PRICE_MAX, parse_decimal, parse_price
from host_tools.head_end.errors import BadInput

DAY_TYPES = ("work", "weekend", "holiday")
RULES = ("by_time", "cheapest", "first")
FORMS = ("total", "rates", "bands", "steps")
FEE_MAX_UCU = 1_000_000 * 1_000_000
THRESHOLD_MAX_CWH = 1_000_000_000
QUARTERS = 96
Fault = tuple[str, str]  # field, sentence

Identity = Annotated[StrictInt, Field(ge=1, le=0xFFFFFFFF)]
Name = Annotated[StrictStr, Field(pattern="^[a-z0-9_]{1,20}$")]
Clock = Annotated[StrictStr, Field(pattern="^(([01][0-9]|2[0-3]):(00|15|30|45)|24:00)$")]
MonthDay = Annotated[StrictStr, Field(pattern="^[0-9]{2}-[0-9]{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(_Strict):
    name: Name
    price: StrictStr


class Prices(_Strict):
    total: StrictStr | None = None
    rates: Annotated[list[StrictStr], Field(min_length=1, max_length=4)] | None = None
    bands: Annotated[list[Band], Field(min_length=1, max_length=8)] | None = None
    steps: Annotated[list[StrictStr], Field(min_length=2, max_length=8)] | None = None


class Season(_Strict):
    name: Name
    start: Annotated[MonthDay, Field(alias="from")]


class Hours(_Strict):
    band: StrictStr
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]
    days: Annotated[list[StrictStr], Field(min_length=1, max_length=3)] = list(DAY_TYPES)
    seasons: Annotated[list[StrictStr], Field(min_length=1)] | None = None


class Bands(_Strict):
    hours: Annotated[list[Hours], Field(max_length=48)]
    rest: StrictStr | None = None
    missed_edge: StrictStr
    late_read_s: Annotated[StrictInt, Field(ge=0, le=840)] = 300


class Thresholds(_Strict):
    kwh: list[StrictStr]
    seasons: Annotated[list[StrictStr], Field(min_length=1)] | None = None


class Steps(_Strict):
    over: StrictStr
    surcharges: Annotated[list[StrictStr], Field(min_length=2, max_length=8)] | None = None
    thresholds: list[Thresholds]


class Tariff(_Strict):
    tariff: Identity
    version: Identity
    effective: StrictStr
    currency: Annotated[StrictStr, Field(pattern="^[A-Z]{3}$")]
    utc_offset_min: Annotated[StrictInt, Field(ge=-840, le=840)]
    prices: Prices
    seasons: Annotated[list[Season], Field(max_length=12)] = []
    weekend: Annotated[list[Annotated[StrictInt, Field(ge=1, le=7)]], Field(max_length=7)] = [6, 7]
    holidays: Annotated[list[StrictStr], Field(max_length=96)] = []
    workdays: Annotated[list[StrictStr], Field(max_length=96)] = []
    month_begins: Annotated[StrictInt, Field(ge=1, le=28)] = 1
    bands: Bands | None = None
    steps: Steps | None = None
    fee_per_day: StrictStr | None = None
    fee_per_month: StrictStr | None = None
    minimum_per_month: StrictStr | None = None

    def price_of(self, rate: int) -> int | None:
        """Price of a register (0 = total) where neither band nor step decides; None when this tariff has none."""
        if rate == 0:
            return None if self.prices.total is None else parse_price(self.prices.total, "price")
        rates = self.prices.rates or []
        return parse_price(rates[rate - 1], "price") if rate <= len(rates) else None

    @property
    def form(self) -> str:
        return next(iter(self.prices.model_fields_set))


def read(value: Any) -> Tariff:
    """The model of a tariff without faults; BadInput names the first field."""
    found = faults(value)
    if found:
        raise BadInput(*found[0])
    return Tariff.model_validate(value)


def faults(value: Any) -> list[Fault]:
    """Everything that is wrong, in the order of the document's own fields; empty for a good tariff."""
    try:
        tariff = Tariff.model_validate(value)
    except ValidationError as wrong:
        return [(path(error["loc"]) or "tariff", _said(error)) for error in wrong.errors()]
    found = _nulls(value, "")
    for part in (_head, _calendar, _prices, _bands, _steps, _fees):
        found += part(tariff)
    return found


def path(loc: tuple[int | str, ...]) -> str:
    """A place such as bands.hours[1].from."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_SENTENCES = {
    "extra_forbidden": "is not a field that is known here",
    "missing": "is missing",
    "model_type": "must be an object in braces",
    "int_type": "must be a whole number",
    "string_type": 'must be a text in quotes, such as "0.5500"',
    "list_type": "must be a list in brackets",
}
_PATTERNS = {
    "currency": 'must be three capital letters such as "CNY"',
    "name": "may have 1 to 20 small letters, digits and _ only",
    "from": 'must be a full quarter of an hour such as "08:30"',
    "to": 'must be a full quarter of an hour such as "08:30"',
}


def _said(error: Any) -> str:
    if error["type"] == "string_pattern_mismatch":
        if error["loc"][0] == "seasons" and error["loc"][-1] == "from":
            return 'must be month and day such as "06-30"'
        return f"{_PATTERNS.get(str(error['loc'][-1]), 'is not of the right form')}, got {error['input']!r}"
    return _SENTENCES.get(error["type"]) or str(error["msg"]).removeprefix("Input should ").replace("be ", "must be ", 1)


def _nulls(value: Any, where: str) -> list[Fault]:
    """A field that is not there is left out, not null."""
    if isinstance(value, dict):
        return [fault for name, part in value.items() for fault in _nulls(part, f"{where}.{name}" if where else str(name))]
    if isinstance(value, list):
        return [fault for index, part in enumerate(value) for fault in _nulls(part, f"{where}[{index}]")]
    return [(where, "must not be null: leave it out")] if value is None else []


def _head(tariff: Tariff) -> list[Fault]:
    return [] if _is_date(tariff.effective) else [("effective", "must be a date such as 2026-01-01")]


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and 2000 <= date.fromisoformat(text).year <= 2099
    except ValueError:
        return False


def _twice(names: list[Any], where: str) -> list[Fault]:
    return [(f"{where}[{index}]", "stands there twice") for index, name in enumerate(names) if name in names[:index]]


def _calendar(tariff: Tariff) -> list[Fault]:
    found = _twice([season.name for season in tariff.seasons], "seasons") + _twice(tariff.weekend, "weekend")
    if len(tariff.seasons) == 1:
        found.append(("seasons", "must have two seasons at least, or be left out"))
    for index, season in enumerate(tariff.seasons):
        if not _is_date("2025-" + season.start):
            found.append((f"seasons[{index}].from", f"must be a date that there is in every year, got {season.start!r}"))
    for index, (before, season) in enumerate(pairwise(tariff.seasons), 1):
        if season.start <= before.start:
            found.append((f"seasons[{index}].from", "must be later in the year than the season before it"))
    for name, days in (("holidays", tariff.holidays), ("workdays", tariff.workdays)):
        wrong = [index for index, day in enumerate(days) if not _is_date(day)]
        found += [(f"{name}[{index}]", f'must be a date such as "2026-01-31", got {days[index]!r}') for index in wrong]
        found += _twice(days, name)
    both = [index for index, day in enumerate(tariff.workdays) if day in tariff.holidays]
    return found + [(f"workdays[{index}]", "is among the holidays too") for index in both]


def _price(text: str, where: str) -> list[Fault]:
    try:
        parse_price(text, where)
    except BadInput as fault:
        return [(where, str(fault).removeprefix(where + ": "))]
    return []


def _price_list(texts: list[str] | None, where: str) -> list[Fault]:
    return [fault for index, text in enumerate(texts or []) for fault in _price(text, f"{where}[{index}]")]


def _prices(tariff: Tariff) -> list[Fault]:
    prices = tariff.prices
    if len(prices.model_fields_set) != 1:
        return [("prices", f"must have one of {', '.join(FORMS)}")]
    found = _price(prices.total, "prices.total") if prices.total is not None else []
    found += _price_list(prices.rates, "prices.rates") + _price_list(prices.steps, "prices.steps")
    for index, band in enumerate(prices.bands or []):
        found += _price(band.price, f"prices.bands[{index}].price")
    return found + _twice([band.name for band in prices.bands or []], "prices.bands")


def _named(names: list[str] | None, known: list[str], where: str) -> list[Fault]:
    if names is not None and not known:
        return [(where, "names seasons, but the tariff has none")]
    wrong = [index for index, name in enumerate(names or []) if name not in known]
    found = [(f"{where}[{index}]", f"must be one of {', '.join(known)}, got {(names or [])[index]!r}") for index in wrong]
    return found + _twice(names or [], where)


def _bands(tariff: Tariff) -> list[Fault]:
    bands, priced = tariff.bands, [band.name for band in tariff.prices.bands or []]
    if bands is None:
        return [("bands", "is missing: prices.bands needs its hours")] if priced else []
    if not priced:
        return [("bands", "needs its prices in prices.bands")]
    found: list[Fault] = []
    if bands.missed_edge not in RULES:
        found.append(("bands.missed_edge", f"must be one of {', '.join(RULES)}, got {bands.missed_edge!r}"))
    if bands.rest is not None and bands.rest not in priced:
        found.append(("bands.rest", f"must be one of {', '.join(priced)}, got {bands.rest!r}"))
    seasons = [season.name for season in tariff.seasons]
    for index, row in enumerate(bands.hours):
        where = f"bands.hours[{index}]"
        if row.band not in priced:
            found.append((f"{where}.band", f"must be one of {', '.join(priced)}, got {row.band!r}"))
        if row.start == "24:00" or row.start == row.end:
            found.append((f"{where}.to", "must differ from 'from', and 'from' must lie before 24:00"))
        found += _named(row.days, list(DAY_TYPES), f"{where}.days") + _named(row.seasons, seasons, f"{where}.seasons")
    return found or _covered(bands, seasons)


def quarter(text: str) -> int:
    """Quarters of an hour since midnight."""
    return int(text[:2]) * 4 + int(text[3:]) // 15


def _covered(bands: Bands, seasons: list[str]) -> list[Fault]:
    """Every quarter of every kind of day belongs to one row, or to the rest."""
    found: dict[str, str] = {}
    for season in seasons or [""]:
        for kind in DAY_TYPES:
            taken: dict[int, int] = {}
            said = f"on a day of type {kind}{' in ' + season if season else ''}"
            for index, row in enumerate(bands.hours):
                if kind not in row.days or (row.seasons is not None and season not in row.seasons):
                    continue
                begin, end = quarter(row.start), quarter(row.end)
                for number in range(begin, end if end > begin else end + QUARTERS):
                    if taken.setdefault(number % QUARTERS, index) != index:
                        found.setdefault(f"bands.hours[{index}]", f"overlaps a row before it {said}")
            if len(taken) < QUARTERS and bands.rest is None:
                free = min(set(range(QUARTERS)) - set(taken))
                found.setdefault("bands.rest", f"is missing, and no row names a band at {free // 4:02d}:{free % 4 * 15:02d} {said}")
    return list(found.items())


def _steps(tariff: Tariff) -> list[Fault]:
    steps, prices = tariff.steps, tariff.prices
    if steps is None:
        return [("steps", "is missing: prices.steps needs its thresholds")] if prices.steps is not None else []
    found: list[Fault] = []
    if steps.over not in ("month", "year"):
        found.append(("steps.over", f"must be month or year, got {steps.over!r}"))
    if prices.steps is not None and steps.surcharges is not None:
        found.append(("steps.surcharges", "must be left out where prices.steps has the prices"))
    if prices.steps is None and steps.surcharges is None:
        found.append(("steps.surcharges", "is missing"))
    found += _price_list(steps.surcharges, "steps.surcharges")
    found = found or _too_dear(tariff)
    return found + _thresholds(steps, len(prices.steps or steps.surcharges or []) - 1, [season.name for season in tariff.seasons])


def _too_dear(tariff: Tariff) -> list[Fault]:
    prices, steps = tariff.prices, tariff.steps
    if steps is None or steps.surcharges is None:
        return []
    base = [prices.total] if prices.total is not None else prices.rates or [band.price for band in prices.bands or []]
    if not base or any(_price(text, "") for text in base):
        return []  # said already
    highest = max(parse_price(text, "") for text in base) + max(parse_price(text, "") for text in steps.surcharges)
    return [("steps.surcharges", "come with the highest price to more than 10000 per kWh")] if highest > PRICE_MAX else []


def _thresholds(steps: Steps, count: int, seasons: list[str]) -> list[Fault]:
    found: list[Fault] = []
    had: list[str] = []
    for index, row in enumerate(steps.thresholds):
        where = f"steps.thresholds[{index}]"
        found += _named(row.seasons, seasons, f"{where}.seasons")
        names = row.seasons if row.seasons is not None else seasons or [""]
        if set(names) & set(had):
            found.append((f"{where}.seasons", "names a season that a row before it has"))
        had += names
        if len(row.kwh) != count:
            found.append((f"{where}.kwh", f"must have {count}, one less than there are steps, got {len(row.kwh)}"))
        found += _rising(row.kwh, f"{where}.kwh")
    missing = [season for season in seasons or [""] if season not in had]
    return found or [("steps.thresholds", f"has no row for {season or 'the steps'}") for season in missing]


def _rising(texts: list[str], where: str) -> list[Fault]:
    before = 0
    for index, text in enumerate(texts):
        here = f"{where}[{index}]"
        try:
            limit = parse_decimal(text, 2, here)
        except BadInput as fault:
            return [(here, str(fault).removeprefix(here + ": "))]
        if not before < limit <= THRESHOLD_MAX_CWH:
            return [(here, f"must be more than {'the one before it' if index else '0'} and at most ten million kWh, got {text}")]
        before = limit
    return []


def _fees(tariff: Tariff) -> list[Fault]:
    found: list[Fault] = []
    for name in ("fee_per_day", "fee_per_month", "minimum_per_month"):
        text = getattr(tariff, name)
        if text is None:
            continue
        try:
            amount = parse_decimal(text, 6, name)
        except BadInput as fault:
            found.append((name, str(fault).removeprefix(name + ": ")))
            continue
        if not 0 < amount <= FEE_MAX_UCU:
            found.append((name, f"must be more than 0 and at most a million, got {text}"))
    if tariff.fee_per_day is not None and tariff.fee_per_month is not None:
        found.append(("fee_per_month", "must be left out where fee_per_day stands"))
    return found
