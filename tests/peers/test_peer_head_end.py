"""Firmware and head-end, two implementations of SPEC sections 1, 4 and 5 that share no code, read each other's bytes."""

from struct import calcsize

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base.faults import Refused
from firmware.ledger import account_row, record, record_kinds
from firmware.ledger.accounts import Accounts
from firmware.sync import messages
from firmware.sync.dispatch import Seal
from host_tools.head_end import messages as head_end
from host_tools.head_end.errors import BadMessage
from host_tools.head_end.folding import fold
from host_tools.journal_reader import AccountRow, kinds, pack_record, pack_row, parse_record, parse_row

KEY = bytes(range(32))
NAME = "gw-001"
TOPIC = "pg1/gw-001/up/journal"
LIMITS = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}
u32 = st.integers(0, 0xFFFFFFFF)
i64 = st.integers(-(2**63), 2**63 - 1)


def values_of(kind: kinds.Kind) -> st.SearchStrategy[dict[str, object]]:
    """Any values in range for the fields of a kind."""
    fields: dict[str, st.SearchStrategy[object]] = {}
    for name, code in kind.fields:
        if code == "5I":
            fields[name] = st.lists(u32, min_size=5, max_size=5)
        elif code == "q":
            fields[name] = i64
        elif code.endswith("s"):
            fields[name] = st.binary(min_size=int(code[:-1]), max_size=int(code[:-1]))
        else:
            fields[name] = st.integers(0, LIMITS[code])
    return st.fixed_dictionaries(fields)


def flat(values: dict[str, object]) -> tuple[object, ...]:
    items: list[object] = []
    for value in values.values():
        items.extend(value if isinstance(value, list) else [value])
    return tuple(items)


FORMS = [kind for forms in kinds.FORMS for kind in forms.values()]


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: f"{kind.name}_{kind.size}")
@settings(max_examples=30)
@given(data=st.data())
def test_every_kind_of_record_is_the_same_bytes_in_both(kind, data):
    drawn = data.draw(values_of(kind))
    values = {name: drawn[name] for name, _ in kind.fields}  # hypothesis keeps no order
    sequence, at_s, epoch = data.draw(u32), data.draw(u32), data.draw(u32)
    chain = data.draw(st.binary(min_size=8, max_size=8))
    theirs = bytearray(254)
    end, _ = record.encode_into(theirs, 0, kind.number, flat(values), sequence, at_s, 3, epoch, chain)
    assert bytes(theirs[:end]) == pack_record(kind.name, sequence, at_s, 3, epoch, chain, **values)
    parsed = parse_record(bytes(theirs[:end]))
    assert parsed.fields == values and parsed.sequence == sequence
    assert record.values_of(theirs, 0, end) == flat(values)


def test_both_know_the_same_kinds():
    theirs = {number: record.size_of(number) for number in range(256) if record_kinds.layout_of(number) is not None}
    assert theirs == {number: 23 + kind.size for number, kind in kinds.KINDS.items()}
    longer = {number: calcsize(record_kinds.longer_code_of(number)) for number in theirs if record_kinds.longer_code_of(number)}
    assert longer == {number: kind.size for number, kind in kinds.LONGER.items()}
    longest = {number: [calcsize(code) for code in record_kinds.longest_codes_of(number)] for number in theirs}
    assert {number: sizes for number, sizes in longest.items() if sizes} == {
        number: [kind.size, kinds.LONGEST[number].size] for number, kind in kinds.BONDED.items()
    }


