"""The journal reader against images built by hand after SPEC sections 1 and 3."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from host_tools.journal_reader import AccountRow, pack_record, pack_row, parse_row, read_export, read_region, verify_chain
from host_tools.journal_reader.__main__ import main
from host_tools.journal_reader.record import BadRecord, parse_record

ERASE = 1024
UNITS = (1, 32, 256)


def story(count: int) -> list[bytes]:
    """EPOCH, BOOT, then credits to account 1001."""
    chain = bytes(8)
    records = []
    for sequence in range(1, count + 1):
        if sequence == 1:
            raw = pack_record("EPOCH", 1, 1_800_000_000, 3, 1, chain, epoch=1, reason=1, boot_count=1, firmware=100)
        elif sequence == 2:
            raw = pack_record("BOOT", 2, 1_800_000_001, 3, 1, chain, boot_count=1, reset_cause=1, firmware=100)
        else:
            raw = pack_record(
                "CREDIT",
                sequence,
                1_800_000_000 + sequence,
                3,
                1,
                chain,
                account=1001,
                issuer=1,
                number=sequence - 2,
                amount_ucu=1_000_000,
                total_ucu=(sequence - 2) * 1_000_000,
            )
        records.append(raw)
        chain = raw[-12:-4]
    return records


def region(records: list[bytes], unit: int, blocks: int = 4, per_step: int = 1) -> bytearray:
    """An image: block by block, steps of `per_step` records padded to whole units."""
    image = bytearray(b"\xff" * ERASE * blocks)
    block, position, chain = -1, ERASE, bytes(8)
    for index in range(0, len(records), per_step):
        step = b"".join(records[index : index + per_step])
        room = -(-len(step) // unit) * unit
        if position + room > ERASE:
            block, position = block + 1, 0
            header = struct.pack("<4sIII8sI", b"LJ01", block + 1, 1, index + 1, chain, 3)
            header += struct.pack("<I", zlib.crc32(header))
            image[block * ERASE : block * ERASE + 32] = header
            position = -(-32 // unit) * unit
        image[block * ERASE + position : block * ERASE + position + len(step)] = step
        position += room
        chain = step[-12:-4]
    return image


def write(tmp_path: Path, image: bytes) -> Path:
    path = tmp_path / "region.bin"
    path.write_bytes(image)
    return path


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("per_step", (1, 3))
def test_every_record_of_a_region_is_found_in_order(tmp_path, unit, per_step):
    if unit == 256 and per_step == 1:
        count = 9
    else:
        count = 20
    records = story(count)
    image = read_region(write(tmp_path, region(records, unit, per_step=per_step)), ERASE, unit)
    assert [record.raw for record in image.records] == records
    assert image.sound and not image.torn and image.epoch == 1


@pytest.mark.parametrize("unit", UNITS)
def test_bad_bytes_at_the_end_are_a_torn_tail(tmp_path, unit):
    records = story(8)
    image = region(records, unit)
    end = image.index(records[-1])
    image[end + 20 : end + len(records[-1])] = b"\xff" * (len(records[-1]) - 20)
    found = read_region(write(tmp_path, image), ERASE, unit)
    assert len(found.records) == 7 and len(found.torn) == 1 and found.sound


@pytest.mark.parametrize("unit", UNITS)
def test_a_sealed_torn_tail_in_the_middle_loses_nothing_and_is_not_corruption(tmp_path, unit):
    records = story(5)
    image = region(records[:4], unit)
    position = -(-(image.index(records[3]) + len(records[3])) // unit) * unit
    image[position : position + 9] = records[4][:9]
    position += -(-9 // unit) * unit
    image[position : position + len(records[4])] = records[4]
    found = read_region(write(tmp_path, image), ERASE, unit)
    assert [record.raw for record in found.records] == records
    assert len(found.torn) == 1 and found.sound


@pytest.mark.parametrize("unit", UNITS)
def test_bad_bytes_with_valid_records_behind_them_are_corruption(tmp_path, unit):
    records = story(8)
    image = region(records, unit)
    image[image.index(records[3]) + 15] ^= 0x11
    found = read_region(write(tmp_path, image), ERASE, unit)
    assert len(found.records) == 7 and not found.sound
    assert len(found.corrupt) == 1 and found.corrupt[0].length and not found.torn and found.chain.gaps == [(4, 4)]


@pytest.mark.parametrize("unit", UNITS)
def test_every_single_flipped_bit_of_a_record_is_mended_and_named(tmp_path, unit):
    records = story(7)
    image = region(records, unit, per_step=2)
    for record in records:
        start = image.index(record)
        for bit in range(start * 8, (start + len(record)) * 8, 17):
            image[bit // 8] ^= 1 << bit % 8
            found = read_region(write(tmp_path, image), ERASE, unit)
            assert [one.raw for one in found.records] == records and found.sound, bit
            assert len(found.mended) == 1 and not found.torn, bit
            image[bit // 8] ^= 1 << bit % 8


def test_a_flipped_bit_outside_the_records_loses_nothing_silently(tmp_path):
    records = story(12)
    image = region(records, 32)
    for bit in range(0, ERASE * 8 * 2, 37):
        image[bit // 8] ^= 1 << bit % 8
        found = read_region(write(tmp_path, image), ERASE, 32)
        assert [one.raw for one in found.records] == records and found.sound, bit
        image[bit // 8] ^= 1 << bit % 8


def test_a_record_whose_chain_was_edited_is_named():
    records = [parse_record(raw) for raw in story(5)]
    forged = pack_record("CREDIT", 4, 1, 3, 1, bytes(8), account=1001, issuer=1, number=2, amount_ucu=9, total_ucu=9)
    records[3] = parse_record(forged)
    assert [sequence for sequence, _ in verify_chain(records).breaks] == [4, 5]


def test_a_record_cut_short_is_refused():
    raw = story(3)[2]
    for length in range(len(raw)):
        with pytest.raises(BadRecord):
            parse_record(raw[:length])


def test_an_account_row_survives_packing():
    row = AccountRow(
        1001,
        3,
        bytes.fromhex("010203040506"),
        4,
        [5, 1, 2, 1, 1],
        [6, 2, 2, 1, 1],
        7,
        -8,
        [(1, 2, 3_000_000), (9, 1, -5)],
        4,
        1,
        1,
        9,
        1,
        1,
        10,
        2,
        11,
        1,
        0,
        12,
    )
    data = pack_row(row)
    assert len(data) == 146 and parse_row(data) == row and row.balance_ucu == 3_000_003


def test_the_command_prints_an_export_and_names_what_is_wrong(tmp_path, capsys):
    records = story(4)
    path = tmp_path / "export.bin"
    path.write_bytes(b"".join(records))
    assert main([str(path), "--export"]) == 0
    assert "credit 2 of issuer 1: 1.00, total 2.00" in capsys.readouterr().out
    path.write_bytes(b"".join(records[:2] + records[3:]))
    assert main([str(path), "--export", "--json"]) == 1
    assert "3 to 3" in capsys.readouterr().out
    assert read_export(path).chain.gaps == [(3, 3)]
    assert main([str(tmp_path / "absent")]) == 2


@pytest.mark.parametrize("unit", UNITS)
def test_stored_readings_are_found_also_when_their_number_looks_blank(tmp_path, unit):
    import binascii

    image = bytearray(b"\xff" * ERASE * 2)
    header = struct.pack("<4sIII8sI", b"LR01", 1, 0, 254, bytes(8), 0)
    image[ERASE : ERASE + 32] = header + struct.pack("<I", zlib.crc32(header))
    position = ERASE + -(-32 // unit) * unit
    numbers = (254, 255, 256)
    for number in numbers:
        entry = struct.pack("<IIIBB5IIH2s", number, 1001, 9, 3, 0, 5, *[0xFFFFFFFF] * 4, 0xFFFFFFFF, 0x10, b"\xff\xff")
        entry += struct.pack("<H", binascii.crc_hqx(entry, 0xFFFF))
        assert len(entry) == 44
        image[position : position + 44] = entry
        position += -(-44 // unit) * unit
    found = read_region(write(tmp_path, image), ERASE, unit, ERASE)
    assert [reading.number for reading in found.readings] == list(numbers) and found.readings_bad == 0
    assert found.readings[1].registers == [5, None, None, None, None] and found.readings[1].power_w is None


def test_damage_before_the_last_snapshot_is_not_needed_for_a_replay(tmp_path):
    records = story(12)
    chain = records[-1][-12:-4]
    for name, fields in (
        ("SNAPSHOT_BEGIN", {"rows": 1, "acked_epoch": 1, "acked_sequence": 9, "acked_readings": 0, "brake": 0}),
        ("SNAPSHOT_ROW", {"row": pack_row(AccountRow(1001))}),
        ("SNAPSHOT_END", {"rows": 1, "rows_crc": 0}),
    ):
        records.append(pack_record(name, len(records) + 1, 9, 3, 1, chain, **fields))
        chain = records[-1][-12:-4]
    image = region(records, 1)
    for victim, needed in ((4, True), (13, False)):
        hurt = bytearray(image)
        start = hurt.index(records[victim])
        hurt[start + 2 : start + 12] = bytes(10)
        found = read_region(write(tmp_path, hurt), ERASE, 1)
        assert not found.sound and found.snapshot_sequence == 13 and found.needed_sound is needed


@pytest.mark.parametrize(
    ("arguments", "field"),
    (
        (["--erase-size", "0"], "erase-size: "),
        (["--erase-size", "-4096"], "erase-size: "),
        (["--unit", "0"], "unit: "),
        (["--journal-size", "-5"], "journal-size: "),
        (["--unit", "3"], "file: "),
        ([], "file: "),
        (["--export"], "file: "),
    ),
)
def test_a_file_without_a_journal_and_sizes_that_cannot_be_are_one_sentence(tmp_path, capsys, arguments, field):
    path = tmp_path / "other.bin"
    path.write_bytes(bytes(range(256)) * 32)
    assert main([str(path), *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(field) and said.err.count("\n") == 1 and not said.out


def test_a_blank_region_is_sound_and_empty(tmp_path, capsys):
    path = tmp_path / "blank.bin"
    path.write_bytes(b"\xff" * 8192)
    assert main([str(path)]) == 0
    said = capsys.readouterr().out
    assert "sound: yes" in said and "records: 0" in said and "epoch: -" in said


def test_the_records_of_a_region_can_be_written_as_an_export(tmp_path, capsys):
    records = story(12)
    image, out = write(tmp_path, region(records, 16)), tmp_path / "export"
    sizes = ("--erase-size", str(ERASE), "--unit", "16")
    assert main([str(image), *sizes, "--write-export", str(out)]) == 0
    assert out.read_bytes() == b"".join(records) and read_export(out).sound
    capsys.readouterr()
    assert main([str(image), *sizes, "--write-export", str(out)]) == 2
    assert capsys.readouterr().err.startswith("write-export: ")


def test_a_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / "blank.bin"
    path.write_bytes(b"\xff" * 8192)
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "host_tools.journal_reader", str(path)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (2, "output: cannot be written: No space left on device\n")
