"""The one place that says cut or restore, and why (design section 5). Pure: facts and policy in, a decision out.

A cut needs all conditions. While supply is wished off, a standing condition that fails restores it; money fails there
only at the restore amount, so that a balance between floor and restore amount does not flap. When in doubt supply stays
as it is: what is not known forbids a cut and restores nothing.

Traps avoided: a restart has no reading and no clock yet, which must not restore everybody; a stale reading must not keep
a customer dark who has paid, so the plain balance counts then; a payment known only by projection never cuts.
"""

from firmware.base.port import const
from firmware.cutoff import calendar, hours
from firmware.cutoff import conditions as c
from firmware.cutoff.facts import CLOSED, LIMITED, OFF, OPEN, UNKNOWN

NOTHING = const(0)
CUT = const(1)
RESTORE = const(2)
NOT_PERMITTED = const(3)
DELAYED = const(4)
WITHDRAWN = const(5)  # given by the supply process: a cut that did not happen is judged anew

BALANCE_AT_FLOOR = const(1)
RESTORE_REACHED = const(2)
STANDING_FAILED = const(3)
BY_ORDER = const(4)
CREDIT_DURING_CUT = const(5)

QUALITY_RTC = const(2)
STANDING_FIRST_BAD = const(2)  # SPEC 5.3 field 12: awaiting state, journal corrupt
_FAULTS_NOT_ENFORCEABLE = (4, 6, 8, 9, 11)  # SPEC 2 kind 24: keep-power, refused, own purse, utility key, a trip that hangs
_FAULT_METER_CLOCK = const(5)


class Decision:
    """`failed`: conditions that do not hold, those an order overrides included: the evidence stays complete."""

    def __init__(self, verdict, reason, failed):
        self.verdict = verdict
        self.reason = reason
        self.failed = failed


def decide(facts, policy):
    """Judge the supply of one account -> Decision. `policy` None: none is known, so nobody is cut."""
    if facts.wish == OFF:
        return _decide_off(facts, policy)
    if _pays_for_a_relay_found_open(facts, policy):
        return Decision(RESTORE, RESTORE_REACHED, 0)
    wanted = facts.ordered or is_due(facts, policy)
    if not wanted:
        return Decision(NOTHING, 0, 0)
    failed = failed_conditions(facts, policy)
    # an order that has expired lends its override to nobody
    in_the_way = failed & ~(in_force(facts) if facts.ordered else 0)
    reason = BY_ORDER if facts.ordered else BALANCE_AT_FLOOR
    if not in_the_way:
        return Decision(CUT, reason, failed)
    if in_the_way & c.STANDING:
        return Decision(NOT_PERMITTED, STANDING_FAILED, failed)
    return Decision(DELAYED, reason, failed)


def _pays_for_a_relay_found_open(facts, policy):
    """Supply is wished on, yet the relay was found open, or a limit of others was lifted in vain: who pays now expects light, and gets
    one restore; also who pays before this life has looked."""
    seen = facts.seen_before if facts.seen == UNKNOWN else facts.seen
    if not facts.credited or seen not in (OPEN, LIMITED) or policy is None:
        return False
    return _amount_to_restore(facts, policy) >= restore_ucu(facts, policy)


def is_due(facts, policy):
    """The available balance is known and at or below the floor of this account."""
    return policy is not None and facts.available_ucu is not None and facts.available_ucu <= floor_ucu(facts, policy)


def floor_ucu(facts, policy):
    """The floor of this account now: its credit limit and an emergency credit lower it."""
    return policy.floor_ucu - facts.limit_ucu - facts.emergency_ucu


def restore_ucu(facts, policy):
    """Its restore amount, which the credit limit lowers by as much."""
    return policy.restore_ucu - facts.limit_ucu


def in_force(facts):
    """Conditions that the account's cut order overrides."""
    return facts.override & ~c.NEVER_OVERRIDDEN


def failed_conditions(facts, policy):
    """Bits of SPEC 6 that do not hold for a cut now."""
    failed = _flags_failed(facts)
    if not is_due(facts, policy):
        failed |= c.MONEY
    if facts.serial_ok is not True or facts.flags & c.FLAG_READING_HELD or facts.available_ucu is None:
        failed |= c.READING
    if facts.journal_sound is not True:
        failed |= c.JOURNAL
    if facts.tariff_valid is not True:
        failed |= c.TARIFF
    if facts.enforceable is not True or facts.fault in _FAULTS_NOT_ENFORCEABLE:
        failed |= c.ENFORCEABLE
    if policy is None or policy.unimplemented:
        failed |= c.POLICY
    if facts.standing is None or facts.standing >= STANDING_FIRST_BAD:
        failed |= c.HEAD_END
    return failed | _timing_failed(facts, policy)


