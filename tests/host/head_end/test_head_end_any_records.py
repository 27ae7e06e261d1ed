"""Records of any content from a gateway that has the key: stored or refused, and no command stumbles over them."""

import random
from typing import Any

import pytest

from host_tools.head_end import commands, state
from host_tools.journal_reader import AccountRow, kinds, pack_row
from tests.host.head_end.books import honest_story
from tests.host.head_end.simulated_gateway import NOW_S

pytestmark = pytest.mark.slow  # hundreds of records, each its own message
HIGHEST = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}


def any_value(draw: random.Random, code: str) -> Any:
    if code == "5I":
        return [any_value(draw, "I") for _ in range(5)]
    if code == "q":
        return draw.choice([0, 1, -1, 2**63 - 1, -(2**63), draw.randrange(-(10**9), 10**9)])
    if code.endswith("s"):
        size = int(code[:-1])
        return any_row(draw) if size == 146 else draw.randbytes(size)
    return draw.choice([0, 1, 2, 3, HIGHEST[code], draw.randrange(HIGHEST[code] + 1)])


def any_row(draw: random.Random) -> bytes:
    place = (draw.choice([1, 2]), draw.choice([1, 9, 0xFFFFFFFF]), any_value(draw, "q"))
    return pack_row(
        AccountRow(draw.choice([1001, 7, 0xFFFFFFFF]), rates=draw.choice([0, 4, 255]), serial=draw.randbytes(6), issuers=[place])
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_record_of_any_content_stops_the_books_or_a_command(books, seed):
    draw = random.Random(seed)
    honest_story(books)
    books.journal(1)
    commands.top_up(books.db, "1001", "5", "x", NOW_S)
    names = [kind for kind in kinds.KINDS.values() if kind.name != "EPOCH"]
    for _ in range(80):
        kind = draw.choice(names)
        fields = {name: any_value(draw, code) for name, code in kind.fields}
        if "account" in fields and draw.random() < 0.7:
            fields["account"] = 1001
        books.gateway.append(kind.name, **fields)
        assert books.journal(books.gateway.sequence)[2] == books.gateway.sequence, kind.name
        books.sent("credits", 60_000)
    state.give(books.db, "gw-001", books.now_s)
    for command in ("gateways", "accounts", "readings", "journal", "why 1001", "statement 1001", "settle"):
        assert books.run(*command.split()) == 0
        assert books.run(*command.split(), "--json") == 0
    assert books.run("reconcile") == 1
