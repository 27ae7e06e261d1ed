"""The descriptor at the end of an application slot: what lies in it, and whether it is whole.

A slot's image stands at its beginning; its last erase block holds, little-endian: b"LAMPSLOT", version u32, image length u32,
SHA-256 of the image, CRC-32 of all before; FFH to the end of the block. boot.py runs nothing that the descriptor does not prove.

Trap avoided: the descriptor is written last and its block erased first, so a half-written slot never looks whole.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass

from host_tools.flash.errors import FlashError

MAGIC = b"LAMPSLOT"
_LAYOUT = struct.Struct("<8sII32s")
DESCRIPTOR_BYTES = _LAYOUT.size + 4


@dataclass(frozen=True)
class Descriptor:
    """Version of the firmware, length and SHA-256 of the image."""

    version: int
    length: int
    sha256: bytes


def descriptor_of(image: bytes, version: int) -> bytes:
    """The descriptor's bytes for an image."""
    head = _LAYOUT.pack(MAGIC, version, len(image), hashlib.sha256(image).digest())
    return head + struct.pack("<I", zlib.crc32(head))


def parse_descriptor(data: bytes) -> Descriptor | None:
    """What the descriptor says; None when there is none or it is torn."""
    if len(data) < DESCRIPTOR_BYTES:
        return None
    magic, version, length, digest = _LAYOUT.unpack(data[: _LAYOUT.size])
    (crc,) = struct.unpack("<I", data[_LAYOUT.size : DESCRIPTOR_BYTES])
    if magic != MAGIC or zlib.crc32(data[: _LAYOUT.size]) != crc:
        return None
    return Descriptor(version, length, digest)


def slot_image(image: bytes, version: int, slot_size: int, erase_size: int) -> bytes:
    """The whole slot: image, blank flash, descriptor block."""
    room = slot_size - erase_size
    if len(image) > room:
        raise FlashError(f"the application has {len(image)} bytes, its slot holds {room}: leave something out or make the slots bigger")
    return image.ljust(room, b"\xff") + descriptor_of(image, version).ljust(erase_size, b"\xff")


def image_of(slot: bytes, erase_size: int) -> bytes | None:
    """The image in a slot's bytes when its descriptor proves it, else None."""
    said = parse_descriptor(slot[-erase_size:])
    if said is None or said.length > len(slot) - erase_size:
        return None
    image = slot[: said.length]
    return image if hashlib.sha256(image).digest() == said.sha256 else None
