"""A story of the whole hall whose every flash operation is cut: credits, charges, an exemption, a debt, a visit, an emergency
credit, a month, a snapshot. Both interpreters.

A step may be told again after a cut, as the head-end and the meters would: it must then change nothing that it changed already.
So a life that was cut at any place and goes on from the step under way ends as the life that nobody cut.
"""

from firmware.base.reading import Reading
from firmware.base.wire import cbor
from firmware.cutoff import conditions
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests import fake_board
from tests.fake_board import START_S, UTC_OFFSET_MIN, World, policy
from tests.hall_kit import records
from tests.nor_ram import RamRegion

COIN = 1_000_000
PRICE = 5_500
DAY_S = 86_400
ERASE_SIZE, UNIT = 1024, 32
JOURNAL_BLOCKS, READINGS_BLOCKS = 20, 4
FLAGS_ORDER, REPORT_ORDER, DEBT_ORDER = 9, 11, 16
GIVE_ORDER, TAKE_ORDER, GIVEN, TAKEN = 14, 15, 1, 2
UNTIL_S = START_S + 30 * DAY_S
MIDNIGHT_S = (START_S + UTC_OFFSET_MIN * 60) // DAY_S * DAY_S + DAY_S - UTC_OFFSET_MIN * 60
SETTLES = (22, 0)  # the day and hour of a month that ends in the story
FAR_S = 10_000_000  # a day's use comes at once
CARE, EXEMPT, POOR = range(3)
FIELDS = ("total_0", "number_0", "total_charged_ucu", "charged_0", "from_0", "flags", "episode", "episode_open", "order", "wish")


