"""Debts beside the balance: orders, the proof of each move, statement, enquiry and a signed state."""

import json
from typing import Any

import cbor2
import pytest

from host_tools.head_end import commands, debts, state
from host_tools.head_end.enquiry import enquire
from host_tools.head_end.errors import BadInput
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.statement import statement
from host_tools.journal_reader import DEBT_ISSUER, parse_row
from tests.host.head_end.books import POLICY, Books
from tests.host.head_end.simulated_gateway import NOW_S

COIN = 1_000_000


@pytest.fixture
def indebted(books: Books) -> Books:
    """A debt of 100.00, half of what exceeds the restore amount, at most 8.00 of a credit; 30.00 paid."""
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    books.gateway.begin()
    debts.put(books.db, "1001", "100.00", 50, "8.00", NOW_S)
    commands.top_up(books.db, "1001", "30.00", "ref-1", NOW_S)
    books.journal(1)
    first = books.gateway.sequence + 1
    books.gateway.append("DEBT", account=1001, owed_ucu=100 * COIN, share=50, most_ucu=8 * COIN, order=1)
    ordered(books, 1)
    for body in books.sent("credits"):
        books.gateway.credit(body)
    books.journal(first)
    return books


def ordered(books: Books, number: int, reason: int = 0) -> None:
    books.gateway.append(
        "ORDER", account=1001, number=number, order=16, verdict=2 if reason else 1, reason=reason, failed=0, credit_number=0, expires_at_s=0
    )


def recover(books: Books, **changed: Any) -> None:
    """One RECOVERY, as a right one would be but for `changed`."""
    first = books.gateway.sequence + 1
    values = {
        "account": 1001, "move": 1, "issuer": 1, "number": 1, "amount_ucu": 8 * COIN, "moved_ucu": 8 * COIN, "left_ucu": 92 * COIN,
        "available_ucu": 30 * COIN, "restore_ucu": COIN,
    }  # fmt: skip
    books.gateway.append("RECOVERY", **(values | changed))
    books.journal(first)


def differences(books: Books) -> list[str]:
    return [sentence for sentence in books.differences() if "debt" in sentence or "recover" in sentence or "balance" in sentence]


def test_the_order_carries_all_that_was_ever_owed_with_its_rule(books: Books) -> None:
    answers = [
        debts.put(books.db, "1001", "100.00", 50, "8.00", NOW_S),
        debts.put(books.db, "1001", "20.50", None, None, NOW_S),
        debts.put(books.db, "1001", "-0.50", 25, None, NOW_S),
    ]
    assert [(a["number"], a["owed"], a["share_percent"], a["most_of_a_credit"]) for a in answers] == [
        (1, "100.00", 50, "8.00"), (2, "120.50", 50, "8.00"), (3, "120.00", 25, "8.00"),
    ]  # fmt: skip
    sent = cbor2.loads(bytes(books.db.rows("SELECT document FROM orders WHERE code = 16 ORDER BY number")[2]["document"]))
    assert sent == {1: 120 * COIN, 2: 25, 3: 8 * COIN}


def test_an_honest_move_is_proved_and_shown(indebted: Books) -> None:
    recover(indebted)
    assert indebted.differences() == []
    (result,), _ = reconcile(indebted.db)
    assert (result.balance_ucu, result.gateway_balance_ucu, result.debt_ucu) == (22 * COIN, 22 * COIN, 8 * COIN)
    told = statement(indebted.db, 1001)
    assert (told.total.credits_ucu, told.total.debt_ucu, told.total.closing_ucu, told.notes) == (30 * COIN, 8 * COIN, 22 * COIN, [])
    asked = enquire(indebted.db, 1001, "en", NOW_S + 60)
    assert asked.debt_ucu == 92 * COIN and asked.balance_ucu == 22 * COIN
    assert "A debt of CNY 92.00 from before is left" in " ".join(asked.text)
    assert "92.00" in " ".join(enquire(indebted.db, 1001, "zh", NOW_S + 60).text)
    answer = debts.standing(indebted.db, 1001)
    assert (answer["left"], answer["owed"], answer["recovered"], answer["pending_order"]) == ("92.00", "100.00", "8.00", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_ucu": 9 * COIN, "moved_ucu": 9 * COIN, "left_ucu": 91 * COIN},  # more of one credit than the order allows
        {"available_ucu": 5 * COIN, "amount_ucu": 3 * COIN, "moved_ucu": 3 * COIN, "left_ucu": 97 * COIN},  # more than the share
        {"amount_ucu": 7 * COIN, "moved_ucu": 7 * COIN, "left_ucu": 93 * COIN},  # less
        {"moved_ucu": 7 * COIN},  # the balance has 8.00 less, the debt 7.00
        {"left_ucu": 91 * COIN},
        {"move": 2},
    ],
)
def test_a_move_that_is_not_by_the_rule_or_does_not_sum_to_zero_is_named(indebted: Books, changed: dict[str, int]) -> None:
    recover(indebted, **changed)
    assert differences(indebted)


