"""Warn: episodes, notices on their channels, visits of care customers, exemptions that end (part of the hall; design sections 2 and 5).

`cutoff/episode.py` says what is due; here it is journalled and sent. A notice is `given` when it left, `delivered` when it is
known to have arrived: the head-end's database holds it, the meter's status shows the alarm, or an order 11 of the head-end
reports a text message or a visit. Only changes are journalled.

Traps avoided: what arrives late counts for the level that is open now only if it was asked for it; a report of another
episode counts for nothing; an exemption ends by a clock that is known, or not at all.
"""

from firmware.base import days, relay
from firmware.base.port import const
from firmware.cutoff import conditions, decide, episode, orders
from firmware.cutoff.facts import ON
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END
from firmware.cutoff.use import DailyUse
from firmware.gateway_books import may_cut, note, settle
from firmware.ledger import record_kinds as kinds

VISIT_ORDERED = const(1)  # VISIT what
VISIT_MADE = const(2)
NOBODY_MET = const(3)
REPORT_MADE = const(1)  # what of a report, order 11; 2 = nobody was met
REPORT_DELIVERED = const(3)
EMERGENCY_GIVEN = const(1)  # EMERGENCY what
EMERGENCY_REPAID = const(2)
DAYS_UNKNOWN = const(0xFFFF)


