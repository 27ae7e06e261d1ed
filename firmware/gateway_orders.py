"""Numbered orders and documents of the head-end: judged, journalled, done (part of the hall; SPEC 5.6).

A refused order consumes its number; what an accepted one sets stands in the journal before its number is consumed, so
that no power cut leaves the number without the effect. An order that comes again after its verdict stands in the journal changes nothing
and leaves no second record: the head-end finds the first verdict in the records.
"""

import hashlib

from firmware.base import days
from firmware.base.faults import BadInput, Refused, StorageFault, WireFault
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.cutoff import conditions, decide, orders
from firmware.cutoff import policy as policies_of
from firmware.gateway_books import note
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_ELSEWHERE
from firmware.tariff import tariff as tariffs_of

_take_debt = Rare("firmware.gateway_debts", "take_order")
_take_limit = Rare("firmware.gateway_limit", "take_order")
ACCEPTED_VERDICT = const(1)
REFUSED_VERDICT = const(2)
WHAT_TARIFF = const(1)
WHAT_POLICY = const(2)
HEAD_END_ISSUER = const(1)
CREATED = const(1)  # PolicyBook and TariffBook answers
EXISTS = const(2)
FULL = const(4)
FLAGS_BY_ORDER = const(7)  # protected, care, exempt
judge_held = Rare("firmware.gateway_contract", "judge_held")
move = Rare("firmware.gateway_contract", "move")
move_again = Rare("firmware.gateway_contract", "move_again")
carry = Rare("firmware.gateway_transfer", "carry")
EVENT_SAFE_RESTORE = const(6)  # value: when safe mode had the proof