def test_a_move_without_a_credit_and_a_debt_that_nobody_ordered_are_named(indebted: Books) -> None:
    recover(indebted)
    recover(indebted, move=2, moved_ucu=16 * COIN, left_ucu=84 * COIN)
    assert any("for no credit" in sentence for sentence in indebted.differences())
    first = indebted.gateway.sequence + 1
    indebted.gateway.append("DEBT", account=1001, owed_ucu=200 * COIN, share=50, most_ucu=8 * COIN, order=7)
    indebted.journal(first)
    assert any("was not ordered here" in sentence for sentence in indebted.differences())


def test_a_snapshot_that_hides_a_move_is_named(indebted: Books) -> None:
    recover(indebted)
    first = indebted.gateway.sequence + 1
    indebted.gateway.snapshot(1001, 0, 0, [(1, 1, 30 * COIN), (DEBT_ISSUER, 1, -8 * COIN)], 0, 0, "000000000000")
    indebted.journal(first)
    assert not differences(indebted)
    indebted.gateway.snapshot(1001, 0, 0, [(1, 1, 30 * COIN), (DEBT_ISSUER, 0, 0)], 0, 0, "000000000000")
    indebted.journal(first + 3)
    assert differences(indebted) or any("snapshot" in sentence for sentence in indebted.differences())


def test_a_signed_state_has_what_was_recovered_and_the_debt_is_ordered_behind_it(indebted: Books) -> None:
    recover(indebted)
    state.give(indebted.db, "gw-001", NOW_S)
    rows = indebted.db.rows("SELECT code, number, document FROM orders WHERE state = 'pending' ORDER BY id")
    row = parse_row(cbor2.loads(bytes(rows[0]["document"]))[5][0])
    assert (row.balance_ucu, (DEBT_ISSUER, 1, -8 * COIN) in row.issuers) == (22 * COIN, True)
    assert [(r["code"], cbor2.loads(bytes(r["document"]))) for r in rows[1:]] == [(16, {1: 100 * COIN, 2: 50, 3: 8 * COIN})]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1001", "0", "--share", "50"], "amount: must not be zero"),
        (["1001", "ten", "--share", "50"], "amount: must be a plain decimal number"),
        (["1001", "5.00"], "share: is missing"),
        (["1001", "5.00", "--share", "0"], "share: must be from 1 to 100 percent, got 0"),
        (["1001", "5.00", "--share", "101"], "share: must be from 1 to 100 percent, got 101"),
        (["1001", "5.00", "--share", "50", "--most", "0"], "amount: must be more than zero"),
        (["1001", "-5.00", "--share", "50"], "amount: is more than what is left of the debt: 0.00"),
        (["1001", "--share", "50"], "amount: is missing"),
        (["999", "5.00", "--share", "50"], "account: 999 is unknown"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    books: Books, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert books.run("debt", *arguments) == 2
    assert capsys.readouterr().err.startswith(sentence)
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_the_command_orders_and_shows(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert books.run("debt", "1001", "100.00", "--share", "50", "--json") == 0
    assert json.loads(capsys.readouterr().out)["owed"] == "100.00"
    assert books.run("debt", "1001", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["left"], shown["pending_order"]) == ("0.00", 1)
    with pytest.raises(SystemExit) as ended:
        books.run("debt", "--help")
    assert ended.value.code == 0 and "example:" in capsys.readouterr().out


def test_a_debt_takes_one_of_four_places_for_issuers(books: Books) -> None:
    for issuer in (1, 2, 3):
        commands.top_up(books.db, "1001", "1.00", f"ref-{issuer}", NOW_S, issuer)
    debts.put(books.db, "1001", "5.00", 50, None, NOW_S)
    with pytest.raises(BadInput, match="fifth"):
        commands.top_up(books.db, "1001", "1.00", "ref-4", NOW_S, 4)
    with pytest.raises(BadInput, match="65534"):
        commands.top_up(books.db, "1001", "1.00", "ref-5", NOW_S, DEBT_ISSUER)
