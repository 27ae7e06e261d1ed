"""The accounts: a pure fold over the journal, in one packed bytearray (design 4.1, 4.3; SPEC 4).

Rows stand in the order they were first written, so a row's index lasts for the life of the process and a snapshot may be
spread over many ticks; a second small array keeps them sorted by account for look-up.

Until a journal whose beginning was pruned has shown one complete snapshot, rows are unknown: records for them are passed
over and snapshot rows are believed (`complete` is False). Afterwards a snapshot row must agree with the fold, or
`disagreements` counts it and the journal is not sound. Trap avoided: dict order differs between the interpreters; nothing
here depends on one.
"""

from array import array

from firmware.base.crc import crc32
from firmware.base.faults import Broken
from firmware.base.port import const
from firmware.base.records import U32, Layout
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_READING_HELD, ISSUERS, REGISTERS, ROW, ROW_SIZE

CREATED = const(0)  # verdicts on a credit
EXISTS = const(1)
CONFLICT = const(2)

UNKNOWN_ACCOUNT = const(1)  # reasons of CREDIT_REFUSED
OTHER_TOTAL = const(2)
TOO_MANY_ISSUERS = const(3)
FULL = const(4)
OUT_OF_RANGE = const(5)

# 10**11 currency units: the sum of four totals and the charges stays far inside 64 bits
AMOUNT_UCU_MAX = 100_000_000_000_000_000

_ACCOUNT = Layout("account", (("account", U32),))
_FROM = tuple("from_" + str(rate) for rate in range(REGISTERS))
_CHARGED = tuple("charged_" + str(rate) for rate in range(REGISTERS))
_ISSUER = tuple("issuer_" + str(place) for place in range(ISSUERS))
_NUMBER = tuple("number_" + str(place) for place in range(ISSUERS))
_TOTAL = tuple("total_" + str(place) for place in range(ISSUERS))

_WISH_OF_VERDICT = {1: 1, 2: 0, 5: 0}  # cut -> OFF, restore and withdrawn -> ON
_FIXED_FEE = const(6)
_DELIVERED = const(2)
_ALARM_ON = const(3)
_ALARM_OFF = const(4)
_ORDERED = const(1)
_NUMBERED_FOR_GATEWAY = (7, 8)  # release brake, state (SPEC 5.6)


