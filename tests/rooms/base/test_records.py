"""Layouts pack and unpack exactly, and refuse what would wrap."""

from firmware.base import records
from firmware.base.faults import Broken
from firmware.base.records import BYTES6, I8, I16, I32, I64, U8, U16, U32, U64, Layout
from tests.kit import cases, eq, raises

ROW = Layout("row", (("account", U32), ("amount_ucu", I64), ("serial", BYTES6), ("kind", U8)))


def test_packs_little_endian_without_padding():
    buf = bytearray(21)
    eq(ROW.size, 19)
    eq(ROW.pack_into(buf, 1, (1, -2, b"abcdef", 255)), 20)
    eq(bytes(buf), b"\x00\x01\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xffabcdef\xff\x00")
    eq(ROW.unpack(buf, 1), (1, -2, b"abcdef", 255))


def test_every_type_keeps_its_edges_and_refuses_beyond():
    edges = (
        (U8, 0, 2**8 - 1),
        (U16, 0, 2**16 - 1),
        (U32, 0, 2**32 - 1),
        (U64, 0, 2**64 - 1),
        (I8, -(2**7), 2**7 - 1),
        (I16, -(2**15), 2**15 - 1),
        (I32, -(2**31), 2**31 - 1),
        (I64, -(2**63), 2**63 - 1),
    )

    def check(kind, lowest, highest):
        one = Layout("one", (("before", U8), ("field", kind), ("after", U8)))
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
    one = Layout("one", (("v", I64),))
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
    eq(bytes(buf), bytes(ROW.size))


def test_records_outside_the_buffer_are_broken():
    buf = bytearray(ROW.size)
    for start in (-1, 1, ROW.size):
        raises(Broken, ROW.unpack, buf, start)
        raises(Broken, ROW.get, buf, start, "kind")
        raises(Broken, ROW.pack_into, buf, start, (1, 2, b"abcdef", 3))
    raises(Broken, ROW.get, buf, 0, "nothing")
    raises(Broken, Layout, "twice", (("a", U8), ("a", U8)))


def test_fixed_bytes_of_any_size():
    one = Layout("one", (("hash", records.fixed_bytes(12)),))
    buf = bytearray(12)
    one.pack_into(buf, 0, (bytearray(b"0123456789ab"),))
    eq(one.get(buf, 0, "hash"), b"0123456789ab")
