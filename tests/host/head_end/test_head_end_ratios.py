"""Meters behind transformers: every charge, month, register and statement once more, with the ratio that the account has."""

import json
from datetime import date

import pytest

from host_tools.head_end import commands
from host_tools.head_end.months import months
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_tariffs import Tariffs
from host_tools.head_end.state import account_row
from host_tools.journal_reader import pack_row, parse_row
from tests.host.head_end.books import TARIFF, Books
from tests.host.head_end.simulated_gateway import NOW_S

METER, NEW = "000000000001", "000000000002"
SERIAL = bytes.fromhex(METER)[::-1]
DAY_S = 86_400


def behind_transformers(books: Books, ratio: int = 40, told: int | None = 40) -> None:
    """A meter that is bound with `ratio`; the account was told to have `told`."""
    if told is not None:
        commands.add_account(books.db, "gw-001", 1001, METER, 1, 1, ratio=told)
    bind(books, ratio, 100_000, NOW_S)


def bind(books: Books, ratio: int, register_cwh: int, since_s: int) -> None:
    if not books.gateway.epoch:
        books.gateway.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
    registers = [register_cwh, 0, 0, 0, 0]
    books.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=0, from_cwh=registers, ratio=ratio, since_s=since_s)


def charge(books: Books, start: int, end: int, ratio: int = 40, **other: int) -> None:
    """A charge of the difference times the ratio."""
    books.gateway.charge(start, end, error_ucu=(end - start) * (ratio - 1) * 5500, **other)


def result(books: Books):
    results, others = reconcile(books.db)
    return results[0], others + results[0].differences


def test_energy_is_the_difference_times_the_ratio_of_the_segment(books):
    behind_transformers(books)
    charge(books, 100_000, 100_010)
    bind(books, 60, 100_010, books.gateway.at_s)
    charge(books, 100_010, 100_011, 60, cause=5)
    commands.add_account(books.db, "gw-001", 1001, METER, 1, 1, ratio=60)
    books.journal(1)
    found, differences = result(books)
    assert (found.charged_cwh, found.charged_ucu, differences) == (460, 460 * 5500, [])


def test_a_charge_without_its_ratio_is_named(books):
    behind_transformers(books)
    books.gateway.charge(100_000, 100_010)
    books.journal(1)
    assert "charged 0.055, computed 2.20 for 4.00 kWh, difference -2145000 ucu" in result(books)[1][0]


def test_a_segment_with_another_ratio_than_the_account_is_named(books):
    behind_transformers(books, 41)
    charge(books, 100_000, 100_010, 41)
    books.journal(1)
    assert [one for one in result(books)[1] if "with ratio 41, the account has 1, 40" in one]


def test_steps_count_energy_and_the_last_digit_is_of_the_lower_one(books):
    steps = {"over": "month", "thresholds": [{"kwh": ["1.00"]}]}
    document = TARIFF | {"version": 4, "prices": {"steps": ["0.5000", "1.0000"]}, "steps": steps}
    commands.set_document(books.db, "tariff", books.file("steps.json", document), NOW_S)
    behind_transformers(books)
    day = (books.gateway.at_s + 480 * 60) // DAY_S
    begun = day - date.fromordinal(719_163 + day).day + 1
    where = {"version": 4, "day": day, "month_day": begun, "period_day": begun, "band": 0}
    books.gateway.charge(100_000, 100_003, price=5000, error_ucu=3 * 39 * 5000, used_cwh=120, step=0, **where)
    books.gateway.charge(100_003, 100_004, price=10000, error_ucu=39 * 10000, used_cwh=160, step=1, **where)
    books.journal(1)
    found, differences = result(books)
    assert (found.charged_ucu, differences) == (120 * 5000 + 40 * 10000, [])
    books.gateway.charge(100_004, 100_005, price=10000, error_ucu=39 * 10000, used_cwh=161, step=1, **where)
    books.journal(5)
    assert any("used since" in one and "computed 2.00 kWh" in one for one in result(books)[1])


def test_a_month_and_a_told_register_have_the_ratio_of_their_segment(books, capsys):
    behind_transformers(books)
    charge(books, 100_000, 100_010, reading_at_s=NOW_S + DAY_S)
    settled_s = NOW_S + DAY_S
    books.gateway.append("MONTH", account=1001, serial=SERIAL, rates=0, settled_at_s=settled_s, from_cwh=[100_010, 0, 0, 0, 0])
    books.journal(1)
    (month,) = months(books.db, 1001, Tariffs(books.db).held)
    assert (month.energy_cwh, month.bill_ucu, month.correction_ucu) == (400, 400 * 5500, 0)
    new = [0, 0, 0, 0, 0]
    books.gateway.append("SEGMENT", account=1001, serial=bytes.fromhex(NEW)[::-1], rates=0, from_cwh=new)
    books.journal(1)
    assert books.run("exchange", "1001", NEW, "--ratio", "2") == 0
    capsys.readouterr()
    assert books.run("register", "1001", METER, "closing", "1000.12", "--reason", "exchange", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["energy"], told["correction"]) == ("0.80 kWh", "0.44")
    assert books.db.row("SELECT ratio FROM accounts WHERE account = 1001")[0] == 2


def test_a_statement_and_an_answer_to_a_customer_tell_energy_and_not_digits(books, capsys):
    behind_transformers(books)
    charge(books, 100_000, 100_010, reading_at_s=NOW_S + 3_600)
    books.journal(1)
    assert books.run("statement", "1001", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["energy_cwh"] == {"0": 400}


def test_a_snapshot_and_a_state_carry_the_ratio(books):
    behind_transformers(books)
    charge(books, 100_000, 100_010)
    books.journal(1)
    row = account_row(books.db, 1001)
    assert parse_row(pack_row(row)).ratio == 40
    row.ratio = 41
    books.gateway.append("SNAPSHOT_ROW", row=pack_row(row))
    books.journal(1)
    assert [one for one in result(books)[1] if "snapshot has ratio 41, bound is 40" in one]


@pytest.mark.parametrize("ratio", ["0", "60001", "-3"])
def test_a_ratio_that_no_transformers_have_is_refused(books, capsys, ratio):
    known = ("account", "add", "1001", "--gateway", "gw-001", "--meter", METER, "--tariff", "1", "--policy", "1", "--ratio", ratio)
    assert books.run(*known) == 2
    assert capsys.readouterr().err == f"ratio: must be from 1 to 60000, got {ratio}\n"
    assert books.run("exchange", "1001", NEW, "--ratio", ratio) == 2


def test_a_site_file_tells_ratios(books, capsys):
    meter = {"account": 1001, "address": METER, "model": "export_1p", "tariff": 1, "policy": 1, "ratio": 40}
    site = {"gateway": "gw-001", "meters": [meter]}
    key = books.file("key", books.gateway.key.hex())
    assert books.run("import", books.file("settings.json", site), "--key-file", key) == 0
    assert books.db.row("SELECT ratio FROM accounts WHERE account = 1001")[0] == 40
    site["meters"][0]["ratio"] = 0
    assert books.run("import", books.file("settings.json", site), "--key-file", key) == 2
    assert capsys.readouterr().err.startswith("meters.0.ratio: ")
