"""Bands: the price of the total register by time of day, day type and season (design section 6).

For each season and day type there is a plan of the day, packed as pairs (quarter of an hour, band), the first at midnight. An
edge is an instant at which the band changes. The gateway reads there and charges there; what it could not read at an edge
is split by the rule that the tariff states, and marked.

A bus needs its time: a reading up to `late_s` after an edge counts as taken at it, for the charge before and behind it alike, so that
no energy is charged twice or left out. Hours are quarters and `late_s` is less than one, so one edge at most is meant.

Trap avoided: hours past midnight hold on the days they are named for, at both ends of those days: 23:00 to 07:00 on work days is
the night that begins and the morning, not Saturday's morning.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.tariff.calendar import DAY_TYPES

BY_TIME = const(0)  # rules for an edge that was missed: energy in proportion to time,
CHEAPEST = const(1)  # all at the lowest price that held in between,
FIRST = const(2)  # all at the price that held at its beginning
QUARTER_S = const(900)
SEARCH_DAYS = const(400)  # seasons and holidays repeat within it
_NONE = const(0xFF)


class Bands:
    """`prices` by band; `plans` and `places`: plans[places[season * 3 + day type]]; `names` for comparison only."""

    def __init__(self, calendar, utc_offset_min, names, prices, plans, places, rule, late_s):
        self.calendar = calendar
        self.utc_offset_min = utc_offset_min
        self.names = names
        self.prices = prices
        self.plans = plans
        self.places = places
        self.rule = rule
        self.late_s = late_s

    def plan_of(self, day):
        """The plan of a local day."""
        calendar = self.calendar
        return self.plans[self.places[calendar.season_of(day) * DAY_TYPES + calendar.type_of(day)]]

    def at(self, at_s):
        """The band that holds at this instant."""
        plan = self.plan_of(days.day_number(at_s, self.utc_offset_min))
        return plan[_piece(plan, days.second_of_day(at_s, self.utc_offset_min)) + 1]

    def next_edge_s(self, after_s):
        """The next instant after `after_s` at which the band changes; None when it never does."""
        offset = self.utc_offset_min
        day = days.day_number(after_s, offset)
        second = days.second_of_day(after_s, offset)
        band = _NONE
        for ahead in range(SEARCH_DAYS):
            plan = self.plan_of(day + ahead)
            for place in range(0, len(plan), 2):
                if ahead == 0 and plan[place] * QUARTER_S <= second:
                    band = plan[place + 1]
                elif plan[place + 1] != band:
                    return days.midnight_s(day + ahead, offset) + plan[place] * QUARTER_S
        return None

    def counted_s(self, at_s):
        """The instant as which a reading of `at_s` counts: an edge up to `late_s` before it, else itself."""
        second = days.second_of_day(at_s, self.utc_offset_min)
        plan = self.plan_of(days.day_number(at_s, self.utc_offset_min))
        place = _piece(plan, second)
        since_s = second - plan[place] * QUARTER_S
        if since_s > self.late_s:
            return at_s
        if place == 0 and self.at(at_s - since_s - 1) == plan[1]:
            return at_s  # midnight, and the band goes on
        return at_s - since_s

    def shares(self, from_s, to_s):
        """[(band, seconds)] of the time between two instants, in the order in which each band first held; one at least."""
        found = []
        offset = self.utc_offset_min
        at_s = from_s
        while at_s < to_s:
            day = days.day_number(at_s, offset)
            plan = self.plan_of(day)
            place = _piece(plan, days.second_of_day(at_s, offset))
            ends = plan[place + 2] * QUARTER_S if place + 2 < len(plan) else days.DAY_S
            until_s = min(to_s, days.midnight_s(day, offset) + ends)
            _add(found, plan[place + 1], until_s - at_s)
            at_s = until_s
        return found or [(self.at(from_s), 0)]

    def content(self):
        """What makes two the same."""
        return (self.names, self.prices, self.plans, self.places, self.rule, self.late_s)


def _piece(plan, second):
    """Place of the piece of a plan in which this second of the day lies."""
    place = len(plan) - 2
    while plan[place] * QUARTER_S > second:
        place -= 2
    return place


def _add(shares, band, seconds):
    for index in range(len(shares)):
        if shares[index][0] == band:
            shares[index] = (band, shares[index][1] + seconds)
            return
    shares.append((band, seconds))
