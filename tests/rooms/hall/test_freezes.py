"""Days charged from the meter's own midnights: the usual night, outages, and every freeze that must not be believed."""

import json

from firmware.base import aio
from firmware.base.reading import Reading
from firmware.ledger import record_kinds as kinds
from tests.fake_board import UTC_OFFSET_MIN, World
from tests.hall_kit import alone, records, until
from tests.kit import cases, eq
from tests.rooms.hall.freezing import DAY_S, ESTIMATED, LAYOUT, MIDNIGHT_S, adds_up, bound, charges, frozen, life, pass_days


def world_before_midnight(before_s=60, **changes):
    """One meter of 6 kW that keeps freezes, `before_s` before its midnight."""
    limits = dict(changes.pop("limits", {}), uncharged_max_ucu=1_000_000_000)
    world = World(limits=limits, poll_period_s=30, **changes)
    for meter in world.meters:
        meter.freezes = []
    pass_days(world, MIDNIGHT_S - before_s - world.rtc.at_s)
    return world


def test_a_night_is_charged_up_to_the_register_that_the_meter_froze():
    world = world_before_midnight()
    life(world, 600)
    eq([row[:1] + row[2:] for row in charges(world)], [(0, frozen(world)[0], 1, 0)])
    eq(world.row("charged_at_s"), MIDNIGHT_S)
    adds_up(world)


def test_a_restart_two_minutes_after_midnight_charges_the_day_before_exactly():
    world = world_before_midnight()
    life(world, 20)
    pass_days(world, 150)
    life(world, 30)
    eq([row[:1] + row[2:] for row in charges(world)], [(0, frozen(world)[0], 1, 0)])
    eq(world.row("charged_at_s"), MIDNIGHT_S)


def test_an_outage_of_sixty_two_days_is_charged_day_by_day():
    world = world_before_midnight()
    life(world, 20)
    pass_days(world, 61 * DAY_S + 600)
    life(world, 60)
    rows = charges(world)
    eq([row[:1] + row[2:] for row in rows], [(day, frozen(world)[day], 1, 0) for day in range(62)])
    eq([row[1] for row in rows[1:]], [row[2] for row in rows[:-1]])
    adds_up(world)


def test_of_a_longer_outage_only_the_days_beyond_the_freezes_are_estimated():
    world = world_before_midnight()
    life(world, 20)
    pass_days(world, 70 * DAY_S + 600)
    life(world, 60)
    rows = charges(world)
    eq([(row[0], row[4]) for row in rows], [(9, ESTIMATED)] + [(day, 0) for day in range(10, 71)])
    adds_up(world)


def test_a_midnight_in_the_middle_of_the_walk_moves_the_numbers_and_loses_no_day():
    world = world_before_midnight()
    life(world, 20)
    pass_days(world, 30 * DAY_S + 20)
    life(world, 120)
    eq([(row[0], row[4]) for row in charges(world)], [(day, 0) for day in range(31)])
    adds_up(world)


def test_freezes_are_filed_by_their_time_and_not_by_their_number():
    def check(note, change, want):
        world = world_before_midnight()
        life(world, 20)
        pass_days(world, 4 * DAY_S + 600)
        meter = world.meters[0]
        meter.freezes = change(meter.freezes)
        life(world, 60)
        eq([(row[0], row[4]) for row in charges(world)], want, note)
        adds_up(world)

    whole = [(day, 0) for day in range(5)]
    tomorrow = MIDNIGHT_S + 5 * DAY_S + UTC_OFFSET_MIN * 60
    cases(
        (
            ("whole", lambda rows: rows, whole),
            ("slept over one midnight", lambda rows: rows[:2] + rows[3:], [(0, 0), (1, 0), (3, ESTIMATED), (4, 0)]),
            ("slept over the first", lambda rows: rows[:4], [(1, ESTIMATED), (2, 0), (3, 0), (4, 0)]),
            ("clock ahead: tomorrow's is there already", lambda rows: [(tomorrow, rows[0][1])] + rows, whole),
            ("clock set back: one midnight twice", lambda rows: rows[:2] + [rows[1]] + rows[2:], whole),
        ),
        check,
    )


def estimated(world):
    """The midnight was split by no one: one charge over it, marked, to no midnight."""
    rows = charges(world)
    eq([(row[0], row[3], row[4]) for row in rows], [(None, 1, ESTIMATED)])
    adds_up(world)


def test_without_a_believable_freeze_the_midnight_is_estimated_and_marked_after_the_stated_time():
    def check(note, items, after_s):
        world = world_before_midnight(limits={"freeze_wait_s": 300})
        world.meters[0].freeze_items = items
        life(world, 200)
        eq(len(charges(world)), 0 if after_s else 1, "at once")
        life(world, 400)
        estimated(world)

    time, register = 0x05060001, 0x05060101
    cases(
        (
            ("refused", {time: None}, False),
            ("its register refused", {register: None}, False),
            ("register FF-filled", {register: b"\xff" * 4}, False),
            ("register no BCD", {register: b"\x5a\x34\x12\x00"}, False),
            ("register behind the last charge", {register: bytes(4)}, False),
            ("register beyond the reading", {register: b"\x00\x00\x99\x99"}, False),
            ("time of zeros", {time: bytes(5)}, True),
            ("time FF-filled", {time: b"\xff" * 5}, True),
            ("time no BCD", {time: b"\x00\x00\x2a\x09\x26"}, True),
            ("no midnight", {time: b"\x30\x00\x22\x09\x26"}, True),
            ("a date that is none", {time: b"\x00\x00\x31\x09\x26"}, True),
            ("the future", {time: b"\x00\x00\x22\x09\x27"}, True),
            ("the past", {time: b"\x00\x00\x21\x09\x26"}, True),
        ),
        check,
    )


