"""What the head-end holds and what it gets next (design section 7; SPEC 5.1, 5.2, 5.5). Pure: a cursor over two stores.

It is the `source` that sync reads from; only durable records and readings are shown. An acknowledgement never moves the
cursor backwards; a resend is a read from an older sequence and changes nothing here.
"""

from firmware.ledger.account_row import REGISTERS
from firmware.ledger.record import HEAD


class Outbox:
    """`acked_*` is what the head-end's database holds, as far as we were told."""

    def __init__(self, journal, readings, accounts):
        self._journal = journal
        self._readings = readings
        self._accounts = accounts
        self.acked_epoch = 0
        self.acked_sequence = 0
        self.acked_readings = 0
        self.superseded = 0  # records up to here belong to a life that the head-end's state replaced: it may hold others there
        self.agreed = 0  # it holds this one, and those behind it continue what it has

    def positions(self):
        """(acked or superseded sequence, last sequence, acked reading, last reading); 0 = none yet."""
        return max(self.acked_sequence, self.passed_over()), self._journal.durable_sequence, self.acked_readings, self._readings.last_number

    def passed_over(self):
        """Records up to here are not sent: a given state replaced them, and nothing says that they continue what the head-end has."""
        return 0 if self.agreed else self.superseded

    def journal_from(self, sequence, max_bytes):
        """(epoch, first sequence, chain before it, [record bytes, ...]) or None: SPEC 5.1."""
        return self._journal.read_step(sequence, max_bytes)

    def readings_from(self, number, max_bytes):
        """[(number, account, at_s, quality, marks, registers, power_w, status_word), ...], [] = none: SPEC 5.2."""
        return self._readings.read_from(number, max_bytes, self._rates_of)

    def held(self, epoch, sequence, readings):
        """The head-end holds this much; numbers beyond ours are not believed."""
        if self.acked_sequence < sequence <= self._journal.sequence:
            self.acked_sequence = sequence
            self.acked_epoch = epoch
        if self.acked_readings < readings:
            self.acked_readings = readings

    def held_at_s(self):
        """When the last record that the head-end holds was written: so late it certainly spoke, however long its word was on the
        way; 0 = not known."""
        step = self._journal.read_step(self.acked_sequence, 1)
        return HEAD.get(step[3][0], 0, "at_s") if step is not None and step[1] == self.acked_sequence else 0

    def _rates_of(self, account):
        row = self._accounts.row_of(account)
        return REGISTERS - 1 if row < 0 else self._accounts.get(row, "rates")
