"""How soon after a payment the light was back: by records of a gateway, through the command line."""

import json

import pytest

from host_tools.head_end import commands, restore_times
from tests.host.head_end.books import Books
from tests.host.head_end.simulated_gateway import NOW_S

CUT, RESTORE = 1, 2
FLOOR, AMOUNT, CONDITION = 1, 2, 3
ORDERED, GIVEN_UP, VERIFIED = 1, 7, 5
CLOSED, OPEN, ARMED = 1, 2, 3
SERIAL = bytes.fromhex("000000000001")[::-1]
DECISION = dict.fromkeys(
    ("failed", "available_ucu", "floor_ucu", "register_cwh", "reading_at_s", "policy", "policy_version", "tariff", "tariff_version",
     "order", "episode", "notice_at_s"), 0,
)  # fmt: skip


@pytest.fixture
def books(tmp_path):
    made = Books(tmp_path)
    made.gateway.begin()
    return made


def decided(books, at_s, verdict, reason):
    books.gateway.at_s = NOW_S + at_s - 1
    books.gateway.append("DECISION", account=1001, verdict=verdict, reason=reason, **DECISION)


def relay(books, at_s, phase, seen=None):
    books.gateway.at_s = NOW_S + at_s - 1
    if seen is not None:
        books.gateway.at_s -= 1
        books.gateway.append("SEEN", account=1001, seen=seen, status_word=0)
    books.gateway.append("RELAY", account=1001, serial=SERIAL, action=RESTORE, phase=phase, word=0, detail=0)


def paid(books, number, booked_s, taken_s):
    commands.top_up(books.db, "1001", "5.00", f"ref-{number}", NOW_S + booked_s)
    books.gateway.at_s = NOW_S + taken_s - 1
    total = 5_000_000 * number
    books.gateway.append("CREDIT", account=1001, issuer=1, number=number, amount_ucu=5_000_000, total_ucu=total)


def told(books, **over):
    books.journal(1)
    asked = {"account": None, "days": 30, "now_s": NOW_S + 10_000} | over
    return [restore.as_row() for restore in restore_times.restores(books.db, *asked.values())]


def test_from_the_booking_to_the_relay_read_back(books):
    paid(books, 1, 0, 2)  # while supply is on: it brings no restore
    decided(books, 100, CUT, FLOOR)
    paid(books, 2, 200, 203)
    decided(books, 204, RESTORE, AMOUNT)
    relay(books, 205, ORDERED)
    relay(books, 211, VERIFIED, CLOSED)
    (row,) = told(books)
    assert (row["reference"], row["way_s"], row["relay_s"], row["total_s"], row["state"]) == ("ref-2", 3, 8, 11, "light")
    assert restore_times.figures(restore_times.restores(books.db, None, 30, NOW_S))[1:] == [
        "payment booked here to light: half within 11 s, 95 of 100 within 11 s, the longest 11 s (1 known)",
        "of it at the gateway: half within 8 s, 95 of 100 within 8 s, the longest 8 s (1 known)",
    ]


def test_a_meter_with_a_button_ends_with_the_button_and_one_that_gives_up_is_named(books):
    decided(books, 100, CUT, FLOOR)
    paid(books, 1, 200, 201)
    decided(books, 202, RESTORE, AMOUNT)
    relay(books, 206, VERIFIED, ARMED)
    assert [(row["relay_s"], row["button_s"], row["state"]) for row in told(books)] == [(5, None, "waits for the button")]
    relay(books, 250, VERIFIED, ARMED)  # looked at again
    books.gateway.at_s = NOW_S + 300
    books.gateway.append("SEEN", account=1001, seen=CLOSED, status_word=0)
    decided(books, 400, CUT, FLOOR)
    paid(books, 2, 500, 501)
    decided(books, 502, RESTORE, AMOUNT)
    relay(books, 540, GIVEN_UP)
    assert [(row["relay_s"], row["button_s"], row["state"]) for row in told(books)] == [(5, 100, "light"), (None, None, "not obeyed")]
    relay(books, 901, VERIFIED, CLOSED)
    assert told(books)[1]["relay_s"] == 400


def test_a_restore_for_another_reason_is_none_and_one_that_is_cut_again_says_so(books):
    decided(books, 100, CUT, FLOOR)
    decided(books, 110, RESTORE, CONDITION)
    relay(books, 112, VERIFIED, CLOSED)
    assert told(books) == []
    decided(books, 200, CUT, FLOOR)
    paid(books, 1, 300, 301)
    decided(books, 302, RESTORE, AMOUNT)
    paid(books, 2, 303, 304)  # too late to have brought that one, and before the next cut
    decided(books, 310, CUT, FLOOR)
    decided(books, 320, RESTORE, AMOUNT)  # no credit came: the policy asks for less
    relay(books, 321, VERIFIED, CLOSED)
    first, second = told(books)
    assert (first["state"], first["relay_s"]) == ("cut again before", None)
    assert (second["reference"], second["way_s"], second["relay_s"], second["state"]) == (None, None, 1, "light")


def test_half_and_95_of_100_are_those_of_the_sorted_values():
    found = [restore_times.Restore(1, "gw", 1, way_s=1, relay_s=one, state="light") for one in range(100, 0, -1)]
    assert restore_times.figures([*found, restore_times.Restore(1, "gw", 1)]) == [
        "101 restores by payment, 100 done, 1 not yet",
        "payment booked here to light: half within 51 s, 95 of 100 within 96 s, the longest 101 s (100 known)",
        "of it at the gateway: half within 50 s, 95 of 100 within 95 s, the longest 100 s (100 known)",
    ]


def test_an_unknown_clock_gives_no_figure_and_old_restores_are_left_out(books):
    decided(books, 100, CUT, FLOOR)
    books.gateway.quality = 0
    paid(books, 1, 200, 201)
    books.gateway.quality = 3
    decided(books, 202, RESTORE, AMOUNT)
    relay(books, 206, VERIFIED, CLOSED)
    assert [(row["way_s"], row["relay_s"], row["state"]) for row in told(books)] == [(None, 4, "light")]
    assert told(books, days=1, now_s=NOW_S + 202 + 86_400) != []
    assert told(books, days=1, now_s=NOW_S + 203 + 86_400) == []
    decided(books, 300, CUT, FLOOR)
    decided(books, -NOW_S, RESTORE, AMOUNT)  # nobody knows when: it is not old
    assert [row["state"] for row in told(books, days=1, now_s=NOW_S + 203 + 86_400)] == ["under way"]


def test_the_command_prints_rows_and_figures_and_refuses_by_name(books, capsys):
    decided(books, 100, CUT, FLOOR)
    paid(books, 1, 200, 201)
    decided(books, 202, RESTORE, AMOUNT)
    relay(books, 206, VERIFIED, CLOSED)
    books.journal(1)
    assert books.run("restore-times", "--days", "3660") == 0
    said = capsys.readouterr().out
    assert "ref-1" in said and "the longest 6 s" in said
    assert books.run("--json", "restore-times", "1001", "--days", "3660") == 0
    assert json.loads(capsys.readouterr().out)["restores"][0]["total_s"] == 6
    for words, sentence in ((("1002",), "account: 1002"), (("--days", "0"), "days: must be from 1 to 3660, got 0")):
        assert books.run("restore-times", *words) == 2
        assert sentence in capsys.readouterr().err
