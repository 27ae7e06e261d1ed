"""The brake and what comes slowly: accounts due through one document, corrections or orders, over days and restarts."""

import json

from firmware.base import aio
from firmware.base.wire import cbor
from firmware.cutoff.causes import CLOSED, CORRECTIONS, ORDERS, OVER, POLICY, SUSPECTED, TARIFF
from firmware.gateway_causes import CauseDesk
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.fake_board import World, policy
from tests.hall_kit import in_contact, records, told, until
from tests.kit import eq

COIN = 1_000_000
CENT = 10_000
METERS = 4
MONEY_AND_TIMING = 0x1FF0001
BRAKE = {"accounts_max": 2, "share_percent": 10, "window_s": 30}
ORDER_TARIFF, ORDER_POLICY, ORDER_RELEASE_BRAKE, ORDER_CUT, ORDER_CREDIT_LIMIT = 5, 6, 7, 1, 17


def world_of(**changes):
    changes.update({"brake": BRAKE, "reading_fresh_s": 300, "restore": "0.10"})
    return World(METERS, policies=[policy(**changes)], poll_period_s=20, power_w=0)


async def read_all(world, start_ucu):
    in_contact(world)
    for index in range(METERS):
        world.credit(start_ucu, index)
    eq(await until(lambda: all([slot.reading is not None for slot in world.gateway.slots])), True, "not read")


def send(world, order, document):
    text = json.dumps(document).encode()
    world.gateway.on_order(order, 0, document["version"], 0, 0, 0, text)


def send_policy(world, version, **changes):
    changes.update({"version": version, "brake": BRAKE, "reading_fresh_s": 300})
    send(world, ORDER_POLICY, policy(**changes))


def send_tariff(world, version, price):
    tariff = {"tariff": 1, "version": version, "effective": "2026-01-02", "currency": "CNY", "utc_offset_min": 480}
    tariff["prices"] = {"total": price}
    send(world, ORDER_TARIFF, tariff)


async def one_by_one(world, amounts):
    """So many credits or corrections, each further from the one before than the window of the brake."""
    for index in range(len(amounts)):
        in_contact(world)
        world.credit(amounts[index], index)
        await aio.sleep_ms(45_000)


def is_closed(world):
    return world.gateway.supply.brake.closed


async def use_up(world, seconds):
    """One after the other uses 0.11 a minute, at 0.55 a kWh."""
    for index in range(3):
        in_contact(world)
        world.meters[index].power_w = 12_000
        await aio.sleep_ms(seconds * 1_000)


# a cause that makes three accounts due one at a time, and as many due that would be so without it


async def by_policy(world):
    send_policy(world, 2, floor="0.40", restore="0.50")
    eq(told(world, kinds.SUSPECT)[-1][:4], (POLICY, 1, 2, SUSPECTED))
    await use_up(world, 80)


async def by_a_little_policy(world):
    send_policy(world, 2, floor="0.05", restore="0.15")
    eq(told(world, kinds.SUSPECT)[-1][3], SUSPECTED)
    await use_up(world, 110)


async def by_tariff(world):
    send_tariff(world, 2, "5.5000")
    eq(told(world, kinds.SUSPECT)[-1][:5], (TARIFF, 1, 2, SUSPECTED, 900))
    await use_up(world, 60)


async def by_a_little_tariff(world):
    send_tariff(world, 2, "0.5600")
    eq(told(world, kinds.SUSPECT)[-1][3:5], (SUSPECTED, 17))
    await use_up(world, 140)


async def by_corrections(world):
    await one_by_one(world, [-COIN] * 3)


async def by_small_corrections(world):
    for index in range(3):
        world.credit(-5 * CENT, index)
    await use_up(world, 110)


async def order_off(world, count):
    for index in range(count):
        world.gateway.on_order(ORDER_CUT, 1001 + index, 1, world.rtc.at_s + 600, 99, MONEY_AND_TIMING, None)
    await aio.sleep_ms(1_000)


async def by_orders(world):
    await order_off(world, 3)


async def by_few_orders(world):
    await order_off(world, 2)


