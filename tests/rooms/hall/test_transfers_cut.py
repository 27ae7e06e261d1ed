"""An account that is given or taken while the power goes: it is here or there, whole, and its order comes again."""

from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, read
from tests.kit import eq
from tests.rooms.hall.carrying import ACCOUNT, COIN, arriving, carried, give, given, take, taking
from tests.rooms.hall.moving import lines, used_a_little

DAY_S = 86_400
ELSEWHERE = 2048


def images(world, before, act):
    """Do `before`, then `act` -> (flash, units before `act`), [(block, its bytes, its units)] that a cut in each unit that it touches would
    leave."""
    region, found, touched = world.region, [], []
    unit, size = region.program_unit, region.erase_size

    def at_point(region, torn):
        at = region.torn_unit
        if at < 0 or at in touched:
            return
        touched.append(at)
        block = at * unit // size
        image = bytearray(region.flash)
        torn(image, 17 * len(touched))
        units = region.programmed[block * size // unit : (block + 1) * size // unit]
        units[at - block * size // unit] = 1
        found.append((block, bytes(image[block * size : (block + 1) * size]), bytes(units)))

    def script(world):
        before(world)
        world.gateway.ledger.commit()
        kept = (bytes(region.flash), bytes(region.programmed))
        region.on_point = at_point
        act(world)
        region.on_point = None
        return kept

    return alone(world, script), found


def put(world, whole, image):
    (flash, programmed), (block, data, touched) = whole, image
    size, units = world.region.erase_size, world.region.erase_size // world.region.program_unit
    world.region.load(flash, programmed)
    world.region.flash[block * size : (block + 1) * size] = data
    world.region.programmed[block * units : (block + 1) * units] = touched
    world.region.load(world.region.flash, world.region.programmed)


def test_a_power_cut_anywhere_in_giving_leaves_it_there_or_gives_it_whole():
    world = World()

    def before(world):
        taking(world)
        world.credit(50 * COIN)
        used_a_little(world)

    whole, found = images(world, before, give)
    eq(len(found) > 8, True, len(found))
    seen = []

    def goes_on(world):
        taking(world)
        seen.append(world.row("flags"))
        if not world.row("flags"):
            eq(world.balance() in (50 * COIN, 50 * COIN - 3 * 5_500), True, "half a charge")
            read(world, START_S + 120, [1_006])
        give(world)
        row = carried(world)
        eq((world.row("flags"), world.balance(), len(carried(world, True))), (ELSEWHERE, 0, 1))
        return row[-1]

    for image in found:
        put(world, whole, image)
        row = alone(world, goes_on)
        eq(world.gateway.ledger.troubles, ())
        there = sum([end - start for start, end, _ in lines(world, ACCOUNT)])
        second = arriving()
        alone(second, lambda second: (take(second, row), read(second, START_S + 2 * DAY_S, [1_050])))  # noqa: B023 - called at once
        here = sum([end - start for start, end, _ in lines(second, ACCOUNT)])
        eq((there + here, charged(second), second.balance()), (50, 50 * 5_500, 50 * COIN - 50 * 5_500))
        world.write_again()
    eq(sorted(set(seen)), [0, ELSEWHERE], "some cuts leave it, some give it")


def test_a_power_cut_anywhere_in_taking_leaves_it_waiting_or_takes_it_whole():
    left = given(lambda world: (world.credit(50 * COIN), used_a_little(world)))
    world = arriving()
    whole, found = images(world, taking, lambda world: take(world, left["row"]))
    eq(len(found) > 6, True, len(found))
    seen = []

    def goes_on(world):
        taking(world)
        seen.append(world.row("flags"))
        eq(world.balance(), 0 if world.row("flags") else left["balance"])
        read(world, START_S + 90, [1_004])
        take(world, left["row"])
        world.gateway.on_credit(ACCOUNT, 1, 1, 50 * COIN, 50 * COIN, START_S)
        eq((world.row("flags"), world.balance(), world.row("order")), (0, left["balance"], 2))
        read(world, START_S + 2 * DAY_S, [1_050])

    for image in found:
        put(world, whole, image)
        alone(world, goes_on)
        eq((world.gateway.ledger.troubles, charged(world), len(carried(world, True))), ((), 50 * 5_500, 1))
    eq(sorted(set(seen)), [0, ELSEWHERE], "some cuts leave it waiting, some take it")


def test_a_receipt_that_the_power_took_is_the_record_itself():
    world = World()

    def first(world):
        taking(world)
        used_a_little(world)
        ledger = world.gateway.ledger
        wanted = ledger.record
        ledger.record = lambda kind, *rest: 0 if kind == kinds.ORDER else wanted(kind, *rest)
        give(world)
        ledger.record = wanted

    alone(world, first)
    alone(world, lambda world: eq((taking(world), give(world), len(carried(world, True))), (None, None, 1)))
