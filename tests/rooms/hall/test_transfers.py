"""An account is carried from one gateway to another: whole, once, and nobody is cut on the way. Both interpreters."""

from firmware.base import aio
from firmware.base.wire import cbor
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import ROW
from tests.fake_board import START_S, World
from tests.hall_kit import alone, charged, in_contact, read, told, until
from tests.kit import cases, eq
from tests.rooms.hall.carrying import ACCOUNT, COIN, GIVE, arriving, carried, give, given, take, taking
from tests.rooms.hall.moving import ACCEPTED, REFUSED, lines, of, used_a_little

DAY_S = 86_400
CONDITION, UNKNOWN_ACCOUNT, BAD_DOCUMENT, NO_CHANGE = 4, 5, 6, 9
ELSEWHERE, REASON_ELSEWHERE = 2048, 6
QUIET = (kinds.DECISION, kinds.CHARGE, kinds.SEGMENT, kinds.SEEN, kinds.FAULT, kinds.RELAY, kinds.NOTICE)
MONEY = ("total_charged_ucu", "total_0", "number_0", "issuer_0", "charged_0", "from_0", "charged_at_s")


def test_what_was_believed_is_charged_there_and_the_rest_here_and_no_coin_is_lost():
    left = given(lambda world: (world.credit(50 * COIN), used_a_little(world)))
    eq((left["balance"], left["lines"]), (50 * COIN - 3 * 5_500, [(1_000, 1_003, 3)]))
    world = arriving()

    def script(world):
        eq(take(world, left["row"]), (ACCEPTED, 0))
        eq((world.balance(), [world.row(name) for name in MONEY]), (left["balance"], left["money"]))
        read(world, START_S + 120, [1_004])
        read(world, START_S + 2 * DAY_S, [1_050])

    alone(world, script)
    eq((charged(world), sum([end - start for start, end, _ in lines(world, ACCOUNT)])), (50 * 5_500, 47))
    eq([values[:4] for values in told(world, kinds.REASON)], [(ACCOUNT, 2, 15, 0)])


def test_what_is_left_behind_owns_nothing_and_does_nothing():
    world = World()

    async def script(world):
        in_contact(world)
        world.gateway.head_end.standing = 0
        world.credit(-COIN)
        eq(await until(lambda: world.row("seen") == supply.OPEN), True, "never cut")
        eq(give(world), (ACCEPTED, 0))
        eq((world.balance(), world.row("flags"), world.row("serial"), world.row("wish")), (0, ELSEWHERE, bytes(6), 0))
        count = world.gateway.ledger.sequence
        world.gateway.on_tick()
        return count, await until(lambda: not world.meters[0].status & 0x10, 120_000)

    count, lit = world.run(script)
    eq(lit, False, "no restore")
    eq([raw[0] for raw in told(world, kinds.SEGMENT)][1:], [ACCOUNT])

    def again(world):
        read(world, START_S + 2 * DAY_S, [2_000])
        world.gateway.supply.judge(world.slot())
        world.gateway.on_status(0, 0x10)
        eq(world.gateway.billing.tariff_now(world.slot(), START_S), None, "a price")
        world.gateway.ledger.accounts._set(world.slot().row, "wish", 1)
        world.slot().state = supply.OFF
        world.gateway.supply.judge(world.slot(), credited=True)
        world.gateway.ledger.accounts._set(world.slot().row, "wish", 0)
        eq((world.row("flags"), world.row("serial"), world.balance()), (ELSEWHERE, bytes(6), 0))

    before = [told(world, kind) for kind in QUIET]
    alone(world, again)
    eq([told(world, kind) for kind in QUIET], before)


def test_who_is_off_is_carried_off_and_lit_by_the_payment_that_waited():
    left = given(None, True)
    eq((ROW.get(left["row"], 0, "wish"), left["balance"] <= -COIN), (1, True))
    world = arriving()
    world.meters[0].status = 0x10

    async def script(world):
        in_contact(world)
        world.gateway.head_end.standing = 0
        eq(take(world, left["row"]), (ACCEPTED, 0))
        eq((world.row("wish"), await until(lambda: world.row("seen") == supply.OPEN)), (1, True))
        world.credit(50 * COIN)
        eq(await until(lambda: not world.meters[0].status & 0x10), True, "still dark")
        eq(await until(lambda: world.row("seen") == supply.CLOSED and not world.meters[0].status & 0x80), True)

    world.run(script)


def test_who_paid_on_the_way_has_light_before_anything_is_read():
    left = given(None, True)
    row = bytearray(left["row"])
    ROW.set(row, 0, "total_0", 50 * COIN)
    ROW.set(row, 0, "number_0", 9)
    world = arriving()
    world.meters[0].status = 0x10

    async def script(world):
        in_contact(world)
        await until(lambda: world.slot().last_heard is not None)
        world.firmware.bus.plan.ask_in(0, aio.now_ms(), 900_000)
        eq(take(world, row), (ACCEPTED, 0))
        eq((world.slot().reading, world.row("wish")), (None, 0), "it waits for a reading")
        eq(await until(lambda: not world.meters[0].status & 0x10, 20_000), True, "still dark")

    world.run(script)


