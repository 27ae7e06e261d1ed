"""Credit limits: the order, the list, what customers are told, a signed state, and the proof of each decision's floor."""

import json
from typing import Any

import cbor2
import pytest

from host_tools.head_end import limits, safe_mode, state
from host_tools.head_end.enquiry import enquire
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.notice_text import place_of
from host_tools.head_end.statement import statement
from host_tools.journal_reader import pack_row, pack_whole_row, parse_row
from tests.host.head_end.books import POLICY, Books
from tests.host.head_end.simulated_gateway import NOW_S
from tests.host.head_end.two_gateways import TAKE, Pair

COIN = 1_000_000
WHY = ("--reason", "post-paid contract")
EMERGENCY = {"policy": 1, "version": 3, "emergency": "10.00"}


@pytest.fixture
def lent(books: Books) -> Books:
    """A limit of 100.00 that the gateway has taken; the policy's floor is 0.00, its restore amount 1.00."""
    for policy in (POLICY, POLICY | EMERGENCY):
        assert books.run("policy", "set", books.file("policy.json", policy)) == 0
    books.gateway.begin()
    assert books.run("credit-limit", "1001", "100.00", *WHY) == 0
    books.journal(1)
    taken(books, 1, 100 * COIN)
    return books


def tell(books: Books, name: str, **values: Any) -> None:
    first = books.gateway.sequence + 1
    books.gateway.append(name, account=1001, **values)
    books.journal(first)


def taken(books: Books, number: int, limit_ucu: int, before_ucu: int = 0) -> None:
    tell(books, "REASON", number=number, order=17, what=0, text=b"post-paid contract".ljust(64, b"\0"))
    tell(books, "CREDIT_LIMIT", limit_ucu=limit_ucu, before_ucu=before_ucu, order=number)
    answered(books, number)


def answered(books: Books, number: int, reason: int = 0) -> None:
    verdict = {"verdict": 2 if reason else 1, "reason": reason, "failed": 0}
    tell(books, "ORDER", number=number, order=17, credit_number=0, expires_at_s=0, **verdict)


def decide(books: Books, floor_ucu: int, version: int = 2) -> list[str]:
    """A cut by this floor -> what is wrong with it."""
    before = books.differences()
    tell(
        books, "DECISION", verdict=1, reason=1, failed=0, available_ucu=floor_ucu, floor_ucu=floor_ucu, register_cwh=0, reading_at_s=0,
        policy=1, policy_version=version, tariff=0, tariff_version=0, order=0, episode=1, notice_at_s=0,
    )  # fmt: skip
    return [sentence for sentence in books.differences() if sentence not in before]


