"""The books computed again, the evidence of decisions, and signed states."""

import json
from datetime import date

import cbor2
import pytest

from host_tools.head_end import commands, state
from host_tools.head_end.heard import BEHIND, FORK
from host_tools.head_end.why import why
from host_tools.journal_reader import kinds, parse_row
from tests.host.head_end.books import POLICY, TARIFF, honest_story
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway


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


@pytest.mark.parametrize(
    "plant, word",
    (
        (lambda g: g.charge(100_502, 100_503), "the one before ended"),
        (lambda g: g.charge(100_501, 100_503, price=5501), "price 0.5501"),
        (lambda g: g.charge(100_501, 100_503, version=9), "no price"),
        (lambda g: g.charge(100_501, 100_503, serial=bytes(6)), "not bound"),
        (lambda g: g.charge(100_501, 100_400), "goes backwards"),
        (lambda g: g.append("CREDIT", account=1001, issuer=1, number=3, amount_ucu=1, total_ucu=10_000_001), "not issued here"),
        (lambda g: g.append("CREDIT", account=1001, issuer=7, number=1, amount_ucu=1, total_ucu=1), "not issued here"),
        (lambda g: g.append("CREDIT", account=1001, issuer=1, number=2, amount_ucu=1, total_ucu=10_000_000), "issued were 5.00"),
        (lambda g: g.charge(7, 8, account=4004), "not its own"),
    ),
)
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
    books.gateway.append(
        "HELD", account=1001, serial=bytes.fromhex("000000000001")[::-1], why=0, rate=0, register_cwh=200_000, last_cwh=100_501
    )
    books.gateway.charge(200_000, 200_001)
    books.journal(1)
    assert books.differences() == []


def test_what_comes_behind_a_released_reading_begins_with_its_release(books):
    honest_story(books)
    fields = {"account": 1001, "serial": bytes.fromhex("000000000001")[::-1], "rate": 0, "register_cwh": 200_000, "last_cwh": 100_501}
    books.gateway.append("HELD", why=0, **fields)
    books.journal(1)
    assert state.account_row(books.db, 1001).charged_at_s == books.gateway.at_s


def test_why_prints_the_evidence_and_notices_edited_books(books, capsys):
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    honest_story(books)
    books.gateway.append(
        "DECISION",
        account=1001,
        verdict=4,
        reason=1,
        failed=1 << 17,
        available_ucu=-250_000,
        floor_ucu=0,
        register_cwh=100_501,
        reading_at_s=books.gateway.at_s - 100,
        policy=1,
        policy_version=2,
        tariff=1,
        tariff_version=3,
        order=0,
        episode=1,
        notice_at_s=books.gateway.at_s - 4000,
    )
    books.journal(1)
    assert books.run("why", "1001") == 0
    said = capsys.readouterr().out
    for words in (
        "cut delayed",
        "available -0.25, floor 0.00",
        "FAILS  inside allowed hours",
        "101 s old, limit 1800 s",
        "tariff 1 version 3",
        "signature agrees",
        "clock from the network",
        "days 1,2,3,4,5 08:00-16:00",
    ):
        assert words in said, words
    books.db.run("UPDATE records SET chain = ? WHERE sequence = ?", bytes(8), books.gateway.sequence)
    assert "DOES NOT AGREE" in "\n".join(why(books.db, 1001)["text"])  # type: ignore[arg-type]


def test_why_keeps_to_the_decision_when_an_order_is_refused_after_it(books):
    honest_story(books)
    fields = {name: 0 for name, _ in kinds.BY_NAME["DECISION"].fields} | {"account": 1001}
    books.gateway.append("DECISION", **(fields | {"verdict": 4, "reason": 1, "failed": 1 << 18}))
    books.gateway.append("DECISION", **(fields | {"verdict": 1, "reason": 1}))
    books.gateway.append("ORDER", account=1001, number=1, order=1, verdict=2, reason=2, failed=0, credit_number=2, expires_at_s=NOW_S)
    books.journal(1)
    answer = why(books.db, 1001)
    text = "\n".join(answer["text"])
    assert answer["record"]["kind"] == "DECISION" and answer["record"]["verdict"] == 1
    assert "order 1 cut refused: overtaken by a credit" in text and "before that" in text and "cut delayed" in text


def test_a_gateway_that_lost_its_tail_gets_a_signed_state_and_goes_on(books):
    honest_story(books)
    books.journal(1)
    held = books.gateway.sequence
    commands.top_up(books.db, "1001", "1.00", "ref-3", NOW_S)
    old = SimulatedGateway()
    old.challenges = 50
    old.begin()
    books.gateway = old
    assert books.hear("up/status", old.status_payload(standing=1))[7] is None, "doubted once"
    ack = books.hear("up/status", old.status_payload(standing=1), after_s=10)
    assert (ack[7], ack[8]) == (old.challenge(), BEHIND)
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


