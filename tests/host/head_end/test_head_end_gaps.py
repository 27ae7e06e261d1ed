"""What a gateway cannot send any more, or sends malformed: named, passed over, and never asked for without end."""

from typing import Any

import cbor2
import pytest

from tests.host.head_end.books import honest_story
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
    assert books.db.number("SELECT count(*) FROM gaps") == 0
    assert books.hear("up/readings", readings(*(item(number) for number in range(1, 6))))[5] == 5
    assert books.db.number("SELECT count(*) FROM readings") == 5


def test_a_malformed_copy_of_a_reading_that_is_held_changes_nothing(books):
    books.hear("up/readings", readings(item(1)))
    assert books.hear("up/readings", readings(item(1, "x")))[5] == 1
    assert books.db.number("SELECT count(*) FROM gaps") == 0


# records and readings that the gateway pruned before this database had them


def long_life(books) -> None:
    """A gateway whose first records are gone: what it has begins with a snapshot."""
    gateway = books.gateway
    gateway.begin()
    gateway.append("CREDIT", account=1001, issuer=1, number=4, amount_ucu=9_000_000, total_ucu=20_000_000)
    gateway.charge(100_000, 100_010)
    gateway.snapshot(1001, from_cwh=100_000, charged_cwh=100_010, issuers=[(1, 4, 20_000_000)], acked=3, readings=40)
    gateway.charge(100_010, 100_020)


def test_what_the_gateway_says_is_gone_is_named_and_passed_over(books, capsys):
    long_life(books)
    ack = books.journal(5, gone_from=1)
    assert (ack[1], ack[2], ack[3], ack[8], ack[9]) == (1, books.gateway.sequence, books.gateway.chain, 0, None)
    assert books.counter("records_lost") == 1
    assert books.run("gateways") == 0
    assert "1-4" in capsys.readouterr().out
    books.gateway.charge(100_020, 100_030)
    assert books.journal(books.gateway.sequence)[2] == books.gateway.sequence, "the books go on"


def test_no_number_of_answers_that_lost_their_beginning_gives_a_record_up(books):
    long_life(books)
    for number in range(40):
        assert books.journal(5 if number % 4 else 6, after_s=3)[9] == 1
    assert books.db.number("SELECT count(*) FROM gaps") == 0
    assert books.journal(1, after_s=3)[2] == books.gateway.sequence


@pytest.mark.parametrize("gone_from", (2, 4))
def test_a_beginning_that_is_gone_only_in_part_is_asked_for(books, gone_from):
    long_life(books)
    assert books.journal(5, gone_from=gone_from)[9] == 1 and books.db.number("SELECT count(*) FROM gaps") == 0
    books.journal(1, gone_from - 1)
    assert books.journal(5, gone_from=gone_from)[2] == books.gateway.sequence
    assert books.db.row("SELECT first, last FROM gaps")[:] == (gone_from, 4)


def test_what_is_gone_and_held_here_changes_nothing(books):
    long_life(books)
    books.journal(1)
    assert books.journal(5, gone_from=1)[2] == books.gateway.sequence and books.db.number("SELECT count(*) FROM gaps") == 0


@pytest.mark.parametrize("bad", (0, -1, "1", True, 2**32, [1]))
def test_a_malformed_word_about_what_is_gone_is_counted(books, bad):
    long_life(books)
    books.journal(5, gone_from=bad)
    assert books.counter("bad_fields") == 1 and books.db.number("SELECT count(*) FROM records") == 0


def test_what_is_missing_is_asked_for_again_without_waiting_for_news(books):
    long_life(books)
    books.journal(5)
    assert [ack[9] for ack in books.sent("acks", 3_000)] == [1]
    assert books.sent("acks", 100) == [] and [ack[9] for ack in books.sent("acks", 60_000)] == [1]
    books.journal(1)
    assert books.sent("acks", 60_000) == []


def test_books_that_begin_behind_a_gap_are_reconciled_from_the_snapshot(books, capsys):
    long_life(books)
    books.journal(5, gone_from=1)
    assert books.differences() == []
    assert books.run("reconcile") == 0
    assert "records 1 to 4" in capsys.readouterr().out
    books.gateway.charge(100_020, 100_030, error_ucu=1)
    books.journal(books.gateway.sequence)
    assert any("difference 1 ucu" in said for said in books.differences())


