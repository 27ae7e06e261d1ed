"""Steps 6 to 8: the broker comes back without its memory, the customer pays, everything is counted once more."""

import asyncio
import time

from host_tools.demo import console
from host_tools.demo.act import Act
from host_tools.demo.cast import CUT
from host_tools.demo.mqtt_packets import Publish
from host_tools.demo.proof import prove, records_of
from host_tools.head_end.folding import fold
from host_tools.journal_reader.words import money

PAYMENT = "20.00"
PAID_TO_CLOSED_MAX_S = 15.0
ORDER_CUT, REFUSED, OVERTAKEN = 1, 2, 2
WATCH_S = 2.0


async def broker_returns(act: Act) -> None:
    act.begin(6, "The broker returns, its memory wiped",
              "queued credits arrive, the backlog drains while live readings flow, both books agree")
    stage, told, books = act.stage, act.stage.console, act.stage.books
    size = stage.wipe_broker()
    readings, journal = told.part("readings"), told.part("journal")
    last_reading, last_sequence = int(readings.get("last", 0)), int(journal.get("sequence", 0))
    held = books.held()
    waiting = f"{last_sequence - held[0]} records and {last_reading - held[1]} readings wait"
    act.say(f"the broker returns after {act.seconds_since(act.down_since):.0f} s, its {size} bytes of memory gone; {waiting}",
            "bold green")
    known = len(stage.log.session_present)
    began = time.monotonic()
    await stage.start_broker()

    def forgotten() -> tuple[bool, str]:
        sessions = stage.log.session_present[known:]
        return size > 0 and bool(sessions) and not sessions[0], f"{size} bytes wiped, sessions present {sessions}"

    def arrived() -> tuple[bool, str]:
        pending = books.pending_credits()
        good = pending == 0 and len(act.queued) == 3
        return good, f"{len(act.queued)} credits, {pending} without receipt, {act.seconds_since(began):.1f} s after its return"

    def drained() -> tuple[bool, str]:
        now = books.held()
        good = now[0] >= last_sequence and now[1] >= last_reading
        return good, f"{now[0] - held[0]} records and {now[1] - held[1]} readings in {act.seconds_since(began):.1f} s"

    await act.checks.until("broker_forgot", "the broker has no session left", forgotten, 20)
    await act.checks.until("backlog_drained", "the head-end's database holds everything from the outage", drained, 60)
    ended = time.monotonic()
    await act.checks.until("queued_credits_arrived", "the head-end resends credits from its database", arrived, 30)
    live = [sent for sent in stage.log.readings if sent.live and began <= sent.at <= ended]
    act.checks.note("live_beside_backlog", "live readings were sent while the backlog drained",
                    bool(live), f"{len(live)} live messages within {ended - began:.1f} s")
    await act.checks.until("books_agree", "reconcile finds no difference, and both balances are equal to 0.000001",
                           lambda: _reconciled(act), 40)


async def _reconciled(act: Act) -> tuple[bool, str]:
    before = {number: view.balance_ucu for number, view in act.stage.console.accounts.items()}
    code, answer = await act.stage.books.command("reconcile")
    theirs = act.stage.books.balances()
    after = {number: view.balance_ucu for number, view in act.stage.console.accounts.items()}
    compared = [number for number in before if before[number] == after[number]]
    apart = [number for number in compared if theirs.get(number) != before[number]]
    if code or not answer.get("ok"):
        faults = answer.get("differences") or [answer.get("error")]
        return False, f"{len(faults)} differences, first: {faults[0]}"
    total = answer["totals"]["balance_ucu"]
    good = not apart and len(compared) >= len(act.homes) // 2
    return good, (f"{len(answer['accounts'])} accounts, 0 differences, balances together {money(total)}, "
                  f"{len(apart)} of {len(compared)} differ from the gateway's own")


