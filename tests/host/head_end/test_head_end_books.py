"""The books of the head-end without a broker: ingest, receipts, state, reconciliation, commands."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from host_tools.head_end import commands, state
from host_tools.head_end.cli import main
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.ingest import BEHIND, FORK, Heard, ingest
from host_tools.head_end.outgoing import Outgoing
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.why import why
from host_tools.journal_reader import parse_row
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway

TARIFF = {"tariff": 1, "version": 3, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480,
          "prices": {"total": "0.5500"}}
POLICY = {"policy": 1, "version": 2, "utc_offset_min": 480,
          "notice": {"level": "5.00", "period_s": 3600, "channels": ["head_end", "alarm"]}, "floor": "0.00",
          "restore": "1.00", "hours": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "16:00"}], "reading_fresh_s": 1800,
          "clock_error_max_s": 60, "throttle_per_hour": 10,
          "brake": {"accounts_max": 2, "share_percent": 10, "window_s": 86400}, "offline_right_s": 259200, "alarm": True}


class Books:
    """A head-end database with one gateway, one account and one tariff, and the gateway itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "head_end.db"
        self.db = Database(self.path)
        self.gateway = SimulatedGateway()
        commands.add_gateway(self.db, "gw-001", self.gateway.key)
        commands.add_account(self.db, "gw-001", 1001, "000000000001", 1, 1)
        commands.set_document(self.db, "tariff", self.file("tariff.json", TARIFF), NOW_S)
        self.outgoing = Outgoing(self.db)
        self.now_ms = 0

    def file(self, name: str, value: Any) -> str:
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return str(path)

    def hear(self, name: str, payload: bytes) -> dict[int, Any] | None:
        """Ingest one message -> the acknowledgement it gets."""
        heard = ingest(self.db, self.gateway.topic(name), payload, NOW_S)
        return None if heard is None else self.ack(heard)

    def ack(self, heard: Heard) -> dict[int, Any]:
        parcel = self.outgoing.acknowledge(heard, self.now_ms, NOW_S)
        return self.gateway.unseal(parcel.payload, parcel.topic)

    def journal(self, first: int, last: int | None = None) -> dict[int, Any] | None:
        return self.hear("up/journal", self.gateway.journal_payload(first, last))

    def sent(self, name: str, after_ms: int = 0) -> list[dict[int, Any]]:
        """What falls due for the gateway on one topic, `after_ms` later."""
        self.now_ms += after_ms
        return [self.gateway.unseal(parcel.payload, parcel.topic) for parcel in self.outgoing.due(self.now_ms, NOW_S)
                if parcel.topic == self.gateway.topic("down/" + name)]

    def counter(self, name: str) -> int:
        return self.db.number("SELECT value FROM counters WHERE gateway = 'gw-001' AND name = ?", name)

    def receipt(self, number: int) -> str:
        row = self.db.row("SELECT receipt FROM credits WHERE account = 1001 AND number = ?", number)
        assert row is not None
        return str(row[0])

    def run(self, *arguments: str) -> int:
        return main(["--db", str(self.path), *arguments])

    def differences(self) -> list[str]:
        results, others = reconcile(self.db)
        return others + [sentence for result in results for sentence in result.differences]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


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
    commands.top_up(books.db, "1001", "12.5", "ref-1", NOW_S)
    (body,) = books.sent("credits")
    assert body == {1: 1001, 2: 1, 3: 1, 4: 12_500_000, 5: 12_500_000, 6: NOW_S}
    assert books.sent("credits", 100) == [] and books.sent("credits", 2_000) == [body]
    books.gateway.begin()
    books.gateway.credit(body)
    books.journal(1)
    assert books.receipt(1) == "applied" and books.sent("credits", 600_000) == []


def test_a_gateway_that_comes_online_gets_open_credits_at_once(books):
    books.hear("up/status", cbor2.dumps({1: False}))
    commands.top_up(books.db, "1001", "1", "ref-1", NOW_S)
    assert len(books.sent("credits")) == 1 and books.sent("credits", 600_000) == []  # offline: once
    heard = ingest(books.db, "pg1/gw-001/up/status", books.gateway.status_payload(), NOW_S)
    assert heard.came_online
    books.outgoing.hurry("gw-001")
    assert len(books.sent("credits")) == 1


def test_a_later_total_is_the_receipt_for_every_lower_number(books):
    for number in (1, 2, 3):
        commands.top_up(books.db, "1001", "1.00", f"ref-{number}", NOW_S)
    bodies = books.sent("credits")
    books.gateway.begin()
    books.gateway.credit(bodies[1])
    books.journal(1)
    assert [books.receipt(number) for number in (1, 2, 3)] == ["applied", "applied", "pending"]


