"""Is an order of the head-end accepted? (SPEC 5.6, design section 5, Orders). Pure.

Orders are numbered per account, and a refused order consumes its number. A cut order carries its expiry and the credit
number its sender knew; overtaken by time or by a payment, it is refused. A restore is never refused for the clock, for
its age or for a condition: late light harms nobody.
"""

from firmware.base.port import const
from firmware.cutoff import conditions as c
from firmware.cutoff.decide import QUALITY_RTC, failed_conditions, in_force
from firmware.cutoff.facts import OFF

CUT = const(1)
RESTORE = const(2)
HOLD = const(3)
RELEASE = const(4)
TARIFF = const(5)
POLICY = const(6)
RELEASE_BRAKE = const(7)
STATE = const(8)
FLAGS = const(9)
RELEASE_HELD = const(10)
RESTORE_PAID = const(20)  # for a payment that is still on its way: until it is in the books the account is held on
REPORT = const(11)  # of a visit, or that a notice arrived; its document is judged by the notice desk
MOVE_OUT = const(12)
MOVE_IN = const(13)
GIVE_AWAY = const(14)  # these two are judged where accounts are carried between gateways
TAKE_OVER = const(15)
DEBT = const(16)  # its document is judged where it is journalled, as is the next one's
CREDIT_LIMIT = const(17)

ACCEPTED = const(0)
EXPIRED = const(1)
OVERTAKEN = const(2)
NUMBER_USED = const(3)
CONDITION = const(4)
UNKNOWN_ACCOUNT = const(5)
BAD_DOCUMENT = const(6)
NOT_SUPPORTED = const(7)
CLOCK_UNKNOWN = const(8)
NO_CHANGE = const(9)
ANOTHER_EPISODE = const(10)
IN_SAFE_MODE = const(11)


class Judgement:
    """`accepted`; `reason` of SPEC kind 16 (0 = accepted); `failed` conditions when the reason is CONDITION."""

    def __init__(self, reason, failed=0):
        self.accepted = reason == ACCEPTED
        self.reason = reason
        self.failed = failed


def judge_order(order, number, expires_at_s, credit_number, override, facts, policy, last_number, newest_credit):
    """Judge one numbered order for an account that exists.

    `last_number` is the highest number this account consumed; `newest_credit` the highest number of a credit applied by
    the issuer that sends orders, or that order 20 names. Documents (orders 5, 6, 8) have their own numbers, and their parsers. A
    cut that only its timing holds back is accepted: it waits until it expires.
    """
    if number <= last_number:
        return Judgement(NUMBER_USED)
    if order == CUT:
        return _judge_cut(expires_at_s, credit_number, override, facts, policy, newest_credit)
    if order == HOLD:
        return Judgement(NO_CHANGE if facts.flags & c.FLAG_HOLD else ACCEPTED)
    if order == RELEASE:
        # a release also lets a fault go that only a person can end (a password corrected, a clock set)
        bound = facts.flags & (c.FLAG_HOLD | c.FLAG_ORDERED_ON) or facts.fault
        return Judgement(ACCEPTED if bound else NO_CHANGE)
    if order == RELEASE_HELD:
        return Judgement(ACCEPTED if facts.flags & c.FLAG_READING_HELD else NO_CHANGE)
    if order == RELEASE_BRAKE:
        return Judgement(ACCEPTED if facts.brake_closed else NO_CHANGE)
    if order == RESTORE_PAID:
        return Judgement(NO_CHANGE if newest_credit >= credit_number else ACCEPTED)
    if order in (RESTORE, FLAGS, REPORT, MOVE_OUT, MOVE_IN, DEBT, CREDIT_LIMIT):  # what the last six need, others look at
        return Judgement(ACCEPTED)
    return Judgement(NOT_SUPPORTED)


def _judge_cut(expires_at_s, credit_number, override, facts, policy, newest_credit):
    if not facts.now_s or facts.clock_quality < QUALITY_RTC:
        return Judgement(CLOCK_UNKNOWN)
    if facts.now_s >= expires_at_s:
        return Judgement(EXPIRED)
    if credit_number < newest_credit:
        return Judgement(OVERTAKEN)
    if facts.wish == OFF:
        return Judgement(NO_CHANGE)
    before = facts.override
    facts.override = override
    in_the_way = failed_conditions(facts, policy) & ~in_force(facts)
    facts.override = before
    if in_the_way & c.STANDING:
        return Judgement(CONDITION, in_the_way)
    return Judgement(ACCEPTED)