async def customer_pays(act: Act) -> None:
    customer = act.of(CUT)
    act.begin(7, "The customer pays", f"account {customer.account} has supply again; a cut order from before arrives late and is refused")
    stage, told, books = act.stage, act.stage.console, act.stage.books
    number = await _late_order(act, customer.account)
    paid_at = time.monotonic()
    answer = books.pay(customer.account, PAYMENT, "counter-1", int(time.time()))
    act.say(f"account {customer.account} pays {PAYMENT} at the counter", "bold green")
    credit = (customer.account, 1, int(answer["number"]))

    async def closed() -> tuple[bool, str]:
        moves = await stage.meter_events(customer.address, "relay_moved")
        if not moves or moves[-1].open:
            return False, "relay still open"
        closes = sum(event.open is False for event in moves)
        return closes == 1, f"contacts closed {moves[-1].mono_ms / 1000 - paid_at:.2f} s after the payment"

    def read_back() -> tuple[bool, str]:
        seen = told.records("SEEN", customer.account, since=paid_at, seen=console.CLOSED)
        if not seen:
            return False, "not read back closed"
        took_s, wire_s = seen[0].at - paid_at, stage.log.credit_at.get(credit, paid_at) - paid_at
        return took_s <= PAID_TO_CLOSED_MAX_S, f"{took_s:.2f} s from payment to read back closed ({wire_s:.2f} s to the gateway)"

    await act.checks.until("supply_returns", "the simulated relay closes, once", closed, 30)
    await act.checks.until("payment_to_closed", f"read back closed within {PAID_TO_CLOSED_MAX_S:.0f} s of the payment", read_back, 30)
    stage.tap.release()
    act.say("the network hands over the cut order from before the payment", "yellow")

    def refused() -> tuple[bool, str]:
        found = told.records("ORDER", customer.account, number=number, order=ORDER_CUT, verdict=REFUSED, reason=OVERTAKEN)
        state, reason = books.order_state(customer.account, number)
        return bool(found) and (state, reason) == ("refused", OVERTAKEN), f"order {number} {state or '?'}, reason {reason}"

    await act.checks.until("late_cut_refused", "the late cut order is refused: overtaken by the credit", refused, 30)
    await asyncio.sleep(WATCH_S)
    await act.checks.until("supply_stays", "supply stays on", lambda: _moves(act), 1)


async def _late_order(act: Act, account: int) -> int:
    """An order to cut, written before the payment, that the network keeps back."""
    tap, log = act.stage.tap, act.stage.log

    def ours(message: Publish) -> bool:
        if not message.topic.endswith("/down/orders"):
            return False
        body = log.content(message)
        return body is not None and (body.get(1), body.get(2)) == (ORDER_CUT, account)

    tap.hold(ours)
    _, answer = await act.stage.books.command("order", str(account), "cut")
    await act.checks.until("cut_order_queued", "a cut order from before the payment is on its way, and late",
                           lambda: (tap.holds, f"order {answer.get('number')} knows credit {answer.get('credit_number')}"), 20)
    return int(answer.get("number", 0))


async def _moves(act: Act) -> tuple[bool, str]:
    site = await act.stage.meters()
    moved = {one.account: relay.movements for one in act.homes
             if (relay := site.meter(one.address).relay) is not None and relay.movements}
    relay = site.meter(act.of(CUT).address).relay
    good = moved == {act.of(CUT).account: 2} and relay is not None and not relay.open
    return good, "relay movements of all meters: " + (", ".join(f"{key}: {value}" for key, value in moved.items()) or "none")


async def all_is_told(act: Act) -> None:
    act.begin(8, "Everything is counted once more", "wire, flash, meters and both books tell the same story")
    stage, books = act.stage, act.stage.books
    target = int(stage.console.part("journal").get("sequence", 0))
    await act.checks.until("all_acknowledged", "the head-end holds everything up to now",
                           lambda: (books.held()[0] >= target, f"sequence {books.held()[0]} of {target}"), 30)
    await stage.kill_gateway()
    proof = prove(stage.log, stage.copy_region("region_end.bin"))
    act.checks.note("acknowledged_once_at_end", "every acknowledgement of the whole story is in the journal exactly once",
                    not proof.faults, proof.words())
    act.checks.note("journal_sound_at_end", "the journal of both lives is sound", proof.image.sound,
                    f"{len(proof.image.records)} records, {len(proof.image.readings)} readings")
    ours = {record.sequence: record.raw for record in proof.image.records}
    rows = books.db.rows("SELECT sequence, raw FROM records")
    same = sum(ours.get(int(row["sequence"])) == bytes(row["raw"]) for row in rows)
    act.checks.note("flash_equals_database", "every record in the database stands on the gateway's flash, byte for byte",
                    bool(rows) and same == len(rows), f"{same} of {len(rows)} records")
    held = books.held()[0]
    theirs = books.balances()
    apart = [one.account for one in act.homes
             if fold(one.account, records_of(proof.image, one.account, held)).balance_ucu != theirs.get(one.account)]
    act.checks.note("balances_equal", "balances folded from flash equal the head-end's, to 0.000001", not apart,
                    f"{len(act.homes) - len(apart)} of {len(act.homes)} accounts, together {money(sum(theirs.values()))}")
    act.checks.note("wire_understood", "every message on the wire was authentic and readable", stage.log.unreadable == 0,
                    f"{stage.log.packets_up + stage.log.packets_down} packets, {stage.log.connections} connections, "
                    f"{stage.log.unreadable} unreadable")
