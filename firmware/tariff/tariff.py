"""One immutable tariff version, parsed from its document (DESIGN: tariff).

A version is a flat price or one price per rate register, valid from local midnight of its effective date. Bands, steps
and seasons are fields that this version does not know, so a document with them is refused as a whole: a price that
would be half understood must never charge anybody.
"""

from firmware.base import days
from firmware.base.decimal_text import parse_decimal, shown
from firmware.base.document import Fields, read_document
from firmware.base.faults import BadInput
from firmware.base.port import const

PRICE_DIGITS = const(4)
PRICE_MAX = const(100_000_000)  # 10,000 currency per kWh: above it somebody mistook the unit
RATES_MAX = const(4)
ID_MAX = const(0xFFFFFFFE)
UTC_OFFSET_MIN_MAX = const(840)


class Tariff:
    """`prices` in 0.0001 currency per kWh: one when `flat`, else of rate 1, 2 ...; never changed after parsing."""

    def __init__(self, tariff, version, effective_day, utc_offset_min, prices, flat):
        self.tariff = tariff
        self.version = version
        self.effective_day = effective_day
        self.utc_offset_min = utc_offset_min
        self.prices = prices
        self.flat = flat

    def price_of(self, rate):
        """Price of a rate register; rate 0 is the total register. None when this version has no price for it."""
        if self.flat:
            return self.prices[0]
        if rate < 1 or rate > len(self.prices):
            return None
        return self.prices[rate - 1]

    def serves(self, rates):
        """True when a meter charged by `rates` rate registers (0 = by its total) has a price for each of them."""
        return self.flat or 0 < rates <= len(self.prices)

    def same_as(self, other):
        """True when both say the same."""
        return self._content() == other._content()

    def _content(self):
        return (self.tariff, self.version, self.effective_day, self.utc_offset_min, self.prices, self.flat)


def parse_tariff(text):
    """JSON text or bytes -> Tariff. BadInput names the field."""
    fields = Fields(read_document(text, "tariff document"))
    tariff = fields.take_int("tariff", 1, ID_MAX)
    version = fields.take_int("version", 1, ID_MAX)
    effective_day = parse_date(fields.take("effective"), "effective")
    utc_offset_min = fields.take_int("utc_offset_min", -UTC_OFFSET_MIN_MAX, UTC_OFFSET_MIN_MAX)
    flat = fields.has("price")
    if flat and fields.has("prices"):
        raise BadInput("prices", "must not stand beside price: a tariff is flat or has one price per rate")
    if flat:
        prices = (_price(fields.take("price"), "price"),)
    else:
        prices = _prices(fields)
    fields.finish()
    return Tariff(tariff, version, effective_day, utc_offset_min, prices, flat)


def parse_date(text, field):
    """ "2026-01-31" -> day number."""
    if type(text) is str and len(text) == 10 and text[4] == "-" and text[7] == "-":
        year, month, day = text[:4], text[5:7], text[8:]
        digits = year + month + day
        if all(char in "0123456789" for char in digits):
            number = days.day_of_date(int(year), int(month), int(day))
            if number is not None:
                return number
    raise BadInput(field, 'must be a date such as "2026-01-31", got ' + shown(text))


def _prices(fields):
    if not fields.has("prices"):
        raise BadInput("price", "is missing: a tariff needs price or prices")
    texts = fields.take_list("prices", RATES_MAX)
    if not texts:
        raise BadInput("prices", "must have 1 to " + str(RATES_MAX) + " prices")
    return tuple([_price(texts[i], "prices[" + str(i) + "]") for i in range(len(texts))])


def _price(text, field):
    price = parse_decimal(text, PRICE_DIGITS, field)
    if price > PRICE_MAX:
        raise BadInput(field, "is more than 10000 per kWh: " + shown(text))
    return price
