"""Steps 6 to 8: the broker comes back without its memory, the customer pays, everything is counted once more."""

import asyncio
import time

from host_tools.demo import claims_outage, claims_return, console
from host_tools.demo.act import Act
from host_tools.demo.cast import CUT, Household
from host_tools.demo.checks import Verdict
from host_tools.demo.claims_return import Backlog
from host_tools.demo.mqtt_packets import Publish
from host_tools.demo.proof import records_of
from host_tools.head_end.folding import fold

PAYMENT = "20.00"
PAID_TO_CLOSED_MAX_S = 15.0
ISSUER, ORDER_CUT, REFUSED = 1, 1, 2
ACTION_RESTORE, VERIFIED = 2, 5
WATCH_S = 2.0
THIN_BYTES_PER_S = 400  # a queue that takes half a minute to drain: long enough to see what passes it


async def broker_returns(act: Act) -> None:
    """The uplink is thin until fresh readings were seen to pass the backlog, or until there is none left to pass."""
    stage, told, books, until = act.stage, act.stage.console, act.stage.books, act.checks.until
    size = len(stage.broker_memory())
    stage.wipe_broker()
    left = len(stage.broker_memory())
    held = books.held()
    last = int(told.part("journal").get("sequence", 0)), int(told.part("readings").get("last", 0))
    before = books.backlog(held, last)
    act.say(f"the broker returns after {act.seconds_since(act.down_since):.0f} s, its {size} bytes of memory gone; "
            f"{before.records_missing} records and {before.readings_missing} readings wait", "bold green")
    known = len(stage.log.session_present)
    began = time.monotonic()
    stage.tap.thin(THIN_BYTES_PER_S / act.checks.stretch)
    await stage.start_broker()
    stage.tap.mend()
    moments: list[Backlog] = []

    def live() -> Verdict:
        moments.append(books.backlog(held, last))
        return claims_return.live_passes_backlog(moments)

    def drained() -> Verdict:
        now = books.backlog(held, last)
        return claims_return.backlog_drained(now, before.records_missing, before.readings_missing, act.seconds_since(began))

    def arrived() -> Verdict:
        booked: dict[int, int] = {}
        for one in books.fields_of("CREDIT"):
            if one["issuer"] == ISSUER:
                booked[one["account"]] = max(one["number"], booked.get(one["account"], 0))
        receipts = books.receipts(*act.queued) if act.queued else []
        return claims_return.queued_arrived(receipts, act.queued, booked, act.seconds_since(began))

    await until("broker_forgot", "the broker has lost its session",
                lambda: claims_return.broker_forgot(size, left, stage.log.session_present[known:]), 20)
    await until("live_beside_backlog", "live readings pass the backlog", live, 40)
    stage.tap.thin(0)
    await until("backlog_drained", "the database holds all of the outage", drained, 60)
    await until("queued_credits_arrived", "the payments that waited were sent again", arrived, 30)
    await until("books_agree", "reconcile finds no difference; balances equal to 0.000001", lambda: _reconciled(act), 40)


async def _reconciled(act: Act) -> Verdict:
    before = {number: view.balance_ucu for number, view in act.stage.console.accounts.items()}
    status, answer = await act.stage.books.command("reconcile")
    theirs = act.stage.books.balances()
    after = {number: view.balance_ucu for number, view in act.stage.console.accounts.items()}
    return claims_return.books_agree(status, answer, before, theirs, after)


