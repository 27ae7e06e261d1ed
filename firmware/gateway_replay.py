"""What the hall remembers of earlier lives beside the account rows: found in the journal while it is replayed (part of the hall).

Throttle, brake, standing with the head-end, what care customers used; of an account the jump for which it is held, what the
order of its present cut overrode, which payment holds it on, how far the clock was set forward since its notice, and whether its
restore was ever seen done.

Traps avoided: each restart holds a jumped register anew, so the first record counts; a debt that was paid counts anew; a restore
may be decided while nobody knows the time, so by the order of records and not by their dates one is known for unfinished.
"""

from firmware.base import days, relay
from firmware.base.port import const
from firmware.cutoff import conditions, decide, orders, supply
from firmware.gateway_books import HELD_TOO_FAR
from firmware.ledger import record_kinds as kinds

NOTICE_DELIVERED = const(2)
ACCEPTED_VERDICT = const(1)
EVENT_STANDING = const(5)  # value: standing with the head-end (SPEC 5.3 field 12), which outlives a restart
STANDING_AWAITS_COMPARISON = const(1)
STANDING_AWAITS_STATE = const(2)
_REMEMBERED = (
    kinds.CREDIT, kinds.DECISION, kinds.HELD, kinds.EPISODE, kinds.NOTICE, kinds.EVENT, kinds.SEGMENT, kinds.CLOCK,
    kinds.BRAKE, kinds.SNAPSHOT_BEGIN, kinds.DOCUMENT, kinds.EPOCH, kinds.FLAGS, kinds.SUSPECT, kinds.THROUGH, kinds.ORDER, kinds.CARRIED,
    kinds.CREDIT_LIMIT,
)  # fmt: skip


