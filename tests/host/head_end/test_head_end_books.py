"""What is heard and what is sent: ingest, acknowledgements, receipts, resends."""

import json

import cbor2
import pytest

from host_tools.head_end import commands
from host_tools.head_end.garbage import Garbage
from host_tools.head_end.heard import FORK
from host_tools.head_end.ingest import ingest
from tests.host.head_end.books import TARIFF
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway


def test_records_are_stored_and_acknowledged_with_a_countersignature(books):
    books.gateway.begin()
    ack = books.journal(1)
    assert (ack[1], ack[2], ack[3], ack[8], ack[9]) == (1, 2, books.gateway.chain, 0, None)
    assert len(ack[4]) == 8 and ack[6] == NOW_S and ack[7] is None


def test_a_duplicate_journal_changes_nothing_and_is_acknowledged(books):
    books.gateway.begin()
    first = books.journal(1)
    assert books.journal(1) == first and books.counter("journal_repeated") == 1
    books.gateway.charge(100_000, 100_010)
    assert books.journal(1)[2] == 3  # an overlap with something new behind it


def test_a_gap_is_asked_for_and_nothing_is_stored(books):
    books.gateway.begin()
    books.journal(1)
    for step in range(4):
        books.gateway.charge(100_000 + step, 100_001 + step)
    ack = books.journal(4)
    assert (ack[2], ack[9]) == (2, 3)
    assert books.journal(5)[9] is None  # the same range is asked for once
    assert books.journal(3)[2] == 6


def test_a_mac_that_does_not_verify_is_counted_and_changes_nothing(books):
    books.gateway.begin()
    payload = bytearray(books.gateway.journal_payload(1))
    payload[-1] ^= 1
    assert books.hear("up/journal", bytes(payload)) is None and books.counter("bad_mac") == 1
    other_topic = books.gateway.journal_payload(1, topic="pg1/gw-002/up/journal")
    assert books.hear("up/journal", other_topic) is None and books.counter("bad_mac") == 2
    assert books.db.number("SELECT count(*) FROM records") == 0


@pytest.mark.parametrize("payload", (b"", b"\xff" * 40, b"\xd1\x80", cbor2.dumps({1: 2}), b"\xa1" * 5000, b"\x81" * 60000))
@pytest.mark.parametrize("name", ("up/journal", "up/readings", "up/status", "up/strange"))
def test_garbage_on_any_topic_changes_nothing(books, name, payload):
    assert books.hear(name, payload) is None
    assert books.db.number("SELECT count(*) FROM records") + books.db.number("SELECT count(*) FROM readings") == 0
    assert name == "up/strange" or books.db.number("SELECT count(*) FROM reports") == 1


def test_a_broken_record_inside_an_authentic_message_refuses_the_whole_message(books):
    books.gateway.begin()
    epoch, before, raw = books.gateway.records[2]
    books.gateway.records[2] = (epoch, before, raw[:-1] + bytes([raw[-1] ^ 1]))
    assert books.journal(1) is None and books.counter("bad_record") == 1
    assert books.db.number("SELECT count(*) FROM records") == 0


def test_other_bytes_under_a_known_sequence_are_a_fork_that_stays(books):
    books.gateway.begin()
    books.gateway.charge(100_000, 100_010)
    books.journal(1)
    twin = SimulatedGateway()
    twin.begin()
    twin.charge(100_000, 100_011)
    twin.charge(100_011, 100_012)
    books.gateway = twin
    ack = books.journal(1)
    assert (ack[2], ack[8]) == (3, FORK) and books.counter("fork") == 1
    assert books.hear("up/status", twin.status_payload())[8] == FORK


def test_a_message_that_continues_another_chain_is_a_fork(books):
    books.gateway.begin()
    books.journal(1)
    twin = SimulatedGateway()
    twin.begin(from_cwh=7)
    twin.charge(100_000, 100_010)
    books.gateway = twin
    ack = books.journal(3)
    assert (ack[2], ack[8]) == (2, FORK)