class Accounts:
    """`count` rows of `ROW_SIZE` bytes; `complete` = the fold knows all; `brake`, `gateway_order` of the gateway itself."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.count = 0
        self._table = bytearray(capacity * ROW_SIZE)
        self._sorted = array("H", bytes(2 * capacity))
        self._touched = bytearray(capacity)  # rows of the snapshot being replayed
        self.complete = True
        self.disagreements = 0
        self.orphans = 0  # records for accounts that a complete fold does not know
        self.brake = False
        self.gateway_order = 0
        self._replacing = False
        self._snapshot_rows = -1  # -1 = no snapshot under way
        self._snapshot_crc = 0
        self._handlers = (
            None,
            self._on_epoch,
            None,
            self._on_snapshot_begin,
            self._on_snapshot_row,
            self._on_snapshot_end,
            self._on_segment,
            self._on_credit,
            None,
            self._on_charge,
            self._on_held,
            self._on_episode,
            self._on_notice,
            self._on_decision,
            self._on_relay,
            self._on_seen,
            self._on_order,
            None,
            self._on_flags,
            self._on_brake,
            None,
            None,
            None,
            None,
            self._on_fault,
        )

    # look-up

    def row_of(self, account):
        """Row of an account number, -1 when there is none."""
        place = self._place_of(account)
        if place < self.count:
            row = self._sorted[place]
            if self.account(row) == account:
                return row
        return -1

    def row_of_serial(self, serial):
        """Row bound to the meter with these 6 bytes, -1 when there is none."""
        at = ROW.offset_of("serial")
        table = memoryview(self._table)
        for row in range(self.count):
            if table[at : at + 6] == serial:
                return row
            at += ROW_SIZE
        return -1

    def account(self, row):
        """Account number of a row."""
        return ROW.get(self._table, self._start(row), "account")

    def get(self, row, field):
        """One field of a row by its name."""
        return ROW.get(self._table, self._start(row), field)

    def from_cwh(self, row, rate):
        """Register (0 = total, 1 ... 4 = rate) at which the segment begins."""
        return self.get(row, _FROM[rate])

    def charged_cwh(self, row, rate):
        """Register up to which energy is charged."""
        return self.get(row, _CHARGED[rate])

    def balance_ucu(self, row):
        """Sum of the issuers' totals less all that was charged."""
        balance_ucu = -self.get(row, "total_charged_ucu")
        for place in range(ISSUERS):
            balance_ucu += self.get(row, _TOTAL[place])
        return balance_ucu

    def row_bytes(self, row):
        """A copy of the row as it stands in a snapshot."""
        start = self._start(row)
        return bytes(memoryview(self._table)[start : start + ROW_SIZE])

    def newest_credit(self, row, issuer):
        """Highest credit number of an issuer, 0 when none was seen."""
        place = self._issuer_place(row, issuer)
        return 0 if place < 0 else self.get(row, _NUMBER[place])

    # credits

    def credit_verdict(self, account, issuer, number, amount_ucu, total_ucu):
        """(CREATED | EXISTS | CONFLICT, reason): what this credit would do. Changes nothing.

        A higher number sets the total; the same number must bear the same total; a lower one came late and is in the total
        already. CONFLICT stands for every refusal, its reason is that of CREDIT_REFUSED.
        """
        row = self.row_of(account)
        if row < 0 or account == 0:
            return CONFLICT, UNKNOWN_ACCOUNT
        if not (0 < issuer <= 0xFFFF and 0 < number <= 0xFFFFFFFF):
            return CONFLICT, OUT_OF_RANGE
        if abs(amount_ucu) > AMOUNT_UCU_MAX or abs(total_ucu) > AMOUNT_UCU_MAX:
            return CONFLICT, OUT_OF_RANGE
        place = self._issuer_place(row, issuer)
        if place < 0:
            return (CREATED, 0) if self._issuer_place(row, 0) >= 0 else (CONFLICT, TOO_MANY_ISSUERS)
        known = self.get(row, _NUMBER[place])
        if number > known:
            return CREATED, 0
        if number == known and total_ucu != self.get(row, _TOTAL[place]):
            return CONFLICT, OTHER_TOTAL
        return EXISTS, 0

    # fold

    def apply(self, kind, values, sequence, at_s):
        """Fold one record. Unknown kinds and kinds that change no account are passed over."""
        handler = self._handlers[kind] if 0 < kind < len(self._handlers) else None
        if handler is not None:
            handler(values, at_s)

    def doubt(self):
        """Records are missing: until the next complete snapshot its rows are believed against the fold."""
        self.complete = False
        self._snapshot_rows = -1

    def _on_epoch(self, values, at_s):
        if values[1] == kinds.GIVEN_BY_HEAD_END:
            self.doubt()
            self._replacing = True

    def _on_snapshot_begin(self, values, at_s):
        self._snapshot_rows = 0
        self._snapshot_crc = 0
        self.brake = bool(values[4])
        for row in range(self.count):
            self._touched[row] = 0

    def _on_snapshot_row(self, values, at_s):
        if self._snapshot_rows < 0:
            return  # its beginning was lost with an older block
        data = values[0]
        self._snapshot_rows += 1
        self._snapshot_crc = crc32(data, 0, ROW_SIZE, self._snapshot_crc)
        account = _ACCOUNT.get(data, 0, "account")
        if account == 0:  # the gateway's own numbers
            self.gateway_order = ROW.get(data, 0, "order")
            return
        row = self.row_of(account)
        if row < 0:
            row = self._add(account)
            self.disagreements += self.complete
        elif self.complete and memoryview(self._table)[row * ROW_SIZE : (row + 1) * ROW_SIZE] != data:
            self.disagreements += 1
        start = row * ROW_SIZE
        self._table[start : start + ROW_SIZE] = data
        self._touched[row] = 1

    def _on_snapshot_end(self, values, at_s):
        whole = self._snapshot_rows == values[0] and self._snapshot_crc == values[1]
        if self._snapshot_rows >= 0 and not whole and self.complete:
            self.disagreements += 1
        self._snapshot_rows = -1
        if not whole:
            return
        if self._replacing:
            self._drop_untouched()
        self._replacing = False
        self.complete = True

    def _on_segment(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0:
            if not self.complete:
                return  # its snapshot row will come
            row = self._add(values[0])
        self._set(row, "serial", values[1])
        self._set(row, "rates", values[2])
        for rate in range(REGISTERS):
            self._set(row, _FROM[rate], values[3 + rate])
            self._set(row, _CHARGED[rate], values[3 + rate])
        self._set(row, "charged_at_s", at_s)
        self._set(row, "flags", self.get(row, "flags") & ~FLAG_READING_HELD)

    def _on_credit(self, values, at_s):
        row = self._known(values[0])
        if row < 0:
            return
        place = self._issuer_place(row, values[1])
        if place < 0:
            place = self._issuer_place(row, 0)
            if place < 0:
                self.disagreements += 1
                return
            self._set(row, _ISSUER[place], values[1])
        if values[2] > self.get(row, _NUMBER[place]):
            self._set(row, _NUMBER[place], values[2])
            self._set(row, _TOTAL[place], values[4])

    def _on_charge(self, values, at_s):
        row = self._known(values[0])
        if row < 0:
            return
        if self.complete and self.get(row, "total_charged_ucu") + values[9] != values[10]:
            self.disagreements += 1
        self._set(row, "total_charged_ucu", values[10])
        if values[11] != _FIXED_FEE and self.get(row, "serial") == values[1]:
            self._set(row, _CHARGED[values[2]], values[4])
            self._set(row, "charged_at_s", values[5])

    def _on_held(self, values, at_s):
        row = self._known(values[0])
        if row < 0:
            return
        flags = self.get(row, "flags")
        if values[2]:
            self._set(row, "flags", flags | FLAG_READING_HELD)
            return
        self._set(row, "flags", flags & ~FLAG_READING_HELD)
        self._set(row, _CHARGED[values[3]], values[4])
        self._set(row, "charged_at_s", at_s)

    def _on_episode(self, values, at_s):
        row = self._known(values[0])
        if row >= 0:
            self._set(row, "episode", values[1])
            self._set(row, "episode_open", values[2])
            self._set(row, "notice_level", 0)
            self._set(row, "notice_at_s", 0)

    def _on_notice(self, values, at_s):
        row = self._known(values[0])
        if row >= 0 and values[4] == _DELIVERED and values[2] > self.get(row, "notice_level"):
            self._set(row, "notice_level", values[2])
            self._set(row, "notice_at_s", at_s)

    def _on_decision(self, values, at_s):
        wish = _WISH_OF_VERDICT.get(values[1])
        row = self._known(values[0])
        if row >= 0 and wish is not None:
            self._set(row, "wish", wish)
            self._set(row, "wish_reason", values[2])
            self._set(row, "wish_at_s", at_s)

    def _on_relay(self, values, at_s):
        row = self._known(values[0])
        if row >= 0 and values[3] == _ORDERED and values[2] in (_ALARM_ON, _ALARM_OFF):
            self._set(row, "alarm", 1 if values[2] == _ALARM_ON else 0)

    def _on_seen(self, values, at_s):
        row = self._known(values[0])
        if row >= 0:
            self._set(row, "seen", values[1])
            self._set(row, "seen_at_s", at_s)

    def _on_order(self, values, at_s):
        if values[0] == 0:  # documents are numbered by their own versions
            self.gateway_order = max(self.gateway_order, values[1] if values[2] in _NUMBERED_FOR_GATEWAY else 0)
            return
        row = self.row_of(values[0])  # an order for an unknown account is refused, yet journalled: no orphan
        if row >= 0 and values[1] > self.get(row, "order"):
            self._set(row, "order", values[1])

    def _on_flags(self, values, at_s):
        row = self._known(values[0])
        if row >= 0:
            held = self.get(row, "flags") & FLAG_READING_HELD
            self._set(row, "flags", values[1] & ~FLAG_READING_HELD | held)

    def _on_brake(self, values, at_s):
        self.brake = bool(values[0])

    def _on_fault(self, values, at_s):
        row = self._known(values[0])
        if row >= 0:
            self._set(row, "fault", values[1])

    # table

    def _start(self, row):
        if not 0 <= row < self.count:
            raise Broken("no account row " + str(row))
        return row * ROW_SIZE

    def _set(self, row, field, value):
        ROW.set(self._table, row * ROW_SIZE, field, value)

    def _known(self, account):
        row = self.row_of(account)
        if row < 0 and self.complete:
            self.orphans += 1
        return row

    def _issuer_place(self, row, issuer):
        for place in range(ISSUERS):
            if self.get(row, _ISSUER[place]) == issuer:
                return place
        return -1

    def _place_of(self, account):
        """Place in the sorted index at which `account` stands or would stand."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if _ACCOUNT.get(self._table, self._sorted[middle] * ROW_SIZE, "account") < account:
                low = middle + 1
            else:
                high = middle
        return low

    def _add(self, account):
        if self.count >= self.capacity:
            raise Broken("more accounts than " + str(self.capacity))
        place = self._place_of(account)
        row = self.count
        for index in range(row, place, -1):
            self._sorted[index] = self._sorted[index - 1]
        self._sorted[place] = row
        start = row * ROW_SIZE
        self._table[start : start + ROW_SIZE] = bytes(ROW_SIZE)
        self._touched[row] = 0
        self.count += 1
        self._set(row, "account", account)
        return row

    def _drop_untouched(self):
        """The state of the head-end replaces ours: accounts it does not name are gone."""
        kept = 0
        for row in range(self.count):
            if self._touched[row]:
                self._table[kept * ROW_SIZE : (kept + 1) * ROW_SIZE] = self.row_bytes(row)
                kept += 1
        total, self.count = kept, 0
        for row in range(total):
            account = _ACCOUNT.get(self._table, row * ROW_SIZE, "account")
            place = self._place_of(account)
            for index in range(row, place, -1):
                self._sorted[index] = self._sorted[index - 1]
            self._sorted[place] = row
            self.count += 1
