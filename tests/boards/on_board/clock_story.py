"""What the firmware makes of the board's real clock: two households, one of them due for a cut as soon as the time is trusted.

The whole firmware on a virtual clock, on the board's flash, littlefs and machine.RTC; meters and head-end are played here.

    first_life()    the clock as the host left it, no network: is anybody cut? then the head-end tells the time
    next_life()     a restart without network

Told, one line each: rtc SECONDS or None, what the clock source said at the start; quality NUMBER, after a while without
network; failed BITS, conditions of a cut that do not hold then; wish NUMBER; mended QUALITY RTC WISH, after network time.
"""

import board
import machine

from firmware.base import aio
from firmware.cutoff import decide
from firmware.cutoff.facts import OFF
from firmware.hal.clock_rtc import RtcClock
from firmware.hal.nor_flash import FlashRegion
from firmware.sync.messages import Ack
from tests import fake_board
from tests.fake_board import START_S, World
from tests.hall_kit import until

COIN = 1_000_000
ALONE_MS = 40_000  # of virtual time: notices, their period and a cut take a third of it
MENDING_MS = 60_000
JOURNAL_OFFSET = 3 * 1024 * 1024  # board_configs/qemu_mps2/wiring.py

fake_board.FakeBoard.model_root = "/rom/firmware/meters/models"


class ClockWorld(World):
    """A World on this board's flash and files, with its real clock."""

    def make_root(self):
        return ""

    def make_region(self):
        return FlashRegion(board.Flash(JOURNAL_OFFSET, fake_board.REGION_BYTES), 1)


def world_with_clock():
    world = ClockWorld(meters=2, power_w=60_000, poll_period_s=1)
    world.rtc = RtcClock(machine.RTC(), "/clock_hint")
    world.rtc.at_s = START_S  # the world counts its own seconds beside it
    print("rtc %s" % world.rtc.rtc_s())
    return world


def erase():
    region = FlashRegion(board.Flash(JOURNAL_OFFSET, fake_board.REGION_BYTES), 1)
    for offset in range(0, region.size, region.erase_size):
        region.erase(offset)


def first_life():
    erase()
    world = world_with_clock()

    async def script(world):
        hall = world.gateway
        world.credit(COIN // 10, 0)  # used up in 11 s
        world.credit(50 * COIN, 1)
        hall.head_end.last_contact_s = hall.clock_view.stamp()[0] or START_S
        await until(lambda: world.row("wish") == OFF, ALONE_MS)
        facts, policy = hall.supply.facts_of(world.slot())
        print("quality %d" % hall.clock.quality)
        print("failed %d" % decide.failed_conditions(facts, policy))
        print("wish %d" % world.row("wish"))
        tell_time(world)
        await until(lambda: world.row("wish") == OFF, MENDING_MS)
        await aio.sleep_ms(2_000)
        print("mended %d %s %d" % (hall.clock.quality, world.rtc.rtc_s(), world.row("wish")))

    world.run(script)


def next_life():
    world = world_with_clock()

    async def script(world):
        await aio.sleep_ms(5_000)
        print("quality %d" % world.gateway.clock.quality)

    world.run(script)


def tell_time(world):
    """An acknowledgement of the head-end, with the time as the meters have it."""
    ledger = world.gateway.ledger
    at_s = START_S + aio.now_ms() // 1_000
    ack = Ack([ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0, at_s, b"", 0, None, None])
    ack.fresh = True
    world.gateway.on_acks(ack)
