"""Covers of meters: how often each was opened is read once a day, and one that grew is told; nobody is cut for it."""

from firmware.base import aio
from firmware.console_evidence import event_of
from firmware.gateway_meters import EVENT_COVER, EVENT_TERMINAL_COVER, two
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World
from tests.fake_site import bcd
from tests.hall_kit import told
from tests.kit import eq

COVER_DI = 0x03300D00
TERMINAL_DI = 0x03300E00
COUNTS = "sg_feecontrol_1p"
OFTEN = {"cover_counts_first_s": 100, "cover_counts_every_s": 100}


def world_with(cover, terminal, model=COUNTS, **limits):
    world = World(model=model, limits=dict(OFTEN, **limits), poll_period_s=20, power_w=0)
    opened(world, cover, terminal)
    return world


def opened(world, cover, terminal):
    """The meter has counted so many; None = it refuses to tell."""
    for item, count in ((COVER_DI, cover), (TERMINAL_DI, terminal)):
        world.meters[0].freeze_items[item] = None if count is None else bcd(count, 3)


def lives(world, seconds):
    async def script(world):
        await aio.sleep_ms(seconds * 1_000)

    world.run(script)


def covers(world):
    """(code, before, now) of what was journalled."""
    found = []
    for code, account, value in told(world, kinds.EVENT):
        if code in (EVENT_COVER, EVENT_TERMINAL_COVER):
            eq(account, 1001)
            found.append((code, value >> 32, value & 0xFFFFFFFF))
    return found


def test_the_first_count_is_noted_and_one_that_grew_is_an_event():
    world = world_with(3, 999_999)

    async def script(world):
        await aio.sleep_ms(90_000)
        eq(covers(world), [], "nobody waits for it after a start")
        await aio.sleep_ms(60_000)
        eq(covers(world), [(EVENT_COVER, 3, 3), (EVENT_TERMINAL_COVER, 999_999, 999_999)])
        await aio.sleep_ms(300_000)
        eq(len(covers(world)), 2, "nothing new, and nothing told")
        opened(world, 5, 999_999)
        await aio.sleep_ms(130_000)
        eq(covers(world)[2:], [(EVENT_COVER, 3, 5)])

    world.run(script)


def test_what_was_opened_while_the_gateway_was_off_is_seen():
    world = world_with(254, 1)
    lives(world, 150)
    world.power_cut()
    opened(world, 255, 2)
    lives(world, 150)
    eq(covers(world)[2:], [(EVENT_COVER, 254, 255), (EVENT_TERMINAL_COVER, 1, 2)])
    lives(world, 150)
    eq(len(covers(world)), 4, "told again")


def test_a_count_that_went_back_is_noted_anew_and_one_that_is_refused_or_silent_is_nothing():
    world = world_with(40, None)
    lives(world, 150)
    eq(covers(world), [(EVENT_COVER, 40, 40)])
    opened(world, 2, None)
    lives(world, 150)
    eq(covers(world)[1:], [(EVENT_COVER, 2, 2)])
    world.meters[0].freeze_items[COVER_DI] = b"\xff\xff\xff"
    lives(world, 150)
    eq(len(covers(world)), 2, "no value is no count")


def test_what_the_meter_before_counted_is_not_taken_for_this_ones():
    world = world_with(7, 7)
    lives(world, 150)
    meter = world.meters[0]
    meter.address = meter.address[:5] + b"\x22"
    world._write_files(*world._files)
    opened(world, 9, 9)
    lives(world, 150)
    eq(covers(world)[2:], [(EVENT_COVER, 9, 9), (EVENT_TERMINAL_COVER, 9, 9)])
    lives(world, 150)
    eq(len(covers(world)), 4)
    meter.address = meter.address[:5] + b"\x23"
    world._write_files(*world._files)
    opened(world, 12, 12)
    lives(world, 50)  # charging begins on it, and its covers are not asked for yet
    lives(world, 150)
    eq(covers(world)[4:], [(EVENT_COVER, 12, 12), (EVENT_TERMINAL_COVER, 12, 12)])


def test_a_model_without_counts_is_asked_for_none_and_each_day_is_one_question():
    world = world_with(1, 1, model="export_1p")
    lives(world, 300)
    eq(covers(world), [])
    asked = []
    world = world_with(1, 1, cover_counts_every_s=86_400)
    world.write_again()
    meter = world.meters[0]
    item_of = meter._item

    def noting(item):
        asked.append(item)
        return item_of(item)

    meter._item = noting
    lives(world, 600)
    eq((asked.count(COVER_DI), asked.count(TERMINAL_DI)), (1, 1))


def test_the_console_is_told_of_openings_and_not_of_what_is_merely_noted():
    eq(event_of(kinds.EVENT, (EVENT_COVER, 1001, two(4, 4))), None)
    eq(event_of(kinds.EVENT, (EVENT_TERMINAL_COVER, 1001, two(0, 0))), None)
    grown = (EVENT_COVER, 1001, two(4, 5))
    eq(event_of(kinds.EVENT, grown), grown)
