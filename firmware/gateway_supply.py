"""Decide and act: from the facts of one account to journalled decisions and relay orders (part of the hall).

Everything is journalled before it is done, and the step is durable before the order reaches the bus (house rule: store
before you act, act before you tell). Only changes are journalled: a cut that waits for morning is one record, not one
per reading.

When flash fails, a cut stays undone and a restore goes without its record.

Trap avoided: charging moves the balance, so before a cut the energy is charged and the decision is taken anew on the
books as they then stand.
"""

from firmware.base import relay
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.cutoff import decide, facts, supply
from firmware.gateway_billing import CAUSE_DECISION
from firmware.gateway_books import may_cut, note, settle
from firmware.gateway_causes import CauseDesk
from firmware.gateway_lifeline import flows, look, note_limit, wished_w
from firmware.gateway_notices import NoticeDesk
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_ELSEWHERE, FLAG_LIMITED

_recover = Rare("firmware.gateway_debts", "recover")
LOST_AT_ONCE = const(2)  # relay orders that may be lost before pauses begin
DUE_BITS_SHIFT = const(26)  # room for the failed bits beside the verdict in Slot.judged


class SupplyDesk:
    """Steps the supply of slots. `desk.order(meter, action) -> bool` is the bus's door; with relay.LIMIT goes the limit in W."""

    def __init__(self, ledger, billing, policies, throttle, brake, views, order, limits):
        self._ledger = ledger
        self._billing = billing
        self._policies = policies
        self.throttle = throttle
        self.brake = brake
        self.causes = CauseDesk(ledger, brake)
        self._clock, self._head_end = views
        self._order = order
        self._limits = limits
        self._facts = facts.Facts(limits)
        self._accounts_on_board = 0
        self.notices = NoticeDesk(self, ledger, self._clock, limits)

    def set_size(self, accounts):
        """How many accounts the brake's share is taken of."""
        self._accounts_on_board = accounts

    def begin(self, slot, override, before=supply.ON_UNKNOWN):
        """Take the process up where the account row left it, and read the relay.

        `override`: conditions that the order of a cut which still lasts had overridden. `before`: the state of this life
        until now, when the row came from the head-end: a relay that we may have opened is ours to close.
        """
        get = self._ledger.accounts.get
        row = slot.row
        if self._is_elsewhere(slot):
            slot.state = supply.ON  # of no relay: nothing is looked at, nothing is tried again
            return
        if get(row, "wish") == facts.OFF:
            slot.override = override
            self.brake.replay(slot.account, get(row, "wish_at_s"))
        seen = (get(row, "seen"), get(row, "seen_at_s"), get(row, "fault"), get(row, "flags") & FLAG_LIMITED)
        slot.state = supply.initial(get(row, "wish"), get(row, "wish_at_s"), *seen)
        if get(row, "wish") == facts.ON and before in _MAY_BE_OPEN:
            slot.state = supply.RESTORING
            self.send(slot, relay.RESTORE)  # overtakes a cut of ours that is still on its way
        else:
            self._order(slot.index, relay.STATUS)

    def _is_elsewhere(self, slot):
        """Its account lives at another gateway: neither cut nor restored here."""
        return self._ledger.accounts.get(slot.row, "flags") & FLAG_ELSEWHERE

    def judge(self, slot, credited=False):
        """Look at one account and do what follows. The caller commits nothing: all is durable on return, if flash works."""
        if self._is_elsewhere(slot):
            return
        policy = self._policies.newest(slot.policy)
        view = self.fill(slot, policy, credited)
        self.notices.step(slot, view, policy)
        if self._is_one_too_many(slot, view, policy):
            note(self._ledger, kinds.BRAKE, (1, self.brake.due_count, self._accounts_on_board, 0))
            view.brake_closed = True
        decision = decide.decide(view, policy)
        if decision.verdict == decide.CUT and slot.reading is not None:
            self._billing.charge(slot, slot.reading, CAUSE_DECISION)
            slot.uncharged_ucu = self._billing.uncharged_ucu(slot, slot.reading)
            view = self.fill(slot, policy, credited)
            decision = decide.decide(view, policy)
        self._act(slot, view, policy, decision)
        settle(self._ledger)

    def _is_one_too_many(self, slot, view, policy):
        """True when the brake closes by this account. What is not known (a start, a held reading) is no news to it."""
        if policy is None or view.available_ucu is None and not view.ordered:
            return False
        limit = self.brake.limit(policy, self._accounts_on_board)
        due = decide.is_due(view, policy)
        news = due and self.brake.is_news(slot.account)
        closes = self.brake.on_money(slot.account, due or view.ordered, view.now_s, policy, self._accounts_on_board)
        if news:
            tariff = self._billing.tariff_now(slot, view.now_s)
            closes = self.causes.on_due(slot, view, policy, tariff, limit) or closes
        if view.ordered:
            closes = self.causes.on_ordered(view.now_s, policy.brake_window_s, limit) or closes
        return closes

    def facts_of(self, slot):
        """(facts, policy) as they stand, for diagnostics and orders. The object is reused."""
        policy = self._policies.newest(slot.policy)
        return self.fill(slot, policy, False), policy

    def fill(self, slot, policy, credited):
        """The reused Facts object, filled from row, reading, clock and journal."""
        view = self._facts
        view.clear()
        accounts = self._ledger.accounts
        row = slot.row
        view.balance_ucu = accounts.balance_ucu(row)
        if slot.reading is not None and slot.uncharged_ucu is not None and not slot.held:
            view.available_ucu = view.balance_ucu - slot.uncharged_ucu
        view.reading_at_s = slot.reading.at_s if slot.reading is not None else 0
        view.now_s, view.clock_quality, view.clock_error_s, view.meters_disagree = self._clock.state()
        view.meter_clock_error_s = self._clock.meter_error_s(slot.index)
        view.flags = accounts.get(row, "flags") | slot.flags
        view.limit_ucu = accounts.credit_limits.get(slot.account, 0)
        view.serial_ok = not slot.held
        if not slot.held and (slot.reading is None or slot.read_refused is not None):
            view.serial_ok = None
        view.journal_sound = self._ledger.sound
        view.tariff_valid = self._tariff_valid(slot, view.now_s)
        view.enforceable = slot.enforceable
        view.standing = self._head_end.standing
        view.wish = accounts.get(row, "wish")
        view.lifeline_w = wished_w(slot, policy)
        view.limited = bool(view.wish and view.flags & FLAG_LIMITED)
        view.seen_before = accounts.get(row, "seen")
        view.seen = view.seen_before if slot.state not in _NOT_SEEN_YET else facts.UNKNOWN
        view.fault = accounts.get(row, "fault")
        view.credited = credited
        view.last_contact_s = self._head_end.last_contact_s
        view.trip_delay_s = slot.model.trip_delay_max_min * 60
        room = may_cut(self._ledger)  # full books count as a closed throttle: no cut, and no restore for it
        room = room and not slot.lost_pause_s  # nor may a meter that takes no order use up the others' cuts
        view.throttle_ok = room and policy is not None and self.throttle.may_cut(view.now_s, policy.throttle_per_hour)
        view.brake_closed = self.brake.closed
        view.ordered = bool(slot.cut_order) and 0 < view.now_s < slot.cut_order_until_s
        view.override = slot.override
        self.notices.fill(slot, view, policy)
        return view

    def recover(self, slot):
        """What was paid to an account with a debt pays a share of it off; the caller makes it durable."""
        if slot is not None and slot.account in self._ledger.accounts.unrecovered:
            _recover(self._ledger, slot.account, *self.facts_of(slot))

    def on_status(self, slot, word, limit_w):
        """A status word was read, and where the meter has one the load limit, None = it was not: what is seen is journalled when it
        changes, then the process goes on."""
        if self._is_elsewhere(slot) or limit_w is None and slot.model.limit_di:
            return  # half a look
        accounts = self._ledger.accounts
        limited, event, outcome = False, None, None
        if slot.model.limit_di:
            limited, event = look(slot, limit_w, self.facts_of(slot)[0])
            outcome = relay.Outcome(slot.index, relay.STATUS, relay.VERIFIED, limit_w, 0)
        seen = facts.LIMITED if limited else supply.seen_of(word, slot.model)
        if seen != facts.UNKNOWN and (seen != accounts.get(slot.row, "seen") or not accounts.get(slot.row, "seen_at_s")):
            note(self._ledger, kinds.SEEN, (slot.account, seen, word))
        if not limited and event is None:
            event = supply.saw(word, slot.model)
        if event == supply.SAW_PENDING and slot.enforceable is False and slot.state in _NOT_OURS:
            event = supply.SAW_CLOSED  # its own purse or its utility prepares this trip
        if event == supply.SAW_OPEN and slot.state == supply.RESTORE_LOST and slot.lost_pause_s:
            event = None
        if event is not None:
            self._event(slot, event, outcome)
        settle(self._ledger)

    def _count_lost(self, slot, event, outcome):
        """Orders that are never answered come less and less often: their records would fill the journal in hours."""
        if event == supply.ORDER_LOST:
            self._lost_again(slot)
        elif outcome.phase == relay.VERIFIED and outcome.detail != relay.ALREADY_SO and outcome.action != relay.LIMIT:
            self.forget_lost(slot)

    def _lost_again(self, slot):
        slot.orders_lost += 1
        if slot.orders_lost > LOST_AT_ONCE:
            doubled_s = self._limits.supply_retry_s << min(slot.orders_lost - LOST_AT_ONCE, 10)
            slot.lost_pause_s = min(doubled_s, self._limits.supply_retry_slow_s)

    def on_power(self, slot, power_w):
        """What flows under a load limit that is in force."""
        if slot.state == supply.LIMITED and power_w is not None:
            outcome = flows(slot, power_w, self.facts_of(slot)[0], self._limits)
            if outcome is not None:
                self._event(slot, supply.LOAD_AFTER_CUT, outcome)
                settle(self._ledger)

    def forget_lost(self, slot):
        """The meter took an order, or somebody paid: the next one goes at once."""
        slot.orders_lost = 0
        slot.lost_pause_s = 0

    def on_outcome(self, slot, outcome):
        """A phase of a relay order: journalled, then the process goes on."""
        if self._is_elsewhere(slot):
            return  # it left before the account did
        values = (slot.account, slot.serial, outcome.action, outcome.phase, outcome.word & 0xFFFF, outcome.detail)
        if outcome.action != relay.STATUS:
            note(self._ledger, kinds.RELAY, values)
        if outcome.action == relay.ALARM_ON:
            self.notices.on_alarm(slot, outcome)
        elif outcome.action == relay.ALARM_OFF and outcome.phase in relay.FAILED_PHASES and outcome.detail != relay.SUPERSEDED:
            slot.notice_again_in(self._limits.supply_retry_slow_s)
        if outcome.action in (relay.CUT, relay.RESTORE, relay.LIMIT):
            self._count_lost(slot, supply.event_of(outcome, slot.model), outcome)
        if outcome.phase == relay.VERIFIED and outcome.action in (relay.CUT, relay.RESTORE):
            self.on_status(slot, outcome.word, relay.NO_LIMIT)
        elif outcome.phase == relay.VERIFIED and outcome.action == relay.LIMIT:
            word = 0 if slot.reading is None else slot.reading.status_word
            self.on_status(slot, word or 0, outcome.word)
        else:
            event = supply.event_of(outcome, slot.model)
            if event is not None:
                self._event(slot, event, outcome)
        settle(self._ledger)

    def retry(self, slot):
        """Called each second: a state that lasts too long is tried again, whatever the wall clock says."""
        if slot.notice_is_due_again():
            self.notices.alarm_again(slot)
        after_s = supply.retry_after_s(slot.state, self._limits, slot.silent_turns > 0)
        if after_s and slot.ticks_in_state >= after_s:
            slot.ticks_in_state = 0
            self._event(slot, supply.RETRY, None)
            settle(self._ledger)

    def end_cut_order(self, slot):
        """A cut order expired or was overtaken; what it overrode counts on only while its cut lasts."""
        slot.cut_order = 0
        if self._ledger.accounts.get(slot.row, "wish") == facts.ON:
            slot.override = 0

    def restore_by_order(self, slot, order):
        """A restore order was accepted."""
        view, policy = self.facts_of(slot)
        if view.wish == facts.OFF or view.seen == facts.LIMITED or slot.state in (supply.FOUND_OFF, supply.NOT_ON):
            decision = decide.Decision(decide.RESTORE, decide.BY_ORDER, 0)
            self._process(slot, supply.RESTORE_DECIDED, None, (view, policy, decision, order))
        settle(self._ledger)

    def _tariff_valid(self, slot, now_s):
        if not now_s:
            return None  # an unknown clock tells nothing about tariffs: no cut, and no restore for it
        return self._billing.tariff_now(slot, now_s) is not None

    def _act(self, slot, view, policy, decision):
        if decision.verdict == decide.CUT:
            event = supply.LIMIT_DECIDED if view.lifeline_w else supply.CUT_DECIDED
            self._process(slot, event, None, (view, policy, decision, slot.cut_order))
        elif decision.verdict == decide.RESTORE:
            self._process(slot, supply.RESTORE_DECIDED, None, (view, policy, decision, 0))
        elif decision.verdict in (decide.NOT_PERMITTED, decide.DELAYED):
            judged = (decision.verdict << DUE_BITS_SHIFT) | decision.failed
            if judged != slot.judged:
                slot.judged = judged
                self._evidence(slot, view, policy, decision, slot.cut_order)
        else:
            slot.judged = 0

    def _event(self, slot, event, outcome):
        self._process(slot, event, outcome, None)

    def _process(self, slot, event, outcome, case):
        """One step of the supply process: records first, made durable, then orders."""
        before = slot.state
        slot.state, actions = supply.step(slot.state, event)
        if slot.state != before:
            slot.ticks_in_state = 0
        orders = []
        for action in actions:
            if action in (supply.ORDER_CUT, supply.ORDER_RESTORE, supply.READ_STATUS, supply.ORDER_LIMIT):
                orders.append(_RELAY_ACTION[action])
            elif not self._record_action(slot, action, outcome, case):
                slot.state = before  # no evidence, no cut: an order may override the throttle, but not the want of room
                return
        for action in orders:
            self.send(slot, action)

    def _record_action(self, slot, action, outcome, case):
        """Journal what `action` stands for -> False only for a cut that found no room: a restore goes without its record."""
        if action in (supply.WISH_OFF, supply.WISH_LIMIT, supply.WISH_ON):
            return self._record_wish(slot, action, case)
        if action == supply.WITHDRAW:
            view, policy = self.facts_of(slot)
            self._evidence(slot, view, policy, decide.Decision(decide.WITHDRAWN, 0, 0), slot.cut_order)
            if not slot.cut_order:
                slot.override = 0  # its order expired while the cut was under way
        elif action in (supply.LIMIT_LOST, supply.FAULT_FOUND_LIMITED):
            self._record_limit(slot, action, outcome)
        elif action == supply.FAULT_OF_OUTCOME:
            note(self._ledger, kinds.FAULT, (slot.account, supply.fault_of(outcome), outcome.word))
        elif action in (supply.FAULT_FOUND_OFF, supply.FAULT_NOT_OBEYED, supply.CLEAR_FAULT, supply.FAULT_TRIP_HANGS):
            note(self._ledger, kinds.FAULT, (slot.account, supply.FAULT_CODES[action], 0))
        return True

    def _record_wish(self, slot, action, case):
        view = case[0]
        if not self._evidence(slot, *case) and action != supply.WISH_ON:
            return False
        if action == supply.WISH_ON:
            slot.cut_order = 0
            slot.override = 0
        else:
            self.throttle.on_cut(view.now_s)
        if action == supply.WISH_LIMIT:
            note_limit(self._ledger, slot, action, view.lifeline_w, relay.NO_LIMIT)
        slot.judged = 0
        return True

    def _record_limit(self, slot, action, outcome):
        """A limit that is not as wished; the next look at it counts after a pause."""
        view, _ = self.facts_of(slot)
        note_limit(self._ledger, slot, action, view.lifeline_w if view.limited else relay.NO_LIMIT, outcome.word)
        if action == supply.LIMIT_LOST:
            self._lost_again(slot)
        else:
            slot.lost_pause_s = self._limits.supply_retry_slow_s

    def send(self, slot, action):
        """Hand an order to the bus; that it was decided and ordered stands in the journal first."""
        limit_w = self.facts_of(slot)[0].lifeline_w if action == relay.LIMIT else 0
        if action != relay.STATUS:
            note(self._ledger, kinds.RELAY, (slot.account, slot.serial, action, relay.ORDERED, limit_w, 0))
        if not settle(self._ledger) and action in (relay.CUT, relay.LIMIT):
            return  # no evidence, no cut; an unsound journal withdraws the wish at the next look
        if limit_w:
            self._order(slot.index, action, limit_w)
        elif action != relay.LIMIT:
            self._order(slot.index, action)  # a full lane is counted there; RETRY asks again

    def _evidence(self, slot, view, policy, decision, order):
        """The DECISION record: the values that decided -> its sequence, 0 without room."""
        tariff = self._billing.tariff_now(slot, view.now_s)
        available = view.balance_ucu if view.available_ucu is None else view.available_ucu
        register = None if slot.reading is None else slot.reading.registers[0]
        values = (
            slot.account,
            decision.verdict,
            decision.reason,
            decision.failed,
            available,
            0 if policy is None else decide.floor_ucu(view, policy),
            0 if register is None else register,
            view.reading_at_s,
            0 if policy is None else policy.policy,
            0 if policy is None else policy.version,
            0 if tariff is None else tariff.tariff,
            0 if tariff is None else tariff.version,
            order,
            self._ledger.accounts.get(slot.row, "episode"),
            view.notice_at_s,
        )
        return note(self._ledger, kinds.DECISION, values)


_MAY_BE_OPEN = (
    supply.CUTTING,
    supply.OFF_UNKNOWN,
    supply.OFF,
    supply.NOT_OFF,
    supply.RESTORING,
    supply.RESTORE_LOST,
    supply.NOT_ON,
    supply.LIMITING,  # or limited, which a restore lifts
    supply.LIMITED,
    supply.LIMIT_UNKNOWN,
    supply.NOT_LIMITED,
    supply.FOUND_LIMITED,
)
_NOT_OURS = (supply.ON, supply.ON_UNKNOWN, supply.FOUND_OFF)
_NOT_SEEN_YET = (supply.ON_UNKNOWN, supply.OFF_UNKNOWN, supply.LIMIT_UNKNOWN, supply.RESTORE_LOST)
_RELAY_ACTION = {
    supply.ORDER_CUT: relay.CUT,
    supply.ORDER_RESTORE: relay.RESTORE,
    supply.READ_STATUS: relay.STATUS,
    supply.ORDER_LIMIT: relay.LIMIT,
}
