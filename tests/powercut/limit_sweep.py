"""Cut the life of a load limit at every flash operation: decided, written, read back, in a snapshot, lifted; one line of JSON.

usage: micropython -m tests.powercut.limit_sweep [MUTANT]

The meter and its line live on (tests/fake_site.py) while the board dies; images as in hall_sweep. A life that goes on from one gets
the payment again whose step was under way. Whenever the power went: a limit stands in the meter only behind a decision on flash, the
relay never opens, and the end is the same: limited while nothing is paid, free once it is.
"""

import json
import sys

from firmware.base import aio, relay
from firmware.base.faults import StorageFault
from firmware.cutoff import facts
from firmware.cutoff import supply as s
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_LIMITED
from tests import fake_board
from tests.fake_board import START_S, World, policy
from tests.fake_site import NO_LIMIT
from tests.hall_kit import in_contact, told
from tests.powercut.hall_story import ERASE_SIZE, JOURNAL_BLOCKS, CutRegion
from tests.powercut.hall_sweep import FOUND_MAX, Image, Sweep

COIN = 1_000_000
NEWS = 999  # of no code that the firmware has
STEPS_OF_W = 50  # what 500 W are in the meter's register
PAYMENTS = ((1, -COIN, -COIN), (2, 20 * COIN, 19 * COIN))  # number, amount, total
SETTLED_MS = 5_000
WRITES_MAX = 3  # the limit and its end, and once more where nobody could know


def new_world():
    fake_board.FakeBoard.journal_bytes = JOURNAL_BLOCKS * ERASE_SIZE
    world = World(
        model="lifeline_1p",
        policies=[policy(lifeline={"power_w": 495})],
        poll_period_s=60,
        power_w=300,
        limits={"accounts_max": 4, "snapshot_rows_per_tick": 1, "journal_snapshot_blocks": 1},
    )
    world.region = CutRegion()
    world.meters[0].limit = NO_LIMIT
    return world


async def until(condition):
    for _ in range(1_200):
        if condition():
            return True
        await aio.sleep_ms(1_000)
    return False


def pay(world, which):
    number, amount, total = PAYMENTS[which]
    world.gateway.on_credit(world.slot().account, 1, number, amount, total, START_S)


def is_limited(world):
    return world.slot().state == s.LIMITED and world.meters[0].limit == STEPS_OF_W


def is_free(world):
    return world.slot().state == s.ON and world.meters[0].limit == NO_LIMIT and world.row("seen") == facts.CLOSED


async def due(world):
    pay(world, 0)
    return await until(lambda: is_limited(world))


async def kept(world):
    """A snapshot says that it is limited: two blocks of other news make it due."""
    ledger = world.gateway.ledger
    since = ledger.sequence
    for number in range(ERASE_SIZE // 16):
        ledger.record(kinds.EVENT, (NEWS, 0, number))
    ledger.commit()

    def is_whole():
        ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0)
        return ledger.snapshot.whole > since

    return await until(is_whole)


async def paid(world):
    pay(world, 1)
    return await until(lambda: is_free(world))


STEPS = (due, kept, paid)


class LimitImage(Image):
    """And where the meter was."""

    def __init__(self, world, step, flash, programmed):
        Image.__init__(self, world, step, flash, programmed)
        meter = world.meters[0]
        self.meter = meter.limit, meter.status, meter.added_cwh, meter.clock_s, list(meter.writes)

    def put(self, world):
        Image.put(self, world)
        meter = world.meters[0]
        meter.limit, meter.status, meter.added_cwh, meter.clock_s, writes = self.meter
        meter.writes = list(writes)
        meter.orders = []


class LimitSweep(Sweep):
    make_image = LimitImage

    def tell(self, first, steps):
        """-> a sentence when a step does not end as it should, or something is wrong in the end."""
        world, region = self.world, self.world.region

        async def script(world):
            in_contact(world)
            if world.meters[0].limit != NO_LIMIT and 1 not in [values[1] for values in told(world, kinds.DECISION)]:
                return "the meter is limited, and no decision is on flash"
            for step in range(first, first + steps):
                self.step = step
                if not await STEPS[step](world):
                    return "step %d does not end: %r" % (step, where(world))
            await aio.sleep_ms(SETTLED_MS)
            return trouble(world)

        region.on_cut = self._keep
        try:
            return world.run(script)
        finally:
            region.on_cut = None


def where(world):
    return world.slot().state, world.meters[0].limit, world.row("wish"), world.row("seen"), world.row("flags")


def trouble(world):
    """A sentence when supply, money or journal are not as they must be in the end."""
    ledger, meter = world.gateway.ledger, world.meters[0]
    if not ledger.sound:
        return "not sound: %r" % (ledger.troubles,)
    if not is_free(world) or world.row("wish") != facts.ON or world.row("flags") & FLAG_LIMITED or world.row("fault"):
        return "not free in the end: %r" % (where(world),)
    if 0x1A in meter.orders or meter.status & 0x50:
        return "the relay was opened"
    if len(meter.writes) > WRITES_MAX or [one for one in meter.writes if one not in (STEPS_OF_W, NO_LIMIT)]:
        return "written to the meter: %r" % (meter.writes,)
    if world.row("total_0") != PAYMENTS[-1][2]:
        return "the payments came to %d" % world.row("total_0")
    limit = [values[1:] for values in told(world, kinds.LIMIT)]
    once = [(1, 500, relay.NO_LIMIT)]  # and once more where it is decided anew: the first order was lost before it left
    return None if limit in (once, once + once) else "told %r" % (limit,)


def judge(world, image):
    image.put(world)
    quiet = LimitSweep(world)
    quiet._keep = lambda region, torn: None
    try:
        return quiet.tell(image.step, len(STEPS) - image.step)
    except StorageFault as fault:
        return "the region refused: " + str(fault)


def main(choice=None):
    fake_board.ROOT = "limit_sweep_" + (choice or "")  # several run at once
    if choice:
        MUTANTS[choice]()
    world = new_world()
    outer = LimitSweep(world)
    wrong = outer.tell(0, len(STEPS))
    found = [["uncut", wrong]] if wrong else []
    operations = world.region.operations
    for number, image in enumerate(outer.images):
        if len(found) >= (1 if choice else FOUND_MAX):
            break
        wrong = judge(world, image)
        if wrong:
            found.append([number, image.step, wrong])
    print(json.dumps({"operations": operations, "images": len(outer.images), "found": found}))


def _no_sync():
    """What is programmed is never synced before an order leaves."""
    CutRegion.sync = lambda self: self._begin(1)


def _limit_forgotten():
    """A restart does not know that the wish OFF is by the load limit."""
    from firmware.ledger.ledger_store import Ledger

    opened = Ledger.open

    def open_and_forget(self, *arguments):
        opened(self, *arguments)
        accounts = self.accounts
        for row in range(accounts.count):
            accounts._set(row, "flags", accounts.get(row, "flags") & ~FLAG_LIMITED)

    Ledger.open = open_and_forget


MUTANTS = {"no_sync": _no_sync, "forgotten": _limit_forgotten}


if __name__ == "__main__":
    main(*sys.argv[1:])
