"""One virtual day of the whole firmware, and what it programs: one JSON line.

usage: micropython -m tests.bench.day_program METERS      METERS meters, read every 15 minutes, each with 1 kW
"""

import json
import sys

from firmware.base import aio
from tests import fake_board
from tests.nor_ram import RamRegion

DAY_MS = 86_400_000
SETTLE_MS = 60_000


class CountingRegion(RamRegion):
    """Bytes programmed in the journal and in the readings behind it."""

    journal_bytes = readings_bytes = 0

    def program(self, offset, buf, start, end):
        super().program(offset, buf, start, end)
        if offset < fake_board.FakeBoard.journal_bytes:
            self.journal_bytes += end - start
        else:
            self.readings_bytes += end - start


def main(meters):
    """Programs in bytes a day, by ring."""
    fake_board.ROOT = "day_bench"
    fake_board.FakeBoard.journal_bytes = 256 * 1024
    world = fake_board.World(meters=meters, poll_period_s=900, power_w=1_000, policies=[fake_board.policy(floor="-1000.00")])
    world.console_streams = False
    world.region = CountingRegion(512 * 1024, 4096, 32)
    told = {"meters": meters}

    async def day(world):
        await aio.sleep_ms(SETTLE_MS)
        before = (world.region.journal_bytes, world.region.readings_bytes, world.gateway.ledger.sequence)
        await aio.sleep_ms(DAY_MS)
        told["journal_bytes"] = world.region.journal_bytes - before[0]
        told["readings_bytes"] = world.region.readings_bytes - before[1]
        told["records"] = world.gateway.ledger.sequence - before[2]

    world.run(day)
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]))
