"""The journal: a ring of erase blocks of records on a raw NOR region (design 4.4 to 4.6, 4.11; SPEC 1 and 3).

append() puts a record behind the others in memory, commit() programs and syncs them as one step: only what was committed may
be acknowledged. Blocks are used round and round, so wear is even; a block is erased only when its space is needed and all
in it is released (a later snapshot is whole and the head-end holds it).

Traps avoided: a unit is never programmed twice, though a life that was cut may have left one looking blank (begin_life);
what was programmed but never synced may be read back after a crash, so open() syncs before it believes anything; the blank
look of a half-erased block proves nothing, so a block is always erased in this life before it is used.
"""

from array import array

from firmware.base.faults import BadInput, Broken, Refused, StorageFault
from firmware.base.port import const
from firmware.ledger import record_kinds as kinds
from firmware.ledger.block import HEADER_SIZE, JOURNAL_MAGIC, align, header_into, header_of
from firmware.ledger.journal_reading import JournalReading
from firmware.ledger.record import FIRST_CHAIN, HEAD, LENGTH_MAX, encode_into, size_for
from firmware.ledger.replay import Replay
from firmware.ledger.scan import BlockScanner

_NO_BLOCK = const(-1)
LIVES_PASSED_OVER_MAX = const(16)


class Journal(JournalReading):
    """`epoch`, `sequence`, `chain` are those of the last record appended; `durable_*` of the last one committed."""

    def __init__(self, region, base, size, limits):
        if size % region.erase_size or base % region.erase_size:
            raise BadInput("journal_bytes", "must be whole erase blocks of " + str(region.erase_size))
        if size // region.erase_size < 3:
            raise BadInput("journal_bytes", "must hold at least 3 erase blocks")
        self.region = region
        self.base = base
        self.blocks = size // region.erase_size
        self._unit = region.program_unit
        self.first_offset = align(HEADER_SIZE, self._unit)
        self.ring = []  # blocks in use, oldest first; the last is the head
        self.block_first = array("I", bytes(4 * self.blocks))  # first sequence of each block
        self.lost_epochs = {}  # {block whose header is lost: epoch before it, 0 = not known}
        self._erases_most = 0  # of a block at the start of this life
        self._ready = _NO_BLOCK  # erased in this life, not yet opened
        self._ready_erases = 0
        self._ordinal = 0
        step = max(self._unit, min(limits.journal_step_bytes_max, region.erase_size - self.first_offset))
        self._pending = bytearray(step // self._unit * self._unit)
        self._pending_bytes = 0
        self._at = 0  # offset in the head block at which the next step is programmed
        self._dirty = False
        self.failed = False
        self.released = 0  # records up to here may be erased
        self.reserves = [0, 0, 0, 0]  # by class: free blocks that must remain
        self.epoch = self.sequence = self.durable_sequence = 0
        self.chain = self.durable_chain = FIRST_CHAIN
        self.durable_epoch = 0
        self.steps = 0
        self.damage = []
        self.torn = self.mended = self.unknown_kinds = self.replayed = 0
        self.torn_tail = False
        self._corrupt = False
        self._begin_reading()

    @property
    def sound(self):
        """False after corruption or a failed medium: cuts stop, restores go on."""
        return not (self._corrupt or self.failed or self.unknown_kinds)

    # start

    def open(self, fold, on_gap, progress):
        """Replay all valid records to fold(kind, values, sequence, at_s, quality); on_gap() when what was before is missing."""
        self._guard(self.region.sync)
        self._find_blocks(progress)
        buf = bytearray(HEADER_SIZE)
        replay = Replay(BlockScanner(self.region), self.first_offset, fold, on_gap)
        for place in range(len(self.ring)):
            progress()
            block = self.ring[place]
            values = self._header(block, buf)
            if values is None:
                replay.lost_header(place == 0, self.block_first[block])
                self.lost_epochs[block] = replay.epoch
            header = None if values is None else (values[2], values[3], values[4])
            replay.block(self.block_at(block), header, place == 0)
        self._adopt(replay)

    def _adopt(self, replay):
        self._replay = replay
        self.sequence = self.durable_sequence = replay.sequence
        self.chain = self.durable_chain = replay.chain
        self.epoch = self.durable_epoch = replay.epoch
        self.torn_tail = replay.torn_tail
        self.mended = replay.mended
        self.unknown_kinds = replay.unknown_kinds
        self.replayed = replay.records
        self._at = self.region.erase_size  # until begin_life() knows better

    def begin_life(self, lives):
        """After open(): where this life begins to write. `lives` = boots since the one that the journal last tells of.

        A step that was cut may have touched a unit and left it looking blank: each life one, each at a place of its own.
        A torn record may besides have touched units of nothing but FFH, up to its length. All that is passed over. A count
        that cannot be right (0 or less: its file was lost) or a long row of such lives begins the next block.
        """
        if self.ring and 1 <= lives <= LIVES_PASSED_OVER_MAX:
            touched = self._replay.head_used + (LENGTH_MAX if self.torn_tail else 0)
            self._at = align(touched, self._unit) + lives * self._unit

    def judge(self):
        """After open(), when `released` is known: is the front covered? Sets damage and soundness."""
        replay = self._replay
        covered = len(self.ring) > 1 and self.block_first[self.ring[1]] - 1 <= self.released
        replay.finish(covered)
        if covered and self.lost_epochs.get(self.ring[0]) == 0:
            self.ring.pop(0)  # what an erase left that was cut: nobody needs it, and its records cannot be sent
        self.damage = replay.damage
        self.torn = replay.torn
        self._corrupt = replay.damaged > 0 or (replay.first_sequence > 1 and replay.first_sequence - 1 > self.released)
        self._replay = None

    def _find_blocks(self, progress):
        """Fill the ring, oldest first: by ordinal, a block with a lost header by its first record."""
        ordinals = array("I", bytes(4 * self.blocks))
        lost = []
        buf = bytearray(HEADER_SIZE)
        scanner = BlockScanner(self.region)
        for block in range(self.blocks):
            values = self._header(block, buf)
            if values is not None:
                ordinals[block], self.block_first[block] = values[1], values[3]
                self._ordinal = max(self._ordinal, values[1])
                self._erases_most = max(self._erases_most, values[5])
                self.ring.append(block)
                continue
            progress()
            scanner.begin(self.block_at(block), self.first_offset)
            if scanner.next():  # else blank, or remains of an erase or of a header
                self.block_first[block] = HEAD.get(scanner.buf, scanner.start, "sequence")
                lost.append(block)
        self.ring.sort(key=lambda block: (ordinals[block], self.block_first[block], block))
        for block in sorted(lost, key=lambda block: (self.block_first[block], block)):
            place = 0
            while place < len(self.ring) and self.block_first[self.ring[place]] <= self.block_first[block]:
                place += 1
            self.ring.insert(place, block)

    def _header(self, block, buf):
        """Values of a block's header (block.HEADER), None when it is lost."""
        self._guard(self.region.read_into, self.block_at(block), buf, 0, HEADER_SIZE)
        return header_of(buf, 0, JOURNAL_MAGIC)

    # space

    @property
    def free_blocks(self):
        """Blocks that hold nothing, or nothing that is still needed."""
        return self.blocks - len(self.ring) + self.blocks_up_to(self.released)

    def blocks_up_to(self, sequence):
        """Blocks at the front of the ring that hold nothing behind record `sequence`."""
        count = 0
        while count + 1 < len(self.ring) and self.block_first[self.ring[count + 1]] - 1 <= sequence:
            count += 1
        return count

    def may_append(self, klass):
        """True when a record of this class may take space now."""
        return not self.failed and (klass == kinds.BOOKS or self.free_blocks > self.reserves[klass])

    def erase_ahead(self):
        """Erase the block that comes next while nobody waits; True when it did. Only when the head is half full."""
        if self.failed or self._ready != _NO_BLOCK or self._at * 2 < self.region.erase_size:
            return False
        block = self._next_block()
        if block == _NO_BLOCK:
            return False
        self._erase(block)
        return True

    def blocks_behind(self, sequence):
        """Blocks opened since record `sequence` was written; all of them when it is 0."""
        count = 0
        for block in self.ring:
            count += self.block_first[block] > sequence
        return count

    def pardon(self):
        """The head-end's state replaced what was damaged: the journal is sound again, unless the medium failed."""
        self._corrupt = False
        self.damage = []

    def erases(self):
        """Erase count of each block."""
        buf = bytearray(HEADER_SIZE)
        return [self._erases_of(block, buf) for block in range(self.blocks)]

    def _erases_of(self, block, buf):
        if block == self._ready:
            return self._ready_erases
        values = self._header(block, buf)
        return self._erases_most if values is None else values[5]  # its count is lost: never understate wear

    # writing

    def append(self, kind, values, at_s, quality, klass=None):
        """Add a record behind the last; its sequence. Refused("full") when its class has no space: then nothing changed."""
        if self.failed:
            raise StorageFault("journal is read-only after a failure of the medium")
        if klass is None:
            klass = kinds.class_of(kind, values)
        if not self.may_append(klass):
            raise Refused("full", "journal has no space for records of class " + str(klass))
        self._make_room(size_for(kind, values))
        end, chain = encode_into(
            self._pending, self._pending_bytes, kind, values, self.sequence + 1, at_s, quality, self.epoch, self.chain
        )
        self._pending_bytes = end
        self.chain = chain
        self.sequence += 1
        return self.sequence

    def commit(self):
        """Program and sync what was appended. StorageFault when the medium fails; the journal is read-only from then on."""
        if self.failed:
            raise StorageFault("journal is read-only after a failure of the medium")
        self._program_pending()
        if self._dirty:
            self._guard(self.region.sync)
            self._dirty = False
            self.steps += 1
        self.durable_sequence = self.sequence
        self.durable_chain = self.chain
        self.durable_epoch = self.epoch

    def begin_epoch(self, epoch, first_sequence):
        """The next record, an EPOCH, has this epoch and a sequence of at least `first_sequence`; numbers are passed over."""
        if epoch <= self.epoch and self.sequence:
            raise Refused("epoch", "epoch " + str(epoch) + " is not newer than " + str(self.epoch))
        if not self.failed:
            self.commit()
        self.epoch = epoch
        self.sequence = max(self.sequence, first_sequence - 1)

    def _make_room(self, size):
        """Let the pending step take `size` more bytes: program what is pending, open the next block, when it must be."""
        room = min(len(self._pending), self.region.erase_size - self._at)
        if self._pending_bytes + size <= room:
            return
        self._program_pending()
        if align(size, self._unit) > len(self._pending):
            raise Broken("a record of " + str(size) + " bytes is longer than a step")
        if self._at + size > self.region.erase_size:
            self._open_block()

    def _program_pending(self):
        if not self._pending_bytes:
            return
        end = align(self._pending_bytes, self._unit)
        for at in range(self._pending_bytes, end):
            self._pending[at] = 0xFF
        self._dirty = True
        at = self.block_at(self.ring[-1]) + self._at
        self._guard(self.region.program, at, self._pending, 0, end)
        self._at += end
        self._pending_bytes = 0

    def _open_block(self):
        block = self._next_block()
        if block == _NO_BLOCK:
            raise Refused("full", "journal has no block left")
        if self._ready != block:
            self._erase(block)
        self._ready = _NO_BLOCK
        header = bytearray(b"\xff" * self.first_offset)
        first = self.sequence + 1
        header_into(header, 0, JOURNAL_MAGIC, self._ordinal + 1, self.epoch, first, self.chain, self._ready_erases)
        self._dirty = True
        self._guard(self.region.program, self.block_at(block), header, 0, len(header))
        self._ordinal += 1
        self.block_first[block] = first
        self.ring.append(block)
        self._at = self.first_offset

    def _next_block(self):
        """Block to open next: the first free one behind the head, else the oldest if all in it is released."""
        if self._ready != _NO_BLOCK:
            return self._ready
        head = self.ring[-1] if self.ring else self.blocks - 1
        for step in range(1, self.blocks + 1):
            block = (head + step) % self.blocks
            if block not in self.ring:
                return block
            if block == self.ring[0]:
                break
        if self.blocks_up_to(self.released):
            return self.ring[0]
        for block in range(self.blocks):  # only after corruption is a free block elsewhere
            if block not in self.ring:
                return block
        return _NO_BLOCK

    def _erase(self, block):
        if block in self.ring:
            self.ring.remove(block)
        self._forget_cursor()
        self.lost_epochs.pop(block, None)
        erases = self._erases_of(block, bytearray(HEADER_SIZE)) + 1
        self._ready = _NO_BLOCK  # until it is erased
        self._guard(self.region.erase, self.block_at(block))
        self._dirty = True
        self._ready, self._ready_erases = block, erases

    def block_at(self, block):
        """Offset of a block in the region."""
        return self.base + block * self.region.erase_size

    def _guard(self, operation, *args):
        """Run one operation of the region; when it fails the journal is read-only and the error goes on."""
        try:
            return operation(*args)
        except StorageFault:
            self.failed = True
            raise
