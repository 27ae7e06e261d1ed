"""Statements and receipts print which books cover them: epoch, sequence, chain and this head-end's countersignature."""

import json
from datetime import date

from host_tools.head_end import commands
from host_tools.head_end.covered import covering
from tests.host.head_end.books import TARIFF, Books, honest_story
from tests.host.head_end.simulated_gateway import NOW_S
from tests.host.head_end.test_head_end_months import DAY_S, SERIAL, Story, midnight

BANDS = {
    "bands": {
        "hours": [{"band": "peak", "from": "08:00", "to": "22:00"}], "rest": "valley", "missed_edge": "by_time", "late_read_s": 0,
    },
    "prices": {"bands": [{"name": "peak", "price": "0.8000"}, {"name": "valley", "price": "0.3000"}]},
}  # fmt: skip


def said(books: Books, capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert books.run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_statement_names_the_books_that_cover_its_last_record(books, capsys):
    honest_story(books)
    books.db.run("DELETE FROM acknowledgements")
    assert said(books, capsys, "statement", "1001")["countersignature"] is None
    assert books.run("statement", "1001") == 0 and "not yet countersigned" in capsys.readouterr().out
    ack = books.journal(1)
    told = said(books, capsys, "statement", "1001")["countersignature"]
    assert (told["epoch"], told["sequence"], told["chain"], told["countersign"]) == (ack[1], ack[2], ack[3].hex(), ack[4].hex())
    assert told["valid"] and told["sequence"] == books.gateway.sequence
    assert books.run("statement", "1001") == 0
    assert f"over epoch 1, record {ack[2]}, chain {ack[3].hex()}: {ack[4].hex()}, signature agrees" in capsys.readouterr().out


def test_books_that_were_changed_afterwards_are_said_so(books, capsys):
    honest_story(books)
    books.journal(1)
    books.db.run("UPDATE records SET chain = x'0000000000000000' WHERE sequence = ?", books.gateway.sequence)
    assert said(books, capsys, "statement", "1001")["countersignature"]["valid"] is False


def test_a_receipt_names_the_books_in_which_the_payment_stands(books, capsys):
    honest_story(books)
    assert said(books, capsys, "receipt", "ref-1")["countersignature"] == "not yet"
    ack = books.journal(1)
    told = said(books, capsys, "receipt", "ref-1")
    assert (told["receipt"], told["amount"], told["record"]) == ("applied", "5.00", 3)
    assert f"chain {ack[3].hex()}: {ack[4].hex()}, signature agrees" in told["countersignature"]
    assert books.run("receipt", "nothing") == 2
    assert capsys.readouterr().err == "reference: nothing is unknown\n"


def test_the_code_for_paper_has_all_four(books):
    honest_story(books)
    ack = books.journal(1)
    found = covering(books.db, 1, 3)
    assert found is not None and found.code == f"1-{ack[2]}-{ack[3].hex()}-{ack[4].hex()}"
    assert covering(books.db, 1, ack[2] + 1) is None


def test_a_month_by_bands_says_that_its_pre_settlement_stands(books, capsys):
    commands.set_document(books.db, "tariff", books.file("bands.json", TARIFF | BANDS | {"version": 4}), NOW_S)
    story = Story(books)
    for day in (30, 31):
        at_s = midnight(9, 29) + (day - 29) * DAY_S
        number = (date(2026, 9, 29) - date(1970, 1, 1)).days + day - 30
        begun = (date(2026, 9, 1) - date(1970, 1, 1)).days
        where = {"day": number, "month_day": begun, "period_day": begun, "used_cwh": 300 * (day - 29), "step": 0}
        story.charge(200, at_s, 4, 8000, marks=5, band=1, **where | {"used_cwh": 300 * (day - 29) - 100})
        story.charge(100, at_s, 4, 3000, marks=1, band=2, **where)
    registers = [story.at_cwh, 0, 0, 0, 0]
    books.gateway.append("MONTH", account=1001, serial=SERIAL, rates=0, settled_at_s=midnight(10, 1), from_cwh=registers)
    story.tell()
    notes = said(books, capsys, "statement", "1001", "--month", "2026-09")["notes"]
    assert notes == [
        "month 2026-09: charged by bands, which no settlement register tells: the pre-settlement of 3.80 stands,"
        " 3.80 of it by estimated shares"
    ]
    assert said(books, capsys, "statement", "1001", "--month", "2026-10")["notes"] == []
    assert said(books, capsys, "settle")["months"][0]["correction_ucu"] == 0