def test_a_chain_broken_inside_a_message_refuses_the_whole_message(books):
    books.gateway.begin()
    books.gateway.chain = bytes(8)
    books.gateway.charge(100_000, 100_010)
    assert books.journal(1) is None and books.counter("bad_chain") == 1
    assert books.db.number("SELECT count(*) FROM records") == 0


def test_a_status_is_answered_with_its_challenge(books):
    books.gateway.begin()
    ack = books.hear("up/status", books.gateway.status_payload())
    assert (ack[7], ack[8]) == (books.gateway.challenge(), 0)


def test_a_retained_old_status_does_not_call_a_sound_gateway_behind(books):
    books.gateway.begin()
    old = books.gateway.status_payload()
    books.hear("up/status", old)
    books.gateway.charge(100_000, 100_010)
    books.journal(1)
    ack = books.hear("up/status", old)
    assert (ack[7], ack[8]) == (None, 0)


def test_a_credit_is_sent_until_its_record_has_arrived(books):
    books.gateway.begin()
    books.journal(1)
    commands.top_up(books.db, "1001", "12.5", "ref-1", NOW_S)
    (body,) = books.sent("credits")
    assert body == {1: 1001, 2: 1, 3: 1, 4: 12_500_000, 5: 12_500_000, 6: NOW_S}
    assert books.sent("credits", 100) == [] and books.sent("credits", 2_000) == [body]
    books.gateway.credit(body)
    books.journal(1)
    assert books.receipt(1) == "applied" and books.sent("credits", 600_000) == []


def test_a_gateway_that_comes_online_gets_open_credits_at_once(books):
    books.gateway.begin()
    books.journal(1)
    books.hear("up/status", cbor2.dumps({1: False}))
    commands.top_up(books.db, "1001", "1", "ref-1", NOW_S)
    assert len(books.sent("credits")) == 1 and books.sent("credits", 600_000) == []  # offline: once
    heard = ingest(books.db, "pg1/gw-001/up/status", books.gateway.status_payload(), NOW_S)
    assert heard.came_online
    books.outgoing.hurry("gw-001", books.now_ms)
    assert len(books.sent("credits")) == 1


def test_what_was_sent_just_now_is_not_sent_again_because_the_gateway_came(books):
    books.gateway.begin()
    books.journal(1)
    commands.top_up(books.db, "1001", "1", "ref-1", NOW_S)
    assert len(books.sent("credits")) == 1 and len(books.sent("orders", 3_000)) == 1
    books.outgoing.hurry("gw-001", books.now_ms)
    assert len(books.sent("orders", 100)) == 0, "the document is on its way"
    assert len(books.sent("orders", 1_900)) == 1
    for _ in range(3):
        books.sent("orders", 60_000)
    books.outgoing.hurry("gw-001", books.now_ms + 30_000)
    assert len(books.sent("orders", 30_000)) == 1 and len(books.sent("orders", 2_000)) == 1, "and again from the first pause on"


def test_a_later_total_is_the_receipt_for_every_lower_number(books):
    for number in (1, 2, 3):
        commands.top_up(books.db, "1001", "1.00", f"ref-{number}", NOW_S)
    assert books.sent("credits") == [], "no record is held yet: the gateway may have credits of an earlier database"
    books.gateway.begin()
    books.journal(1)
    bodies = books.sent("credits")
    books.gateway.credit(bodies[1])
    books.journal(1)
    assert [books.receipt(number) for number in (1, 2, 3)] == ["applied", "applied", "pending"]


