"""Books that were changed behind everybody's back, one thing at a time: reconcile names each, by place."""

import struct
import zlib

import cbor2
import pytest

from host_tools.head_end import commands, state
from host_tools.head_end.reconcile import reconcile
from tests.host.head_end.books import TARIFF, Books, honest_story
from tests.host.head_end.simulated_gateway import NOW_S


@pytest.fixture
def whole(books) -> Books:
    """Two accounts, tariff, credits, charges with their readings, a snapshot; all agrees."""
    honest_story(books)
    digest = bytes(books.db.row("SELECT digest FROM documents")["digest"])
    books.gateway.append("DOCUMENT", what=1, id=1, version=3, digest=digest)
    books.gateway.snapshot(1001, 100_000, 100_501, [(1, 2, 10_000_000)], 0, 0)
    commands.add_account(books.db, "gw-001", 1002, "000000000002", 1, 1)
    commands.top_up(books.db, "1002", "7.00", "ref-3", NOW_S)
    for body in books.sent("credits", 60_000):
        if body[1] == 1002:
            books.gateway.credit(body)
    books.journal(1)
    for number, sequence in enumerate((5, 6, 7), start=1):
        charge = books.gateway.parsed(sequence)
        item = [number, 1001, charge.number("reading_at_s"), 3, 0, [charge.number("to_cwh")], None, 0]
        books.hear("up/readings", books.gateway.readings_of([item]))
    assert books.differences() == []
    return books


@pytest.mark.parametrize(
    "sql, words",
    (
        ("DELETE FROM records WHERE sequence = 6", "records 6 to 6 are missing"),
        ("DELETE FROM records WHERE sequence = 1", "records 1 to 1 are missing"),
        ("DELETE FROM records WHERE sequence = (SELECT max(sequence) FROM records)", "acknowledged to"),
        ("DELETE FROM records", "held to 0"),
        ("UPDATE gateways SET chain = x'0102030405060708'", "chain"),
        ("UPDATE gateways SET readings_held = 40", "readings acknowledged to 40, held to 3"),
        ("UPDATE records SET raw = x'00' WHERE sequence = 6", "record 6 cannot be read"),
        ("UPDATE records SET account = 1002 WHERE sequence = 6", "record 6: the table says other than its bytes"),
        ("UPDATE records SET kind = 15 WHERE sequence = 6", "record 6: the table says other than its bytes"),
        ("UPDATE records SET fields = replace(fields, '100010', '100011') WHERE sequence = 6", "record 6: the table says"),
        ("UPDATE records SET epoch = 2 WHERE sequence = 6", "record 6: the table says"),
        ("UPDATE acknowledgements SET countersign = x'0000000000000000'", "countersignature"),
        ("UPDATE acknowledgements SET chain = x'0000000000000000'", "was acknowledged with another chain"),
        ("UPDATE credits SET amount_ucu = amount_ucu + 1 WHERE account = 1001 AND number = 1", "amounts add up to"),
        ("UPDATE credits SET total_ucu = total_ucu + 1 WHERE account = 1001 AND number = 2", "amounts add up to"),
        ("UPDATE credits SET account = 1002, number = 9 WHERE reference = 'ref-1'", "credit 1 of issuer 1 over 5.00 was not issued here"),
        ("DELETE FROM credits WHERE reference = 'ref-2'", "credit 2 of issuer 1 over 5.00 was not issued here"),
        (
            "INSERT INTO credits VALUES (1001, 1, 3, 5000000, 15000000, 'x', 1, 'applied', 9, NULL)",
            "gateway has 10.00, receipted here are 15.00",
        ),
        ("UPDATE credits SET receipt = 'pending' WHERE reference = 'ref-1'", "credit 1 of issuer 1 is pending here"),
        ("UPDATE credits SET receipt = 'pending' WHERE reference = 'ref-3'", "gateway has 7.00, receipted here are 0.00"),
        ("UPDATE credits SET receipt = 'refused', receipt_reason = 1 WHERE reference = 'ref-3'", "ref-3"),
        ("UPDATE documents SET text = replace(text, '0.5500', '0.5600')", "digest"),
        ("UPDATE documents SET text = CAST(replace(text, '0.5500', '0.5600') AS BLOB)", "price 0.5500 was charged"),
        ("UPDATE documents SET text = '{'", "tariff 1 version 3 cannot be read"),
        ("UPDATE documents SET digest = x'0000000000000000'", "digest"),
        ("UPDATE readings SET total_cwh = total_cwh + 1 WHERE number = 2", "the reading of that instant says"),
        ("UPDATE readings SET total_cwh = 99000 WHERE number = 3", "the reading of that instant says 990.00 kWh"),
        ("DELETE FROM readings WHERE number = 2", "readings acknowledged to 3, held to 1"),
        (
            "UPDATE accounts SET meter = '000000000009' WHERE account = 1001",
            "meter 000000000001 is charged, the account's meter is 000000000009",
        ),
    ),
)
def test_a_change_in_the_database_is_named(whole, sql, words):
    whole.db.run("PRAGMA foreign_keys = OFF")
    whole.db.run(sql)
    said = whole.differences()
    assert any(words in sentence for sentence in said), said


