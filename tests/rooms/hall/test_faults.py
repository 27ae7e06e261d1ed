"""Faults in the heart: flash that fails or is full, a full lane, a meter that refuses, an unknown clock, a relay found open."""

from firmware.base import aio, relay
from firmware.base.faults import StorageFault
from firmware.cutoff import conditions, supply
from firmware.ledger import record_kinds as kinds
from tests.fake_board import World, policy
from tests.hall_kit import in_contact, only_the_window_counts, records, until
from tests.kit import eq, raises

TRIP = 0x1A
CLOSE = 0x1C
OPEN_BITS = 0x0050
ALARM_BIT = 0x0080
COIN = 1_000_000


async def cut(world, index=0):
    """Make the account owe money until it is off."""
    in_contact(world)
    world.credit(-COIN, index)
    eq(await until(lambda: world.row("seen", index) == supply.OPEN), True, "never cut")


# flash


def test_flash_that_fails_stops_cuts_and_nothing_else():
    world = World(meters=2)

    async def script(world):
        await cut(world)
        world.credit(50 * COIN, 1)
        world.region.fail_next = "program"
        await until(lambda: not world.gateway.ledger.sound)
        asked = world.meters[1].requests
        raises(StorageFault, world.credit, -80 * COIN, 1)  # no verdict on flash, no acknowledgement
        await aio.sleep_ms(60_000)
        eq(world.meters[1].requests > asked + 10, True, "the bus stopped with the flash")
        eq(world.meters[0].status & 0x10, 0, "an unsound journal keeps nobody in the dark")

    world.run(script)
    eq(world.meters[1].orders.count(TRIP), 0)
    eq(world.balance(1) > 49 * COIN, True, "a credit that is not on flash counted")
    world.power_cut()

    async def second(world):
        in_contact(world)
        await aio.sleep_ms(20_000)

    world.run(second)
    eq(world.balance(1) > 49 * COIN, True, "what was refused came back")


def test_a_cut_that_cannot_be_written_does_not_leave():
    world = World(policies=[policy(notice={"level": "5.00", "period_s": 30, "channels": ["alarm"]})])

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: world.row("notice_level") == 1)
        await aio.sleep_ms(20_000)
        # whatever the next steps of the journal are, they fail
        world.region.program = _refuse
        await aio.sleep_ms(120_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_an_order_that_overrides_the_throttle_cuts_nobody_without_room_for_the_evidence():
    world = World()

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().reading is not None and world.row("seen") == supply.CLOSED)
        world.credit(-COIN)
        world.gateway.ledger.journal.reserves[1] = 10_000
        world.gateway.on_order(1, world.slot().account, 1, world.rtc.at_s + 600, 99, conditions.TIMING, None)
        await aio.sleep_ms(60_000)
        eq((world.row("wish"), world.slot().state), (0, supply.ON))

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def _refuse(offset, buf, start, end):
    raise StorageFault("worn out")


# the relay


def test_a_payment_is_not_kept_waiting_by_a_full_lane():
    world = World(meters=3, limits={"relay_orders_max": 3})

    async def script(world):
        await cut(world)
        await until(lambda: len(world.firmware.bus.lane) == 0)
        world.meters[1].silent = world.meters[2].silent = True
        for index in (1, 2):
            for action in (relay.ALARM_ON, relay.STATUS):
                world.firmware.bus.order(index, action)
        world.credit(20 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 30_000), True, "the lane was full")

    world.run(script)


def test_a_restore_is_tried_again_without_a_clock():
    world = World()

    async def first(world):
        await cut(world)

    world.run(first)
    world.rtc.at_s = 0
    item_of = world.meters[0]._item
    world.meters[0]._item = lambda item: None if item >> 8 == 0x040001 else item_of(item)  # no date anywhere
    world.meters[0].stuck = True

    async def second(world):
        await aio.sleep_ms(20_000)
        world.credit(20 * COIN)
        await until(lambda: world.slot().state == supply.NOT_ON, 3_000_000)
        world.meters[0].stuck = False
        eq(world.gateway.clock_view.stamp()[0], 0)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 4_000_000), True, "no retry without a clock")

    world.run(second)


def test_a_clock_that_steps_back_does_not_stop_the_retries():
    world = World(limits={"supply_retry_slow_s": 300})

    async def script(world):
        await cut(world)
        world.meters[0].stuck = True
        world.credit(20 * COIN)
        await until(lambda: world.slot().state == supply.NOT_ON, 3_000_000)
        world.gateway.clock._at_s -= 30 * 86_400
        world.meters[0].stuck = False
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 400_000), True, "waits for the old time to return")

    world.run(script)


