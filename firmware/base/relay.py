"""Relay orders and what comes of them: the shapes that gateway and bus share (DESIGN: shapes that cross rooms).

Action and phase codes are those of the RELAY record (SPEC 2, kind 14).
"""

from firmware.base.port import const

CUT = const(1)
RESTORE = const(2)
ALARM_ON = const(3)
ALARM_OFF = const(4)
STATUS = const(5)  # read the status word only, ahead of all reads
LIMIT = const(6)  # set the meter's load limit: the lifeline, instead of a cut
LIFT = const(7)  # take it away: part of each restore where a meter has one, never ordered by itself
NO_LIMIT = const(0xFFFF)  # in W: what a meter without one set says

ORDERED = const(1)
ACKNOWLEDGED = const(2)
REFUSED = const(3)
NO_ANSWER = const(4)
VERIFIED = const(5)
DISAGREES = const(6)
GIVEN_UP = const(7)
FAILED_PHASES = (3, 7, 6)

# detail of an outcome
NO_DETAIL = const(0)
BAD_METER_CLOCK = const(1)
KEEP_POWER = const(2)
OWN_PURSE = const(3)
LOAD_AFTER_CUT = const(4)
WAITS_FOR_BUTTON = const(5)
ALREADY_SO = const(6)
SUPERSEDED = const(7)
SILENT = const(8)
MALFORMED = const(9)


class Outcome:
    """One step of a relay order as it happened: `word` is the status or error word seen, or 0."""

    def __init__(self, meter, action, phase, word, detail):
        self.meter = meter
        self.action = action
        self.phase = phase
        self.word = word
        self.detail = detail
