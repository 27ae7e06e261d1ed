"""Reading back from the journal while it grows: steps for the outbox, the chain at a sequence (design 4.4; SPEC 5.1).

A cursor behind the last step read makes the next one start there; any other sequence is found through the first sequence of
each block and one walk through that block. Only durable records are shown: store before tell.
"""

from firmware.ledger import record_kinds as kinds
from firmware.ledger.block import HEADER_SIZE, JOURNAL_MAGIC, header_of
from firmware.ledger.record import FIRST_CHAIN, HEAD, chain_of, values_of
from firmware.ledger.scan import BlockScanner

_NO_CURSOR = (-1, 0, 0, (FIRST_CHAIN, 0))  # sequence that stands next at (block, offset), and chain and epoch before it


class JournalReading:
    """The reading half of Journal; it uses ring, block_first, lost_epochs, block_at and durable_sequence."""

    def _begin_reading(self):
        self._reader = None  # its window is taken only when something is read
        self._cursor_place = 0
        self._cursor_chain = FIRST_CHAIN
        self._forget_cursor()

    @property
    def first_sequence(self):
        """Oldest record still held; one more than the last when there is none."""
        return self.block_first[self.ring[0]] if self.ring else self.durable_sequence + 1

    def read_step(self, sequence, limit_bytes):
        """(epoch, first sequence, chain before it, [record bytes, ...]) or None when nothing durable is there.

        Records of one epoch without a gap from `sequence` on (or the oldest still held); at least one, else as many as fit.
        """
        if sequence > self.durable_sequence or not self.ring:
            return None
        sequence = max(sequence, self.first_sequence)
        found = self._walk_to(sequence)
        records, size, first, chain_before, epoch = [], 0, 0, FIRST_CHAIN, 0
        while found:
            reader = self._reader
            at = HEAD.get(reader.buf, reader.start, "sequence")
            fits = size + reader.length <= limit_bytes and at <= self.durable_sequence
            if records and not (fits and at == first + len(records) and self._cursor_epoch == epoch):
                break
            if at > self.durable_sequence:
                return None
            if not records:
                first, chain_before, epoch = at, self._cursor_chain_before, self._cursor_epoch
            records.append(bytes(memoryview(reader.buf)[reader.start : reader.start + reader.length]))
            size += reader.length
            self._put_cursor_behind(at)
            found = self._step()
        return (epoch, first, chain_before, records) if records else None

    def chain_at(self, sequence):
        """Chain of the durable record `sequence`; None when it is not held any more (or not yet)."""
        if sequence == self.durable_sequence:
            return self.durable_chain
        if sequence == 0 and self.first_sequence == 1:
            return FIRST_CHAIN
        if sequence > self.durable_sequence or not self.ring or sequence < self.first_sequence - 1:
            return None
        if sequence == self._asked[0] - 1:
            return self._asked[3][0]
        outbox = self._cursor()
        chain = self._look_up(sequence)
        self._cursor_sequence, self._cursor_block, self._cursor_offset, self._cursor_saved = outbox
        return chain

    def _look_up(self, sequence):
        """Acknowledgements go forward: from behind the record that was asked for last, where it stands in the same block."""
        self._cursor_sequence, self._cursor_block, self._cursor_offset, self._cursor_saved = self._asked
        if sequence == self.first_sequence - 1:
            self._cursor_sequence = -1
            return self._cursor_chain_before if self._walk_to(sequence + 1) else None
        reader = self._reader if self._walk_to(sequence) else None
        if reader is None or HEAD.get(reader.buf, reader.start, "sequence") != sequence:
            return None
        self._put_cursor_behind(sequence)
        self._asked = self._cursor()
        return self._cursor_chain

    def _cursor(self):
        return (self._cursor_sequence, self._cursor_block, self._cursor_offset, self._cursor_saved)

    def _put_cursor_behind(self, sequence):
        self._cursor_sequence = sequence + 1
        self._cursor_offset = self._reader.offset + self._reader.length
        self._cursor_block = self.ring[self._cursor_place]
        self._cursor_saved = (self._cursor_chain, self._cursor_epoch)

    def _forget_cursor(self):
        self._cursor_sequence, self._cursor_block, self._cursor_offset, self._cursor_saved = self._asked = _NO_CURSOR

    def _is_near(self, sequence):
        """True when the cursor stands at that record, or before it in the same block."""
        if not 0 <= self._cursor_sequence <= sequence or self._cursor_block not in self.ring:
            return False
        behind = self.ring.index(self._cursor_block) + 1
        return self._cursor_sequence == sequence or behind == len(self.ring) or self.block_first[self.ring[behind]] > sequence

    def _walk_to(self, sequence):
        """Bring the reader to the first record at or behind `sequence`; False when there is none."""
        if self._reader is None:
            self._reader = BlockScanner(self.region)
        if self._is_near(sequence):
            self._cursor_place = self.ring.index(self._cursor_block)
            self._cursor_chain, self._cursor_epoch = self._cursor_saved
            self._reader.begin(self.block_at(self._cursor_block), self._cursor_offset)
        else:
            place = len(self.ring) - 1
            while place > 0 and self.block_first[self.ring[place]] > sequence:
                place -= 1
            self._enter(place)
        found = self._step()
        while found and HEAD.get(self._reader.buf, self._reader.start, "sequence") < sequence:
            found = self._step()
        return found

    def _enter(self, place):
        block = self.ring[place]
        self._cursor_place = place
        header = bytearray(HEADER_SIZE)
        self.region.read_into(self.block_at(block), header, 0, HEADER_SIZE)
        values = header_of(header, 0, JOURNAL_MAGIC)
        if values is None:
            self._cursor_epoch = self.lost_epochs.get(block, 0)
        else:
            self._cursor_epoch, self._cursor_chain = values[2], values[4]
        self._reader.begin(self.block_at(block), self.first_offset)

    def _step(self):
        """The next record, over block ends; keeps the chain before it and its epoch."""
        reader = self._reader
        while not reader.next():
            if self._cursor_place + 1 >= len(self.ring):
                return False
            self._enter(self._cursor_place + 1)
        self._cursor_chain_before = self._cursor_chain
        self._cursor_chain = chain_of(reader.buf, reader.start, reader.length)
        if reader.buf[reader.start + 1] == kinds.EPOCH:
            values = values_of(reader.buf, reader.start, reader.length)
            if values is not None:
                self._cursor_epoch = values[0]
        return True
