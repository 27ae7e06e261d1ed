"""The month close of an account that went to another gateway within the month: one final bill over both, one correction, where it lives."""

from datetime import datetime, timedelta, timezone

import pytest

from host_tools.head_end import commands
from host_tools.head_end.months import months
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_tariffs import Tariffs
from tests.host.head_end.books import TARIFF, Books
from tests.host.head_end.two_gateways import SERIAL, Pair

LOCAL = timezone(timedelta(minutes=480))
BEGAN_CWH = 100_501  # where the pair's story of 17 March ends


def midnight(month: int, day: int) -> int:
    return int(datetime(2030, month, day, tzinfo=LOCAL).timestamp())


class Moved:
    """Charged by days at the first gateway up to 25 March, then carried to the second."""

    def __init__(self, books: Books) -> None:
        self.pair = Pair(books)
        self.books, self.at_cwh = books, BEGAN_CWH

    def charge(self, gateway, to_cwh: int, at_s: int, marks: int = 0) -> None:
        gateway.at_s = max(gateway.at_s, at_s + 120)
        gateway.charge(self.at_cwh, to_cwh, reading_at_s=at_s, cause=1, marks=marks)
        self.at_cwh = to_cwh

    def month(self, gateway, at_s: int, register_cwh: int) -> None:
        registers = [register_cwh, 0, 0, 0, 0]
        gateway.append("MONTH", account=1001, serial=SERIAL, rates=0, settled_at_s=at_s, from_cwh=registers)

    def days_at_the_first(self) -> None:
        for day in range(18, 26):
            self.charge(self.pair.a, self.at_cwh + 1_000, midnight(3, day))
        self.pair.tell(self.pair.a)

    def late_tariff(self, effective: str, price: str) -> None:
        document = TARIFF | {"version": 4, "effective": effective, "prices": {"total": price}}
        commands.set_document(self.books.db, "tariff", self.books.file("tariff_4.json", document), self.books.now_s)

    def found(self):
        return months(self.books.db, 1001, Tariffs(self.books.db).held)

    def settle(self) -> list[int]:
        assert self.books.run("settle") == 0
        rows = self.books.db.rows("SELECT amount_ucu FROM credits WHERE reference LIKE 'settlement:%' ORDER BY number")
        return [int(row[0]) for row in rows]

    def differences(self) -> list[str]:
        results, others = reconcile(self.books.db)
        return others + [sentence for result in results for sentence in result.differences]


@pytest.fixture
def moved(books: Books) -> Moved:
    return Moved(books)


def test_a_month_that_two_gateways_charged_is_one_bill_and_its_correction_goes_where_the_account_lives(moved):
    pair = moved.pair
    moved.days_at_the_first()
    pair.whole_way()
    moved.charge(pair.b, BEGAN_CWH + 17_000, midnight(4, 2), marks=2)  # eight days, no midnight split
    moved.month(pair.b, midnight(4, 1), BEGAN_CWH + 15_500)
    pair.tell(pair.b)
    (march,) = moved.found()
    assert (march.name, march.energy_cwh, march.correction_ucu, march.open) == ("2030-03", 501 + 15_500, 0, "")
    moved.late_tariff("2030-03-23", "0.5000")  # two days at the first gateway, and all of the second one's: they began behind it
    (march,) = moved.found()
    assert (march.presettled_ucu, march.correction_ucu) == ((501 + 15_500) * 5500, -(2_000 + 7_500) * 500)
    assert moved.settle() == [(2_000 + 7_500) * 500]
    assert moved.settle() == [(2_000 + 7_500) * 500], "again changes nothing"
    assert pair.sent(pair.a, "credits") == []
    (credit,) = pair.sent(pair.b, "credits")
    pair.b.credit(credit)
    pair.tell(pair.b)
    assert moved.differences() == []


def test_a_settlement_told_by_both_gateways_is_one_month(moved):
    pair = moved.pair
    moved.days_at_the_first()
    moved.month(pair.a, midnight(3, 25), moved.at_cwh)
    pair.tell(pair.a)
    pair.whole_way()
    moved.month(pair.b, midnight(3, 25), moved.at_cwh)
    moved.charge(pair.b, moved.at_cwh + 300, midnight(3, 26))
    moved.month(pair.b, midnight(3, 26), moved.at_cwh)
    pair.tell(pair.b)
    assert [(month.settled_s, month.energy_cwh, month.open) for month in moved.found()] == [
        (midnight(3, 25), 501 + 8_000, ""), (midnight(3, 26), 300, ""),
    ]  # fmt: skip
    assert moved.settle() == [] and moved.differences() == []


def test_a_month_is_open_until_the_second_gateway_has_charged_it(moved):
    pair = moved.pair
    moved.days_at_the_first()
    moved.month(pair.a, midnight(3, 25), BEGAN_CWH + 8_250)  # told, and not charged any more
    pair.tell(pair.a)
    pair.whole_way()
    (month,) = moved.found()
    assert month.open == "register 0 is charged 2.50 kWh short of the settlement"
    moved.late_tariff("2030-03-01", "0.5000")
    assert moved.settle() == []
    moved.charge(pair.b, BEGAN_CWH + 9_000, midnight(3, 26), marks=2)
    pair.tell(pair.b)
    assert moved.settle() == [(501 + 8_250) * 500]


def test_a_correction_of_an_account_on_its_way_waits_for_its_gateway(moved):
    pair = moved.pair
    moved.days_at_the_first()
    moved.month(pair.a, midnight(3, 25), moved.at_cwh)
    pair.tell(pair.a)
    assert pair.transfer() == 0
    pair.give(pair.a)
    moved.late_tariff("2030-03-24", "0.5000")
    assert moved.settle() == [1_000 * 500]
    assert pair.sent(pair.a, "credits") + pair.sent(pair.b, "credits") == []
    pair.take(pair.b)
    (credit,) = pair.sent(pair.b, "credits")
    pair.b.credit(credit)
    pair.tell(pair.b)
    assert pair.sent(pair.b, "credits") == [] and moved.settle() == [1_000 * 500]
    assert moved.differences() == []


def test_what_a_lost_gateway_charged_behind_its_books_is_in_no_bill(moved):
    pair = moved.pair
    moved.days_at_the_first()
    assert pair.transfer("gw-002", "--from-books") == 0
    pair.take(pair.b)
    moved.charge(pair.a, moved.at_cwh + 700, midnight(3, 26))
    moved.month(pair.a, midnight(3, 26), moved.at_cwh)
    pair.tell(pair.a)
    moved.at_cwh -= 700
    moved.charge(pair.b, moved.at_cwh + 900, midnight(3, 26))
    moved.month(pair.b, midnight(3, 26), moved.at_cwh)
    pair.tell(pair.b)
    (month,) = moved.found()
    assert (month.energy_cwh, month.presettled_ucu, month.correction_ucu) == (501 + 8_900, (501 + 8_900) * 5500, 0)