@pytest.mark.parametrize("change", ("records SET raw = x'00'", "records SET fields = '{}'", "documents SET text = '{'"))
def test_what_cannot_be_read_any_more_stops_no_command(whole, change):
    whole.gateway.append("READINGS_GAP", first=4, last=5)
    whole.gateway.append("ACKED", epoch=1, sequence=1, chain=bytes(8), countersign=bytes(8), readings=3)
    whole.journal(whole.gateway.sequence - 1)
    whole.db.run("UPDATE " + change)
    assert whole.run("reconcile") == 1
    for command in ("accounts", "journal", "readings", "gateways"):
        assert whole.run(command) == 0


def rewrite(books: Books, sequence: int, field: str, change: int) -> None:
    """Change a field of a record where it stands, and its CRC with it: only the chain remembers."""
    record = books.gateway.parsed(sequence)
    code = "<" + {"amount_ucu": "q", "total_charged_ucu": "q"}.get(field, "I")
    old = struct.pack(code, record.number(field))
    raw = bytearray(record.raw)
    at = bytes(raw).index(old)
    raw[at : at + len(old)] = struct.pack(code, record.number(field) + change)
    raw[-4:] = struct.pack("<I", zlib.crc32(raw[:-4]))
    books.db.run("UPDATE records SET raw = ? WHERE sequence = ?", bytes(raw), sequence)


@pytest.mark.parametrize(
    "field, words",
    (
        ("amount_ucu", "difference 1 ucu"),
        ("total_charged_ucu", "total charged is"),
        ("to_cwh", "the one before ended at"),
        ("from_cwh", "charge starts at"),
    ),
)
def test_a_record_rewritten_with_its_crc_breaks_the_chain_and_the_sum(whole, field, words):
    rewrite(whole, 6, field, 1)
    said = whole.differences()
    assert any("chain does not continue at sequence 6" in sentence for sentence in said)
    assert any(words in sentence for sentence in said), said


SERIAL = bytes.fromhex("000000000001")[::-1]


@pytest.mark.parametrize(
    "plant, words",
    (
        (lambda g: g.append("CREDIT", account=1001, issuer=1, number=2, amount_ucu=5_000_000, total_ucu=10_000_000), "comes again"),
        (lambda g: g.snapshot(1001, 100_000, 100_501, [(1, 2, 10_000_001)], 0, 0), "snapshot has 10.000001 of credits, computed 10.00"),
        (lambda g: g.snapshot(1001, 100_000, 100_501, [], 0, 0), "snapshot has 0.00 of credits"),
        (lambda g: g.snapshot(1001, 100_000, 100_502, [(1, 2, 10_000_000)], 0, 0), "charged up to 1005.02"),
        (lambda g: g.snapshot(1001, 100_000, 100_501, [(1, 2, 10_000_000)], 0, 0, serial="000000000007"), "meter 000000000007"),
        (lambda g: g.append("DOCUMENT", what=1, id=1, version=3, digest=bytes(8)), "digest"),
        (lambda g: g.append("DOCUMENT", what=1, id=4, version=3, digest=bytes(8)), "not kept here"),
        (
            lambda g: g.append("SEGMENT", account=1001, serial=SERIAL[::-1], rates=0, from_cwh=[1, 0, 0, 0, 0]),
            "the account's meter is 000000000001",
        ),
    ),
)
def test_what_a_gateway_may_not_write_is_named(whole, plant, words):
    plant(whole.gateway)
    whole.journal(11)
    said = whole.differences()
    assert any(words in sentence for sentence in said), said


