"""One immutable tariff version (DESIGN: tariff; what a document may hold stands in firmware/tariff/__init__.py).

A version is valid from local midnight of its effective date. Its document is read by code that is let go again (base/rare.py);
what charges by bands, steps and fees is loaded when the first such tariff comes: a site with plain prices has no room for it.

The ratio of measuring transformers is no field of a tariff: it belongs to the meter, whose segment it ends when it changes,
and one tariff serves customers with and without transformers.
"""

import sys

from firmware.base import days
from firmware.base.rare import Rare

_parsed = Rare("firmware.tariff.tariff_document", "parsed")
YEAR = 1  # Steps.over


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
        self.calendar = None  # Calendar; a plain price has no use for it
        self.unused = None  # what the document says of it all the same
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
        """True when each register has a price by which a segment with `rates` rate registers (0 = total) is charged."""
        if rates == 0:
            return self.rates == 0
        return 0 < rates <= self.rates

    def period_begin(self, day):
        """The day on which the step period of `day` began; the billing month where there are no steps."""
        if self.calendar is None:
            year, month, _ = days.date_of_day(day)
            return days.day_of_date(year, month, 1)
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
        parts = [self.unused] + [part and part.content() for part in (self.calendar, self.bands, self.steps)]
        return (
            self.tariff, self.version, self.effective_day, self.currency, self.utc_offset_min, self.rates, self.prices, parts,
            self.fee_day_ucu, self.fee_month_ucu, self.minimum_month_ucu,
        )  # fmt: skip


def parse_tariff(text):
    """JSON text or bytes -> Tariff. BadInput names the field."""
    tariff = _parsed(text)
    if tariff.is_plain() or "firmware.tariff.charging" in sys.modules:
        return tariff
    from firmware.tariff import charging, fees  # noqa: F401 - to stay: all rich tariffs are then of the same classes

    return _parsed(text)
