"""CRC-32 (IEEE 802.3, the one of zlib) over a window of a buffer: guards records and snapshots on flash.

Trap avoided: a slice copies; a memoryview does not. The result is masked because ports differ in its sign.
"""

from binascii import crc32 as _crc32


def crc32(buf, start, end, before=0):
    """CRC of buf[start:end], as 0 .. 2**32 - 1. `before` is the CRC of what precedes, to continue over pieces."""
    return _crc32(memoryview(buf)[start:end], before) & 0xFFFFFFFF