def test_a_payment_after_the_database_was_lost_goes_on_behind_the_gateways_number(books):
    long_life(books)
    books.journal(5, gone_from=1)
    books.run("topup", "1001", "5.00", "--reference", "new")
    (body,) = books.sent("credits")
    assert (body[3], body[4], body[5]) == (5, 5_000_000, 25_000_000)
    books.gateway.credit(body)
    books.journal(books.gateway.sequence)
    assert books.receipt(5) == "applied" and books.differences() == []


def test_a_payment_booked_before_the_gateway_was_heard_is_renumbered_behind_its_own(books):
    books.run("topup", "1001", "5.00", "--reference", "early")
    books.run("topup", "1001", "2.00", "--reference", "early-2")
    long_life(books)
    books.journal(5, gone_from=1)
    bodies = books.sent("credits", 60_000)
    assert [(body[3], body[5]) for body in bodies] == [(5, 25_000_000), (6, 27_000_000)]
    for body in bodies:
        books.gateway.credit(body)
    books.journal(books.gateway.sequence - 1)
    assert books.receipt(6) == "applied" and books.differences() == []


def test_no_state_is_given_from_books_that_do_not_reach_back_to_the_account(books, capsys):
    books.gateway.begin()
    books.gateway.charge(100_000, 100_010)
    assert books.run("gateway", "give-state", "gw-001") == 2, "nothing is held at all"
    books.journal(3, gone_from=1)
    assert books.run("gateway", "give-state", "gw-001") == 2
    assert "1001" in capsys.readouterr().err
    books.gateway.snapshot(1001, from_cwh=100_000, charged_cwh=100_010, issuers=[], acked=3, readings=0)
    books.journal(4)
    assert books.run("gateway", "give-state", "gw-001") == 0


def test_pruned_readings_are_passed_over_only_as_far_as_a_head_end_once_had_them(books):
    long_life(books)
    books.journal(5, gone_from=1)  # its ACKED says 40 readings
    asked = [books.hear("up/readings", readings(item(60)), after_s=3)[10] for _ in range(6)]
    assert asked[:3] == [1, 1, 1] and asked[-1] == 41
    assert books.db.number("SELECT readings_held FROM gateways") == 40
    assert books.counter("readings_lost") == 1
    books.gateway.append("READINGS_GAP", first=41, last=59)
    books.journal(books.gateway.sequence)
    assert books.hear("up/readings", readings(item(61)), after_s=3)[5] == 61


# a database that was restored from yesterday


def restored(books) -> None:
    """The gateway has two credits and a charge that this database never saw, all acknowledged."""
    honest_story(books)
    books.journal(1)
    books.gateway.append("CREDIT", account=1001, issuer=1, number=3, amount_ucu=1_000_000, total_ucu=11_000_000)
    books.gateway.append("CREDIT", account=1001, issuer=1, number=4, amount_ucu=2_000_000, total_ucu=13_000_000)
    books.gateway.charge(100_501, 100_502)


def test_payments_at_a_restored_database_wait_for_what_was_acknowledged_before(books):
    restored(books)
    for number in range(4):
        books.run("topup", "1001", "0.50", "--reference", f"new-{number}")
    ack = books.hear("up/status", books.gateway.status_payload())
    assert (ack[7], ack[8]) == (books.gateway.challenge(), 0)
    assert books.sent("credits", 5_000) == [], "numbers 3 to 6 with totals from 10.50 to 12.00 would take 1.00 away"
    assert books.counter("restored") == 1
    books.journal(8)
    bodies = books.sent("credits", 5_000)
    assert [(body[3], body[5]) for body in bodies] == [(5, 13_500_000), (6, 14_000_000), (7, 14_500_000), (8, 15_000_000)]
    books.gateway.credit(bodies[-1])
    books.journal(books.gateway.sequence)
    assert books.receipt(5) == books.receipt(8) == "applied"
    assert [said for said in books.differences() if "not issued here" in said], "what nobody can account for stays named"


def test_a_status_can_delay_a_payment_but_not_stop_it(books):
    honest_story(books)
    books.journal(1)
    books.run("topup", "1001", "0.50", "--reference", "new")
    books.hear("up/status", books.gateway.status_payload(_3=5_000))  # somebody else said so
    assert books.sent("credits", 5_000) == []
    books.later(61)
    assert len(books.sent("credits", 0)) == 1


def test_a_backlog_that_nobody_acknowledged_delays_no_payment(books):
    honest_story(books)
    books.journal(1)
    for step in range(20):
        books.gateway.charge(100_501 + step, 100_502 + step)
    books.run("topup", "1001", "0.50", "--reference", "new")
    books.hear("up/status", books.gateway.status_payload(_9=20))
    assert len(books.sent("credits", 100)) == 1
