"""A NOR region image (SPEC section 3): blocks by ordinal, records in them, torn tails told from corruption.

A bad span is *torn* when nothing valid follows it, or when the next valid record continues the chain of the one before:
nothing is missing. It is *corrupt* when records are missing behind it. A record with one flipped bit is mended by its CRC and named, as the
firmware does. The search for the next valid record goes byte by
byte, because a corrupt record inside a step of several leaves the following ones off the unit boundary.
"""

import binascii
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.journal_reader import kinds
from host_tools.journal_reader.chain import ChainReport, verify_chain
from host_tools.journal_reader.record import LENGTH_MIN, BadRecord, Record, mend_record, parse_record

HEADER = struct.Struct("<4sIII8sII")
READING = struct.Struct("<IIIBB5IIH2sH")
NO_VALUE = 0xFFFFFFFF


@dataclass(frozen=True)
class Block:
    """A block with a valid header."""

    index: int
    magic: bytes
    ordinal: int
    epoch: int
    sequence: int
    chain: bytes
    erases: int


@dataclass(frozen=True)
class Span:
    """Bad bytes: offset in the image, length, what kind they are, and the last good sequence before them."""

    offset: int
    length: int
    after_sequence: int
    sentence: str


@dataclass(frozen=True)
class StoredReading:
    """An entry of the readings ring; None = no value."""

    number: int
    account: int
    at_s: int
    quality: int
    marks: int
    registers: list[int | None]
    power_w: int | None
    status_word: int


@dataclass
class JournalImage:
    """What a region image or an export holds. `sound` when nothing is corrupt and the chain has neither gap nor break."""

    records: list[Record] = field(default_factory=list)
    torn: list[Span] = field(default_factory=list)
    corrupt: list[Span] = field(default_factory=list)
    mended: list[Span] = field(default_factory=list)
    epoch: int | None = None
    chain: ChainReport = field(default_factory=lambda: ChainReport(None, None))
    blocks: list[Block] = field(default_factory=list)
    bad_blocks: list[int] = field(default_factory=list)
    readings: list[StoredReading] = field(default_factory=list)
    readings_bad: int = 0
    unknown_kinds: int = 0

    @property
    def sound(self) -> bool:
        return not self.corrupt and self.chain.ok

    @property
    def snapshot_sequence(self) -> int:
        """Sequence of the last complete snapshot's beginning; 0 when there is none. A replay needs nothing before it."""
        end = next((one for one in reversed(self.records) if one.kind == kinds.SNAPSHOT_END), None)
        if end is None:
            return 0
        begins = [one.sequence for one in self.records if one.kind == kinds.SNAPSHOT_BEGIN and one.sequence < end.sequence]
        return begins[-1] if begins else 0

    @property
    def needed_sound(self) -> bool:
        """Sound from the last complete snapshot on: an erase that was interrupted harms only what is older."""
        start = self.snapshot_sequence
        return not (any(last >= start for _, last in self.chain.gaps) or any(sequence >= start for sequence, _ in self.chain.breaks))

    @property
    def acked(self) -> Record | None:
        """The newest ACKED record, if there is one."""
        return next((record for record in reversed(self.records) if record.kind == kinds.ACKED), None)

    def find(self, name: str) -> list[Record]:
        return [record for record in self.records if record.name == name]


def read_region(path: str | Path, erase_size: int, program_unit: int, journal_size: int | None = None) -> JournalImage:
    """`parse_region` of a file."""
    return parse_region(Path(path).read_bytes(), erase_size, program_unit, journal_size)