def test_a_payment_closes_a_relay_that_was_found_open():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(10 * COIN)
        await until(lambda: world.row("seen") == supply.CLOSED)
        world.meters[0].status |= OPEN_BITS
        await until(lambda: world.slot().state == supply.FOUND_OFF)
        await aio.sleep_ms(60_000)
        eq(world.meters[0].orders.count(CLOSE), 0, "left alone: its own protection may hold it")
        world.credit(10 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True, "paid and dark")
        await until(lambda: world.slot().state == supply.ON, 20_000)

    world.run(script)
    eq((world.row("fault"), world.slot().state), (0, supply.ON))


def test_a_payment_that_also_ends_the_alarm_closes_a_relay_that_was_found_open():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(10 * COIN)
        await until(lambda: world.row("seen") == supply.CLOSED)
        world.meters[0].stuck = True  # the alarm is ordered, and does not come on
        world.meters[0].status |= OPEN_BITS
        await until(lambda: world.slot().state == supply.FOUND_OFF)
        world.credit(-6 * COIN)
        eq(world.slot().state, supply.FOUND_OFF, "a correction that takes money is no payment")
        eq(await until(lambda: world.firmware.bus.lane.busy(0, relay.ALARM_ON), 20_000), True, "no alarm is under way")
        world.meters[0].stuck = False
        world.credit(10 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True, "paid and dark")

    world.run(script)
    failed_notices = [values for values in records(world, kinds.NOTICE) if values[11 + 8] == 3]
    eq(failed_notices, [], "an alarm that is not wanted any more has not failed")


def test_an_alarm_that_did_not_go_out_is_put_out_later():
    world = World(limits={"supply_retry_slow_s": 300})

    async def script(world):
        in_contact(world)
        world.credit(3 * COIN)
        eq(await until(lambda: world.meters[0].status & ALARM_BIT, 60_000) != 0, True, "no alarm")
        await until(lambda: world.row("notice_level") == 1)
        world.meters[0].stuck = True
        world.credit(20 * COIN)
        await until(lambda: len(world.firmware.bus.lane) == 0)
        world.meters[0].stuck = False
        eq(await until(lambda: not world.meters[0].status & ALARM_BIT, 400_000), True, "the next notice would not be seen")

    world.run(script)


def test_a_trip_that_the_meters_own_purse_prepares_is_not_cancelled_by_us():
    for model in ("purse_1p", "sg_feecontrol_1p"):
        world = World(model=model)

        async def script(world):
            await until(lambda: world.slot().enforceable is not None and world.slot().state == supply.ON)
            world.meters[0].status |= 0x40
            await aio.sleep_ms(60_000)

        world.run(script)
        eq((world.meters[0].orders.count(CLOSE), world.slot().state), (0, supply.ON), model)


def test_a_trip_that_waits_in_the_meter_beyond_its_delay_is_called_off_and_a_person_looks():
    """Its own parameters may let it wait for a small current, and that comes at night."""
    world = World()
    meter = world.meters[0]
    plain = meter._relay

    def hanging(data):
        reply = plain(data)
        if data[8] == TRIP:
            meter.status &= ~0x10
        return reply

    meter._relay = hanging

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        await until(lambda: meter.orders.count(TRIP) == 1)
        eq(await until(lambda: meter.orders.count(CLOSE) == 1, 900_000), True, "it comes when nobody has judged")
        await aio.sleep_ms(600_000)
        in_contact(world)
        await aio.sleep_ms(60_000)
        eq((world.slot().state, world.row("fault"), meter.status & 0x40), (supply.ON, supply.TRIP_HANGS_FAULT, 0))
        eq(meter.orders.count(TRIP), 1, "a meter that cannot do it is not pressed")
        world.gateway.on_order(4, world.slot().account, 1, 0, 0, 0, None)
        eq(await until(lambda: meter.orders.count(TRIP) == 2, 60_000), True, "somebody looked at it")

    world.run(script)


# readings that do not come


