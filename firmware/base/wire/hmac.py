"""HMAC-SHA-256 (RFC 2104, FIPS 198-1) on hashlib, because MicroPython has no hmac module.

The message comes in pieces, so that a payload is never copied only to be authenticated. Tags may be truncated as COSE
does for algorithm 4 (64 bits); algorithm 5 keeps all 32 bytes.

Trap avoided: a comparison that stops at the first difference tells an attacker how far the guess was right.
"""

from hashlib import sha256

from firmware.base.port import const

TAG_BYTES = const(32)
BLOCK_BYTES = const(64)
_EVERY_BYTE = int.from_bytes(b"\x01" * BLOCK_BYTES, "big")


def hmac_sha256(key, pieces, tag_bytes=TAG_BYTES):
    """Tag of the concatenated `pieces` (bytes-like) under `key` (bytes of any length), its first `tag_bytes` bytes."""
    if len(key) > BLOCK_BYTES:
        key = sha256(key).digest()
    inner = sha256(_padded(key, 0x36))
    for piece in pieces:
        inner.update(piece)
    outer = sha256(_padded(key, 0x5C))
    outer.update(inner.digest())
    return outer.digest()[:tag_bytes]


def same_tag(got, want):
    """True when both are equal; takes the same time wherever they differ (their lengths are no secret)."""
    if len(got) != len(want):
        return False
    difference = 0
    for index in range(len(want)):
        difference |= got[index] ^ want[index]
    return difference == 0


def _padded(key, fill):
    """The key to its 64 bytes, each bit that is set in `fill` turned: as one big number, a byte at a time is slow."""
    return (int.from_bytes(key, "big") << 8 * (BLOCK_BYTES - len(key)) ^ fill * _EVERY_BYTE).to_bytes(BLOCK_BYTES, "big")
