"""Writing to the journal when its space runs short or its flash fails (design 4.11 and 8; part of the hall).

Below reserve 1 the books keep only what they must: credits, restores, relay results. Everything else - charges (the meter
remembers), notices, evidence of what was not done - is left out, and without notices and evidence nobody is cut.

When the flash itself fails the books stand still: nothing is acknowledged, nobody is cut, and the bus goes on reading
and restoring. Trap avoided: a StorageFault that ends a task resets the board, which fails again, for ever.
"""

from firmware.base.faults import Refused, StorageFault
from firmware.base.port import const
from firmware.clock.clock import NETWORK
from firmware.ledger import record_kinds as kinds

REFUSALS_KEPT = const(16)
HELD_TOO_FAR = const(2)
_APART_S = const(3_600)


class Refusals:
    """The last verdicts on what was refused, so that the same message that comes again and again leaves one record."""

    def __init__(self):
        self._last = []

    def holds(self, values):
        """True when this verdict stands in the journal already."""
        return values in self._last

    def keep(self, values):
        """This verdict was recorded."""
        self._last = self._last[1 - REFUSALS_KEPT :] + [values]


def note(ledger, kind, values):
    """Record if this class of record may take space -> its sequence, or 0 when it was left out."""
    if not ledger.may_record(kinds.class_of(kind, values)):
        return 0
    try:
        return ledger.record(kind, values)
    except (Refused, StorageFault):
        return 0  # the last block, or the flash failed just now: the next commit says which


def keep_behind_snapshot(ledger):
    """A snapshot lets older records go, and its rows tell neither ends of exemptions nor debts: these are written again."""
    _keep(ledger, kinds.EXEMPT, ledger.accounts.exempt_until)
    _keep(ledger, kinds.DEBT, ledger.accounts.debts)


def _keep(ledger, kind, held):
    """`held` = {account: fields but the order, and the sequence of the record}."""
    for account, fields in sorted(held.items()) if held else ():
        if fields[-1] <= ledger.snapshot.whole:
            note(ledger, kind, (account,) + fields[:-1] + (0,))
            settle(ledger)


def keep_jump(ledger, slot):
    """Nor do they tell the jump for which a register is held."""
    if slot.jumped is None or slot.held_sequence > ledger.snapshot.whole:
        return
    rate, jumped_cwh = slot.jumped
    values = (slot.account, slot.serial, HELD_TOO_FAR, rate, jumped_cwh, ledger.accounts.charged_cwh(slot.row, rate))
    slot.held_sequence = note(ledger, kinds.HELD, values)
    settle(ledger)


def settle(ledger):
    """Commit -> True when all is durable; False when the flash failed: the ledger is not sound from then on."""
    try:
        ledger.commit()
    except StorageFault:
        return False
    return True


def may_cut(ledger):
    """True while there is room for the whole evidence of a cut."""
    return ledger.may_record(kinds.ORDINARY)


def dated_at_most_s(clock_view, slot, since_s, reading):
    """When this first reading of a life was at most taken, if something was charged at `since_s`: a battery that lost years would let
    any jump look possible, so the meter's own clock is asked, where it is behind ours and not behind that charge."""
    offset_s = clock_view.meter_offset_s(slot.index) if reading.quality < NETWORK and reading.at_s else None
    if offset_s is None or offset_s > -_APART_S or reading.at_s + offset_s < since_s:
        return reading.at_s
    return reading.at_s + offset_s