def parse_region(data: bytes, erase_size: int, program_unit: int, journal_size: int | None = None) -> JournalImage:
    """Parse a region image. `journal_size` bytes from the start are the journal, the rest the readings ring; without it
    each block is taken for what its magic says. ValueError when the sizes cannot be."""
    if program_unit < 1 or erase_size < HEADER.size + LENGTH_MIN or erase_size % program_unit:
        raise ValueError("erase size " + str(erase_size) + " is no multiple of program unit " + str(program_unit))
    if len(data) % erase_size:
        raise ValueError("image of " + str(len(data)) + " bytes is not whole blocks of " + str(erase_size))
    image = JournalImage()
    blocks: list[Block] = []
    for index in range(len(data) // erase_size):
        block = _parse_header(data, index, erase_size)
        wanted = None if journal_size is None else (b"LJ01" if index * erase_size < journal_size else b"LR01")
        if block is not None and (wanted is None or block.magic == wanted):
            blocks.append(block)
        elif data[index * erase_size : (index + 1) * erase_size].strip(b"\xff"):
            image.bad_blocks.append(index)
    image.blocks = sorted(blocks, key=lambda block: block.ordinal)
    spans: list[tuple[int, Span]] = []  # with the count of records before it
    for block in image.blocks:
        if block.magic == b"LJ01":
            _read_block(data, block, erase_size, program_unit, image, spans)
        else:
            _read_readings(data, block, erase_size, program_unit, image)
    image.readings.sort(key=lambda reading: reading.number)
    journal_blocks = [block for block in image.blocks if block.magic == b"LJ01"]
    if journal_blocks and image.records:
        first = journal_blocks[0]
        image.chain = verify_chain(image.records, first.chain, first.epoch, first.sequence - 1)
    _judge_spans(image, spans)
    image.epoch = image.chain.epoch
    return image


def read_export(path: str | Path) -> JournalImage:
    """Parse an export: records one behind the other."""
    data = Path(path).read_bytes()
    image = JournalImage()
    spans: list[tuple[int, Span]] = []
    _scan(data, 0, len(data), 1, image, spans)
    image.chain = verify_chain(image.records)
    _judge_spans(image, spans)
    image.epoch = image.chain.epoch
    return image


def _parse_header(data: bytes, index: int, erase_size: int) -> Block | None:
    """The block's header, one flipped bit mended; None when it is blank or torn."""
    head = bytearray(data[index * erase_size : index * erase_size + HEADER.size])
    if not head.strip(b"\xff"):
        return None
    for bit in range(-1, len(head) * 8):
        if bit >= 0:
            head[bit // 8] ^= 1 << bit % 8
        magic, ordinal, epoch, sequence, chain, erases, crc = HEADER.unpack(head)
        if magic in (b"LJ01", b"LR01") and zlib.crc32(head[:-4]) == crc:
            return Block(index, magic, ordinal, epoch, sequence, chain, erases)
        if bit >= 0:
            head[bit // 8] ^= 1 << bit % 8
    return None


def _align(offset: int, unit: int) -> int:
    return -(-offset // unit) * unit


def _read_block(data: bytes, block: Block, erase_size: int, unit: int, image: JournalImage, spans: list[tuple[int, Span]]) -> None:
    start = block.index * erase_size
    _scan(data, start + _align(HEADER.size, unit), start + erase_size, unit, image, spans)


def _scan(data: bytes, position: int, end: int, unit: int, image: JournalImage, spans: list[tuple[int, Span]]) -> None:
    """Records of data[position:end], appended to the image; bad bytes to `spans`."""
    while position < end:
        if data[position] == 0xFF:
            after = min(end, _align(position + 1, unit))
            if not data[position:after].strip(b"\xff"):
                if not data[position:end].strip(b"\xff"):
                    return
                position = after
                continue
            why = "padding that is not blank"
        else:
            try:
                record = parse_record(data, position, end)
            except BadRecord as fault:
                why = str(fault)
                mended = mend_record(data, position, end)
                if mended is not None:
                    last = image.records[-1].sequence if image.records else 0
                    image.mended.append(Span(position, len(mended.raw), last, "one flipped bit mended"))
                    image.records.append(mended)
                    position += len(mended.raw)
                    continue
            else:
                image.records.append(record)
                image.unknown_kinds += not record.known
                position += len(record.raw)
                continue
        after = _next_record(data, position + 1, end)
        bad = data[position:after].rstrip(b"\xff")
        last = image.records[-1].sequence if image.records else 0
        spans.append((len(image.records), Span(position, len(bad), last, why)))
        position = after


def _next_record(data: bytes, position: int, end: int) -> int:
    """Offset of the next bytes that are a record with a right CRC, or `end`."""
    while position < end:
        try:
            parse_record(data, position, end)
            return position
        except BadRecord:
            position += 1
    return end


def _judge_spans(image: JournalImage, spans: list[tuple[int, Span]]) -> None:
    missing = {first for first, _ in image.chain.gaps}
    broken = {sequence for sequence, _ in image.chain.breaks}
    for count, span in spans:
        if count < len(image.records):
            sequence = image.records[count].sequence
            before = image.records[count - 1].sequence + 1 if count else sequence
            if before in missing or sequence in broken:
                image.corrupt.append(span)
                continue
        image.torn.append(span)
    if image.chain.gaps and not image.corrupt:  # records are missing although no bytes are bad: a lost block
        first, last = image.chain.gaps[0]
        image.corrupt.append(Span(0, 0, first - 1, "records " + str(first) + " to " + str(last) + " are missing"))


def _read_readings(data: bytes, block: Block, erase_size: int, unit: int, image: JournalImage) -> None:
    end = (block.index + 1) * erase_size
    position = block.index * erase_size + _align(HEADER.size, unit)
    while position + READING.size <= end:
        entry = data[position : position + READING.size]
        values = READING.unpack(entry)
        if binascii.crc_hqx(entry[:-2], 0xFFFF) != values[-1]:
            # a number may begin with FFH, so blank padding is looked for only where no entry stands
            after = _align(position + 1, unit)
            if data[position:after].strip(b"\xff"):
                image.readings_bad += 1
                after = _align(position + READING.size, unit)
            position = after
            continue
        registers = [None if value == NO_VALUE else value for value in values[5:10]]
        power_w = None if values[10] == NO_VALUE else values[10]
        number, account, at_s, quality, marks = values[:5]
        image.readings.append(StoredReading(number, account, at_s, quality, marks, registers, power_w, values[11]))
        position += READING.size
