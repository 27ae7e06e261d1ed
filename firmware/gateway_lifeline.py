"""The load limit of a meter as the means of a cut: the lifeline (part of the hall; SPEC kind 38).

One wish, two means. Where the account's policy has a lifeline and its meter a register for a load limit, OFF is done by that limit and
the relay stays closed; DECISION is the same, and LIMIT behind it says by what means. Policy and model are asked at each look, and not
remembered: the row has one bit, and a limit that the policy does not want any more is lifted by a decision of its own.

Traps avoided: with a limit the relay is closed, or opened by the meter itself above it, and neither is news; a meter that loses its
limit again and again, and somebody who sets one again and again, must not fill the journal: each look at them comes after a longer pause.
"""

from firmware.base import relay
from firmware.base.port import const
from firmware.cutoff import supply
from firmware.gateway_books import note
from firmware.ledger import record_kinds as kinds
from firmware.meters.model import limit_that_fits

OVER_LOOKS = const(3)  # readings with more power than the limit: one may be of the moment before the meter reacts
MEANS = const(1)  # LIMIT what
LOST = const(2)
FOUND = const(3)


def wished_w(slot, policy):
    """The limit that takes the place of a cut of this account; 0 = its relay is opened."""
    if not slot.model.limit_di or policy is None:
        return 0
    return limit_that_fits(slot.model, slot.ratio, policy.lifeline_w)


def look(slot, limit_w, view):
    """A load limit was read -> (True when that is what is seen, event of the supply process or None). (False, None): the relay decides."""
    limited = limit_w != relay.NO_LIMIT
    if view.limited:
        if limit_w == view.lifeline_w:
            return True, supply.SAW_LIMITED
        waits = slot.state == supply.LIMITED and slot.lost_pause_s or not view.lifeline_w  # then it is restored
        return limited, None if waits else supply.SAW_UNLIMITED
    if view.wish or not limited:
        return False, None  # what stands beside a relay that we opened matters when it is closed again
    return True, None if slot.state == supply.ON and slot.lost_pause_s else supply.SAW_LIMITED


def note_limit(ledger, slot, action, limit_w, found_w):
    """The LIMIT record: by what means supply is off, that it was lost, or what was found that nobody ordered here."""
    what = MEANS if action == supply.WISH_LIMIT else LOST if action == supply.LIMIT_LOST else FOUND
    note(ledger, kinds.LIMIT, (slot.account, what, limit_w, found_w))
    if what == FOUND:
        note(ledger, kinds.FAULT, (slot.account, supply.FOUND_LIMITED_FAULT, found_w))


def flows(slot, power_w, view, limits):
    """So much flows under a limit that is in force -> the outcome that it does not hold, once, else None."""
    over = power_w > view.lifeline_w + limits.load_after_cut_w_max
    slot.over_limit = slot.over_limit + 1 if over else 0
    if slot.over_limit != OVER_LOOKS:
        return None
    return relay.Outcome(slot.index, relay.LIMIT, relay.DISAGREES, min(power_w, 0xFFFF), relay.LOAD_AFTER_CUT)