class CutRegion(RamRegion):
    """Calls `on_cut(region, torn)` at the first, a middle and the last byte of each program, of each erase, and at each sync."""

    def __init__(self):
        RamRegion.__init__(self, (JOURNAL_BLOCKS + READINGS_BLOCKS) * ERASE_SIZE, ERASE_SIZE, UNIT)
        self.on_cut = None
        self.operations = 0
        self.on_point = self._point
        self._at = self._of = 0

    def program(self, offset, buf, start, end):
        self._begin(end - start)
        RamRegion.program(self, offset, buf, start, end)

    def erase(self, offset):
        self._begin(16)
        RamRegion.erase(self, offset)

    def sync(self):
        self._begin(1)
        RamRegion.sync(self)

    def _begin(self, points):
        self.operations += 1
        self._at, self._of = 0, points

    def _point(self, region, torn):
        if self.on_cut is not None and self._at in (0, self._of // 2, self._of - 1):
            self.on_cut(self, torn)
        self._at += 1


def new_world():
    """Three accounts, nothing told yet; its meters answer nothing, the story hands their readings over."""
    fake_board.FakeBoard.journal_bytes = JOURNAL_BLOCKS * ERASE_SIZE
    world = World(
        meters=3,
        power_w=0,
        policies=[policy(emergency="5.00", restore="1.00", care={"lead_days": 5})],
        flags={CARE: {"care": True}},
        limits={
            "uncharged_max_ucu": COIN,
            "accounts_max": 4,
            "snapshot_rows_per_tick": 2,
            "journal_snapshot_blocks": 2,
            "plausible_slack_s": FAR_S,
        },
    )
    world.region = CutRegion()
    for meter in world.meters:
        meter.silent = True
    return world


def credit(world, index, number, amount, total):
    world.gateway.on_credit(world.slot(index).account, 1, number, amount * COIN, total * COIN, START_S)


def order(world, index, kind, number, document):
    world.gateway.on_order(kind, world.slot(index).account, number, 0xFFFFFFFF, 0, 0, document)


def read(world, index, at_s, register_cwh):
    """A reading as the bus hands it over, behind its freeze and its month where the hall asks for them."""
    gateway = world.gateway
    world.rtc.at_s = max(world.rtc.at_s, at_s)
    gateway.clock._set(3, world.rtc.at_s, gateway._ticks_ms(), 0)
    reading = Reading(index, gateway.slots[index].serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, 0, 0
    reading.registers[0] = register_cwh
    registers = [register_cwh - 10, None, None, None, None]
    number = gateway.wants_freeze(reading)
    while number:
        number = gateway.on_freeze(reading, False, MIDNIGHT_S + UTC_OFFSET_MIN * 60, registers)
    number = gateway.wants_settlement(reading)
    while number:
        number = gateway.on_settlement(reading, number, at_s + UTC_OFFSET_MIN * 60, SETTLES, registers)
    gateway.on_reading(reading)


def everybody_read(world, at_s, used_cwh):
    for index in range(3):
        read(world, index, at_s, 1_000 * index + used_cwh)


def acknowledge(world):
    """The head-end holds everything, so that a snapshot begins and old blocks may go."""
    ledger = world.gateway.ledger
    ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0)
    for _ in range(10):
        world.gateway.on_tick()


def exempt(world):
    order(world, EXEMPT, FLAGS_ORDER, 1, bytes([0xA2, 1, conditions.FLAG_EXEMPT, 2, 0x1A]) + UNTIL_S.to_bytes(4, "big"))


def in_debt(world):
    """Half of what each credit brings pays off ten."""
    order(world, EXEMPT, DEBT_ORDER, 2, bytes(cbor.encode({1: 10 * COIN, 2: 50, 3: 0})))


def visited(world):
    episode = world.row("episode", CARE)
    order(world, CARE, REPORT_ORDER, 1, bytes([0xA4, 1, 1, 2, episode, 3, 0, 4, 0x1A]) + START_S.to_bytes(4, "big"))


STEPS = (
    lambda world: credit(world, CARE, 1, 20, 20),
    lambda world: credit(world, EXEMPT, 1, 20, 20),
    lambda world: credit(world, POOR, 1, 6, 6),
    lambda world: everybody_read(world, START_S + 60, 0),
    exempt,
    in_debt,
    lambda world: everybody_read(world, START_S + 900, 500),
    lambda world: credit(world, CARE, 2, -15, 5),
    lambda world: credit(world, POOR, 2, -4, 2),
    lambda world: everybody_read(world, START_S + 1_800, 700),
    visited,
    acknowledge,
    lambda world: everybody_read(world, MIDNIGHT_S + 300, 900),
    lambda world: credit(world, POOR, 3, 30, 32),
    lambda world: credit(world, EXEMPT, 2, 1, 21),
    acknowledge,
    lambda world: credit(world, EXEMPT, 3, 8, 29),
    lambda world: everybody_read(world, MIDNIGHT_S + 1_200, 1_100),
)


def given(world):
    """The head-end has the account with exemption and debt given to another gateway."""
    world.gateway.head_end.standing = 0
    order(world, EXEMPT, GIVE_ORDER, 3, bytes(cbor.encode({1: 0, 2: 0, 3: "new pole"})))


def taken(world):
    """It comes back as it left."""
    world.gateway.head_end.standing = 0
    raw = [raw for raw in records(world, kinds.CARRIED) if values_of(raw, 0, len(raw))[1] == GIVEN][-1]
    until_s, owed_ucu, share, most_ucu, row = values_of(raw, 0, len(raw))[3:]
    document = {1: TAKEN, 2: row, 3: until_s, 4: owed_ucu, 5: share, 6: most_ucu, 7: "new pole"}
    order(world, EXEMPT, TAKE_ORDER, 4, bytes(cbor.encode(document)))


CARRIED_STEPS = (
    lambda world: credit(world, EXEMPT, 1, 20, 20),
    lambda world: read(world, EXEMPT, START_S + 60, 1_000),
    exempt,
    in_debt,
    lambda world: read(world, EXEMPT, START_S + 900, 1_500),
    given,
    acknowledge,
    taken,
    lambda world: read(world, EXEMPT, START_S + 1_800, 1_900),
    lambda world: credit(world, EXEMPT, 2, 8, 28),
    lambda world: read(world, EXEMPT, START_S + 1_900, 1_900),
)


def books(world):
    """What must be the same in the end, however often the power went: rows, exemptions, and what may be there only once."""
    accounts = world.gateway.ledger.accounts
    rows = []
    for index in range(3):
        row = world.slot(index).row
        rows.append([accounts.get(row, field) if row >= 0 else 0 for field in FIELDS])
        rows[-1] += [accounts.balance_ucu(row) if row >= 0 else 0, accounts.debt_ucu(world.slot(index).account)]
    once = {}
    for kind in (kinds.VISIT, kinds.EMERGENCY):
        for raw in records(world, kind):
            values = values_of(raw, 0, len(raw))
            key = (kind,) + tuple(values[:3])
            once[key] = once.get(key, 0) + 1
    until = sorted([(account, entry[0]) for account, entry in accounts.exempt_until.items()])
    return rows, until, sorted(once.items())


def trouble(world):
    """A sentence when money or energy do not add up, whatever has happened, or None."""
    ledger = world.gateway.ledger
    if not ledger.sound:
        return "not sound: %r" % (ledger.troubles,)
    for index in range(3):
        row = world.slot(index).row
        if row < 0:
            continue
        get = ledger.accounts.get
        energy = get(row, "charged_0") - get(row, "from_0")
        if get(row, "total_charged_ucu") != energy * PRICE:
            return "account %d is charged %d for %d x 10 Wh" % (index, get(row, "total_charged_ucu"), energy)
        if get(row, "wish"):
            return "account %d was cut" % index
    return None
