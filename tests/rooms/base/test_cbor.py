"""CBOR: one spelling for each value; everything else is refused, never mis-decoded."""

import json

from firmware.base.faults import Broken, WireFault
from firmware.base.wire import cbor
from tests.kit import cases, eq, raises

VECTORS = __file__.rsplit("/", 3)[0] + "/vectors/published/rfc8949_appendix_a.json"

# the examples that appendix A gives in diagnostic notation only, and which are in our subset
SPELLED = {"40": b"", "4401020304": b"\x01\x02\x03\x04", "a201020304": {1: 2, 3: 4}}


def unhex(text):
    return bytes(int(text[at : at + 2], 16) for at in range(0, len(text), 2))


def decode(data):
    return cbor.decode(data, 0, len(data))


def in_subset(vector):
    """By the first byte of each example: no tag, float or other simple value, nor an indefinite length inside."""
    first = unhex(vector["hex"])[0]
    return vector["roundtrip"] and first not in b"\xf0\xf7\xf8\xf9\xfa\xfb" and first >> 5 != 6


def appendix_a():
    with open(VECTORS) as file:
        return json.load(file)


def test_appendix_a_in_the_subset_decodes_and_encodes_exactly():
    rows = []
    for vector in appendix_a():
        data = unhex(vector["hex"])
        if in_subset(vector):
            rows.append((data, SPELLED[vector["hex"]] if vector["hex"] in SPELLED else vector["decoded"]))

    def check(data, want):
        got = decode(data)
        eq(got, want)
        eq(type(got), type(want))
        eq(cbor.encode(want), data)

    eq(len(rows), 37)
    cases(rows, check)


def test_appendix_a_outside_the_subset_is_refused():
    rows = [(unhex(vector["hex"]),) for vector in appendix_a() if not in_subset(vector)]
    eq(len(rows), 45)
    cases(rows, lambda data: raises(WireFault, decode, data))


def test_malformed_and_unshort_items_are_refused_with_their_reason():
    rows = (
        ("", "cut short"),
        ("18", "cut short"),
        ("1817", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("5801aa", "shortest"),
        ("7801aa", "shortest"),
        ("980100", "shortest"),
        ("1c", "reserved"),
        ("1f", "indefinite"),
        ("5f4101ff", "indefinite"),
        ("bf0102ff", "indefinite"),
        ("ff", "indefinite"),
        ("f818", "simple"),
        ("f814", "simple"),
        ("f7", "simple"),
        ("f93c00", "float"),
        ("fa47c35000", "float"),
        ("c100", "tag"),
        ("d18401020304", "tag"),
        ("0000", "trailing"),
        ("42aa", "cut short"),
        ("5bffffffffffffffff", "cut short"),
        ("9bffffffffffffffff", "cut short"),
        ("bbffffffffffffffff", "cut short"),
        ("9a00010000", "cut short"),
        ("820a", "cut short"),
        ("a101", "cut short"),
        ("a201020103", "key twice"),
        ("a2616101616102", "key twice"),
        ("a1f501", "key is neither"),
        ("a1410101", "key is neither"),
        ("a18001", "too deep"),
        ("81" * 9 + "00", "too deep"),
        ("a100" * 9 + "00", "too deep"),
    )

    def check(text, reason):
        eq(reason in str(raises(WireFault, decode, unhex(text))), True)

    cases(rows, check)
    eq(decode(unhex("81" * 8 + "00")), [[[[[[[[0]]]]]]]])


def test_bad_utf8_is_refused():
    for text in ("80", "c0af", "c1bf", "e08080", "eda080", "f0808080", "f4908080", "f5808080", "c3", "e282", "c341"):
        data = unhex(text)
        raises(WireFault, decode, bytes((0x60 + len(data),)) + data)


def test_window_is_respected():
    buf = bytearray(b"\xff\x82\x01\x41\x02\xff")
    eq(cbor.decode(buf, 1, 5), [1, b"\x02"])
    raises(WireFault, cbor.decode, buf, 1, 4)
    raises(Broken, cbor.decode, buf, 1, 7)


def test_wanted_tag_is_demanded():
    eq(cbor.decode(b"\xd1\x05", 0, 2, tag=17), 5)
    raises(WireFault, cbor.decode, b"\xd2\x05", 0, 2, tag=17)
    raises(WireFault, cbor.decode, b"\x05", 0, 1, tag=17)
    raises(WireFault, cbor.decode, b"\xd1\xd1\x05", 0, 3, tag=17)


def test_maps_are_encoded_in_the_order_of_their_key_bytes():
    value = {100: 1, -1: 2, 10: 3, "aa": 4, "z": 5, -25: 6, 0: 7, 256: 8}
    eq(cbor.encode(value), unhex("a80007" + "0a03" + "186401" + "19010008" + "2002" + "381806" + "617a05" + "62616104"))
    eq(decode(cbor.encode(value)), value)


def test_integers_at_every_edge_of_length_round_trip():
    for bits in (0, 5, 8, 16, 30, 31, 32, 62, 63, 64):
        for value in (2**bits - 1, 2**bits - 2, -(2**bits), 1 - 2**bits, 23, 24, -24, -25):
            eq(decode(cbor.encode(value)), value)


def test_values_outside_the_subset_are_our_bug():
    keys = ({b"k": 1}, {b"k": 1, 2: 3}, {True: 1}, {None: 1}, {(1,): 2})
    for value in (1.0, 2**64, -(2**64) - 1, object, {1: 1.5}, [[[[[[[[[0]]]]]]]]]) + keys:
        raises(Broken, cbor.encode, value)


def test_bytes_like_and_tuples_encode_as_what_they_hold():
    eq(cbor.encode(bytearray(b"ab")), b"\x42ab")
    eq(cbor.encode(memoryview(b"xaby")[1:3]), b"\x42ab")
    eq(cbor.encode((1, [2])), b"\x82\x01\x81\x02")


def test_writer_streams_into_a_given_buffer_and_stops_at_its_end():
    buf = bytearray(16)
    writer = cbor.Writer(buf, 2)
    writer.map(2)
    writer.int(1)
    writer.bytes(b"ab")
    writer.int(-500)
    writer.array(3)
    writer.bool(True)
    writer.null()
    writer.text("c")
    eq(bytes(buf[2 : writer.pos]), cbor.encode({1: b"ab", -500: [True, None, "c"]}))
    raises(Broken, writer.bytes, b"abc")
    eq(len(buf), 16)
