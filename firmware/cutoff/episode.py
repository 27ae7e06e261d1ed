"""Episodes, the notices inside them and the visits of care customers (design sections 2 and 5; SPEC kinds 11, 12, 26, 27). Pure.

An episode opens when the available balance falls to the first warning level, for a care customer also when the days left fall
to the policy's lead time, and closes when both are over: at once by a credit, otherwise only past a margin, so that a
correction of a few coins does not ask for a second notice. Inside it each level has one notice for each time it is crossed
downward, again with the margin. A level's notice is given when that of the level before has been there its whole period;
so whoever returns from silence far below gets the full sequence, and who reads the time of the last notice knows that all
before it had theirs. All state is in the account row, so a restart goes on where it was; only the channels asked since
the start are remembered outside it.

A care customer's visit is ordered once in an episode, early: by the days left; where they are not known with the first
level, and with the last level whatever they are.

Emergency credit lowers the floor once in an episode. It moves no money: what is owed of it is how far the balance lies below
the policy's floor, so that a payment repays it first by itself, and no balance is ever other than credits less charges.

A credit limit moves everything down alike - floor, levels, restore amount - so that a post-paid customer has as much time between
a warning and the cut as anybody else.

Trap avoided: a notice counts when it is known to have arrived, never when it was only sent.
"""

from firmware.base.port import const
from firmware.cutoff import hours
from firmware.cutoff.conditions import FLAG_CARE, FLAG_EMERGENCY, FLAG_EMERGENCY_OVER
from firmware.cutoff.decide import restore_ucu
from firmware.cutoff.facts import OFF
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END, CHANNEL_TEXT, CHANNEL_VISIT

OPEN = const(1)
CLOSE = const(2)
NOTICE_HEAD_END = const(4)
NOTICE_ALARM = const(8)
ALARM_OFF = const(16)
RISEN = const(32)  # journal LEVEL with level_held: notices beyond it count no more
ORDER_VISIT = const(64)
GIVE_EMERGENCY = const(128)
EMERGENCY_REPAID = const(256)
LEFT = const(512)  # the level that was asked for is left before its notice arrived: nothing is asked for now

HEAD_END = const(1)  # channels of SPEC kind 12; the policy's bit is 1 << (channel - 1)
ALARM = const(2)
VISIT = const(3)
TEXT = const(4)
GIVEN = const(1)  # outcomes of SPEC kind 12
DELIVERED = const(2)
FAILED = const(3)


def step(facts, policy):
    """What is to do now, as bits: OPEN, CLOSE or RISEN first, then notices, visit and alarm."""
    if policy is None:
        return 0
    if not facts.episode_open:
        if facts.available_ucu is None or not _is_at(facts, policy.notice_ucu) and not _few_days(facts, policy, 0):
            return ALARM_OFF if facts.alarm else 0
        return OPEN | _notices(facts, policy, 0, 0) | _visit(facts, policy, 0)
    if _is_over(facts, policy):
        return CLOSE | (ALARM_OFF if facts.alarm else 0)
    level, asked, actions = level_held(facts, policy), facts.notice_asked, 0
    if level < facts.notice_level:
        actions, asked = RISEN, 0
    elif asked and level < len(policy.notices) and _is_above(facts, policy, policy.notices[level][0]):
        actions, asked = LEFT, 0
    if facts.credited and facts.alarm:  # it did its work; a notice that is still to come sets it on again
        actions |= ALARM_OFF
    else:
        actions |= _notices(facts, policy, level, asked) | _visit(facts, policy, level)
    return actions | _emergency(facts, policy)


def level_held(facts, policy):
    """The highest level whose notice still counts: one that available has risen above, margin and all, is to be crossed anew."""
    level = min(facts.notice_level, len(policy.notices))
    while level > 1 and _is_above(facts, policy, policy.notices[level - 1][0]):
        level -= 1
    return level


def counts(channel, outcome, policy, level):
    """True when this NOTICE outcome completes the notice step of `level`: delivered, on a channel the policy names for it."""
    if policy is None or outcome != DELIVERED or not 1 <= level <= len(policy.notices):
        return False
    return bool(policy.notices[level - 1][2] & 1 << (channel - 1))


