"""What a gateway cannot send any more, or sends malformed: named, passed over, and never asked for without end."""

from typing import Any

import cbor2
import pytest

from tests.host.head_end.simulated_gateway import NOW_S


def item(number: Any, register: Any = 100_000) -> list[Any]:
    return [number, 1001, NOW_S, 3, 0, [register], None, 0]


def readings(*items: Any, live: bool = False) -> bytes:
    return cbor2.dumps({1: live, 2: list(items)}, canonical=True)


@pytest.mark.parametrize(
    "bad", (item(2, "x"), item(2, -1), item(2, 1.5), item(2)[:7], item(2) + [0], item("2"), item(True), item(2**32), None, [], {}, 7)
)
def test_one_malformed_reading_costs_no_other_and_holds_up_nothing(books, bad):
    ack = books.hear("up/readings", readings(item(1), bad, item(3)))
    assert (ack[5], ack[10]) == (3, None)
    assert [row[0] for row in books.db.rows("SELECT number FROM readings ORDER BY number")] == [1, 3]
    assert books.counter("bad_reading") == 1
    (told,) = books.db.rows("SELECT sentence FROM reports WHERE what = 'bad_reading'")
    assert "reading 2" in told[0]


def test_malformed_readings_at_the_edges_of_a_message_are_passed_over(books):
    assert books.hear("up/readings", readings([], item(2)))[5] == 2
    assert books.hear("up/readings", readings(item(3), None))[5] == 4
    assert books.hear("up/readings", readings(item(5)))[5] == 5
    assert books.counter("bad_reading") == 2


def test_a_message_of_nothing_but_malformed_readings_is_counted_and_answered(books):
    ack = books.hear("up/readings", readings(item(1, "x"), item(2, "x")))
    assert ack[5] == 2 and books.counter("bad_reading") == 2
    assert books.hear("up/readings", readings(None))[5] == 2, "no number can be told: it is asked for again"


def test_a_live_malformed_reading_is_awaited_in_its_turn(books):
    assert books.hear("up/readings", readings(item(5, "x"), live=True))[5] == 0
    assert books.hear("up/readings", readings(*(item(number) for number in range(1, 6))))[5] == 5
    assert books.db.number("SELECT count(*) FROM readings") == 5


def test_a_malformed_copy_of_a_reading_that_is_held_changes_nothing(books):
    books.hear("up/readings", readings(item(1)))
    assert books.hear("up/readings", readings(item(1, "x")))[5] == 1
    assert books.db.number("SELECT count(*) FROM gaps") == 0
