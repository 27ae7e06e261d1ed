"""The ESP32's partition table against bytes that Espressif publishes, and against tables that a boot loader would refuse."""

import pytest

from host_tools.flash.errors import FlashError
from host_tools.flash.partition_table import TABLE_BYTES, Row, encode_table, pack_rows, parse_table, rows_of
from tests.host.flash.board_kit import ESP32_LAYOUT, make_board

# ESP-IDF, components/partition_table/test_gen_esp32part_host/gen_esp32part_tests.py: LONGER_BINARY_TABLE, rows and MD5 row.
PUBLISHED = bytes.fromhex(
    "aa500000 00000100 00001000 666163746f7279000000000000000000 00000000"
    "aa500120 00001100 00020000 64617461000000000000000000000000 00000000"
    "aa501000 00001500 00100000 7365636f6e6400000000000000000000 00000000"
    "ebeb ffffffffffffffffffffffffffff f9bd061b45686f86571a2cd52a1da65b"
)
ROWS = [Row("factory", 0, 0, 0x10000, 0x100000), Row("data", 1, 0x20, 0x110000, 0x200), Row("second", 0x10, 0, 0x150000, 0x1000)]


def test_the_published_table_comes_out_byte_for_byte():
    assert pack_rows(ROWS) == PUBLISHED.ljust(TABLE_BYTES, b"\xff")
    assert parse_table(PUBLISHED.ljust(TABLE_BYTES, b"\xff")) == ROWS


def test_a_board_has_micropythons_partitions_and_one_for_the_journal(tmp_path):
    board = make_board(tmp_path, layout=ESP32_LAYOUT, PLATFORM="esp32")
    rows = {row.label: row for row in parse_table(encode_table(rows_of(board)))}
    assert list(rows) == ["nvs", "phy_init", "factory", "vfs", "journal"]
    assert rows["vfs"] == Row("vfs", 1, 0x81, 0x200000, 0x100000) and rows["factory"].offset == 0x10000
    assert (rows["journal"].offset, rows["journal"].size) == (0x300000, 0x100000)


def test_a_damaged_table_and_none_are_told_apart():
    table = bytearray(pack_rows(ROWS))
    table[5] ^= 1
    with pytest.raises(FlashError, match="damaged"):
        parse_table(bytes(table))
    with pytest.raises(FlashError, match="there is no partition table"):
        parse_table(b"\xff" * TABLE_BYTES)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row("low", 1, 2, 0x8000, 0x1000), "begins at 0x8000, before 0x9000"),
        (Row("app", 0, 0, 0x11000, 0x10000), "multiple of 0x10000"),
        (Row("odd", 1, 2, 0x9000, 0x800), "whole sectors"),
        (Row("a_label_of_16_by", 1, 2, 0x9000, 0x1000), "1 to 15 letters"),
        (Row("", 1, 2, 0x9000, 0x1000), "1 to 15 letters"),
    ],
)
def test_what_the_boot_loader_would_refuse_is_refused(row, said):
    with pytest.raises(FlashError) as fault:
        encode_table([row])
    assert said in str(fault.value)


def test_overlaps_and_doubled_labels_are_refused():
    with pytest.raises(FlashError, match="before 0x110000 where"):
        encode_table([ROWS[0], Row("data", 1, 0x20, 0x10F000, 0x1000)])
    with pytest.raises(FlashError, match="is there once"):
        encode_table([ROWS[0], Row("factory", 1, 0x20, 0x110000, 0x1000)])