def test_a_restore_that_was_wished_there_is_done_here():
    left = given(None, True, lambda world: world.credit(50 * COIN))
    eq((ROW.get(left["row"], 0, "wish"), ROW.get(left["row"], 0, "seen")), (0, supply.OPEN))
    world = arriving()
    world.meters[0].status = 0x10

    async def script(world):
        world.gateway.head_end.standing = 0
        eq(take(world, left["row"]), (ACCEPTED, 0))
        eq(await until(lambda: not world.meters[0].status & 0x10), True, "still dark")

    world.run(script)


def test_who_arrives_is_neither_charged_nor_cut_before_its_books_are_here():
    world = arriving()

    async def script(world):
        in_contact(world)
        world.gateway.head_end.standing = 0
        await until(lambda: False, 120_000)
        eq((world.row("flags"), world.row("serial"), world.balance()), (ELSEWHERE, bytes(6), 0))

    world.run(script)
    for kind in (kinds.CHARGE, kinds.DECISION, kinds.RELAY, kinds.NOTICE, kinds.EPISODE):
        eq(told(world, kind), [])


def test_a_credit_is_booked_where_the_account_lives_and_a_repeat_is_a_repeat():
    left = given(lambda world: (world.credit(5 * COIN), used_a_little(world)))
    world = arriving()

    def script(world):
        world.gateway.on_credit(ACCOUNT, 1, 2, COIN, 6 * COIN, START_S)
        eq(told(world, kinds.CREDIT_REFUSED)[0][-1], REASON_ELSEWHERE)
        take(world, left["row"])
        world.gateway.on_credit(ACCOUNT, 1, 1, 5 * COIN, 5 * COIN, START_S)
        eq(world.balance(), left["balance"])
        world.gateway.on_credit(ACCOUNT, 1, 2, COIN, 6 * COIN, START_S)
        world.gateway.on_credit(ACCOUNT, 1, 2, COIN, 6 * COIN, START_S)
        eq((world.balance(), len(told(world, kinds.CREDIT))), (left["balance"] + COIN, 1))

    alone(world, script)


def test_a_credit_that_comes_too_late_is_not_booked_there():
    world = World()

    def script(world):
        taking(world)
        used_a_little(world)
        give(world)
        world.gateway.on_credit(ACCOUNT, 1, 1, 5 * COIN, 5 * COIN, START_S)
        eq((told(world, kinds.CREDIT), told(world, kinds.CREDIT_REFUSED)[0][-1], world.balance()), ([], REASON_ELSEWHERE, 0))

    alone(world, script)


def test_there_and_back_again():
    first = World()

    def leaves(world):
        taking(world)
        world.credit(50 * COIN)
        used_a_little(world)
        give(world)
        return carried(world)[-1]

    row = alone(first, leaves)
    second = arriving()

    def visits(world):
        taking(world)
        take(world, row)
        read(world, START_S + 120, [1_010])
        eq(give(world, 3), (ACCEPTED, 0))
        return carried(world)[-1]

    row = alone(second, visits)
    first.write_again()

    def returns(world):
        taking(world)
        eq(take(world, row, 1), None, "an old number")
        eq(take(world, row, 4), (ACCEPTED, 0))
        read(world, START_S + 2 * DAY_S, [1_050])
        eq((charged(world), world.row("from_0"), world.balance()), (50 * 5_500, 1_000, 50 * COIN - 50 * 5_500))

    alone(first, returns)
    alone(first, lambda world: eq((charged(world), world.gateway.ledger.troubles), (50 * 5_500, ())))


def test_debt_exemption_position_and_episode_go_along():
    world = World()

    def leaves(world):
        taking(world)
        used_a_little(world)
        world.gateway.on_order(9, ACCOUNT, 1, 0, 0, 0, bytes(cbor.encode({1: 4, 2: START_S + DAY_S})))
        world.gateway.on_order(16, ACCOUNT, 2, 0, 0, 0, bytes(cbor.encode({1: 90 * COIN, 2: 50, 3: 0})))
        world.credit(50 * COIN)
        read(world, START_S + 90, [1_004])
        eq(give(world, 3), (ACCEPTED, 0))
        accounts = world.gateway.ledger.accounts
        eq((accounts.debts, accounts.exempt_until), ({}, {}))
        return carried(world)

    values = alone(world, leaves)
    eq(values[3:7], (START_S + DAY_S, 90 * COIN, 50, 0))
    world = arriving()

    def comes(world):
        taking(world)
        eq(take(world, values[7], 4, values[3], values[4:7]), (ACCEPTED, 0))
        accounts = world.gateway.ledger.accounts
        eq((accounts.exempt_until[ACCOUNT][0], of(world, ACCOUNT, "flags") & 7), (START_S + DAY_S, 4))
        number, moved_ucu = accounts.moved(ACCOUNT)
        eq((number, accounts.debt_ucu(ACCOUNT)), (1, 90 * COIN - moved_ucu))
        eq(moved_ucu > 20 * COIN, True, moved_ucu)

    alone(world, comes)


