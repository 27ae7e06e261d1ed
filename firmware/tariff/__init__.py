"""Registers and a day -> exact integer money. Pure; imports base only.

Tariff file, JSON, strict (unknown field, missing field, bad number, too many decimals, duplicate -> BadInput(field)):

    {"tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"}}

`prices` is one of: `total` = price of the total register; `rates` = prices of the rate registers 1 ... 4 (1 to 4 of them); `bands` = named
prices of the total register (bands_document.py); `steps` = the prices of the steps. Prices are currency per kWh in quotes, at most 4
decimals. The version is valid from local midnight of `effective`. What may stand there besides:

    seasons        [{"name": "summer", "from": "06-01"}, ...]: each lasts until the next begins      (calendar_document.py)
    weekend        ISO weekdays, [6, 7] when left out; holidays, workdays: dates of one year after another
    month_begins   day of the month, 1 ... 28, on which a billing month begins, 1 when left out
    bands          hours of the bands of prices.bands, and what happens where an edge was missed    (bands_document.py)
    steps          thresholds over a month or a year, surcharges on another price                   (steps_document.py)
    fee_per_day or fee_per_month, minimum_per_month: currency in quotes, at most 6 decimals         (fees.py)

tariff.py   `parse_tariff(text_or_bytes) -> Tariff`: `tariff`, `version`, `effective_day`, `currency`, `utc_offset_min`, `rates` (0 = by
            the total register, else the number of rate registers: bind new segments with it), `prices` (tuple), `calendar`, `bands`
            and `steps` (None without); `price_of(rate) -> int or None` (rate 0 = total register), `serves(rates) -> bool` (False: no valid
            tariff for a segment with that many rates: charge nothing, cut nothing), `same_as(other)`.
book.py     `TariffBook(capacity)`: `add(tariff) -> CREATED | EXISTS | CONFLICT | FULL`, `in_force(tariff_id, local_day) -> Tariff
            or None`, `get(tariff_id, version)`, `prune(first_unsettled_day) -> [(tariff_id, version)]`, `len()`.
pricing.py  `charge_lines(tariff, rates, from_cwh, to_cwh, modulus_cwh) -> [(rate, from_cwh, to_cwh, price, amount_ucu)]`: lists of
            5 registers (total, rate 1 ... 4); rates 0 charges the total register, rates n the registers 1 ... n; lines without
            energy are left out.
            `total_ucu(lines)`, `difference_cwh(from_cwh, to_cwh, modulus_cwh)`; 100,000,000 unless the model says otherwise.
            `split(from_day, to_day, from_cwh, to_cwh, freezes) -> [(day, from_cwh, to_cwh, marks)]`: spans of one local day each;
            freezes = [(day, [5 registers])] of the midnight that begins `day`. Without freezes one span of from_day,
            marks = MARK_UNSPLIT when a midnight lies in it. Price each span with the tariff in force on its day.
charging.py `charge_spans(tariff, position, spans, rates, modulus_cwh, ratio) -> (lines, position)`: bands, steps, transformers.
bands.py    `Bands`: `next_edge_s(after_s)`, where the gateway must read; `at(at_s)`, `shares(from_s, to_s)`.
fees.py     `fee_of_day_floor_ucu(tariff, day)`, `minimum_due_ucu(tariff, day, charged_ucu)`.
base/days.py `day_number(at_s, utc_offset_min)`, `day_of_date(y, m, d)`, `date_of_day(day) -> (y, m, d)`, `weekday(day)` ISO 1 ... 7,
            `midnight_s(day, utc_offset_min)`, `second_of_day(at_s, utc_offset_min)`.
base/decimal_text.py `parse_decimal(text, digits, field, negative=False) -> int`, `format_decimal(value, digits) -> text`.
"""
