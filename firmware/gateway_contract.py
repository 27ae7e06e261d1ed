"""Orders about an account's meter that come seldom: what becomes of a held reading (part of the hall; SPEC 5.6). Loaded for one call.

Each tells a reason, which is journalled before its effect. An operator decides about the register that was shown: where the meter
shows another one by now, which does not go on from it, the order is refused, and somebody looks again.
"""

from firmware.base.faults import WireFault
from firmware.base.port import const
from firmware.cutoff import orders
from firmware.gateway_books import may_cut, note
from firmware.ledger import record_kinds as kinds

RELEASE = const(1)  # what of a held reading
REJECT = const(2)
REASON_BYTES = const(64)


def judge_held(ledger, billing, slot, number, decode, document):
    """(reason of the verdict, True when the reading is rejected); an accepted one has told its reason."""
    if document is None:
        return (orders.ACCEPTED if _can_let_go(ledger, billing, slot) else orders.CONDITION), False
    try:
        what, rate, register_cwh, text = decode(document)
    except WireFault:
        return orders.BAD_DOCUMENT, False
    if what == RELEASE and not (_can_let_go(ledger, billing, slot) and _goes_on(slot, rate, register_cwh)):
        return orders.CONDITION, False
    told = tell(ledger, slot.account, number, orders.RELEASE_HELD, what, text)
    return (orders.ACCEPTED if told else orders.CONDITION), what == REJECT


def tell(ledger, account, number, order, what, text):
    """Journal why -> False without room for it and what follows from it."""
    data = text.encode()
    values = (account, number, order, what, data + bytes(REASON_BYTES - len(data)))
    return note(ledger, kinds.REASON, values) > 0


def _can_let_go(ledger, billing, slot):
    """There is a register to go on from, of the meter that bills, and room to write it down."""
    heard = slot.last_heard
    return heard is not None and heard.serial == slot.serial and billing.is_bound(slot) and may_cut(ledger)


def _goes_on(slot, rate, register_cwh):
    """True when the meter shows that register, or has counted on from it."""
    heard_cwh = slot.last_heard.registers[rate]
    return heard_cwh is not None and (heard_cwh - register_cwh) % slot.model.modulus_cwh < slot.model.modulus_cwh // 2
