"""The installer changes the settings between two lives: protection, the model, an account that is there no more."""

from firmware.base import aio
from firmware.base.faults import BadInput
from firmware.cutoff import supply
from tests.fake_board import World
from tests.hall_kit import in_contact, until
from tests.kit import eq, raises

TRIP = 0x1A
COIN = 1_000_000
FLAGS_ORDER = 9


async def cut(world):
    in_contact(world)
    world.credit(-COIN)
    eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")


def change(world, **fields):
    """Other fields for the first meter in the settings of the next life."""
    world._files[2][0] = fields
    world.write_again()


def test_protection_that_is_added_later_restores_and_holds():
    world = World()
    world.run(cut)
    change(world, protected=True)

    async def second(world):
        in_contact(world)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 60_000), True, "protected and dark")
        await aio.sleep_ms(120_000)

    world.run(second)
    eq(world.meters[0].orders.count(TRIP), 1)


def test_protection_in_the_settings_is_not_ended_by_an_order():
    world = World(flags={0: {"protected": True}})

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        world.gateway.orders._documents.decode_flags = lambda document: (0, 0)
        world.gateway.on_order(FLAGS_ORDER, world.slot().account, 1, 0, 0, 0, b"none")
        await aio.sleep_ms(120_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_a_model_that_is_corrected_leaves_no_fault_behind():
    for wrong in ("sg_feecontrol_1p", "purse_1p"):
        world = World(model=wrong)
        world.run(recognised)
        world.change_model("export_1p")
        world.run(cut)


async def recognised(world):
    eq(await until(lambda: world.row("fault") in (8, 9), 20_000), True, "not recognised")


def test_more_accounts_than_the_books_hold_are_refused_by_name():
    eq(raises(BadInput, World(meters=17).run, lambda world: aio.sleep_ms(1)).field, "meters")


def test_an_account_that_finds_no_place_in_the_books_is_refused_by_name():
    world = World(meters=10)
    world.run(lambda world: aio.sleep_ms(10))
    for index in range(10):
        world._files[2][index] = {"account": 2001 + index}
    world.write_again()
    fault = raises(BadInput, world.run, lambda world: aio.sleep_ms(1))
    eq(fault.field, "account")
