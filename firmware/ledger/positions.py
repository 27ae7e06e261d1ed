"""Where an account stands in its billing month and step period (SPEC 4): only tariffs with bands, steps or fees need it.

A second packed table beside the rows, made when the first such charge comes: a site with plain prices pays no byte for it, in memory,
in snapshots and in its charges. `day` is the first day that is not closed: whose fee is not charged yet. `month_ucu` is what the
account was charged in the month that began on `month_day`; NO_MINIMUM more when it came in the middle of that month.
"""

from firmware.base.port import const
from firmware.base.records import Layout
from firmware.ledger.account_row import POSITION_SIZE

POSITION = Layout("position: day month_day period_day used_cwh month_ucu", b"<HHHIq")
NO_POSITION = (0, 0, 0, 0, 0)
NOTHING = bytes(POSITION_SIZE)
NO_MINIMUM = 1 << 62
_FIXED_FEE = const(6)


class Positions:
    """Of at most `capacity` rows."""

    def __init__(self, capacity):
        self._capacity = capacity
        self._table = None

    def are_kept(self):
        """True when some account has one."""
        return self._table is not None

    def get(self, row):
        """(day, month_day, period_day, used_cwh, month_ucu), zeros when nothing is known."""
        return NO_POSITION if self._table is None else POSITION.unpack(self._table, row * POSITION_SIZE)

    def bytes_of(self, row):
        """As they stand behind a row in a snapshot; none where all is zero."""
        if self._table is None or self.get(row) == NO_POSITION:
            return b""
        return bytes(memoryview(self._table)[row * POSITION_SIZE : (row + 1) * POSITION_SIZE])

    def take(self, row, data):
        """What stood behind a row of a snapshot; b"" = nothing."""
        if self._table is None and data in (b"", NOTHING):
            return
        if self._table is None:
            self._table = bytearray(self._capacity * POSITION_SIZE)
        self._table[row * POSITION_SIZE : (row + 1) * POSITION_SIZE] = data or bytes(POSITION_SIZE)

    def on_charge(self, row, values):
        """Fold a CHARGE that tells its day."""
        amount_ucu, cause = values[9], values[11]
        day, month_day, period_day, used_cwh = values[13:17]
        open_day, open_month, _, _, month_ucu = self.get(row)
        if month_day > open_month:
            month_ucu = 0 if open_month or day == month_day else NO_MINIMUM
            open_month = month_day
        day = max(open_day, day + 1 if cause == _FIXED_FEE else day)
        if self._table is None:
            self._table = bytearray(self._capacity * POSITION_SIZE)
        POSITION.pack_into(self._table, row * POSITION_SIZE, (day, open_month, period_day, used_cwh, month_ucu + amount_ucu))
