"""The month close and the statement: the final bill on settlement registers, one signed correction, and lines that add up."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from host_tools.head_end import commands
from host_tools.head_end.months import months
from host_tools.head_end.reconcile_tariffs import Tariffs
from tests.host.head_end.books import TARIFF, Books

DAY_S = 86_400
LOCAL = timezone(timedelta(minutes=480))
SERIAL = bytes.fromhex("000000000001")[::-1]


def midnight(month: int, day: int) -> int:
    return int(datetime(2026, month, day, tzinfo=LOCAL).timestamp())


class Story:
    """One account that begins on 29 September at 1000.00 kWh; each step is journalled two minutes after it."""

    def __init__(self, books: Books) -> None:
        self.books, self.gateway = books, books.gateway
        self.gateway.at_s = midnight(9, 29) + 3600
        self.gateway.begin()
        self.at_cwh = 100_000

    def charge(self, passed_cwh: int, at_s: int, version: int = 3, price: int = 5500, marks: int = 0, **other: int) -> None:
        self.gateway.at_s = max(self.gateway.at_s, at_s + 120)
        start, self.at_cwh = self.at_cwh, (self.at_cwh + passed_cwh) % 100_000_000
        self.gateway.charge(start, self.at_cwh, price=price, version=version, reading_at_s=at_s, cause=1, marks=marks, **other)

    def month(self, at_s: int, register_cwh: int | None = None) -> None:
        registers = [self.at_cwh if register_cwh is None else register_cwh, 0, 0, 0, 0]
        self.gateway.append("MONTH", account=1001, serial=SERIAL, rates=0, settled_at_s=at_s, from_cwh=registers)

    def tariff(self, version: int, effective: str, price: str) -> None:
        document = TARIFF | {"version": version, "effective": effective, "prices": {"total": price}}
        commands.set_document(self.books.db, "tariff", self.books.file(f"tariff_{version}.json", document), self.gateway.at_s)

    def tell(self) -> None:
        self.books.journal(1)

    def settle(self) -> list[int]:
        """What is issued -> amounts of all corrections that there are now."""
        assert self.books.run("settle") == 0
        rows = self.books.db.rows("SELECT amount_ucu FROM credits WHERE reference LIKE 'settlement:%' ORDER BY number")
        return [int(row[0]) for row in rows]

    def books_of_months(self):
        return months(self.books.db, 1001, Tariffs(self.books.db).held)


def october(story: Story) -> None:
    """Two days of September, October by days, all from freezes."""
    for day in (30, 31):
        story.charge(200, midnight(9, 29) + (day - 29) * DAY_S)
    story.month(midnight(10, 1))
    for day in range(2, 33):
        story.charge(1_000, midnight(10, 1) + (day - 1) * DAY_S)
    story.month(midnight(11, 1))


def test_a_month_whose_days_were_charged_from_freezes_needs_no_correction(books):
    story = Story(books)
    october(story)
    story.charge(77, midnight(11, 2))
    story.tell()
    september, month = story.books_of_months()
    assert (september.name, september.energy_cwh, september.correction_ucu, september.open) == ("2026-09", 400, 0, "")
    assert (month.name, month.energy_cwh, month.bill_ucu, month.correction_ucu) == ("2026-10", 31_000, 31_000 * 5500, 0)
    assert story.settle() == [] and books.differences() == []


def test_a_charge_over_the_settlement_instant_is_divided_at_the_true_register(books):
    story = Story(books)
    story.tariff(4, "2026-10-01", "0.7500")
    story.charge(1_000, midnight(10, 2), marks=2)  # two days, the midnight of the first of October unsplit, at September's price
    story.month(midnight(10, 1), 100_000 + 300)
    story.charge(2_000, midnight(11, 1), 4, 7500)
    story.month(midnight(11, 1))
    story.tell()
    september, month = story.books_of_months()
    assert (september.energy_cwh, september.bill_ucu, september.correction_ucu) == (300, 300 * 5500, 0)
    assert (month.energy_cwh, month.bill_ucu) == (2_700, 2_700 * 7500)
    assert month.correction_ucu == 700 * 2000
    assert story.settle() == [-700 * 2000]
    assert story.settle() == [-700 * 2000], "again changes nothing"
    (credit,) = books.sent("credits")
    assert credit[4] == -700 * 2000
    story.gateway.credit(credit)
    story.tell()
    assert books.differences() == []


def test_a_tariff_that_comes_late_is_rebilled_and_a_later_one_issues_the_difference_only(books):
    story = Story(books)
    october(story)
    story.tell()
    story.tariff(4, "2026-10-22", "0.5000")
    assert story.settle() == [10 * 1_000 * 500]
    story.tariff(5, "2026-10-31", "0.6000")
    assert story.settle() == [10 * 1_000 * 500, -1_000 * 1000]
    assert [month.correction_ucu == month.issued_ucu for month in story.books_of_months()] == [True, True]


def test_a_correction_that_its_gateway_refused_is_sent_again_and_not_issued_besides(books):
    story = Story(books)
    october(story)
    story.tell()
    story.tariff(4, "2026-10-22", "0.5000")
    assert story.settle() == [10 * 1_000 * 500]
    (body,) = books.sent("credits")
    fields = {"account": 1001, "issuer": 1, "number": body[3], "amount_ucu": body[4], "total_ucu": body[5]}
    story.gateway.append("CREDIT_REFUSED", **fields, reason=1)
    story.tell()
    assert books.receipt(1) == "refused" and books.sent("credits", 100_000) == []
    assert story.settle() == [10 * 1_000 * 500] and books.receipt(1) == "pending"
    (body,) = books.sent("credits", 100_000)
    story.gateway.credit(body)
    story.tell()
    assert (story.settle(), books.receipt(1), books.differences()) == ([10 * 1_000 * 500], "applied", [])


def test_reconcile_notes_a_correction_that_waits_and_names_a_wrong_one(books):
    story = Story(books)
    october(story)
    story.tell()
    story.tariff(4, "2026-10-22", "0.5000")
    assert books.run("reconcile") == 0
    story.settle()
    books.db.run("UPDATE credits SET amount_ucu = amount_ucu + 1, total_ucu = total_ucu + 1")
    assert any("correction -5.00, issued were -5.000001" in sentence for sentence in books.differences())


def test_a_month_is_not_closed_while_its_energy_is_not_charged(books):
    story = Story(books)
    story.charge(200, midnight(9, 30))
    story.month(midnight(10, 1), 100_450)
    story.tell()
    (month,) = story.books_of_months()
    assert month.open == "register 0 is charged 2.50 kWh short of the settlement"
    assert story.settle() == [] and books.run("reconcile") == 0


def test_a_register_that_starts_again_in_the_month_is_no_matter(books):
    books.gateway.at_s = midnight(9, 29)
    story = Story.__new__(Story)
    story.books, story.gateway, story.at_cwh = books, books.gateway, 99_999_000
    books.gateway.begin(from_cwh=99_999_000)
    story.charge(500, midnight(10, 1))
    story.month(midnight(10, 1))
    story.charge(1_500, midnight(11, 1))
    story.month(midnight(11, 1))
    story.month(midnight(11, 1))
    story.tell()
    assert [month.energy_cwh for month in story.books_of_months()] == [500, 1_500]


def test_energy_that_fell_into_the_wrong_month_moves_through_the_right_steps(books):
    """Ten kWh a month at 0.50, 0.90 above; 20 kWh ran over the first of October at September's position, 12 of them were used before."""
    story = Story(books)
    steps = {"over": "month", "thresholds": [{"kwh": ["10"]}]}
    document = TARIFF | {"version": 4, "prices": {"steps": ["0.5000", "0.9000"]}, "steps": steps}
    commands.set_document(books.db, "tariff", books.file("tariff_4.json", document), story.gateway.at_s)
    epoch = datetime(1970, 1, 1)

    def step(used_cwh: int, at_s: int, price: int, number: int, day: datetime, behind_cwh: int, marks: int = 0) -> None:
        begin = (day.replace(day=1) - epoch).days
        place = {"day": (day - epoch).days, "month_day": begin, "period_day": begin, "used_cwh": behind_cwh, "band": 0, "step": number}
        story.charge(used_cwh, at_s, 4, price, marks, **place)

    step(1_000, midnight(10, 2), 5000, 0, datetime(2026, 9, 29), 1_000, 6)
    step(1_000, midnight(10, 2), 9000, 1, datetime(2026, 9, 29), 2_000, 2)
    story.month(midnight(10, 1), 100_000 + 1_200)
    step(500, midnight(11, 1), 5000, 0, datetime(2026, 10, 2), 500)
    story.month(midnight(11, 1))
    story.tell()
    september, month = story.books_of_months()
    assert (september.bill_ucu, september.correction_ucu) == (1_000 * 5000 + 200 * 9000, 0)
    assert month.bill_ucu == 1_000 * 5000 + 300 * 9000
    assert month.correction_ucu == 300 * 4000 - 800 * 4000


