"""What kind of day a local day is for a tariff: its season, its type, and the billing month it lies in (design section 6).

A season begins on its date and lasts until the next one begins; the last one lasts over the new year. A day is a holiday when it is
listed, else a work day when it is listed among `workdays`, else weekend or work by its weekday. A billing month begins on the
day `month_begins`, and the year with the month of January.
"""

from firmware.base import days
from firmware.base.port import const

WORK = const(0)
WEEKEND = const(1)
HOLIDAY = const(2)
DAY_TYPES = const(3)


class Calendar:
    """`seasons` their names, `starts` as month * 100 + day; `holidays` and `workdays` day numbers; `weekend` ISO weekdays."""

    def __init__(self, seasons, starts, weekend, holidays, workdays, month_begins):
        self.seasons = seasons
        self.starts = starts
        self.weekend = weekend
        self.holidays = holidays
        self.workdays = workdays
        self.month_begins = month_begins

    def season_of(self, day):
        """Index of the season of a local day; 0 where there are no seasons."""
        starts = self.starts
        if len(starts) < 2:
            return 0
        _, month, day_of_month = days.date_of_day(day)
        begun = month * 100 + day_of_month
        season = len(starts) - 1  # before the first start of the year the last season goes on
        for index in range(len(starts)):
            if starts[index] <= begun:
                season = index
        return season

    def type_of(self, day):
        """WORK, WEEKEND or HOLIDAY."""
        if day in self.holidays:
            return HOLIDAY
        if day in self.workdays:
            return WORK
        return WEEKEND if days.weekday(day) in self.weekend else WORK

    def month_begin(self, day):
        """The day on which the billing month of `day` began."""
        year, month, day_of_month = days.date_of_day(day)
        if day_of_month < self.month_begins:
            month -= 1
        return days.day_of_date(year, month, self.month_begins) if month else days.day_of_date(year - 1, 12, self.month_begins)

    def month_end(self, day):
        """The day on which the next billing month begins."""
        return self.month_begin(self.month_begin(day) + 31)

    def year_begin(self, day):
        """The day on which the billing year of `day` began."""
        year = days.date_of_day(day)[0]
        begin = days.day_of_date(year, 1, self.month_begins)
        return begin if begin <= day else days.day_of_date(year - 1, 1, self.month_begins)

    def content(self):
        """What makes two calendars the same."""
        return (self.seasons, self.starts, self.weekend, self.holidays, self.workdays, self.month_begins)
