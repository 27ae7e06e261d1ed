"""200 accounts in one firmware: a look at each, a midnight, and the start that replays them; one JSON line.

usage: micropython -m tests.bench.site_program METERS      on a virtual clock; what is measured is computing, in real time

The midnight is what the bus would do in the quarter of an hour behind it: of each meter the freeze of that midnight, then the
reading, each charge durable before the next meter. The wire and its waits are left out.
"""

import gc
import json
import sys
import time

from firmware.base import days
from firmware.base.reading import Reading
from tests import fake_board
from tests.fake_board import START_S, UTC_OFFSET_MIN
from tests.nor_ram import RamRegion

READINGS_BYTES = 64 * 1024
JOURNAL_BYTES = 256 * 1024
LIMITS = {"meters_max": 200, "accounts_max": 200}
DAY_CWH = 800
MIDNIGHT_S = days.midnight_s(days.day_number(START_S, UTC_OFFSET_MIN) + 1, UTC_OFFSET_MIN)


def measured(call):
    """(us, bytes allocated) of one call that no collection interrupts."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    began_us = time.ticks_us()
    call()
    took_us = time.ticks_diff(time.ticks_us(), began_us)
    made = gc.mem_alloc() - before
    gc.enable()
    return took_us, made


def read(world, index, at_s, register_cwh):
    """The reading of one meter, behind its freeze where the hall asks for one."""
    gateway = world.gateway
    reading = Reading(index, gateway.slots[index].serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, 0, 0
    reading.registers[0] = register_cwh
    number = gateway.wants_freeze(reading)
    while number:
        number = gateway.on_freeze(reading, False, MIDNIGHT_S + UTC_OFFSET_MIN * 60, [register_cwh - 1, None, None, None, None])
    gateway.on_reading(reading)


def main(meters):
    """Three lives: all is read and looked at; midnight has passed; the replay."""
    fake_board.ROOT = "site_bench"
    fake_board.FakeBoard.journal_bytes = JOURNAL_BYTES
    limits = dict(LIMITS, uncharged_max_ucu=1_000_000_000, plausible_slack_s=10_000_000)
    world = fake_board.World(meters=meters, policies=[fake_board.policy(floor="-1000.00")], limits=limits, poll_period_s=900, power_w=0)
    world.region = RamRegion(JOURNAL_BYTES + READINGS_BYTES, 4096, 32)
    told = {"meters": meters}
    for meter in world.meters:
        meter.silent = True

    async def evening(world):
        for index in range(meters):
            read(world, index, world.rtc.at_s, 1000 * index)
            world.credit(5_000_000, index)

        def look():
            for slot in world.gateway.slots:
                world.gateway.supply.judge(slot)

        told["decisions_us"], told["decisions_bytes"] = measured(look)
        return world.gateway.ledger.sequence

    async def night(world):
        ledger = world.gateway.ledger
        before, began = ledger.sequence, world.region.programmed_bytes

        def settle():
            for index in range(meters):
                read(world, index, MIDNIGHT_S + 300, 1000 * index + DAY_CWH)

        told["midnight_us"], told["midnight_bytes"] = measured(settle)
        told["records"], told["programmed"] = ledger.sequence - before, world.region.programmed_bytes - began
        charged = [world.row("total_charged_ucu", index) for index in range(meters)]
        told["charged"] = len([one for one in charged if one == (DAY_CWH - 1) * 5_500])
        return ledger.sequence

    async def nothing(world):
        told["start_bytes"] = gc.mem_alloc()

    world.run(evening)
    world.rtc.at_s = MIDNIGHT_S + 240
    told["replayed"] = world.run(night)
    gc.collect()
    began_us = time.ticks_us()
    world.run(nothing)
    told["start_us"] = time.ticks_diff(time.ticks_us(), began_us)
    began_us = time.ticks_us()
    bytes(world.region.flash)
    told["copy_us"] = time.ticks_diff(time.ticks_us(), began_us)
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]))
