"""A move that the power cuts: it is done or not begun, its order comes again, and no energy is lost or charged twice."""

from firmware.base.wire import cbor
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, in_contact, read, told, until
from tests.kit import eq
from tests.rooms.hall.moving import ACCEPTED, MOVE_IN, NEW, OLD, lines, move, of, used_a_little

DAY_S = 86_400


def test_a_power_cut_between_the_move_and_its_verdict_leaves_the_move():
    world = World()

    def first(world):
        used_a_little(world)
        ledger = world.gateway.ledger
        wanted = ledger.record
        ledger.record = lambda kind, *rest: 0 if kind == kinds.ORDER else wanted(kind, *rest)
        document = bytes(cbor.encode({1: NEW, 2: 0, 3: "contract 17"}))
        world.gateway.on_order(MOVE_IN, OLD, 1, 0, 9, 0, document)
        ledger.record = wanted

    alone(world, first)

    def second(world):
        eq((world.slot().account, told(world, kinds.ORDER)), (NEW, []))
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))

    alone(world, second)
    eq(len(told(world, kinds.MOVED)), 1)


def test_a_power_cut_behind_the_new_segment_leaves_the_old_account_and_the_order_comes_again():
    world = World()

    def first(world):
        used_a_little(world)
        world.gateway.ledger.record(kinds.SEGMENT, (NEW, world.slot().serial, 0, 1_003, 0, 0, 0, 0, 1, START_S + 60))
        world.gateway.ledger.commit()

    alone(world, first)

    def second(world):
        eq((world.slot().account, of(world, NEW, "serial")), (OLD, bytes(6)))
        read(world, START_S + 120, [1_006])
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        read(world, START_S + 2 * DAY_S, [1_050])

    alone(world, second)
    eq((of(world, OLD, "total_charged_ucu"), charged(world)), (6 * 5_500, 44 * 5_500))


def images_of_a_move(world):
    """[(block, its bytes, its programmed units)]: what a power cut in each second unit of the move would leave, and what was before."""
    region, found = world.region, []
    unit, size = region.program_unit, region.erase_size
    touched = []

    def at_point(region, torn):
        if region.torn_unit < 0 or region.torn_unit in touched:
            return
        touched.append(region.torn_unit)
        block = region.torn_unit * unit // size
        image = bytearray(region.flash)
        torn(image, 17 * len(touched))
        units = region.programmed[block * size // unit : (block + 1) * size // unit]
        units[region.torn_unit - block * size // unit] = 1
        if len(touched) % 2:
            found.append((block, bytes(image[block * size : (block + 1) * size]), bytes(units)))

    def script(world):
        used_a_little(world)
        world.gateway.ledger.commit()
        before = (bytes(region.flash), bytes(region.programmed))
        region.on_point = at_point
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))
        region.on_point = None
        return before

    return alone(world, script), found


def test_a_power_cut_anywhere_in_a_move_neither_loses_energy_nor_charges_it_twice():
    world = World()
    (flash, programmed), images = images_of_a_move(world)
    size, units = world.region.erase_size, world.region.erase_size // world.region.program_unit
    eq(len(images) > 4, True, len(images))
    owners = []

    def goes_on(world):
        owners.append(world.slot().account)
        read(world, START_S + 120, [1_006])
        move(world, MOVE_IN, 1, NEW)  # its verdict is not with the head-end: it comes again
        eq((world.slot().account, of(world, OLD, "order")), (NEW, 1))
        read(world, START_S + 2 * DAY_S, [1_050])

    for block, data, touched in images:
        world.region.load(flash, programmed)
        world.region.flash[block * size : (block + 1) * size] = data
        world.region.programmed[block * units : (block + 1) * units] = touched
        world.region.load(world.region.flash, world.region.programmed)
        alone(world, goes_on)
        eq(world.gateway.ledger.troubles, ())
        begun = of(world, NEW, "from_0")
        old, new = [sum([end - start for start, end, _ in lines(world, account)]) for account in (OLD, NEW)]
        eq((old, new, old + new), (begun - 1_000, 1_050 - begun, 50))
    eq(sorted(set(owners)), [OLD, NEW], "some cuts leave the old account, some the new one")


def test_who_moves_in_behind_a_cut_has_light_though_the_power_goes_before_the_relay_closes():
    world = World()
    meter = world.meters[0]

    async def first(world):
        in_contact(world)
        world.credit(-1_000_000)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(await until(lambda: world.slot().reading_age_s < 3), True)
        meter.silent = True
        eq(move(world, MOVE_IN, 1, NEW), (ACCEPTED, 0))

    world.run(first)
    world.power_cut()
    eq(meter.status & 0x10, 0x10)
    meter.silent = False

    async def second(world):
        eq(world.slot().account, NEW)
        eq(await until(lambda: not meter.status & 0x10, 60_000), True, "the cut was of the one before")
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 60_000), True)
        eq(world.row("fault"), 0)

    world.run(second)
    closes = meter.orders.count(0x1C)

    async def third(world):
        meter.status |= 0x50
        eq(await until(lambda: world.slot().state == supply.FOUND_OFF, 60_000), True, "and only that one")

    world.run(third)
    eq(meter.orders.count(0x1C), closes)
