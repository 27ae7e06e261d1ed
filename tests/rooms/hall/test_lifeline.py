"""The lifeline: a load limit in the place of a cut, from the decision to the register that is read back. Both interpreters."""

from firmware import console_evidence
from firmware.base import aio, relay
from firmware.cutoff import facts
from firmware.cutoff import supply as s
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_LIMITED
from tests.fake_board import World, policy
from tests.fake_site import NO_LIMIT
from tests.hall_kit import records, told, until
from tests.kit import eq

COIN = 1_000_000
LIFELINE = {"lifeline": {"power_w": 495}}


def limited_world(**changes):
    """A meter with a register for a load limit, under a policy with a lifeline of 495 W: 50 steps of 10 W."""
    world = World(model="lifeline_1p", policies=[policy(**dict(LIFELINE, **changes))], poll_period_s=60, power_w=300)
    world.meters[0].limit = NO_LIMIT
    return world


async def until_limited(world):
    world.gateway.head_end.last_contact_s = world.rtc.at_s
    world.credit(-COIN)
    eq(await until(lambda: world.slot().state == s.LIMITED), True, "never limited")


def relay_records(world):
    """Of the supply: action, phase, and the word, of a relay without the bit of the alarm."""
    found = [values[2:5] for values in told(world, kinds.RELAY) if values[2] in (1, 2, 6, 7)]
    return [(action, phase, word if action > 2 else word & 0x50) for action, phase, word in found]


def limits(world):
    return [values[1:] for values in told(world, kinds.LIMIT)]


def test_who_is_due_is_limited_and_a_payment_lifts_it():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        await until_limited(world)
        eq((meter.limit, meter.orders.count(0x1A), meter.status & 0x10), (50, 0, 0))
        eq((world.row("wish"), world.row("seen"), world.row("flags") & FLAG_LIMITED), (facts.OFF, facts.LIMITED, FLAG_LIMITED))
        eq([values[1] for values in told(world, kinds.DECISION)][-1], 1, "the decision is that of a cut")
        eq(limits(world), [(1, 500, relay.NO_LIMIT)])
        eq(console_evidence.follows(records(world, kinds.LIMIT)[0], 1001), True, "why tells by what means")
        eq(relay_records(world), [(6, 1, 500), (6, 2, 500), (6, 5, 500)])
        await aio.sleep_ms(600_000)
        eq((world.slot().state, meter.writes), (s.LIMITED, [50]), "a closed relay is no news")
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True, "not lifted")
        eq((meter.limit, world.row("seen"), world.row("wish"), world.row("fault")), (NO_LIMIT, facts.CLOSED, facts.ON, 0))
        eq(world.row("flags") & FLAG_LIMITED, 0)
        eq(relay_records(world)[3:], [(2, 1, 0), (7, 2, relay.NO_LIMIT), (7, 5, relay.NO_LIMIT), (2, 5, 0)])

    world.run(script)


def test_a_meter_that_loses_its_limit_gets_it_again_with_evidence_and_less_and_less_often():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        await until_limited(world)
        meter.limit = NO_LIMIT
        eq(await until(lambda: meter.limit == 50), True, "not set again")
        eq(limits(world)[1:], [(2, 500, relay.NO_LIMIT)])
        eq(await until(lambda: world.slot().state == s.LIMITED), True)
        eq([values[1] for values in told(world, kinds.SEEN)], [1, 4, 1, 4])
        sequence = world.gateway.ledger.sequence
        for _ in range(90):
            meter.limit = 30 if world.slot().state == s.LIMITED else meter.limit  # whatever is written
            await aio.sleep_ms(60_000)
        used = world.gateway.ledger.sequence - sequence
        eq(used < 70, True, "%d records in an hour and a half" % used)
        eq(world.row("wish"), facts.OFF)

    world.run(script)