def test_a_meter_that_refuses_its_register_is_not_cut_and_a_debtor_stays_off_until_paying():
    world = World(meters=2)

    async def script(world):
        world.credit(10 * COIN, 1)
        await cut(world)
        for meter in world.meters:
            meter._item = _only_relay(meter)
        await aio.sleep_ms(6_000)
        in_contact(world)
        world.credit(-12 * COIN, 1)
        await aio.sleep_ms(30_000)
        eq(world.meters[0].status & 0x10, 0x10, "a refused read gave supply to a debtor")
        eq(len(records(world, kinds.EVENT)), 2, "told once for each meter")
        world.credit(20 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True, "paid and dark")

    world.run(script)
    eq(world.meters[1].orders.count(TRIP), 0)


def test_a_payment_before_a_restart_restores_at_a_meter_that_refuses_its_register():
    world = World()

    async def first(world):
        await cut(world)
        world.gateway.supply.judge = lambda slot, credited: None  # killed as soon as the credit is durable
        world.credit(20 * COIN)

    world.run(first)
    world.meters[0]._item = _only_relay(world.meters[0])

    async def second(world):
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 60_000), True, "paid and dark")

    world.run(second)


def _only_relay(meter):
    item_of = meter._item
    return lambda item: None if item == 0x00010000 else item_of(item)


# the brake


def test_a_restart_with_silent_meters_does_not_count_old_debts_as_new():
    brake = {"accounts_max": 1, "share_percent": 0, "window_s": 300}
    world = World(meters=4, policies=[policy(brake=brake, throttle_per_hour=1)], poll_period_s=15)

    async def first(world):
        only_the_window_counts(world)
        in_contact(world)
        for index in range(4):
            world.credit(50 * COIN, index)
        for index in range(3):
            world.credit(-52 * COIN, index)
            await aio.sleep_ms(310_000)
        eq(world.gateway.supply.brake.closed, False)

    world.run(first)
    for meter in world.meters:
        meter.silent = True

    async def second(world):
        await aio.sleep_ms(60_000)
        for meter in world.meters:
            meter.silent = False
        await aio.sleep_ms(120_000)
        eq(world.gateway.supply.brake.closed, False, "the same debts closed it")

    world.run(second)


def test_a_restart_knows_that_a_released_debt_was_paid_and_came_anew():
    brake = {"accounts_max": 1, "share_percent": 0, "window_s": 86_400}
    world = World(meters=3, policies=[policy(brake=brake, hours=[])], power_w=0, poll_period_s=15)

    async def first(world):
        in_contact(world)
        for index in range(3):
            world.credit(50 * COIN, index)
        for index in range(2):
            world.credit(-51 * COIN, index)
        await aio.sleep_ms(40_000)
        eq(world.gateway.supply.brake.closed, True)
        world.gateway.on_order(7, 0, 1, 0xFFFFFFFF, 0, 0, None)
        world.credit(3 * COIN)  # above the floor, and the episode goes on
        await aio.sleep_ms(40_000)
        world.credit(-3 * COIN)
        await aio.sleep_ms(40_000)
        eq(world.gateway.supply.brake.closed, False)

    async def second(world):
        await aio.sleep_ms(40_000)
        in_contact(world)
        world.credit(-51 * COIN, 2)
        await aio.sleep_ms(40_000)
        eq(world.gateway.supply.brake.closed, True, "two new debts since the release, one before the restart")

    world.run(first)
    world.run(second)


def test_a_full_journal_lets_readings_and_restores_go_on():
    world = World()

    async def script(world):
        await cut(world)
        ledger = world.gateway.ledger
        ledger.journal.reserves[1] = 10_000  # no room for ordinary records
        asked = world.meters[0].requests
        await aio.sleep_ms(30_000)
        eq(world.meters[0].requests > asked + 5, True)
        world.credit(20 * COIN)
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 20_000), True)
        before = world.row("total_charged_ucu")
        world.credit(-40 * COIN)
        await aio.sleep_ms(60_000)
        eq((world.row("total_charged_ucu"), world.meters[0].orders.count(TRIP)), (before, 1))

    world.run(script)


# many dead meters


def test_meters_that_are_dead_from_the_start_leave_the_line_to_the_others():
    requests = []
    for dead in (0, 6):
        requests.append(asked_of_the_living(World(meters=8, poll_period_s=15), dead))
    eq(requests[1] * 10 >= requests[0] * 9, True, "of %d requests %d were left" % tuple(requests))


def asked_of_the_living(world, dead):
    """How often the last two of 8 meters were asked within 20 minutes while the first `dead` were silent."""

    async def script(world):
        for meter in world.meters[:dead]:
            meter.silent = True
        await aio.sleep_ms(1_200_000)
        return sum([meter.requests for meter in world.meters[6:]])

    return world.run(script)
