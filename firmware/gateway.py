"""The hall: every event of the gateway comes through here, and leaves as journal records, relay orders and messages.

`on_reading`, `on_freeze`, `on_status`, `on_relay`, `on_silence` from the bus; `on_credit`, `on_order`, `on_acks` from the head-end;
`on_tick` from the clock. Synchronous, never awaits: read, price, journal, decide, act is one uninterrupted step, so in a
cooperative scheduler money needs no lock.

Traps avoided: a message of the head-end is acknowledged to the broker only after its verdict is durable, so every
handler commits before it returns; a repeated message leaves no second record. Where the journal has no room for a verdict
there is none: Refused goes to the uplink, and the head-end sends the message again.
"""

from firmware.base import relay
from firmware.base.faults import BadInput, Fault, Refused, StorageFault
from firmware.base.port import const
from firmware.clock import clock as clocks
from firmware.cutoff import conditions
from firmware.cutoff.brake import Brake
from firmware.cutoff.throttle import Throttle
from firmware.gateway_billing import HELD_NO_VALUE, NO_SERIAL, Billing
from firmware.gateway_books import Refusals, keep_behind_snapshot, keep_jump, note, settle
from firmware.gateway_edges import EdgeWatch
from firmware.gateway_freezes import FreezeDesk
from firmware.gateway_meters import MeterCare
from firmware.gateway_orders import OrderDesk
from firmware.gateway_replay import EVENT_STANDING, STANDING_AWAITS_STATE, Replay, forward_s
from firmware.gateway_slot import Slots
from firmware.gateway_supply import SupplyDesk
from firmware.gateway_views import ClockView, HeadEnd
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_ELSEWHERE
from firmware.ledger.accounts import CREATED, EXISTS
from firmware.ledger.ledger_store import AGREES, UNKNOWN
from firmware.meters.model import ENFORCEABLE, NEEDS_UTILITY_KEY, OWN_PURSE, STATUS_PURSE_BITS, enforceable

EVENT_SILENT = const(1)  # value: turns without an answer
EVENT_ANSWERS_AGAIN = const(2)
EVENT_READ_REFUSED = const(3)  # value: error byte
EVENT_TASK_FAULT = const(4)
FAULT_OWN_PURSE = const(8)
FAULT_UTILITY_KEY = const(9)
CHANNEL_HEAD_END = const(1)  # NOTICE channel
RESET_UNKNOWN = const(0)  # BOOT reset_cause of a board that cannot tell
STANDING_SOUND = const(0)


