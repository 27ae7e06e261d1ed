"""Writing to the journal when its space runs short (design 4.11; part of the hall).

Below reserve 1 the books keep only what they must: credits, restores, relay results. Everything else - charges (the meter
remembers), notices, evidence of what was not done - is left out, and without notices and evidence nobody is cut.
"""

from firmware.base.faults import Refused, StorageFault
from firmware.ledger import record_kinds as kinds


def note(ledger, kind, values):
    """Record if this class of record may take space -> its sequence, or 0 when it was left out."""
    if not ledger.may_record(kinds.class_of(kind, values)):
        return 0
    return ledger.record(kind, values)


def must(ledger, kind, values):
    """Record what an acknowledgement depends on -> its sequence. StorageFault when even its reserve is used up."""
    try:
        return ledger.record(kind, values)
    except Refused:
        raise StorageFault("the journal has no room for a verdict")


def may_cut(ledger):
    """True while there is room for the whole evidence of a cut."""
    return ledger.may_record(kinds.ORDINARY)
