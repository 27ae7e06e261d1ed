"""Brakes of gateways: which are closed and by what, whose cut they hold, in the list and in the answer to why."""

import json
from typing import Any

import pytest

from host_tools.head_end import brakes
from host_tools.head_end.why import why
from tests.host.head_end.books import Books

THROUGH_POLICY = {"what": 2, "id": 1, "version": 2, "share": 0, "floor_ucu": 0, "restore_ucu": 1_000_000, "emergency_ucu": 0}
BRAKE_BIT, HOURS_BIT = 1 << 22, 1 << 17


def decision(failed: int, verdict: int = 4) -> dict[str, Any]:
    values = dict.fromkeys(
        ("available_ucu", "floor_ucu", "register_cwh", "reading_at_s", "policy", "policy_version", "tariff", "tariff_version", "order",
         "episode", "notice_at_s"), 0,
    )  # fmt: skip
    return {"account": 1001, "verdict": verdict, "reason": 1, "failed": failed, **values}


@pytest.fixture
def closed(books: Books) -> Books:
    """Three accounts were due through version 2 of the policy."""
    books.gateway.begin()
    books.gateway.append("SUSPECT", **THROUGH_POLICY, state=1, due=0)
    books.gateway.append("THROUGH", account=1001, what=2, id=1, version=2, relief_ucu=9_000_000, available_ucu=9_000_000, counted=1)
    books.gateway.append("SUSPECT", **THROUGH_POLICY, state=2, due=3)
    books.gateway.append("BRAKE", closed=1, due=3, accounts=8, order=0)
    books.gateway.append("DECISION", **decision(BRAKE_BIT | HOURS_BIT))
    books.journal(1)
    return books


def test_a_closed_brake_is_listed_with_its_cause_and_the_cuts_that_it_holds(closed: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert closed.run("brakes", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["brakes"]
    assert (row["gateway"], row["due"], row["cause"]) == ("gw-001", 3, "policy 1 version 2, 3 accounts due through it")
    assert [(one["account"], one["also"]) for one in row["held"]] == [(1001, ["inside allowed hours"])]
    assert closed.run("brakes", "gw-001") == 0
    shown = capsys.readouterr().out
    assert "gw-001: closed since" in shown and "policy 1 version 2" in shown and "1001" in shown


def test_why_names_what_closed_the_brake(closed: Books) -> None:
    values = {one["bit"]: one["value"] for one in why(closed.db, 1001)["conditions"]}  # type: ignore[union-attr, index, call-overload]
    assert values[22] == "closed by policy 1 version 2, 3 accounts due through it"


def test_a_release_empties_the_list_and_the_next_cause_is_named_anew(closed: Books) -> None:
    first = closed.gateway.sequence + 1
    closed.gateway.append("BRAKE", closed=0, due=0, accounts=8, order=1)
    closed.journal(first)
    assert brakes.closed(closed.db, None) == []
    closed.gateway.append("BRAKE", closed=1, due=4, accounts=8, order=0)
    closed.gateway.append("DECISION", **decision(0, verdict=2))
    closed.journal(first + 1)
    (row,) = brakes.closed(closed.db, "gw-001")
    assert (row["cause"], row["held"]) == ("accounts due at once", [])


def test_a_gateway_that_is_not_known_is_named(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert books.run("brakes", "gw-999") == 2
    assert capsys.readouterr().err == "gateway: gw-999 is unknown\n"
    assert books.run("brakes") == 0
    assert capsys.readouterr().out == "no brake is closed\n"
