"""UF2, the file that a board's boot ROM takes as a drive: 512-byte blocks, each with an address and 256 bytes for it.

Format: the UF2 specification (github.com/microsoft/uf2, README) and RP2040 datasheet section 2.8.4.2 (one family id in
every block, payloads of 256 bytes at multiples of 256, block numbers from 0 to the number of blocks less one).

Trap avoided: the boot ROM of the RP2040 tells by the *block number* when a new 4 KB sector begins and must be erased. So
every part begins a sector and fills its last one (with FF, as erased flash); else the blocks after a gap would be
written on flash that was never erased.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FAMILY_RP2040 = 0xE48BFF56
FLASH_START = 0x1000_0000  # where the RP2040 sees its flash
BLOCK_BYTES = 512
PAYLOAD_BYTES = 256
SECTOR_BYTES = 4096
FLAG_NOT_FLASH = 0x0001
FLAG_FAMILY = 0x2000
MAGICS = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
HEAD = struct.Struct("<8I")
TAIL = struct.Struct("<I")
DATA_BYTES = BLOCK_BYTES - HEAD.size - TAIL.size


class BadUf2(ValueError):
    """What is wrong with the file, or with what should become one, in one sentence."""


@dataclass(frozen=True)
class Part:
    """Bytes that lie together, and the address of the first."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        return self.address + len(self.data)


def encode(parts: Iterable[Part], family: int = FAMILY_RP2040) -> bytes:
    """The file that writes these parts, each in whole sectors; BadUf2 when two share a sector or one begins inside it."""
    padded = sorted((_whole_sectors(part) for part in parts), key=lambda part: part.address)
    for before, after in zip(padded, padded[1:], strict=False):
        if after.address < before.end:
            raise BadUf2(f"the parts at {before.address:#010x} and {after.address:#010x} share a sector of {SECTOR_BYTES} bytes")
    count = sum(len(part.data) for part in padded) // PAYLOAD_BYTES
    if not count:
        raise BadUf2("there is nothing to write: no part has a byte")
    blocks: list[bytes] = []
    for part in padded:
        for at in range(0, len(part.data), PAYLOAD_BYTES):
            payload = part.data[at : at + PAYLOAD_BYTES].ljust(DATA_BYTES, b"\0")
            head = HEAD.pack(*MAGICS[:2], FLAG_FAMILY, part.address + at, PAYLOAD_BYTES, len(blocks), count, family)
            blocks.append(head + payload + TAIL.pack(MAGICS[2]))
    return b"".join(blocks)


def decode(file: bytes, family: int = FAMILY_RP2040) -> list[Part]:
    """The parts of a file, every block checked; BadUf2 names the first wrong one."""
    if not file or len(file) % BLOCK_BYTES:
        raise BadUf2(f"the file has {len(file)} bytes, not whole blocks of {BLOCK_BYTES}: it is cut short or no UF2")
    runs: list[tuple[int, list[bytes]]] = []
    seen_end = 0
    for address, payload in _payloads(file, family):
        if runs and address < seen_end:
            raise BadUf2(f"the address {address:#010x} lies before the end of the block before it")
        if not runs or address != seen_end:
            if address % SECTOR_BYTES:
                raise BadUf2(f"a part begins at {address:#010x}, inside a sector of {SECTOR_BYTES} bytes that nothing would erase")
            if runs and seen_end % SECTOR_BYTES:
                raise BadUf2(f"the part before {address:#010x} does not fill its last sector: the boot ROM would miss an erase")
            runs.append((address, []))
        runs[-1][1].append(payload)
        seen_end = address + PAYLOAD_BYTES
    return [Part(address, b"".join(payloads)) for address, payloads in runs]


def _whole_sectors(part: Part) -> Part:
    if part.address % SECTOR_BYTES:
        raise BadUf2(f"a part begins at {part.address:#010x}, which is no multiple of {SECTOR_BYTES}")
    return Part(part.address, part.data + b"\xff" * (-len(part.data) % SECTOR_BYTES))


def _payloads(file: bytes, family: int) -> Iterator[tuple[int, bytes]]:
    """(address, payload) of each block in file order."""
    total = len(file) // BLOCK_BYTES
    for at in range(total):
        block = file[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES]
        first, second, flags, address, size, number, count, its_family = HEAD.unpack_from(block)
        if (first, second, *TAIL.unpack(block[-TAIL.size :])) != MAGICS:
            raise BadUf2(f"block {at} does not bear the marks of UF2: this is another kind of file, or it is damaged")
        if not flags & FLAG_FAMILY or flags & FLAG_NOT_FLASH or its_family != family:
            raise BadUf2(f"block {at} is for another family of chips ({its_family:#010x}, flags {flags:#06x}), not for {family:#010x}")
        if (number, count) != (at, total):
            raise BadUf2(f"block {at} calls itself {number} of {count}, but the file has {total}: blocks are missing or doubled")
        if size != PAYLOAD_BYTES or address % PAYLOAD_BYTES:
            raise BadUf2(f"block {at} has {size} bytes for {address:#010x}: the boot ROM takes {PAYLOAD_BYTES} at multiples of that only")
        yield address, block[HEAD.size : HEAD.size + PAYLOAD_BYTES]
