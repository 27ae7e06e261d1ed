"""Held readings: listed, released or rejected with a reason; `why` says so, and what was written off adds up."""

import json

import cbor2
import pytest

from host_tools.head_end.reconcile import reconcile
from tests.host.head_end.books import Books, honest_story
from tests.host.head_end.simulated_gateway import NOW_S

SERIAL = bytes.fromhex("000000000001")[::-1]


def jumped(books: Books, why: int = 2, register: int = 900_000) -> None:
    """The meter shows 9000.00 kWh, 1005.01 are charged."""
    honest_story(books)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=why, rate=0, register_cwh=register, last_cwh=100_501)
    books.journal(1)


def held(books: Books, capsys) -> list[dict]:
    capsys.readouterr()
    assert books.run("held", "list", "--json") == 0
    return json.loads(capsys.readouterr().out)["held readings"]


def answered(books: Books, order: dict, what: int, verdict: int = 1, reason: int = 0) -> None:
    """The gateway's records of this order."""
    first = books.gateway.sequence + 1
    if verdict == 1:
        text = order[7] and cbor2.loads(order[7])[4].encode()
        books.gateway.append("REASON", account=1001, number=order[3], order=10, what=what, text=text.ljust(64, b"\0"))
    if verdict == 1 and what == 1:
        books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=900_010, last_cwh=100_501)
    books.gateway.append(
        "ORDER", account=1001, number=order[3], order=10, verdict=verdict, reason=reason, failed=0, credit_number=0, expires_at_s=0
    )
    books.journal(first)


def say(books: Books, what: str, reason: str = "tested in the yard") -> dict:
    assert books.run("held", what, "1001", "--reason", reason) == 0
    (order,) = [order for order in books.sent("orders", 100_000) if order[1] == 10]
    return order


def test_a_released_reading_is_a_numbered_order_with_what_was_seen_and_why(books, capsys):
    jumped(books)
    (row,) = held(books, capsys)
    assert (row["why"], row["charged to"], row["shows"], row["state"]) == ("jumped too far", "1005.01 kWh", "9000.00 kWh", "OPEN")
    order = say(books, "release")
    assert (order[1], order[2], order[3]) == (10, 1001, 1)
    assert cbor2.loads(order[7]) == {1: 1, 2: 0, 3: 900_000, 4: "tested in the yard"}
    assert held(books, capsys)[0]["state"] == "ordered, on its way"
    answered(books, order, 1)
    assert held(books, capsys) == []


def test_the_newest_register_that_the_meter_showed_is_what_is_decided_about(books, capsys):
    jumped(books)
    at_s = books.gateway.at_s + 60
    payload = books.gateway.readings_of([[1, 1001, at_s, 3, 1, [900_007], None, 0], [2, 1001, at_s + 60, 3, 0, [100_501], None, 0]])
    books.hear("up/readings", payload)
    assert held(books, capsys)[0]["shows"] == "9000.07 kWh"
    assert cbor2.loads(say(books, "reject")[7])[3] == 900_007


def test_a_rejected_reading_stays_on_the_list_with_its_reason_until_something_else_is_held(books, capsys):
    jumped(books)
    answered(books, say(books, "reject", "display reads 1005"), 2)
    assert held(books, capsys)[0]["state"] == "rejected: display reads 1005"
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=2, rate=0, register_cwh=900_050, last_cwh=100_501)
    books.journal(books.gateway.sequence)
    assert held(books, capsys)[0]["state"] == "rejected: display reads 1005", "a restart holds it anew"
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=1, rate=0, register_cwh=5, last_cwh=100_501)
    books.journal(books.gateway.sequence)
    assert held(books, capsys)[0]["state"] == "OPEN"
    answered(books, say(books, "reject"), 2)
    for why, register in ((0, 100_501), (1, 5)):
        books.gateway.append("HELD", account=1001, serial=SERIAL, why=why, rate=0, register_cwh=register, last_cwh=100_501)
    books.journal(books.gateway.sequence - 1)
    assert held(books, capsys)[0]["state"] == "OPEN", "it came back meanwhile"


def test_why_tells_the_reason_whether_something_was_decided_or_not(books, capsys):
    jumped(books)
    answered(books, say(books, "release"), 1)
    assert books.run("why", "1001") == 0
    assert "held reading released, because: tested in the yard" in capsys.readouterr().out
    decision = dict.fromkeys(("reading_at_s", "policy", "policy_version", "tariff", "tariff_version", "order", "episode", "notice_at_s"), 0)
    decision |= {"account": 1001, "verdict": 4, "reason": 1, "failed": 1, "available_ucu": 0, "floor_ucu": 0, "register_cwh": 0}
    books.gateway.append("DECISION", **decision)
    books.gateway.append("REASON", account=1001, number=2, order=10, what=2, text=b"once more".ljust(64, b"\0"))
    books.journal(books.gateway.sequence - 1)
    capsys.readouterr()
    assert books.run("why", "1001") == 0
    assert "then  2030-03-17" in (said := capsys.readouterr().out) and "held reading rejected, because: once more" in said


