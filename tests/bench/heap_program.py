"""Heap of the whole firmware after a collection, on this interpreter; one JSON line.

usage: micropython -m tests.bench.heap_program METERS      a virtual clock, METERS meters and as many accounts

`code` is what the imports cost (on a board they are frozen into flash), `data` what one composition adds after all meters
were read. The flash that the fake board keeps in memory is made before, and not counted.
"""

import gc
import json
import sys

START_BYTES = gc.mem_alloc()

from firmware.base import aio  # noqa: E402 - the heap before the imports is the point
from firmware.ledger.account_row import ROW_SIZE  # noqa: E402
from tests import fake_board  # noqa: E402
from tests.nor_ram import RamRegion  # noqa: E402

READINGS_BYTES = 32 * 1024
JOURNAL_BYTES = 256 * 1024
READ_ALL_MS = 4_000  # a first turn of one meter at 2400 baud and the look at its relay, with room
LIMITS = {"meters_max": 200, "accounts_max": 200}


def used():
    """Bytes in use."""
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


async def look(world):
    """After every meter was read once."""
    await aio.sleep_ms(READ_ALL_MS * len(world.meters) + 10_000)
    read = len([slot for slot in world.gateway.slots if slot.reading is not None])
    return used(), read, world.gateway.ledger.accounts.count


def main(meters):
    """One composition with accounts_max rows in its table."""
    code = used() - START_BYTES
    fake_board.ROOT = "heap_bench"
    fake_board.FakeBoard.journal_bytes = JOURNAL_BYTES
    world = fake_board.World(meters=meters, policies=[fake_board.policy(floor="-1000.00")], limits=LIMITS, poll_period_s=900, power_w=600)
    world.region = RamRegion(JOURNAL_BYTES + READINGS_BYTES, 4096, 32)
    before = used()
    after, read, accounts = world.run(look)
    told = {"meters": meters, "read": read, "accounts": accounts, "rows": LIMITS["accounts_max"], "row_bytes": ROW_SIZE}
    print(json.dumps(dict(told, code=code, data=after - before)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
