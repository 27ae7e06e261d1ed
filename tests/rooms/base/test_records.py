"""Layouts pack and unpack exactly, and refuse what would wrap."""

from firmware.base.faults import Broken
from firmware.base.records import Layout, pack_into
from tests.kit import cases, eq, raises

ROW = Layout("row: account amount_ucu serial kind", b"<Iq6sB")


def test_packs_little_endian_without_padding():
    buf = bytearray(21)
    eq(ROW.size, 19)
    eq(ROW.pack_into(buf, 1, (1, -2, b"abcdef", 255)), 20)
    eq(bytes(buf), b"\x00\x01\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xffabcdef\xff\x00")
    eq(ROW.unpack(buf, 1), (1, -2, b"abcdef", 255))


def test_every_number_keeps_its_edges_and_refuses_beyond():
    edges = (
        (b"<BBB", 0, 2**8 - 1),
        (b"<BHB", 0, 2**16 - 1),
        (b"<BIB", 0, 2**32 - 1),
        (b"<BqB", -(2**63), 2**63 - 1),
    )

    def check(code, lowest, highest):
        one = Layout("one: before field after", code)
        buf = bytearray(one.size)
        for value in (lowest, lowest + 1, 0, 1, highest // 3, highest - 1, highest):
            one.pack_into(buf, 0, (0xAA, value, 0x55))
            eq(one.unpack(buf, 0), (0xAA, value, 0x55))
            eq(one.get(buf, 0, "field"), value)
        kept = bytes(buf)
        for value in (lowest - 1, highest + 1, highest + 2**70, True, None, "1", 1.0):
            fault = raises(Broken, one.pack_into, buf, 0, (0xAA, value, 0x55))
            eq("one.field" in str(fault) and repr(value) in str(fault), True)
            raises(Broken, one.set, buf, 0, "field", value)
            eq(bytes(buf), kept)

    cases(edges, check)


def test_bytes_of_a_64_bit_value_are_those_of_twos_complement():
    one = Layout("one: v", b"<q")
    buf = bytearray(8)
    one.pack_into(buf, 0, (-(2**63),))
    eq(bytes(buf), b"\x00\x00\x00\x00\x00\x00\x00\x80")
    one.pack_into(buf, 0, (-123456789012345,))
    eq(bytes(buf), b"\x87\x20\xf2\x79\xb7\x8f\xff\xff")


def test_set_changes_one_field_in_place():
    buf = bytearray(ROW.size * 2)
    ROW.pack_into(buf, ROW.size, (7, 8, b"ghijkl", 9))
    ROW.set(buf, ROW.size, "amount_ucu", -1)
    eq(ROW.unpack(buf, ROW.size), (7, -1, b"ghijkl", 9))
    eq(bytes(buf[: ROW.size]), bytes(ROW.size))
    eq(ROW.offset_of("serial"), 12)


def test_wrong_length_of_bytes_or_values_is_broken():
    buf = bytearray(ROW.size)
    raises(Broken, ROW.pack_into, buf, 0, (1, 2, b"short", 3))
    raises(Broken, ROW.pack_into, buf, 0, (1, 2, b"sevenby", 3))
    raises(Broken, ROW.pack_into, buf, 0, (1, 2, 3, 3))
    raises(Broken, ROW.pack_into, buf, 0, (1, 2, b"abcdef"))
    raises(Broken, ROW.pack_into, buf, 0, (1, 2, b"abcdef", 3, 4))
    raises(Broken, ROW.set, buf, 0, "serial", b"short")
    raises(Broken, ROW.set, buf, 0, "serial", "abcdef")
    eq(bytes(buf), bytes(ROW.size))


def test_records_outside_the_buffer_are_broken():
    buf = bytearray(ROW.size)
    for start in (-1, 1, ROW.size):
        raises(Broken, ROW.unpack, buf, start)
        raises(Broken, ROW.get, buf, start, "kind")
        raises(Broken, ROW.pack_into, buf, start, (1, 2, b"abcdef", 3))
    raises(Broken, ROW.get, buf, 0, "nothing")
    raises(Broken, ROW.set, buf, 0, "nothing", 1)


def test_layouts_whose_words_do_not_fit_their_code_are_broken():
    raises(Broken, Layout, "twice: a a", b"<BB")
    raises(Broken, Layout, "few: a", b"<BB")
    raises(Broken, Layout, "many: a b c", b"<BB")


def test_one_row_of_many_is_packed_and_named_by_its_line():
    buf = bytearray(8)
    eq(pack_into(b"<HI", buf, 1, (1, 2), "first: a b\nsecond: c d", 1), 7)
    eq(bytes(buf), b"\x00\x01\x00\x02\x00\x00\x00\x00")
    eq("second.d" in str(raises(Broken, pack_into, b"<HI", buf, 1, (1, -2), "first: a b\nsecond: c d", 1)), True)
    eq("second:" in str(raises(Broken, pack_into, b"<HI", buf, 3, (1, 2), "first: a b\nsecond: c d", 1)), True)


def test_fixed_bytes_of_any_size():
    one = Layout("one: hash", b"<12s")
    buf = bytearray(12)
    one.pack_into(buf, 0, (bytearray(b"0123456789ab"),))
    eq(one.get(buf, 0, "hash"), b"0123456789ab")
