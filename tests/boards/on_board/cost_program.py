"""What the firmware costs in instructions, on the emulated board under QEMU's -icount: time there goes by instructions alone.

Each function returns one tuple of numbers; times are microseconds of the board's own ticks. Starts run on a virtual clock
(tests/fake_board.py), where no time passes but what the processor needs; a steady life runs on the real one, and what it
waits is taken off.
"""

import asyncio.core as core
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
    for name in ("board_configs.qemu_mps2.board", "firmware.main"):
        __import__(name)


def first_life(meters):
    """A provisioned board's first start -> (us to the running gateway, us from there to the first reading, to the first decision)."""
    return _life(_world(meters))


def restart(meters, records):
    """The same with a journal of so many records to replay -> also how many there were."""
    world = _world(meters)
    _fill(world, records)
    return _life(world) + (world.sequence,)


def replaying(records):
    """The replay alone of so many records -> (us, records)."""
    from firmware.ledger.journal_store import Journal

    world = _world(1)
    _fill(world, records)
    open_journal = Journal.open
    told = []

    def timed(journal, *arguments):
        told.append(microseconds(lambda: open_journal(journal, *arguments)))

    async def script(world):
        told.append(world.gateway.ledger.journal.replayed)

    Journal.open = timed
    world.run(script)
    return tuple(told)


def _world(meters, poll_period_s=1):
    from tests.boards.on_board.power_story import BoardWorld

    class World(BoardWorld):
        sequence = 0

    world = World(meters=meters, power_w=600_000, limits={"uncharged_max_ucu": 1_000_000_000}, poll_period_s=poll_period_s)
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


def steady(meters, seconds, poll_period_s):
    """A steady life on the real clock -> (us computed, of them by the meters played here, exchanges, ms on the wire for them,
    records, bytes programmed, blocks erased)."""
    from firmware.base import aio

    world = _world(meters, poll_period_s)
    told = []

    async def script(world):
        await aio.sleep_ms(30_000)  # clocks, status words and first charges are behind it
        queue = core._io_queue
        line = world.firmware._site.line
        gc.collect()
        began = _counts(world, queue, line)
        await aio.sleep_ms(seconds * 1000)
        ended = _counts(world, queue, line)
        passed, idle, *rest = [ended[place] - began[place] for place in range(len(began))]
        told.append(passed - idle)
        told.extend(rest)

    _run_on_real_clock(world, script)
    return tuple(told)


def _counts(world, queue, line):
    """What goes up in a steady life: us, us of rest, then as steady() tells it."""
    counts = (queue.idle_us, line.played_us, line.exchanges, line.wired_ms, world.gateway.ledger.sequence)
    return (time.ticks_us(),) + counts + board.counts()[:2]


def judging(meters):
    """-> (us for one credit with its record, us for one look at an account)."""
    world = _world(meters)
    told = []

    async def script(world):
        from firmware.base import aio

        while world.slot().reading is None:
            await aio.sleep_ms(20)
        number = [0]

        def credit():
            number[0] += 1
            world.gateway.on_credit(1001, 2, number[0], 1, number[0], 1_790_000_000)

        told.append(min([microseconds(credit) for _ in range(5)]))
        told.append(min([microseconds(lambda: world.gateway.supply.judge(world.slot())) for _ in range(5)]))

    world.run(script)
    return tuple(told)


def mac_check():
    """The MAC of one message of the head-end -> us."""
    from firmware.base.wire.cose import mac0_decode, mac0_encode

    key = bytes(range(32))
    topic = b"lamplighter/1/gw/down/credits"
    sealed = mac0_encode(key, b"1", bytes(60), topic)
    return (min([microseconds(lambda: mac0_decode(sealed, 0, len(sealed), lambda kid: key, topic)) for _ in range(5)]),)


def _run_on_real_clock(world, script):
    from firmware.base import aio, aio_micropython
    from tests import fake_board
    from tests.fake_site import FakeLine

    class Queue(aio_micropython._IoQueue):
        idle_us = 0

        def wait_io_event(self, dt):
            before = time.ticks_us()
            aio_micropython._IoQueue.wait_io_event(self, dt)
            self.idle_us += time.ticks_diff(time.ticks_us(), before)

    class Line(FakeLine):
        """Bytes come one by one, as fast as the wire has them."""

        played_us = exchanges = wired_ms = 0
        arrived = 0

        def ask_meters(self, data):
            before = time.ticks_us()
            FakeLine.ask_meters(self, data)
            self.arrived = 0
            self.exchanges += 1
            self.wired_ms += self.wire_ms(len(data) + len(self._incoming))
            self.played_us += time.ticks_diff(time.ticks_us(), before)

        async def receive_into(self, buf, timeout_ms):
            count = len(self._incoming)
            if not count:
                await aio.sleep_ms(timeout_ms)
                return 0
            left_ms = aio_micropython.ticks.diff(self._ready_ms, aio.now_ms())
            here = min(count, count - (left_ms * self.baud + 10_999) // 11_000)
            if here <= 0:
                wait_ms = left_ms - self.wire_ms(count - 1)
                await aio.sleep_ms(max(1, min(wait_ms, timeout_ms)))
                here = 1 if wait_ms <= timeout_ms else 0
            buf[:here] = self._incoming[:here]
            self._incoming = self._incoming[here:]
            return here

    async def life(make):
        core._io_queue = Queue()
        return await make()

    fake_board.FakeLine = Line
    aio.run_virtual = lambda make, start_ms, max_ms: aio.run(life(make))
    world.run(script)
