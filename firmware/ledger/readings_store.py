"""Readings in their own ring on flash (design 4.11; SPEC 3, end): numbered from 1, the oldest dropped when space is needed.

Energy truth is in the meter, so a reading that is lost costs a point in a curve and no money: the ring overwrites what was
never sent, and says from which number on it still has them. A number is shown only when its entry is durable.
"""

from firmware.base.faults import BadInput, StorageFault
from firmware.base.port import const
from firmware.ledger.block import HEADER_SIZE, READINGS_MAGIC, align, header_into, header_of
from firmware.ledger.reading_entry import ENTRY, ENTRY_SIZE, entry_into, is_entry, mend_nothing, reading_of
from firmware.ledger.scan import BlockScanner

NOBODY = const(0x3FFFFFFF)  # above every number
STEP_BYTES_MAX = const(512)  # readings are made durable one by one, or a few together
_NO_CHAIN = bytes(8)
_BLANK_HEADER = b"\xff" * HEADER_SIZE
_WIRE_BYTES_MAX = const(56)  # a reading in CBOR


class BlockRing:
    """Blocks in use, oldest first: a stretch of the `blocks` of the region, round its end. [0] is the oldest, [-1] the newest."""

    def __init__(self, blocks):
        self._blocks = blocks
        self._oldest = 0
        self._count = 0

    def set(self, newest, count):
        """The stretch that ends at `newest`."""
        self._oldest = (newest - count + 1) % self._blocks
        self._count = count

    def __len__(self):
        return self._count

    def __getitem__(self, place):
        return (self._oldest + place % self._count) % self._blocks

    def __contains__(self, block):
        return self.index(block) < self._count

    def index(self, block):
        """Its place; as many as there are, or more, when it is not in use."""
        return (block - self._oldest) % self._blocks

    def append(self, block):
        """The block behind the newest comes into use."""
        self.set(block, self._count + 1)

    def drop_oldest(self):
        """It is not in use any more."""
        self._oldest = (self._oldest + 1) % self._blocks
        self._count -= 1