def test_it_stands_in_snapshots_and_over_restarts():
    left = given(lambda world: (world.credit(50 * COIN), used_a_little(world)), False, None, snapshot)
    eq(left["troubles"], ())
    world = arriving()

    def comes(world):
        take(world, left["row"])
        snapshot(world)

    alone(world, comes)

    def after(world):
        eq((world.balance(), world.gateway.ledger.accounts.disagreements, world.row("flags")), (left["balance"], 0, 0))
        read(world, START_S + 2 * DAY_S, [1_050])
        eq(charged(world), 50 * 5_500)

    alone(world, after)


def snapshot(world):
    ledger = world.gateway.ledger
    ledger._begin_snapshot(ledger.accounts.count + 1)
    while ledger.snapshot.begun:
        ledger.on_tick()


def test_arrives_that_was_forgotten_may_be_said_later_and_what_was_charged_meanwhile_is_void():
    left = given(lambda world: (world.credit(50 * COIN), used_a_little(world)))
    world = World()

    def as_new(world):
        read(world, START_S + 80, [1_004])
        read(world, START_S + DAY_S, [1_010])
        eq(take(world, left["row"], 2), (REFUSED, CONDITION), "it lives here")

    alone(world, as_new)
    world = World()
    alone(world, lambda world: (read(world, START_S + 80, [1_004]), read(world, START_S + DAY_S, [1_010])))
    world._files[2][0] = {"arrives": True}
    world.write_again()

    def waits(world):
        eq((world.row("flags") & ELSEWHERE, take(world, left["row"])), (ELSEWHERE, (ACCEPTED, 0)))
        eq((world.balance(), world.row("charged_0")), (left["balance"], 1_003))
        read(world, START_S + 2 * DAY_S, [1_050])

    alone(world, waits)
    alone(world, lambda world: eq((charged(world), world.row("flags")), (50 * 5_500, 0)))


def test_who_lives_elsewhere_takes_no_other_order():
    world = arriving()

    def script(world):
        taking(world)
        for number, order in enumerate((1, 2, 3, 9, 12, 16)):
            world.gateway.on_order(order, ACCOUNT, 1 + number, 0, 0, 0, None)
            eq(told(world, kinds.ORDER)[-1][2:5], (order, REFUSED, UNKNOWN_ACCOUNT))
        eq(give(world, 90), (REFUSED, NO_CHANGE))
        eq(give(world, 91, 1002), (REFUSED, UNKNOWN_ACCOUNT), "no meter of this gateway")

    alone(world, script)


def test_books_in_doubt_give_no_verdict_and_the_order_comes_again():
    world = World()

    def script(world):
        used_a_little(world)
        eq(give(world), None, "not compared yet")
        taking(world)
        world.slot().state = supply.CUTTING
        eq(give(world), None, "a cut is on its way")
        world.slot().state = supply.ON
        world.gateway.ledger.journal.reserves[1] += 10_000
        eq(give(world), None, "no room")
        world.gateway.ledger.journal.reserves[1] -= 10_000
        eq(give(world), (ACCEPTED, 0))
        eq(give(world), None, "its verdict stands in the journal")
        eq(len(carried(world, True)), 1)

    alone(world, script)


def test_documents_that_are_wrong_are_refused():
    left = given(used_a_little)
    world = arriving()
    row = bytearray(left["row"])
    ROW.set(row, 0, "account", 1002)
    other = bytearray(left["row"])
    ROW.set(other, 0, "serial", b"\1\1\1\1\1\1")
    away = bytearray(left["row"])
    ROW.set(away, 0, "flags", ELSEWHERE)

    def script(world):
        taking(world)
        numbers = iter(range(2, 99))

        def check(fields, reason):
            world.gateway.on_order(15, ACCOUNT, next(numbers), 0, 0, 0, bytes(cbor.encode(fields)))
            eq(told(world, kinds.ORDER)[-1][3:5], (REFUSED, reason), str(fields)[:60])

        whole = {1: 2, 2: left["row"], 3: 0, 4: 0, 5: 0, 6: 0, 7: "x"}
        wrong = (
            ({1: 1}, BAD_DOCUMENT),
            ({2: bytes(row)}, BAD_DOCUMENT),
            ({2: left["row"][:146]}, BAD_DOCUMENT),
            ({2: bytes(away)}, BAD_DOCUMENT),
            ({2: "x"}, BAD_DOCUMENT),
            ({4: -1}, BAD_DOCUMENT),
            ({5: 101}, BAD_DOCUMENT),
            ({7: ""}, BAD_DOCUMENT),
            ({2: bytes(other)}, CONDITION),
        )
        changed = []
        for change, reason in wrong:
            fields = dict(whole)
            fields.update(change)
            changed.append((fields, reason))
        cases(changed, check)
        eq((told(world, kinds.CARRIED), told(world, kinds.REASON)), ([], []))
        world.gateway.on_order(GIVE, ACCOUNT, 98, 0, 0, 0, None)
        eq(told(world, kinds.ORDER)[-1][4], NO_CHANGE)

    alone(world, script)