class OrderDesk:
    """`documents` offers `store(kind, id, version, text)`, `unsaid()`, `said()`, `drop_tariff(id, version)`,
    `drop_older_policies(id, version)`, `decode_state(bytes)`, `decode_flags(bytes)`, `decode_report(bytes)`, `decode_held(bytes)`,
    `decode_move(bytes)`, `decode_debt(bytes)`, `decode_limit(bytes)`, `decode_carried(bytes)`."""

    def __init__(self, gateway, tariffs, policies, documents):
        self._gateway = gateway
        self._ledger = gateway.ledger
        self._tariffs = tariffs
        self._policies = policies
        self._documents = documents
        self._state_parts = {}
        self.awaited = {}  # account -> (issuer, number) of the payment until which it is held on

    def take_all_kept(self, kept):
        """Orders that safe mode took or refused, as firmware/safe_orders.py tells them -> True when the books have them durably."""
        try:
            for order in kept:
                self.take_kept(*order)
            self._ledger.commit()
        except (Refused, StorageFault):
            return False
        return True

    def take_kept(self, order, account, number, credit_number, issuer, verdict, reason, proven_at_s):
        """One that safe mode took or refused, and what came of it; nothing when the books have it already."""
        slot = self._gateway.slot_of(account)
        if slot is not None and number <= self._ledger.accounts.get(slot.row, "order"):
            return
        if verdict == REFUSED_VERDICT:
            self._verdict(account, number, order, reason, 0, credit_number, 0)
            return
        if proven_at_s:
            note(self._ledger, kinds.EVENT, (EVENT_SAFE_RESTORE, account, proven_at_s))
        self.take(order, account, number, 0, credit_number, issuer, None)

    def on_credit(self, slot):
        """The payment that an account was held on for is in the books: from now on it is judged as usual."""
        issuer, number = self.awaited.get(slot.account, (0, 0))
        if not issuer or self._ledger.accounts.newest_credit(slot.row, issuer) < number:
            return
        flags = self._ledger.accounts.get(slot.row, "flags")
        held = flags & conditions.FLAG_ORDERED_ON
        if not held or note(self._ledger, kinds.FLAGS, (slot.account, flags & ~conditions.FLAG_ORDERED_ON, 0)):
            del self.awaited[slot.account]

    def take(self, order, account, number, expires_at_s, credit_number, overridden, document):
        """One order as it came from the wire, already authenticated."""
        if order == orders.TARIFF:
            self._document(order, number, document, WHAT_TARIFF, tariffs_of.parse_tariff, self._tariffs)
        elif order == orders.POLICY:
            self._document(order, number, document, WHAT_POLICY, policies_of.parse_policy, self._policies)
        elif order == orders.STATE:
            self._state(number, document)
        elif order == orders.RELEASE_BRAKE:
            self._release_brake(number, expires_at_s)
        else:
            self._for_account(order, account, number, expires_at_s, credit_number, overridden, document)

    def _for_account(self, order, account, number, expires_at_s, credit_number, overridden, document):
        slot = self._gateway.slot_of(account)
        accounts = self._ledger.accounts
        if slot is None:
            self._without_meter(order, account, number, expires_at_s, credit_number, document)
            return
        last = accounts.get(slot.row, "order")
        if number <= last:
            return  # its verdict is in the journal already
        if order in (orders.GIVE_AWAY, orders.TAKE_OVER) or accounts.get(slot.row, "flags") & FLAG_ELSEWHERE:
            self._carry(slot, order, number, document)
            return
        view, policy = self._gateway.supply.facts_of(slot)
        issuer = overridden if order == orders.RESTORE_PAID else HEAD_END_ISSUER
        newest = accounts.newest_credit(slot.row, issuer)
        judged = orders.judge_order(
            order, number, expires_at_s, credit_number, overridden, view, policy, last, newest
        )
        flags = accounts.get(slot.row, "flags")
        wanted = self._flags_wanted(order, flags, document)
        reason = judged.reason
        if wanted is None:
            reason = orders.BAD_DOCUMENT
        sets_down = True
        if reason == orders.ACCEPTED and order == orders.RELEASE_HELD:
            decode = self._documents.decode_held
            reason, sets_down = judge_held(self._ledger, self._gateway.billing, slot, number, decode, document)
        if reason == orders.ACCEPTED and order in (orders.MOVE_OUT, orders.MOVE_IN):
            reason = move(self._gateway, slot, order, number, self._documents.decode_move, document)
        elif reason == orders.ACCEPTED and order in (orders.REPORT, orders.DEBT, orders.CREDIT_LIMIT):
            reason = self._told(slot, order, number, document)
        elif reason == orders.ACCEPTED and sets_down:
            self._set_down(slot, order, number, wanted, view, policy)
        told = self._hold(order, reason, account, flags, overridden, credit_number) or judged.failed
        self._verdict(account, number, order, reason, told, credit_number, expires_at_s)
        if reason == orders.ACCEPTED and order == orders.MOVE_IN:
            self._gateway.moved(slot)
        elif reason == orders.ACCEPTED:
            self._act(slot, order, number, expires_at_s, overridden)

    def _without_meter(self, order, account, number, expires_at_s, credit_number, document):
        """An account that has no meter here: another one has it by now, or it was never here."""
        row = self._ledger.accounts.row_of(account)
        if row >= 0 and number <= self._ledger.accounts.get(row, "order"):
            return  # it had its verdict while the account had a meter
        reason = orders.UNKNOWN_ACCOUNT
        if order == orders.MOVE_IN:
            reason = move_again(self._ledger.accounts, account, number, self._documents.decode_move, document)
        if reason is not None:
            self._verdict(account, number, order, reason, 0, credit_number, expires_at_s)

    def _carry(self, slot, order, number, document):
        """An account that is given to another gateway, taken from one, or not here. Without a verdict the order comes again."""
        reason = carry(self._gateway, slot, order, number, self._documents, document)
        if reason is None:
            return
        self._verdict(slot.account, number, order, reason, 0, 0, 0)
        if reason == orders.ACCEPTED:
            self.awaited.pop(slot.account, None)
            self._gateway.supply.brake.replay_paid(slot.account)
            self._gateway.begin_anew(slot)

    def _hold(self, order, reason, account, flags, issuer, credit_number):
        """What ends the hold of an accepted restore -> the issuer whose payment does, 0 = none of them."""
        if reason != orders.ACCEPTED or order not in (orders.RESTORE, orders.RESTORE_PAID):
            return 0
        by_name = flags & conditions.FLAG_ORDERED_ON and account not in self.awaited  # by an order that names no payment
        self.awaited.pop(account, None)
        if order == orders.RESTORE or by_name:
            return 0
        self.awaited[account] = (issuer, credit_number)
        return issuer

    def _told(self, slot, order, number, document):
        """Reason of the verdict on a report, a debt or a credit limit, 0 when it counts; what it says is journalled then."""
        if order == orders.DEBT:
            return _take_debt(self._ledger, slot.account, number, document, self._documents.decode_debt)
        if order == orders.CREDIT_LIMIT:
            return _take_limit(self._gateway, slot, number, self._documents.decode_limit, document)
        try:
            what, episode, level, at_s = self._documents.decode_report(document or b"")
        except WireFault:
            return orders.BAD_DOCUMENT
        return self._gateway.supply.notices.report(slot, what, episode, level, at_s, number)

    def _flags_wanted(self, order, flags, document):
        """(the account's flags after this order, end of its exemption or None = stays); None when its document is no flags."""
        if order == orders.HOLD:
            return flags | conditions.FLAG_HOLD, None
        if order == orders.RELEASE:
            return flags & ~(conditions.FLAG_HOLD | conditions.FLAG_ORDERED_ON), None
        if order == orders.FLAGS:
            try:
                wanted, until_s = self._documents.decode_flags(document or b"")
            except WireFault:
                return None
            if wanted & ~FLAGS_BY_ORDER or until_s and not wanted & conditions.FLAG_EXEMPT:
                return None
            return (flags & ~FLAGS_BY_ORDER) | wanted, until_s
        return flags, None

    def _set_down(self, slot, order, number, wanted, view, policy):
        """What the order sets for good, journalled."""
        flags, until_s = wanted
        if order in (orders.RESTORE, orders.RESTORE_PAID):
            below = policy is None or view.available_ucu is None or view.available_ucu < decide.restore_ucu(view, policy)
            if below:
                flags |= conditions.FLAG_ORDERED_ON
        elif order == orders.RELEASE and view.fault:
            note(self._ledger, kinds.FAULT, (slot.account, 0, 0))  # a person has looked at it
        elif order == orders.RELEASE_HELD:
            self._gateway.billing.write_off(slot, slot.last_heard)
            flags &= ~conditions.FLAG_READING_HELD
        before = self._ledger.accounts.get(slot.row, "flags")
        if before & ~flags & (conditions.FLAG_PROTECTED | conditions.FLAG_EXEMPT):
            self._gateway.supply.notices.begin_anew(slot, view)  # as where an exemption ends by itself
            flags &= self._ledger.accounts.get(slot.row, "flags") | FLAGS_BY_ORDER
        if flags != before:
            self._ledger.record(kinds.FLAGS, (slot.account, flags, number))
        if until_s is not None and until_s != self._ledger.accounts.exempt_until.get(slot.account, (0,))[0]:
            self._ledger.record(kinds.EXEMPT, (slot.account, until_s, number))  # behind its flag: torn apart it has no end

    def _act(self, slot, order, number, expires_at_s, overridden):
        """What follows from an accepted order now."""
        supply = self._gateway.supply
        if order == orders.CUT:
            slot.cut_order = number
            slot.cut_order_until_s = expires_at_s
            slot.override = overridden
        elif order in (orders.RESTORE, orders.RESTORE_PAID):
            slot.cut_order = 0
            supply.restore_by_order(slot, number)
        supply.judge(slot)

    def _document(self, order, number, document, what, parse, book):
        """A tariff or policy version: stored as a file first, then journalled, then in force. Refused leaves it out."""
        try:
            if document is None:
                raise BadInput("document", "is missing")
            parsed = parse(document)
            identity = parsed.tariff if what == WHAT_TARIFF else parsed.policy
            answer = book.verdict(parsed)
        except BadInput:
            self._verdict(0, number, order, orders.BAD_DOCUMENT, 0, 0, 0)
            return
        if answer == EXISTS:
            self._verdict(0, number, order, orders.NO_CHANGE, 0, identity, 0)
            return
        if answer == FULL and what == WHAT_TARIFF:
            self._drop_settled_tariffs()
            answer = book.verdict(parsed)
        if answer != CREATED:
            self._verdict(0, number, order, orders.BAD_DOCUMENT, 0, identity, 0)
            return
        if not self._ledger.may_record(kinds.CREDIT_CLASS):
            raise Refused("full", "no room to say that it is in force")  # before it is: it comes again
        causes = self._gateway.supply.causes
        if what == WHAT_TARIFF:
            causes.on_tariff(book.in_force(identity, parsed.effective_day), parsed)
        else:
            causes.on_policy(book.newest(identity), parsed)
            self._gateway.supply.notices.on_policy(self._gateway.slots, book.newest(identity), parsed)
        try:
            self._documents.store("tariff" if what == WHAT_TARIFF else "policy", identity, parsed.version, document)
        except StorageFault:
            raise Refused("files", "the document cannot be kept")  # without a verdict: it comes again, and holds nothing up
        book.add(parsed)
        if what == WHAT_POLICY:
            self._documents.drop_older_policies(identity, parsed.version)
        self._say(what, identity, parsed.version, document)
        self._verdict(0, number, order, orders.ACCEPTED, 0, identity, 0)
        self._end_unsaid()
        for slot in self._gateway.slots:
            self._gateway.reprice(slot)
            self._gateway.supply.judge(slot)

    def say_kept(self, said):
        """A document that was kept when the power went, before the journal could tell: it is in force, so this life tells.
        `said`: (what, id, version) of the last DOCUMENT."""
        unsaid = self._documents.unsaid()
        if unsaid is None:
            return
        kind, identity, version, text = unsaid
        kept = (WHAT_TARIFF if kind == "tariff" else WHAT_POLICY, identity, version)
        if kept != said:
            if not self._ledger.may_record(kinds.CREDIT_CLASS):
                return  # the next life tries again
            self._say(*kept, text)
        self._end_unsaid()

    def _say(self, what, identity, version, document):
        """Of a stricter class it would be refused for want of room, and hold back the credits behind it."""
        digest = hashlib.sha256(document).digest()[:8]
        self._ledger.record(kinds.DOCUMENT, (what, identity, version, digest), kinds.CREDIT_CLASS)

    def _end_unsaid(self):
        """Once the record is durable -> True; False where that or the file fails: the next life looks again."""
        try:
            self._ledger.commit()
            self._documents.said()
        except StorageFault:
            return False
        return True

    def _drop_settled_tariffs(self):
        """Versions that no day since the oldest charge can need make room, on flash too."""
        now_s = self._gateway.clock_view.stamp()[0]
        if not now_s:
            return
        if not self._gateway.slots:
            return
        first_day = min([self._unsettled_day(slot, now_s) for slot in self._gateway.slots])
        for identity, version in self._tariffs.prune(first_day):
            self._documents.drop_tariff(identity, version)

    def _unsettled_day(self, slot, now_s):
        charged_at_s = self._ledger.accounts.get(slot.row, "charged_at_s")
        return days.day_number(min(charged_at_s or now_s, now_s), slot.utc_offset_min)

    def _release_brake(self, number, expires_at_s):
        """One that waited at the broker for days knows nothing of who is due by now."""
        if number <= self._ledger.accounts.gateway_order:
            return
        brake = self._gateway.supply.brake
        now_s = self._gateway.clock_view.stamp()[0]
        reason = orders.ACCEPTED if brake.closed else orders.NO_CHANGE
        if brake.closed and expires_at_s and not now_s:
            reason = orders.CLOCK_UNKNOWN
        elif brake.closed and 0 < expires_at_s <= now_s:
            reason = orders.EXPIRED
        if reason != orders.ACCEPTED:
            self._verdict(0, number, orders.RELEASE_BRAKE, reason, 0, 0, expires_at_s)
            return
        self._ledger.record(kinds.BRAKE, (0, 0, len(self._gateway.slots), number))
        brake.release()
        self._verdict(0, number, orders.RELEASE_BRAKE, orders.ACCEPTED, 0, 0, 0)

    def _state(self, number, document):
        """Signed state in parts; taken only while the head-end finds our books behind its own."""
        try:
            epoch, first_sequence, part, parts, rows = self._documents.decode_state(document or b"")
        except WireFault:
            self._verdict(0, number, orders.STATE, orders.BAD_DOCUMENT, 0, 0, 0)
            return
        if epoch <= self._ledger.epoch or not self._gateway.awaits_state():
            return  # an old or unasked state changes nothing
        if self._state_parts.get("epoch") != epoch:
            self._state_parts = {"epoch": epoch}
        self._state_parts[part] = rows
        if any(index not in self._state_parts for index in range(1, parts + 1)):
            return
        everything = []
        for index in range(1, parts + 1):
            everything.extend(self._state_parts[index])
        self._state_parts = {}
        try:
            self._ledger.import_state(epoch, first_sequence, everything)
        except Refused:
            self._verdict(0, number, orders.STATE, orders.BAD_DOCUMENT, 0, 0, 0)
            return
        self._verdict(0, number, orders.STATE, orders.ACCEPTED, 0, 0, 0)
        self._gateway.state_taken()

    def _verdict(self, account, number, order, reason, failed, credit_number, expires_at_s):
        verdict = ACCEPTED_VERDICT if reason == orders.ACCEPTED else REFUSED_VERDICT
        values = (account, number, order, verdict, reason, failed, credit_number, expires_at_s)
        refusals = self._gateway.refusals
        if verdict == REFUSED_VERDICT and refusals.holds(values):
            return
        self._ledger.record(kinds.ORDER, values)
        if verdict == REFUSED_VERDICT:
            refusals.keep(values)