def lend(world, limit_ucu):
    """A credit limit for each of three accounts."""
    for index in range(3):
        lend_one(world, index, limit_ucu)


def lend_one(world, index, limit_ucu):
    number, document = world.row("order", index) + 1, cbor.encode({1: limit_ucu, 2: "test"})
    world.gateway.on_order(ORDER_CREDIT_LIMIT, 1001 + index, number, 0, 0, 0, document)
    eq(told(world, kinds.ORDER)[-1][3:5], (1, 0))


async def take_limits(world):
    """One after the other, each further from the one before than the window of the brake."""
    for index in range(3):
        in_contact(world)
        lend_one(world, index, 0)
        await aio.sleep_ms(45_000)


async def use_together(world, seconds):
    for index in range(3):
        world.meters[index].power_w = 12_000
    await aio.sleep_ms(seconds * 1_000)
    for index in range(3):
        world.meters[index].power_w = 0
    in_contact(world)


async def by_lower_limits(world):
    lend(world, COIN)
    await use_together(world, 290)
    eq((told(world, kinds.SUSPECT), world.row("wish")), ([], 0))
    await take_limits(world)


async def by_slightly_lower_limits(world):
    lend(world, 5 * CENT)
    await use_together(world, 125)
    await take_limits(world)


async def by_policy_for_the_post_paid(world):
    lend(world, 7 * COIN)
    for index in range(3):
        world.credit(-7 * COIN, index)
    world.gateway.supply.causes.clear()  # it is not these corrections that are tried here
    await by_policy(world)


CASES = (
    (by_lower_limits, 50 * CENT, (CORRECTIONS, 0, 0)),
    (by_slightly_lower_limits, 20 * CENT, None),
    (by_policy_for_the_post_paid, 50 * CENT, (POLICY, 1, 2)),
    (by_policy, 50 * CENT, (POLICY, 1, 2)),
    (by_a_little_policy, 20 * CENT, None),
    (by_tariff, 50 * CENT, (TARIFF, 1, 2)),
    (by_a_little_tariff, 20 * CENT, None),
    (by_corrections, 50 * CENT, (CORRECTIONS, 0, 0)),
    (by_small_corrections, 20 * CENT, None),
    (by_orders, 50 * CENT, (ORDERS, 0, 0)),
    (by_few_orders, 50 * CENT, None),
)


def test_one_cause_that_makes_too_many_due_closes_the_brake_however_slowly_and_is_named():
    for act, start_ucu, cause in CASES:
        check(act, start_ucu, cause)


def check(act, start_ucu, cause):
    world = world_of()

    async def script(world):
        await read_all(world, start_ucu)
        await act(world)

    world.run(script, 10_000)
    name = repr(cause) + " " + str(act)
    due = [world.slot(index).account in world.gateway.supply.brake._due_at_s for index in range(3)]
    eq(due, [True, True, act != by_few_orders], name)
    eq((is_closed(world), world.gateway.supply.causes.closed_by), (cause is not None, cause), name)
    eq([values[:3] for values in told(world, kinds.SUSPECT) if values[3] == CLOSED], [cause] if cause else [], name)
    eq([values[0] for values in told(world, kinds.BRAKE)], [1] if cause else [], name)


def test_what_was_counted_survives_restarts_and_a_signed_release_ends_it():
    world = world_of()

    async def first(world):
        await read_all(world, 50 * CENT)
        send_policy(world, 2, floor="0.40", restore="0.50")
        world.meters[0].power_w = 12_000
        await aio.sleep_ms(80_000)
        world.meters[1].power_w = 12_000
        await aio.sleep_ms(80_000)
        eq(world.gateway.supply.causes._through[POLICY, 1], [1001, 1002])

    async def second(world):
        in_contact(world)
        eq((is_closed(world), world.gateway.supply.causes._through[POLICY, 1]), (False, [1001, 1002]))
        world.meters[2].power_w = 12_000
        eq(await until(lambda: is_closed(world), 120_000), True, "the third account is one too many")

    async def third(world):
        causes = world.gateway.supply.causes
        eq((is_closed(world), causes.closed_by), (True, (POLICY, 1, 2)))
        world.gateway.on_order(ORDER_RELEASE_BRAKE, 0, 1, 0, 0, 0, None)
        eq((is_closed(world), causes.closed_by, causes.suspects, causes._through), (False, None, {}, {}))
        world.meters[3].power_w = 12_000
        eq(await until(lambda: 1004 in world.gateway.supply.brake._due_at_s, 120_000), True)

    async def fourth(world):
        eq((is_closed(world), world.gateway.supply.causes.suspects), (False, {}), "a restart after the release")

    for life in (first, second, third, fourth):
        world.run(life)


