"""A short story of money and supply on the emulated board, for the power to be cut in: credit, charges, snapshot, notice, cut.

The whole firmware on a virtual clock, on the board's own flash and littlefs; meters and head-end are played here, and what
must outlive a power cut (the meter's register and relay, which credits were sent) is told to the host as it happens, one
line each. The host starts, cuts and starts again, and says what was there before: python objects do not survive.

    prepare()                        files, opening credit, a journal whose first block is nearly full
    story(register)                  the life that is cut; ends with "end" when it is not
    recover(register, status, sent)  a later life: tells what it found, gets the credits once more, lives on

Lines: kept SEQUENCE CHAIN (a promise: it was durable and somebody was told), sent NUMBER, relay STATUS, meter REGISTER;
of a later life also found SEQUENCE SOUND BALANCE WISH, credits TOTAL, left BALANCE WISH STATUS.
"""

import gc

import board

from firmware.base import aio
from firmware.boot import begin
from firmware.cutoff import supply
from firmware.hal.nor_flash import FlashRegion
from tests import fake_board
from tests.fake_board import START_S, UTC_OFFSET_MIN, World
from tests.fake_site import FakeMeter, bcd
from tests.hall_kit import in_contact, until

COIN = 1_000_000
JOURNAL_OFFSET = 3 * 1024 * 1024  # board_configs/qemu_mps2/wiring.py
CREDITS = (  # number, amount, total
    (1, 20 * COIN, 20 * COIN),
    (2, 5 * COIN, 25 * COIN),
    (3, -24_600_000, 400_000),
)
POWER_W = 60_000
RECOVERY_MS = 25_000  # of virtual time: a cut that was under way is finished or withdrawn long before
LIMITS = {"uncharged_max_ucu": 1, "journal_snapshot_blocks": 1, "snapshot_rows_per_tick": 1}
RECORDS_BEFORE = 104  # records of the opening: a few more, and the first snapshot is due

fake_board.FakeBoard.model_root = "/rom/firmware/meters/models"


class TellingMeter(FakeMeter):
    """Tells the host at once what would be there after a power cut."""

    def __init__(self, register_cwh, status):
        self._status = status
        self._known = False
        FakeMeter.__init__(self, bcd(1, 5) + b"\x21", register_cwh, POWER_W)
        self._known = True
        self.clock_s = START_S + UTC_OFFSET_MIN * 60

    @property
    def status(self):
        return self._status

    @status.setter
    def status(self, value):
        if self._known:  # not the one it is made with
            self._status = value
            tell("relay %d" % value)

    def pass_time(self, now_ms):
        before = self.added_cwh
        FakeMeter.pass_time(self, now_ms)
        if self.added_cwh != before:
            tell("meter %d" % self.register_cwh())


class BoardWorld(World):
    """A World on this board's flash and files."""

    def make_root(self):
        return ""

    def make_region(self):
        return FlashRegion(board.Flash(JOURNAL_OFFSET, fake_board.REGION_BYTES), 1)

    def promise(self):
        """What the ledger holds now has been shown to somebody."""
        ledger = self.gateway.ledger
        tell("kept %d %s" % (ledger.sequence, "".join(["%02x" % byte for byte in ledger.chain])))


def tell(line):
    print(line)


def world_with(register_cwh, status):
    """The world as it is before a life; its clock goes on from where the story begins."""
    world = BoardWorld(power_w=POWER_W, limits=LIMITS, poll_period_s=1)
    world.meters[0] = TellingMeter(register_cwh, status)
    world.boots = begin(world.root)[0] - 1  # World.run counts, as boot.py does
    gc.collect()
    return world


def send(world, number):
    """The head-end sends a credit; when the call returns, the broker is told, so its verdict must be there for ever."""
    tell("sent %d" % number)
    _, amount, total = CREDITS[number - 1]
    world.gateway.on_credit(1001, 1, number, amount, total, START_S)
    world.promise()


def prepare():
    world = world_with(0, 0)

    async def script(world):
        in_contact(world)
        send(world, 1)
        await until(lambda: world.gateway.ledger.sequence >= RECORDS_BEFORE)

    world.run(script)
    world.promise()
    tell("end")


def story(register_cwh):
    world = world_with(register_cwh, 0)

    async def script(world):
        in_contact(world)
        snapshot = world.gateway.ledger.snapshot
        before = snapshot.whole
        send(world, 2)
        await until(lambda: snapshot.whole != before)
        world.promise()
        send(world, 3)
        await until(lambda: world.row("seen") == supply.OPEN, 120_000)
        world.promise()

    world.run(script)
    tell("end")


def recover(register_cwh, status, sent):
    world = world_with(register_cwh, status)

    async def script(world):
        in_contact(world)
        accounts = world.gateway.ledger.accounts
        ledger = world.gateway.ledger
        tell("found %d %s %d %d" % (ledger.sequence, ledger.sound, world.balance(), world.row("wish")))
        for number in range(1, sent + 1):
            send(world, number)
        tell("credits %d" % accounts.get(world.slot().row, "total_0"))
        await aio.sleep_ms(RECOVERY_MS)
        world.promise()
        tell("left %d %d %d" % (world.balance(), world.row("wish"), world.meters[0].status))

    world.run(script)
    tell("end")
