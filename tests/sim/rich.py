"""Rich tariffs of a run: drawn from its seed, and read by a clock of our own, quarter of an hour by quarter of an hour.

`shape_of(rng, today)` draws what besides its price a tariff has; `document_of` writes it as a utility would. `Rich` answers from the
document alone, in plain integers: which band holds, what a step costs, where months begin, what a day's fee is. It shares no line with
the firmware or the head-end.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

QUARTER_S, DAY_S = 900, 86_400
UTC_OFFSET_MIN = 480
TYPES = ("work", "weekend", "holiday")
PRICE_DIGITS = 10_000
FEES = ("fee_per_day", "fee_per_month", "minimum_per_month")


def shape_of(rng: random.Random, today: int) -> dict[str, Any]:
    """Fields of a tariff besides its price; none one half of the time. Edges, seasons and months fall into the run where they can."""
    shape: dict[str, Any] = {}
    if rng.random() < 0.5:
        return shape
    if rng.random() < 0.5:
        shape["seasons"] = _seasons(rng, today)
    if rng.random() < 0.6:
        shape["bands"] = _bands(rng, shape.get("seasons", []))
        shape["holidays"] = [(date(1970, 1, 1) + timedelta(days=today + rng.randrange(4))).isoformat()]
    if rng.random() < 0.5:
        shape["steps"] = _steps(rng, shape.get("seasons", []), "bands" in shape)
    fee = rng.choice(("", "fee_per_day", "fee_per_month"))
    if fee:
        shape[fee] = rng.choice(("0.35", "0.000001", "9.99"))
    if rng.random() < 0.2:
        shape["minimum_per_month"] = "30.00"
    if rng.random() < 0.5:
        day = date(1970, 1, 1) + timedelta(days=today + rng.randrange(3))
        shape["month_begins"] = min(day.day, 28)
    return shape


def _seasons(rng: random.Random, today: int) -> list[dict[str, str]]:
    turn = date(1970, 1, 1) + timedelta(days=today + rng.randrange(3))
    other = turn + timedelta(days=150)
    days = sorted(f"{day.month:02d}-{min(day.day, 28):02d}" for day in (turn, other))
    return [{"name": name, "from": day} for name, day in zip(("warm", "cold"), days, strict=True)]


def _bands(rng: random.Random, seasons: list[dict[str, str]]) -> dict[str, Any]:
    """Some pieces of the day that do not overlap; what is between them is the rest."""
    rows: list[dict[str, Any]] = []
    edges = sorted(rng.sample(range(1, 96), rng.choice((2, 4, 6))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        row: dict[str, Any] = {"band": rng.choice(("peak", "valley")), "from": _clock(start), "to": _clock(end)}
        if rng.random() < 0.3:
            row["days"] = rng.choice((["work"], ["weekend", "holiday"], ["work", "holiday"]))
        if seasons and rng.random() < 0.4:
            row["seasons"] = [rng.choice(("warm", "cold"))]
        rows.append(row)
    if rng.random() < 0.4:
        rows.append({"band": "valley", "from": _clock(edges[-1]), "to": _clock(edges[0])})  # past midnight
    late_s = rng.choice((60, 300, 840))
    return {"hours": rows, "rest": "flat", "missed_edge": rng.choice(("by_time", "cheapest", "first")), "late_read_s": late_s}


def _steps(rng: random.Random, seasons: list[dict[str, str]], banded: bool) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [{"kwh": rng.choice((["1", "2.5"], ["3", "20"], ["0.01", "0.02"]))}]
    if seasons and rng.random() < 0.7:
        rows = [{"kwh": rows[0]["kwh"], "seasons": ["warm"]}, {"kwh": ["2", "4.44"], "seasons": ["cold"]}]
    elif seasons:
        rows[0]["seasons"] = ["warm", "cold"]
    steps: dict[str, Any] = {"over": rng.choice(("month", "year")), "thresholds": rows}
    if banded or rng.random() < 0.5:
        steps["surcharges"] = ["0.0000", "0.0500", "0.3001"]
    return steps


def documents_of(shape: dict[str, Any], version: int, effective: str, price: int) -> dict[str, dict[str, Any]]:
    """The tariff by the total register (1) and by four rate registers (2); without a shape a price for each register."""
    head = {"version": version, "effective": effective, "currency": "CNY", "utc_offset_min": UTC_OFFSET_MIN}
    common = {name: shape[name] for name in (*FEES, "month_begins") if name in shape}
    prices: dict[str, Any] = {"total": _text(price)}
    one: dict[str, Any] = {**common, **{name: shape[name] for name in ("seasons", "holidays", "bands", "steps") if name in shape}}
    if "bands" in shape:
        names = zip(("peak", "flat", "valley"), (2 * price, price, price // 2 + 1), strict=True)
        prices = {"bands": [{"name": name, "price": _text(one)} for name, one in names]}
    elif "steps" in shape and "surcharges" not in shape["steps"]:
        prices = {"steps": [_text(price), _text(price + 500), _text(2 * price)]}
    two: dict[str, Any] = {**common, "prices": {"rates": [_text(one) for one in rate_prices(price)]}}
    if "steps" in shape and "surcharges" in shape["steps"]:
        two.update({name: shape[name] for name in ("seasons", "steps") if name in shape})
    return {"1": {"tariff": 1, **head, "prices": prices, **one}, "2": {"tariff": 2, **head, **two}}


def rate_prices(price: int) -> list[int]:
    """Four rates from one price: peak dearer, valley cheaper."""
    return [price * 2, price + 7, price, price // 2 + 1]


class Rich:
    """One version; days are numbers since 1970-01-01, local."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        prices = document["prices"]
        self.steps = document.get("steps")
        self.bands = document.get("bands")
        self.names = [one["name"] for one in prices.get("bands", [])]
        self._bases = {rate: _units(text) for rate, text in enumerate(prices.get("rates", []), 1)}
        if "total" in prices:
            self._bases = {0: _units(prices["total"])}
        self._band_prices = [_units(one["price"]) for one in prices.get("bands", [])]
        self._step_prices = [_units(text) for text in prices.get("steps", [])]
        self._surcharges = [_units(text) for text in (self.steps or {}).get("surcharges", [])]
        self.late_s = self.bands["late_read_s"] if self.bands else 0
        self.is_plain = not (self.bands or self.steps or any(name in document for name in FEES))
        self._plans: dict[int, list[int]] = {}
        self._plans_of: dict[tuple[str, str], list[int]] = {}  # by kind and season of the day
        self._begins: dict[int, tuple[int, int]] = {}  # of month and period, by day

    # prices

    def price(self, rate: int, band: int, step: int) -> int | None:
        """`band` from 1, 0 = there are none; `step` from 0. None: the tariff has no such price."""
        if self._step_prices:
            return self._step_prices[step] if rate == 0 and step < len(self._step_prices) else None
        base = self._band_prices[band - 1] if 0 < band <= len(self._band_prices) else self._bases.get(rate)
        if base is None or self._surcharges and step >= len(self._surcharges) or bool(band) != bool(self._band_prices):
            return None
        return base + (self._surcharges[step] if self._surcharges else 0)

    def dearest(self, rate: int) -> int:
        """The most that energy of this register can cost."""
        if self._step_prices:
            return max(self._step_prices)
        return max(self._band_prices or [self._bases.get(rate, 0)]) + max(self._surcharges, default=0)

    def limits_cwh(self, day: int) -> list[int]:
        """Thresholds of that day's season."""
        if not self.steps:
            return []
        for row in self.steps["thresholds"]:
            if "seasons" not in row or self.season(day) in row["seasons"]:
                return [_hundredths(text) for text in row["kwh"]]
        raise AssertionError("a season without thresholds")

    # bands

    def plan(self, day: int) -> list[int]:
        """The band, from 1, of each quarter of an hour of that day."""
        if day not in self._plans:
            which = (self.kind(day), self.season(day))
            if which not in self._plans_of:
                self._plans_of[which] = [self._band(quarter, *which) for quarter in range(96)]
            self._plans[day] = self._plans_of[which]
        return self._plans[day]

    def _band(self, quarter: int, kind: str, season: str) -> int:
        assert self.bands is not None
        for row in self.bands["hours"]:
            start, end = _quarter(row["from"]), _quarter(row["to"])
            inside = start <= quarter < end if start < end else quarter >= start or quarter < end
            if inside and kind in row.get("days", TYPES) and ("seasons" not in row or season in row["seasons"]):
                return 1 + self.names.index(row["band"])
        return 1 + self.names.index(self.bands["rest"])

    def band_at(self, local_s: int) -> int:
        return self.plan(local_s // DAY_S)[local_s % DAY_S // QUARTER_S] if self.bands else 0

    def held(self, start_s: int, end_s: int) -> list[int]:
        """Bands between two local instants, in the order in which each first held."""
        if not self.bands:
            return [0]
        found, at_s = [self.band_at(start_s)], (start_s // QUARTER_S + 1) * QUARTER_S
        while at_s < end_s:
            until_s = min(end_s, (at_s // DAY_S + 1) * DAY_S)
            first = at_s % DAY_S // QUARTER_S
            for band in self.plan(at_s // DAY_S)[first : first - (at_s - until_s) // QUARTER_S]:
                if band not in found:
                    found.append(band)
            at_s = until_s
        return found

    def counted_s(self, local_s: int) -> int:
        """A reading a little behind an edge counts as taken there."""
        if not self.bands:
            return local_s
        edge_s = local_s // QUARTER_S * QUARTER_S
        passed = local_s - edge_s <= self.late_s and self.band_at(edge_s) != self.band_at(edge_s - 1)
        return edge_s if passed else local_s

    def allowed(self, start_s: int, end_s: int) -> tuple[list[int], bool]:
        """(bands by which that energy may be charged, is it an estimate) between two readings at local instants."""
        held = self.held(self.counted_s(start_s), self.counted_s(end_s))
        rule = self.bands["missed_edge"] if self.bands else "by_time"
        if len(held) == 1 or rule == "by_time":
            return held, len(held) > 1
        if rule == "first":
            return held[:1], True
        low = min(self._band_prices[band - 1] for band in held)
        return [band for band in held if self._band_prices[band - 1] == low], True

    # days

    def kind(self, day: int) -> str:
        if date_text(day) in self.document.get("holidays", []):
            return "holiday"
        return "weekend" if (day + 3) % 7 >= 5 else "work"

    def season(self, day: int) -> str:
        seasons, text = self.document.get("seasons", []), date_text(day)[5:]
        if not seasons:
            return ""
        begun = [one["name"] for one in seasons if one["from"] <= text]
        return str(begun[-1] if begun else seasons[-1]["name"])

    def month_begin(self, day: int) -> int:
        """The day on which its billing month began."""
        return self._begin(day)[0]

    def period_begin(self, day: int) -> int:
        """The day on which its step period began; the month where there are no steps."""
        return self._begin(day)[1]

    def _begin(self, day: int) -> tuple[int, int]:
        if day not in self._begins:
            month = self._month_back(day)
            period = month
            while self.steps and self.steps["over"] == "year" and date_of(period).month != 1:
                period = self._month_back(period - 1)
            self._begins[day] = (month, period)
        return self._begins[day]

    def _month_back(self, day: int) -> int:
        wanted = self.document.get("month_begins", 1)
        while date_of(day).day != wanted:
            day -= 1
        return day

    def fee_ucu(self, day: int) -> int:
        """The fee of one day; of a month what its floored share grows by on that day."""
        if "fee_per_day" in self.document:
            return _millionths(self.document["fee_per_day"])
        if "fee_per_month" not in self.document:
            return 0
        fee, begin, days = _millionths(self.document["fee_per_month"]), self.month_begin(day), 28
        while self.month_begin(begin + days) == begin:
            days += 1
        return fee * (day - begin + 1) // days - fee * (day - begin) // days

    def minimum_ucu(self, day: int) -> int:
        """What the month must come to, when it ends with that day."""
        ends = self.month_begin(day + 1) == day + 1
        return _millionths(self.document["minimum_per_month"]) if ends and "minimum_per_month" in self.document else 0


def date_of(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def date_text(day: int) -> str:
    return date_of(day).isoformat()


def _text(price: int) -> str:
    return f"{price // PRICE_DIGITS}.{price % PRICE_DIGITS:04d}"


def _scaled(text: str, digits: int) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 10**digits + int(part.ljust(digits, "0") or "0")


def _units(text: str) -> int:
    return _scaled(text, 4)


def _hundredths(text: str) -> int:
    return _scaled(text, 2)


def _millionths(text: str) -> int:
    return _scaled(text, 6)


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def _quarter(text: str) -> int:
    return int(text[:2]) * 4 + int(text[3:]) // 15
