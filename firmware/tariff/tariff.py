"""One immutable tariff version, parsed from its document (DESIGN: tariff).

A version has one price for the total register or one per rate register, valid from local midnight of its effective date. Bands, steps
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
ID_MAX = const(0xFFFFFFFF)
UTC_OFFSET_MIN_MAX = const(840)


class Tariff:
    """`prices` in 0.0001 currency per kWh: of the total register when `rates` is 0, else of rate 1 ... `rates`. Immutable."""

    def __init__(self, tariff, version, effective_day, currency, utc_offset_min, rates, prices):
        self.tariff = tariff
        self.version = version
        self.effective_day = effective_day
        self.currency = currency
        self.utc_offset_min = utc_offset_min
        self.rates = rates
        self.prices = prices

    def price_of(self, rate):
        """Price of a rate register, 0 = the total register. None when this version has no price for it."""
        if self.rates == 0:
            return self.prices[0] if rate == 0 else None
        return self.prices[rate - 1] if 1 <= rate <= self.rates else None

    def serves(self, rates):
        """True when each register has a price by which a segment with `rates` rate registers (0 = total) is charged."""
        if rates == 0:
            return self.rates == 0
        return 0 < rates <= self.rates

    def same_as(self, other):
        """True when both say the same."""
        return self._content() == other._content()

    def _content(self):
        return (self.tariff, self.version, self.effective_day, self.currency, self.utc_offset_min, self.rates, self.prices)


def parse_tariff(text):
    """JSON text or bytes -> Tariff. BadInput names the field."""
    fields = Fields(read_document(text, "tariff document"))
    tariff = fields.take_int("tariff", 1, ID_MAX)
    version = fields.take_int("version", 1, ID_MAX)
    effective_day = parse_date(fields.take("effective"), "effective")
    currency = _currency(fields.take_text("currency", 3))
    utc_offset_min = fields.take_int("utc_offset_min", -UTC_OFFSET_MIN_MAX, UTC_OFFSET_MIN_MAX)
    rates, prices = _prices(fields.take_fields("prices"))
    fields.finish()
    return Tariff(tariff, version, effective_day, currency, utc_offset_min, rates, prices)


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


def _currency(text):
    for char in text:
        if char < "A" or char > "Z":
            text = ""
    if len(text) != 3:
        raise BadInput("currency", 'must be three capital letters such as "CNY"')
    return text


def _prices(fields):
    """(rates, prices) of the one form that stands there."""
    if fields.has("total") == fields.has("rates"):
        raise BadInput(fields.path, "must have either total or rates")
    if fields.has("total"):
        rates = 0
        prices = (_price(fields.take("total"), fields.at("total")),)
    else:
        texts = fields.take_list("rates", RATES_MAX)
        rates = len(texts)
        if not rates:
            raise BadInput(fields.at("rates"), "must have 1 to " + str(RATES_MAX) + " prices")
        prices = tuple([_price(texts[i], fields.at("rates") + "[" + str(i) + "]") for i in range(rates)])
    fields.finish()
    return rates, prices


def _price(text, field):
    price = parse_decimal(text, PRICE_DIGITS, field)
    if price > PRICE_MAX:
        raise BadInput(field, "is more than 10000 per kWh: " + shown(text))
    return price
