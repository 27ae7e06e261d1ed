"""The end of a segment: another meter, model of it or transformer ratio stands in the settings (part of the hall; design section 2).

An account is bound to a chain of segments, and each ends at a closing register: that of the last believed reading under the
old settings. What was not charged until there is charged now (CHARGE cause 5), or written off where no tariff serves the old
registers. What the old meter passed after its last reading nobody here can know: people read it from its display, and it
comes as a correction. Where only the ratio changes the next segment begins at that very register: what passes then is of the new ratio.

Traps avoided: the new meter's readings bear the same account, so those before its segment begins are held; a reading older
than the last charge may be of the meter before the old one, and so may all before it in the ring, whatever a wrong clock dated them.
"""

from firmware.base.port import const
from firmware.base.reading import MARK_HELD, RATES_MAX

CAUSE_SEGMENT_CLOSED = const(5)
MARK_ESTIMATED = const(1)
WINDOW = const(32)  # readings looked at in one step, backwards from the newest
WINDOWS_MAX = const(64)
BYTES_MAX = const(56 * 32)


def closing_reading(ring, account, since_s, now_s):
    """(registers, at_s) of the last believed reading of this account; (None, since_s) when it is older than `since_s`, or of a
    day that is still to come though `since_s` is not."""
    first = ring.last_number - WINDOW + 1
    for _ in range(WINDOWS_MAX):
        found = None
        for entry in ring.read_from(max(first, 1), BYTES_MAX, _all_rates):
            if entry[1] == account and entry[2] and not entry[4] & MARK_HELD:
                found = (entry[5], entry[2])
        if found is not None:
            if found[1] < since_s or found[1] > now_s >= since_s:
                break
            return found
        if first <= ring.oldest_number:
            break
        first -= WINDOW
    return None, since_s


def closing_lines(charged_cwh, registers, modulus_cwh, limit_cwh):
    """([(rate, from, to)], marks) for `charged_cwh` = [(rate, register)]; a value that cannot be believed closes where it stands."""
    lines = []
    marks = 0
    for rate, from_cwh in charged_cwh:
        to_cwh = None if registers is None else registers[rate]
        believed = to_cwh is not None and max(from_cwh, to_cwh) < modulus_cwh
        if not believed or (to_cwh - from_cwh) % modulus_cwh > limit_cwh:
            to_cwh = from_cwh
            marks = MARK_ESTIMATED
        lines.append((rate, from_cwh, to_cwh))
    return lines, marks


def _all_rates(account):
    return RATES_MAX
