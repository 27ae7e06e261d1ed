"""The month close of a meter with rate registers: each rate at its own settlement register, and steps over all of them together."""

from datetime import date, datetime, timedelta, timezone

import pytest

from host_tools.head_end import commands
from host_tools.head_end.months import months
from host_tools.head_end.reconcile_tariffs import Tariffs
from tests.host.head_end.books import TARIFF

LOCAL = timezone(timedelta(minutes=480))
SERIAL = bytes.fromhex("000000000001")[::-1]
PRICES = {"rates": ["0.5000", "0.2500"]}
FROM_CWH = [3_000, 1_000, 2_000]  # total, rate 1, rate 2


def midnight(month: int, day: int) -> int:
    return int(datetime(2026, month, day, tzinfo=LOCAL).timestamp())


class Rated:
    """An account of two rates that begins on 29 September."""

    def __init__(self, books) -> None:
        self.books, self.gateway = books, books.gateway
        self.gateway.at_s = midnight(9, 29) + 3600
        self.gateway.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
        self.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=2, from_cwh=FROM_CWH + [0, 0])
        self.stands = list(FROM_CWH)

    def tariff(self, version: int, effective: str = "2026-01-01", **changes) -> None:
        document = TARIFF | {"version": version, "effective": effective, "prices": PRICES} | changes
        commands.set_document(self.books.db, "tariff", self.books.file(f"{version}.json", document), self.gateway.at_s)

    def charge(self, at_s: int, *lines, marks: int = 0) -> None:
        """One reading; a line is (rate, how far, price), with steps also (step, used behind it, first day of the period)."""
        self.gateway.at_s = max(self.gateway.at_s, at_s + 120)
        for number, (rate, passed_cwh, price, *place) in enumerate(lines, 1):
            start, self.stands[rate] = self.stands[rate], self.stands[rate] + passed_cwh
            more = {}
            if place:
                step, used_cwh, begun = place
                begin = begun.toordinal() - 719_163
                more = {"day": begin, "month_day": begin, "period_day": begin, "used_cwh": used_cwh, "band": 0, "step": step}
            follows = 4 if place and number < len(lines) else 0
            self.gateway.charge(
                start, self.stands[rate], price=price, rate=rate, version=4, reading_at_s=at_s, cause=1, marks=marks | follows, **more
            )

    def month(self, at_s: int, rate1: int, rate2: int) -> None:
        registers = [rate1 + rate2, rate1, rate2, 0, 0]
        self.gateway.append("MONTH", account=1001, serial=SERIAL, rates=2, settled_at_s=at_s, from_cwh=registers)

    def months(self):
        self.books.journal(1)
        return months(self.books.db, 1001, Tariffs(self.books.db).held)

    def settle(self) -> list[int]:
        assert self.books.run("settle") == 0
        rows = self.books.db.rows("SELECT amount_ucu FROM credits WHERE reference LIKE 'settlement:%' ORDER BY number")
        return [int(row[0]) for row in rows]


@pytest.fixture
def rated(books):
    return Rated(books)


def test_a_charge_over_the_settlement_instant_is_divided_at_the_register_of_each_rate(rated):
    rated.tariff(4)
    rated.tariff(5, "2026-10-01", prices={"rates": ["0.9000", "0.1000"]})
    rated.charge(midnight(10, 2), (1, 1_000, 5000), (2, 2_000, 2500), marks=2)  # three days, no midnight split
    rated.month(midnight(10, 1), 1_300, 3_900)
    rated.month(midnight(10, 2), 2_000, 4_000)
    september, october = rated.months()
    assert (september.energy_cwh, september.bill_ucu) == (2_200, 300 * 5000 + 1_900 * 2500)
    assert (september.correction_ucu, september.open) == (0, "")
    assert (october.energy_cwh, october.presettled_ucu) == (800, 700 * 5000 + 100 * 2500)
    assert october.bill_ucu == 700 * 9000 + 100 * 1000
    assert rated.settle() == [-(700 * 4000 - 100 * 1500)]


def test_a_month_is_open_until_every_rate_is_charged_up_to_its_register(rated):
    rated.tariff(4)
    rated.charge(midnight(9, 30), (1, 1_000, 5000), (2, 2_000, 2500))
    rated.month(midnight(10, 1), 2_000, 4_100)
    (month,) = rated.months()
    assert month.open == "register 2 is charged 1.00 kWh short of the settlement" and rated.settle() == []


def test_steps_of_a_month_begin_anew_at_the_settlement_registers_of_all_rates(rated):
    """Fifteen kWh, then 0.10 more; 30 kWh ran over the first of October at September's position."""
    rated.tariff(4, steps={"over": "month", "thresholds": [{"kwh": ["15"]}], "surcharges": ["0.0000", "0.1000"]})
    september = date(2026, 9, 1)
    lines = ((1, 1_000, 5000, 0, 1_000, september), (2, 500, 2500, 0, 1_500, september), (2, 1_500, 3500, 1, 3_000, september))
    rated.charge(midnight(10, 2), *lines, marks=2)
    rated.month(midnight(10, 1), 1_300, 3_900)
    rated.month(midnight(10, 2), 2_000, 4_000)
    before, behind = rated.months()
    assert before.bill_ucu == 300 * 5000 + 1_200 * 2500 + 700 * 3500
    assert before.presettled_ucu == 300 * 5000 + 500 * 2500 + 1_400 * 3500
    assert behind.bill_ucu == 700 * 5000 + 100 * 2500, "nothing is used of October's steps yet"
    assert rated.settle() == [700 * 1000, 100 * 1000]


def test_steps_of_a_year_go_on_where_the_month_before_was_closed(rated):
    rated.tariff(4, steps={"over": "year", "thresholds": [{"kwh": ["15"]}], "surcharges": ["0.0000", "0.1000"]})
    year = date(2026, 1, 1)
    lines = ((1, 1_000, 5000, 0, 1_000, year), (2, 500, 2500, 0, 1_500, year), (2, 1_500, 3500, 1, 3_000, year))
    rated.charge(midnight(10, 2), *lines, marks=2)
    rated.month(midnight(10, 1), 1_300, 3_900)
    rated.month(midnight(10, 2), 2_000, 4_000)
    before, behind = rated.months()
    assert before.bill_ucu == 300 * 5000 + 1_200 * 2500 + 700 * 3500
    assert behind.bill_ucu == 700 * 6000 + 100 * 3500, "22 kWh of the year were used by then, of both rates"
    assert before.bill_ucu + behind.bill_ucu == 1_000 * 5000 + 500 * 2500 + 1_500 * 3500, "what the year came to stays"
    assert rated.settle() == [700 * 1000, -700 * 1000]
    assert [month.correction_ucu == month.issued_ucu for month in rated.months()] == [True, True]
