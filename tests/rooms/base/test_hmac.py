"""HMAC-SHA-256 against published vectors."""

import json

from firmware.base.wire.hmac import hmac_sha256, same_tag
from tests.kit import cases, eq

VECTORS = __file__.rsplit("/", 3)[0] + "/vectors/published/wycheproof_hmac_sha256_test.json"


def unhex(text):
    return bytes(int(text[at : at + 2], 16) for at in range(0, len(text), 2))


def test_wycheproof_tags_verify_exactly_when_valid():
    with open(VECTORS) as file:
        groups = json.load(file)["testGroups"]
    rows = []
    for group in groups:
        for test in group["tests"]:
            rows.append((test["key"], test["msg"], test["tag"], group["tagSize"] // 8, test["result"] == "valid"))

    def check(key, message, tag, tag_bytes, valid):
        eq(same_tag(unhex(tag), hmac_sha256(unhex(key), (unhex(message),), tag_bytes)), valid)

    eq(len(rows), 174)
    cases(rows, check)


def test_pieces_are_the_same_as_the_whole():
    buf = bytearray(b"what is authenticated")
    whole = hmac_sha256(b"key", (buf,))
    eq(hmac_sha256(b"key", (memoryview(buf)[:4], b"", memoryview(buf)[4:])), whole)
    eq(hmac_sha256(b"key", (buf,), 8), whole[:8])


def test_tags_of_other_length_or_any_flipped_bit_differ():
    tag = hmac_sha256(b"key", (b"",))
    eq(same_tag(tag, bytes(tag)), True)
    eq(same_tag(tag[:31], tag), False)
    eq(same_tag(b"", tag), False)
    for bit in range(256):
        flipped = bytearray(tag)
        flipped[bit // 8] ^= 1 << bit % 8
        eq(same_tag(flipped, tag), False)
