"""Orders, documents, credits and states that come in a bad moment: before a reading, without room, in place of our books."""

import json
import os

from firmware.base import aio
from firmware.base.faults import Refused, StorageFault
from firmware.cutoff import supply
from firmware.gateway_source import Source
from firmware.ledger import record_kinds as kinds
from firmware.sync.messages import Ack
from tests.fake_board import START_S, World, policy
from tests.hall_kit import alone, in_contact, records, told, until
from tests.kit import eq, raises

COIN = 1_000_000
TRIP = 0x1A
CUT_ORDER = 1
HOLD_ORDER = 3
TARIFF_ORDER = 5
POLICY_ORDER = 6
STATE_ORDER = 8
RELEASE_HELD = 10
TARIFF_2 = b'{"tariff":1,"version":2,"effective":"2026-01-02","currency":"CNY","utc_offset_min":480,"prices":{"total":"1.0000"}}'


def order(world, kind, number, overridden=0, document=None, account=None):
    account = world.slot().account if account is None else account
    world.gateway.on_order(kind, account, number, world.rtc.at_s + 600, 99, overridden, document)


def test_a_document_that_the_files_refuse_is_asked_for_again():
    world = World()

    async def script(world):
        documents = world.gateway.orders._documents
        kept = documents.store

        def full(kind, identity, version, content):
            raise StorageFault("no space")

        documents.store = full
        raises(Refused, world.gateway.on_order, TARIFF_ORDER, 0, 2, 0, 0, 0, TARIFF_2)
        documents.store = kept
        world.gateway.on_order(TARIFF_ORDER, 0, 2, 0, 0, 0, TARIFF_2)

    world.run(script)

    async def second(world):
        await until(lambda: world.slot().reading is not None)
        eq(world.gateway.billing.tariff_now(world.slot(), world.rtc.at_s).version, 2, "acknowledged and forgotten")

    world.run(second)


def test_policies_that_were_replaced_leave_no_file():
    world = World()

    async def script(world):
        for version in range(2, 6):
            text = _as_json(policy(version=version))
            world.gateway.on_order(POLICY_ORDER, 0, version, 0, 0, 0, text)

    world.run(script)
    eq([name for name in os.listdir(world.root) if name.startswith("policy")], ["policy_1_5.json"])

    async def second(world):
        eq(world.gateway.supply._policies.newest(1).version, 5)

    world.run(second)


def test_a_document_that_is_kept_when_the_power_goes_is_told_by_the_next_life_before_it_decides_anything():
    for kind, text in ((TARIFF_ORDER, TARIFF_2), (POLICY_ORDER, _as_json(policy(version=2)))):
        for durable in (False, True):
            world = World()

            def first(world, kind=kind, text=text, durable=durable):
                documents, ledger = world.gateway.orders._documents, world.gateway.ledger
                documents.said = lambda: None  # the power goes before it
                if not durable:
                    ledger.record = lambda *record: 0
                world.gateway.on_order(kind, 0, 2, 0, 0, 0, text)
                eq("unsaid" in os.listdir(world.root), True)

            alone(world, first)
            alone(world, lambda world: None)
            alone(world, lambda world: None)
            eq([values[:3] for values in told(world, kinds.DOCUMENT)], [(1 if kind == TARIFF_ORDER else 2, 1, 2)], (kind, durable))
            sequence = int.from_bytes(records(world, kinds.DOCUMENT)[0][2:6], "little")
            boots = [int.from_bytes(raw[2:6], "little") for raw in records(world, kinds.BOOT)]
            eq([boot < sequence for boot in boots], [True, not durable, False])
            eq("unsaid" in os.listdir(world.root), False)


def test_a_document_that_was_not_kept_when_the_power_went_is_not_told():
    for mark in (b"tariff_1_7.json", b"", b"\xff\x00../key"):
        world = World()
        with open(world.root + "/unsaid", "wb") as file:
            file.write(mark)
        alone(world, lambda world: None)
        eq((told(world, kinds.DOCUMENT), "unsaid" in os.listdir(world.root)), ([], False), mark)


