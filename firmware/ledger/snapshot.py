"""A snapshot of the accounts, a few rows at a time, so that no credit waits for it (design 4.1; SPEC kinds 3 to 5).

Each row is true at its own sequence and what changes later is folded on top, so rows need not be of one instant. One row
has account 0 and carries the gateway's own order number. After a restart a snapshot goes on where it stopped: a device that
restarts often would otherwise fill its flash with beginnings.
"""

from firmware.base.crc import crc32
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import ROW, ROW_SIZE


class Snapshot:
    """`begun` is the sequence of the BEGIN under way (0 = none), `whole` that of the last complete snapshot's BEGIN."""

    def __init__(self, accounts):
        self._accounts = accounts
        self.begun = 0
        self.whole = 0
        self._rows = 0  # written, the gateway's own included
        self._gateway_rows = 0
        self._crc = 0

    def observe(self, kind, values, sequence):
        """Follow the records of a snapshot, written now or replayed; True when one became whole."""
        if kind == kinds.SNAPSHOT_BEGIN:
            self.begun = sequence
            self._rows = self._gateway_rows = 0
            self._crc = 0
        elif kind == kinds.SNAPSHOT_ROW and self.begun:
            self._rows += 1
            self._gateway_rows += ROW.get(values[0], 0, "account") == 0
            self._crc = crc32(values[0], 0, len(values[0]), self._crc)
        elif kind == kinds.SNAPSHOT_END:
            if self.begun and (self._rows, self._crc) == tuple(values):
                self.whole = self.begun
                self.begun = 0
                return True
            self.begun = 0
        return False

    def abandon(self):
        """Records are missing: what was begun cannot be continued."""
        self.begun = 0

    def next_record(self):
        """(kind, values) of the record that continues the snapshot under way."""
        written = self._rows - self._gateway_rows
        if written < self._accounts.count:
            return kinds.SNAPSHOT_ROW, (self._accounts.row_bytes(written),)
        if not self._gateway_rows:
            row = bytearray(ROW_SIZE)
            ROW.set(row, 0, "order", self._accounts.gateway_order)
            return kinds.SNAPSHOT_ROW, (bytes(row),)
        return self.end_record()

    def end_record(self):
        """(kind, values) of the END that fits the rows written so far."""
        return kinds.SNAPSHOT_END, (self._rows, self._crc)
