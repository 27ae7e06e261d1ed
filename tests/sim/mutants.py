"""Deliberate bugs, each a function of the firmware replaced at run time: who judges must find them (design section 9).

What a mutant stands for is its name and its sentence; patching.py puts one in and takes it out again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware import gateway_supply
from firmware.base import aio
from firmware.cutoff import conditions, decide, episode, supply
from firmware.cutoff.brake import Brake
from firmware.cutoff.throttle import Throttle
from firmware.gateway_billing import Billing
from firmware.gateway_notices import NoticeDesk
from firmware.gateway_orders import OrderDesk
from firmware.gateway_replay import Replay
from firmware.gateway_supply import SupplyDesk
from firmware.ledger import record_kinds as kinds
from firmware.ledger.accounts import CREATED, EXISTS, Accounts
from firmware.ledger.journal_store import Journal
from firmware.ledger.ledger_store import Ledger
from firmware.ledger.snapshot import Snapshot
from firmware.meter_bus.lane import RelayLane
from firmware.sync import mqtt_codec
from firmware.sync import sender as senders
from firmware.sync.dispatch import Dispatcher
from firmware.sync.session import Session
from firmware.tariff import pricing
from firmware.tariff.book import TariffBook
from tests.sim import mutants_lifeline, mutants_moves, mutants_rich
from tests.sim.patching import MUTANTS, NEEDS, SEEDS_MAX, Mutant, Swap, applied, mutant, provoked

__all__ = ("mutants_lifeline", "mutants_moves", "mutants_rich", "MUTANTS", "NEEDS", "SEEDS_MAX", "applied", "provoked")

def _always(answer: Any) -> Callable[..., Any]:
    return lambda *args, **named: answer


# money


@mutant("the first charge of a life is written down twice")
def charge_twice_after_restart(swap: Swap) -> None:
    plain = Ledger.record

    def record(ledger: Any, kind: int, values: Any, klass: Any = None) -> Any:
        if kind == kinds.CHARGE and not getattr(ledger, "charged_once", False):
            ledger.charged_once = True
            plain(ledger, kind, values, klass)
        return plain(ledger, kind, values, klass)

    swap(Ledger, "record", record)


@mutant("a charge of more than one kWh is one millionth too dear")
def conservation_broken_by_one_unit(swap: Swap) -> None:
    plain = pricing.charge_lines

    def charge_lines(*args: Any) -> Any:
        return [(*line[:4], line[4] + (line[4] > 100 * line[3])) for line in plain(*args)]

    swap(pricing, "charge_lines", charge_lines)


@mutant("a register is charged one step further than it stands")
def off_by_one_register(swap: Swap) -> None:
    plain = Billing._lines

    def lines(*args: Any) -> Any:
        return [(rate, start, end + 1, price, amount + price, *rest) for rate, start, end, price, amount, *rest in plain(*args)]

    swap(Billing, "_lines", lines)


@mutant("a credit that comes again is booked again")
def credit_applied_twice(swap: Swap) -> None:
    plain = Accounts.credit_verdict

    def credit_verdict(*args: Any) -> Any:
        verdict, reason = plain(*args)
        return (CREATED, 0) if verdict == EXISTS else (verdict, reason)

    swap(Accounts, "credit_verdict", credit_verdict)


@mutant("the broker hears PUBACK a moment before the credit is stored")
def puback_before_store(swap: Swap) -> None:
    async def book(handler: Any, credit: Any) -> None:
        await aio.sleep_ms(30)
        handler.on_credit(*credit)

    swap(Dispatcher, "_on_credit", lambda dispatcher, credit, now_ms: aio.create_task(book(dispatcher._handler, credit)) and None)


@mutant("the oldest tariff version rules for ever")
def late_tariff_ignored(swap: Swap) -> None:
    def in_force(book: Any, identity: int, day: int) -> Any:
        held = [one for one in book._versions if one.tariff == identity and one.effective_day <= day]
        return min(held, key=lambda one: one.version, default=None)

    swap(TariffBook, "in_force", in_force)


@mutant("a tariff counts a day before its date")
def tariff_a_day_early(swap: Swap) -> None:
    plain = TariffBook.in_force
    swap(TariffBook, "in_force", lambda book, identity, day: plain(book, identity, day + 1))


@mutant("what was used while the board was off is forgotten")
def restart_forgets_energy(swap: Swap) -> None:
    plain = Billing.due_cause

    def due_cause(billing: Any, slot: Any, reading: Any, uncharged_ucu: Any) -> Any:
        if slot.reading is not None and not getattr(billing, "forgot", None):
            billing.forgot = True
            ledger, first = billing._ledger, 1 if reading.rates else 0
            if ledger.accounts.get(slot.row, "charged_at_s") and ledger.journal.sequence > 40:
                where = (slot.account, reading.serial, 0, first, reading.registers[first], ledger.accounts.charged_cwh(slot.row, first))
                ledger.record(kinds.HELD, where)
        return plain(billing, slot, reading, uncharged_ucu)

    swap(Billing, "due_cause", due_cause)


# the journal


@mutant("a step is told as durable and was never synced")
def sync_forgotten(swap: Swap) -> None:
    def commit(journal: Any) -> None:
        journal._program_pending()
        journal._dirty = False
        journal.steps += 1
        journal.durable_sequence, journal.durable_chain, journal.durable_epoch = journal.sequence, journal.chain, journal.epoch

    swap(Journal, "commit", commit)


@mutant("the relay is told before the decision is on flash")
def act_before_store(swap: Swap) -> None:
    plain = SupplyDesk.send

    def send(desk: Any, slot: Any, action: int) -> None:
        desk._order(slot.index, action)
        aio.create_task(later(desk, slot, action))

    async def later(desk: Any, slot: Any, action: int) -> None:
        await aio.sleep_ms(5_000)
        plain(desk, slot, action)

    swap(SupplyDesk, "send", send)
    swap(gateway_supply, "settle", _always(True))


@mutant("blocks go although the head-end does not hold their records")
def pruned_unheard(swap: Swap) -> None:
    swap(Ledger, "_held", lambda ledger: ledger.journal.sequence)


@mutant("a snapshot writes down each account without its flags")
def snapshot_loses_flags(swap: Swap) -> None:
    plain = Snapshot.next_record

    def next_record(snapshot: Any) -> Any:
        kind, values = plain(snapshot)
        if kind == kinds.SNAPSHOT_ROW:
            row = bytearray(values[0])
            row[4:6] = b"\x00\x00"
            values = (bytes(row),)
        return kind, values

    swap(Snapshot, "next_record", next_record)


@mutant("a restart takes the last sequence again")
def sequence_used_again(swap: Swap) -> None:
    plain = Journal.begin_life

    def begin_life(journal: Any, lives: int) -> Any:
        if journal.sequence > 20:
            journal.sequence -= 1
        return plain(journal, lives)

    swap(Journal, "begin_life", begin_life)


# when to cut


def _blind_to(bit: int) -> Mutant:
    def make(swap: Swap) -> None:
        plain = decide.failed_conditions
        swap(decide, "failed_conditions", lambda facts, policy: plain(facts, policy) & ~bit)

    return make


for _name, _bit, _sentence in (
    ("cut_outside_hours", conditions.HOURS, "nights are days"),
    ("cut_without_notice", conditions.NOTICE, "nobody needs a notice"),
    ("cut_by_stale_reading", conditions.FRESH, "readings do not grow old"),
    ("cut_by_doubtful_clock", conditions.CLOCK | conditions.METER_CLOCK, "any clock is right"),
    ("cut_offline_for_ever", conditions.OFFLINE, "the offline right to cut never lapses"),
    ("cut_past_throttle", conditions.THROTTLE, "the throttle is open"),
    ("cut_past_brake", conditions.BRAKE, "the brake does not hold"),
    ("cut_the_protected", conditions.PROTECTED | conditions.EXEMPT, "nobody is protected"),
    ("cut_care_unvisited", conditions.CARE, "care customers need no visit"),
    ("cut_on_hold", conditions.HOLD, "a hold by the operator holds nothing"),
):
    MUTANTS[_name] = (_sentence, _blind_to(_bit))


@mutant("half a unit above the floor counts as below")
def floor_too_high(swap: Swap) -> None:
    def is_due(facts: Any, policy: Any) -> bool:
        return policy is not None and facts.available_ucu is not None and facts.available_ucu <= policy.floor_ucu + 500_000

    swap(decide, "is_due", is_due)


@mutant("a notice counts when it is sent")
def notice_counts_when_sent(swap: Swap) -> None:
    plain = NoticeDesk._notice

    def notice(desk: Any, slot: Any, view: Any, policy: Any, channel: int, outcome: int) -> Any:
        return plain(desk, slot, view, policy, channel, episode.DELIVERED if outcome == episode.GIVEN else outcome)

    swap(NoticeDesk, "_notice", notice)


@mutant("a restart opens the brake")
def brake_reset_by_restart(swap: Swap) -> None:
    swap(Replay, "_on_brake", _always(None))


@mutant("a restart forgets the cuts of the last hour")
def throttle_reset_by_restart(swap: Swap) -> None:
    plain = Replay._on_decision

    def on_decision(replay: Any, values: Any, at_s: int) -> None:
        throttle, replay._throttle = replay._throttle, Throttle(4)
        plain(replay, values, at_s)
        replay._throttle = throttle

    swap(Replay, "_on_decision", on_decision)


@mutant("the brake never closes")
def brake_never_closes(swap: Swap) -> None:
    swap(Brake, "on_money", _always(False))


@mutant("an accepted cut order does not expire")
def cut_order_never_expires(swap: Swap) -> None:
    plain = SupplyDesk.fill

    def fill(desk: Any, slot: Any, policy: Any, credited: bool) -> Any:
        view = plain(desk, slot, policy, credited)
        view.ordered = bool(slot.cut_order)
        return view

    swap(SupplyDesk, "fill", fill)
    swap(SupplyDesk, "end_cut_order", _always(None))


@mutant("an order that comes again is taken again")
def order_taken_again(swap: Swap) -> None:
    plain = OrderDesk._for_account

    def for_account(desk: Any, *args: Any) -> Any:
        accounts = desk._ledger.accounts
        slot = desk._gateway.slot_of(args[1])
        if slot is not None and accounts.get(slot.row, "order") == args[2]:
            desk._verdict(args[1], args[2], args[0], 0, 0, args[4], args[3])
            return None
        return plain(desk, *args)

    swap(OrderDesk, "_for_account", for_account)


# light


@mutant("a restart forgets that it was we who cut")
def wish_forgotten_by_restart(swap: Swap) -> None:
    swap(supply, "initial", _always(supply.ON_UNKNOWN))


@mutant("a payment is looked at with the next reading")
def payment_waits_for_reading(swap: Swap) -> None:
    plain = SupplyDesk.judge

    def judge(desk: Any, slot: Any, credited: bool = False) -> None:
        if not credited:
            plain(desk, slot)

    swap(SupplyDesk, "judge", judge)


@mutant("a newer relay order leaves the older one on its way")
def older_order_not_cancelled(swap: Swap) -> None:
    from firmware.meter_bus.relay_sequence import RelaySequence

    plain = RelayLane.put

    def put(*args: Any) -> Any:
        cancel, RelaySequence.cancel = RelaySequence.cancel, lambda sequence: None  # type: ignore[method-assign]
        lane, older = args[0], list(args[0]._active)
        try:
            taken = plain(*args)
        finally:
            RelaySequence.cancel = cancel  # type: ignore[method-assign]
        lane._active = [one for one in older if one not in lane._active] + lane._active
        return taken

    swap(RelayLane, "put", put)


@mutant("the acknowledgement of the meter is taken for the movement, and a close is never asked for again")
def restore_never_repeated(swap: Swap) -> None:
    plain = supply.step
    deaf = (supply.RESTORE_LOST, supply.NOT_ON, supply.RESTORING)
    swap(supply, "step", lambda state, event: (state, ()) if state in deaf and event != supply.SAW_CLOSED else plain(state, event))


# the way to the head-end


@mutant("what the head-end never got is never sent again")
def never_sent_again(swap: Swap) -> None:
    def on_ack(sender: Any, ack: Any, now_ms: int) -> None:
        ack.resend_sequence = ack.resend_readings = None
        plain(sender, ack, now_ms)

    plain = senders.Sender.on_ack
    swap(senders.Sender, "on_ack", on_ack)
    swap(senders._Stream, "timed_out", _always(False))
    swap(senders._Stream, "rewind", lambda stream, number, now_ms: setattr(stream, "next", max(stream.next, number, 1)))


@mutant("a publish that left on an earlier connection closes the next one (a fault that this simulation found)")
def old_publish_closes_connection(swap: Swap) -> None:
    def send_flight(session: Any, flight: Any) -> None:
        flight.queued = True
        if flight.left:
            flight.packet[0] |= mqtt_codec.PUBLISH_DUP
        session._enqueue(flight.packet, flight)

    swap(Session, "_send_flight", send_flight)


@mutant("records are told before they are durable")
def told_before_durable(swap: Swap) -> None:
    plain = Ledger.record

    def record(ledger: Any, kind: int, values: Any, klass: Any = None) -> Any:
        sequence = plain(ledger, kind, values, klass)
        journal = ledger.journal
        journal._program_pending()
        journal.durable_sequence, journal.durable_chain = journal.sequence, journal.chain
        return sequence

    swap(Ledger, "record", record)
    swap(Journal, "commit", lambda journal: None)
