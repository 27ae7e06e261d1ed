"""One journal record: encode, check, chain, and mend a single flipped bit (SPEC 1). Pure.

A CRC-32 that fails by one bit says which bit: a bit lost in flash is mended, checked by the CRC again and by the chain of
the caller. Trap avoided: the last record with one flipped bit looks like a torn tail; without mending, an acknowledged
record would be taken for one that was never written and its sequence would be given away again.
"""

from hashlib import sha256

from firmware.base import crc
from firmware.base.faults import Broken
from firmware.base.port import const
from firmware.base.records import Layout, calcsize, pack_into, unpack_from
from firmware.ledger.record_kinds import (
    CHARGE,
    LONGER_WORDS,
    SEGMENT,
    WORDS,
    code_for,
    code_of,
    longer_code_of,
    longest_codes_of,
)

HEAD = Layout("record: length kind sequence at_s quality", b"<BBIIB")
_TAIL = Layout("tail of a record: chain crc", b"<8sI")

BODY_AT = const(11)
TRAILER = const(12)
LENGTH_MIN = const(23)
LENGTH_MAX = const(254)
FIRST_CHAIN = bytes(8)


def chain_after(chain_before, epoch, buf, start, length):
    """The 8 bytes that chain the record at buf[start:start+length] to all before it."""
    digest = sha256(chain_before + epoch.to_bytes(4, "little"))
    digest.update(memoryview(buf)[start : start + length - TRAILER])
    return digest.digest()[:8]


def size_of(kind):
    """Bytes of a record of this kind in its shorter form; Broken when there is no such kind."""
    code = code_of(kind)
    if code is None:
        raise Broken("no record kind " + str(kind))
    return LENGTH_MIN + calcsize(code)


def size_for(kind, values):
    """Bytes of a record of these values."""
    code = code_for(kind, values)
    if code is None:
        raise Broken("no record kind " + str(kind))
    return LENGTH_MIN + calcsize(code)


def encode_into(buf, start, kind, values, sequence, at_s, quality, epoch, chain_before):
    """Write one record at buf[start:] -> (end, chain). Broken on a value out of range; then nothing counts as written."""
    length = size_for(kind, values)
    code = code_for(kind, values)
    HEAD.pack_into(buf, start, (length, kind, sequence, at_s, quality))
    if kind in (CHARGE, SEGMENT):
        end = pack_into(code, buf, start + BODY_AT, values, LONGER_WORDS, int(kind == SEGMENT))
    else:
        end = pack_into(code, buf, start + BODY_AT, values, WORDS, kind)
    chain = chain_after(chain_before, epoch, buf, start, length)
    _TAIL.set(buf, end, "chain", chain)
    _TAIL.set(buf, end, "crc", crc.crc32(buf, start, end + 8))
    return end + TRAILER, chain


def is_record(buf, start, end):
    """Length of the valid record at buf[start:], 0 when there is none that ends at or before `end`."""
    length = buf[start]
    if length < LENGTH_MIN or length > LENGTH_MAX or start + length > end:
        return 0
    return length if crc.is_whole(buf, start, start + length) else 0


def chain_of(buf, start, length):
    """The chain that the record itself carries."""
    return bytes(memoryview(buf)[start + length - TRAILER : start + length - 4])


def values_of(buf, start, length):
    """Fields of a valid record as a tuple in SPEC order; None for an unknown kind or an unknown length of a known one."""
    kind = buf[start + 1]
    code = code_of(kind)
    if code is None or calcsize(code) != length - LENGTH_MIN:
        code = longer_code_of(kind)
        if code is None or calcsize(code) != length - LENGTH_MIN:
            codes = [code for code in longest_codes_of(kind) if calcsize(code) == length - LENGTH_MIN]
            if not codes:
                return None
            code = codes[0]
    return unpack_from(code, buf, start + BODY_AT)


def mend_one_bit(buf, start, end):
    """Flip back the one bit that makes a valid record of buf[start:]; its length, or 0 and nothing changed.

    Once for each bad place in the journal, at start-up only.
    """
    for bit in range(8):  # the length byte first: it decides how far the CRC reaches
        buf[start] ^= 1 << bit
        length = is_record(buf, start, end)
        if length:
            return length
        buf[start] ^= 1 << bit
    length = buf[start]
    if length < LENGTH_MIN or length > LENGTH_MAX or start + length > end:
        return 0
    tail = start + length - TRAILER
    stored = _TAIL.get(buf, tail, "crc")
    found = crc.crc32(buf, start, tail + 8)
    if crc.is_one_bit(found ^ stored):
        _TAIL.set(buf, tail, "crc", found)
        return length
    return length if crc.mend_one_bit(buf, start, tail + 8, stored, 1) else 0