def test_a_limit_of_others_is_reported_and_lifted_and_not_hammered():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True)
        meter.limit = 30
        eq(await until(lambda: world.row("fault") == 10), True, "not found")
        eq(await until(lambda: meter.limit == NO_LIMIT), True, "not lifted")
        eq(await until(lambda: world.row("fault") == 0 and world.slot().state == s.ON), True, "lifted and a fault still")
        eq((limits(world), world.row("wish")), ([(3, relay.NO_LIMIT, 300)], facts.ON))
        meter.limit = 30
        await aio.sleep_ms(1_800_000)
        eq((meter.limit, world.row("seen"), world.slot().state), (30, facts.LIMITED, s.ON), "within the hour")
        eq(await until(lambda: meter.limit == NO_LIMIT, 2_400_000), True, "nor later")
        await until(lambda: world.row("seen") == facts.CLOSED)
        meter.limit = 30
        eq(await until(lambda: world.row("seen") == facts.LIMITED), True)
        world.credit(COIN)
        eq(await until(lambda: meter.limit == NO_LIMIT, 10_000), True, "who pays expects light")
        await until(lambda: world.row("seen") == facts.CLOSED)
        world.slot().lost_pause_s = 3_600
        meter.limit = 30
        eq(await until(lambda: world.row("seen") == facts.LIMITED), True)
        world.gateway.on_order(2, 1001, 1, 0, 0, 0, None)
        eq(await until(lambda: meter.limit == NO_LIMIT, 10_000), True, "and so does whose operator says so")
        eq((len(limits(world)), world.row("wish")), (2, facts.ON))

    world.run(script)


def test_a_write_whose_answer_is_lost_is_looked_at_and_not_sent_again():
    world = limited_world()
    meter = world.meters[0]
    meter.deaf_to_writes = True

    async def script(world):
        await until_limited(world)
        eq((meter.writes, relay_records(world)), ([50], [(6, 1, 500), (6, 4, 0), (6, 5, 500)]))
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True)
        eq(meter.writes, [50, NO_LIMIT])

    world.run(script)


def test_no_limit_leaves_whose_decision_is_not_durable():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        desk = world.gateway.supply
        plain = desk.send

        def send(slot, action):
            if action == relay.LIMIT:
                world.region.fail_next = "program"
            plain(slot, action)

        desk.send = send
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        world.credit(-COIN)
        eq(await until(lambda: not world.gateway.ledger.sound), True, "flash did not fail")
        await aio.sleep_ms(120_000)
        eq((meter.writes, meter.limit), ([], NO_LIMIT))

    world.run(script)


def test_a_limit_that_cannot_be_read_is_no_news_of_anything():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True)
        meter.limit = None  # refused from now on
        meter.status |= 0x10
        await aio.sleep_ms(300_000)
        eq((world.slot().state, world.row("seen"), world.row("fault"), limits(world)), (s.ON, facts.CLOSED, 0, []), "half a look")
        meter.limit = NO_LIMIT
        eq(await until(lambda: world.slot().state == s.FOUND_OFF), True)

    world.run(script)


def test_nobody_is_cut_while_others_limit_and_none_is_found_off_by_its_own_meter():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        await until_limited(world)
        meter.status |= 0x10  # it opens itself above its limit
        await aio.sleep_ms(300_000)
        eq((world.slot().state, world.row("fault"), world.row("seen")), (s.LIMITED, 0, facts.LIMITED))
        meter.status &= ~0x10
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON), True)

    world.run(script)


def test_more_power_than_the_limit_over_three_readings_is_a_fault_once():
    world = limited_world()
    meter = world.meters[0]

    async def script(world):
        await until_limited(world)
        meter.power_w = 560
        await aio.sleep_ms(100_000)
        eq(world.row("fault"), 0, "one reading or two are of a meter that reacts")
        eq(await until(lambda: world.row("fault") == s.LOAD, 200_000), True)
        await aio.sleep_ms(600_000)
        eq([values[1:] for values in told(world, kinds.FAULT)], [(s.LOAD, 560)])
        eq((world.slot().state, world.row("wish")), (s.LIMITED, facts.OFF))

    world.run(script)


