"""Rates against the total of the same meter: what a gateway charged although its own reading says otherwise is named."""

import pytest

from host_tools.head_end import commands, held
from host_tools.journal_reader.account_row import AccountRow, pack_row
from tests.host.head_end.books import TARIFF
from tests.host.head_end.simulated_gateway import NOW_S

SERIAL = bytes.fromhex("000000000001")[::-1]


class Rated:
    """An account of two rates, charged reading by reading."""

    def __init__(self, books) -> None:
        self.books, self.gateway = books, books.gateway
        document = TARIFF | {"version": 4, "prices": {"rates": ["0.5000", "0.2500"]}}
        commands.set_document(books.db, "tariff", books.file("4.json", document), NOW_S)
        self.gateway.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
        self.gateway.append("DOCUMENT", what=1, id=1, version=4, digest=bytes(8))
        self.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=2, from_cwh=[1_000, 100, 200, 0, 0])
        self.stands = [1_000, 100, 200]
        self.number = 0

    def charge(self, total, rate1, rate2) -> None:
        at_s = self.gateway.at_s + 60
        for rate, price, end in ((1, 5000, rate1), (2, 2500, rate2)):
            if end != self.stands[rate]:
                self.gateway.charge(self.stands[rate], end, price=price, rate=rate, version=4, reading_at_s=at_s)
        self.gateway.at_s = at_s
        self.stands = [total, rate1, rate2]
        self.number += 1
        self.books.hear("up/readings", self.gateway.readings_of([[self.number, 1001, at_s, 3, 0, [total, rate1, rate2], None, 0]]))

    def hold(self, why, rate, register) -> None:
        last = self.stands[rate]
        self.gateway.append("HELD", account=1001, serial=SERIAL, why=why, rate=rate, register_cwh=register, last_cwh=last)
        if not why and rate:
            self.stands[rate] = register

    def count_total_from(self, register) -> None:
        self.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=register, last_cwh=1_000)

    def snapshot(self, charged_0) -> None:
        row = AccountRow(1001, serial=SERIAL, rates=2, total_charged_ucu=self.gateway.total_charged.get(1001, 0))
        row.from_cwh[:3] = [1_000, 100, 200]
        row.charged_cwh[:3] = [charged_0, *self.stands[1:]]
        self.gateway.append("SNAPSHOT_ROW", row=pack_row(row))

    def differences(self) -> list[str]:
        self.books.journal(1)
        return [one for one in self.books.differences() if "version" not in one]


@pytest.fixture
def rated(books):
    return Rated(books)


def test_rates_that_passed_what_the_total_did_are_right(rated):
    rated.charge(1_300, 300, 300)
    rated.charge(1_300, 700, 300)  # asked one after the other
    rated.charge(5_000, 700, 400)  # a third rate that is not billed
    assert not rated.differences()


def test_a_charge_that_the_total_contradicts_is_named_with_what_it_is_less(rated):
    rated.charge(1_300, 300, 300)
    rated.charge(1_400, 200_400, 300)
    (said,) = rated.differences()
    assert "sequence 6: the rates passed 2004.00 kWh since the segment began, the total register 4.00 kWh: 2000.00 kWh less" in said


def test_a_total_that_rolled_over_is_counted_on(rated):
    rated.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=2, from_cwh=[99_999_900, 100, 200, 0, 0])
    rated.charge(900, 1_100, 200)
    assert not rated.differences()
    rated.charge(1_000, 3_100, 200)
    assert len(rated.differences()) == 1


def test_what_was_released_moves_where_the_total_is_counted_from(rated):
    rated.charge(1_300, 300, 300)
    rated.hold(5, 1, 200_400)
    rated.hold(0, 1, 200_400)
    rated.count_total_from((1_000 - 200_000) % 100_000_000)
    rated.charge(1_500, 200_500, 300)
    assert not rated.differences()
    rated.charge(1_600, 202_000, 300)
    assert len(rated.differences()) == 1


def test_a_release_that_does_not_say_so_and_a_jump_that_was_charged_are_no_difference(rated):
    rated.charge(1_300, 300, 300)
    rated.hold(2, 1, 200_400)
    rated.hold(0, 1, 200_400)
    rated.charge(1_500, 200_500, 300)
    assert not rated.differences()
    rated.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=2, from_cwh=[1_500, 200_500, 300, 0, 0])
    rated.gateway.append("REASON", account=1001, number=1, order=10, what=3, text=b"x".ljust(64, b"\0"))
    rated.charge(1_600, 400_500, 300)
    assert not rated.differences()


def test_a_snapshot_says_where_the_total_is_counted_from(rated):
    rated.charge(1_300, 300, 300)
    rated.snapshot(1_000)
    assert not rated.differences()
    rated.snapshot(1_001)
    (said,) = rated.differences()
    assert "snapshot counts the total register from 10.01 kWh, computed 10.00 kWh" in said


def test_a_held_rate_is_listed_and_may_be_released_or_charged(rated):
    rated.charge(1_300, 300, 300)
    rated.hold(5, 1, 200_400)
    rated.books.journal(1)
    (row,) = held.listed(rated.books.db)
    assert (row["why"], row["register"], row["shows"]) == ("rates ran ahead of the total", 1, "2004.00 kWh")
    for what in ("release", "charge"):
        assert held.say(rated.books.db, "1001", what, "seen", NOW_S)["answer"] == "created"
        rated.books.db.run("UPDATE orders SET state = 'refused'")


def test_who_has_moved_out_has_no_total_any_more(rated):
    rated.charge(1_300, 300, 300)
    rated.gateway.append("FLAGS", account=1001, flags=1024, order=1)
    rated.gateway.append("MOVED", account=1001, to_account=7001, serial=SERIAL, order=1)
    row = AccountRow(1001, flags=1024, total_charged_ucu=rated.gateway.total_charged[1001], next_account=7001)
    rated.gateway.append("SNAPSHOT_ROW", row=pack_row(row))
    assert not [one for one in rated.differences() if "total" in one]
