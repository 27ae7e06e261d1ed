"""A minimum is asked of a month that was counted whole, once; where its tariff changed its kind within it, nobody owes one."""

from firmware.base import days
from firmware.ledger import record_kinds as kinds
from tests.hall_kit import alone, told
from tests.kit import eq
from tests.rooms.hall.test_tariffs import COIN, LATE, MINIMUM, TODAY, later, world_with
from tests.rooms.tariff.documents import text

LEAST = {"minimum_per_month": "30.00"}


def at(month, day):
    """Hours since the first midnight."""
    return 24 * (days.day_of_date(2026, month, day) - TODAY)


def versions(world, *documents):
    def script(world):
        for index in range(len(documents)):
            fields = dict(documents[index], version=3 + index)
            world.gateway.on_order(5, 0, 3 + index, 0, 0, 0, text(**fields).encode())

    alone(world, script)


def minimums(world):
    """(amount, day) of each."""
    return [(values[9], (values[13] - TODAY) * 24) for values in told(world, kinds.CHARGE) if values[11] == MINIMUM]


def test_what_a_plain_price_asked_in_the_month_is_no_reason_for_a_minimum():
    world = world_with(text(**dict(LATE, **LEAST)))
    plain = {"effective": "2026-10-10", "prices": {"total": "1.0000"}}
    versions(world, plain, dict(LEAST, effective="2026-10-20"))
    later(world, (1, 0), (at(10, 1), 100), (at(10, 10), 200), (at(10, 20), 10_200), (at(11, 1), 10_300), (at(12, 1), 10_400))
    eq(minimums(world), [(30 * COIN - 100 * 5500, at(11, 30))], "October came to 101.10, November to 0.55")


def test_a_month_that_begins_on_another_day_from_now_on_asks_no_minimum_of_what_was_counted_otherwise():
    world = world_with(text(**dict(LATE, **LEAST)))
    versions(world, dict(LEAST, effective="2026-11-05", month_begins=15))
    later(world, (1, 0), (at(10, 1), 100), (at(11, 1), 10_000), (at(11, 5), 20_000), (at(11, 15), 30_000), (at(11, 16), 30_000))
    eq(minimums(world), [], "October came to 54.45, the fortnight of November to 110.00")
    later(world, (at(12, 15), 30_100), (at(12, 16), 30_200), (at(12, 17), 30_200))
    eq(minimums(world), [(30 * COIN - 100 * 5500, at(12, 14))])


def test_no_month_that_is_still_to_come_owes_a_minimum():
    world = world_with(text(**dict(LATE, **LEAST)))
    later(world, (1, 0), (at(10, 1), 100), (at(10, 5), 200))

    def dated_ahead(world):
        slot, accounts = world.slot(), world.gateway.ledger.accounts
        ahead_s = world.rtc.at_s + 463 * 86_400
        accounts._set(slot.row, "charged_at_s", ahead_s)  # by an exchange, while the board's clock was wrong
        return world.gateway.billing._close_days(slot, slot.serial, ahead_s)

    eq((alone(world, dated_ahead), minimums(world)), (0, []))
