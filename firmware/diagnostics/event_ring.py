"""The last events as numbers with arguments, in one packed table made at start (SPEC 7). Pure.

An event that comes again and again without another in between is one entry that counts: a link that fails for a week
leaves the others readable. Words are made on the host.
"""

from firmware.base.port import const
from firmware.base.records import Layout

# codes 1 ... 99 are those of the journal's EVENT records (SPEC 2 kind 22), 100 ... 199 the uplink's causes
HELD = const(200)  # account, why
FAULT = const(201)  # account, fault
BRAKE = const(202)  # value: 1 closed, 0 released
CLOCK_SET = const(203)  # value: seconds forward
BEGUN = const(210)  # value: boots in a row that did not settle
REQUEST_DROPPED = const(211)  # value: how many so far
WRONG_MAC = const(212)  # value: how many so far
MAINTENANCE_ASKED = const(213)  # value: seconds
ANSWER_FAILED = const(214)

TIMES_MAX = const(0xFFFF)
ENTRY = Layout("event: number at_s code times account value", b"<IIHHIq")


class EventRing:
    """EventRing(capacity): `add` takes one event, `row(number)` shows one, oldest number in `first`."""

    def __init__(self, capacity):
        self._capacity = max(1, capacity)
        self._table = bytearray(ENTRY.size * self._capacity)
        self.last = 0  # number of the newest; 0 = none yet

    @property
    def first(self):
        """Number of the oldest still kept; one more than the last when there is none."""
        return max(1, self.last - self._capacity + 1)

    def add(self, code, account, value, at_s):
        """One more event."""
        if self.last:
            _, _, known, times, whose, _ = self._entry(self.last)
            if known == code and whose == account:
                self._put(self.last, (self.last, at_s, code, min(times + 1, TIMES_MAX), account, value))
                return
        self.last += 1
        self._put(self.last, (self.last, at_s, code, 1, account, value))

    def row(self, number):
        """(number, at_s, code, times, account, value), or None when it is not kept (any more)."""
        if number < self.first or number > self.last:
            return None
        return self._entry(number)

    def _offset(self, number):
        return (number % self._capacity) * ENTRY.size

    def _entry(self, number):
        return ENTRY.unpack(self._table, self._offset(number))

    def _put(self, number, values):
        ENTRY.pack_into(self._table, self._offset(number), values)
