"""One journal record (SPEC section 1): bytes to meaning, and back for tests and simulated gateways."""

import hashlib
import struct
import zlib
from dataclasses import dataclass

from host_tools.journal_reader.kinds import KINDS, Value, of_size, of_values

LENGTH_MIN = 23
LENGTH_MAX = 254
_HEAD = struct.Struct("<BBIIB")


class BadRecord(ValueError):
    """These bytes are not a record; args[0] says why."""


@dataclass(frozen=True)
class Record:
    """A record whose CRC is right. `fields` is empty when the kind is unknown (`known` is False)."""

    kind: int
    name: str
    sequence: int
    at_s: int
    quality: int
    fields: dict[str, Value]
    chain: bytes
    raw: bytes
    known: bool = True

    def number(self, field: str) -> int:
        """An integer field; TypeError when it is bytes or a list, KeyError when this kind has no such field."""
        value = self.fields[field]
        if not isinstance(value, int):
            raise TypeError(field + " of " + self.name + " is not a number")
        return value

    def octets(self, field: str) -> bytes:
        """A field of fixed bytes."""
        value = self.fields[field]
        if not isinstance(value, bytes):
            raise TypeError(field + " of " + self.name + " is not bytes")
        return value

    @property
    def account(self) -> int | None:
        value = self.fields.get("account")
        return value if isinstance(value, int) else None

    def as_json(self) -> dict[str, object]:
        """Values as plain JSON: bytes in hex, as they stand on flash."""
        fields: dict[str, object] = {name: value.hex() if isinstance(value, bytes) else value for name, value in self.fields.items()}
        return {"sequence": self.sequence, "kind": self.name, "at_s": self.at_s, "quality": self.quality, **fields}


def parse_record(data: bytes, start: int = 0, end: int | None = None) -> Record:
    """The record at data[start:]; it must end at or before `end`. BadRecord when it does not parse or its CRC fails."""
    end = len(data) if end is None else end
    if start >= end:
        raise BadRecord("no bytes")
    length = data[start]
    if not LENGTH_MIN <= length <= LENGTH_MAX:
        raise BadRecord("impossible length " + str(length))
    if start + length > end:
        raise BadRecord("cut short")
    raw = bytes(data[start : start + length])
    if zlib.crc32(raw[:-4]) != struct.unpack("<I", raw[-4:])[0]:
        raise BadRecord("CRC does not match")
    _, number, sequence, at_s, quality = _HEAD.unpack_from(raw)
    body, chain = raw[11:-12], raw[-12:-4]
    known = KINDS.get(number)
    if known is None:
        return Record(number, "KIND_" + str(number), sequence, at_s, quality, {}, chain, raw, known=False)
    kind = of_size(number, len(body))
    if kind is None:
        raise BadRecord(known.name + " with " + str(len(body)) + " bytes of fields instead of " + str(known.size))
    return Record(number, kind.name, sequence, at_s, quality, kind.unpack(body), chain, raw)


def mend_record(data: bytes, start: int, end: int) -> Record | None:
    """The record that one flipped bit at data[start:] makes valid, None when there is none.

    A CRC-32 that fails by one bit says which bit; a record mended so is as good as one that was never hurt.
    """
    window = bytearray(data[start : min(end, start + LENGTH_MAX + 1)])
    for bit in range(len(window) * 8):
        if bit == 8 and not LENGTH_MIN <= window[0] <= min(LENGTH_MAX, len(window)):
            return None  # the length itself is wrong by more than one bit
        if bit >= 8 and bit // 8 >= window[0]:
            return None
        window[bit // 8] ^= 1 << bit % 8
        try:
            return parse_record(bytes(window))
        except BadRecord:
            window[bit // 8] ^= 1 << bit % 8
    return None


def pack_record(name: str, sequence: int, at_s: int, quality: int, epoch: int, chain_before: bytes, /, **fields: Value) -> bytes:
    """Bytes of a record that continues `chain_before`; what tests and simulated gateways write."""
    kind = of_values(name, fields)
    length = LENGTH_MIN + kind.size
    head = _HEAD.pack(length, kind.number, sequence, at_s, quality) + kind.pack(fields)
    chain = hashlib.sha256(chain_before + struct.pack("<I", epoch) + head).digest()[:8]
    return head + chain + struct.pack("<I", zlib.crc32(head + chain))
