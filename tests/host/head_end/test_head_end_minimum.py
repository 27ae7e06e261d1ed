"""A month's minimum in the books: missing where it is due, charged where none is, and months that were not counted whole."""

from datetime import date

import pytest

from host_tools.head_end import commands
from tests.host.head_end.books import TARIFF
from tests.host.head_end.test_head_end_months import SERIAL, Story, midnight

EPOCH = date(1970, 1, 1)
MINIMUM = 7


def version(story: Story, number: int, effective: str, **fields: object) -> None:
    document = TARIFF | {"version": number, "effective": effective, **fields}
    commands.set_document(story.books.db, "tariff", story.books.file(f"tariff_{number}.json", document), story.gateway.at_s)


class Counted:
    """Charges under versions with a minimum of 30.00; each says where the account stands."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.used: dict[int, int] = {}

    def place(self, day: date, month: date, passed_cwh: int) -> dict[str, int]:
        begin = (month - EPOCH).days
        self.used[begin] = self.used.get(begin, 0) + passed_cwh
        return {"day": (day - EPOCH).days, "month_day": begin, "period_day": begin, "used_cwh": self.used[begin], "band": 0, "step": 0}

    def charge(self, passed_cwh: int, until: tuple[int, int], day: date, number: int, month: date) -> None:
        self.story.charge(passed_cwh, midnight(*until), number, marks=2, **self.place(day, month, passed_cwh))

    def minimum(self, amount_ucu: int, day: date, number: int, month: date) -> None:
        gateway = self.story.gateway
        gateway.total_charged[1001] += amount_ucu
        gateway.append(
            "CHARGE", account=1001, serial=SERIAL, rate=0, from_cwh=0, to_cwh=0, reading_at_s=midnight(day.month % 12 + 1, 1), tariff=1,
            version=number, price=0, amount_ucu=amount_ucu, total_charged_ucu=gateway.total_charged[1001], cause=MINIMUM, marks=0,
            **self.place(day, month, 0),
        )  # fmt: skip


OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
DUE = 30_000_000 - 200 * 5500


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_a_minimum_is_asked_of_a_month_without_a_plain_price_only(books, plain, asked):
    story = Story(books)
    counted = Counted(story)
    version(story, 4, "2026-09-29", minimum_per_month="30.00")
    counted.charge(100, (10, 1), date(2026, 9, 29), 4, date(2026, 9, 1))
    counted.charge(100, (10, 10), OCTOBER, 4, OCTOBER)
    if plain:
        story.tariff(5, "2026-10-10", "0.7000")
        version(story, 6, "2026-10-20", minimum_per_month="30.00")
        story.charge(5_000, midnight(10, 20), 5, 7000, marks=2)
    now = 6 if plain else 4
    counted.charge(100, (11, 1), date(2026, 10, 20 if plain else 10), now, OCTOBER)
    if asked:
        counted.minimum(DUE, date(2026, 10, 31), now, OCTOBER)
    counted.charge(100, (11, 2), NOVEMBER, now, NOVEMBER)
    story.tell()
    found = books.differences()
    if plain == asked:
        said = "a minimum was charged on 2026-10-31, none is due" if asked else "the month that ended before 2026-11-01 came short"
        assert any(said in sentence for sentence in found), found
    else:
        assert found == []


@pytest.mark.parametrize("asked", [False, True])
def test_a_month_that_a_version_begins_on_another_day_asks_no_minimum_of_what_was_counted_otherwise(books, asked):
    story = Story(books)
    counted = Counted(story)
    version(story, 4, "2026-09-29", minimum_per_month="30.00")
    version(story, 5, "2026-10-10", minimum_per_month="30.00", month_begins=15)
    counted.charge(100, (10, 1), date(2026, 9, 29), 4, date(2026, 9, 1))
    counted.charge(6_000, (10, 10), OCTOBER, 4, OCTOBER)
    counted.charge(6_000, (10, 15), date(2026, 10, 10), 5, date(2026, 9, 15))
    if asked:
        counted.minimum(30_000_000, date(2026, 10, 14), 5, date(2026, 9, 15))
    counted.charge(100, (11, 2), date(2026, 10, 15), 5, date(2026, 10, 15))
    story.tell()
    found = books.differences()
    assert any("none is due" in sentence for sentence in found) if asked else found == []