def test_a_restart_finds_the_limit_and_a_limit_that_is_lost_then_is_judged_anew():
    world = limited_world()
    meter = world.meters[0]

    async def again(world):
        eq(world.slot().state, s.LIMIT_UNKNOWN)
        eq(await until(lambda: world.slot().state == s.LIMITED), True)
        eq((meter.writes, world.row("flags") & FLAG_LIMITED), ([50], FLAG_LIMITED))

    async def forgotten(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        eq(await until(lambda: len(told(world, kinds.LIMIT)) == 2), True)
        eq([values[1] for values in told(world, kinds.DECISION) if values[1] in (1, 2, 5)], [1, 5, 1])
        eq(await until(lambda: world.slot().state == s.LIMITED), True)

    world.run(until_limited)
    world.run(again)
    meter.limit = NO_LIMIT
    world.run(forgotten)


def lives_cut_at(stop_at):
    """A limit, whose life ends so many requests behind its decision; its restore, whose life ends at once; and a life."""
    world = limited_world()
    meter = world.meters[0]

    async def dies(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        world.credit(-COIN)
        await until(lambda: world.row("wish") == facts.OFF)
        last = meter.requests + stop_at
        await until(lambda: meter.requests >= last, 20_000)

    async def pays(world):
        eq(await until(lambda: world.slot().state in (s.LIMITED, s.ON)), True, "at %d" % stop_at)
        eq(world.slot().state == s.LIMITED, meter.limit == 50, "state and register at %d" % stop_at)
        world.credit(20 * COIN)
        last = meter.requests + stop_at
        await until(lambda: meter.requests >= last, 20_000)

    async def lives(world):
        eq(await until(lambda: world.slot().state == s.ON), True, "at %d" % stop_at)
        eq((meter.limit, meter.status & 0x10, world.row("wish"), world.row("fault")), (NO_LIMIT, 0, facts.ON, 0), "at %d" % stop_at)

    world.run(dies)
    world.power_cut()
    world.run(pays)
    world.power_cut()
    world.run(lives)


def test_power_that_goes_between_write_and_read_back_leaves_no_doubt_and_no_limit_behind():
    for stop_at in range(1, 8):
        lives_cut_at(stop_at)


def test_a_meter_that_refuses_or_ignores_the_limit_is_no_reason_to_cut_the_relay():
    world = limited_world()
    meter = world.meters[0]
    meter.keeps_limit = True

    async def script(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        world.credit(-COIN)
        eq(await until(lambda: world.slot().state == s.NOT_LIMITED), True)
        eq((world.row("fault"), meter.orders.count(0x1A), meter.status & 0x10), (s.NOT_OBEYED, 0, 0))
        world.credit(20 * COIN)
        eq(await until(lambda: world.slot().state == s.ON and world.row("fault") == 0), True)

    world.run(script)


def test_another_model_in_the_settings_gives_supply_back_and_cuts_by_a_decision_of_its_own():
    world = limited_world()
    meter = world.meters[0]

    async def cut(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        eq(await until(lambda: world.row("seen") == facts.OPEN), True)
        decided = [(values[1], values[3]) for values in told(world, kinds.DECISION) if values[1] in (1, 2, 5)]
        eq(decided, [(1, 0), (2, 1 << 8), (1, 0)])
        eq((meter.orders.count(0x1A), world.row("flags") & FLAG_LIMITED), (1, 0))

    world.run(until_limited)
    world.change_model("export_1p")
    meter.limit = NO_LIMIT  # the meter with the register is gone
    world.run(cut)


def behind_transformers(ratio, seen, writes):
    changes = {"policies": [policy(lifeline={"power_w": 60_000})], "flags": {0: {"ratio": ratio}}, "poll_period_s": 60}
    world = World(model="lifeline_1p", power_w=3, **changes)
    world.meters[0].limit = NO_LIMIT

    async def script(world):
        world.gateway.head_end.last_contact_s = world.rtc.at_s
        world.credit(-COIN)
        eq(await until(lambda: world.row("wish") == facts.OFF and world.row("seen") == seen, 400_000), True, str(ratio))

    world.run(script)
    eq(world.meters[0].writes, writes)


def test_behind_transformers_the_limit_is_that_of_the_customer():
    behind_transformers(1_000, facts.LIMITED, [6])


def test_a_limit_that_no_register_can_hold_is_a_cut_by_the_relay():
    behind_transformers(60_000, facts.OPEN, [])
