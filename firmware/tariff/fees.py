"""What is charged besides energy: a fee for each day, and what a month comes short of its minimum.

A fee that the tariff states per day is charged for each local day. One stated per month is spread: up to and including a day its
share of the billing month is floored, and the day's fee is what that is more than on the day before; so the days of a month
come to the fee exactly, and what flooring held back is in its last days.

Trap avoided: a customer who came in the middle of a month owes no minimum for it; `charged_ucu` is then MONTH_OPEN.
"""

MONTH_OPEN = 1 << 62  # more than any minimum: what such a month counts as charged


def fee_of_day_floor_ucu(tariff, day):
    """The fee of one local day in ucu."""
    if not tariff.fee_month_ucu:
        return tariff.fee_day_ucu
    begin = tariff.calendar.month_begin(day)
    length = tariff.calendar.month_end(day) - begin
    passed = day - begin
    return tariff.fee_month_ucu * (passed + 1) // length - tariff.fee_month_ucu * passed // length


def minimum_due_ucu(tariff, day, charged_ucu):
    """What is added on `day` so that the month comes to its minimum: 0 unless the month ends with that day."""
    if not tariff.minimum_month_ucu or tariff.calendar.month_begin(day + 1) == tariff.calendar.month_begin(day):
        return 0
    return max(0, tariff.minimum_month_ucu - charged_ucu)