def test_the_same_reference_twice_answers_exists_and_another_amount_is_refused(books):
    first = commands.top_up(books.db, "1001", "12.50", "ref-1", NOW_S)
    again = commands.top_up(books.db, "1001", "12.5", "ref-1", NOW_S)
    assert (first["answer"], again["answer"], again["number"]) == ("created", "exists", 1)
    with pytest.raises(BadInput, match="^reference: "):
        commands.top_up(books.db, "1001", "12.51", "ref-1", NOW_S)
    assert books.run("topup", "1001", "12.50", "--reference", "ref-1") == 0
    assert books.run("topup", "1001", "13", "--reference", "ref-1") == 2
    assert books.db.number("SELECT count(*) FROM credits") == 1


@pytest.mark.parametrize("amount", ("0", "-5", "nan", "inf", "-inf", "1e3", "1.1234567", "99999999999", "", "1,5", "0x10",
                                    " 1", "+1", "١", "9" * 400))
def test_a_bad_amount_gets_one_sentence_and_changes_nothing(books, amount, capsys):
    assert books.run("topup", "1001", "--reference", "r", "--", amount) == 2
    said = capsys.readouterr().err
    assert said.startswith("amount: ") and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM credits") == 0


@pytest.mark.parametrize("account", ("77", "0", "x", "4294967295", "-1", "²"))
def test_an_unknown_account_gets_one_sentence(books, account, capsys):
    for command in (["topup", "--reference", "r", "--", account, "1"], ["order", "--", account, "cut"], ["why", "--", account],
                    ["readings", "--", account], ["journal", "--", account]):
        assert books.run(*command) == 2
        assert capsys.readouterr().err.startswith("account: ")
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_an_order_carries_expiry_and_the_credit_it_knew_and_is_sent_until_answered(books):
    commands.top_up(books.db, "1001", "1", "ref-1", NOW_S)
    commands.order(books.db, "1001", "cut", 30, NOW_S, ["hours"])
    (body,) = [order for order in books.sent("orders") if order[1] == 1]
    assert body == {1: 1, 2: 1001, 3: 1, 4: NOW_S + 1800, 5: 1, 6: 1 << 17, 7: None}
    books.gateway.begin()
    books.gateway.append("ORDER", account=1001, number=1, order=1, verdict=2, reason=2, failed=0, credit_number=2,
                         expires_at_s=NOW_S + 1800)
    books.journal(1)
    assert [order for order in books.sent("orders", 600_000) if order[1] == 1] == []
    assert books.db.row("SELECT state, reason FROM orders")[:] == ("refused", 2)
    assert commands.order(books.db, "1001", "restore", None, NOW_S)["number"] == 2


def test_an_order_past_its_expiry_is_not_sent_any_more(books):
    commands.order(books.db, "1001", "cut", 1, NOW_S - 120)
    assert [order for order in books.sent("orders") if order[1] == 1] == []
    assert books.db.row("SELECT state FROM orders")[0] == "expired"


def test_a_protected_account_cannot_be_overridden(books, capsys):
    assert books.run("order", "1001", "cut", "--override", "protected") == 2
    assert capsys.readouterr().err.startswith("override: ")


def test_a_tariff_is_sent_until_its_document_record_has_arrived(books):
    (body,) = books.sent("orders")
    assert (body[1], body[2], body[3]) == (5, 0, 3) and json.loads(body[7]) == TARIFF
    digest = bytes.fromhex(str(commands.set_document(books.db, "tariff", books.file("t.json", TARIFF), NOW_S)["digest"]))
    books.gateway.begin()
    books.gateway.append("DOCUMENT", what=1, id=1, version=3, digest=digest)
    books.journal(1)
    assert books.sent("orders", 600_000) == []


@pytest.mark.parametrize("change, field", (
    ({"prices": {"total": "0.55001"}}, "prices.total"), ({"prices": {"total": 0.55}}, "prices.total"),
    ({"prices": {}}, "prices"), ({"prices": {"total": "1", "rates": ["1"]}}, "prices"), ({"prices": {"rates": ["-1"]}}, "prices.rates"),
    ({"version": "3"}, "version"), ({"version": True}, "version"), ({"effective": "2026-13-01"}, "effective"),
    ({"bands": []}, "bands"), ({"tariff": 0}, "tariff"), ({"currency": "cny"}, "currency"),
    ({"utc_offset_min": 1e3}, "utc_offset_min"),
))
def test_a_bad_tariff_is_refused_by_field(books, change, field, capsys):
    assert books.run("tariff", "set", books.file("bad.json", TARIFF | {"version": 4} | change)) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM documents") == 1


