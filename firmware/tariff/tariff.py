"""One immutable tariff version, parsed from its document (DESIGN: tariff; the fields stand in firmware/tariff/__init__.py).

A version is valid from local midnight of its effective date. A document with a field that this version does not know is refused
as a whole: a price that would be half understood must never charge anybody.

The ratio of measuring transformers is no field of a tariff: it belongs to the meter, whose segment it ends when it changes,
and one tariff serves customers with and without transformers.
"""

from firmware.base.decimal_text import parse_decimal, shown
from firmware.base.document import Fields, read_document
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.tariff.bands_document import BANDS_MAX, take_band_prices, take_bands
from firmware.tariff.calendar import take_calendar
from firmware.tariff.dates import parse_date
from firmware.tariff.steps import STEPS_MAX, YEAR, take_steps

PRICE_DIGITS = const(4)
PRICE_MAX = const(100_000_000)  # 10,000 currency per kWh: above it somebody mistook the unit
MONEY_DIGITS = const(6)
FEE_UCU_MAX = 1_000_000_000_000  # a million currency units a month
RATES_MAX = const(4)
ID_MAX = const(0xFFFFFFFF)
UTC_OFFSET_MIN_MAX = const(840)
_FORMS = ("total", "rates", "bands", "steps")


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
        self.calendar = None
        self.bands = None  # Bands; then `prices` are theirs
        self.steps = None  # Steps
        self.fee_day_ucu = 0
        self.fee_month_ucu = 0
        self.minimum_month_ucu = 0

    def price_of(self, rate):
        """Price of a rate register, 0 = the total register: without surcharges, and of the first band where the tariff has bands.
        None when this version has no price for it."""
        if self.rates == 0:
            return self.prices[0] if rate == 0 else None
        return self.prices[rate - 1] if 1 <= rate <= self.rates else None

    def serves(self, rates):
        """True when the hall can charge a segment with `rates` rate registers (0 = total): it knows no bands, steps and fees yet."""
        return self.is_plain() and self.prices_all(rates)

    def prices_all(self, rates):
        """True when each register of a segment with `rates` rate registers (0 = total) has a price."""
        if rates == 0:
            return self.rates == 0
        return 0 < rates <= self.rates

    def period_begin(self, day):
        """The day on which the step period of `day` began; the billing month where there are no steps."""
        if self.steps is not None and self.steps.over == YEAR:
            return self.calendar.year_begin(day)
        return self.calendar.month_begin(day)

    def is_plain(self):
        """True when a price of each register is all that there is: no bands, steps or fees."""
        return self.bands is None and self.steps is None and not self.has_fees()

    def has_fees(self):
        """True when something besides energy is charged."""
        return bool(self.fee_day_ucu or self.fee_month_ucu or self.minimum_month_ucu)

    def same_as(self, other):
        """True when both say the same."""
        return self._content() == other._content()

    def _content(self):
        parts = [part and part.content() for part in (self.calendar, self.bands, self.steps)]
        return (
            self.tariff, self.version, self.effective_day, self.currency, self.utc_offset_min, self.rates, self.prices, parts,
            self.fee_day_ucu, self.fee_month_ucu, self.minimum_month_ucu,
        )  # fmt: skip


def parse_tariff(text):
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
    parsed = Tariff(tariff, version, effective_day, currency, utc_offset_min, rates, prices)
    parsed.calendar = calendar
    if fields.has("bands") or form == "bands":
        if form != "bands":
            raise BadInput("bands", "needs its prices in prices.bands")
        parsed.bands = take_bands(fields.take_fields("bands"), calendar, utc_offset_min, names, prices)
    if fields.has("steps") or form == "steps":
        parsed.steps = take_steps(fields.take_fields("steps"), prices if form == "steps" else None, calendar, _price)
    _take_fees(parsed, fields)
    fields.finish()
    _check_sums(parsed)
    return parsed


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


def _take_fees(parsed, fields):
    if fields.has("fee_per_day") and fields.has("fee_per_month"):
        raise BadInput("fee_per_month", "must be left out where fee_per_day stands")
    parsed.fee_day_ucu = _fee(fields, "fee_per_day")
    parsed.fee_month_ucu = _fee(fields, "fee_per_month")
    parsed.minimum_month_ucu = _fee(fields, "minimum_per_month")


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


def _check_sums(parsed):
    """A price with its surcharge is bounded as a price."""
    steps = parsed.steps
    if steps is not None and steps.prices is None and max(parsed.prices) + max(steps.surcharges) > PRICE_MAX:
        raise BadInput("steps.surcharges", "come with the highest price to more than 10000 per kWh")