class Readings:
    """`last_number` is the newest durable one, `oldest_number` the oldest held (one more than the last when empty)."""

    def __init__(self, region, base, size, limits):
        if size % region.erase_size or base % region.erase_size or size // region.erase_size < 2:
            raise BadInput("readings", "needs at least 2 whole erase blocks of " + str(region.erase_size))
        self.region = region
        self.base = base
        self.blocks = size // region.erase_size
        self._unit = region.program_unit
        self._first_offset = align(HEADER_SIZE, self._unit)
        self._ring = BlockRing(self.blocks)
        self._oldest_first = 0  # first number of the oldest block, as far as it holds it
        self._first_of = (-1, 0)  # a block and its first number, as its header says: one for each block would be 8 KB
        self._erases_most = 0  # of a block at the start of this life
        self._ordinal = 0
        self._head_buf = bytearray(HEADER_SIZE)
        step = max(align(ENTRY_SIZE, self._unit), min(STEP_BYTES_MAX, region.erase_size - self._first_offset))
        self._pending = bytearray(step // self._unit * self._unit)
        self._pending_bytes = 0
        self._at = region.erase_size
        self._number = 0
        self.last_number = 0
        self.wanted = NOBODY  # the lowest number that was wanted since NOBODY was put here
        self.dropped = 0  # readings overwritten in this life before they were acknowledged
        self.acked_number = 0
        self.failed = False
        self._reader = None
        self._cursor = (-1, 0, 0)  # number that stands next at (block, offset)

    @property
    def oldest_number(self):
        return self._oldest_first if self._ring else self.last_number + 1

    def open(self, progress):
        """Find the ring and the last number: only its two ends are walked through. The journal has synced the region."""
        if not self._find_ring(progress):
            return
        scanner = self._scanner()
        head = self._ring[-1]
        self._number = self._first(head) - 1
        scanner.begin(self._block_at(head), self._first_offset)
        while scanner.next():
            number = ENTRY.get(scanner.buf, scanner.start, "number")
            if self._belongs(number, head):
                self._number = max(self._number, number)
        self.last_number = self._number  # writing goes on in the next block: in this one a unit may only look blank
        if len(self._ring) > 1:
            self._find_oldest(scanner)

    def _find_ring(self, progress):
        """From the newest block back while each is one older; a block between them whose header is lost holds nothing. -> bool.

        Headers are read twice rather than kept: a full heap has no 8 KB in one piece for their ordinals.
        """
        head = -1
        for block in range(self.blocks):
            progress()
            values = self._header(block)
            if values is not None:
                self._erases_most = max(self._erases_most, values[5])
                if head < 0 or values[1] > self._ordinal:
                    head, self._ordinal = block, values[1]
        if head < 0:
            return False
        count = 1
        for back in range(1, min(self.blocks, self._ordinal)):
            progress()
            values = self._header((head - back) % self.blocks)
            if values is not None:
                if values[1] != self._ordinal - back:
                    break
                count = back + 1
        self._ring.set(head, count)
        self._oldest_first = self._first(self._ring[0])
        return True

    def _header(self, block):
        """Its header's values, None when there is no whole one."""
        self._guard(self.region.read_into, self._block_at(block), self._head_buf, 0, HEADER_SIZE)
        return None if self._head_buf == _BLANK_HEADER else header_of(self._head_buf, 0, READINGS_MAGIC)

    def _find_oldest(self, scanner):
        """The oldest block may be half erased, because it was about to be reused: what it lost are dropped readings."""
        oldest = self._ring[0]
        first = next_number = self._oldest_first
        scanner.begin(self._block_at(oldest), self._first_offset)
        while scanner.next():
            number = ENTRY.get(scanner.buf, scanner.start, "number")
            if self._belongs(number, oldest):
                if number != next_number:
                    first = number
                next_number = number + 1
        if next_number == self._first(self._ring[1]):
            self._oldest_first = first
        else:
            self._drop_oldest()  # its end is gone

    def _belongs(self, number, block):
        """False for a number that cannot stand in this block: 16 bits of CRC do not keep every torn entry from looking whole."""
        return 0 <= number - self._first(block) <= self.region.erase_size // ENTRY_SIZE

    def _first(self, block):
        """First number of a block in use; where its header is lost, of the next block: it holds nothing then."""
        known, first = self._first_of
        if known == block:
            return first
        first = self.last_number + 1
        for place in range(self._ring.index(block), len(self._ring)):
            values = self._header(self._ring[place])
            if values is not None:
                first = values[3]
                break
        self._first_of = (block, first)
        return first

    def _drop_oldest(self):
        self._ring.drop_oldest()
        if self._ring:
            self._oldest_first = self._first(self._ring[0])

    def go_on_behind(self, number):
        """Numbers up to `number` were given in an earlier life of this ring: never give them again."""
        if number > self._number:
            self._number = self.last_number = number
            self._at = self.region.erase_size  # the next block says where the numbers go on

    def append(self, account, at_s, quality, marks, registers, power_w, status_word):
        """Add a reading; its number. Durable, and shown, after commit(). StorageFault once the medium failed."""
        if self.failed:
            raise StorageFault("readings are read-only after a failure of the medium")
        if self._pending_bytes + ENTRY_SIZE > min(len(self._pending), self.region.erase_size - self._at):
            self._program_pending()
            if self._at + align(ENTRY_SIZE, self._unit) > self.region.erase_size:
                self._open_block()
        self._pending_bytes = entry_into(
            self._pending, self._pending_bytes, self._number + 1, account, at_s, quality, marks, registers, power_w, status_word
        )
        self._number += 1
        return self._number

    def program(self):
        """Program what is pending, without sync; True when there was something."""
        before = self._pending_bytes
        self._program_pending()
        return self._number > self.last_number or before > 0

    def synced(self):
        """The region was synced: all that was programmed may be shown."""
        if not self._pending_bytes:
            self.last_number = self._number

    def commit(self):
        """Program and sync what was appended."""
        if self.program():
            self._guard(self.region.sync)
            self.synced()

    def read_from(self, number, max_bytes, rates_of):
        """Readings from `number` (or the oldest held) upwards, as many as fit in max_bytes of CBOR, at least one; [] = none."""
        if number < self.wanted:
            self.wanted = number
        number = max(number, self.oldest_number)
        if number > self.last_number or not self._ring:
            return []
        count_max = max(1, max_bytes // _WIRE_BYTES_MAX)
        scanner = self._scanner()
        at_number, block, offset = self._cursor
        if at_number != number or block not in self._ring:
            place = len(self._ring) - 1
            low = 0
            while low < place:  # the last block whose first number is not behind `number`
                middle = (low + place + 1) // 2
                if self._first(self._ring[middle]) > number:
                    place = middle - 1
                else:
                    low = middle
            block, offset = self._ring[place], self._first_offset
        place = self._ring.index(block)
        scanner.begin(self._block_at(block), offset)
        readings = []
        while len(readings) < count_max:
            if not scanner.next():
                place += 1
                if place >= len(self._ring):
                    break
                scanner.begin(self._block_at(self._ring[place]), self._first_offset)
                continue
            found = ENTRY.get(scanner.buf, scanner.start, "number")
            if not self._belongs(found, self._ring[place]):
                continue
            if found > self.last_number:
                break
            if found >= number:
                readings.append(reading_of(scanner.buf, scanner.start, rates_of))
                self._cursor = (found + 1, self._ring[place], scanner.offset + scanner.length)
        return readings

    def gap(self):
        """(first, last) of the readings that were dropped before they were acknowledged, None when there are none."""
        oldest = self.oldest_number
        return (self.acked_number + 1, oldest - 1) if oldest > self.acked_number + 1 else None

    def _program_pending(self):
        if not self._pending_bytes:
            return
        if self.failed:  # the unit at which it failed may be touched: it is not tried again
            raise StorageFault("readings are read-only after a failure of the medium")
        end = align(self._pending_bytes, self._unit)
        for at in range(self._pending_bytes, end):
            self._pending[at] = 0xFF
        self._guard(self.region.program, self._block_at(self._ring[-1]) + self._at, self._pending, 0, end)
        self._at += end
        self._pending_bytes = 0

    def _open_block(self):
        block = (self._ring[-1] + 1) % self.blocks if self._ring else 0
        if block in self._ring:
            unsent_from = max(self._oldest_first, self.acked_number + 1)
            self._drop_oldest()
            self.dropped += max(0, self.oldest_number - unsent_from)
        self._cursor = (-1, 0, 0)
        self._first_of = (-1, 0)
        erases = self._erases_of(block) + 1
        self._guard(self.region.erase, self._block_at(block))
        header = bytearray(b"\xff" * self._first_offset)
        header_into(
            header, 0, READINGS_MAGIC, self._ordinal + 1, 0, self._number + 1, _NO_CHAIN, erases
        )
        self._guard(self.region.program, self._block_at(block), header, 0, len(header))
        self._ordinal += 1
        if not self._ring:
            self._oldest_first = self._number + 1
        self._ring.append(block)
        self._at = self._first_offset

    def _erases_of(self, block):
        """What its header says; of a lost one the most of all: wear is never understated."""
        buf = bytearray(HEADER_SIZE)
        self._guard(self.region.read_into, self._block_at(block), buf, 0, HEADER_SIZE)
        values = header_of(buf, 0, READINGS_MAGIC)
        return self._erases_most if values is None else values[5]

    def _scanner(self):
        if self._reader is None:
            self._reader = BlockScanner(self.region, is_entry, mend_nothing, ENTRY_SIZE)
        return self._reader

    def _block_at(self, block):
        return self.base + block * self.region.erase_size

    def _guard(self, operation, *args):
        try:
            return operation(*args)
        except StorageFault:
            self.failed = True
            raise
