"""The packed table of accounts: one row of ROW_SIZE bytes each, found by account number (design 4.1; SPEC 4). Pure.

Rows stand in the order they were first written, so a row's index lasts for the life of the process and a snapshot may be
spread over many ticks; a second small array keeps them sorted by account for look-up. Both are made once, at their full size.
"""

from array import array

from firmware.base.faults import Broken
from firmware.ledger.account_row import BOND, DEBT_ISSUER, FLAG_ELSEWHERE, ISSUERS, POSITION_SIZE, ROW, ROW_SIZE, SHORT_BOND_SIZE
from firmware.ledger.positions import Positions

# written out: a board keeps such names in flash and finds them by their place there
FROM = ("from_0", "from_1", "from_2", "from_3", "from_4")
CHARGED = ("charged_0", "charged_1", "charged_2", "charged_3", "charged_4")
ISSUER = ("issuer_0", "issuer_1", "issuer_2", "issuer_3")
NUMBER = ("number_0", "number_1", "number_2", "number_3")
TOTAL = ("total_0", "total_1", "total_2", "total_3")
_NO_BOND = (1, 0, 0)


class AccountTable:
    """`count` rows of at most `capacity`."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.count = 0
        self._table = bytearray(capacity * ROW_SIZE)
        self._sorted = array("H", bytes(2 * capacity))
        self._numbers = array("I", bytes(4 * capacity))  # the account numbers in that order
        self.positions = Positions(capacity)
        self.ratios = {}  # account -> ratio of the transformers in its segment, where it is not 1
        self.followers = {}  # account -> the one that moved in behind it, by an order
        self.credit_limits = {}  # account -> how far its floor and all that goes with it lies lower, in ucu
        self._touched = bytearray(capacity)  # rows that the snapshot under way has named

    # look-up

    def row_of(self, account):
        """Row of an account number, -1 when there is none."""
        place = self._place_of(account)
        if place < self.count and self._numbers[place] == account:
            return self._sorted[place]
        return -1

    def account(self, row):
        """Account number of a row."""
        return ROW.get(self._table, self._start(row), "account")

    def get(self, row, field):
        """One field of a row by its name."""
        if not 0 <= row < self.count:
            self._start(row)
        return ROW.get(self._table, row * ROW_SIZE, field)

    def from_cwh(self, row, rate):
        """Register (0 = total, 1 ... 4 = rate) at which the segment begins."""
        return self.get(row, FROM[rate])

    def charged_cwh(self, row, rate):
        """Register up to which energy is charged."""
        return self.get(row, CHARGED[rate])

    def balance_ucu(self, row):
        """Sum of the issuers' totals less all that was charged."""
        balance_ucu = -self.get(row, "total_charged_ucu")
        for place in range(ISSUERS):
            balance_ucu += self.get(row, TOTAL[place])
        return balance_ucu

    def row_bytes(self, row):
        """A copy of the row as it stands in a snapshot."""
        start = self._start(row)
        data = bytes(memoryview(self._table)[start : start + ROW_SIZE]) + self.positions.bytes_of(row)
        account = self.account(row)
        values = self.ratio_of(row), self.followers.get(account, 0), self.credit_limits.get(account, 0)
        if values == _NO_BOND:
            return data
        bond = bytearray(BOND.size)
        BOND.pack_into(bond, 0, values)
        return data + bytes(ROW_SIZE + POSITION_SIZE - len(data)) + bytes(bond if values[2] else bond[:SHORT_BOND_SIZE])

    def ratio_of(self, row):
        """Energy of its segment is the difference of the registers times this."""
        return self.ratios.get(self.account(row), 1) if self.ratios else 1

    def newest_credit(self, row, issuer):
        """Highest credit number of an issuer, 0 when none was seen."""
        place = self._issuer_place(row, issuer)
        return 0 if place < 0 else self.get(row, NUMBER[place])

    def is_untouched(self, row):
        """As its first reading left it: nobody has paid or ordered anything, it is not cut, and not elsewhere."""
        get = self.get
        return not (get(row, "order") or get(row, "wish") or get(row, "flags") & FLAG_ELSEWHERE or self._issuer_place(row, 0))

    def moved(self, account):
        """(number of the last move, what was moved from the balance to the debt in all)."""
        row = self.row_of(account)
        place = self._issuer_place(row, DEBT_ISSUER)
        return (0, 0) if place < 0 else (self.get(row, NUMBER[place]), -self.get(row, TOTAL[place]))

    def has_place_for_debt(self, account):
        """A row has four places for issuers, one of them for the debt."""
        row = self.row_of(account)
        return self._issuer_place(row, DEBT_ISSUER) >= 0 or self._issuer_place(row, 0) >= 0

    # writing

    def _start(self, row):
        if not 0 <= row < self.count:
            raise Broken("no account row " + str(row))
        return row * ROW_SIZE

    def _take_row(self, row, data):
        """A row as it stands in a snapshot, with what stands behind it."""
        start = row * ROW_SIZE
        self._table[start : start + ROW_SIZE] = memoryview(data)[:ROW_SIZE]
        self.positions.take(row, data[ROW_SIZE : ROW_SIZE + POSITION_SIZE])
        values = _NO_BOND
        if len(data) > ROW_SIZE + POSITION_SIZE:
            values = BOND.unpack(data + bytes(BOND.size - SHORT_BOND_SIZE), ROW_SIZE + POSITION_SIZE)
        self._set_bonds(row, values)

    def _set_bonds(self, row, values):
        self._set_bond(self.ratios, row, values[0], 1)
        self._set_bond(self.followers, row, values[1], 0)
        self._set_bond(self.credit_limits, row, values[2], 0)

    def _set_bond(self, bonds, row, value, usual):
        if value != usual:
            bonds[self.account(row)] = value
        elif bonds:
            bonds.pop(self.account(row), None)

    def _set(self, row, field, value):
        ROW.set(self._table, row * ROW_SIZE, field, value)

    def _issuer_place(self, row, issuer):
        table, start = self._table, self._start(row)
        for place in range(ISSUERS):
            if ROW.get(table, start, ISSUER[place]) == issuer:
                return place
        return -1

    def _place_of(self, account):
        """Place in the sorted index at which `account` stands or would stand."""
        numbers = self._numbers
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if numbers[middle] < account:
                low = middle + 1
            else:
                high = middle
        return low

    def _add(self, account):
        if self.count >= self.capacity:
            raise Broken("more accounts than " + str(self.capacity))
        row = self.count
        self._sort_in(account, row)
        start = row * ROW_SIZE
        self._table[start : start + ROW_SIZE] = bytes(ROW_SIZE)
        self.positions.take(row, b"")
        self._touched[row] = 0
        self.count += 1
        self._set(row, "account", account)
        return row

    def _drop_untouched(self):
        """The state of the head-end replaces ours: accounts it does not name are gone."""
        kept = 0
        for row in range(self.count):
            if self._touched[row]:
                self._take_row(kept, self.row_bytes(row))
                kept += 1
            else:
                self._set_bonds(row, _NO_BOND)
        total, self.count = kept, 0
        for row in range(total):
            self._sort_in(ROW.get(self._table, row * ROW_SIZE, "account"), row)
            self.count += 1

    def _sort_in(self, account, row):
        """`row` is the one behind the last."""
        place = self._place_of(account)
        for index in range(row, place, -1):
            self._sorted[index] = self._sorted[index - 1]
            self._numbers[index] = self._numbers[index - 1]
        self._sorted[place] = row
        self._numbers[place] = account
