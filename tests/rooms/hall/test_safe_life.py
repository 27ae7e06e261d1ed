"""Safe mode as it lives, and the normal life behind it: light comes by a signed restore, and stays until the payment is in the books."""

import json

from firmware.base import aio
from firmware.base.faults import MaintenanceAsked
from firmware.base.wire.hmac import hmac_sha256
from firmware.diagnostics.maintenance import PURPOSE
from firmware.ledger import record_kinds as kinds
from firmware.meter_bus.asker_task import Asker
from tests.fake_board import FakeBoard, World
from tests.hall_kit import in_contact, records, until
from tests.kit import eq, raises
from tests.safe_kit import KEY, cut, dark, hearing, live_safely

COIN = 1_000_000
CUT, RESTORE, RESTORE_PAID, LEAVE, SWAP = 1, 2, 20, 21, 22
TRIP, CLOSE = 0x1A, 0x1C
OPEN_BIT = 0x10
CLEAN_SESSION = 2
VERIFIED = 5
ANN, BOB = 1001, 1002


def spoil(world, name, text="{"):
    with open(world.root + "/" + name, "w") as file:
        file.write(text)


async def restored(mode, account=ANN, index=0, world=None, **order):
    uplink = world.uplink
    await until(lambda: uplink.reports)
    uplink.order(RESTORE_PAID, account, **order)
    await until(lambda: not dark(world, index), 30_000)
    await until(lambda: (uplink.outcome(account) or (0, 0, 0, 0))[3] == VERIFIED, 30_000)
    return dark(world, index), uplink.outcome(account)


def test_light_comes_while_everything_that_people_sent_is_poisoned_and_nothing_is_written_to_the_books():
    world = World(meters=2)
    cut(world)
    hearing(world)
    before = bytes(world.region.flash)
    for name in ("tariff_1_1.json", "policy_1_1.json", "tariff_1_7.json"):
        spoil(world, name)
    spoil(world, "last_fault", "task bus: Traceback:\n  line 3\nValueError: a poisoned price\n")
    got, _ = live_safely(world, lambda mode: restored(mode, world=world, credit=2, issuer=1))
    eq(got, (False, (RESTORE_PAID, 1, 0, VERIFIED)))
    eq(world.uplink.reports[0][6], "task bus: ValueError: a poisoned price")
    eq((bytes(world.region.flash) == before, world.uplink.others), (True, []))
    eq(world.meters[0].orders.count(CLOSE), 1)


def test_cuts_recorded_restores_and_unsigned_orders_move_no_relay():
    world = World(meters=2)
    cut(world)
    uplink = hearing(world)
    orders = (len(world.meters[0].orders), len(world.meters[1].orders))

    async def script(mode):
        await until(lambda: uplink.reports)
        uplink.order(CUT, BOB, 40, b"")
        uplink.order(CUT, BOB, 41)
        uplink.order(RESTORE, ANN, 3, b"")  # as it was sent in a normal life
        uplink.order(RESTORE, ANN, 4, b"00000000")  # of an earlier stay
        uplink._seal, seal = type(uplink._seal)(b"gw-test", b"\x11" * 32), uplink._seal
        uplink.order(RESTORE, ANN, 5)  # by another key
        uplink._seal = seal
        uplink.send("credits", {1: ANN, 2: 1, 3: 9, 4: COIN, 5: COIN, 6: 0})
        await aio.sleep_ms(60_000)
        return uplink.outcome(BOB), uplink.outcome(ANN), uplink.reports[-1][9], mode.sync.counters.of(134), mode.sync.counters.of(136)

    got, _ = live_safely(world, script)
    eq(got, ((CUT, 2, 11, 0), None, 2, 1, 1))
    eq((len(world.meters[0].orders), len(world.meters[1].orders)), orders)


def test_the_broker_keeps_nothing_of_it_and_forgets_the_usual_session():
    """Credits that nobody may acknowledge would fill its window, and the restore behind them would not come."""
    world = World()
    uplink = hearing(world)

    async def script(mode):
        await until(lambda: uplink.reports)
        return uplink.flags & CLEAN_SESSION, uplink.filters

    eq(live_safely(world, script)[0], (CLEAN_SESSION, [b"pg1/gw-test/down/orders"]))
    uplink.filters = []

    async def usual(world):
        await until(lambda: len(uplink.filters) == 3)
        return uplink.flags & CLEAN_SESSION, sorted(uplink.filters)

    want = [b"pg1/gw-test/down/acks", b"pg1/gw-test/down/credits", b"pg1/gw-test/down/orders"]
    eq(world.run(usual), (0, want))