def test_written_off_energy_is_in_no_bill(books):
    story = Story(books)
    story.charge(500, midnight(10, 1))
    story.month(midnight(10, 1))
    fields = {"account": 1001, "serial": SERIAL, "why": 0, "rate": 0}
    story.gateway.append("HELD", **fields, register_cwh=story.at_cwh + 900, last_cwh=story.at_cwh)
    story.at_cwh += 900
    story.charge(100, midnight(11, 1))
    story.month(midnight(11, 1))
    story.tell()
    month = story.books_of_months()[1]
    assert (month.energy_cwh, month.correction_ucu, month.notes) == (100, 0, ["9.00 kWh of register 0 were written off"])


def test_no_payment_may_look_like_a_correction(books, capsys):
    assert books.run("topup", "1001", "5.00", "--reference", "settlement:1001:1:1") == 2
    assert "reference: must not begin with settlement: or register:" in capsys.readouterr().err


# the statement


def told(books, capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert books.run("statement", "1001", *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def paid(story: Story, amount: str, reference: str, at_s: int) -> None:
    commands.top_up(story.books.db, "1001", amount, reference, at_s)
    story.tell()
    story.gateway.at_s = at_s
    for body in story.books.sent("credits"):
        story.gateway.credit(body)


def test_the_statement_adds_up_to_the_balance_and_files_a_day_by_its_energy(books, capsys):
    story = Story(books)
    paid(story, "50.00", "a", midnight(9, 29) + 7200)
    october(story)
    paid(story, "20.00", "b", midnight(11, 1) + 600)
    story.charge(400, midnight(11, 3), marks=2)
    story.tell()
    whole = told(books, capsys)
    assert [line["period"] for line in whole["lines"]] == ["2026-09", "2026-10", "2026-11"]
    assert [line["energy_cwh"] for line in whole["lines"]] == [{"0": 400}, {"0": 31_000}, {"0": 400}]
    assert [line["credits_ucu"] for line in whole["lines"]] == [50_000_000, 0, 20_000_000]
    assert whole["lines"][2]["estimated_ucu"] == 400 * 5500
    for before, after in zip(whole["lines"], whole["lines"][1:], strict=False):
        assert before["closing_ucu"] == after["opening_ucu"]
    assert whole["total"]["closing_ucu"] == whole["balance_ucu"] == 70_000_000 - 31_800 * 5500
    month = told(books, capsys, "--month", "2026-10")
    assert len(month["lines"]) == 31 and month["total"] == whole["lines"][1] | {"period": "2026-10"}
    assert (month["lines"][0]["period"], month["lines"][-1]["period"]) == ("2026-10-01", "2026-10-31")


def test_a_correction_stands_in_a_column_of_its_own(books, capsys):
    story = Story(books)
    october(story)
    story.tell()
    story.tariff(4, "2026-10-22", "0.5000")
    story.settle()
    for body in books.sent("credits"):
        story.gateway.credit(body)
    story.tell()
    whole = told(books, capsys)
    assert (whole["total"]["credits_ucu"], whole["total"]["corrections_ucu"]) == (0, 5_000_000)
    assert whole["total"]["closing_ucu"] == whole["balance_ucu"] and whole["notes"] == []


def test_a_statement_of_an_empty_month_opens_and_closes_with_the_same(books, capsys):
    story = Story(books)
    october(story)
    story.tell()
    empty = told(books, capsys, "--month", "2027-01")
    assert empty["lines"] == [] and empty["total"]["opening_ucu"] == empty["total"]["closing_ucu"] == -31_400 * 5500


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "october", "", "1999-01"])
def test_a_month_that_is_none_gets_one_sentence(books, capsys, month):
    assert books.run("statement", "1001", "--month", month) == 2
    assert capsys.readouterr().err.startswith("month: must be a month such as 2026-10, got")


def test_tables_for_people(books, capsys):
    story = Story(books)
    october(story)
    story.tell()
    assert books.run("statement", "1001", "--month", "2026-10") == 0
    assert books.run("settle") == 0
    said = capsys.readouterr().out
    assert "2026-10-31" in said and "170.50" in said and "final bill" in said
    assert books.run("statement", "4004") == 2
