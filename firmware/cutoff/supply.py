"""The supply process of one account as a table (design section 5; DESIGN: a machine is a table). Pure.

Wish, seen and fault stay apart (account row); this process says what is going on between them:

    ON_UNKNOWN    wish ON,  relay not read since the start      CUTTING     wish OFF, cut under way
    ON            wish ON,  seen closed                         OFF         wish OFF, seen open
    FOUND_OFF     wish ON,  seen open, nobody ordered it        OFF_UNKNOWN wish OFF, the answer was lost, or a restart
    RESTORING     wish ON,  restore under way                   NOT_OFF     wish OFF, the relay does not obey
    RESTORE_LOST  wish ON,  the answer was lost                 ARMED       wish ON,  waits for the customer's button
    NOT_ON        wish ON,  the relay refuses or does not obey

and where the means of OFF is the meter's load limit, the lifeline, instead of the open relay:

    LIMITING      wish OFF, limit under way                LIMIT_UNKNOWN wish OFF, the answer was lost, or a restart
    LIMITED       wish OFF, limit read back                NOT_LIMITED   wish OFF, the register does not take it
    FOUND_LIMITED wish ON,  a limit that nobody here ordered is being lifted

`step(state, event) -> (state, actions)`; a pair that is not in the table changes nothing. Actions are done in order, the
journalled ones first: WISH_* and FAULT_* and WITHDRAW are records, ORDER_* and READ_STATUS go to the bus.

Why it is so: an unknown relay permits only a status read. A lost cut that is found closed is not sent again but withdrawn
and judged anew: the hours may have ended since. A lost restore that is found open is sent again, because our own wish put
the customer in the dark. A relay that opens by itself (FOUND_OFF, ARMED -> open) is reported and left alone: its own
protection may hold it, and hammering it proves nothing. A trip that is pending against the wish is cancelled by a close.
So is one that hangs in the meter beyond its delay, or is found so after a restart: nobody judged the hour at which it would come.
A limit is judged as a cut is. A meter that lost it while its state was known gets it again; after a restart it is withdrawn and judged
anew like a lost cut. A relay that the meter itself opens above its limit is the meter's business. A limit of others is reported and
lifted: unlike an open relay no protection sets one. ORDER_RESTORE lifts the limit first, wherever the meter can have one.
"""

from firmware.base import relay
from firmware.base.port import const
from firmware.cutoff.facts import ARMED as SEEN_ARMED
from firmware.cutoff.facts import CLOSED, OPEN, UNKNOWN
from firmware.cutoff.facts import LIMITED as SEEN_LIMITED
from firmware.cutoff.facts import OFF as WISHED_OFF

ON_UNKNOWN = const(0)
ON = const(1)
FOUND_OFF = const(2)
CUTTING = const(3)
OFF_UNKNOWN = const(4)
OFF = const(5)
NOT_OFF = const(6)
RESTORING = const(7)
RESTORE_LOST = const(8)
ARMED = const(9)
NOT_ON = const(10)
LIMITING = const(11)
LIMITED = const(12)
LIMIT_UNKNOWN = const(13)
NOT_LIMITED = const(14)
FOUND_LIMITED = const(15)
STATES = const(16)

CUT_DECIDED = const(0)
RESTORE_DECIDED = const(1)
SAW_CLOSED = const(2)
SAW_PENDING = const(3)  # closed, but the last command was open: a delayed trip runs
SAW_OPEN = const(4)
SAW_ARMED = const(5)
ORDER_LOST = const(6)  # given up in silence: the relay may be anywhere
ORDER_REFUSED = const(7)
ORDER_DISAGREES = const(8)
LOAD_AFTER_CUT = const(9)
RETRY = const(10)  # `retry_after_s` has passed in this state
LIMIT_DECIDED = const(11)  # a cut, by the load limit
SAW_LIMITED = const(12)  # as it is wished, or any limit while ON is wished
SAW_UNLIMITED = const(13)  # none, or another one, while OFF is wished by it
TRIP_HANGS = const(14)  # a cut that did not come, and may still come
EVENTS = const(15)