def test_what_a_given_state_replaced_is_sent_by_no_life_though_it_is_asked_for():
    """The head-end holds other records under those numbers: it would see a fork for ever."""
    world = World()

    def sent(world):
        source = Source(world.gateway, 1, 1)
        ledger = world.gateway.ledger
        eq(source.status()[9], ledger.sequence - ledger.outbox.acked_sequence, "an older head-end would be told that it forgot them")
        return source.positions()[0], [source.journal_from(wanted, 100)[1] for wanted in (1, given[0])]

    given = []

    def first(world):
        ledger = world.gateway.ledger
        given.append(ledger.sequence + 1_000)
        held = ledger.sequence - 1
        ledger.import_state(2, given[0], [ledger.accounts.row_bytes(0)])
        eq(sent(world), (given[0] - 1, [given[0]] * 2))
        ledger.acked(1, held, ledger.journal.chain_at(held), bytes(8), 0)
        eq(sent(world)[1], [1, given[0]], "it was no fork: what was not sent yet is evidence")
        ledger.acked(1, held, bytes(8), bytes(8), 0)
        eq(sent(world)[1], [given[0]] * 2)

    alone(world, first)
    alone(world, lambda world: eq(sent(world), (given[0] - 1, [given[0]] * 2)))


def _as_json(document):
    return json.dumps(document).encode()


def test_tariffs_that_no_unsettled_day_needs_make_room_for_new_ones():
    world = World(limits={"tariff_versions_max": 3})

    async def script(world):
        await until(lambda: world.row("charged_at_s") > 0)
        for version in range(2, 9):
            text = b'{"tariff":1,"version":%d,"effective":"2026-01-02","currency":"CNY","utc_offset_min":480,"prices":{"total":"%d"}}'
            world.gateway.on_order(5, 0, version, 0, 0, 0, text % (version, version))
        eq(world.gateway.billing.tariff_now(world.slot(), world.rtc.at_s).version, 8)

    world.run(script)

    async def second(world):
        await until(lambda: world.slot().reading is not None)
        eq(world.gateway.billing.tariff_now(world.slot(), world.rtc.at_s).version, 8)

    world.run(second)


def test_an_order_that_overrides_the_reading_before_there_is_one_breaks_nothing():
    world = World()
    world.meters[0].silent = True

    async def script(world):
        in_contact(world)
        world.gateway.on_status(0, 0)
        order(world, CUT_ORDER, 1, overridden=0x7FFFFFFF)
        await aio.sleep_ms(5_000)

    world.run(script)


def test_a_state_that_cannot_be_taken_is_answered_and_changes_nothing():
    for name, rows in (("a short row", [b"short"]), ("more rows than accounts", [bytes(188)] * 64)):
        refuse_state(World(), name, rows)


def refuse_state(world, name, rows):
    async def script(world):
        world.credit(3 * COIN)
        world.gateway.head_end.standing = 2
        offer_state(world, rows)
        eq(records(world, kinds.ORDER)[-1][20], 2, name + ": refused")

    world.run(script)
    eq((world.gateway.ledger.epoch, world.balance()), (1, 3 * COIN), name)


def offer_state(world, rows):
    """Order 8 with these rows, as if they had come in one document."""
    epoch = world.gateway.ledger.epoch + 1
    desk = world.gateway.orders
    kept = desk._documents.decode_state
    desk._documents.decode_state = lambda document: (epoch, 5_000, 1, 1, rows)
    order(world, STATE_ORDER, 1, document=b"x", account=0)
    desk._documents.decode_state = kept


