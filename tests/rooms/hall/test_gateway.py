"""The whole firmware on a virtual clock: charge, warn, cut, restore, restart, and everybody who must stay on."""

from firmware.base import aio
from firmware.cutoff import supply
from firmware.sync.messages import Ack
from tests.fake_board import START_S, World, policy
from tests.hall_kit import until
from tests.kit import eq

TRIP = 0x1A
CLOSE = 0x1C
ALARM_ON = 0x2A
COIN = 1_000_000


def trips(world, index=0):
    """How often the relay was told to trip."""
    return sum(1 for order in world.meters[index].orders if order == TRIP)


def in_contact(world):
    """The head-end spoke a moment ago: the right to cut offline counts from here."""
    world.gateway.head_end.last_contact_s = world.rtc.at_s


async def with_credit(world, amount_ucu, index=0):
    in_contact(world)
    world.credit(amount_ucu, index)
    return await until(lambda: world.slot(index).reading is not None)


def test_energy_is_charged_exactly_once_for_what_the_register_shows():
    world = World(power_w=36_000)

    async def script(world):
        await with_credit(world, 100 * COIN)
        await aio.sleep_ms(1_200_000)

    world.run(script)
    accounts = world.gateway.ledger.accounts
    charged_cwh = accounts.charged_cwh(0, 0) - accounts.from_cwh(0, 0)
    eq(charged_cwh > 500, True, "energy charged: %d" % charged_cwh)
    eq(accounts.get(0, "total_charged_ucu"), charged_cwh * 5500)
    eq(world.balance(), 100 * COIN - charged_cwh * 5500)


def test_a_due_account_is_warned_then_cut_and_its_relay_read_back():
    world = World()

    async def script(world):
        await with_credit(world, -COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")

    world.run(script)
    eq(world.meters[0].orders[:2], [ALARM_ON, TRIP], "the alarm comes before the cut")
    eq(world.meters[0].status & 0x10, 0x10)
    eq((world.row("wish"), world.slot().state), (1, supply.OFF))


def test_a_payment_restores_supply_and_ends_the_episode():
    world = World()

    async def script(world):
        await with_credit(world, -COIN)
        await until(lambda: world.row("seen") == supply.OPEN)
        world.credit(20 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 10_000), True, "not restored within 10 s")
        await aio.sleep_ms(5_000)

    world.run(script)
    eq(world.meters[0].orders.count(CLOSE), 1)
    eq((world.row("wish"), world.row("episode_open"), world.row("alarm")), (0, 0, 0))


def stays_on(world, prepare=None, wait_ms=120_000):
    """Run an account that owes money for a while -> how often its relay was told to trip."""

    async def script(world):
        await with_credit(world, -COIN)
        if prepare:
            prepare(world)
        await aio.sleep_ms(wait_ms)

    world.run(script)
    return trips(world)


def test_nobody_is_cut_while_one_condition_fails():
    rows = [
        ("protected", {"flags": {0: {"protected": True}}}),
        ("exempt", {"flags": {0: {"exempt": True}}}),
        ("care, unvisited", {"flags": {0: {"care": True}}}),
        ("outside hours", {"policies": [policy(hours=[{"days": [7], "from": "03:00", "to": "04:00"}])]}),
        ("warned too short a time ago", {"policies": [policy(notice=notice(3600, "alarm"))]}),
        ("no notice known to have arrived", {"policies": [policy(notice=notice(1, "head_end"))]}),
        ("a policy not fully understood", {"policies": [policy(hot_days=["2026-09-21"])]}),
        ("own purse", {"model": "purse_1p"}),
        ("utility key", {"model": "sg_feecontrol_1p"}),
        ("the throttle", {"policies": [policy(throttle_per_hour=0)]}),
        ("the brake", {"policies": [policy(brake={"accounts_max": 0, "share_percent": 0, "window_s": 86400})]}),
        ("the offline right has lapsed", {"policies": [policy(offline_right_s=0)]}),
    ]
    for name, changes in rows:
        eq(stays_on(World(**changes)), 0, name)
    eq(stays_on(World()), 1, "the same without a failing condition is cut")


def notice(period_s, channel):
    return {"level": "5.00", "period_s": period_s, "channels": [channel]}


def test_a_meter_whose_purse_shows_only_in_its_status_word_is_not_cut():
    world = World()
    world.meters[0].status = 0x0200
    eq(stays_on(world), 0)


