"""What the firmware costs in instructions, on the emulated board under QEMU's -icount: time there goes by instructions alone.

Each function returns one tuple of numbers; times are microseconds of the board's own ticks. The whole firmware runs on a
virtual clock (tests/fake_board.py), so that no time passes but what the processor needs.
"""

import gc
import time

import board
import slots
from boot import whole_image


def microseconds(work):
    """How long `work()` computes."""
    gc.collect()
    before = time.ticks_us()
    work()
    return time.ticks_diff(time.ticks_us(), before)


def prove_slot():
    """boot.py's look at the slot: SHA-256 of the whole image -> (us, bytes)."""
    slot = memoryview(slots.slot("a"))
    image = whole_image(slot, slots.ERASE_SIZE)
    return microseconds(lambda: whole_image(slot, slots.ERASE_SIZE)), len(image)


def import_application():
    """Everything that main.py imports, from the slot -> (us, heap bytes that it keeps)."""
    gc.collect()
    before = gc.mem_alloc()
    taken = microseconds(_import)
    gc.collect()
    return taken, gc.mem_alloc() - before


def _import():
    pass  # all that a board has


def first_life(meters):
    """A provisioned board's first start -> (us to the running gateway, us from there to the first reading, to the first decision)."""
    return _life(_world(meters))


def restart(meters, records):
    """The same with a journal of so many records to replay -> also how many there were."""
    world = _world(meters)
    _fill(world, records)
    return _life(world) + (world.sequence,)


def _world(meters):
    from tests.boards.on_board.power_story import BoardWorld

    class World(BoardWorld):
        sequence = 0

    world = World(meters=meters, power_w=600_000, limits={"uncharged_max_ucu": 1_000_000_000}, poll_period_s=1)
    world.console_streams = False
    return world


def _life(world):
    from firmware.base import aio
    from firmware.cutoff import supply
    from tests.hall_kit import in_contact

    marks = []

    async def script(world):
        marks.append(time.ticks_us())
        in_contact(world)
        world.sequence = world.gateway.ledger.sequence
        world.gateway.on_credit(1001, 1, 1, -1, -1, 1_790_000_000)
        slot = world.slot()
        while slot.reading is None:
            await aio.sleep_ms(20)
        marks.append(time.ticks_us())
        while slot.state not in (supply.CUTTING, supply.OFF):
            await aio.sleep_ms(20)
        marks.append(time.ticks_us())

    gc.collect()
    began = time.ticks_us()
    world.run(script)
    return tuple([time.ticks_diff(mark, began) for mark in marks])


def _fill(world, records):
    """Charges, one behind the other, as a settled month leaves them."""

    async def script(world):
        number = 0
        while world.gateway.ledger.sequence < records:
            number += 1
            world.gateway.on_credit(1001, 2, number, 1, number, 1_790_000_000)

    world.run(script)


def polls(meters, seconds):
    """A steady life -> (us, exchanges, ms on the wire for them, records, bytes programmed, blocks erased)."""
    world = _world(meters)
    from firmware.base import aio

    told = []

    async def script(world):
        await aio.sleep_ms(30_000)  # clocks, status words and first charges are behind it
        requests = [meter.requests for meter in world.meters]
        sequence = world.gateway.ledger.sequence
        counts = board.counts()
        gc.collect()
        before = time.ticks_us()
        await aio.sleep_ms(seconds * 1000)
        told.append(time.ticks_diff(time.ticks_us(), before))
        told.append(sum([meter.requests for meter in world.meters]) - sum(requests))
        told.append(world.gateway.ledger.sequence - sequence)
        after = board.counts()
        told.append(after[0] - counts[0])
        told.append(after[1] - counts[1])

    world.run(script)
    return tuple(told)