class NoticeDesk:
    """`desk` is the SupplyDesk: it knows the facts, and sends relay orders. `use` counts what care customers use."""

    def __init__(self, desk, ledger, clock, limits):
        self._desk = desk
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self.use = DailyUse(limits.care_accounts_max)

    def fill(self, slot, view, policy):
        """What the facts say of notices and visits."""
        get = self._ledger.accounts.get
        row = slot.row
        flags = view.flags
        view.episode_open = bool(get(row, "episode_open"))
        view.notice_level = get(row, "notice_level")
        view.notice_at_s = self._notice_at_s(slot)
        view.notice_asked = slot.notice_asked
        view.alarm = bool(get(row, "alarm"))
        view.visited = bool(view.episode_open and flags & conditions.FLAG_VISITED)
        view.visit_ordered = bool(flags & conditions.FLAG_VISIT_ORDERED)
        given = flags & (conditions.FLAG_EMERGENCY | conditions.FLAG_EMERGENCY_OVER) == conditions.FLAG_EMERGENCY
        view.emergency_ucu = policy.emergency_ucu if given and view.episode_open and policy is not None else 0
        if flags & conditions.FLAG_CARE:
            view.days_left = self._days_left(slot, view, policy)
        else:
            self.use.forget(slot.account)

    def _days_left(self, slot, view, policy):
        """A day begins with its first reading: behind that what was used until midnight is charged."""
        if not view.now_s or not view.reading_at_s or policy is None or not self.use.watch(slot.account):
            return None
        total_ucu = self._ledger.accounts.get(slot.row, "total_charged_ucu")
        self.use.on_total(slot.account, total_ucu, days.day_number(view.reading_at_s, slot.utc_offset_min))
        if view.available_ucu is None or not 0 <= view.now_s - view.reading_at_s < days.DAY_S:
            return None  # what was used since an old reading nobody knows
        return self.use.days_left_floor(slot.account, view.available_ucu + view.limit_ucu - policy.floor_ucu)

    def _notice_at_s(self, slot):
        """When the notice was given, as our clock counts now; one of a clock that was ahead counts from the moment this is seen."""
        at_s = self._ledger.accounts.get(slot.row, "notice_at_s")
        if not at_s:
            return 0
        now_s = self._clock.state()[0]
        if 0 < now_s < at_s + slot.notice_forward_s:
            slot.notice_forward_s = now_s - at_s
        return at_s + slot.notice_forward_s

    def step(self, slot, view, policy):
        """Journal and send what is due, and bring the facts up to date."""
        ended = self._end_exemption(slot, view, policy)
        actions = episode.step(view, policy)
        if not actions or not may_cut(self._ledger):
            if ended:
                self._refresh(slot, view, policy)
            return
        self._change_episode(slot, view, policy, actions)
        if actions & episode.NOTICE_HEAD_END:
            slot.notice_asked |= CHANNEL_HEAD_END
            slot.notice_sequence = self._notice(slot, view, policy, episode.HEAD_END, episode.GIVEN)
        if actions & episode.NOTICE_ALARM:
            slot.notice_asked |= CHANNEL_ALARM
            if slot.model.alarm:
                self._notice(slot, view, policy, episode.ALARM, episode.GIVEN)
                self._desk.send(slot, relay.ALARM_ON)
            else:
                self._notice(slot, view, policy, episode.ALARM, episode.FAILED)
        if actions & episode.ORDER_VISIT:
            self._visit(slot, view, policy, VISIT_ORDERED, 0, 0)
        if actions & (episode.GIVE_EMERGENCY | episode.EMERGENCY_REPAID):
            number = self._ledger.accounts.get(slot.row, "episode")
            what = EMERGENCY_GIVEN if actions & episode.GIVE_EMERGENCY else EMERGENCY_REPAID
            note(self._ledger, kinds.EMERGENCY, (slot.account, number, what, policy.emergency_ucu, _available(view)))
        if actions & episode.ALARM_OFF:
            slot.notice_asked &= ~CHANNEL_ALARM
            self._desk.send(slot, relay.ALARM_OFF)
        self._refresh(slot, view, policy)

    def _refresh(self, slot, view, policy):
        view.flags = self._ledger.accounts.get(slot.row, "flags") | slot.flags
        self.fill(slot, view, policy)

    def _change_episode(self, slot, view, policy, actions):
        accounts = self._ledger.accounts
        number = accounts.get(slot.row, "episode")
        available = _available(view)
        if actions & (episode.OPEN | episode.CLOSE | episode.RISEN | episode.LEFT):
            self._forget_asked(slot)
        if actions & episode.OPEN:
            note(self._ledger, kinds.EPISODE, (slot.account, (number + 1) & 0xFFFF, 1, available))
        elif actions & episode.CLOSE:
            note(self._ledger, kinds.EPISODE, (slot.account, number, 0, available))
            flags = accounts.get(slot.row, "flags")
            if flags & conditions.FLAG_ORDERED_ON:
                note(self._ledger, kinds.FLAGS, (slot.account, flags & ~conditions.FLAG_ORDERED_ON, 0))
        elif actions & episode.RISEN:
            note(self._ledger, kinds.LEVEL, (slot.account, number, episode.level_held(view, policy), available))
            view.notice_level = accounts.get(slot.row, "notice_level")

    def _forget_asked(self, slot):
        """The level that was asked for is over: what arrives of it now is no notice of the next one."""
        slot.notice_asked = 0
        slot.notice_sequence = 0

    def _end_exemption(self, slot, view, policy):
        """An exemption whose end has come is over -> True. What was said while it lasted warned of nothing: a new episode begins."""
        until = self._ledger.accounts.exempt_until.get(slot.account)
        if until is None or policy is None or not may_cut(self._ledger) or not decide.clock_known(view, policy):
            return False
        if view.now_s - view.clock_error_s < until[0]:
            return False
        accounts = self._ledger.accounts
        flags = accounts.get(slot.row, "flags") & ~conditions.FLAG_EXEMPT
        note(self._ledger, kinds.FLAGS, (slot.account, flags, 0))
        self.begin_anew(slot, view)
        self._refresh(slot, view, policy)
        return True

    def on_policy(self, slots, before, now):
        """A version that is about to be in force cuts at a higher floor: who was not due yet was warned of another one."""
        if before is None or now.floor_ucu - before.floor_ucu <= min(0, now.emergency_ucu - before.emergency_ucu):
            return
        for slot in slots:
            if slot.policy == now.policy:
                view, _ = self._desk.facts_of(slot)
                if view.wish == ON and not decide.is_due(view, before):
                    self.begin_anew(slot, view)
        settle(self._ledger)  # before its file, as a power cut may come between the two

    def begin_anew(self, slot, view):
        """What was said until now warned of nothing: an open episode ends, and the next one has all its notices."""
        if view.episode_open:
            note(self._ledger, kinds.EPISODE, (slot.account, self._ledger.accounts.get(slot.row, "episode"), 0, _available(view)))
            self._forget_asked(slot)

    def _notice(self, slot, view, policy, channel, outcome):
        """Journal one NOTICE of the level that is open -> its sequence; delivered on a channel that does not count it has level 0."""
        level = self._ledger.accounts.get(slot.row, "notice_level") + 1
        if outcome == episode.DELIVERED:
            if episode.counts(channel, outcome, policy, level):
                slot.notice_forward_s = 0
                self._forget_asked(slot)
            else:
                level = 0
        number = self._ledger.accounts.get(slot.row, "episode")
        values = (slot.account, number, level, channel, outcome, _available(view), episode.missing_ucu(view, policy))
        return note(self._ledger, kinds.NOTICE, values)

    def _is_open(self, view, policy):
        return policy is not None and view.episode_open and view.notice_level < len(policy.notices)

    def delivered(self, slot, channel):
        """The notice of the level that is open is known to have arrived."""
        view, policy = self._desk.facts_of(slot)
        if self._is_open(view, policy) and slot.notice_asked & 1 << (channel - 1):
            self._notice(slot, view, policy, channel, episode.DELIVERED)

    def report(self, slot, what, number, level, at_s, order):
        """A visit or a delivery that the head-end reports -> reason why it does not count (SPEC kind 16), 0 when it does."""
        view, policy = self._desk.facts_of(slot)
        if not view.episode_open or number != self._ledger.accounts.get(slot.row, "episode"):
            return orders.ANOTHER_EPISODE
        if what == REPORT_DELIVERED:
            if not self._is_open(view, policy) or level != view.notice_level + 1:
                return orders.NO_CHANGE if level <= view.notice_level else orders.CONDITION
            self._notice(slot, view, policy, episode.TEXT, episode.DELIVERED)
            return 0
        if view.visited:
            return orders.NO_CHANGE
        self._visit(slot, view, policy, VISIT_MADE if what == REPORT_MADE else NOBODY_MET, at_s, order)
        if what == REPORT_MADE and self._is_open(view, policy):
            level = view.notice_level + 1
            if episode.counts(episode.VISIT, episode.DELIVERED, policy, level):
                self._notice(slot, view, policy, episode.VISIT, episode.DELIVERED)
        return 0

    def _visit(self, slot, view, policy, what, at_s, order):
        days_left = DAYS_UNKNOWN if view.days_left is None else view.days_left
        lead_days = 0 if policy is None else policy.care_lead_days
        number = self._ledger.accounts.get(slot.row, "episode")
        values = (slot.account, number, what, days_left, lead_days, _available(view), at_s, order)
        return note(self._ledger, kinds.VISIT, values)

    def alarm_again(self, slot):
        """An alarm that came not on is asked for anew, and one that went not out: the next notice could not be seen."""
        slot.notice_asked &= ~CHANNEL_ALARM
        accounts = self._ledger.accounts
        if not accounts.get(slot.row, "alarm") and not accounts.get(slot.row, "episode_open"):
            self._desk.send(slot, relay.ALARM_OFF)

    def on_alarm(self, slot, outcome):
        """A superseded one comes in the middle of the judgement that ordered the next: it must leave the facts alone."""
        if outcome.phase == relay.VERIFIED and not self._clock.state()[0]:
            slot.notice_again_in(self._limits.supply_retry_slow_s)  # without a date its period would never end
        elif outcome.phase == relay.VERIFIED:
            self.delivered(slot, episode.ALARM)
        elif outcome.phase in relay.FAILED_PHASES and outcome.detail != relay.SUPERSEDED:
            slot.notice_again_in(self._limits.supply_retry_slow_s)
            view, policy = self._desk.facts_of(slot)
            if self._is_open(view, policy) and slot.notice_asked & CHANNEL_ALARM:
                self._notice(slot, view, policy, episode.ALARM, episode.FAILED)


def _available(view):
    return view.balance_ucu if view.available_ucu is None else view.available_ucu
