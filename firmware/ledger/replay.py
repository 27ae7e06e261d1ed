"""Replay of the journal at start-up: torn tails told from corruption (design 4.6; DESIGN, ledger).

Bad bytes behind which the chain goes on without a missing record are a torn tail that was sealed long ago. Bad bytes, or a
lost block, behind which records are missing are corruption: all that is valid is folded, `damage` names what is missing.
A record that was mended by one bit is whole again, as its CRC and its chain say: it is counted, and is no damage. Trap avoided:
were it damage, a torn step that happens to be one bit short of a record would stop cuts for ever once something stands behind it.

Another: the oldest block may be half erased, because it was about to be reused. What is missing there is no damage
when a later snapshot and the head-end cover it; that is known only at the end, so it is kept apart as `front_damage`.
"""

from firmware.base.port import const
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import FIRST_CHAIN, HEAD, chain_after, chain_of, values_of

_EPOCH = kinds.EPOCH
MISSING = const(1)  # (MISSING, first, last): sequences that are gone
BROKEN_CHAIN = const(2)  # valid bytes that do not continue what is before them
REPEATED = const(3)  # a sequence comes again; the second is not folded
BAD_HEADER = const(4)  # a block whose header is lost, but not its records
DAMAGE_MAX = const(16)  # entries kept; `damaged` goes on counting


class Replay:
    """Feed blocks in order with block(); then read sequence, epoch, chain, head_used and the damage."""

    def __init__(self, scanner, first_offset, fold, on_gap):
        self._scanner = scanner
        self._first_offset = first_offset
        self._fold = fold
        self._on_gap = on_gap
        self.sequence = 0
        self.epoch = 0  # 0 = not known yet: no chain can be checked
        self.chain = FIRST_CHAIN
        self.first_sequence = 0
        self.records = 0
        self.mended = 0
        self.torn = 0  # torn spans, sealed or at the tail
        self.torn_tail = False
        self.unknown_kinds = 0
        self.head_used = 0
        self.damage = []
        self.damaged = 0
        self.front_damage = []
        self._front = True
        self._bad_before = False

    def block(self, block_at, header, front):
        """Replay one block. `header` = (epoch, first sequence, chain before it), None when its header is lost."""
        if header is not None:
            self._begin_at(*header)
        self._front = front
        scanner = self._scanner
        scanner.begin(block_at, self._first_offset)
        while scanner.next():
            if scanner.bad_end > scanner.bad_start:
                self._bad_before = True
            self._record(scanner.buf, scanner.start, scanner.length, scanner.mended)
            scanner.mended = 0
        self.torn_tail = scanner.bad_end > scanner.bad_start
        if self.torn_tail:
            self._bad_before = True
        self.head_used = scanner.used_end

    def _begin_at(self, epoch, first, chain):
        """A block with a header begins: the first of all says what came before."""
        if self.records == 0:
            self.epoch, self.chain = epoch, chain
            self.sequence = first - 1
            self.first_sequence = first
            if first != 1:
                self._on_gap()
            return
        if not self.epoch:
            self.epoch = epoch  # the front block had lost its header
        if self._front and first > self.sequence + 1:  # and this one its end
            self._damage(MISSING, self.sequence + 1, first - 1)
            self._on_gap()
            self.sequence, self.chain = first - 1, chain

    def finish(self, front_covered):
        """Close the account: `front_covered` says that what the oldest block lost is held elsewhere."""
        if self._bad_before:
            self.torn += 1
        if not front_covered:
            for entry in self.front_damage:
                self._note(self.damage, entry)

    def lost_header(self, front, sequence):
        """The block with this first record has no header any more."""
        self._note(self.front_damage if front else self.damage, (BAD_HEADER, sequence, sequence))

    def _record(self, buf, start, length, mended):
        _, kind, sequence, at_s, quality = HEAD.unpack(buf, start)
        chain = chain_of(buf, start, length)
        values = values_of(buf, start, length)
        if self.records == 0 and self.first_sequence == 0:
            self._first_without_header(sequence)
        expected = self.sequence + 1
        if sequence < expected:
            self._damage(REPEATED, sequence, sequence)
            return
        if kind == _EPOCH and values is not None:
            if values[1] == kinds.GIVEN_BY_HEAD_END and values[0] > self.epoch:
                self._forget_damage()
                expected = sequence
            self.epoch = values[0]
        if sequence != expected:
            self._damage(MISSING, expected, sequence - 1)
            self._on_gap()
        elif self.epoch and chain_after(self.chain, self.epoch, buf, start, length) != chain:
            self._damage(BROKEN_CHAIN, sequence, sequence)
        elif self._bad_before:
            self.torn += 1
        self._bad_before = False
        self.mended += mended
        self.sequence = sequence
        self.chain = chain
        self.records += 1
        if values is None:
            self.unknown_kinds += 1
            return
        self._fold(kind, values, sequence, at_s, quality)

    def _first_without_header(self, sequence):
        self.first_sequence = sequence
        self.sequence = sequence - 1
        if sequence != 1:
            self._on_gap()

    def _damage(self, what, first, last):
        self._note(self.front_damage if self._front else self.damage, (what, first, last))

    def _note(self, where, entry):
        if where is self.damage:
            self.damaged += 1
        if len(where) < DAMAGE_MAX:
            where.append(entry)

    def _forget_damage(self):
        """The head-end has sent its state: what was wrong before is replaced by it."""
        self.damage = []
        self.front_damage = []
        self.damaged = 0
