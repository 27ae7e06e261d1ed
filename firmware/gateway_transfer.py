"""An account that moves to another gateway with its meter: orders 14 and 15 (part of the hall; DESIGN, Moving between gateways).
Loaded for one call.

The gateway that gives charges what it believes, tells the whole row, and from that record on leaves the account alone. The one that takes
has the meter in its settings with `arrives`, has done nothing with it so far, and goes on from that row as after a restart.

None as an answer is no verdict: the order comes again. A gateway whose books are in doubt, or that was not compared with the head-end in
this connection, would give an old row away; a cut that is on its way must first be seen.
"""

from firmware.base.faults import WireFault
from firmware.cutoff import orders, supply
from firmware.gateway_billing import CAUSE_DECISION, NO_SERIAL
from firmware.gateway_books import may_cut, note
from firmware.gateway_contract import tell
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import BONDED_ROW_SIZE, FLAG_ELSEWHERE, LONGEST_ROW_SIZE, ROW
from firmware.ledger.carrying import GIVEN, TAKEN, whole_row


def carry(gateway, slot, order, number, documents, document):
    """Reason of the verdict on an order for an account that is given, is taken, or lives elsewhere; None = none yet."""
    elsewhere = gateway.ledger.accounts.get(slot.row, "flags") & FLAG_ELSEWHERE
    if order == orders.GIVE_AWAY and elsewhere:
        return orders.NO_CHANGE
    if order == orders.TAKE_OVER and not elsewhere:
        return orders.CONDITION  # nobody who lives here is written over
    if order not in (orders.GIVE_AWAY, orders.TAKE_OVER):
        return orders.UNKNOWN_ACCOUNT
    if gateway.head_end.standing or not gateway.ledger.sound or not may_cut(gateway.ledger):
        return None
    if order == orders.GIVE_AWAY:
        return _give(gateway, slot, number, documents.decode_move, document)
    return _take(gateway, slot, number, documents.decode_carried, document)


def _give(gateway, slot, number, decode, document):
    try:
        new, flags, text = decode(document or b"")
    except WireFault:
        return orders.BAD_DOCUMENT
    accounts, billing = gateway.ledger.accounts, gateway.billing
    if new or flags:
        return orders.BAD_DOCUMENT
    if accounts.get(slot.row, "serial") == NO_SERIAL:
        return orders.CONDITION
    if slot.state == supply.CUTTING:
        return None
    if slot.reading is not None and not slot.held and billing.is_bound(slot):
        billing.charge(slot, slot.reading, CAUSE_DECISION)  # what finds no tariff or room here is charged there
    if not tell(gateway.ledger, slot.account, number, orders.GIVE_AWAY, 0, text):
        return None
    until_s = accounts.exempt_until.get(slot.account, (0,))[0]
    debt = accounts.debts.get(slot.account, (0, 0, 0))[:3]
    values = (slot.account, GIVEN, number, until_s) + debt + (whole_row(accounts, slot.row),)
    return orders.ACCEPTED if note(gateway.ledger, kinds.CARRIED, values) else None


def _take(gateway, slot, number, decode, document):
    try:
        what, data, until_s, owed_ucu, share, most_ucu, text = decode(document or b"")
    except WireFault:
        return orders.BAD_DOCUMENT
    if what < TAKEN or len(data) not in (BONDED_ROW_SIZE, LONGEST_ROW_SIZE) or ROW.get(data, 0, "account") != slot.account:
        return orders.BAD_DOCUMENT
    if ROW.get(data, 0, "flags") & FLAG_ELSEWHERE or owed_ucu < 0 or most_ucu < 0 or share > 100:
        return orders.BAD_DOCUMENT
    if ROW.get(data, 0, "serial") != slot.serial or ROW.get(data, 0, "rates") != slot.model.rates:
        return orders.CONDITION  # a slip in the settings would charge a neighbour's energy
    if not tell(gateway.ledger, slot.account, number, orders.TAKE_OVER, 0, text):
        return None
    gateway.ledger.record(kinds.CARRIED, (slot.account, what, number, until_s, owed_ucu, share, most_ucu, data))
    return orders.ACCEPTED