def test_an_account_row_is_the_same_bytes_in_both():
    places = [(1, 5, 12_500_000), (2, 1, -3)]
    row = AccountRow(
        1001, 3, b"\x01\x02\x03\x04\x05\x06", 4, [1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 11, -12, places, 13, 1, 1, 14, 1, 2, 15, 2, 16, 1, 3, 17
    )
    data = pack_row(row)
    assert len(data) == account_row.ROW_SIZE and parse_row(data) == row
    for behind in (AccountRow(1001, ratio=40, day=20_000), AccountRow(1001, next_account=7001)):
        assert len(pack_row(behind)) == account_row.BONDED_ROW_SIZE and parse_row(pack_row(behind)) == behind
    lent = AccountRow(1001, ratio=40, day=20_000, limit_ucu=100_000_000)
    assert len(pack_row(lent)) == account_row.LONGEST_ROW_SIZE and parse_row(pack_row(lent)) == lent
    get = account_row.ROW.get
    assert (get(data, 0, "from_4"), get(data, 0, "charged_0"), get(data, 0, "total_charged_ucu")) == (5, 6, -12)
    assert (get(data, 0, "issuer_1"), get(data, 0, "total_1"), get(data, 0, "notice_at_s")) == (2, -3, 14)
    assert (get(data, 0, "wish_reason"), get(data, 0, "seen_at_s"), get(data, 0, "order")) == (2, 16, 17)


@given(
    st.lists(
        st.tuples(
            st.integers(20_000, 20_100), st.sampled_from((1, 4, 5, 6, 7)), st.integers(0, 7), st.integers(-(10**12), 10**12), st.booleans()
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from((1, 40)),
    st.booleans(),
    st.booleans(),
)
def test_positions_and_bonds_are_folded_the_same_in_both(charges, ratio, moves, comes_back):
    """Both forms of CHARGE, in any order of days; a snapshot row of the result is the same bytes."""
    accounts, records, total = Accounts(4), [], 0
    values = [(record_kinds.SEGMENT, "SEGMENT", {"account": 1001, "serial": b"\1\2\3\4\5\6", "rates": 0, "from_cwh": [0] * 5})]
    if ratio != 1:
        values[0][2].update({"ratio": ratio, "since_s": 10**8})
    for index, (day, cause, marks, amount, longer) in enumerate(charges):
        total += amount
        fields = {
            "account": 1001, "serial": b"\1\2\3\4\5\6", "rate": 0, "from_cwh": 0, "to_cwh": index + 1, "reading_at_s": 10**9 + index,
            "tariff": 1, "version": 1, "price": 1, "amount_ucu": amount, "total_charged_ucu": total, "cause": cause, "marks": marks,
        }  # fmt: skip
        if longer:
            fields |= {"day": day, "month_day": day - day % 30, "period_day": day - day % 90, "used_cwh": index, "band": 1, "step": 2}
        values.append((record_kinds.CHARGE, "CHARGE", fields))
    if moves:
        moved = {"account": 1001, "to_account": 7001, "serial": b"\1\2\3\4\5\6", "order": 1}
        values.append((record_kinds.MOVED, "MOVED", moved))
    if moves and comes_back:
        values.append(values[0])
    for sequence, (number, name, fields) in enumerate(values, 1):
        records.append(parse_record(pack_record(name, sequence, 10**9, 3, 1, bytes(8), **fields)))
        accounts.apply(number, flat(fields), sequence, 10**9)
    row = fold(1001, records)
    assert accounts.positions.get(0) == row.position
    assert accounts.row_bytes(0) == pack_row(row) and parse_row(pack_row(row)) == row


def test_the_head_end_reads_what_the_firmware_sends_up():
    records = [pack_record("BOOT", 7, 9, 3, 1, bytes(8), boot_count=1, reset_cause=1, firmware=1)]
    sealed = Seal(NAME.encode(), KEY).close(TOPIC.encode(), messages.encode_journal(1, 7, bytes(8), records, 7))
    message = head_end.parse_journal(head_end.unseal(bytes(sealed), NAME, KEY, TOPIC))
    assert (message.epoch, message.first, message.chain_before, message.records) == (1, 7, bytes(8), records)
    with pytest.raises(BadMessage):
        head_end.unseal(bytes(sealed), NAME, KEY, TOPIC.replace("journal", "other"))
    entries = [(1, 1001, 9, 3, 0, [5, None], None, 16), (2, 1002, 9, 3, 1, [5], 100, None)]
    readings = head_end.parse_readings(head_end.decode(bytes(messages.encode_readings(True, entries))))
    assert readings.live and readings.readings[0].registers == [5, None, None, None, None]
    assert readings.readings[1].power_w == 100
    told = {2: 1, 3: 7, 4: bytes(8), 5: 2, 6: 3, 7: 9, 8: 3, 9: 0, 10: 0, 12: 1, 14: 0, 15: False}
    status = head_end.parse_status(head_end.decode(bytes(messages.encode_status(told, b"12345678", {4: 2}))))
    assert (status.sequence, status.challenge, status.standing, status.counters) == (7, b"12345678", 1, {4: 2})
    assert not head_end.parse_status(head_end.decode(bytes(messages.OFFLINE_PAYLOAD))).online


def test_the_firmware_reads_what_the_head_end_sends_down():
    seal = Seal(NAME.encode(), KEY)

    def opened(body: dict[int, object], topic: str) -> bytes:
        return bytes(seal.open(topic.encode(), head_end.seal(body, NAME, KEY, topic)))

    credit = opened({1: 1001, 2: 1, 3: 4, 4: -5, 5: 2**62, 6: 9}, "pg1/gw-001/down/credits")
    assert messages.decode_credit(credit, 0, len(credit)) == (1001, 1, 4, -5, 2**62, 9)
    document = cbor2.dumps({1: 2, 2: 1003, 3: 1, 4: 1, 5: [pack_row(AccountRow(1001))]}, canonical=True)
    order = opened({1: 8, 2: 0, 3: 1, 4: 0xFFFFFFFF, 5: 0, 6: 0, 7: document}, "pg1/gw-001/down/orders")
    decoded = messages.decode_order(order, 0, len(order))
    assert decoded[:6] == (8, 0, 1, 0xFFFFFFFF, 0, 0)
    assert messages.decode_state(decoded[6]) == (2, 1003, 1, 1, [pack_row(AccountRow(1001))])
    ack = opened({1: 1, 2: 7, 3: bytes(8), 4: bytes(8), 5: 3, 6: 9, 7: None, 8: 0, 9: 8, 10: None}, "pg1/gw-001/down/acks")
    assert messages.decode_ack(ack, 0, len(ack)).resend_sequence == 8
    with pytest.raises(Refused):
        seal.open(b"pg1/gw-001/down/orders", head_end.seal({1: 1}, NAME, KEY, "pg1/gw-001/down/credits"))