def test_a_meter_whose_clock_is_behind_is_waited_for():
    world = world_before_midnight()
    world.meters[0].clock_s -= 600
    life(world, 500)
    eq(charges(world), [])
    eq(world.slot().reading.at_s < MIDNIGHT_S, True, "no reading behind the midnight is believed yet")
    life(world, 600)
    eq([row[:1] + row[2:] for row in charges(world)], [(0, frozen(world)[0], 1, 0)])


def test_a_meter_that_is_silent_to_freezes_only_is_estimated_after_the_stated_time():
    world = world_before_midnight(limits={"freeze_wait_s": 300})
    world.meters[0].deaf_to_freezes = True
    life(world, 200)
    eq(charges(world), [])
    life(world, 400)
    estimated(world)


def test_a_model_without_freezes_is_not_asked_and_estimated_at_once():
    world = world_before_midnight(model="base_2007")
    life(world, 300)
    eq([(row[0], row[4]) for row in charges(world)], [(None, ESTIMATED)])


def test_while_days_are_charged_nothing_is_mistaken_for_a_turn_of_the_register():
    """A payment and a new price in the middle of the walk judge the account by its last believed reading."""
    world = world_before_midnight()

    async def script(world):
        await bound(world)
        world.credit(1_000_000)
        for _ in range(1_200):
            await aio.sleep_ms(50)
            gateway = world.gateway
            gateway.reprice(world.slot())
            uncharged = world.slot().uncharged_ucu
            eq(0 <= uncharged < 10_000_000, True, "uncharged energy is worth %r" % (uncharged,))

    world.run(script)
    eq([row[0] for row in charges(world)], [0])


def test_a_relay_order_goes_between_the_freezes():
    world = world_before_midnight()
    life(world, 20)
    pass_days(world, 61 * DAY_S + 600)

    async def script(world):
        await until(lambda: world.row("charged_at_s") > MIDNIGHT_S + 5 * DAY_S)
        world.gateway.supply._order(0, 2)
        await aio.sleep_ms(3_000)
        eq(world.row("charged_at_s") < MIDNIGHT_S + 60 * DAY_S, True)
        return world.meters[0].orders.count(0x1C), world.firmware.bus.lane.busy(0, 2)

    eq(world.run(script), (0, False), "a meter that is closed already is looked at, and no more")


def tariff_text(version, effective, price):
    document = {"tariff": 1, "version": version, "effective": effective, "currency": "CNY", "utc_offset_min": UTC_OFFSET_MIN}
    document["prices"] = {"total": price}
    return json.dumps(document).encode()


def versions(world):
    """(day, version, price) of each charge at a midnight."""
    values = [LAYOUT.unpack(raw, 11) for raw in records(world, kinds.CHARGE)]
    return [((row[5] - MIDNIGHT_S) // DAY_S, row[7], row[8]) for row in values if row[11] == 1]


def test_each_day_is_charged_under_the_tariff_of_its_own_day():
    """Versions of 24 and 26 September lie in an outage; the midnight of the 22nd is day 0."""
    world = world_before_midnight()
    for version, effective, price in ((2, "2026-09-24", "0.7000"), (3, "2026-09-26", "0.4000")):
        world._write("tariff_1_%d.json" % version, tariff_text(version, effective, price).decode())
    life(world, 20)
    pass_days(world, 6 * DAY_S + 600)
    life(world, 60)
    eq(versions(world), [(0, 1, 5500), (1, 1, 5500), (2, 1, 5500), (3, 2, 7000), (4, 2, 7000), (5, 3, 4000), (6, 3, 4000)])


def test_a_tariff_that_comes_late_applies_from_the_first_day_that_is_not_settled():
    world = world_before_midnight()

    async def script(world):
        await bound(world)
        await aio.sleep_ms(300_000)  # day 0 is settled
        world.gateway.on_order(5, 0, 2, 0, 0, 0, tariff_text(2, "2026-09-20", "0.7000"))

    world.run(script)
    pass_days(world, 2 * DAY_S)
    life(world, 60)
    eq(versions(world), [(0, 1, 5500), (1, 2, 7000), (2, 2, 7000)])


def test_days_without_a_tariff_wait_for_one_and_are_split_from_then_on():
    world = world_before_midnight()
    world._write("tariff_1_1.json", tariff_text(1, "2026-09-24", "0.5500").decode())
    life(world, 300)
    eq(charges(world), [])
    pass_days(world, 5 * DAY_S)
    life(world, 60)
    eq([(row[0], row[4]) for row in charges(world)], [(3, ESTIMATED), (4, 0), (5, 0)])
    adds_up(world)


def test_a_freeze_of_before_the_last_charge_is_no_turn_of_the_register():
    """The clock was wrong by more than a year when the last charge was dated: in so much time a whole turn could have passed."""
    world = World()

    def script(world):
        gateway, slot = world.gateway, world.slot()
        gateway.clock._set(3, MIDNIGHT_S - 463 * DAY_S, gateway._ticks_ms(), 0)
        gateway.ledger.record(kinds.SEGMENT, (slot.account, slot.serial, 0, 2_000, 0, 0, 0, 0))
        slot.model.max_current_a = 1_000
        reading = Reading(0, slot.serial)
        reading.at_s, reading.quality, reading.rates = MIDNIGHT_S + 3_600, 3, 0
        reading.registers[0] = 2_100
        for register, believed in ((1_999, False), (2_101, False), (2_000, True), (2_050, True), (2_100, True)):
            registers = [register, None, None, None, None]
            eq(gateway.freezes._believable(slot, reading, MIDNIGHT_S, registers), believed, register)

    alone(world, script)