def test_a_silent_meter_is_not_cut_and_nobody_else_waits_for_it():
    world = World(meters=2)

    async def script(world):
        await with_credit(world, 2 * COIN)
        world.meters[0].silent = True
        world.credit(-50 * COIN)
        await with_credit(world, -COIN, 1)
        await until(lambda: world.row("seen", 1) == supply.OPEN)
        await aio.sleep_ms(60_000)

    world.run(script)
    eq((trips(world, 0), trips(world, 1)), (0, 1))


def test_a_register_that_goes_backwards_is_held_not_charged_not_cut():
    world = World()

    async def script(world):
        world.meters[0].start_cwh = 500_000
        await with_credit(world, COIN)
        await aio.sleep_ms(10_000)
        world.meters[0].start_cwh = 400_000
        before = world.gateway.ledger.accounts.get(0, "total_charged_ucu")
        world.credit(-5 * COIN)
        await aio.sleep_ms(60_000)
        return before

    before = world.run(script)
    eq(world.gateway.ledger.accounts.get(0, "total_charged_ucu"), before)
    eq(world.row("flags") & 16, 16)
    eq(trips(world), 0)


def test_rollover_is_charged_not_held():
    world = World(power_w=36_000)
    world.meters[0].start_cwh = 99_999_995

    async def script(world):
        await with_credit(world, 100 * COIN)
        await until(lambda: world.meters[0].register_cwh() < 1000 and world.meters[0].added_cwh > 20)
        await aio.sleep_ms(300_000)

    world.run(script)
    accounts = world.gateway.ledger.accounts
    eq(world.row("flags") & 16, 0)
    charged_cwh = (accounts.charged_cwh(0, 0) - 99_999_995) % 100_000_000
    eq(accounts.get(0, "total_charged_ucu"), charged_cwh * 5500)
    eq(charged_cwh > 20, True)


def test_a_repeated_credit_counts_once_and_a_conflict_is_refused():
    world = World()

    async def script(world):
        account = world.slot().account
        for _ in range(3):
            world.gateway.on_credit(account, 1, 5, 10 * COIN, 30 * COIN, START_S)
        sequence = world.gateway.ledger.sequence
        for _ in range(3):
            world.gateway.on_credit(account, 1, 5, 10 * COIN, 31 * COIN, START_S)
        refused = world.gateway.ledger.sequence - sequence
        world.gateway.on_credit(account, 1, 4, COIN, 20 * COIN, START_S)
        world.gateway.on_credit(999, 1, 4, COIN, 20 * COIN, START_S)
        return refused

    eq(world.run(script), 1, "one record for the same conflict")
    eq(world.balance(), 30 * COIN)


def test_a_restart_finds_every_coin_and_keeps_the_customer_off_without_a_second_trip():
    world = World()

    async def first(world):
        await with_credit(world, -COIN)
        await until(lambda: world.row("seen") == supply.OPEN)
        return world.balance()

    balance = world.run(first)
    world.power_cut()

    async def second(world):
        eq(world.balance(), balance)
        eq(world.row("wish"), 1)
        await aio.sleep_ms(60_000)

    world.run(second)
    eq(trips(world), 1)
    eq(world.meters[0].status & 0x10, 0x10)


def test_a_restart_in_the_middle_of_a_cut_ends_with_relay_and_wish_agreeing():
    for stop_ms in range(9_000, 21_000, 700):
        stop_in_a_cut(World(), stop_ms)


def stop_in_a_cut(world, stop_ms):
    async def first(world):
        await with_credit(world, -COIN)
        await aio.sleep_ms(stop_ms)

    world.run(first)
    world.power_cut()

    async def second(world):
        in_contact(world)
        await aio.sleep_ms(90_000)

    world.run(second)
    is_open = bool(world.meters[0].status & 0x10)
    eq(is_open, world.row("wish") == 1, "stopped after %d ms" % stop_ms)


def order(world, kind, number, expires_s=600, credit_number=99, document=None):
    world.gateway.on_order(kind, world.slot().account, number, world.rtc.at_s + expires_s, credit_number, 0, document)


def last_order(world):
    """(number, verdict, reason) of the newest ORDER record."""
    found = None
    batch = world.gateway.ledger.outbox.journal_from(1, 1_000_000)
    for raw in batch[3]:
        if raw[1] == 16:
            found = (raw[15] | raw[16] << 8, raw[20], raw[21])
    return found


