"""A tariff whose price changes by more than half needs two signers; who may sign, and what a signature is over."""

import copy
import os

import pytest

from host_tools.head_end import documents, signers
from host_tools.head_end.errors import BadInput
from tests.host.head_end.books import TARIFF
from tests.host.head_end.simulated_gateway import NOW_S

BANDS = TARIFF | {"prices": {"bands": [{"name": "peak", "price": "1.0000"}, {"name": "flat", "price": "0.5000"}]}}


@pytest.fixture
def people(books):
    for name in ("anna", "otto"):
        key = signers.new_key(str(books.folder / name))
        signers.add_operator(books.db, name, key.hex(), [], NOW_S)
    return books


def signed(books, name, text):
    return f"{name}={signers.sign(str(books.folder / name), text).hex()}"


def set_tariff(books, value, *signatures):
    words = [word for one in signatures for word in ("--signature", one)]
    return books.run("tariff", "set", books.file("new.json", value), *words)


def versions(books):
    return books.db.number("SELECT max(version) FROM documents WHERE what = 1")


def test_a_price_that_changes_by_more_than_half_needs_two_operators(people, capsys):
    value = TARIFF | {"version": 4, "prices": {"total": "0.8251"}}
    text = signers.tariff_text(value)
    anna, otto = signed(people, "anna", text), signed(people, "otto", text)
    other = signed(people, "otto", signers.tariff_text(TARIFF | {"version": 4, "prices": {"total": "0.9"}}))
    capsys.readouterr()
    for given in ((), (anna,), (anna, anna), (anna, other), (anna, "otto=" + anna[5:]), (anna, "emil=" + otto[5:]), (anna, "otto=00")):
        assert set_tariff(people, value, *given) == 2 and versions(people) == 3, given
        assert capsys.readouterr().err.startswith("signature: ")
    assert set_tariff(people, value, anna, otto) == 0 and versions(people) == 4
    kept = {row["operator"]: bytes(row["text"]) for row in people.db.rows("SELECT * FROM signatures")}
    assert kept == {"anna": text, "otto": text}, "the evidence stays"
    assert set_tariff(people, value) == 0, "a version that exists is no change"


@pytest.mark.parametrize("price, needs", (("0.8250", False), ("0.8251", True), ("0.2750", False), ("0.2749", True), ("0.0000", True)))
def test_the_half_is_exact(people, capsys, price, needs):
    assert set_tariff(people, TARIFF | {"version": 4, "prices": {"total": price}}) == (2 if needs else 0)


def test_two_small_steps_on_the_way_to_a_large_change_need_two_operators_too(people, capsys):
    first = TARIFF | {"version": 4, "effective": "2099-01-01", "prices": {"total": "0.8000"}}
    assert set_tariff(people, first) == 0
    second = TARIFF | {"version": 5, "effective": "2099-01-01", "prices": {"total": "1.1000"}}
    assert set_tariff(people, second) == 2 and "of version 3" in capsys.readouterr().err
    text = signers.tariff_text(second)
    assert set_tariff(people, second, signed(people, "anna", text), signed(people, "otto", text)) == 0


def test_the_command_of_an_operator_signs_what_the_head_end_checks(people, capsys):
    value = TARIFF | {"version": 4, "prices": {"total": "5.5000"}}  # a slipped point
    path = people.file("slip.json", value)
    words = []
    for name in ("anna", "otto"):
        capsys.readouterr()
        assert people.run("sign", "tariff", path, "--key-file", str(people.folder / name)) == 0
        words += ["--signature", f"{name}={capsys.readouterr().out.split('signature ')[1].strip()}"]
    assert people.run("tariff", "set", path, *words[:2]) == 2
    assert people.run("tariff", "set", path, *words) == 0


def _with(value, **changes):
    changed = copy.deepcopy(value)
    for name, change in changes.items():
        changed[name] = change
    return changed