class Gateway:
    """Built by main.py. `site` has settings, models, tariffs, policies, documents; `doors` = (order(meter, action) -> bool of
    the bus, wake() when something is new for the uplink, announce() when the standing changed, ask(meter) for a reading now)."""

    def __init__(self, ledger, site, clock, ticks_ms, doors):
        limits = site.settings.limits
        self.ledger = ledger
        self.clock = clock
        self.clock_view = ClockView(clock, ticks_ms)
        self.head_end = HeadEnd()
        self._ticks_ms = ticks_ms
        self._limits = limits
        self._settings = site.settings
        order, self._wake, self.announce, ask = doors
        self.uplink_events = 0
        self.billing = Billing(ledger, site.tariffs, limits, self.clock_view)
        self.freezes = FreezeDesk(ledger, self.billing, limits)
        throttle = Throttle(limits.cuts_remembered_max)
        brake = Brake(limits.accounts_max)
        views = (self.clock_view, self.head_end)
        self.supply = SupplyDesk(ledger, self.billing, site.policies, throttle, brake, views, order, limits)
        self.refusals = Refusals()
        self.orders = OrderDesk(self, site.tariffs, site.policies, site.documents)
        self.slots = Slots(site.settings, site.models)
        self._edges = EdgeWatch(site.tariffs, self.slots, ask)
        self.meter_care = MeterCare(self, site, ask)
        self.time_to_set, self.wants_count, self.on_count = self.meter_care.doors()
        memories = (throttle, brake, self.supply.causes, self.head_end, self.supply.notices.use, self.orders.awaited, self.meter_care)
        self._replay = Replay(memories, self.slots)  # only until begin()
        self.on_replayed = self._replay.on_record

    def on_restored(self):
        """The journal that was replayed is a backup's: what came after it is with the head-end -> True when that is durable."""
        self.head_end.standing = STANDING_AWAITS_STATE
        return note(self.ledger, kinds.EVENT, (EVENT_STANDING, 0, STANDING_AWAITS_STATE)) > 0 and settle(self.ledger)

    def begin(self, boot_count, firmware_version, reset_cause):
        """After the journal was replayed: a row for each slot, and a status read for each relay."""
        note(self.ledger, kinds.BOOT, (boot_count, reset_cause, firmware_version))
        self.head_end.last_contact_s = self.ledger.outbox.held_at_s()
        self.slots.follow(self.ledger.accounts.followers)
        for slot in self.slots:
            slot.row = self._row_of(slot)
            self._replay.remind(slot)
            self.supply.begin(slot, self._replay.override_of(slot.account), self._replay.state_of(slot.account))
            self.orders.on_credit(slot)
            self.meter_care.begin(slot)
        self.orders.say_kept(self._replay.document)
        self._replay = self.on_replayed = None
        self.billing.begin(self.slots)
        self.supply.set_size(len(self.slots))
        settle(self.ledger)

    def _row_of(self, slot):
        """The account's row; a new account begins with no meter bound, so that credits find it before its first reading."""
        accounts = self.ledger.accounts
        row = accounts.row_of(slot.account)
        if row < 0:
            if accounts.count >= accounts.capacity:
                raise BadInput("account", str(slot.account) + " finds no place: the books hold " + str(accounts.count) + " accounts")
            unbound = (slot.account, NO_SERIAL, 0, 0, 0, 0, 0, 0)
            # of the books' own class: a full journal must neither keep the gateway from starting nor lose a protection
            self.ledger.record(kinds.SEGMENT, unbound, kinds.BOOKS)
        if row < 0 or slot.arrives and accounts.is_untouched(row):
            flags = slot.flags if row < 0 else accounts.get(row, "flags")
            self.ledger.record(kinds.FLAGS, (slot.account, flags | slot.arrives, 0), kinds.BOOKS)
        return accounts.row_of(slot.account)

    def slot_of(self, account):
        """The supply point of an account, or None."""
        return self.slots.of_account(account)

    # from the bus

    def wants_freeze(self, reading):
        """Number of the daily freeze to ask for before this reading is handed over; 0 = none."""
        return self.freezes.first(self.slots[reading.meter], reading)

    def on_freeze(self, reading, refused, at_local_s, registers):
        """What came of it (`at_local_s` None: no freeze); the days before it are charged -> number of the next one, 0 = enough."""
        return self.freezes.on_freeze(self.slots[reading.meter], reading, refused, at_local_s, registers)

    def wants_settlement(self, reading):
        """Number of the settlement-day register to ask for then; 0 = none."""
        return self.freezes.wants_settlement(self.slots[reading.meter])

    def on_settlement(self, reading, number, clock_s, settles, registers):
        """That register, and the meter's clock before it was asked for -> number of the next one, 0 = enough."""
        return self.freezes.on_settlement(self.slots[reading.meter], reading, number, clock_s, settles, registers)

    def on_reading(self, reading):
        """A meter answered: believe or hold, charge, judge, remember, tell -> True when it should be asked again soon."""
        slot = self.slots[reading.meter]
        if slot.silent_turns >= self._limits.silent_turns_told:
            note(self.ledger, kinds.EVENT, (EVENT_ANSWERS_AGAIN, slot.account, slot.silent_turns))
        slot.silent_turns, slot.read_refused = 0, None
        if self.ledger.accounts.get(slot.row, "flags") & FLAG_ELSEWHERE:
            self._store(slot, reading)
            return False
        why = self.billing.why_held(slot, reading)
        if not why and not self.billing.is_bound(slot):
            why = self.billing.bind(slot, reading)
        undated = not why and self.billing.waits_for_date(slot, reading)
        waits = not why and not undated and self.freezes.must_wait(slot, reading)
        if undated or waits or why and why != HELD_NO_VALUE:
            slot.was_heard(reading)
        if why:
            self.billing.hold(slot, reading, why)
        elif not undated and not waits:
            self._believe(slot, reading)
            self.supply.recover(slot)
        if reading.status_word is not None:
            self._learn_enforceable(slot, reading.status_word)
            self.supply.on_status(slot, reading.status_word, reading.limit_w)
            self.supply.on_power(slot, reading.power_w)
        self.supply.judge(slot)
        self._store(slot, reading)
        self._wake()
        return waits

    def _believe(self, slot, reading):
        slot.held = 0
        slot.jumped = None
        slot.believe(reading)
        slot.uncharged_ucu = self.billing.uncharged_ucu(slot, reading)
        cause = self.billing.due_cause(slot, reading, slot.uncharged_ucu)
        if cause and slot.uncharged_ucu is not None:
            self.billing.charge(slot, reading, cause)
            slot.uncharged_ucu = self.billing.uncharged_ucu(slot, reading)
        self.billing.let_go(slot, reading)

    def _store(self, slot, reading):
        values = (reading.at_s, reading.quality, reading.marks, reading.registers, reading.power_w, reading.status_word or 0)
        try:
            self.ledger.add_reading(slot.account, *values)
        except StorageFault:
            pass  # the commit finds the flash failed, too
        settle(self.ledger)

    def _learn_enforceable(self, slot, word):
        reason = enforceable(slot.model, word)
        slot.enforceable = reason == ENFORCEABLE
        fault = known = self.ledger.accounts.get(slot.row, "fault")
        if reason == OWN_PURSE:
            fault = FAULT_OWN_PURSE
        elif reason == NEEDS_UTILITY_KEY:
            fault = FAULT_UTILITY_KEY
        elif known in (FAULT_OWN_PURSE, FAULT_UTILITY_KEY) and not word & STATUS_PURSE_BITS:
            fault = 0  # the model was corrected
        if fault != known:
            note(self.ledger, kinds.FAULT, (slot.account, fault, word))

    def on_status(self, meter, word, limit_w=None):
        """A status word came ahead of the readings; where the meter has a load limit, both or nothing of it counts."""
        if word is None:
            return
        self._learn_enforceable(self.slots[meter], word)
        self.supply.on_status(self.slots[meter], word, limit_w)
        self._wake()

    def on_relay(self, outcome):
        """A phase of a relay order."""
        self.supply.on_outcome(self.slots[outcome.meter], outcome)
        self._wake()

    def on_silence(self, meter, turns, malformed):
        """A turn brought nothing; an event once, when it lasts."""
        slot = self.slots[meter]
        slot.silent_turns = turns
        if turns == self._limits.silent_turns_told:
            note(self.ledger, kinds.EVENT, (EVENT_SILENT, slot.account, turns))
        self.supply.judge(slot)  # its reading grows old: the evidence says so
        self._wake()

    def on_refused(self, meter, error_word):
        """The meter refuses to tell its register: reported once per change; no cut, and supply stays as it is."""
        slot = self.slots[meter]
        slot.silent_turns = 0
        if slot.read_refused != error_word:
            slot.read_refused = error_word
            note(self.ledger, kinds.EVENT, (EVENT_READ_REFUSED, slot.account, error_word))
        self.supply.judge(slot)
        self._wake()

    def wants_clock(self, meter):
        """True when the clock of this meter should be read again: it vetoes, dates us, or confirms a step."""
        age_s = self.slots[meter].clock_age_s
        doubt = self.clock.quality == clocks.NONE or self.clock.pending
        return age_s is None or age_s >= (self._limits.meter_clock_doubt_s if doubt else self._limits.meter_clock_every_s)

    def on_meter_clock(self, meter, local_s):
        """A meter told its local time, None when it tells none."""
        self.slots[meter].clock_was_read()
        self._note_clock(self.clock.on_meter_clock(meter, local_s, self.slots.utc_offset_min, self._ticks_ms()))
        self.meter_care.on_clock(self.slots[meter])

    # from the head-end

    def on_credit(self, account, issuer, number, amount_ucu, total_ucu, at_s):
        """A credit or correction; on return its verdict is durable."""
        slot = self.slot_of(account)
        accounts = self.ledger.accounts
        verdict, reason = accounts.credit_verdict(account, issuer, number, amount_ucu, total_ucu)
        before_ucu = accounts.balance_ucu(slot.row) if slot is not None else 0
        values = (account, issuer, number, amount_ucu, total_ucu)
        if verdict == CREATED:
            if amount_ucu < 0 and slot is not None:
                self.supply.causes.on_correction()
            self.ledger.record(kinds.CREDIT, values)
            self.supply.recover(slot)
        elif verdict != EXISTS and not self.refusals.holds(values):
            self.ledger.record(kinds.CREDIT_REFUSED, values + (reason,))
            self.refusals.keep(values)
        self.ledger.commit()
        if verdict == CREATED and slot is not None:
            self.orders.on_credit(slot)
            self.supply.end_cut_order(slot)  # a payment overtakes a cut order that still waits
            paid = accounts.balance_ucu(slot.row) > before_ucu  # a correction may take
            if paid:
                slot.override &= ~conditions.MONEY
                self.supply.forget_lost(slot)
            self.supply.judge(slot, credited=paid)
        self._wake()

    def on_order(self, order, account, number, expires_at_s, credit_number, overridden, document):
        """A numbered order or document; on return its verdict is durable."""
        self.orders.take(order, account, number, expires_at_s, credit_number, overridden, document)
        self.ledger.commit()
        self._wake()

    def on_acks(self, ack):
        """What the head-end holds, what it thinks of our books, and what time it is."""
        if ack.fresh:  # the only proof of contact: a credit may have waited at the broker for days, and others behind it still do
            self._note_clock(self.clock.on_network_time(ack.time_s, self._ticks_ms(), ack.age_ms))
            self.head_end.last_contact_s = self.clock_view.stamp()[0] or self.head_end.last_contact_s
        self._compare(ack)
        if self.ledger.acked(ack.epoch, ack.sequence, ack.chain, ack.countersign, ack.readings):
            self._deliver_notices(ack.sequence)
        self.ledger.commit()

    def _compare(self, ack):
        standing = STANDING_SOUND if ack.comparison == 0 and self._knows(ack) else STANDING_AWAITS_STATE
        if self.head_end.standing != standing and (ack.fresh or standing != STANDING_SOUND):
            if STANDING_AWAITS_STATE in (standing, self.head_end.standing):
                note(self.ledger, kinds.EVENT, (EVENT_STANDING, 0, standing))
            self.head_end.standing = standing
            self.announce()
            for slot in self.slots:
                self.supply.judge(slot)  # a cut that is on its way is called back

    def _knows(self, ack):
        """False when the record that the head-end holds last is another one in our books, or beyond them. It saw the end of ours
        only, and that may lie ahead of what it holds. An epoch that it does not hold yet is one that it gave us."""
        if ack.epoch < self.ledger.epoch:
            return True
        return self.ledger.compare(ack.epoch, ack.sequence, ack.chain) in (AGREES, UNKNOWN)

    def _deliver_notices(self, sequence):
        """A notice is given to the customer by the head-end once its database holds it."""
        for slot in self.slots.noticed():
            if slot.notice_sequence <= sequence:
                slot.notice_sequence = 0
                self.supply.notices.delivered(slot, CHANNEL_HEAD_END)

    def reprice(self, slot):
        """Tariffs changed: the uncharged energy of the last reading is worth something else."""
        if slot.reading is not None:
            slot.uncharged_ucu = self.billing.uncharged_ucu(slot, slot.reading)

    def awaits_state(self):
        """The head-end found our books behind its own."""
        return self.head_end.standing == STANDING_AWAITS_STATE

    def state_taken(self):
        """The ledger holds the head-end's signed state: every supply point begins anew from it."""
        self.head_end.standing = STANDING_SOUND
        self.refusals = Refusals()
        self.slots.follow(self.ledger.accounts.followers)
        for slot in self.slots:
            self.begin_anew(slot)
        self.announce()

    def begin_anew(self, slot):
        """Its row was replaced: what this life knew of the account is void. Who has paid by what it says waits for no reading."""
        slot.row = self._row_of(slot)
        slot.forget()
        self.supply.begin(slot, 0, slot.state)
        self.supply.judge(slot)

    def moved(self, slot):
        """Another account has the meter of this slot from now on."""
        if self.ledger.accounts.get(slot.row, "alarm"):
            self.supply.send(slot, relay.ALARM_OFF)  # it warned the one before
        self.slots.move(slot.index, self.ledger.accounts.followers[slot.account])
        self.begin_anew(self.slots[slot.index])

    def on_uplink_event(self, code, value):
        """Something a person should know of the uplink; its counters go up with the status."""
        self.uplink_events = (self.uplink_events + 1) & 0x3FFFFFFF

    # from the clock

    def on_tick(self):
        """Each second: retries of supply, orders that expired, space on flash."""
        now_s = self.clock_view.stamp()[0]
        self.slots.second += 1
        self._edges.on_tick(now_s)
        self.meter_care.on_tick(now_s)
        for slot in self.slots.busy():
            if slot.cut_order and now_s and now_s >= slot.cut_order_until_s:
                self.supply.end_cut_order(slot)
            self.supply.retry(slot)
        try:
            self.ledger.on_tick()
        except (Refused, StorageFault):
            pass  # no room, or the flash failed: who asks the ledger next finds out
        for slot in self.slots.jumped():
            keep_jump(self.ledger, slot)
        keep_behind_snapshot(self.ledger)
        self.supply.causes.keep(self.slots)

    def on_fault(self, name, fault):
        """A task died: the event is durable before the reset."""
        try:
            note(self.ledger, kinds.EVENT, (EVENT_TASK_FAULT, 0, len(name)))
            self.ledger.commit()
        except Fault:
            pass  # the books themselves are what broke: nothing more can be written

    def _note_clock(self, result):
        if result in (clocks.STEPPED, clocks.SET) and abs(self.clock.after_s - self.clock.before_s) > 1:
            for slot in self.slots:
                slot.notice_forward_s += forward_s(self.clock.before_s, self.clock.after_s)
            note(self.ledger, kinds.CLOCK, (self.clock.before_s, self.clock.after_s, self.clock.source))
            settle(self.ledger)