WISH_OFF = const(1)  # journal DECISION cut
WISH_ON = const(2)  # journal DECISION restore
WITHDRAW = const(3)  # journal DECISION withdrawn: wish ON, then judge anew
ORDER_CUT = const(4)
ORDER_RESTORE = const(5)
READ_STATUS = const(6)
FAULT_OF_OUTCOME = const(7)  # journal FAULT with fault_of(outcome)
FAULT_FOUND_OFF = const(8)
FAULT_NOT_OBEYED = const(9)
CLEAR_FAULT = const(10)
ORDER_LIMIT = const(11)
WISH_LIMIT = const(12)  # journal DECISION cut, and LIMIT: by what means
LIMIT_LOST = const(13)  # journal LIMIT: it is not as wished any more
FAULT_FOUND_LIMITED = const(14)  # journal LIMIT and FAULT
FAULT_TRIP_HANGS = const(15)

NO_FAULT = const(0)  # SPEC 2 kind 24
NOT_OBEYED = const(1)
LOAD = const(2)
FOUND_OFF_FAULT = const(3)
KEEP_POWER = const(4)
METER_CLOCK = const(5)
REFUSED = const(6)
OWN_PURSE = const(8)
FOUND_LIMITED_FAULT = const(10)
TRIP_HANGS_FAULT = const(11)
FAULT_CODES = b"\0\0\0\0\0\0\0\0\3\1\0\0\0\0\0\x0b"  # of the actions that journal one

BIT_RELAY_OPEN = const(0x10)  # dlt645: status word 3
BIT_COMMAND_OPEN = const(0x40)

_NONE = ()

# One row a state, one cell an event: the letter of the state that follows, then those of the actions in their order; "-" = no such
# pair. C WISH_OFF, R WISH_ON, W WITHDRAW, c ORDER_CUT, r ORDER_RESTORE, s READ_STATUS, o FAULT_OF_OUTCOME, f FAULT_FOUND_OFF,
# n FAULT_NOT_OBEYED, x CLEAR_FAULT, l ORDER_LIMIT, K WISH_LIMIT, e LIMIT_LOST, g FAULT_FOUND_LIMITED, h FAULT_TRIP_HANGS. It is text,
# for a board keeps that in flash: as tuples it filled three kilobytes of the heap.
_ACTIONS = " CRWcrsofnxlKegh"
_FIRST_STATE = const(0x41)
_NO_PAIR = const(0x2D)
_BLANK = const(0x20)
_CELL = const(5)
_TABLE = (
    # CUT  REST CLSD PEND OPEN ARMD LOST REFU DISA LOAD RTRY LIMD LMTD UNLM HANG
    b"-    HRxr B    Hr   Cf   J    -    -    -    -    As   -    Pgr  -    -    "  # A ON_UNKNOWN
    b"DCc  HRr  -    Hr   Cf   J    -    -    -    -    -    LKl  Pgr  -    -    "  # B ON
    b"-    HRxr Bx   Hxr  -    Jx   -    -    -    -    -    -    Pgr  -    -    "  # C FOUND_OFF
    b"-    HRr  -    -    F    F    E    IoWs Gn   -    Es   -    -    -    HhWr "  # D CUTTING
    b"-    HRr  HWr  HWr  F    F    -    -    -    -    Es   -    -    -    -    "  # E OFF_UNKNOWN
    b"-    HRr  Gn   Gn   -    -    -    -    -    Fo   -    -    -    -    -    "  # F OFF
    b"-    HRxr -    -    Fx   Fx   -    -    -    -    -    -    -    -    -    "  # G NOT_OFF
    b"-    -    B    -    -    J    I    Ko   Kn   -    Is   -    -    -    -    "  # H RESTORING
    b"-    HRr  B    Hr   Hr   J    -    -    -    -    Is   -    Hr   -    -    "  # I RESTORE_LOST
    b"-    -    B    Hr   Kf   -    -    -    -    -    -    -    Pgr  -    -    "  # J ARMED
    b"-    HRr  Bx   Hr   -    Jx   -    -    -    -    Hr   -    -    -    -    "  # K NOT_ON
    b"-    HRr  -    -    -    -    N    IoWs On   -    Ns   -    M    -    -    "  # L LIMITING
    b"-    HRr  -    -    -    -    -    -    -    Mo   -    -    -    Lel  -    "  # M LIMITED
    b"-    HRr  -    -    -    -    -    -    -    -    Ns   -    M    HWr  -    "  # N LIMIT_UNKNOWN
    b"-    HRxr -    -    -    -    -    -    -    -    -    -    Mx   -    -    "  # O NOT_LIMITED
    b"-    HRxr Bx   Hxr  -    Jx   -    Ko   Kn   -    Pr   -    -    -    -    "  # P FOUND_LIMITED
)


