"""Payloads of SPEC 5: what comes down is checked field by field; what goes up is what the CDDL says."""

from firmware.base.faults import WireFault
from firmware.base.wire import cbor
from firmware.sync import messages
from tests.kit import eq, raises

CREDIT = {1: 7, 2: 1, 3: 1, 4: 5_000_000, 5: 5_000_000, 6: 1_700_000_000}
ORDER = {1: 1, 2: 7, 3: 4, 4: 1_700_000_000, 5: 9, 6: 1 << 4, 7: None}
ACK = {1: 1, 2: 40, 3: b"c" * 8, 4: b"s" * 8, 5: 12, 6: 1_700_000_000, 7: None, 8: 0, 9: None, 10: None}
STATE = {1: 2, 2: 41, 3: 1, 4: 2, 5: [b"row"]}


def changed(value, key, to):
    copy = dict(value)
    copy[key] = to
    return copy


def without(value, key):
    return {k: value[k] for k in value if k != key}


def decoded(decode, value):
    data = cbor.encode(value)
    return decode(data, 0, len(data))


def refused(decode, value):
    raises(WireFault, decoded, decode, value)


def test_credit_is_read_in_field_order_and_from_a_window():
    eq(decoded(messages.decode_credit, CREDIT), (7, 1, 1, 5_000_000, 5_000_000, 1_700_000_000))
    data = b"xx" + cbor.encode(CREDIT) + b"yyy"
    eq(messages.decode_credit(data, 2, len(data) - 3)[0], 7)


def test_negative_correction_and_the_ends_of_every_range_are_lawful():
    eq(decoded(messages.decode_credit, changed(CREDIT, 4, -(2**63)))[3], -(2**63))
    eq(decoded(messages.decode_credit, changed(CREDIT, 5, 2**63 - 1))[4], 2**63 - 1)
    eq(decoded(messages.decode_credit, changed(CREDIT, 1, 4_294_967_294))[0], 4_294_967_294)
    eq(decoded(messages.decode_order, changed(ORDER, 2, 0))[1], 0)


def test_credit_with_any_field_missing_foreign_or_out_of_range_is_refused():
    for key in CREDIT:
        refused(messages.decode_credit, without(CREDIT, key))
        refused(messages.decode_credit, changed(without(CREDIT, key), 99, 1))
        for bad in (None, True, False, "7", b"7", [7], {1: 7}, 2**63, -(2**63) - 1):
            if type(bad) is int and not -(2**64) < bad < 2**64:
                continue
            refused(messages.decode_credit, changed(CREDIT, key, bad))
    for key, bad in ((1, 0), (1, 0xFFFFFFFF), (2, 0), (2, 65_536), (3, 0), (3, 2**32), (6, -1), (6, 2**32)):
        refused(messages.decode_credit, changed(CREDIT, key, bad))
    refused(messages.decode_credit, changed(CREDIT, 7, 1))
    refused(messages.decode_credit, [7, 1, 1, 5, 5, 6])
    refused(messages.decode_credit, 7)


def test_order_keeps_its_document_and_an_unknown_order_is_not_malformed():
    eq(decoded(messages.decode_order, ORDER), (1, 7, 4, 1_700_000_000, 9, 16, None))
    eq(decoded(messages.decode_order, changed(ORDER, 7, b"{}"))[6], b"{}")
    eq(decoded(messages.decode_order, changed(ORDER, 1, 200))[0], 200)


def test_order_with_wrong_fields_is_refused():
    for key in ORDER:
        refused(messages.decode_order, without(ORDER, key))
        for bad in (True, "x", -1, [1]):
            refused(messages.decode_order, changed(ORDER, key, bad))
    for key, bad in ((1, 0), (1, 256), (2, 0xFFFFFFFF), (3, 2**32), (7, 5)):
        refused(messages.decode_order, changed(ORDER, key, bad))