def test_an_order_carries_expiry_and_the_credit_it_knew_and_is_sent_until_answered(books):
    commands.top_up(books.db, "1001", "1", "ref-1", NOW_S)
    commands.order(books.db, "1001", "cut", 30, NOW_S, ["hours"])
    (body,) = [order for order in books.sent("orders") if order[1] == 1]
    assert body == {1: 1, 2: 1001, 3: 1, 4: NOW_S + 1800, 5: 1, 6: 1 << 17, 7: None}
    books.gateway.begin()
    books.gateway.append(
        "ORDER", account=1001, number=1, order=1, verdict=2, reason=2, failed=0, credit_number=2, expires_at_s=NOW_S + 1800
    )
    books.journal(1)
    assert [order for order in books.sent("orders", 600_000) if order[1] == 1] == []
    assert books.db.row("SELECT state, reason FROM orders")[:] == ("refused", 2)
    assert commands.order(books.db, "1001", "restore", None, NOW_S)["number"] == 2


def test_an_order_past_its_expiry_is_not_sent_any_more(books):
    commands.order(books.db, "1001", "cut", 1, NOW_S - 120)
    assert [order for order in books.sent("orders") if order[1] == 1] == []
    assert books.db.row("SELECT state FROM orders")[0] == "expired"


def test_a_tariff_is_sent_until_its_document_record_has_arrived(books):
    (body,) = books.sent("orders")
    assert (body[1], body[2], body[3]) == (5, 0, 3) and json.loads(body[7]) == TARIFF
    digest = bytes.fromhex(str(commands.set_document(books.db, "tariff", books.file("t.json", TARIFF), NOW_S)["digest"]))
    books.gateway.begin()
    books.gateway.append("DOCUMENT", what=1, id=1, version=3, digest=digest)
    books.journal(1)
    assert books.sent("orders", 600_000) == []


def test_readings_are_acknowledged_without_gap_and_named_gaps_are_passed(books):
    books.gateway.begin()
    assert books.hear("up/readings", books.gateway.readings_payload(range(1, 4)))[5] == 3
    ack = books.hear("up/readings", books.gateway.readings_payload(range(9, 10), live=True))
    assert (ack[5], ack[10]) == (3, None)
    ack = books.hear("up/readings", books.gateway.readings_payload(range(6, 8)))
    assert (ack[5], ack[10]) == (3, 4)
    books.gateway.append("READINGS_GAP", first=4, last=5)
    books.journal(1)
    assert books.hear("up/readings", books.gateway.readings_payload(range(8, 9)))[5] == 9
    assert books.db.number("SELECT count(*) FROM readings") == 7


def test_a_gateway_that_holds_a_document_already_has_received_it(books):
    other = TARIFF | {"tariff": 2}
    commands.set_document(books.db, "tariff", books.file("two.json", other), NOW_S)
    commands.add_account(books.db, "gw-001", 1002, "000000000002", 2, 1)
    assert len(books.sent("orders")) == 2
    books.gateway.begin()
    answer = {"account": 0, "number": 3, "order": 5, "verdict": 2, "failed": 0, "expires_at_s": 0}
    books.gateway.append("ORDER", **answer, reason=9, credit_number=1)
    books.journal(1)
    assert [json.loads(order[7])["tariff"] for order in books.sent("orders", 2_000)] == [2]
    books.gateway.append("ORDER", **answer, reason=6, credit_number=2)
    books.journal(3)
    assert books.sent("orders", 600_000) == []
    assert [row[0] for row in books.db.rows("SELECT state FROM deliveries ORDER BY id")] == ["accepted", "refused"]


def test_a_flood_of_garbage_is_counted_whole_in_a_few_transactions(books):
    garbage, written = Garbage(books.db), []
    books.db.connection.set_trace_callback(lambda sql: written.append(sql) if sql == "COMMIT" else None)
    for number in range(500):
        for name in ("journal", "readings", "status"):
            assert ingest(books.db, f"pg1/gw-001/up/{name}", bytes([255, number % 256]), NOW_S, garbage) is None
        assert ingest(books.db, "pg1/nobody/up/journal", b"", NOW_S, garbage) is None
    garbage.write()
    assert written == ["COMMIT"]
    assert books.counter("bad_cose") == 500 and books.counter("bad_cbor") == 1_000
    assert books.db.number("SELECT value FROM counters WHERE name = 'unknown_gateway'") == 500
    assert books.db.number("SELECT count(*) FROM reports") == 10
