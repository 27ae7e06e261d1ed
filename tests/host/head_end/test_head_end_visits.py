"""Visits at the head-end: who is to be visited, what a visitor reports, and whom an operator marks for care or exempts."""

import json

import cbor2
import pytest

from host_tools.head_end import commands, state, visits
from tests.host.head_end.books import POLICY
from tests.host.head_end.simulated_gateway import NOW_S

COIN = 1_000_000


def episode(books, number=1, is_open=1):
    books.gateway.append("EPISODE", account=1001, episode=number, open=is_open, available_ucu=20 * COIN)


def visit(books, what=1, number=1, days_left=3):
    books.gateway.append(
        "VISIT", account=1001, episode=number, what=what, days_left=days_left, lead_days=5, available_ucu=20 * COIN,
        visited_at_s=0, order=0,
    )  # fmt: skip


def ordered(books, code, after_ms=0):
    """Orders of one code that fall due."""
    return [order for order in books.sent("orders", after_ms) if order[1] == code]


def listed(books):
    books.journal(1)
    return [(row["account"], row["visit"], row["days_left"], row["reported"]) for row in visits.listed(books.db)]


def test_the_list_follows_the_records_of_the_gateway(books):
    books.gateway.begin()
    assert listed(books) == []
    episode(books)
    assert listed(books) == []
    visit(books)
    assert listed(books) == [(1001, "TO BE MADE", 3, None)]
    visit(books, 3)
    assert listed(books) == []
    visit(books, 1, days_left=0xFFFF)
    assert listed(books) == [(1001, "TO BE MADE", None, None)]
    visit(books, 2)
    assert listed(books) == [(1001, "made", None, None)]
    episode(books, 1, 0)
    assert listed(books) == []
    episode(books, 2)
    visit(books, 1, 1)
    assert listed(books) == [], "a visit of another episode"


def test_a_report_is_an_order_for_the_episode_that_is_open(books, capsys):
    books.gateway.begin()
    books.journal(1)
    assert books.run("report", "1001", "met") == 2
    assert capsys.readouterr().err.startswith("episode: ")
    episode(books, 7)
    visit(books, 1, 7)
    books.journal(1)
    assert books.run("report", "1001", "met") == 0
    order = ordered(books, 11)[-1]
    assert (order[2], order[3]) == (1001, 1)
    document = cbor2.loads(order[7])
    assert (document[1], document[2], document[3]) == (1, 7, 0) and document[4] > NOW_S - 10**9
    assert listed(books) == [(1001, "TO BE MADE", 3, "met, pending")]
    visit(books, 2, 7)
    fields = {"failed": 0, "credit_number": 0, "expires_at_s": 0xFFFFFFFF}
    books.gateway.append("ORDER", account=1001, number=1, order=11, verdict=1, reason=0, **fields)
    assert listed(books) == [(1001, "made", 3, "met, accepted")]
    assert books.run("report", "1001", "delivered", "--level", "2", "--episode", "7") == 0
    assert cbor2.loads(ordered(books, 11)[-1][7])[3] == 2
    capsys.readouterr()
    assert books.run("visits", "--json") == 0
    assert json.loads(capsys.readouterr().out)["visits"][0]["account"] == 1001
    assert books.run("visits") == 0
    assert "made" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, field",
    (
        (("report", "1001", "delivered"), "level"),
        (("report", "1001", "met", "--level", "1"), "level"),
        (("report", "1001", "delivered", "--level", "5"), "level"),
        (("report", "1001", "met", "--episode", "70000"), "episode"),
        (("report", "7", "met"), "account"),
        (("flags", "7"), "account"),
        (("flags", "1001", "--care", "--until", "2027-01-01"), "until"),
        (("flags", "1001", "--exempt", "--until", "2020-01-01"), "until"),
        (("flags", "1001", "--exempt", "--until", "2200-01-01"), "until"),
        (("flags", "1001", "--exempt", "--until", "2027-1-1"), "until"),
        (("flags", "1001", "--exempt", "--until", "2027-02-29"), "until"),
    ),
)
def test_a_wrong_report_or_flag_is_one_sentence_and_changes_nothing(books, capsys, words, field):
    assert books.run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_flags_go_to_the_gateway_with_the_end_of_the_local_day(books):
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    assert books.run("flags", "1001", "--care", "--exempt", "--until", "2036-12-31") == 0
    assert cbor2.loads(ordered(books, 9)[-1][7]) == {1: 6, 2: 2_114_380_800 - 480 * 60}
    assert books.db.number("SELECT flags FROM accounts WHERE account = 1001") == 6
    assert books.run("flags", "1001") == 0
    assert cbor2.loads(ordered(books, 9, 5_000)[-1][7]) == {1: 0}


def test_a_state_is_followed_by_the_exemptions_that_end(books):
    books.gateway.begin()
    books.journal(1)
    assert books.run("flags", "1001", "--exempt", "--until", "2036-12-31") == 0
    books.db.run("UPDATE orders SET state = 'accepted'")
    state.give(books.db, "gw-001", NOW_S)
    codes = [row["code"] for row in books.db.rows("SELECT code FROM orders WHERE state = 'pending' ORDER BY id")]
    assert codes == [9, 8] or codes == [8, 9]


def test_levels_that_were_left_and_flags_of_visits_are_folded(books):
    books.gateway.begin()
    episode(books)
    for level in (1, 2):
        books.gateway.append("NOTICE", account=1001, episode=1, level=level, channel=2, outcome=2, available_ucu=COIN, restore_ucu=0)
    books.gateway.append("LEVEL", account=1001, episode=1, level=1, available_ucu=6 * COIN)
    visit(books)
    books.journal(1)
    row = state.account_row(books.db, 1001)
    assert (row.notice_level, row.flags) == (1, 128)
