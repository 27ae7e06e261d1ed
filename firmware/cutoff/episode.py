"""Episodes and the notice inside them (design sections 2 and 5; SPEC kinds 11 and 12). Pure.

An episode opens when the available balance falls to the notice level and closes when it rises above it again: at once by
a credit, otherwise only past a margin, so that a correction of a few coins does not ask for a second notice. All state is
in the account row, so a restart goes on where it was; only the channels asked since the start are remembered outside it.

Trap avoided: a notice counts when it is known to have arrived, never when it was only sent.
"""

from firmware.base.port import const
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END

OPEN = const(1)
CLOSE = const(2)
NOTICE_HEAD_END = const(4)
NOTICE_ALARM = const(8)
ALARM_OFF = const(16)

HEAD_END = const(1)  # channels of SPEC kind 12
ALARM = const(2)
VISIT = const(3)
GIVEN = const(1)  # outcomes of SPEC kind 12
DELIVERED = const(2)
FAILED = const(3)


def step(facts, policy):
    """What is to do now, as bits: OPEN or CLOSE first, then notices and the alarm."""
    if policy is None:
        return 0
    if not facts.episode_open:
        if facts.available_ucu is not None and facts.available_ucu <= policy.notice_ucu:
            return OPEN | _notices(policy, 0, facts.alarm)
        return ALARM_OFF if facts.alarm else 0
    if _above(facts, policy):
        return CLOSE | (ALARM_OFF if facts.alarm else 0)
    if facts.notice_level:
        return 0
    return _notices(policy, facts.notice_asked, facts.alarm)


def counts(channel, outcome, policy):
    """True when this NOTICE outcome completes the notice step: delivered, on a channel the policy names."""
    if policy is None or outcome != DELIVERED:
        return False
    if channel == HEAD_END:
        return bool(policy.channels & CHANNEL_HEAD_END)
    return channel == ALARM and bool(policy.channels & CHANNEL_ALARM)


def missing_ucu(facts, policy):
    """What to pay until supply returns, quoted in every notice; 0 when nothing is missing."""
    amount_ucu = facts.balance_ucu if facts.available_ucu is None else facts.available_ucu
    return max(policy.restore_ucu - amount_ucu, 0)


def _above(facts, policy):
    if facts.available_ucu is None:
        amount_ucu = facts.balance_ucu  # no reading: a payment still counts
    else:
        amount_ucu = facts.available_ucu
    if facts.credited:
        return amount_ucu > policy.notice_ucu
    return amount_ucu > policy.notice_ucu + margin_ucu_floor(policy)


def margin_ucu_floor(policy):
    """A tenth of the way from floor to notice level, rounded down: how far above the level an episode ends by itself."""
    return (policy.notice_ucu - policy.floor_ucu) // 10


def _notices(policy, asked, alarm):
    actions = 0
    if policy.channels & CHANNEL_HEAD_END and not asked & CHANNEL_HEAD_END:
        actions |= NOTICE_HEAD_END
    wants_alarm = policy.channels & CHANNEL_ALARM or (policy.alarm and not alarm)
    if wants_alarm and not asked & CHANNEL_ALARM:
        actions |= NOTICE_ALARM
    return actions