def test_a_held_reading_nobody_has_heard_is_not_let_go_by_an_accepted_order():
    world = World()

    async def first(world):
        await until(lambda: world.slot().reading is not None)
        world.meters[0].start_cwh = 90_000
        await until(lambda: world.row("flags") & 16)

    world.run(first)
    world.meters[0].silent = True

    async def second(world):
        order(world, RELEASE_HELD, 1)
        found = records(world, kinds.ORDER)[-1]
        eq((found[20], found[21]), (2, 4), "refused: a condition fails")
        eq(world.row("flags") & 16, 16)

    world.run(second)


def test_a_refused_credit_that_found_no_room_is_written_when_it_comes_again():
    world = World()

    async def script(world):
        account = world.slot().account
        world.gateway.on_credit(account, 1, 5, COIN, COIN, START_S)
        ledger = world.gateway.ledger
        kept = ledger.journal.reserves
        ledger.journal.reserves = [0, 0, 10_000, 0]
        raises(Refused, world.gateway.on_credit, account, 1, 5, COIN, 2 * COIN, START_S)
        ledger.journal.reserves = kept
        world.gateway.on_credit(account, 1, 5, COIN, 2 * COIN, START_S)
        world.gateway.on_credit(account, 1, 5, COIN, 2 * COIN, START_S)
        eq(len(records(world, kinds.CREDIT_REFUSED)), 1)

    world.run(script)


def test_a_hold_stands_in_the_journal_before_its_number_is_consumed():
    world = World()

    async def script(world):
        order(world, HOLD_ORDER, 1)
        ledger = world.gateway.ledger
        _, _, _, batch = ledger.outbox.journal_from(ledger.sequence - 1, 1_000_000)
        eq([raw[1] for raw in batch], [kinds.FLAGS, kinds.ORDER], "power lost in between loses the hold")

    world.run(script)


def test_a_relay_we_opened_is_closed_when_the_state_of_the_head_end_knows_no_cut():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(10 * COIN)
        await until(lambda: world.row("seen") == supply.CLOSED)
        before = world.gateway.ledger.accounts.row_bytes(0)
        world.credit(-12 * COIN)
        await until(lambda: world.row("seen") == supply.OPEN)
        world.meters[0].silent = True  # nothing is judged between the comparison and the state
        world.gateway.head_end.standing = 2
        offer_state(world, [before])
        world.meters[0].silent = False
        eq(await until(lambda: world.meters[0].status & 0x10 == 0, 120_000), True, "dark with 10 coins")

    world.run(script)