def test_a_payment_that_the_gateway_refused_is_named_until_a_later_one_contains_it(whole):
    commands.top_up(whole.db, "1002", "1.00", "ref-4", NOW_S)
    whole.gateway.append("CREDIT_REFUSED", account=1002, issuer=1, number=2, amount_ucu=1_000_000, total_ucu=8_000_000, reason=1)
    whole.journal(whole.gateway.sequence)
    (said,) = whole.differences()
    assert "ref-4" in said and "1.00" in said and "unknown account" in said
    commands.top_up(whole.db, "1002", "1.00", "ref-5", NOW_S)
    (body,) = [body for body in whole.sent("credits", 60_000) if body[1] == 1002]
    whole.gateway.credit(body)
    whole.journal(whole.gateway.sequence)
    assert whole.differences() == []


def test_a_charge_before_its_tariff_is_valid_or_by_one_that_was_replaced_is_named(whole):
    later = TARIFF | {"version": 4, "effective": "2040-01-01"}
    commands.set_document(whole.db, "tariff", whole.file("four.json", later), NOW_S)
    whole.gateway.charge(100_501, 100_502, version=4)
    now = TARIFF | {"version": 5, "effective": "2030-01-01"}
    commands.set_document(whole.db, "tariff", whole.file("five.json", now), NOW_S)
    whole.gateway.charge(100_502, 100_503)  # version 3, before the gateway had version 5
    digest = bytes(whole.db.row("SELECT digest FROM documents WHERE version = 5")["digest"])
    whole.gateway.append("DOCUMENT", what=1, id=1, version=5, digest=digest)
    whole.gateway.charge(100_503, 100_504)
    whole.gateway.charge(100_504, 100_505, version=5)
    whole.journal(whole.gateway.sequence - 4)
    said = [sentence for sentence in whole.differences() if "version" in sentence]
    assert len(said) == 2
    assert "version 4 is valid from 2040-01-01" in said[0] and "version 5 is in force" in said[1]


def test_an_account_that_changed_its_tariff_keeps_its_old_charges(whole):
    commands.set_document(whole.db, "tariff", whole.file("two.json", TARIFF | {"tariff": 2}), NOW_S)
    commands.add_account(whole.db, "gw-001", 1001, "000000000001", 2, 1)
    assert whole.differences() == []
    whole.gateway.charge(100_501, 100_502, tariff=2)
    whole.gateway.charge(100_502, 100_503, tariff=7)
    whole.journal(whole.gateway.sequence - 1)
    assert any("tariff 7 is not the account's" in sentence for sentence in whole.differences())


def test_a_register_of_five_digits_may_roll_over_too(books):
    books.gateway.begin(from_cwh=9_999_990)
    charged = 15 * 5500
    fields = {"amount_ucu": charged, "total_charged_ucu": charged}
    books.gateway.charge(9_999_990, 5, **fields)
    books.gateway.total_charged[1001] = charged
    books.gateway.charge(5, 6)
    books.journal(1)
    assert books.differences() == []


def test_a_step_back_is_no_rollover_of_a_small_register(whole):
    whole.gateway.charge(100_501, 100_400)
    whole.journal(whole.gateway.sequence)
    assert any("goes backwards" in sentence for sentence in whole.differences())


def test_a_meter_that_is_bound_anew_is_noted_with_what_nobody_charged(whole):
    whole.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=0, from_cwh=[100_900, 0, 0, 0, 0])
    whole.gateway.charge(100_900, 100_901)
    whole.journal(whole.gateway.sequence - 1)
    assert whole.differences() == []
    results, _ = reconcile(whole.db)
    assert any("charged were register 0 1005.01 kWh" in note for note in results[0].notes)


def test_a_signed_state_is_the_receipt_for_the_credits_in_it(whole):
    commands.top_up(whole.db, "1002", "1.00", "ref-9", NOW_S)
    state.give(whole.db, "gw-001", NOW_S)
    documents = [cbor2.loads(order[7]) for order in whole.sent("orders", 60_000) if order[1] == 8]
    rows = whole.gateway.take_state(documents)
    first = whole.gateway.sequence
    whole.gateway.append("SNAPSHOT_BEGIN", rows=len(rows), acked_epoch=1, acked_sequence=1, acked_readings=0, brake=0)
    for row in rows:
        whole.gateway.append("SNAPSHOT_ROW", row=row)
    whole.gateway.append("SNAPSHOT_END", rows=len(rows), rows_crc=0)
    whole.journal(first)
    assert [row[0] for row in whole.db.rows("SELECT receipt FROM credits WHERE reference = 'ref-9'")] == ["applied"]
    assert [body for body in whole.sent("credits", 600_000)] == [] and whole.differences() == []