class Replay:
    """`on_record` for each record, oldest first; then `remind(slot)` for each slot, and it is done."""

    def __init__(self, memories, slots):
        self._throttle, self._brake, self._causes, self._head_end, self._use, self._awaited, self._meter_care = memories
        use = self._use
        self._utc_offset_min = slots.utc_offset_min
        for slot in slots:
            if slot.flags & conditions.FLAG_CARE:
                use.watch(slot.account)
        self._overrides = {}  # account -> conditions that the order of its present cut overrode
        self._unproven = []  # accounts whose wish turned to ON, and nobody has seen their relay since
        self._jumps = {}  # account -> (rate, register) of its held jump
        self.document = None  # (what, id, version) of the last DOCUMENT
        self._forward_s = {}  # account -> seconds that the clock was set forward since its notice

    def remind(self, slot):
        """What the slot of this account has to know."""
        slot.jumped = self._jumps.get(slot.account)
        slot.notice_forward_s = self._forward_s.get(slot.account, 0)

    def override_of(self, account):
        """What the order of the present cut overrode; nothing when there is none."""
        return self._overrides.get(account, 0)

    def state_of(self, account):
        """Of its supply process: a restore whose proof never came is ours to finish."""
        return supply.RESTORE_LOST if account in self._unproven else supply.ON_UNKNOWN

    def on_record(self, kind, values, sequence, at_s, quality):
        """One record of earlier lives."""
        if kind not in _REMEMBERED:
            self._on_other(kind, values, sequence, at_s)
            return  # charges and receipts are most of a journal
        if kind == kinds.DECISION:
            self._on_decision(values, at_s)
        elif kind == kinds.HELD:
            self._on_held(values)
        elif kind in (kinds.SEGMENT, kinds.CARRIED):
            self._jumps.pop(values[0], None)
            self._meter_care.on_segment(values[0])
        elif kind == kinds.CREDIT:
            self._on_credit(values[0])
        elif kind in (kinds.EPISODE, kinds.CREDIT_LIMIT):
            self._brake.replay_paid(values[0])
        elif kind == kinds.NOTICE and values[4] == NOTICE_DELIVERED:
            self._forward_s[values[0]] = 0
        elif kind == kinds.CLOCK:
            for account in self._forward_s:
                self._forward_s[account] += forward_s(values[0], values[1])
        elif kind == kinds.DOCUMENT:
            self.document = values[:3]
        else:
            self._on_orders(kind, values)
        self._on_head_end(kind, values, at_s)
        self._causes.on_record(kind, values, sequence, at_s)

    def _on_other(self, kind, values, sequence, at_s):
        if kind == kinds.CHARGE:
            self._on_charge(values, sequence, at_s)
        elif kind in (kinds.SEEN, kinds.RELAY, kinds.MOVED):
            self._on_relay(kind, values)

    def _on_charge(self, values, sequence, at_s):
        if self._use.watches(values[0]):
            self._use.on_total(values[0], values[10], days.day_number(values[5], self._utc_offset_min))
        if self._causes.suspects:
            self._causes.on_record(kinds.CHARGE, values, sequence, at_s)

    def _on_credit(self, account):
        """It may have ended a debt without ending the episode; when in doubt the next one is a new one: rather a brake too early."""
        self._brake.replay_paid(account)
        if account in self._overrides:
            self._overrides[account] &= ~conditions.MONEY  # the order did not know of this payment

    def _on_head_end(self, kind, values, at_s):
        if kind == kinds.EVENT:
            self._meter_care.on_replayed(values, at_s)
        if kind == kinds.EVENT and values[0] == EVENT_STANDING and values[2] >= STANDING_AWAITS_STATE:
            self._head_end.standing = values[2]  # its state has not come: a restart does not make our books right
        elif kind == kinds.EPOCH or kind == kinds.EVENT and values[0] == EVENT_STANDING:
            self._head_end.standing = STANDING_AWAITS_COMPARISON

    def _on_orders(self, kind, values):
        """What people and the head-end laid down."""
        if kind in (kinds.BRAKE, kinds.SNAPSHOT_BEGIN):
            self._on_brake(kind, values)
        elif kind == kinds.FLAGS:
            self._on_flags(values[0], values[1])
        elif kind == kinds.ORDER:
            self._on_order(values)

    def _on_flags(self, account, flags):
        if flags & conditions.FLAG_CARE:
            self._use.watch(account)
        if not flags & conditions.FLAG_ORDERED_ON:
            self._awaited.pop(account, None)

    def _on_order(self, values):
        account, _, order, verdict, _, issuer, number, _ = values
        if verdict == ACCEPTED_VERDICT and order == orders.RESTORE:
            self._awaited.pop(account, None)
        elif verdict == ACCEPTED_VERDICT and order == orders.RESTORE_PAID and issuer:
            self._awaited[account] = (issuer, number)

    def _on_brake(self, kind, values):
        if kind == kinds.BRAKE and not values[0]:
            self._brake.release()
        self._brake.closed = bool(values[0] if kind == kinds.BRAKE else values[4])

    def _on_decision(self, values, at_s):
        account, verdict, reason, failed, order = values[0], values[1], values[2], values[3], values[12]
        if verdict in (decide.CUT, decide.RESTORE, decide.WITHDRAWN):
            self._set_unproven(account, verdict != decide.CUT)
        if verdict == decide.CUT:
            self._throttle.on_cut(at_s)
            self._overrides[account] = failed if order else 0
        elif verdict in (decide.RESTORE, decide.WITHDRAWN):
            self._overrides[account] = 0
        if verdict in (decide.CUT, decide.NOT_PERMITTED, decide.DELAYED):
            self._brake.replay(account, at_s)  # found due then: not newly due after this restart
        elif verdict == decide.RESTORE and reason in (decide.RESTORE_REACHED, decide.CREDIT_DURING_CUT):
            self._brake.replay_paid(account)

    def _on_relay(self, kind, values):
        if kind == kinds.MOVED:
            self._set_unproven(values[1], True)  # the cut was of the one before
        elif kind == kinds.SEEN or values[2] == relay.RESTORE and values[3] == relay.VERIFIED:
            self._set_unproven(values[0], False)

    def _set_unproven(self, account, unproven):
        if account in self._unproven:
            self._unproven.remove(account)
        if unproven:
            self._unproven.append(account)

    def _on_held(self, values):
        account, _, why, rate, register_cwh, _ = values
        if why == HELD_TOO_FAR and account not in self._jumps:
            self._jumps[account] = (rate, register_cwh)
        elif not why:
            self._jumps.pop(account, None)


def forward_s(before_s, after_s):
    """How far a change of the clock made past times look older than they are; an unknown time before dates nothing."""
    return max(0, after_s - before_s) if before_s else 0
