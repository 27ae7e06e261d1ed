"""What a person is shown, derived from money, wish, seen and fault; nothing is decided from it (design section 5)."""

from firmware.base.port import const
from firmware.cutoff.decide import is_due
from firmware.cutoff.facts import ARMED, CLOSED, LIMITED, OFF, UNKNOWN

OK = const(0)
LOW = const(1)
DUE = const(2)


def money_of(facts, policy):
    """OK, LOW (an episode is open) or DUE (available at or below the floor)."""
    if is_due(facts, policy):
        return DUE
    return LOW if facts.episode_open else OK


def word(money, wish, seen, fault):
    """ON, LOW, DUE, WAITING, OFF, LIMITED, PRESS BUTTON, UNKNOWN or FAULT."""
    if fault:
        return "FAULT"
    if seen == UNKNOWN:
        return "UNKNOWN"
    if seen == ARMED and wish != OFF:
        return "PRESS BUTTON"
    if (wish == OFF) != (seen != CLOSED):
        return "WAITING"
    if wish == OFF:
        return "LIMITED" if seen == LIMITED else "OFF"
    if money == DUE:
        return "DUE"
    return "LOW" if money == LOW else "ON"
