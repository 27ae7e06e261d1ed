"""The conditions of a cut as bits, and the account flags they look at (SPEC 6 and 4).

A standing condition that fails while supply is off restores it; a timing condition only delays a cut.
"""

from firmware.base.port import const

MONEY = const(1 << 0)
PROTECTED = const(1 << 1)
EXEMPT = const(1 << 2)
HOLD = const(1 << 3)
CARE = const(1 << 4)
READING = const(1 << 5)
JOURNAL = const(1 << 6)
TARIFF = const(1 << 7)
ENFORCEABLE = const(1 << 8)
POLICY = const(1 << 9)
HEAD_END = const(1 << 10)
STANDING = const((1 << 11) - 1)

FRESH = const(1 << 16)
HOURS = const(1 << 17)
NOTICE = const(1 << 18)
CLOCK = const(1 << 19)
OFFLINE = const(1 << 20)
THROTTLE = const(1 << 21)
BRAKE = const(1 << 22)
SEEN = const(1 << 23)
METER_CLOCK = const(1 << 24)
CALENDAR = const(1 << 25)
TIMING = const(0x3FF << 16)

ALL = const((0x3FF << 16) | ((1 << 11) - 1))

# No order reaches past these: protection, brake and the calendar (a cold day is one for everybody; a new version of it can
# open a day) by design; the others because the gateway could not, or must not, act at all (somebody else's purse, a policy
# that may protect in words it does not know, unsound books, a replaced board, a relay whose state is not known).
NEVER_OVERRIDDEN = const((1 << 1) | (1 << 6) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 22) | (1 << 23) | (1 << 25))

FLAG_PROTECTED = const(1)
FLAG_CARE = const(2)
FLAG_EXEMPT = const(4)
FLAG_HOLD = const(8)
FLAG_READING_HELD = const(16)
FLAG_ORDERED_ON = const(32)
FLAG_VISITED = const(64)  # in this episode
FLAG_VISIT_ORDERED = const(128)
FLAG_EMERGENCY = const(256)  # emergency credit was given in this episode
FLAG_EMERGENCY_OVER = const(512)  # and repaid: it is given once
FLAG_LIMITED = const(4096)  # the present wish OFF is by the load limit

_NAMES = (
    (MONEY, "money"),
    (PROTECTED, "protected"),
    (EXEMPT, "exempt"),
    (HOLD, "hold"),
    (CARE, "care"),
    (READING, "reading"),
    (JOURNAL, "journal"),
    (TARIFF, "tariff"),
    (ENFORCEABLE, "enforceable"),
    (POLICY, "policy"),
    (HEAD_END, "head_end"),
    (FRESH, "fresh"),
    (HOURS, "hours"),
    (NOTICE, "notice"),
    (CLOCK, "clock"),
    (OFFLINE, "offline"),
    (THROTTLE, "throttle"),
    (BRAKE, "brake"),
    (SEEN, "seen"),
    (METER_CLOCK, "meter_clock"),
    (CALENDAR, "calendar"),
)


def names(bits):
    """Names of the conditions in `bits`, lowest first."""
    return [name for bit, name in _NAMES if bits & bit]
