"""Walks the records of one block through a small window, however big the block is (SPEC 3, DESIGN: bound everything).

After next() the record stands at buf[start : start+length], `offset` bytes into the block. Bytes that are neither record nor
padding are a bad span: `bad_start` ... `bad_end` (offsets; equal = none) are those skipped just before this record. At the
end of the block `used_end` is behind the last byte that is not blank, and a bad tail is in bad_start ... bad_end.

Trap avoided: after bad bytes the search goes byte by byte, because a bad record inside a step of several leaves the next
ones off the unit boundary; and a unit that was torn may begin with FFH, so blank means blank to the end of the unit.
"""

from firmware.base.port import const
from firmware.ledger.block import is_blank
from firmware.ledger.record import LENGTH_MAX, is_record, mend_one_bit

WINDOW_BYTES = const(1024)
BLANK_PIECE = const(256)  # bytes that are looked at together


class BlockScanner:
    """BlockScanner(region, erase_size, program_unit, check): reuse one for all blocks; its buffer belongs to it.

    `check(buf, start, end) -> length or 0` says whether a record stands there; `mend` the same after mending one bit.
    """

    def __init__(self, region, check=is_record, mend=mend_one_bit, longest=LENGTH_MAX):
        self._region = region
        self._unit = region.program_unit
        self._erase_size = region.erase_size
        self._check = check
        self._mend = mend
        self._longest = longest
        self.buf = bytearray(WINDOW_BYTES)
        self._window_at = 0  # offset in the block of buf[0]
        self._window_end = 0
        self._block_at = 0
        self._next = 0
        self.offset = 0
        self.start = 0
        self.length = 0
        self.bad_start = 0
        self.bad_end = 0
        self.used_end = 0
        self.mended = 0

    def begin(self, block_at, offset):
        """Start at `offset` of the block that begins at `block_at` of the region."""
        self._block_at = block_at
        self._window_at = 0
        self._window_end = 0
        self._next = offset
        self.used_end = offset
        self.length = 0
        self.mended = 0

    def next(self):
        """True with the next record in the window, False at the end of the block."""
        self.bad_start = self.bad_end = 0
        at = self._next
        size = self._erase_size
        while at < size:
            end = at + self._longest
            if end > size:
                end = size
            if end > self._window_end or at < self._window_at:
                self._load_bytes(at, end - at)
            start = at - self._window_at
            length = self._check(self.buf, start, end - self._window_at)
            if length:
                self.offset = at
                self.start = start
                self.length = length
                self._next = self.used_end = at + length
                return True
            after = self._behind_padding(at)
            if after > at:
                at = after
                continue
            return self._behind_bad(at)
        self._next = size
        return False

    def _found(self, at, start, length):
        self.offset = at
        self.start = start
        self.length = length
        self._next = self.used_end = at + length
        return True

    def _behind_bad(self, at):
        """Bad bytes stand at `at`: mend one bit, or find the next record behind them."""
        size = self._erase_size
        start = self._load(at)
        length = self._mend(self.buf, start, start + min(self._longest, size - at))
        if length:
            self.mended += 1
            self.bad_start, self.bad_end = at, at
            return self._found(at, start, length)
        self.bad_start = at
        last_used = at
        while at < size:
            start = self._load(at)
            length = self._check(self.buf, start, start + min(self._longest, size - at))
            if length:
                self.bad_end = last_used + 1
                return self._found(at, start, length)
            if self.buf[start] != 0xFF:
                last_used = at
                at += 1
            else:
                at = max(at + 1, self._behind_blank(at))
        self.bad_end = self.used_end = last_used + 1
        self._next = size
        return False

    def _behind_padding(self, at):
        """Start of the first unit that is not blank from `at` to its end; `at` itself when its own unit is not."""
        start = at - self._window_at
        if self.buf[start] != 0xFF:
            return at
        unit_end = at + self._unit - at % self._unit
        if unit_end < self._window_end and self.buf[unit_end - self._window_at] != 0xFF:  # the rest of a step, as a rule
            return unit_end if is_blank(self.buf, start, unit_end - self._window_at) else at
        first = self._behind_blank(at)
        return first if first == self._erase_size else max(at, first // self._unit * self._unit)

    def _behind_blank(self, at):
        """First offset at or behind `at` that is not FFH."""
        while at < self._erase_size:
            piece = min(BLANK_PIECE, self._erase_size - at)
            start = self._load_bytes(at, piece)
            if self.buf[start] == 0xFF and is_blank(self.buf, start, start + piece):
                at += piece
                continue
            while self.buf[start] == 0xFF:
                start += 1
                at += 1
            return at
        return self._erase_size

    def _load(self, at):
        return self._load_bytes(at, min(self._longest, self._erase_size - at))

    def _load_bytes(self, at, count):
        """Have `count` bytes of the block from `at` in the window; where they begin in it."""
        if at < self._window_at or at + count > self._window_end:
            stop = min(self._erase_size, at + WINDOW_BYTES)
            self._region.read_into(self._block_at + at, self.buf, 0, stop - at)
            self._window_at = at
            self._window_end = stop
        return at - self._window_at
