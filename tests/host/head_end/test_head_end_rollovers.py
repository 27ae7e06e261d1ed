"""Registers that start again elsewhere than at 1,000,000 kWh: known from the meter's model, inferred, or named as wrong."""

import json

import pytest

from host_tools.head_end import commands
from host_tools.head_end.errors import BadInput
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.segments import MODELS
from tests.host.head_end.books import TARIFF, Books
from tests.host.head_end.simulated_gateway import NOW_S

SERIAL = bytes.fromhex("000000000001")[::-1]


def know(books: Books, rollover_kwh: int) -> None:
    """Tell the head-end where the meter of account 1001 starts again."""
    commands.add_account(books.db, "gw-001", 1001, "000000000001", 1, 1, rollover_kwh=rollover_kwh)


def wrap(books: Books, rollover: int, start: int | None = None, **other: int) -> None:
    """Books with a charge over a rollover, one before it and one after it, and the readings of their instants."""
    start = rollover - 10 if start is None else start
    books.gateway.begin(from_cwh=start - 5)
    numbers = [
        books.gateway.charge(start - 5, start),
        books.gateway.charge(start, 5, rollover=rollover, **other),
        books.gateway.charge(5, 6),
    ]
    books.journal(1)
    for number, sequence in enumerate(numbers, start=1):
        charge = books.gateway.parsed(sequence)
        item = [number, 1001, charge.number("reading_at_s"), 3, 0, [charge.number("to_cwh")], None, 0]
        books.hear("up/readings", books.gateway.readings_of([item]))


def noted(books: Books) -> list[str]:
    results, _ = reconcile(books.db)
    return [note for result in results for note in result.notes]


@pytest.mark.parametrize("rollover_kwh", (1_000_000, 800_000, 100_000, 10_000, 12_345))
def test_a_register_rolls_over_where_the_model_of_its_meter_says(books, rollover_kwh):
    know(books, rollover_kwh)
    wrap(books, 100 * rollover_kwh)
    assert books.differences() == [] and noted(books) == []
    (result,), _ = reconcile(books.db)
    assert result.charged_cwh == 21 and result.charges_seen_in_readings == 3


@pytest.mark.parametrize("rollover", (100_000_000, 80_000_000, 10_000_000, 1_000_000))
def test_an_unknown_rollover_is_inferred_from_a_charge_that_wraps_and_is_named(books, rollover):
    wrap(books, rollover)
    assert books.differences() == []
    (note,) = noted(books)
    assert "sequence 4" in note and f"inferred is that it starts again at {rollover // 100}.00 kWh" in note


@pytest.mark.parametrize(
    "known_kwh, charged, words",
    (
        (1_000_000, 80_000_000, "wraps from 799999.90 kWh to 0.05 kWh at 800000.00 kWh, its meter starts again at 1000000.00 kWh"),
        (800_000, 100_000_000, "register stands at 999999.90 kWh, its meter starts again at 800000.00 kWh"),
        (800_000, 100_000_000, "wraps from 999999.90 kWh to 0.05 kWh at 1000000.00 kWh, its meter starts again at 800000.00 kWh"),
        (1_000_000, 10_000_000, "at 100000.00 kWh, its meter starts again at 1000000.00 kWh"),
        (1_000_000, 90_000_000, "no rollover fits the amount"),
        (None, 90_000_000, "no rollover fits the amount"),
    ),
)
def test_a_wrap_elsewhere_than_at_the_rollover_of_the_meter_is_named(books, known_kwh, charged, words):
    if known_kwh is not None:
        know(books, known_kwh)
    wrap(books, charged)
    said = books.differences()
    assert any("sequence 4" in sentence and words in sentence for sentence in said), said
    assert any("balance" in sentence for sentence in said), said


def test_a_wrap_from_far_below_shows_by_its_amount_where_the_gateway_takes_it(books):
    know(books, 800_000)
    wrap(books, 100_000_000, start=79_999_990)
    (amount,) = [sentence for sentence in books.differences() if "sequence 4: charged" in sentence]
    assert f"for 0.15 kWh, difference {20_000_000 * 5500} ucu" in amount


def test_two_wraps_of_one_meter_at_different_places_are_named(books):
    wrap(books, 10_000_000)
    books.gateway.charge(6, 999_990)
    books.gateway.charge(999_990, 3, rollover=1_000_000)
    books.journal(6)
    assert any("at 10000.00 kWh, its meter starts again at 100000.00 kWh" in sentence for sentence in books.differences())