def step(state, event):
    """(new state, actions); a pair outside the table is (state, ()). Seen is recorded by the caller, whatever the state."""
    at = (state * EVENTS + event) * _CELL
    after = _TABLE[at]
    if after == _NO_PAIR:
        return state, _NONE
    actions = [_ACTIONS.find(chr(letter)) for letter in _TABLE[at + 1 : at + _CELL] if letter != _BLANK]
    return after - _FIRST_STATE, tuple(actions)


def initial(wish, wish_at_s, seen, seen_at_s, fault, limited=False):
    """State after a restart, from the account row. Do READ_STATUS for it: nothing is known of the relay now."""
    if wish == WISHED_OFF and limited:
        return NOT_LIMITED if fault == NOT_OBEYED else LIMIT_UNKNOWN
    if wish == WISHED_OFF:
        return NOT_OFF if fault == NOT_OBEYED else OFF_UNKNOWN
    unfinished = wish_at_s and wish_at_s >= seen_at_s
    ours = seen in (OPEN, SEEN_ARMED) and fault != FOUND_OFF_FAULT or seen == SEEN_LIMITED and fault != FOUND_LIMITED_FAULT
    return RESTORE_LOST if unfinished or ours else ON_UNKNOWN


def retry_after_s(state, limits, silent=False):
    """Seconds in `state` after which the caller sends RETRY; 0 = never. `silent`: the meter answers no reading either."""
    if silent and state in (ON_UNKNOWN, OFF_UNKNOWN, LIMIT_UNKNOWN):
        return limits.supply_retry_slow_s  # nobody waits for light here, and its first answer brings the status word
    if state in (ON_UNKNOWN, OFF_UNKNOWN, LIMIT_UNKNOWN, RESTORE_LOST):
        return limits.supply_retry_s
    if state in (CUTTING, RESTORING, LIMITING):
        return limits.supply_order_s_max
    return limits.supply_retry_slow_s if state in (NOT_ON, FOUND_LIMITED) else 0


def seen_of(status_word, model):
    """What a status word says of the relay; None (no value) is UNKNOWN."""
    if status_word is None:
        return UNKNOWN
    if not status_word & BIT_RELAY_OPEN:
        return CLOSED
    if model.needs_button and model.command_bit and not status_word & BIT_COMMAND_OPEN:
        return SEEN_ARMED
    return OPEN


def saw(status_word, model):
    """The event of a status word, or None when it holds no value."""
    seen = seen_of(status_word, model)
    if seen == UNKNOWN:
        return None
    if seen == CLOSED:
        return SAW_PENDING if model.command_bit and status_word & BIT_COMMAND_OPEN else SAW_CLOSED
    return SAW_ARMED if seen == SEEN_ARMED else SAW_OPEN


def event_of(outcome, model):
    """The event of a cut, limit, restore or status outcome, or None: nothing to do yet, an alarm order, or the lift in a restore."""
    if outcome.action not in (relay.CUT, relay.LIMIT, relay.RESTORE, relay.STATUS):
        return None
    if outcome.phase == relay.VERIFIED:
        if outcome.action == relay.LIMIT:
            return SAW_LIMITED
        if outcome.detail == relay.WAITS_FOR_BUTTON:
            return SAW_ARMED
        return saw(outcome.word, model)
    if outcome.action == relay.STATUS:
        return None  # a status read that failed tells nothing; RETRY asks again
    if outcome.phase == relay.REFUSED:
        return ORDER_REFUSED
    if outcome.phase == relay.DISAGREES:
        if outcome.detail == relay.LOAD_AFTER_CUT:
            return LOAD_AFTER_CUT
        hangs = outcome.action == relay.CUT and (outcome.word & BIT_COMMAND_OPEN or not model.command_bit)
        return TRIP_HANGS if hangs else ORDER_DISAGREES
    if outcome.phase == relay.GIVEN_UP and outcome.detail != relay.SUPERSEDED:
        return ORDER_REFUSED if fault_of(outcome) else ORDER_LOST
    return None


def fault_of(outcome):
    """SPEC fault code of an outcome, 0 = none."""
    if outcome.phase == relay.REFUSED:
        return REFUSED
    if outcome.phase == relay.DISAGREES:
        return LOAD if outcome.detail == relay.LOAD_AFTER_CUT else NOT_OBEYED
    if outcome.phase == relay.GIVEN_UP:
        if outcome.detail == relay.KEEP_POWER:
            return KEEP_POWER
        if outcome.detail == relay.OWN_PURSE:
            return OWN_PURSE
        if outcome.detail == relay.BAD_METER_CLOCK:
            return METER_CLOCK
    return NO_FAULT