def _decide_off(facts, policy):
    failed = _flags_failed(facts)
    if policy is not None and _amount_to_restore(facts, policy) >= restore_ucu(facts, policy):
        failed |= c.MONEY
    if facts.serial_ok is False or facts.flags & c.FLAG_READING_HELD:
        failed |= c.READING
    if facts.journal_sound is False:
        failed |= c.JOURNAL
    if facts.tariff_valid is False:
        failed |= c.TARIFF
    if facts.enforceable is False or facts.fault in _FAULTS_NOT_ENFORCEABLE or facts.limited and not facts.lifeline_w:
        failed |= c.ENFORCEABLE  # nobody stays under a limit that policy or meter has no more: another means is another decision
    if policy is None or policy.unimplemented:
        failed |= c.POLICY
    if facts.standing is not None and facts.standing >= STANDING_FIRST_BAD:
        failed |= c.HEAD_END
    overridden = in_force(facts)
    if facts.credited:
        overridden &= ~c.MONEY  # the order did not know of this payment
    broken = failed & ~overridden
    if not broken:
        return Decision(NOTHING, 0, failed)
    if not broken & c.MONEY:
        return Decision(RESTORE, STANDING_FAILED, failed)
    in_cut = facts.credited and facts.seen == CLOSED
    return Decision(RESTORE, CREDIT_DURING_CUT if in_cut else RESTORE_REACHED, failed)


def _flags_failed(facts):
    failed = 0
    if facts.flags & c.FLAG_PROTECTED:
        failed |= c.PROTECTED
    if facts.flags & c.FLAG_EXEMPT:
        failed |= c.EXEMPT
    if facts.flags & (c.FLAG_HOLD | c.FLAG_ORDERED_ON):
        failed |= c.HOLD
    if facts.flags & c.FLAG_CARE and not facts.visited:
        failed |= c.CARE
    return failed


def _amount_to_restore(facts, policy):
    """Available balance; with a stale reading or none the balance, if that is more."""
    if facts.available_ucu is None:
        return facts.balance_ucu
    if facts.balance_ucu > facts.available_ucu and not _is_fresh(facts, policy):
        return facts.balance_ucu
    return facts.available_ucu


def _is_fresh(facts, policy):
    if not facts.now_s or not facts.reading_at_s:
        return False
    return 0 <= facts.now_s - facts.reading_at_s <= policy.reading_fresh_s


def _timing_failed(facts, policy):
    failed = 0
    if facts.seen != CLOSED:
        failed |= c.SEEN
    if not facts.throttle_ok:
        failed |= c.THROTTLE
    if facts.brake_closed:
        failed |= c.BRAKE
    if facts.fault == _FAULT_METER_CLOCK or _meter_clock_far(facts):
        failed |= c.METER_CLOCK
    if policy is None:
        return failed | c.FRESH | c.HOURS | c.NOTICE | c.CLOCK | c.OFFLINE | c.CALENDAR
    if not _is_fresh(facts, policy):
        failed |= c.FRESH
    if not clock_known(facts, policy):
        failed |= c.CLOCK
    failed |= _hours_failed(facts, policy)
    if not _notice_complete(facts, policy):
        failed |= c.NOTICE
    if not _contact_holds(facts, policy):
        failed |= c.OFFLINE
    return failed


def _meter_clock_far(facts):
    return facts.meter_clock_error_s is None or facts.meter_clock_error_s > facts.meter_clock_error_s_max


def clock_known(facts, policy):
    """The time is known well enough to cut by it, or to end an exemption."""
    if facts.clock_quality < QUALITY_RTC or facts.meters_disagree or not facts.now_s:
        return False
    return facts.clock_error_s is not None and facts.clock_error_s <= policy.clock_error_max_s


def _hours_failed(facts, policy):
    """From now until the relay may move at the latest, widened by the error of the clock."""
    if not facts.now_s:
        return c.HOURS if policy.calendar is None else c.HOURS | c.CALENDAR
    error_s = facts.clock_error_s or 0
    start_s = facts.now_s - error_s
    end_s = facts.now_s + facts.valid_s + facts.trip_delay_s + error_s
    failed = 0
    if not hours.inside(policy.hours, start_s, end_s, policy.utc_offset_min):
        failed |= c.HOURS
    if policy.calendar is not None and not calendar.is_open(policy.calendar, start_s, end_s, policy.utc_offset_min):
        failed |= c.CALENDAR
    return failed


def _notice_complete(facts, policy):
    """The last level's notice arrived its period ago; it is given only when that of each level before it has passed."""
    if not facts.episode_open or facts.notice_level < len(policy.notices) or not facts.notice_at_s or not facts.now_s:
        return False
    return facts.now_s - facts.notice_at_s >= policy.notices[-1][1]


def _contact_holds(facts, policy):
    """The head-end spoke not too long ago. A contact in the future is one that a wrong clock dated: it proves nothing."""
    if not facts.last_contact_s or not facts.now_s:
        return False
    return -(facts.clock_error_s or 0) <= facts.now_s - facts.last_contact_s <= policy.offline_right_s