def test_ack_is_read_with_its_optional_fields():
    ack = decoded(messages.decode_ack, changed(changed(ACK, 7, b"h" * 8), 9, 3))
    eq((ack.epoch, ack.sequence, ack.chain, ack.countersign, ack.readings), (1, 40, b"c" * 8, b"s" * 8, 12))
    eq((ack.time_s, ack.challenge, ack.comparison), (1_700_000_000, b"h" * 8, 0))
    eq((ack.resend_sequence, ack.resend_readings, ack.fresh, ack.age_ms), (3, None, False, 0))


def test_ack_with_wrong_fields_is_refused():
    for key in ACK:
        refused(messages.decode_ack, without(ACK, key))
        for bad in (True, "x", -1, b"seven b", b"nine byte"):
            refused(messages.decode_ack, changed(ACK, key, bad))
    for key, bad in ((8, 4), (9, 0), (10, 0), (9, 2**32), (8, None), (3, None), (2, None)):
        refused(messages.decode_ack, changed(ACK, key, bad))


def test_documents_of_orders_are_checked():
    eq(messages.decode_state(cbor.encode(STATE)), (2, 41, 1, 2, [b"row"]))
    eq(messages.decode_flags(cbor.encode({1: 3})), (3, 0))
    eq(messages.decode_flags(cbor.encode({1: 4, 2: 9})), (4, 9))
    eq(messages.decode_report(cbor.encode({1: 3, 2: 65_535, 3: 2, 4: 9})), (3, 65_535, 2, 9))
    for bad in ({1: 4, 2: 0}, {1: 4, 3: 9}, {1: 4, 2: 9, 3: 9}, {2: 9}):
        raises(WireFault, messages.decode_flags, cbor.encode(bad))
    for bad in ({1: 0, 2: 1, 3: 0, 4: 0}, {1: 4, 2: 1, 3: 0, 4: 0}, {1: 1, 2: 1, 3: 0}, {1: 1, 2: 65_536, 3: 0, 4: 0}):
        raises(WireFault, messages.decode_report, cbor.encode(bad))
    for bad in (
        changed(STATE, 3, 3),
        changed(STATE, 5, [1]),
        changed(STATE, 5, b"row"),
        changed(STATE, 5, [b"r"] * 65),
        without(STATE, 1),
    ):
        raises(WireFault, messages.decode_state, cbor.encode(bad))
    raises(WireFault, messages.decode_flags, cbor.encode({1: 65_536}))
    raises(WireFault, messages.decode_flags, b"")


def test_truncated_messages_at_every_byte_are_refused():
    data = cbor.encode(ACK)
    for end in range(len(data)):
        raises(WireFault, messages.decode_ack, data, 0, end)
    raises(WireFault, messages.decode_ack, data + b"\x00", 0, len(data) + 1)


def test_what_goes_up_is_the_map_of_the_spec():
    journal = messages.encode_journal(1, 5, b"c" * 8, [b"r" * 23], 5)
    eq(cbor.decode(journal, 0, len(journal)), {1: 1, 2: 5, 3: b"c" * 8, 4: [b"r" * 23]})
    journal = messages.encode_journal(1, 5, b"c" * 8, [b"r" * 23], 4)
    eq(cbor.decode(journal, 0, len(journal)), {1: 1, 2: 5, 3: b"c" * 8, 4: [b"r" * 23], 5: 4})
    readings = messages.encode_readings(True, [(1, 7, 9, 3, 0, [5, None], None, 2)])
    eq(cbor.decode(readings, 0, len(readings)), {1: True, 2: [[1, 7, 9, 3, 0, [5, None], None, 2]]})
    status = messages.encode_status({2: 1, 12: 0, 13: {7: 1}}, b"h" * 8, {100: 2})
    eq(cbor.decode(status, 0, len(status)), {1: True, 2: 1, 11: b"h" * 8, 12: 0, 13: {7: 1, 100: 2}})
    eq(messages.OFFLINE_PAYLOAD, b"\xa1\x01\xf4")