def test_a_segment_adds_up_with_what_was_written_off_and_what_is_not_charged_yet(books):
    jumped(books)
    answered(books, say(books, "release"), 1)
    books.gateway.charge(900_010, 900_020)
    books.journal(books.gateway.sequence)
    at_s = books.gateway.at_s + 60
    books.hear("up/readings", books.gateway.readings_of([[1, 1001, at_s, 3, 0, [900_025], None, 0]]))
    (result,), _ = reconcile(books.db)
    (segment,) = result.as_json()["segments"]
    assert segment["registers"] == {
        "0": {"from_cwh": 100_000, "to_cwh": 900_025, "charged_cwh": 511, "written_off_cwh": 799_509, "uncharged_cwh": 5}
    }
    assert any("7995.09 kWh of register 0 were written off: tested in the yard" in note for note in result.notes)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=900_015, last_cwh=900_020)
    books.journal(books.gateway.sequence)
    (result,), _ = reconcile(books.db)
    assert result.notes[-1].endswith("-0.05 kWh of register 0 were written off, no reason is told")


def test_what_was_written_off_without_a_word_is_noted_too(books):
    jumped(books)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=900_010, last_cwh=100_501)
    books.journal(books.gateway.sequence)
    (result,), _ = reconcile(books.db)
    assert any("7995.09 kWh of register 0 were written off, no reason is told" in note for note in result.notes)


def test_a_refused_order_leaves_it_open(books, capsys):
    jumped(books)
    answered(books, say(books, "release"), 1, verdict=2, reason=4)
    assert held(books, capsys)[0]["state"] == "OPEN, the last order was refused"
    assert say(books, "release")[3] == 2


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("release", "1001"), "reason: is missing: release needs ACCOUNT and --reason"),
        (("reject",), "account: is missing: reject needs ACCOUNT and --reason"),
        (("list", "1001"), "list: takes neither account nor --reason"),
        (("release", "1001", "--reason", " "), "reason: must have 1 to 64 bytes of printable text"),
        (("release", "1001", "--reason", "电" * 22), "reason: must have 1 to 64 bytes of printable text"),
        (("release", "4004", "--reason", "x"), "account: 4004 is unknown"),
        (("release", "ten", "--reason", "x"), "account: must be a number"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(books, capsys, arguments, said):
    jumped(books)
    capsys.readouterr()
    assert books.run("held", *arguments) == 2
    assert capsys.readouterr().err.startswith(said)
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_a_jump_that_was_real_is_charged_and_a_step_back_never(books, capsys):
    jumped(books)
    order = say(books, "charge", "a new oven")
    assert cbor2.loads(order[7]) == {1: 3, 2: 0, 3: 900_000, 4: "a new oven"}
    first = books.gateway.sequence + 1
    books.gateway.append("REASON", account=1001, number=order[3], order=10, what=3, text=b"a new oven".ljust(64, b"\0"))
    books.gateway.charge(100_501, 900_010)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=900_010, last_cwh=900_010)
    books.journal(first)
    assert books.differences() == [] and held(books, capsys) == []
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=1, rate=0, register_cwh=10, last_cwh=900_010)
    books.journal(books.gateway.sequence)
    assert books.run("held", "charge", "1001", "--reason", "x") == 2
    assert "only a jump forward can be charged" in capsys.readouterr().err


def test_what_is_not_held_or_has_no_register_or_is_under_way_is_refused(books, capsys):
    honest_story(books)
    assert books.run("held", "release", "1001", "--reason", "x") == 2
    assert capsys.readouterr().err == "account: no reading of 1001 is held\n"
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=4, rate=0, register_cwh=0, last_cwh=100_501)
    books.journal(1)
    assert books.run("held", "release", "1001", "--reason", "x") == 2
    assert "held because of: no value; there is no register to go on from" in capsys.readouterr().err
    assert books.run("held", "reject", "1001", "--reason", "x") == 0
    assert books.run("held", "reject", "1001", "--reason", "x") == 2
    assert capsys.readouterr().err == "account: order 1 about the held reading of 1001 is on its way: wait for its verdict\n"
    assert books.now_s == NOW_S
