"""CBOR against cbor2, both ways, and against garbage."""

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base.faults import WireFault
from firmware.base.wire import cbor

scalars = st.integers(-(2**64), 2**64 - 1) | st.booleans() | st.none() | st.binary(max_size=300) | st.text(max_size=80)
keys = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=30)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=30) | st.dictionaries(keys, inner, max_size=30), max_leaves=40
)
shallow = values.filter(lambda value: depth(value) <= cbor.DEPTH_MAX)


def depth(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 0


def decode(data: bytes) -> object:
    return cbor.decode(data, 0, len(data))


def same(one: object, other: object) -> bool:
    """Equal in type as well: 1 is not True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@given(shallow)
def test_cbor2_reads_what_we_write(value: object) -> None:
    assert same(cbor2.loads(cbor.encode(value)), value)


@given(shallow)
def test_we_read_what_cbor2_writes(value: object) -> None:
    assert same(decode(cbor2.dumps(value)), value)


@given(shallow)
def test_our_bytes_do_not_depend_on_the_order_of_keys(value: object) -> None:
    def turned(item: object) -> object:
        if isinstance(item, dict):
            return {key: turned(item[key]) for key in reversed(list(item))}
        return [turned(one) for one in item] if isinstance(item, list) else item

    assert cbor.encode(turned(value)) == cbor.encode(value)


@given(st.dictionaries(keys, scalars, max_size=30))
def test_keys_stand_in_the_order_of_their_bytes(value: dict[object, object]) -> None:
    order = [cbor2.dumps(key) for key in cbor2.loads(cbor.encode(value))]
    assert order == sorted(order)


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_fault_or_agrees_with_cbor2(data: bytes) -> None:
    try:
        got = decode(data)
    except WireFault:
        return
    assert same(cbor2.loads(data), got)
    if not isinstance(got, (dict, list)):
        assert cbor.encode(got) == data


@given(shallow, st.data())
def test_damaged_messages_are_a_wire_fault_or_agree_with_cbor2(value: object, data: st.DataObject) -> None:
    good = bytearray(cbor.encode(value))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    try:
        got = decode(bytes(good))
    except WireFault:
        return
    assert same(cbor2.loads(bytes(good)), got)


@settings(deadline=None)  # decodes each piece of what may be long: how long that takes says how busy the machine is
@given(shallow)
def test_every_shorter_piece_is_refused(value: object) -> None:
    whole = cbor.encode(value)
    for size in range(len(whole)):
        with pytest.raises(WireFault):
            decode(whole[:size])


@given(st.binary(max_size=60))
def test_utf8_is_judged_as_by_cpython(data: bytes) -> None:
    try:
        data.decode("utf-8")
        good = True
    except UnicodeDecodeError:
        good = False
    try:
        cbor.check_utf8(memoryview(data), 0, len(data))
        assert good
    except WireFault:
        assert not good
