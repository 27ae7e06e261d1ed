"""What a cut order may override, for how long, and what the gateway remembers of it after a restart."""

from firmware.base import aio
from firmware.cutoff import conditions, supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World, policy
from tests.hall_kit import alone, in_contact, only_the_window_counts, told, until
from tests.kit import eq

TRIP = 0x1A
COIN = 1_000_000
CUT_ORDER = 1
HOLD_ORDER = 3
RELEASE_ORDER = 4
TIMING = conditions.TIMING | conditions.CARE


def order(world, kind, number, overridden=0, expires_s=600):
    world.gateway.on_order(kind, world.slot().account, number, world.rtc.at_s + expires_s, 99, overridden, None)


async def cut_in_credit(world):
    """A customer in credit is cut by an order that says so."""
    in_contact(world)
    world.credit(30 * COIN)
    await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)
    order(world, CUT_ORDER, 1, TIMING | conditions.MONEY)
    eq(await until(lambda: world.row("seen") == supply.OPEN, 60_000), True, "not cut by the order")


def test_an_order_cuts_in_spite_of_credit_until_the_customer_pays():
    world = World()

    async def script(world):
        await cut_in_credit(world)
        await aio.sleep_ms(610_000)
        eq(world.row("wish"), 1, "what it overrode holds while its cut lasts")
        world.credit(COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True, "paid and dark")

    world.run(script)


def test_a_payment_that_a_restart_interrupted_ends_the_cut_of_an_order():
    world = World()

    async def first(world):
        await cut_in_credit(world)
        world.gateway.supply.judge = lambda slot, credited=False: None  # killed as soon as the credit is durable
        world.credit(COIN)

    world.run(first)

    async def second(world):
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 60_000), True, "paid and dark")

    world.run(second)


def test_what_an_order_overrode_does_not_outlive_its_cut():
    world = World(poll_period_s=30, limits={"supply_retry_slow_s": 300})

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)
        order(world, HOLD_ORDER, 1)
        order(world, CUT_ORDER, 2, TIMING | conditions.HOLD, expires_s=120)
        world.meters[0].silent = True
        eq(world.row("wish"), 1)
        await aio.sleep_ms(900_000)
        world.meters[0].silent = False
        eq(await until(lambda: world.row("wish") == 0), True, "a cut that did not leave is withdrawn")
        order(world, RELEASE_ORDER, 3)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 5_000_000), True, "due, released and not cut")
        order(world, HOLD_ORDER, 4)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True, "an old order keeps it dark against the hold")

    world.run(script)


def test_no_order_overrides_a_policy_that_is_not_fully_understood():
    world = World(policies=[policy(hot_days=["2026-09-21"])])

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.row("seen") == supply.CLOSED)
        order(world, CUT_ORDER, 1, conditions.ALL)
        await aio.sleep_ms(60_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


# the brake


def test_debts_that_were_paid_long_ago_count_anew_after_a_restart():
    brake = {"accounts_max": 2, "share_percent": 0, "window_s": 200}
    world = World(meters=3, policies=[policy(brake=brake)], power_w=0, poll_period_s=15)

    async def first(world):
        only_the_window_counts(world)
        in_contact(world)
        for index in range(3):
            world.credit(50 * COIN, index)
        for index in range(3):
            world.credit(-52 * COIN, index)
            eq(await until(lambda index=index: world.row("seen", index) == supply.OPEN), True, "never cut")
            world.credit(4 * COIN, index)  # above the restore amount, below the notice level
            await aio.sleep_ms(220_000)
        eq(world.gateway.supply.brake.closed, False)

    world.run(first)

    async def second(world):
        only_the_window_counts(world)
        in_contact(world)
        for index in range(3):
            world.credit(-10 * COIN, index)
        await aio.sleep_ms(120_000)
        eq(world.gateway.supply.brake.closed, True, "all three due at once, by one mistake of ours")

    world.run(second)


def test_a_debt_that_was_only_waiting_and_was_paid_counts_anew_after_a_restart():
    brake = {"accounts_max": 0, "share_percent": 34, "window_s": 200}
    world = World(meters=3, policies=[policy(brake=brake, hours=[])], power_w=0, poll_period_s=15)

    async def first(world):
        only_the_window_counts(world)
        in_contact(world)
        for index in range(3):
            world.credit(20 * COIN, index)
        for index in range(3):
            world.credit(-21 * COIN, index)
            await aio.sleep_ms(30_000)
            world.credit(50 * COIN, index)
            await aio.sleep_ms(220_000)
        eq(world.gateway.supply.brake.closed, False)

    world.run(first)

    async def second(world):
        only_the_window_counts(world)
        for index in range(3):
            world.credit(-70 * COIN, index)
        await aio.sleep_ms(120_000)
        eq(world.gateway.supply.brake.closed, True)

    world.run(second)


def test_a_release_of_the_brake_that_waited_for_days_releases_nothing():
    world = World(policies=[policy(brake={"accounts_max": 0, "share_percent": 0, "window_s": 86400})])

    def release(world, number, expires_at_s):
        world.gateway.on_order(7, 0, number, expires_at_s, 0, 0, None)
        return told(world, kinds.ORDER)[-1][3:5], world.gateway.supply.brake.closed

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        eq(await until(lambda: world.gateway.supply.brake.closed), True)
        at_s = world.rtc.at_s
        eq(release(world, 1, at_s - 1), ((2, 1), True), "made for who was due then")

    world.run(script)
    world.rtc.at_s, kept_s = 0, world.rtc.at_s
    alone(world, lambda world: eq(release(world, 2, kept_s + 3_600), ((2, 8), True)))
    world.rtc.at_s = kept_s
    alone(world, lambda world: eq(release(world, 2, kept_s + 3_600), ((2, 8), True), "its number is used"))
    alone(world, lambda world: eq(release(world, 3, kept_s + 3_600), ((1, 0), False)))
