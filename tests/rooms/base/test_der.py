"""The first date of a certificate: both forms of dates, and no byte string that brings the reader out of step."""

from firmware.base.wire.der import not_before_s
from tests.kit import cases, eq


def element(tag, content):
    """One DER element (X.690 section 8.1)."""
    size = len(content)
    if size < 128:
        head = bytes([tag, size])
    elif size < 256:
        head = bytes([tag, 0x81, size])
    else:
        head = bytes([tag, 0x82, size >> 8, size & 0xFF])
    return head + content


def certificate(date, tag=0x17, version=True, issuer=b"\x31\x00" * 3):
    parts = element(0xA0, b"\x02\x01\x02") if version else b""
    parts += element(0x02, b"\x01\x02\x03") + element(0x30, b"\x06\x01\x2a") + element(0x30, issuer)
    parts += element(0x30, element(tag, date) + element(0x17, b"491231235959Z"))
    return element(0x30, element(0x30, parts + element(0x30, b"")) + element(0x30, b""))


def test_both_forms_of_dates_are_read():
    cases(
        (
            (certificate(b"260101000000Z"), 1_767_225_600),
            (certificate(b"260101000000Z", version=False), 1_767_225_600),
            (certificate(b"700101000001Z"), 1),
            (certificate(b"20500101000000Z", 0x18), 2_524_608_000),
            (certificate(b"261126101500Z", issuer=bytes(200)), 1_795_688_100),
            (certificate(b"261126101500Z", issuer=bytes(2_000)), 1_795_688_100),
        ),
        lambda data, want: eq(not_before_s(data), want),
    )


def test_what_is_no_date_is_none():
    cases(
        (
            (b"",),
            (b"\x30",),
            (b"\x30\x80",),
            (b"\x30\x84\xff\xff\xff\xff",),
            (certificate(b"261301000000Z"),),
            (certificate(b"260230000000Z"),),
            (certificate(b"260101240000Z"),),
            (certificate(b"260101000000+"),),
            (certificate(b"2601010000Z"),),
            (certificate(b"26010100000aZ"),),
            (certificate(b"260101000000Z", 0x16),),
        ),
        lambda data: eq(not_before_s(data), None),
    )


def test_no_cut_and_no_flip_brings_the_reader_out_of_step():
    good = certificate(b"261126101500Z", issuer=bytes(20))
    for size in range(len(good)):
        eq(not_before_s(good[:size]), None)
    for at in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            not_before_s(memoryview(bad))