def test_cut_orders_expire_are_overtaken_and_never_repeat():
    world = World()

    async def script(world):
        await with_credit(world, 50 * COIN)
        order(world, 1, 1, expires_s=-1)
        eq(last_order(world), (1, 2, 1), "expired")
        order(world, 1, 2, credit_number=0)
        eq(last_order(world), (2, 2, 2), "overtaken by a credit")
        order(world, 1, 2)
        order(world, 1, 1)
        eq(last_order(world), (2, 2, 2), "used numbers leave no second verdict")
        order(world, 1, 3)
        eq(last_order(world), (3, 2, 4), "a customer in credit is not cut by an order")

    world.run(script)
    eq(trips(world), 0)


def test_hold_restores_and_release_lets_the_cut_happen_again():
    world = World()

    async def script(world):
        await with_credit(world, -COIN)
        await until(lambda: world.row("seen") == supply.OPEN)
        order(world, 3, 1)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 20_000), True, "hold did not restore")
        await aio.sleep_ms(60_000)
        eq(trips(world), 1)
        order(world, 4, 2)
        eq(await until(lambda: world.row("seen") == supply.OPEN, 120_000), True, "not cut again after release")

    world.run(script)


def test_restore_by_order_holds_although_the_money_is_not_there():
    world = World()

    async def script(world):
        await with_credit(world, -COIN)
        await until(lambda: world.row("seen") == supply.OPEN)
        order(world, 2, 1)
        eq(await until(lambda: world.row("seen") == supply.CLOSED, 20_000), True)
        await aio.sleep_ms(120_000)

    world.run(script)
    eq(trips(world), 1)


def test_a_brake_that_closed_stays_closed_over_a_restart_until_released():
    world = World(meters=4, policies=[policy(brake={"accounts_max": 2, "share_percent": 0, "window_s": 86400})])

    async def first(world):
        for index in range(4):
            await with_credit(world, -COIN, index)
        await aio.sleep_ms(60_000)
        return world.gateway.supply.brake.closed

    eq(world.run(first), True)
    before = sum(trips(world, index) for index in range(4))

    async def second(world):
        in_contact(world)
        eq(world.gateway.supply.brake.closed, True)
        await aio.sleep_ms(60_000)
        eq(sum(trips(world, index) for index in range(4)), before)
        world.gateway.on_order(7, 0, 1, 0, 0, 0, None)
        await aio.sleep_ms(60_000)

    world.run(second)
    eq(sum(trips(world, index) for index in range(4)), 4)


def test_a_gateway_that_is_behind_cuts_nobody():
    world = World()

    async def script(world):
        await with_credit(world, -COIN)
        ledger = world.gateway.ledger
        world.gateway.on_acks(Ack([ledger.epoch, ledger.sequence + 50, bytes(8), bytes(8), 0, START_S, None, 1, None, None]))
        await aio.sleep_ms(60_000)

    world.run(script)
    eq(trips(world), 0)

    async def second(world):
        in_contact(world)
        await aio.sleep_ms(60_000)

    world.run(second)
    eq(trips(world), 0, "the restart forgot it")


def test_a_new_tariff_and_policy_are_taken_once_and_bad_ones_are_refused():
    world = World()
    good = b'{"tariff":1,"version":2,"effective":"2026-01-02","currency":"CNY","utc_offset_min":480,"prices":{"total":"1.0000"}}'

    async def script(world):
        await with_credit(world, 10 * COIN)
        gateway = world.gateway
        gateway.on_order(5, 0, 2, 0, 0, 0, good)
        eq(last_order(world)[1:], (1, 0))
        gateway.on_order(5, 0, 3, 0, 0, 0, b'{"tariff":1}')
        eq(last_order(world)[1:], (2, 6))
        gateway.on_order(6, 0, 1, 0, 0, 0, b"not json")
        eq(last_order(world)[1:], (2, 6))
        eq(gateway.billing.tariff_now(world.slot(), world.rtc.at_s).prices, (10000,))

    world.run(script)

    async def second(world):
        await with_credit(world, COIN)
        eq(world.gateway.billing.tariff_now(world.slot(), world.rtc.at_s).prices, (10000,), "lost by the restart")

    world.run(second)