def test_a_cut_on_its_way_is_called_back_when_the_state_of_the_head_end_knows_none():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(10 * COIN)
        await until(lambda: world.row("seen") == supply.CLOSED)
        before = world.gateway.ledger.accounts.row_bytes(0)
        world.credit(-12 * COIN)
        eq(await until(lambda: world.row("wish") == 1), True)
        world.meters[0].silent = True  # the order has not reached the meter yet
        world.gateway.head_end.standing = 2
        offer_state(world, [before])
        await aio.sleep_ms(5_000)
        world.meters[0].silent = False
        await aio.sleep_ms(60_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_a_cut_on_its_way_is_called_back_when_our_books_are_found_behind():
    world = World()

    async def script(world):
        in_contact(world)
        world.credit(-COIN)
        eq(await until(lambda: world.row("wish") == 1), True)
        ledger = world.gateway.ledger
        world.gateway.on_acks(Ack([ledger.epoch, ledger.sequence + 50, bytes(8), bytes(8), 0, START_S, None, 1, None, None]))
        await aio.sleep_ms(60_000)

    world.run(script)
    eq(world.meters[0].orders.count(TRIP), 0)


def test_orders_and_credits_that_are_replayed_leave_one_record():
    world = World()

    async def script(world):
        gateway = world.gateway
        bad = b'{"tariff":1}'
        known = _as_json(policy())
        refused = [world.slot().account, 1, 5, COIN, 2 * COIN, START_S]
        gateway.on_credit(world.slot().account, 1, 5, COIN, COIN, START_S)
        before = gateway.ledger.sequence
        for _ in range(20):
            gateway.on_order(5, 0, 3, 0, 0, 0, bad)
            gateway.on_order(POLICY_ORDER, 0, 1, 0, 0, 0, known)
            gateway.on_order(HOLD_ORDER, 999, 1, 0, 0, 0, None)
            gateway.on_credit(999, 1, 1, COIN, COIN, START_S)
            gateway.on_credit(*refused)
            gateway.on_order(STATE_ORDER, 0, 1, 0, 0, 0, b"no state")
        eq(gateway.ledger.sequence - before, 6)

    world.run(script)


def test_a_document_comes_through_when_only_the_reserve_for_credits_is_left():
    world = World()

    async def script(world):
        world.gateway.ledger.journal.reserves[1] = 10_000  # a StorageFault here would hold back the credits behind it
        world.gateway.on_order(POLICY_ORDER, 0, 2, 0, 0, 0, _as_json(policy(version=2)))
        eq(world.gateway.supply._policies.newest(1).version, 2)

    world.run(script)


def test_a_document_is_not_in_force_before_the_journal_can_say_so():
    world = World()

    async def script(world):
        journal = world.gateway.ledger.journal
        kept = list(journal.reserves)
        journal.reserves[2] = 10_000
        text = _as_json(policy(version=2))
        raises(Refused, world.gateway.on_order, POLICY_ORDER, 0, 2, 0, 0, 0, text)
        eq(world.gateway.supply._policies.newest(1).version, 1)
        journal.reserves = kept
        before = world.gateway.ledger.sequence
        world.gateway.on_order(POLICY_ORDER, 0, 2, 0, 0, 0, text)
        eq(world.gateway.supply._policies.newest(1).version, 2)
        eq(world.gateway.ledger.sequence > before, True)

    world.run(script)


def _ack(ledger, sequence):
    """Authentic, and perhaps of days ago."""
    return Ack([ledger.epoch, sequence, ledger.journal.chain_at(sequence), bytes(8), 0, START_S, None, 0, None, None])


def test_only_a_word_that_cannot_be_a_replay_extends_the_right_to_cut():
    world = World()

    async def script(world):
        gateway = world.gateway
        gateway.on_credit(world.slot().account, 1, 5, COIN, COIN, START_S)
        await aio.sleep_ms(60_000)
        gateway.on_credit(world.slot().account, 1, 5, COIN, COIN, START_S)
        gateway.on_credit(world.slot().account, 1, 5, COIN, 2 * COIN, START_S)
        ledger = gateway.ledger
        old = _ack(ledger, 1)
        gateway.on_acks(old)
        gateway.on_acks(old)
        eq(gateway.head_end.last_contact_s, 0, "all of it may have waited at the broker for days")
        old.fresh, old.time_s = True, world.rtc.at_s
        gateway.on_acks(old)
        eq(gateway.head_end.last_contact_s >= START_S + 59, True)

    world.run(script)


def test_a_word_that_waited_for_days_extends_the_right_to_cut_over_no_restart():
    world = World()
    waits = []

    def first(world):
        ledger = world.gateway.ledger
        eq(world.gateway.head_end.last_contact_s, 0)
        waits.append(_ack(ledger, ledger.sequence))

    def second(world):
        world.gateway.on_acks(waits[0])
        eq((world.gateway.head_end.last_contact_s, len(told(world, kinds.ACKED))), (0, 1))

    alone(world, first)
    world.rtc.at_s += 3 * 86_400
    alone(world, second)
    alone(world, lambda world: eq(world.gateway.head_end.last_contact_s, START_S, "so late it spoke, and not when its word came"))
    world.rtc.at_s += 86_400
    alone(world, lambda world: world.gateway.on_acks(_ack(world.gateway.ledger, world.gateway.ledger.sequence)))
    alone(world, lambda world: eq(world.gateway.head_end.last_contact_s >= START_S + 4 * 86_400, True, "it knew what was new"))
