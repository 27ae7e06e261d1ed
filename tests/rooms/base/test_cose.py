"""COSE_Mac0: the published examples, and every way in which a message may be wrong."""

import json

from firmware.base.faults import Fault, Refused, WireFault
from firmware.base.wire import cbor, cose
from firmware.base.wire.hmac import hmac_sha256
from tests.kit import eq, raises

VECTORS = __file__.rsplit("/", 3)[0] + "/vectors/published/cose/"
KEY = b"k" * 32
TOPIC = b"pg1/gw7/down/credits"


def unhex(text):
    return bytes(int(text[at : at + 2], 16) for at in range(0, len(text), 2))


def example(name):
    """Message, key and external data of an example."""
    with open(VECTORS + name + ".json") as file:
        vector = json.load(file)
    inputs = vector["input"].get("mac0") or vector["input"]["mac"]
    key = unhex(vector["intermediates"]["CEK_hex"])
    return unhex(vector["output"]["cbor"]), key, unhex(inputs.get("external", ""))


def opened(data, key=KEY, topic=TOPIC):
    return cose.mac0_decode(data, 0, len(data), lambda kid: key, topic)


def made(message, tag=b"\xd1"):
    return tag + cbor.encode(message)


def test_published_examples_that_pass_verify():
    for name in ("mac0-tests_mac-pass-01", "mac0-tests_mac-pass-02", "mac0-tests_HMac-01"):
        data, key, external = example(name)
        eq(opened(data, key, external), b"This is the content.", name)


def test_published_examples_that_fail_are_refused():
    data, key, external = example("mac0-tests_mac-fail-01")
    raises(WireFault, opened, data, key, external)
    data, key, external = example("mac0-tests_mac-fail-02")
    eq(raises(Refused, opened, data, key, external).reason, cose.BAD_MAC)
    data, key, external = example("hmac-examples_HMac-01")
    raises(WireFault, opened, data, key, external)


def test_encoded_message_has_its_agreed_form_and_opens():
    data = cose.mac0_encode(KEY, b"01", b"payload", TOPIC)
    protected, unprotected, payload, tag = cbor.decode(data, 0, len(data), tag=17)
    eq((protected, unprotected, payload, len(tag)), (b"\xa1\x01\x05", {4: b"01"}, b"payload", 32))
    asked = []

    def key_of_kid(kid):
        asked.append(kid)
        return KEY

    padded = b"??" + data + b"?"
    eq(cose.mac0_decode(padded, 2, 2 + len(data), key_of_kid, TOPIC), b"payload")
    eq(asked, [b"01"])


def test_long_payloads_and_topics_round_trip():
    for size in (0, 23, 24, 255, 256, 4000):
        payload = bytes(size)
        topic = b"t" * size
        eq(opened(cose.mac0_encode(KEY, b"", payload, topic), KEY, topic), payload)


def test_message_moved_to_another_topic_is_refused():
    data = cose.mac0_encode(KEY, b"01", b"payload", TOPIC)
    eq(raises(Refused, opened, data, KEY, b"pg1/gw8/down/credits").reason, cose.BAD_MAC)
    eq(raises(Refused, opened, data, b"q" * 32).reason, cose.BAD_MAC)


def test_unknown_kid_is_refused():
    data = cose.mac0_encode(KEY, b"01", b"payload", TOPIC)
    eq(raises(Refused, opened, data, None).reason, cose.UNKNOWN_KID)


def test_every_flipped_bit_is_refused():
    data = cose.mac0_encode(KEY, b"01", b"payload", TOPIC)
    passed = []
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            cose.mac0_decode(flipped, 0, len(flipped), lambda kid: KEY if kid == b"01" else None, TOPIC)
            passed.append(bit)
        except (WireFault, Refused):
            pass
    eq(passed, [])


def test_other_algorithms_are_refused_even_when_their_tag_is_right():
    for alg in (4, 6, 7, -7, True, None, "HS256"):
        protected = cbor.encode({1: alg})
        tag = hmac_sha256(KEY, (cbor.encode(["MAC0", protected, TOPIC, b"p"]),))
        for got in (tag, tag[:8]):
            eq(raises(Refused, opened, made([protected, {}, b"p", got])).reason, cose.WRONG_ALG)
    tag = hmac_sha256(KEY, (cbor.encode(["MAC0", b"", TOPIC, b"p"]),))
    eq(raises(Refused, opened, made([b"", {}, b"p", tag])).reason, cose.WRONG_ALG)


def test_short_tag_is_refused():
    data = cose.mac0_encode(KEY, b"01", b"p", TOPIC)
    protected, unprotected, payload, tag = cbor.decode(data, 0, len(data), tag=17)
    for size in (0, 1, 8, 31):
        fault = raises(Refused, opened, made([protected, unprotected, payload, tag[:size]]))
        eq(fault.reason, cose.BAD_MAC)


def test_wrong_structures_are_wire_faults():
    good = b"\xa1\x01\x05"
    wrong = (
        [good, {}, b"p"],
        [good, {}, b"p", b"t", b"x"],
        {1: good},
        5,
        [{1: 5}, {}, b"p", b"t"],
        [good, [], b"p", b"t"],
        [good, {}, None, b"t"],
        [good, {}, "p", b"t"],
        [good, {}, b"p", None],
        [b"\x01", {}, b"p", b"t"],
        [b"\xff", {}, b"p", b"t"],
        [good + b"\x00", {}, b"p", b"t"],
        [good, {1: 5}, b"p", b"t"],
        [good, {4: 1}, b"p", b"t"],
        [good, {4: "kid"}, b"p", b"t"],
        [cbor.encode({1: 5, 2: [99]}), {}, b"p", b"t"],
        [good, {2: [99]}, b"p", b"t"],
    )
    for message in wrong:
        raises(WireFault, opened, made(message))
    data = cose.mac0_encode(KEY, b"01", b"p", TOPIC)
    raises(WireFault, opened, data[1:])
    raises(WireFault, opened, b"\xd2" + data[1:])
    raises(WireFault, opened, data + b"\x00")
    raises(Fault, opened, b"")
