"""UF2 files: what was put in comes out, each rule of the boot ROM refused by name, and a file written field by field here."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.uf2 import BLOCK_BYTES, FAMILY_RP2040, FLASH_START, SECTOR_BYTES, BadUf2, Part, decode, encode

WHOLE = encode([Part(FLASH_START, b"runtime" * 1000), Part(FLASH_START + 0x9_0000, b"slot" * 2000)])


def test_the_fields_of_a_block_stand_where_the_specification_puts_them():
    file = encode([Part(FLASH_START + 0x1000, bytes(range(256)) * 16)])
    assert len(file) == 16 * 512
    assert file[:32] == struct.pack("<4sIIIIIII", b"UF2\n", 0x9E5D5157, 0x2000, 0x10001000, 256, 0, 16, 0xE48BFF56)
    assert file[32:288] == bytes(range(256)) and file[288:508] == bytes(220) and file[508:512] == bytes.fromhex("306fb10a")
    assert file[512 * 15 :][12:28] == struct.pack("<4I", 0x10001F00, 256, 15, 16)


def test_each_part_fills_its_sectors_so_that_block_numbers_and_sectors_agree():
    parts = decode(WHOLE)
    assert [(part.address - FLASH_START, len(part.data)) for part in parts] == [(0, 2 * SECTOR_BYTES), (0x9_0000, 2 * SECTOR_BYTES)]
    assert parts[0].data[:7000] == b"runtime" * 1000 and parts[0].data[7000:] == b"\xff" * 1192
    for at in range(0, len(WHOLE), BLOCK_BYTES):
        address, _, number = struct.unpack_from("<III", WHOLE, at + 12)
        assert (number % 16 == 0) == (address % SECTOR_BYTES == 0)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 30), st.binary(min_size=1, max_size=SECTOR_BYTES), min_size=1, max_size=6))
def test_any_sectors_come_out_as_they_went_in(sectors):
    parts = [Part(FLASH_START + number * SECTOR_BYTES, data) for number, data in sectors.items()]
    flash = {part.address + at: part.data[at : at + 1] for part in decode(encode(parts)) for at in range(len(part.data))}
    assert len(flash) == SECTOR_BYTES * len(sectors)
    for part in parts:
        padded = part.data.ljust(SECTOR_BYTES, b"\xff")
        assert b"".join(flash[part.address + at] for at in range(SECTOR_BYTES)) == padded


@pytest.mark.parametrize(
    "parts, sentence",
    [
        ([], "nothing to write"),
        ([Part(FLASH_START, b"")], "nothing to write"),
        ([Part(FLASH_START + 256, b"x")], "0x10000100, which is no multiple of 4096"),
        ([Part(FLASH_START, b"x" * 4097), Part(FLASH_START + 4096, b"y")], "0x10000000 and 0x10001000 share a sector"),
    ],
)
def test_parts_that_cannot_be_written_are_refused(parts, sentence):
    with pytest.raises(BadUf2, match=sentence):
        encode(parts)


def block_of(file, at):
    return file[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES]


def changed(file, at, offset, value):
    """The file with one word of block `at` replaced."""
    where = at * BLOCK_BYTES + offset
    return file[:where] + struct.pack("<I", value) + file[where + 4 :]


@pytest.mark.parametrize(
    "file, sentence",
    [
        (b"", "cut short or no UF2"),
        (WHOLE[:-1], "cut short or no UF2"),
        (b"\x7fELF".ljust(1024, b"\0"), "block 0 does not bear the marks"),
        (changed(WHOLE, 3, 508, 0), "block 3 does not bear the marks"),
        (changed(WHOLE, 2, 28, 0xE48BFF59), "block 2 is for another family of chips .0xe48bff59"),  # RP2350
        (changed(WHOLE, 2, 8, 0), "block 2 is for another family"),
        (changed(WHOLE, 2, 8, 0x2001), "block 2 is for another family"),
        (WHOLE[BLOCK_BYTES:], "block 0 calls itself 1 of 64, but the file has 63"),
        (WHOLE + block_of(WHOLE, 63), "block 0 calls itself 0 of 64, but the file has 65"),
        (WHOLE[: BLOCK_BYTES * 9] + block_of(WHOLE, 10) + block_of(WHOLE, 9) + WHOLE[BLOCK_BYTES * 11 :], "block 9 calls itself 10"),
        (changed(WHOLE, 5, 16, 476), "block 5 has 476 bytes"),
        (changed(WHOLE, 5, 12, FLASH_START + 0x501), "block 5 has 256 bytes for 0x10000501"),
        (changed(WHOLE, 5, 12, FLASH_START), "0x10000000 lies before the end"),
        (changed(WHOLE, 32, 12, FLASH_START + 0x9_0100), "begins at 0x10090100, inside a sector"),
        (changed(WHOLE, 33, 12, FLASH_START + 0xA_0000), "part before 0x100a0000 does not fill its last sector"),
    ],
)
def test_a_damaged_file_is_named_by_its_first_wrong_block(file, sentence):
    with pytest.raises(BadUf2, match=sentence):
        decode(file, FAMILY_RP2040)