def missing_ucu(facts, policy):
    """What to pay until supply returns, quoted in every notice; 0 when nothing is missing."""
    return max(restore_ucu(facts, policy) - _amount_ucu(facts), 0)


def margin_ucu_floor(policy, level_ucu):
    """A tenth of the way from floor to the level, rounded down: how far above it a crossing ends by itself."""
    return (level_ucu - policy.floor_ucu) // 10


def _amount_ucu(facts):
    return facts.balance_ucu if facts.available_ucu is None else facts.available_ucu  # no reading: a payment still counts


def _is_above(facts, policy, level_ucu):
    margin_ucu = 0 if facts.credited else margin_ucu_floor(policy, level_ucu)
    return _amount_ucu(facts) + facts.limit_ucu > level_ucu + margin_ucu


def _is_at(facts, level_ucu):
    """Available is known, and at or below this amount of the policy, as the credit limit moves it."""
    return facts.available_ucu is not None and facts.available_ucu + facts.limit_ucu <= level_ucu


def _few_days(facts, policy, margin_days):
    """A care customer whose money lasts for the lead time at most."""
    if not facts.flags & FLAG_CARE or not policy.care_lead_days or facts.days_left is None:
        return False
    return facts.days_left <= policy.care_lead_days + margin_days


def _is_over(facts, policy):
    if not _is_above(facts, policy, policy.notice_ucu):
        return False
    if facts.flags & FLAG_CARE and facts.days_left is None and not facts.credited:
        return False  # not known just now: what began by days left goes on
    return not _few_days(facts, policy, 0 if facts.credited else 1)


def _pending(facts, policy, level):
    """(level_ucu, period_s, channels) of the notice that is to be given now, or None."""
    if level >= len(policy.notices) or facts.available_ucu is not None and not _is_at(facts, policy.notices[level][0]):
        return None
    if level and facts.available_ucu is None:
        return None  # the first one stands since the episode began
    if level and (not facts.notice_at_s or facts.now_s - facts.notice_at_s < policy.notices[level - 1][1]):
        return None
    if policy.notice_hours is not None:
        if not facts.now_s or not hours.inside(policy.notice_hours, facts.now_s, facts.now_s, policy.utc_offset_min):
            return None  # queued until the hours begin
    return policy.notices[level]


def _notices(facts, policy, level, asked):
    pending = _pending(facts, policy, level)
    if pending is None:
        return 0
    actions = 0
    channels = pending[2]
    if channels & (CHANNEL_HEAD_END | CHANNEL_TEXT) and not asked & CHANNEL_HEAD_END:
        actions |= NOTICE_HEAD_END
    wants_alarm = channels & CHANNEL_ALARM or (policy.alarm and not facts.alarm)
    if wants_alarm and not asked & CHANNEL_ALARM:
        actions |= NOTICE_ALARM
    if channels & CHANNEL_VISIT and not facts.visited and not facts.visit_ordered:
        actions |= ORDER_VISIT
    return actions


def _emergency(facts, policy):
    """Given once in an episode, at the floor and while supply is on; what is paid next repays it before anything else."""
    at_floor = _is_at(facts, policy.floor_ucu)
    if facts.available_ucu is None or not facts.flags & FLAG_EMERGENCY:
        return GIVE_EMERGENCY if policy.emergency_ucu and at_floor and facts.wish != OFF else 0
    over = facts.flags & FLAG_EMERGENCY_OVER or at_floor
    return 0 if over else EMERGENCY_REPAID


def _visit(facts, policy, level):
    """ORDER_VISIT when a care customer has to be visited now."""
    if not facts.flags & FLAG_CARE or facts.visited or facts.visit_ordered or facts.available_ucu is None:
        return 0
    unknown = facts.days_left is None and _is_at(facts, policy.notice_ucu)
    return ORDER_VISIT if unknown or _few_days(facts, policy, 0) or _is_at(facts, policy.notices[-1][0]) else 0