def test_one_damaged_part_leaves_the_others_working():
    world = World(meters=2)
    cut(world, 1)
    uplink = hearing(world)
    rows = json.loads(open(world.root + "/settings.json").read())
    rows["meters"][0]["model"] = "no_such_model"
    spoil(world, "settings.json", json.dumps(rows))

    async def script(mode):
        await until(lambda: uplink.reports)
        uplink.order(RESTORE, ANN)
        await aio.sleep_ms(1_000)
        return (await restored(mode, BOB, 1, world)), uplink.outcome(ANN)

    got, _ = live_safely(world, script)
    eq(got, ((False, (RESTORE_PAID, 1, 0, VERIFIED)), (RESTORE, 2, 7, 0)))


class NoLine(FakeBoard):
    def line(self, baud):
        raise OSError("no such device")


class NoWayOut(FakeBoard):
    def uplink(self, settings):
        raise ValueError("a bug in the modem")


def asked(world, mode_board, *questions):
    """What the console answers, by name of the row."""
    world.console.keep = True

    async def script(mode):
        for number, question in enumerate(questions):
            world.console.ask(json.dumps({"ask": question, "id": number + 1}) + "\n")
            await aio.sleep_ms(3_000)

    live_safely(world, script, board=mode_board)
    found = {}
    for line in world.console.lines:
        row = json.loads(line)
        for name in row:
            found.setdefault(name, []).append(row[name])
    return found


def test_the_console_says_what_it_is_and_why_and_what_it_cannot_answer():
    world = World(meters=2)
    spoil(world, "last_fault", "start: Traceback\n  x\nKeyError: 7\n")
    for board, trouble in ((FakeBoard, None), (NoLine, "line: no such device"), (NoWayOut, "uplink: a bug in the modem")):
        world.console.lines = []
        found = asked(world, board(world), "status", "logs", "meters", "accounts", "visits", "why", "journal", "events")
        eq((found["boot"][0]["mode"], found["boot"][0]["fault"]), ("safe", "start: KeyError: 7"))
        eq((found["about"][0]["mode"], found["safe_mode"][0]["broken"]), ("safe", 3))
        eq(found["trouble"][0], "safe mode: 3 lives in a row broke; the last by: start: KeyError: 7")
        eq(found["trouble"][1:], [trouble] if trouble else [])
        eq("".join(found["last_fault"]), "start: Traceback\n  x\nKeyError: 7\n")
        eq(("meter" in found, "account" in found, found["no"]), (False, False, ["argument", "safe_mode"]))


def test_the_console_takes_its_order_of_maintenance():
    world = World()
    hearing(world)
    world.console.keep = True

    def challenge():
        for line in world.console.lines:
            row = json.loads(line)
            if "nonce" in row:
                return bytes(int(row["nonce"][at : at + 2], 16) for at in range(0, 32, 2))
        return None

    async def script(mode):
        world.console.ask('{"ask":"challenge","id":1}\n')
        await until(challenge, 5_000)
        mac = "".join(["%02x" % byte for byte in hmac_sha256(KEY, (PURPOSE, challenge(), b"\0\0\0\x0a"))])
        world.console.ask('{"ask":"maintenance","id":2,"seconds":10,"mac":"' + mac + '"}\n')
        await aio.sleep_ms(10_000)

    raises(MaintenanceAsked, live_safely, world, script)
    eq(open(world.root + "/maintenance").read(), "10\n")


def test_a_meter_that_breaks_the_bus_does_not_keep_the_others_in_the_dark():
    world = World(meters=3)
    for index in range(3):
        cut(world, index)
    uplink = hearing(world)
    usual = Asker.ask

    async def ask(asker, question, index, meter, arg, attempts):
        if index == 1:
            raise ValueError("a bug that this meter brings up")
        return await usual(asker, question, index, meter, arg, attempts)

    async def script(mode):
        await until(lambda: uplink.reports)
        for account in (1002, 1001, 1003):
            uplink.order(RESTORE, account)
        await until(lambda: not dark(world, 0) and not dark(world, 2), 120_000)
        await aio.sleep_ms(20_000)
        return [dark(world, index) for index in range(3)], len(mode.troubles) > 0

    Asker.ask = ask
    try:
        got, _ = live_safely(world, script)
    finally:
        Asker.ask = usual
    eq(got, ([False, True, False], True))


def kinds_of(world, since, *wanted):
    found = []
    for raw in records(world, kinds.ORDER) + records(world, kinds.DECISION) + records(world, kinds.FLAGS) + records(world, kinds.EVENT):
        if raw[1] in wanted and int.from_bytes(raw[2:6], "little") > since:
            found.append((int.from_bytes(raw[2:6], "little"), raw[1]))
    return [kind for _, kind in sorted(found)]