def test_every_listing_prints_for_people_and_as_json(books, capsys):
    honest_story(books)
    books.journal(1)
    books.hear("up/readings", books.gateway.readings_payload(range(1, 4)))
    for command in ("gateways", "accounts", "readings", "journal"):
        assert books.run(command) == 0 and capsys.readouterr().out
        assert books.run(command, "--json") == 0
        assert json.loads(capsys.readouterr().out)[command]


@pytest.mark.parametrize("restarted, register, words", ((False, 100_550, "of that instant"), (True, 100_550, None), (True, 100_999, None)))
def test_two_readings_may_share_the_second_of_a_restart(books, restarted, register, words):
    """One of them is held, the charge is by the other; around them the register may still only rise."""
    honest_story(books)
    at_s = books.gateway.at_s + 1
    if restarted:
        books.gateway.append("BOOT", boot_count=2, reset_cause=1, firmware=1)
    books.gateway.charge(100_501, 100_600, reading_at_s=at_s)
    books.journal(1)
    books.hear("up/readings", books.gateway.readings_of([[1, 1001, at_s, 3, 0, [register], None, 0]]))
    said = books.differences()
    assert said == [] if words is None else any(words in sentence for sentence in said), said
    books.hear("up/readings", books.gateway.readings_of([[2, 1001, at_s + 9, 3, 0, [100_599], None, 0]]))
    assert words is not None or any("a later reading says 1005.99 kWh" in sentence for sentence in books.differences())


@pytest.mark.parametrize(("between_cwh", "at_cwh", "word"), ((100_300, 100_400, ""), (100_300, 100_150, "a later reading says 1001.50")))
def test_the_lines_of_one_reading_reach_its_register_with_the_last_one(books, between_cwh, at_cwh, word):
    """A step ends on the way to a register: that line stands before readings that came meanwhile."""
    steps = {"over": "month", "thresholds": [{"kwh": ["2.00"]}]}
    document = TARIFF | {"version": 4, "prices": {"steps": ["0.5000", "1.0000"]}, "steps": steps}
    commands.set_document(books.db, "tariff", books.file("steps.json", document), NOW_S)
    books.gateway.begin(from_cwh=100_000)
    at_s = books.gateway.at_s
    day = (at_s + 480 * 60) // 86_400
    begun = day - date.fromordinal(719_163 + day).day + 1
    where = {"version": 4, "day": day, "month_day": begun, "period_day": begun, "band": 0, "reading_at_s": at_s + 60}
    books.gateway.charge(100_000, 100_200, price=5000, used_cwh=200, step=0, marks=4, **where)
    books.gateway.charge(100_200, 100_400, price=10000, used_cwh=400, step=1, **where)
    books.journal(1)
    items = [[1, 1001, at_s + 30, 3, 0, [between_cwh], None, 0], [2, 1001, at_s + 60, 3, 0, [at_cwh], None, 0]]
    books.hear("up/readings", cbor2.dumps({1: False, 2: items}))
    found = [one for one in books.differences() if "charged up to 1002.00" in one]
    assert [one for one in found if word in one] == found and bool(found) == bool(word)


def test_the_registers_of_one_reading_are_all_of_the_day_on_which_their_energy_began(books):
    """A newer version begins with the midnight at which a meter of two rates is charged."""
    at_s = NOW_S - (NOW_S + 480 * 60) % 86_400 + 86_400
    for version, day in ((4, "2026-01-01"), (5, date.fromordinal(719_163 + (at_s + 480 * 60) // 86_400).isoformat())):
        document = TARIFF | {"version": version, "effective": day, "prices": {"rates": ["0.5000", "0.2500"]}}
        commands.set_document(books.db, "tariff", books.file(f"{version}.json", document), NOW_S)
    books.gateway.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
    serial = bytes.fromhex("000000000001")[::-1]
    for version in (4, 5):
        books.gateway.append("DOCUMENT", what=1, id=1, version=version, digest=bytes(8))
    books.gateway.append("SEGMENT", account=1001, serial=serial, rates=2, from_cwh=[0, 10, 20, 0, 0])
    books.gateway.charge(10, 15, price=5000, rate=1, version=4, reading_at_s=at_s)
    books.gateway.charge(20, 25, price=2500, rate=2, version=4, reading_at_s=at_s)
    books.journal(1)
    assert not [one for one in books.differences() if "is in force" in one]
    books.gateway.charge(15, 16, price=5000, rate=1, version=4, reading_at_s=at_s + 60)
    books.journal(7)
    assert [one for one in books.differences() if "version 4 was charged, version 5 is in force" in one]
