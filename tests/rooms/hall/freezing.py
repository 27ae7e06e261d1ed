"""What the tests of freezes and settlements share. Both interpreters."""

from firmware.base import aio
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, UTC_OFFSET_MIN
from tests.hall_kit import charged, records, until
from tests.kit import eq

DAY_S = 86400
MIDNIGHT_S = (START_S + UTC_OFFSET_MIN * 60) // DAY_S * DAY_S + DAY_S - UTC_OFFSET_MIN * 60  # the first one of these tests
PRICE = 5500
ESTIMATED = 2  # MARK_UNSPLIT: the midnight was not split
LAYOUT = kinds.layout_of(kinds.CHARGE)


def pass_days(world, seconds):
    """The board is off; the meters are not."""
    world.rtc.at_s += seconds
    for meter in world.meters:
        meter.pass_ms(seconds * 1000)


def charges(world):
    """(day since the first midnight, from, to, cause, marks) of each CHARGE; day = of the midnight that ends it, None = none."""
    found = []
    for raw in records(world, kinds.CHARGE):
        values = LAYOUT.unpack(raw, 11)
        behind_s = values[5] - MIDNIGHT_S
        found.append((behind_s // DAY_S if behind_s % DAY_S == 0 else None, values[3], values[4], values[11], values[12]))
    return found


async def bound(world):
    await until(lambda: world.slot().reading is not None)
    await aio.sleep_ms(5_000)


def life(world, seconds):
    """One life of the gateway of so many seconds."""

    async def script(world):
        await bound(world)
        await aio.sleep_ms(seconds * 1000)

    world.run(script)


def frozen(world, index=0):
    """The meter's freezes by day since the first midnight."""
    return {(at_s - UTC_OFFSET_MIN * 60 - MIDNIGHT_S) // DAY_S: register for at_s, register in world.meters[index].freezes}


def adds_up(world):
    """Charges follow each other without a gap and come to what the account was charged."""
    rows = charges(world)
    eq([row[1] for row in rows[1:]], [row[2] for row in rows[:-1]], "a charge begins where the one before ended")
    eq(charged(world), sum((row[2] - row[1]) * PRICE for row in rows))