async def customer_pays(act: Act) -> None:
    customer = act.of(CUT)
    stage, told, books, until = act.stage, act.stage.console, act.stage.books, act.checks.until
    number = await _order_that_is_late(act, customer)
    paid_at = time.monotonic()
    answer = books.pay(customer.account, PAYMENT, "counter-1", int(time.time()))
    act.say(f"account {customer.account} pays {PAYMENT} at the counter", "bold green")
    credit = (customer.account, ISSUER, int(answer["number"]))

    async def closed() -> Verdict:
        moves = await stage.meter_events(customer.address, "relay_moved")
        good, words = claims_outage.relay_moved(moves, [True, False])
        return good, words + (f" {moves[-1].mono_ms / 1000 - paid_at:.2f} s after the payment" if good else "")

    async def back() -> Verdict:
        good, words = claims_outage.read_back(
            paid_at, await stage.meter_events(customer.address, "relay_moved"),
            (await stage.meters()).meter(customer.address).status3,
            told.records("SEEN", customer.account, since=paid_at, seen=console.CLOSED),
            told.records("RELAY", customer.account, since=paid_at, action=ACTION_RESTORE, phase=VERIFIED), console.CLOSED,
        )
        return good and act.seconds_since(paid_at) <= PAID_TO_CLOSED_MAX_S, f"payment to read back {words}"

    await until("supply_returns", "the meter's contacts close, once", closed, 30)
    await until("payment_to_closed", f"read back closed within {PAID_TO_CLOSED_MAX_S:.0f} s of the payment", back, 30)
    stage.tap.release()
    act.say("the network hands over the cut order from before the payment", "yellow")

    def refused() -> Verdict:
        found = told.records("ORDER", customer.account, number=number, order=ORDER_CUT, verdict=REFUSED, reason=claims_return.OVERTAKEN)
        return claims_return.late_cut_refused(
            found, books.order_state(customer.account, number),
            stage.log.order_at.get((ORDER_CUT, customer.account, number)), stage.log.credit_at.get(credit))

    await until("late_cut_refused", "the late cut order is refused", refused, 30)
    act.checks.hint("a moment has passed")
    await asyncio.sleep(WATCH_S)
    await until("supply_stays", "supply stays on, and nobody else's ever moved", lambda: _moves(act), 1)


async def _order_that_is_late(act: Act, customer: Household) -> int:
    """An order to cut, written before the payment, that the network keeps back."""
    tap, log = act.stage.tap, act.stage.log

    def ours(message: Publish) -> bool:
        if not message.topic.endswith("/down/orders"):
            return False
        body = log.content(message)
        return body is not None and (body.get(1), body.get(2)) == (ORDER_CUT, customer.account)

    tap.hold(ours)
    _, answer = await act.stage.books.command("order", str(customer.account), "cut")
    await act.checks.until(
        "cut_order_held_back", "a cut order from before the payment is on its way",
        lambda: (tap.holds, f"order {answer.get('number')}, written when credit {answer.get('credit_number')} was the last"), 20,
    )
    return int(answer.get("number", 0))


async def _moves(act: Act) -> Verdict:
    site = await act.stage.meters()
    relays = {one.account: site.meter(one.address).relay for one in act.homes}
    movements = {account: relay.movements for account, relay in relays.items() if relay is not None}
    customer = act.of(CUT).account
    return claims_return.moved_twice(movements, relays[customer], customer)


async def all_is_told(act: Act) -> None:
    stage, books, note = act.stage, act.stage.books, act.note
    target = int(stage.console.part("journal").get("sequence", 0))
    await act.checks.until("all_acknowledged", "the head-end holds everything up to now",
                           lambda: (books.held()[0] >= target > 0, f"record {books.held()[0]} of {target}"), 30)
    await stage.kill_gateway()
    proof = stage.proof_of("region_end.bin")
    note("acknowledged_once_at_end", "all that was ever acknowledged is in the journal, once",
         claims_outage.acknowledged_once(proof, len(act.homes) + len(act.queued) + 1))
    note("published_kept_at_end", "all that was ever published is there, byte for byte", claims_outage.published_kept(proof))
    note("told_kept_at_end", "all that the console ever told is there",
         claims_outage.told_kept([one.record for one in stage.console.noted], proof.image))
    note("journal_sound_at_end", "the journal of both lives is sound", claims_outage.journal_sound(proof.image))
    note("flash_equals_database", "the database equals the gateway's flash, byte for byte",
         claims_return.flash_equals_database({record.sequence: record.raw for record in proof.image.records}, books.raw_records()))
    held = books.held()[0]
    flash = {account: fold(account, records_of(proof.image, account, held)).balance_ucu for account in act.accounts}
    note("balances_equal", "balances from flash equal the head-end's to 0.000001",
         claims_return.balances_equal(flash, books.balances()))
    note("wire_understood", "every message on the wire was authentic and readable", claims_return.wire_understood(stage.log))
    note("nobody_complained", "no process complained", claims_return.nobody_complained(stage.complaints()))
