"""Every condition of a cut, and a way each to make it fail: the tests of cutting are generated from this table. Both interpreters."""

import json

from firmware.base import days
from firmware.base.limits import Limits
from firmware.cutoff import conditions as c
from firmware.cutoff.facts import CLOSED, UNKNOWN, Facts
from firmware.cutoff.policy import parse_policy

DAY = days.day_of_date(2026, 11, 24)  # a Tuesday
NOON_S = days.midnight_s(DAY, 480) + 12 * 3600


def policy(**changes):
    fields = {
        "policy": 1,
        "version": 2,
        "utc_offset_min": 480,
        "notice": {"level": "5.00", "period_s": 3600, "channels": ["head_end", "alarm"]},
        "floor": "0.00",
        "restore": "1.00",
        "hours": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "16:00"}],
        "reading_fresh_s": 1800,
        "clock_error_max_s": 60,
        "throttle_per_hour": 10,
        "brake": {"accounts_max": 2, "share_percent": 10, "window_s": 86400},
        "offline_right_s": 259200,
        "alarm": True,
    }
    fields.update(changes)
    return parse_policy(json.dumps(fields))


POLICY = policy(calendar={"until": "2026-12-31", "holidays": ["2026-12-25"]})
HOT = {"until": "2026-12-31", "hot_days": ["2026-11-23/2026-11-24"]}
RULES = {c.POLICY: policy(storm_days=[]), c.CALENDAR: policy(calendar=HOT), c.POLICY | c.CALENDAR: policy(storm_days=[], calendar=HOT)}


CREDIT_LIMITS = (0, 100_000_000)  # a prepaid account and a post-paid one, as low below their floors: one table for both


def due_facts(limit_ucu=0):
    """An account for which every condition of a cut holds."""
    facts = Facts(Limits())
    facts.limit_ucu = limit_ucu
    facts.available_ucu = -limit_ucu
    facts.balance_ucu = 100 - limit_ucu
    facts.reading_at_s = NOON_S - 60
    facts.now_s = NOON_S
    facts.clock_quality = 3
    facts.clock_error_s = 1
    facts.serial_ok = True
    facts.journal_sound = True
    facts.tariff_valid = True
    facts.enforceable = True
    facts.standing = 0
    facts.seen = CLOSED
    facts.episode_open = True
    facts.notice_level = 1
    facts.notice_at_s = NOON_S - 3600
    facts.last_contact_s = NOON_S - 259200
    facts.throttle_ok = True
    facts.brake_closed = False
    facts.meter_clock_error_s = 0
    return facts


def set_(**values):
    """A breaker that sets attributes."""

    def breaker(facts):
        for name in values:
            setattr(facts, name, values[name])

    return breaker


def paid(facts):
    """The account stands at its restore amount."""
    facts.available_ucu = facts.balance_ucu = 1_000_000 - facts.limit_ucu


def flag(bit):
    def breaker(facts):
        facts.flags |= bit

    return breaker


# the condition, and one way each to make it fail without touching another (the clock at night breaks only the hours)
STANDING = (
    (c.MONEY, paid),
    (c.PROTECTED, flag(c.FLAG_PROTECTED)),
    (c.EXEMPT, flag(c.FLAG_EXEMPT)),
    (c.HOLD, flag(c.FLAG_HOLD)),
    (c.CARE, flag(c.FLAG_CARE)),
    (c.READING, flag(c.FLAG_READING_HELD)),
    (c.JOURNAL, set_(journal_sound=False)),
    (c.TARIFF, set_(tariff_valid=False)),
    (c.ENFORCEABLE, set_(enforceable=False)),
    (c.POLICY, None),  # broken by the policy itself, as is the calendar
    (c.HEAD_END, set_(standing=2)),
)
TIMING = (
    (c.FRESH, set_(reading_at_s=NOON_S - 1801)),
    (c.HOURS, set_(trip_delay_s=4 * 3600)),
    (c.NOTICE, set_(notice_at_s=NOON_S - 3599)),
    (c.CLOCK, set_(clock_quality=1)),
    (c.OFFLINE, set_(last_contact_s=NOON_S - 259201)),
    (c.THROTTLE, set_(throttle_ok=False)),
    (c.BRAKE, set_(brake_closed=True)),
    (c.SEEN, set_(seen=UNKNOWN)),
    (c.METER_CLOCK, set_(meter_clock_error_s=601)),
    (c.METER_CLOCK, set_(meter_clock_error_s=None)),
    (c.CALENDAR, None),
)


def broken(chosen, limit_ucu=0):
    """(facts, policy, bits) with the chosen conditions broken, of an account with this credit limit."""
    facts = due_facts(limit_ucu)
    rules = POLICY
    bits = 0
    for bit, breaker in chosen:
        bits |= bit
        if breaker is not None:
            breaker(facts)
    if bits & (c.POLICY | c.CALENDAR):
        rules = RULES[bits & (c.POLICY | c.CALENDAR)]
    return facts, rules, bits