@pytest.mark.parametrize("text", ("", "[", "[]", "3", '{"tariff": 1, "tariff": 2}', '{"tariff": NaN}', "[" * 100_000))
def test_a_file_that_is_no_document_is_refused(books, text, capsys):
    assert books.run("tariff", "set", books.file("bad.json", text)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_versions_are_immutable(books, capsys):
    assert books.run("tariff", "set", books.file("same.json", TARIFF)) == 0
    assert books.run("tariff", "set", books.file("other.json", TARIFF | {"prices": {"total": "0.6"}})) == 2
    assert capsys.readouterr().err.startswith("version: ")


def test_a_policy_with_unknown_fields_is_let_through_with_a_warning(books, capsys):
    policy = POLICY | {"heat_days": [], "notice": POLICY["notice"] | {"sequence": 2}}
    assert books.run("policy", "set", books.file("policy.json", policy)) == 0
    said = capsys.readouterr().err
    assert "heat_days" in said and "notice.sequence" in said
    assert books.run("policy", "set", books.file("p.json", POLICY | {"version": 3, "floor": "1.0.0"})) == 2
    assert capsys.readouterr().err.startswith("floor: ")


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


def honest_story(books: Books) -> None:
    """Two credits, three charges, readings around them."""
    for number in (1, 2):
        commands.top_up(books.db, "1001", "5.00", f"ref-{number}", NOW_S)
    books.gateway.begin()
    for body in books.sent("credits"):
        books.gateway.credit(body)
    for start, end in ((100_000, 100_010), (100_010, 100_500), (100_500, 100_501)):
        books.gateway.charge(start, end)


def test_reconcile_agrees_with_an_honest_gateway(books, capsys):
    honest_story(books)
    books.journal(1)
    assert books.differences() == [] and books.run("reconcile", "--json") == 0
    (account,) = json.loads(capsys.readouterr().out)["accounts"]
    assert account["balance_ucu"] == account["gateway_balance_ucu"] == 10_000_000 - 501 * 5500


def test_reconcile_finds_a_planted_difference_of_one_ucu(books, capsys):
    honest_story(books)
    books.gateway.charge(100_501, 100_502, error_ucu=1)
    books.journal(1)
    assert books.run("reconcile") == 1
    said = books.differences()
    assert any("sequence 8: charged 0.005501, computed 0.0055 for 0.01 kWh, difference 1 ucu" in one for one in said)
    assert any("sequence 8: total charged" in one and "difference 1 ucu" in one for one in said)
    assert any("balance" in sentence and "difference -1 ucu" in sentence for sentence in said)


@pytest.mark.parametrize("plant, word", (
    (lambda g: g.charge(100_502, 100_503), "the one before ended"),
    (lambda g: g.charge(100_501, 100_503, price=5501), "price 0.5501"),
    (lambda g: g.charge(100_501, 100_503, version=9), "no price"),
    (lambda g: g.charge(100_501, 100_503, serial=bytes(6)), "not bound"),
    (lambda g: g.charge(100_501, 100_400), "goes backwards"),
    (lambda g: g.append("CREDIT", account=1001, issuer=1, number=3, amount_ucu=1, total_ucu=10_000_001), "not issued here"),
    (lambda g: g.append("CREDIT", account=1001, issuer=7, number=1, amount_ucu=1, total_ucu=1), "not issued here"),
    (lambda g: g.append("CREDIT", account=1001, issuer=1, number=2, amount_ucu=1, total_ucu=10_000_000), "issued were 5.00"),
    (lambda g: g.charge(7, 8, account=4004), "not its own"),
))
def test_reconcile_names_what_a_gateway_may_not_do(books, plant, word):
    honest_story(books)
    plant(books.gateway)
    books.journal(1)
    assert any(word in sentence for sentence in books.differences())


def test_reconcile_checks_charges_against_readings(books):
    honest_story(books)
    books.journal(1)
    charge = books.gateway.parsed(7)
    item = [1, 1001, charge.number("reading_at_s"), 3, 0, [100_999], None, 0]
    books.hear("up/readings", cbor2.dumps({1: False, 2: [item]}))
    assert any("the reading of that instant says 1009.99 kWh" in sentence for sentence in books.differences())


def test_reconcile_notices_books_that_were_edited_here(books):
    honest_story(books)
    books.journal(1)
    books.db.run("UPDATE credits SET amount_ucu = amount_ucu + 1 WHERE number = 1")
    assert len(books.differences()) >= 2


def test_registers_may_roll_over(books):
    books.gateway.begin(from_cwh=99_999_990)
    books.gateway.charge(99_999_990, 5)
    books.journal(1)
    assert books.differences() == []


def test_a_released_held_reading_is_written_off(books):
    honest_story(books)
    books.gateway.append("HELD", account=1001, serial=bytes.fromhex("000000000001")[::-1], why=0, rate=0,
                         register_cwh=200_000, last_cwh=100_501)
    books.gateway.charge(200_000, 200_001)
    books.journal(1)
    assert books.differences() == []


def test_why_prints_the_evidence_and_notices_edited_books(books, capsys):
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    honest_story(books)
    books.gateway.append(
        "DECISION", account=1001, verdict=4, reason=1, failed=1 << 17, available_ucu=-250_000, floor_ucu=0,
        register_cwh=100_501, reading_at_s=books.gateway.at_s - 100, policy=1, policy_version=2, tariff=1, tariff_version=3,
        order=0, episode=1, notice_at_s=books.gateway.at_s - 4000,
    )
    books.journal(1)
    assert books.run("why", "1001") == 0
    said = capsys.readouterr().out
    for words in ("cut delayed", "available -0.25, floor 0.00", "FAILS  inside allowed hours", "101 s old, limit 1800 s",
                  "tariff 1 version 3", "signature agrees", "clock from the network", "days 1,2,3,4,5 08:00-16:00"):
        assert words in said, words
    books.db.run("UPDATE records SET chain = ? WHERE sequence = ?", bytes(8), books.gateway.sequence)
    assert "DOES NOT AGREE" in "\n".join(why(books.db, 1001)["text"])  # type: ignore[arg-type]


def test_a_gateway_that_lost_its_tail_gets_a_signed_state_and_goes_on(books):
    honest_story(books)
    books.journal(1)
    held = books.gateway.sequence
    commands.top_up(books.db, "1001", "1.00", "ref-3", NOW_S)
    old = SimulatedGateway()
    old.challenges = 50
    old.begin()
    books.gateway = old
    assert books.hear("up/status", old.status_payload(standing=1))[8] == BEHIND
    assert state.give_when_behind(books.db, "gw-001", NOW_S, (BEHIND,))
    assert not state.give_when_behind(books.db, "gw-001", NOW_S, (BEHIND,)), "one state at a time"
    documents = [cbor2.loads(order[7]) for order in books.sent("orders") if order[1] == 8]
    rows = [parse_row(row) for row in old.take_state(documents)]
    assert old.sequence > held and old.epoch == 2
    assert rows[0].total_charged_ucu == 501 * 5500 and rows[0].charged_cwh[0] == 100_501
    assert rows[0].issuers == [(1, 3, 11_000_000)]
    assert books.hear("up/status", old.status_payload(standing=0))[8] == 0
    ack = books.journal(old.sequence)
    assert (ack[1], ack[2], ack[8]) == (2, old.sequence, 0)
    assert [order for order in books.sent("orders", 600_000) if order[1] == 8] == []
    old.total_charged[1001] = 501 * 5500
    old.charge(100_501, 100_600)
    books.journal(old.sequence)
    assert [said for said in books.differences() if "charge" in said] == []


def test_a_gateway_cannot_give_itself_an_epoch(books):
    books.gateway.begin()
    books.journal(1)
    books.gateway.append("EPOCH", epoch=2, reason=2, boot_count=2, firmware=1)
    assert books.journal(3)[8] == FORK


def test_a_settings_file_is_imported_whole_or_not_at_all(books, capsys):
    key = books.file("key", "11" * 32 + "\n")
    meter = {"account": 2001, "address": "000000000002", "model": "x", "tariff": 1, "policy": 1, "protected": True}
    site = {"gateway": "gw-002", "uplink": {}, "meters": [meter, meter | {"account": 2002, "address": "000000000003"}]}
    bad = site | {"meters": [meter, meter | {"account": 2002, "address": "12"}]}
    assert books.run("import", books.file("bad.json", bad), "--key-file", key) == 2
    assert capsys.readouterr().err.startswith("meters.1.address: ")
    taken = site | {"meters": [meter, meter | {"account": 1001}]}
    assert books.run("import", books.file("taken.json", taken), "--key-file", key) == 2
    assert books.db.number("SELECT count(*) FROM gateways") == 1
    assert books.run("import", books.file("site.json", site), "--key-file", key) == 0
    assert books.run("import", books.file("site.json", site), "--key-file", books.file("short", "11")) == 2
    assert books.db.number("SELECT flags FROM accounts WHERE account = 2001") == 1


def test_a_database_of_a_newer_form_is_refused(books, capsys):
    books.db.run("PRAGMA user_version = 99")
    assert books.run("accounts") == 2
    assert capsys.readouterr().err.startswith("db: ")


def test_every_listing_prints_for_people_and_as_json(books, capsys):
    honest_story(books)
    books.journal(1)
    books.hear("up/readings", books.gateway.readings_payload(range(1, 4)))
    for command in ("gateways", "accounts", "readings", "journal"):
        assert books.run(command) == 0 and capsys.readouterr().out
        assert books.run(command, "--json") == 0
        assert json.loads(capsys.readouterr().out)[command]
