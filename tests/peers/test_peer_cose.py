"""COSE_Mac0 against cwt, both ways, and against garbage."""

import cbor2
import cwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.base.faults import Refused, WireFault
from firmware.base.wire import cose

KEY = bytes(range(32))
TOPIC = b"pg1/gw1/down/credits"
payloads = st.binary(min_size=1, max_size=600)
topics = st.binary(min_size=1, max_size=300)
kids = st.binary(min_size=1, max_size=20)


def opened(data: bytes, kid: bytes, topic: bytes) -> bytes:
    payload = cose.mac0_decode(data, 0, len(data), {kid: KEY}.get, topic)
    assert isinstance(payload, bytes)
    return payload


@given(payloads, kids, topics)
def test_cwt_opens_what_we_close(payload: bytes, kid: bytes, topic: bytes) -> None:
    key = cwt.COSEKey.from_symmetric_key(KEY, alg="HS256", kid=kid)
    data = cose.mac0_encode(KEY, kid, payload, topic)
    assert cwt.COSE.new().decode(data, key, external_aad=topic) == payload


@given(payloads, kids, topics)
def test_we_open_what_cwt_closes(payload: bytes, kid: bytes, topic: bytes) -> None:
    key = cwt.COSEKey.from_symmetric_key(KEY, alg="HS256", kid=kid)
    data = cwt.COSE.new().encode(payload, key, protected={1: 5}, unprotected={4: kid}, external_aad=topic)
    assert opened(data, kid, topic) == payload
    assert data == cose.mac0_encode(KEY, kid, payload, topic)


@given(payloads)
def test_topic_of_another_gateway_is_refused_by_both(payload: bytes) -> None:
    key = cwt.COSEKey.from_symmetric_key(KEY, alg="HS256", kid=b"1")
    data = cose.mac0_encode(KEY, b"1", payload, TOPIC)
    with pytest.raises(cwt.VerifyError):
        cwt.COSE.new().decode(data, key, external_aad=b"pg1/gw2/down/credits")
    with pytest.raises(Refused):
        opened(data, b"1", b"pg1/gw2/down/credits")


@given(st.binary(max_size=200))
@example(b"")
def test_garbage_is_refused(data: bytes) -> None:
    for text in (data, b"\xd1" + data, b"\xd1\x84\x43\xa1\x01\x05" + data):
        with pytest.raises((WireFault, Refused)):
            opened(text, b"1", TOPIC)


header = st.dictionaries(st.integers(-3, 6) | st.text(max_size=3), st.integers() | st.binary(max_size=9) | st.none(), max_size=4)
wrapped = header.map(cbor2.dumps) | st.binary(max_size=8) | st.none() | st.integers()


@given(wrapped, header | wrapped, st.binary(max_size=9) | st.none(), st.binary(max_size=33) | header)
def test_messages_of_nearly_the_right_shape_are_refused(one: object, two: object, three: object, four: object) -> None:
    for tag in (17, 18, 97):
        data = cbor2.dumps(cbor2.CBORTag(tag, [one, two, three, four]))
        with pytest.raises((WireFault, Refused)):
            opened(data, b"1", TOPIC)