@pytest.mark.parametrize(
    "old, new, place",
    (
        (TARIFF, TARIFF, None),
        (BANDS, _with(BANDS, prices={"bands": [{"name": "flat", "price": "0.7000"}, {"name": "peak", "price": "1.4000"}]}), None),
        (BANDS, _with(BANDS, prices={"bands": [{"name": "flat", "price": "1.0000"}, {"name": "peak", "price": "0.5000"}]}), "prices.bands"),
        (BANDS, _with(BANDS, prices={"bands": [*BANDS["prices"]["bands"], {"name": "low", "price": "0.2400"}]}), "prices.bands"),
        (BANDS, _with(BANDS, prices={"bands": [*BANDS["prices"]["bands"], {"name": "low", "price": "0.2500"}]}), None),
        (TARIFF, _with(TARIFF, prices={"rates": ["0.5000", "0.6000"]}), None),
        (TARIFF, _with(TARIFF, prices={"rates": ["0.5000", "0.9000"]}), "prices.rates"),
        (TARIFF, _with(TARIFF, fee_per_day="1.00"), "fee_per_day"),
        (TARIFF, _with(TARIFF, fee_per_day="0.00"), None),
        (_with(TARIFF, fee_per_day="1.00"), TARIFF, "fee_per_day"),
        (_with(TARIFF, fee_per_day="1.00"), _with(TARIFF, fee_per_day="1.50"), None),
        (_with(TARIFF, fee_per_day="1.00"), _with(TARIFF, fee_per_day="1.51"), "fee_per_day"),
        (_with(TARIFF, minimum_per_month="1.00"), _with(TARIFF, minimum_per_month="3.00"), "minimum_per_month"),
        (
            _with(TARIFF, steps={"over": "month", "surcharges": ["0", "-0.05"], "thresholds": [{"kwh": ["100"]}]}),
            _with(TARIFF, steps={"over": "month", "surcharges": ["0", "0.05"], "thresholds": [{"kwh": ["100"]}]}),
            "steps.surcharges",
        ),
        (TARIFF, _with(TARIFF, currency="USD"), "currency"),
        (TARIFF, _with(TARIFF, effective="2027-01-01", holidays=["2027-01-01"]), None),
    ),
)
def test_every_price_of_every_form_is_looked_at(old, new, place):
    found = signers.large_change(old, new)
    assert found is None if place is None else str(found).startswith(place), found


def test_shipped_tariffs_change_by_nothing_against_themselves():
    folder = documents.Path(signers.__file__).parents[1] / "tariff" / "examples"
    files = sorted(folder.glob("*.json"))
    assert files
    for file in files:
        value = documents.read_json(str(file))
        assert signers.large_change(value, value) is None
        assert len(signers._prices(value)) >= 1


def test_the_third_operator_is_added_by_one_who_is_there(people, capsys):
    key = signers.new_key(str(people.folder / "emil"))
    assert people.run("operator", "add", "emil", "--public-key", key.hex()) == 2
    own = signed(people, "emil", signers.operator_text("emil", key))
    assert people.run("operator", "add", "emil", "--public-key", key.hex(), "--signature", own) == 2
    anna = signed(people, "anna", signers.operator_text("emil", key))
    assert people.run("operator", "add", "emil", "--public-key", key.hex(), "--signature", anna) == 0
    assert people.run("operator", "add", "emil", "--public-key", key.hex()) == 0, "exists"
    with pytest.raises(BadInput, match="emil has this name or this key"):
        signers.add_operator(people.db, "emil-2", key.hex(), [anna], NOW_S)


def test_a_key_file_is_its_owners_and_is_not_overwritten(books, capsys):
    path = books.folder / "key"
    assert books.run("sign", "new-key", "--key-file", str(path)) == 0
    assert os.stat(path).st_mode & 0o077 == 0
    before = path.read_text()
    assert books.run("sign", "new-key", "--key-file", str(path)) == 2
    assert path.read_text() == before


@pytest.mark.parametrize(
    "words, field",
    (
        (("sign", "tariff", "--key-file", "x"), "over"),
        (("sign", "operator", "a", "zz", "--key-file", "x"), "over"),
        (("sign", "release", "a", "--key-file", "/does/not/exist"), "key-file"),
        (("sign", "tariff", "/does/not/exist", "--key-file", "x"), "file"),
        (("operator", "add", "a b", "--public-key", "00"), "operator"),
        (("operator", "add", "a", "--public-key", "00"), "public-key"),
        (("operator", "add", "a", "--public-key", "x" * 64), "public-key"),
    ),
)
def test_wrong_use_is_one_sentence(books, capsys, words, field):
    assert books.run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1