def test_a_power_cut_between_suspicion_and_document_leaves_no_version_that_nobody_suspects():
    world = world_of()

    async def first(world):
        await read_all(world, 50 * CENT)
        seen = []
        journal = world.gateway.ledger.journal
        world.gateway.orders._documents.store = lambda *document: seen.append(journal.durable_sequence)
        send_policy(world, 2, floor="0.40", restore="0.50")
        raw = records(world, kinds.SUSPECT)[0]
        eq(seen[0] >= int.from_bytes(raw[2:6], "little"), True, "its file was there before it was suspected")

    world.run(first)


def test_small_steps_are_one_cause_and_taking_it_back_ends_the_suspicion():
    world = world_of()

    async def script(world):
        await read_all(world, 50 * CENT)
        for version, price in ((2, "0.6600"), (3, "0.8250")):
            send_tariff(world, version, price)
        eq([values[2:5] for values in told(world, kinds.SUSPECT)], [(2, SUSPECTED, 166), (3, SUSPECTED, 333)])
        send_tariff(world, 4, "0.5500")
        eq(told(world, kinds.SUSPECT)[-1][2:4], (4, OVER))
        send_policy(world, 2, floor="0.20", restore="0.30")
        send_policy(world, 3, floor="0.30", restore="0.50", emergency="0.10")
        eq(told(world, kinds.SUSPECT)[-1][2:8], (3, SUSPECTED, 0, 0, 10 * CENT, 0))
        send_policy(world, 4, floor="0.00", restore="0.10")
        eq(told(world, kinds.SUSPECT)[-1][2:4], (4, OVER))
        eq(world.gateway.supply.causes.suspects, {})
        count = len(told(world, kinds.SUSPECT))
        send_policy(world, 5, floor="-5.00", restore="0.10")
        send_tariff(world, 5, "0.5000")
        eq(len(told(world, kinds.SUSPECT)), count, "what is better for customers is no suspect")

    world.run(script)


def test_behind_a_snapshot_stands_all_that_is_not_over():
    world = world_of()

    async def script(world):
        await read_all(world, 50 * CENT)
        send_tariff(world, 2, "5.5000")
        world.credit(-20 * CENT, 3)
        await use_up(world, 60)
        desk = world.gateway.supply.causes
        world.gateway.ledger.snapshot.whole = whole = world.gateway.ledger.sequence
        await aio.sleep_ms(3_000)
        again = CauseDesk(world.gateway.ledger, world.gateway.supply.brake)
        ledger, sequence = world.gateway.ledger, whole + 1
        while sequence <= ledger.sequence:
            _, first, _, batch = ledger.outbox.journal_from(sequence, 1_000)
            for raw in batch:
                again.on_record(raw[1], values_of(raw, 0, len(raw)), first, 0)
                first += 1
            sequence = first
        eq([again.suspects[key][:5] for key in sorted(again.suspects)], [desk.suspects[key][:5] for key in sorted(desk.suspects)])
        eq((again._through, again.closed_by), (desk._through, (TARIFF, 1, 2)))
        eq([list(again._relief[what]) for what in (TARIFF, CORRECTIONS)], [list(desk._relief[what]) for what in (TARIFF, CORRECTIONS)])
        await aio.sleep_ms(5_000)
        eq(world.gateway.supply.causes._kept, -1, "once is enough")

    world.run(script)