def test_a_wrap_that_costs_nothing_says_not_where(books):
    commands.set_document(books.db, "tariff", books.file("free.json", TARIFF | {"version": 4, "prices": {"total": "0.0000"}}), NOW_S)
    wrap(books, 80_000_000, price=0, version=4)
    assert any("does not say where: 1000000.00 kWh is taken" in note for note in noted(books))


def test_a_write_off_counts_by_the_rollover_that_a_later_charge_shows(books):
    books.gateway.begin(from_cwh=79_000_000)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=78_000_000, last_cwh=79_000_000)
    books.gateway.charge(78_000_000, 79_999_990)
    books.gateway.charge(79_999_990, 5, rollover=80_000_000)
    books.journal(1)
    wrapped, written_off = noted(books)
    assert books.differences() == [] and "starts again at 800000.00 kWh" in wrapped and "-10000.00 kWh" in written_off


def test_a_write_off_over_a_rollover_is_conserved_and_one_beyond_it_named(books):
    know(books, 800_000)
    books.gateway.begin(from_cwh=79_999_000)
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=500, last_cwh=79_999_000)
    books.gateway.charge(500, 600)
    books.journal(1)
    assert books.differences() == []
    books.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=80_000_000, last_cwh=600)
    books.journal(5)
    assert any("sequence 5: register stands at 800000.00 kWh" in sentence for sentence in books.differences())


def test_a_later_or_earlier_reading_across_the_rollover_contradicts_no_charge(books):
    know(books, 10_000)
    books.gateway.begin(from_cwh=999_900)
    books.gateway.charge(999_900, 999_990, reading_at_s=NOW_S + 100)
    books.journal(1)
    items = [[1, 1001, NOW_S + 50, 3, 0, [999_950], None, 0], [2, 1001, NOW_S + 150, 3, 0, [20], None, 0]]
    books.hear("up/readings", books.gateway.readings_of(items))
    assert books.differences() == []


def settings(books: Books, model: str) -> str:
    meter = {"account": 1001, "address": "000000000001", "tariff": 1, "policy": 1, "model": model}
    return books.file("settings.json", {"gateway": "gw-001", "meters": [meter]})


def test_an_import_learns_the_rollover_from_the_models_that_the_settings_name(books):
    models = books.folder / "models"
    models.mkdir()
    key = books.file("key", books.gateway.key.hex())
    for name, told, kwh in (
        ("combined", {"billing_register": "combined"}, 800_000),
        ("five", {"billing_register": "forward_active", "rollover_kwh": 100_000}, 100_000),
        ("plain", {"billing_register": "forward_active"}, 1_000_000),
    ):
        (models / f"{name}.json").write_text(json.dumps(told))
        assert books.run("import", settings(books, name), "--key-file", key, "--models", str(models)) == 0
        assert books.db.number("SELECT rollover_cwh FROM accounts") == 100 * kwh
    assert commands.import_site(books.db, settings(books, "no_such"), key, models)["models_unknown"] == ["no_such"]
    assert books.db.number("SELECT rollover_cwh FROM accounts") == 100_000_000, "what was known stays"
    for wrong in (9_999, 800_001, "800000", True):
        (models / "wrong.json").write_text(json.dumps({"billing_register": "combined", "rollover_kwh": wrong}))
        with pytest.raises(BadInput, match="rollover_kwh"):
            commands.import_site(books.db, settings(books, "wrong"), key, models)


def test_every_model_of_the_firmware_has_a_rollover_here(books):
    key = books.file("key", books.gateway.key.hex())
    names = [path.stem for path in MODELS.glob("*.json")]
    assert len(names) >= 7
    for name in names:
        assert commands.import_site(books.db, settings(books, name), key)["models_unknown"] == []


def test_a_rollover_that_no_meter_has_is_refused(books, capsys):
    account = ("account", "add", "1001", "--gateway", "gw-001", "--meter", "000000000001", "--tariff", "1", "--policy", "1")
    for wrong in ("9999", "1000001", "-1"):
        assert books.run(*account, "--rollover", wrong) == 2
        assert capsys.readouterr().err.startswith("rollover: ")
    assert books.run(*account, "--rollover", "800000") == 0 and books.run(*account) == 0
    assert books.db.number("SELECT rollover_cwh FROM accounts") == 80_000_000


def test_what_was_inferred_holds_when_the_meter_is_bound_anew(books):
    wrap(books, 10_000_000)
    books.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=0, from_cwh=[9_999_000, 0, 0, 0, 0])
    books.gateway.charge(9_999_000, 9_999_990)
    books.journal(6)
    later = books.gateway.at_s + 60
    books.hear("up/readings", books.gateway.readings_of([[4, 1001, later, 3, 0, [20], None, 0]]))
    assert books.differences() == []
