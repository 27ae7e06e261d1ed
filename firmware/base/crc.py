"""CRC-32 (IEEE 802.3, the one of zlib) over a window of a buffer: guards records and snapshots on flash.

A CRC that fails by one bit says which bit (mend_one_bit). Trying all of them costs a CRC over the whole window each; stepping
the register backwards through the window costs a shift each.

Trap avoided: a slice copies; a memoryview does not. The result is masked because ports differ in its sign.
"""

from binascii import crc32 as _crc32


def crc32(buf, start, end, before=0):
    """CRC of buf[start:end], as 0 .. 2**32 - 1. `before` is the CRC of what precedes, to continue over pieces."""
    return _crc32(memoryview(buf)[start:end], before) & 0xFFFFFFFF


_RESIDUE = 0x2144DF1C  # CRC of bytes with their own CRC behind them, whatever they are


def is_whole(buf, start, end):
    """True when the last 4 bytes of buf[start:end] are the CRC of those before, low byte first."""
    return _crc32(memoryview(buf)[start:end]) == _RESIDUE


_POLYNOMIAL = 0xEDB88320  # IEEE 802.3, reflected; a small integer on no 32-bit port, so this is for start-up only


def mend_one_bit(buf, start, end, stored, spared=0):
    """Flip back the one bit of buf[start:end] that makes its CRC `stored` -> True; False, nothing changed, when there is none.

    The first `spared` bytes are not touched.
    """
    wanted = crc32(buf, start, end) ^ stored
    trace = _POLYNOMIAL  # what a flip of the last bit does to the CRC; one step more for each bit before it
    for place in range((end - start - spared) * 8):
        if trace == wanted:
            buf[end - 1 - place // 8] ^= 0x80 >> place % 8
            return True
        trace = (trace >> 1) ^ _POLYNOMIAL if trace & 1 else trace >> 1
    return False


def is_one_bit(difference):
    """True when two CRCs differ in a single bit: then it is the stored one that is wrong."""
    return difference != 0 and not difference & (difference - 1)
