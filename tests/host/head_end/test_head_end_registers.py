"""Registers that people read at a move or an exchange: one signed correction, and a segment that adds up."""

import json

import pytest

from tests.host.head_end.books import Books, honest_story

OLD, NEW = "000000000001", "000000000002"


def exchanged(books: Books) -> None:
    """The old meter was charged to 1005.01 kWh, the new one begins at 3.00 kWh."""
    honest_story(books)
    books.gateway.append("SEGMENT", account=1001, serial=bytes.fromhex(NEW)[::-1], rates=0, from_cwh=[300, 0, 0, 0, 0])
    books.journal(1)
    assert books.run("exchange", "1001", NEW) == 0


def tell(books: Books, capsys, meter: str, side: str, register: str) -> dict:
    capsys.readouterr()
    assert books.run("register", "1001", meter, side, register, "--reason", "exchange", "--json") == 0
    return json.loads(capsys.readouterr().out)


def corrections(books: Books) -> list[int]:
    rows = books.db.rows("SELECT amount_ucu FROM credits WHERE reference LIKE 'register:%' ORDER BY number")
    return [int(row[0]) for row in rows]


def test_what_the_display_shows_beyond_the_last_charge_is_charged_by_one_correction(books, capsys):
    exchanged(books)
    assert tell(books, capsys, OLD, "closing", "1012.51")["answer"] == "created"
    assert corrections(books) == [-750 * 5500]
    assert tell(books, capsys, OLD, "closing", "1012.51")["answer"] == "exists"
    tell(books, capsys, NEW, "opening", "0.00")
    assert corrections(books) == [-750 * 5500, -300 * 5500]


def test_an_exchange_leaves_the_old_meters_books_right(books, capsys):
    exchanged(books)
    books.gateway.charge(300, 310, serial=bytes.fromhex(NEW)[::-1])
    books.journal(1)
    assert books.differences() == [] and books.run("exchange", "1001", NEW) == 0
    assert "exists" in capsys.readouterr().out
    assert books.run("exchange", "1001", "12") == 2 and books.run("exchange", "1001", OLD, "--rollover", "5") == 2
    assert books.run("exchange", "4004", NEW) == 2


def test_a_register_told_wrong_is_put_right_by_the_difference(books, capsys):
    exchanged(books)
    tell(books, capsys, OLD, "closing", "1012.51")
    tell(books, capsys, OLD, "closing", "1004.01")
    assert corrections(books) == [-750 * 5500, 850 * 5500]
    assert not [one for one in books.differences() if "register of meter" in one]
    books.db.run("UPDATE credits SET amount_ucu = amount_ucu - 1 WHERE reference LIKE 'register:%:2:%'")
    assert any("closing register of meter 000000000001: correction -0.55, issued were -0.549999" in one for one in books.differences())


def test_it_stands_in_the_statement_as_a_correction(books, capsys):
    exchanged(books)
    tell(books, capsys, OLD, "closing", "1012.51")
    for body in books.sent("credits"):
        books.gateway.credit(body)
    books.journal(1)
    capsys.readouterr()
    assert books.run("statement", "1001", "--json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["total"]["corrections_ucu"] == -750 * 5500 and whole["total"]["closing_ucu"] == whole["balance_ucu"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("1001", OLD, "closing", "99999.00"), "register: 99999.00 kWh lies 98993.99 kWh from where charging stood"),
        (("1001", OLD, "closing", "1,2"), "register: must be 1 numbers by commas"),
        (("1001", OLD, "closing", "12.345"), "register: has 3 decimals"),
        (("1001", OLD, "closing", "-1"), "register: -1 is none that the meter shows"),
        (("1001", NEW, "closing", "4.00"), f"meter: {NEW} is still charged to account 1001"),
        (("1001", "000000000009", "closing", "4.00"), "meter: 000000000009 was never charged to account 1001"),
        (("4004", OLD, "closing", "4.00"), "account: 4004 is unknown"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(books, capsys, arguments, said):
    exchanged(books)
    capsys.readouterr()
    assert books.run("register", *arguments, "--reason", "x") == 2
    assert capsys.readouterr().err.startswith(said)
    assert corrections(books) == []
    assert books.run("register", "1001", OLD, "closing", "1010.00", "--reason", " ") == 2


def test_the_last_charge_of_a_meter_is_not_held_against_readings_of_the_next_one(books):
    """The reading of that charge was dropped; one of the old meter behind it still counts, whatever the new one shows."""
    exchanged(books)
    at_s = books.gateway.at_s  # of the SEGMENT; the last charge was two seconds before
    books.hear("up/readings", books.gateway.readings_of([[7, 1001, at_s, 3, 0, [301], None, 0]]))
    assert books.differences() == []
    books.hear("up/readings", books.gateway.readings_of([[8, 1001, at_s - 1, 3, 0, [100_400], None, 0]]))
    assert any("a later reading says 1004.00 kWh" in sentence for sentence in books.differences())
