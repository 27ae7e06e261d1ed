"""Steps over a month or a year: thresholds by season, as prices or as surcharges (design section 6).

The energy up to a threshold, the threshold itself included, is of the lower step. Where the season changes inside a period the
energy used so far stands and the thresholds of the day's season hold.

Trap avoided: with a transformer ratio a register's last digit is many units of energy, and a threshold may lie inside it: that
digit is of the lower step whole (`digits_to_ceil`), so registers, energy and money of a record always agree exactly.
"""

from firmware.base.port import const

MONTH = const(0)
YEAR = const(1)
USED_CWH_MAX = const(0xFFFFFFFF)  # beyond every threshold: there the count may stop


class Steps:
    """`over` MONTH or YEAR; `prices` one more than thresholds, or `surcharges` so many; `thresholds_cwh` for each season."""

    def __init__(self, over, prices, surcharges, thresholds_cwh):
        self.over = over
        self.prices = prices
        self.surcharges = surcharges
        self.thresholds_cwh = thresholds_cwh

    def price(self, base, step):
        """Price in a step for energy whose price without steps is `base`."""
        return base + self.surcharges[step] if self.prices is None else self.prices[step]

    def content(self):
        """What makes two the same."""
        return (self.over, self.prices, self.surcharges, self.thresholds_cwh)


def step_of(thresholds_cwh, used_cwh):
    """The step of the next energy after `used_cwh`."""
    step = 0
    while step < len(thresholds_cwh) and thresholds_cwh[step] <= used_cwh:
        step += 1
    return step


def digits_to_ceil(left_cwh, ratio):
    """Units of a register until `left_cwh` of energy are reached, the one in which they are counted in."""
    return (left_cwh + ratio - 1) // ratio
