"""The month close beside what the gateway charged: each piece of energy by the version, and from the position, that the gateway took."""

from datetime import date

from host_tools.head_end import commands
from tests.host.head_end.books import TARIFF
from tests.host.head_end.test_head_end_months import SERIAL, Story, midnight, told

EPOCH = date(1970, 1, 1)
OTHER = bytes.fromhex("000000000002")[::-1]


def steps(story: Story, version: int, effective: str) -> None:
    """Ten kWh a month at 0.50, 0.90 above."""
    prices = {"prices": {"steps": ["0.5000", "0.9000"]}, "steps": {"over": "month", "thresholds": [{"kwh": ["10"]}]}}
    document = TARIFF | {"version": version, "effective": effective} | prices
    commands.set_document(story.books.db, "tariff", story.books.file(f"tariff_{version}.json", document), story.gateway.at_s)


def step(story: Story, passed_cwh: int, at_s: int, number: int, day: date, used_cwh: int, version: int, marks: int = 2) -> None:
    begin = (day.replace(day=1) - EPOCH).days
    place = {"day": (day - EPOCH).days, "month_day": begin, "period_day": begin, "used_cwh": used_cwh, "band": 0, "step": number}
    story.charge(passed_cwh, at_s, version, (5000, 9000)[number], marks, **place)


def test_energy_at_a_plain_price_is_no_part_of_the_steps_that_begin_in_the_same_month(books):
    story = Story(books)
    steps(story, 4, "2026-10-10")
    story.tariff(5, "2026-10-20", "0.7000")
    steps(story, 6, "2026-10-25")
    story.charge(100, midnight(10, 1), marks=2)
    story.month(midnight(10, 1))
    story.charge(1_500, midnight(10, 10), marks=2)
    step(story, 800, midnight(10, 20), 0, date(2026, 10, 10), 800, 4)
    story.charge(3_000, midnight(10, 25), 5, 7000, marks=2)
    step(story, 200, midnight(11, 1), 0, date(2026, 10, 25), 1_000, 6, 6)
    step(story, 300, midnight(11, 1), 1, date(2026, 10, 25), 1_300, 6)
    story.month(midnight(11, 1))
    story.tell()
    october = story.books_of_months()[1]
    assert october.bill_ucu == 1_500 * 5500 + 800 * 5000 + 3_000 * 7000 + 200 * 5000 + 300 * 9000
    assert (october.correction_ucu, story.settle(), books.differences()) == (0, [], [])


def test_energy_behind_a_released_register_begins_with_the_release(books):
    story = Story(books)
    story.tariff(4, "2026-10-20", "0.7500")
    story.charge(500, midnight(10, 1), marks=2)
    story.month(midnight(10, 1))
    story.gateway.at_s = midnight(10, 21)
    register = story.at_cwh + 900
    story.gateway.append("HELD", account=1001, serial=SERIAL, why=0, rate=0, register_cwh=register, last_cwh=story.at_cwh)
    story.at_cwh = register
    story.charge(100, midnight(10, 22), 4, 7500)
    story.charge(300, midnight(11, 1), 4, 7500, marks=2)
    story.month(midnight(11, 1))
    story.tell()
    october = story.books_of_months()[1]
    assert (october.bill_ucu, october.correction_ucu, books.differences()) == (400 * 7500, 0, [])


def test_energy_of_who_moved_in_begins_where_the_one_before_was_closed(books):
    """1001 was closed on 20 October, the new contract was written down on 5 November, behind another price."""
    story = Story(books)
    story.tariff(4, "2026-11-01", "0.7500")
    story.charge(500, midnight(10, 20), marks=2)
    story.gateway.at_s = midnight(11, 5)
    registers = [story.at_cwh, 0, 0, 0, 0]
    story.gateway.append("SEGMENT", account=1001, serial=SERIAL, rates=0, from_cwh=registers, ratio=1, since_s=midnight(10, 20))
    story.charge(1_000, midnight(11, 1), marks=2)
    story.month(midnight(11, 1))
    story.charge(400, midnight(12, 1), 4, 7500, marks=2)
    story.month(midnight(12, 1))
    story.tell()
    found = story.books_of_months()
    assert [(month.name, month.bill_ucu, month.correction_ucu) for month in found] == [
        ("2026-10", 500 * 5500, 0), ("2026-10", 1_000 * 5500, 0), ("2026-11", 400 * 7500, 0),
    ]  # fmt: skip
    assert books.differences() == []


def test_energy_read_in_the_very_second_of_a_freeze_begins_there(books):
    """Its meter is seconds ahead: it froze before our midnight, and counted on."""
    story = Story(books)
    steps(story, 4, "2026-10-01")
    story.charge(500, midnight(10, 1), marks=2)
    frozen_cwh = story.at_cwh
    step(story, 3, midnight(10, 1), 0, date(2026, 10, 1), 3, 4, 0)
    story.month(midnight(10, 1), frozen_cwh)
    step(story, 100, midnight(11, 1), 0, date(2026, 10, 1), 103, 4)
    story.month(midnight(11, 1))
    story.tell()
    assert books.differences() == [] and story.settle() == []


