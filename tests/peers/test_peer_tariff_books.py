"""The real gateway charges by rich tariffs over restarts and gaps; the head-end computes every record again and finds nothing, and
finds each kind of wrong charge that is planted."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware.base import days
from firmware.base.reading import Reading
from host_tools.head_end import commands
from host_tools.head_end.database import Database
from host_tools.head_end.reconcile import reconcile
from host_tools.journal_reader import Record, pack_record, parse_record
from tests.fake_board import UTC_OFFSET_MIN, World
from tests.hall_kit import alone
from tests.rooms.tariff.documents import HUNAN_THRESHOLDS, SEASONS, banded, stepped, text

LATE = {"version": 2, "effective": "2026-09-01"}
FIRST_DAY = days.day_of_date(2026, 9, 22)
MIDNIGHT_S = days.midnight_s(FIRST_DAY, UTC_OFFSET_MIN)
SURCHARGED = {"over": "year", "surcharges": ["0", "0.05", "0.3"], "thresholds": HUNAN_THRESHOLDS}
HOLIDAYS = ["2026-10-01", "2026-10-02"]
TARIFFS = {
    "bands": banded(holidays=HOLIDAYS, **LATE),
    "cheapest": banded({"missed_edge": "cheapest"}, **LATE),
    "first": banded({"missed_edge": "first", "late_read_s": 0}, **LATE),
    "bands_and_steps": banded(steps=SURCHARGED, fee_per_month="20.00", **LATE),
    "steps": stepped(fee_per_day="0.30", minimum_per_month="5000.00", **LATE),
    "short_months": stepped(month_begins=25, fee_per_month="31.00", minimum_per_month="1.00", **LATE),
    "fee": text(fee_per_day="0.30", **LATE),
    "minimum": text(minimum_per_month="900.00", **LATE),
    "plain": text(**LATE),
    "rates": text(
        prices={"rates": ["1.0000", "0.8000", "0.5000", "0.2000"]}, steps=SURCHARGED, seasons=SEASONS, fee_per_day="0.30", **LATE
    ),
}


def lived(*documents: str) -> World:
    """Six weeks of lives of an hour to some days, readings at edges and past them; snapshots between."""
    rated = '"rates"' in documents[0]
    world = World(
        model="three_phase_tou" if rated else "export_1p", limits={"uncharged_max_ucu": 20_000_000, "plausible_slack_s": 100_000_000}
    )
    hours, register, step = 1, 1000, 0
    for document in documents:
        give(world, document)
    while hours < 24 * 45:
        rows = []
        for _ in range(3 + step % 5):
            rows.append((hours, register))
            hours += (1, 3, 7, 2, 11, 24, 1, 5, 53, 9)[step % 10]
            register += (0, 37, 410, 93, 5, 2204, 0, 1811)[step % 8]
            step += 1
        live(world, rows, 4 if rated else 0)
    return world


def give(world: World, document: str) -> None:
    version = json.loads(document)["version"]
    alone(world, lambda world: world.gateway.on_order(5, 0, version, 0, 0, 0, document.encode()))


def live(world: World, rows: list[tuple[int, int]], rates: int) -> None:
    world.rtc.at_s = MIDNIGHT_S + rows[0][0] * 3600

    def script(world: World) -> None:
        for hours, register in rows:
            reading = Reading(0, world.slot().serial)
            reading.at_s, reading.quality, reading.rates, reading.status_word = MIDNIGHT_S + hours * 3600, 3, rates, 0
            reading.registers[0] = register
            for rate in range(1, rates + 1):
                reading.registers[rate] = register // (rate + 1)
            if rates:
                reading.registers[0] = sum(reading.registers[1 : rates + 1])
            world.rtc.at_s = reading.at_s
            world.gateway.clock._set(3, reading.at_s, world.gateway._ticks_ms(), 0)
            world.gateway.on_reading(reading)
            world.gateway.ledger.on_tick()

    alone(world, script)


def records(world: World) -> list[bytes]:
    found: list[bytes] = []
    ledger = world.gateway.ledger
    while len(found) < ledger.sequence:
        found += ledger.outbox.journal_from(len(found) + 1, 1_000_000)[3]
    return found


def differences(folder: Path, raws: list[bytes], *documents: str) -> list[str]:
    """What the head-end finds in these records."""
    path = folder / "books.db"
    path.unlink(missing_ok=True)
    db = Database(path)
    commands.add_gateway(db, "gw-001", bytes(32))
    account = next(record.number("account") for record in map(parse_record, raws) if record.name == "CHARGE")
    serial = next(record.octets("serial") for record in map(parse_record, raws) if record.name == "CHARGE")
    commands.add_account(db, "gw-001", account, serial[::-1].hex(), 1, 1)
    file = folder / "tariff.json"
    for known in map(json.loads, (text(), *documents)):
        file.write_text(json.dumps(known))
        commands.set_document(db, "tariff", str(file), MIDNIGHT_S)
    gateway_id = db.number("SELECT id FROM gateways")
    for record in map(parse_record, raws):
        db.run(
            "INSERT INTO records (gateway_id, sequence, epoch, kind, name, account, at_s, quality, chain, raw, fields, received_s)"
            " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            gateway_id, record.sequence, record.kind, record.name, record.account, record.at_s, record.quality, record.chain, record.raw,
            json.dumps(record.as_json()),
        )  # fmt: skip
    results, _ = reconcile(db)
    assert sum(result.charges for result in results) > 0
    return [sentence for result in results for sentence in result.differences]


@pytest.mark.parametrize("name", TARIFFS)
def test_the_head_end_computes_the_same_charges(name: str, tmp_path: Path) -> None:
    world = lived(TARIFFS[name])
    raws = records(world)
    charges = [record for record in map(parse_record, raws) if record.name == "CHARGE"]
    assert len(charges) > 30
    assert any("day" in record.fields for record in charges) == (name != "plain")
    causes = {record.number("cause") for record in charges}
    assert (6 in causes) == ("fee" in TARIFFS[name]) and (7 in causes) == (name in ("steps", "minimum"))
    assert differences(tmp_path, raws, TARIFFS[name]) == []


def test_versions_that_change_in_the_middle_of_periods_are_computed_the_same(tmp_path: Path) -> None:
    """Steps with fees, dearer steps, bands with other fees, a plain price, steps by the year: each from the middle of a month on."""
    documents = [
        stepped(version=2, effective="2026-09-01", fee_per_day="0.30", minimum_per_month="300.00"),
        stepped(version=3, effective="2026-10-07", fee_per_day="0.40", prices={"steps": ["0.6000", "0.7000", "0.9000"]}),
        banded(version=4, effective="2026-10-16", fee_per_month="62.00", steps=SURCHARGED),
        text(version=5, effective="2026-10-22"),
        stepped({"over": "year"}, version=6, effective="2026-10-29", minimum_per_month="1000.00"),
    ]
    raws = records(lived(*documents))
    charges = [record for record in map(parse_record, raws) if record.name == "CHARGE"]
    assert {record.number("version") for record in charges} == {2, 3, 4, 5, 6}
    assert {record.number("amount_ucu") for record in charges if record.number("cause") == 6} >= {300_000, 400_000, 2_000_000}
    assert differences(tmp_path, raws, *documents) == []


@pytest.mark.parametrize("name", ("fee", "short_months", "minimum"))
def test_fees_and_minimums_of_more_than_a_year_are_asked_by_neither(name: str, tmp_path: Path) -> None:
    """A clock that was years ahead, or a meter that was away for two."""
    world = World()
    give(world, TARIFFS[name])
    live(world, [(0, 1_000), (30, 1_100), (24 * 800, 1_200), (24 * 800 + 1, 1_201)], 0)
    raws = records(world)
    asked = [record for record in map(parse_record, raws) if record.name == "CHARGE" and record.number("cause") in (6, 7)]
    assert (300 if name != "minimum" else 10) <= len(asked) <= 366 + 15
    assert differences(tmp_path, raws, TARIFFS[name]) == []
    fee = [record.raw for record in asked if record.number("cause") == 6][20:21]
    said = differences(tmp_path, [raw for raw in raws if raw not in fee], TARIFFS[name])
    assert not fee or any("no fee was charged for" in sentence for sentence in said), "within the year each day is asked for"


def changed(record: Record, **fields: Any) -> bytes:
    return pack_record(record.name, record.sequence, record.at_s, record.quality, 1, bytes(8), **{**record.fields, **fields})


PLANTS = [
    ("bands", {"band": 3, "marks": 0}, {"band": 1}, "band peak was charged, valley held"),
    ("bands", {"band": 2}, {"price": 6001}, "price 0.6001 was charged"),
    ("bands", {"cause": 2, "marks": 0}, {"marks": 1}, "is marked as estimated, but one band held"),
    ("bands", {"marks": 1}, {"marks": 0}, "is not marked as estimated"),
    ("bands", {"band": 3}, {"day": FIRST_DAY}, "the charge is of 2026-09-22, its energy began on"),
    ("bands", {"band": 3}, {"band": 9}, "band 9 is none of this tariff's"),
    ("steps", {"step": 1}, {"step": 0}, "step 1 was charged"),
    ("steps", {"step": 1}, {"used_cwh": 7}, "used since 2026-"),
    ("steps", {"step": 1}, {"period_day": FIRST_DAY}, "used since 2026-09-22"),
    ("steps", {"step": 1}, {"month_day": FIRST_DAY}, "the billing month began on 2026-09-22"),
    ("steps", {"cause": 6}, {"amount_ucu": 300_001}, "charged 0.300001 for"),
    ("steps", {"cause": 6}, {"day": FIRST_DAY}, "the fee of 2026-09-22 comes again"),
    ("steps", {"cause": 6}, None, "no fee was charged for"),
    ("steps", {"cause": 7}, None, "came short of its minimum by"),
    ("steps", {"cause": 7}, {"amount_ucu": 1}, "charged 0.000001 for"),
    ("fee", {"cause": 6}, {"cause": 7}, "a minimum was charged on"),
]


@pytest.fixture(scope="module")
def lives() -> dict[str, list[bytes]]:
    return {name: records(lived(TARIFFS[name])) for name in ("bands", "steps", "fee")}


@pytest.mark.parametrize(("name", "which", "change", "said"), PLANTS)
def test_a_planted_fault_is_named(
    name: str, which: dict[str, int], change: dict[str, int] | None, said: str, lives: dict[str, list[bytes]], tmp_path: Path
) -> None:
    """One record in the second half is changed, or left out; the totals behind it stay, so the fault is found by itself."""
    raws = list(lives[name])
    for index in range(len(raws) // 2, len(raws)):
        record = parse_record(raws[index])
        if record.name == "CHARGE" and all(record.fields.get(field) == value for field, value in which.items()):
            raws[index : index + 1] = [] if change is None else [changed(record, **change)]
            break
    else:
        pytest.fail("there is no such record")
    found = differences(tmp_path, raws, TARIFFS[name])
    assert any(said in sentence for sentence in found), found[:5]
