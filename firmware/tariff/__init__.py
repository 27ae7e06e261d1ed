"""Registers and a day -> exact integer money. Pure; imports base only.

Tariff file, JSON, strict (unknown field, missing field, bad number, too many decimals, duplicate -> BadInput(field)):

    {"tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"}}
    {"tariff": 2, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480,
     "prices": {"rates": ["1.0000", "0.5500", "0.3000"]}}

`total` = the price of the total register; `rates` = prices of the rate registers 1 ... 4 (1 to 4 of them): one of the two.
Prices are currency per kWh in quotes, at most 4 decimals. The version is valid from local midnight of `effective`.

tariff.py   `parse_tariff(text_or_bytes) -> Tariff`: `tariff`, `version`, `effective_day`, `currency`, `utc_offset_min`, `rates` (0 = by
            the total register, else the number of rate registers: bind new segments with it), `prices` (tuple);
            `price_of(rate) -> int or None` (rate 0 = total register), `serves(rates) -> bool` (False: no valid tariff for a
            segment with that many rates: charge nothing, cut nothing), `same_as(other)`.
book.py     `TariffBook(capacity)`: `add(tariff) -> CREATED | EXISTS | CONFLICT | FULL`, `in_force(tariff_id, local_day) -> Tariff
            or None`, `get(tariff_id, version)`, `prune(first_unsettled_day) -> [(tariff_id, version)]`, `len()`.
pricing.py  `charge_lines(tariff, rates, from_cwh, to_cwh, modulus_cwh) -> [(rate, from_cwh, to_cwh, price, amount_ucu)]`: lists of
            5 registers (total, rate 1 ... 4); rates 0 charges the total register, rates n the registers 1 ... n; lines without
            energy are left out.
            `total_ucu(lines)`, `difference_cwh(from_cwh, to_cwh, modulus_cwh)`; 100,000,000 unless the model says otherwise.
            `split(from_day, to_day, from_cwh, to_cwh, freezes) -> [(day, from_cwh, to_cwh, marks)]`: spans of one local day each;
            freezes = [(day, [5 registers])] of the midnight that begins `day`. Without freezes one span of from_day,
            marks = MARK_UNSPLIT when a midnight lies in it. Price each span with the tariff in force on its day.
base/days.py `day_number(at_s, utc_offset_min)`, `day_of_date(y, m, d)`, `date_of_day(day) -> (y, m, d)`, `weekday(day)` ISO 1 ... 7,
            `midnight_s(day, utc_offset_min)`, `second_of_day(at_s, utc_offset_min)`.
base/decimal_text.py `parse_decimal(text, digits, field, negative=False) -> int`, `format_decimal(value, digits) -> text`.
"""