def shown(books: Books, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert books.run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_the_order_carries_limit_and_reason_and_the_same_limit_is_no_second_order(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.gateway.begin()
    books.journal(1)
    answers = [shown(books, capsys, "credit-limit", "1001", amount, *WHY) for amount in ("100.00", "100", "0", "0.000001")]
    assert [(a["answer"], a.get("number"), a["limit"], a["before"]) for a in answers] == [
        ("created", 1, "100.00", "0.00"), ("exists", None, "100.00", "100.00"), ("created", 2, "0.00", "100.00"),
        ("created", 3, "0.000001", "0.00"),
    ]  # fmt: skip
    (sent, *_) = [order for order in books.sent("orders") if order[1] == 17]
    assert (sent[2], sent[3], cbor2.loads(sent[7])) == (1001, 1, {1: 100 * COIN, 2: "post-paid contract"})
    (row,) = shown(books, capsys, "credit-limit")["credit limits"]
    assert (row["limit"], row["order"]) == ("0.00", "0.000001 is on its way")


def test_what_customers_and_operators_are_shown_counts_from_the_lowered_floor(lent: Books, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = shown(lent, capsys, "credit-limit")["credit limits"]
    assert (row["limit"], row["cut at"], row["restored from"], row["reason"], row["order"]) == (
        "100.00", "-100.00", "-99.00", "post-paid contract", "",
    )  # fmt: skip
    assert shown(lent, capsys, "credit-limit", "1001")["credit limits"] == [row]
    place = place_of(lent.db, 1001)
    assert (place.floor_ucu, place.restore_ucu, place.limit_ucu) == (-100 * COIN, -99 * COIN, 100 * COIN)
    asked = enquire(lent.db, 1001, "en", NOW_S + 60)
    assert (asked.limit_ucu, asked.balance_ucu, asked.available_ucu) == (100 * COIN, 0, 100 * COIN)
    assert "Your credit limit is CNY 100.00" in " ".join(asked.text) and "The money is used up." not in asked.text
    assert "信用额度为100.00元" in " ".join(enquire(lent.db, 1001, "zh", NOW_S + 60).text)
    told = statement(lent.db, 1001)
    assert (told.balance_ucu, told.limit_ucu, told.as_json()["limit_ucu"]) == (0, 100 * COIN, 100 * COIN)
    assert shown(lent, capsys, "accounts")["accounts"][0]["limit_ucu"] == 100 * COIN
    assert lent.run("statement", "1001") == 0
    assert "balance now 0.00, credit limit 100.00" in capsys.readouterr().out
    assert lent.run("why", "1001") == 0
    assert "order 1: credit limit, because: post-paid contract" in capsys.readouterr().out


def test_without_a_limit_nothing_is_said_of_one(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    books.gateway.begin()
    books.journal(1)
    assert "limit" not in " ".join(enquire(books.db, 1001, "en", NOW_S).text)
    assert books.run("credit-limit") == 0 and capsys.readouterr().out == "no credit limits\n"
    assert books.run("statement", "1001") == 0 and "credit limit" not in capsys.readouterr().out


def test_a_payment_brings_light_in_safe_mode_from_the_lowered_restore_amount_on(lent: Books) -> None:
    assert safe_mode._is_enough(lent.db, 1001, 1, 1)
    taken(lent, 2, 0, 100 * COIN)
    assert not safe_mode._is_enough(lent.db, 1001, 1, COIN - 1)


def test_the_floor_of_each_decision_is_computed_again(lent: Books) -> None:
    assert decide(lent, -100 * COIN) == []
    assert any("computed -100.00, with a credit limit of 100.00" in sentence for sentence in decide(lent, 0))
    assert decide(lent, -100 * COIN, 9) == [], "a version that is not kept here says nothing"
    tell(lent, "EPISODE", episode=1, open=1, available_ucu=0)
    tell(lent, "EMERGENCY", episode=1, what=1, amount_ucu=10 * COIN, available_ucu=0)
    assert decide(lent, -110 * COIN, 3) == [] and decide(lent, -100 * COIN, 3) != []
    tell(lent, "EMERGENCY", episode=1, what=2, amount_ucu=10 * COIN, available_ucu=0)
    assert decide(lent, -100 * COIN, 3) == [] and decide(lent, -110 * COIN, 3) != []
    assert lent.run("credit-limit", "1001", "20.00", *WHY) == 0
    taken(lent, 2, 20 * COIN, 100 * COIN)
    assert decide(lent, -20 * COIN) == [] and decide(lent, -100 * COIN) != []


def test_a_limit_that_nobody_ordered_so_is_named(lent: Books) -> None:
    assert lent.differences() == []
    taken(lent, 7, 500 * COIN, 100 * COIN)
    assert any("order 7 was not ordered here" in sentence for sentence in lent.differences())
    assert lent.run("credit-limit", "1001", "20.00", *WHY) == 0
    before = lent.differences()
    taken(lent, 8, 30 * COIN, 400 * COIN)
    found = [sentence.partition("sequence")[2] for sentence in lent.differences() if sentence not in before]
    assert any("order 8 is 30.00 there, 20.00 was ordered" in sentence for sentence in found)
    assert any("before is 400.00 there, ordered were 500.00" in sentence for sentence in found)


@pytest.mark.parametrize("limit_ucu", [100 * COIN, 99 * COIN, 0])
def test_a_snapshot_of_another_limit_is_named(lent: Books, limit_ucu: int) -> None:
    row = fold(1001, records_of(lent.db, 1001))
    row.limit_ucu = limit_ucu
    first = lent.gateway.sequence + 1
    lent.gateway.append("SNAPSHOT_BEGIN", rows=1, acked_epoch=1, acked_sequence=1, acked_readings=0, brake=0)
    lent.gateway.append("SNAPSHOT_ROW", row=pack_row(row))
    lent.journal(first)
    said = [sentence for sentence in lent.differences() if "credit limit" in sentence]
    assert bool(said) == (limit_ucu != 100 * COIN), said
    assert place_of(lent.db, 1001).limit_ucu == limit_ucu


def test_a_signed_state_carries_the_limit_to_a_replaced_board(lent: Books) -> None:
    state.give(lent.db, "gw-001", NOW_S)
    (document,) = [bytes(row["document"]) for row in lent.db.rows("SELECT document FROM orders WHERE code = 8")]
    assert parse_row(cbor2.loads(document)[5][0]).limit_ucu == 100 * COIN


def test_a_refusal_stands_in_the_list_until_the_limit_is_ordered_again(lent: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert lent.run("credit-limit", "1001", "0", *WHY) == 0
    answered(lent, 2, 4)
    (row,) = limits.listed(lent.db, None)
    assert (row["limit"], row["order"]) == ("100.00", "0.00 was refused: a condition does not hold")
    assert shown(lent, capsys, "credit-limit", "1001", "0", *WHY)["answer"] == "created"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("1001", "-0.01", *WHY), "amount: must be from 0, which takes the limit away, to 10000000, got -0.01"),
        (("1001", "10000000.01", *WHY), "amount: must be from 0"),
        (("1001", "ten", *WHY), "amount: must be a plain decimal number"),
        (("1001", "1.0000001", *WHY), "amount: has 7 decimals"),
        (("1001", "5.00"), "reason: is missing"),
        (("1001", "5.00", "--reason", ""), "reason: must have 1 to 64 bytes"),
        (("1001", "5.00", "--reason", "w" * 65), "reason: must have 1 to 64 bytes"),
        (("1001", *WHY), "amount: is missing"),
        ((*WHY,), "amount: is missing"),
        (("999", "5.00", *WHY), "account: 999 is unknown"),
        (("999",), "account: 999 is unknown"),
        (("x", "5.00", *WHY), "account: must be a number"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    books: Books, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert books.run("credit-limit", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(sentence) and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize("hides_ucu", [0, COIN])
def test_a_limit_goes_with_the_account_to_another_gateway_and_one_that_is_other_there_is_named(books: Books, hides_ucu: int) -> None:
    pair = Pair(books)
    limits.put(books.db, "1001", "100.00", "post-paid contract", NOW_S)
    pair.a.append("CREDIT_LIMIT", account=1001, limit_ucu=100 * COIN, before_ucu=0, order=1)
    pair.tell(pair.a)
    assert pair.transfer() == 0
    pair.give(pair.a)
    if hides_ucu:
        order = pair.order(pair.b, TAKE)
        assert order is not None
        document = cbor2.loads(order[7])
        row = parse_row(document[2])
        row.limit_ucu -= hides_ucu
        fields = {"account": 1001, "what": 2, "order": order[3], "until_s": 0, "owed_ucu": 0, "share": 0, "most_ucu": 0}
        pair.b.append("CARRIED", **fields, row=pack_whole_row(row))
        pair.verdict(pair.b, order)
        pair.tell(pair.b)
    else:
        assert parse_row(pair.take(pair.b)[2]).limit_ucu == 100 * COIN
    assert place_of(books.db, 1001).limit_ucu == 100 * COIN - hides_ucu
    assert bool([sentence for sentence in books.differences() if "CARRIED has a credit limit" in sentence]) == bool(hides_ucu)