def test_days_of_a_meter_that_was_exchanged_in_the_month_are_rebilled_too(books):
    """A cheaper price from 10 October on comes late; on the 20th another meter came."""
    story = Story(books)
    story.charge(500, midnight(10, 1), marks=2)
    story.month(midnight(10, 1))
    for day in (10, 15, 20):
        story.charge(1_000, midnight(10, day), marks=2)
    story.gateway.at_s = midnight(10, 20) + 7200
    story.gateway.append("SEGMENT", account=1001, serial=bytes(6), rates=0, from_cwh=[0] * 5)
    story.gateway.append("SEGMENT", account=1001, serial=OTHER, rates=0, from_cwh=[7_000, 0, 0, 0, 0])
    story.at_cwh = 7_000
    story.charge(2_000, midnight(11, 1), marks=2, serial=OTHER)
    registers = [story.at_cwh, 0, 0, 0, 0]
    story.gateway.append("MONTH", account=1001, serial=OTHER, rates=0, settled_at_s=midnight(11, 1), from_cwh=registers)
    story.tell()
    assert books.run("exchange", "1001", "000000000002") == 0
    assert (story.settle(), books.differences()) == ([], [])
    story.tariff(4, "2026-10-10", "0.5000")
    assert story.settle() == [2_000 * 500, 2_000 * 500]
    assert [(month.meter[-1], month.energy_cwh, month.correction_ucu) for month in story.books_of_months()] == [
        ("1", 500, 0), ("1", 3_000, -2_000 * 500), ("2", 2_000, -2_000 * 500),
    ]  # fmt: skip
    assert story.settle() == [2_000 * 500, 2_000 * 500] and books.run("reconcile") == 0


def test_the_day_on_which_clocks_are_set_back_is_that_of_either_offset(books):
    """The gateway's settings changed at three; from the midnight before energy was of the day before by the new ones."""
    story = Story(books)
    day, fee = date(2026, 10, 24), {"fee_per_day": "0.000001"}
    for number, effective, offset_min in ((4, "2026-10-24", 480), (5, "2026-10-25", 420)):
        document = TARIFF | fee | {"version": number, "effective": effective, "utc_offset_min": offset_min}
        commands.set_document(books.db, "tariff", books.file(f"tariff_{number}.json", document), story.gateway.at_s)
    story.charge(500, midnight(10, 24), marks=2)
    place = {"month_day": (date(2026, 10, 1) - EPOCH).days, "period_day": (date(2026, 10, 1) - EPOCH).days, "band": 0, "step": 0}
    story.charge(100, midnight(10, 25), 4, day=(day - EPOCH).days, used_cwh=100, **place)
    story.charge(100, midnight(10, 25) + 5 * 3600, 4, day=(day - EPOCH).days, used_cwh=200, **place)
    story.tell()
    assert books.differences() == []


def test_a_charge_that_a_power_cut_left_half_goes_on_from_where_it_began(books):
    story = Story(books)
    steps(story, 4, "2026-09-01")
    story.tariff(5, "2026-10-10", "0.7000")
    step(story, 500, midnight(10, 1), 0, date(2026, 9, 29), 500, 4)
    story.month(midnight(10, 1))
    step(story, 1_000, midnight(10, 20), 0, date(2026, 10, 1), 1_000, 4, 6)
    step(story, 300, midnight(11, 1), 1, date(2026, 10, 1), 1_300, 4)
    story.month(midnight(11, 1))
    story.tell()
    assert books.differences() == [] and story.settle() == []


def test_a_statement_files_energy_and_fees_by_the_day_that_their_records_tell(books, capsys):
    """The last of October was read on the first of November at 00:05, and no freeze came."""
    story = Story(books)
    fee = {"fee_per_day": "0.3000", "version": 4, "effective": "2026-10-31"}
    commands.set_document(books.db, "tariff", books.file("tariff_4.json", TARIFF | fee), story.gateway.at_s)
    story.charge(500, midnight(10, 31), marks=2)
    read_s, day, begin = midnight(11, 1) + 300, (date(2026, 10, 31) - EPOCH).days, (date(2026, 10, 1) - EPOCH).days
    place = {"day": day, "month_day": begin, "period_day": begin, "used_cwh": 700, "band": 0, "step": 0}
    story.charge(700, read_s, 4, 5500, 2, **place)
    story.gateway.total_charged[1001] += 300_000
    other = {"rate": 0, "price": 0, "amount_ucu": 300_000, "cause": 6, "version": 4, "reading_at_s": read_s}
    story.gateway.append(
        "CHARGE", account=1001, serial=SERIAL, from_cwh=0, to_cwh=0, tariff=1, total_charged_ucu=story.gateway.total_charged[1001], marks=0,
        **other, **place,
    )  # fmt: skip
    story.tell()
    assert books.differences() == []
    lines = told(books, capsys, "--month", "2026-10")["lines"]
    assert [(line["period"], line["charges_ucu"], line["fees_ucu"]) for line in lines] == [
        ("2026-10-30", 500 * 5500, 0), ("2026-10-31", 700 * 5500 + 300_000, 300_000),
    ]  # fmt: skip
    assert told(books, capsys, "--month", "2026-11")["lines"] == []
