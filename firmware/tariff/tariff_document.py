"""A tariff document -> Tariff, strictly. Loaded for one document and let go again (base/rare.py).

A document with a field that this version does not know is refused as a whole: a price that would be half understood must
never charge anybody.
"""

from firmware.base.decimal_text import parse_decimal, shown
from firmware.base.document import Fields, read_document
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.tariff.bands_document import BANDS_MAX, take_band_prices, take_bands
from firmware.tariff.calendar_document import take_calendar
from firmware.tariff.dates import parse_date
from firmware.tariff.steps_document import STEPS_MAX, take_steps
from firmware.tariff.tariff import Tariff

PRICE_DIGITS = const(4)
PRICE_MAX = const(100_000_000)  # 10,000 currency per kWh: above it somebody mistook the unit
MONEY_DIGITS = const(6)
FEE_UCU_MAX = 1_000_000_000_000  # a million currency units a month
RATES_MAX = const(4)
ID_MAX = const(0xFFFFFFFF)
UTC_OFFSET_MIN_MAX = const(840)
_FORMS = ("total", "rates", "bands", "steps")


def parsed(text):
    """JSON text or bytes -> Tariff. BadInput names the field."""
    fields = Fields(read_document(text, "tariff document"))
    tariff = fields.take_int("tariff", 1, ID_MAX)
    version = fields.take_int("version", 1, ID_MAX)
    effective_day = parse_date(fields.take("effective"), "effective")
    currency = _currency(fields.take_text("currency", 3))
    utc_offset_min = fields.take_int("utc_offset_min", -UTC_OFFSET_MIN_MAX, UTC_OFFSET_MIN_MAX)
    calendar = take_calendar(fields)
    form, names, prices = _prices(fields.take_fields("prices"))
    rates = len(prices) if form == "rates" else 0
    made = Tariff(tariff, version, effective_day, currency, utc_offset_min, rates, prices)
    made.calendar = calendar
    if fields.has("bands") or form == "bands":
        if form != "bands":
            raise BadInput("bands", "needs its prices in prices.bands")
        made.bands = take_bands(fields.take_fields("bands"), calendar, utc_offset_min, names, prices)
    if fields.has("steps") or form == "steps":
        made.steps = take_steps(fields.take_fields("steps"), prices if form == "steps" else None, calendar, _price)
    _take_fees(made, fields)
    fields.finish()
    _check_sums(made)
    if made.is_plain():
        made.calendar, made.unused = None, calendar.content()
    return made


def _currency(text):
    for char in text:
        if char < "A" or char > "Z":
            text = ""
    if len(text) != 3:
        raise BadInput("currency", 'must be three capital letters such as "CNY"')
    return text


def _prices(fields):
    """(form, names of bands, prices) of the one form that stands there."""
    forms = [form for form in _FORMS if fields.has(form)]
    if len(forms) != 1:
        raise BadInput(fields.path, "must have one of " + ", ".join(_FORMS))
    form = forms[0]
    names = ()
    if form == "total":
        prices = (_price(fields.take("total"), fields.at("total")),)
    elif form == "bands":
        names, prices = take_band_prices(fields.take_list("bands", BANDS_MAX), fields.at("bands"), _price)
    else:
        count_max = RATES_MAX if form == "rates" else STEPS_MAX
        texts = fields.take_list(form, count_max)
        if not texts:
            raise BadInput(fields.at(form), "must have 1 to " + str(count_max) + " prices")
        prices = tuple([_price(texts[i], fields.at(form) + "[" + str(i) + "]") for i in range(len(texts))])
    fields.finish()
    return form, names, prices


def _price(text, field):
    price = parse_decimal(text, PRICE_DIGITS, field)
    if price > PRICE_MAX:
        raise BadInput(field, "is more than 10000 per kWh: " + shown(text))
    return price


def _take_fees(made, fields):
    if fields.has("fee_per_day") and fields.has("fee_per_month"):
        raise BadInput("fee_per_month", "must be left out where fee_per_day stands")
    made.fee_day_ucu = _fee(fields, "fee_per_day")
    made.fee_month_ucu = _fee(fields, "fee_per_month")
    made.minimum_month_ucu = _fee(fields, "minimum_per_month")


def _fee(fields, name):
    """ucu of a fee, 0 when it is not there."""
    if not fields.has(name):
        return 0
    amount_ucu = fields.take_decimal(name, MONEY_DIGITS)
    if not amount_ucu:
        raise BadInput(fields.at(name), "must be more than 0, or be left out")
    if amount_ucu > FEE_UCU_MAX:
        raise BadInput(fields.at(name), "is more than a million")
    return amount_ucu


def _check_sums(made):
    """A price with its surcharge is bounded as a price."""
    steps = made.steps
    if steps is not None and steps.prices is None and max(made.prices) + max(steps.surcharges) > PRICE_MAX:
        raise BadInput("steps.surcharges", "come with the highest price to more than 10000 per kWh")