def test_the_next_life_writes_it_down_first_and_cuts_nobody_before_the_payment_is_in():
    world = World()
    cut(world)
    sequence = world.gateway.ledger.sequence
    hearing(world)
    live_safely(world, lambda mode: restored(mode, world=world, credit=2, issuer=1))
    orders = len(world.meters[0].orders)

    async def script(world):
        in_contact(world)
        first = kinds_of(world, sequence, kinds.ORDER, kinds.DECISION, kinds.FLAGS, kinds.EVENT)
        await aio.sleep_ms(120_000)
        held = (world.row("wish"), world.row("flags") & 32, dark(world))
        world.credit(100_000)  # credit 2: it names it, though it is not enough
        return first, held, world.row("flags") & 32, world.row("order")

    first, held, after, number = world.run(script)
    eq(first, [kinds.EVENT, kinds.FLAGS, kinds.ORDER, kinds.DECISION])
    eq((held, after, number), ((0, 32, False), 0, 1))
    eq(world.meters[0].orders[orders:].count(TRIP), 0)


def test_without_the_hold_the_books_would_cut_again():
    """Else the test above proves nothing."""
    world = World()
    cut(world)
    world.meters[0].status &= ~(OPEN_BIT | 0x40)
    trips = world.meters[0].orders.count(TRIP)

    async def script(world):
        in_contact(world)
        await aio.sleep_ms(120_000)
        return world.meters[0].orders.count(TRIP) - trips

    eq(world.run(script) > 0, True)


def test_a_hold_survives_restarts_and_ends_with_the_payment_also_when_a_power_cut_comes_between():
    world = World()
    cut(world)
    hearing(world)
    live_safely(world, lambda mode: restored(mode, world=world, credit=2, issuer=1))

    async def nothing(world):
        in_contact(world)
        return world.row("flags") & 32

    eq([world.run(nothing, 5_000), world.run(nothing, 5_000)], [32, 32])

    async def paid(world):
        world.gateway.orders.on_credit = lambda slot: None  # killed as soon as the credit is durable
        world.credit(100_000)
        return world.row("flags") & 32

    eq(world.run(paid), 32)
    eq(world.run(nothing), 0)


def test_orders_that_safe_mode_refused_are_used_up_and_kept_ones_come_once():
    world = World()
    cut(world)
    uplink = hearing(world)

    async def script(mode):
        await until(lambda: uplink.reports)
        uplink.order(CUT, ANN, 7)
        uplink.order(RESTORE, ANN, 8)
        uplink.order(CUT, ANN, 9)
        await aio.sleep_ms(30_000)

    live_safely(world, script)
    file = open(world.root + "/safe_mode", "rb").read()

    async def look(world):
        in_contact(world)
        return [(raw[15] | raw[16] << 8, raw[19], raw[20], raw[21]) for raw in records(world, kinds.ORDER)]

    want = [(8, RESTORE, 1, 0), (9, CUT, 2, 11)]
    eq(world.run(look), want)
    with open(world.root + "/safe_mode", "wb") as again:
        again.write(file)  # the power went before it was removed
    eq(world.run(look), want)
    world.gateway.orders.take(CUT, ANN, 9, world.rtc.at_s + 60, 99, 0x3FF0001, None)
    eq(world.slot().cut_order, 0, "a recorded cut that was refused here")


def test_a_normal_life_that_has_no_room_keeps_the_file_and_lives():
    world = World()
    cut(world)
    hearing(world)
    live_safely(world, lambda mode: restored(mode, world=world, credit=2, issuer=1))
    from firmware.base.faults import Refused
    from firmware.ledger.ledger_store import Ledger

    usual = Ledger.record

    def record(ledger, kind, values, *more):
        if kind == kinds.ORDER:
            raise Refused("room", "no room")
        return usual(ledger, kind, values, *more)

    async def nothing(world):
        return True

    Ledger.record = record
    try:
        world.run(nothing)
    finally:
        Ledger.record = usual
    eq(len(open(world.root + "/safe_mode", "rb").read()) > 20, True)
    world.run(nothing)
    eq(world.row("flags") & 32, 32)


def test_a_swap_puts_the_file_there_and_takes_the_other_away():
    world = World()
    uplink = hearing(world)

    async def script(mode):
        await until(lambda: uplink.reports)
        uplink.order(SWAP, 0, k2=1, k3=1, k4=1, k5=3, k6=b"good")
        uplink.order(LEAVE, 0)
        await aio.sleep_ms(20_000)
        return uplink.outcome(0)

    got, done = live_safely(world, script)
    eq((got[1:], done), ((1, 0, 0), True))
    eq(open(world.root + "/tariff_1_3.json").read(), "good")
    raises(OSError, open, world.root + "/tariff_1_1.json")
