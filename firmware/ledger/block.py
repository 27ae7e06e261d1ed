"""Header of an erase block, the same for the journal and the readings ring (SPEC 3). Pure.

A header with one flipped bit is mended; one that is torn is no header at all, and its block holds nothing unless records
behind it say otherwise (journal_store looks).
"""

from firmware.base import crc
from firmware.base.records import Layout

HEADER = Layout("block header: magic ordinal epoch sequence chain erases crc", b"<4sIII8sII")
HEADER_SIZE = HEADER.size
JOURNAL_MAGIC = b"LJ01"
READINGS_MAGIC = b"LR01"
_CRC_AT = HEADER_SIZE - 4
_BLANK = b"\xff" * 256
_BLANK_VIEW = memoryview(_BLANK)


def header_into(buf, start, magic, ordinal, epoch, sequence, chain, erases):
    """Write a header at buf[start:] -> end."""
    end = HEADER.pack_into(buf, start, (magic, ordinal, epoch, sequence, chain, erases, 0))
    HEADER.set(buf, start, "crc", crc.crc32(buf, start, start + _CRC_AT))
    return end


def header_of(buf, start, magic):
    """Values of the header at buf[start:] in the order of HEADER, one flipped bit mended in `buf`; None when it is none."""
    if buf[start] == 0xFF and is_blank(buf, start, start + HEADER_SIZE):
        return None
    stored = HEADER.get(buf, start, "crc")
    found = crc.crc32(buf, start, start + _CRC_AT)
    if found != stored:
        if crc.is_one_bit(found ^ stored):
            HEADER.set(buf, start, "crc", found)
        elif not crc.mend_one_bit(buf, start, start + _CRC_AT, stored):
            return None
    values = HEADER.unpack(buf, start)
    return values if values[0] == magic else None


def align(offset, unit):
    """`offset` up to the next whole unit."""
    return (offset + unit - 1) // unit * unit


def is_blank(buf, start, end):
    """True when buf[start:end] is all FFH."""
    window = memoryview(buf)
    while start < end:
        piece = min(end - start, len(_BLANK))
        if window[start : start + piece] != _BLANK_VIEW[:piece]:
            return False
        start += piece
    return True
