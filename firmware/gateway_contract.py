"""Orders about an account's meter that come seldom: what becomes of a held reading, who moves out and in (part of the hall; SPEC 5.6).
Loaded for one call.

Who moves out is charged up to the last believed register; from there on nobody is, until somebody moves in: that segment begins at the
same register and the same instant, so no energy is lost and none is charged twice. The old account keeps its row and its balance.

Each order tells a reason, which is journalled before its effect. An operator decides about the register that was shown: where the meter
shows another one by now, which does not go on from it, the order is refused, and somebody looks again.
"""

from firmware.base.faults import WireFault
from firmware.base.port import const
from firmware.base.reading import Reading, billed_registers
from firmware.cutoff import orders
from firmware.gateway_billing import CAUSE_DECISION, CAUSE_SEGMENT_CLOSED, NO_SERIAL
from firmware.gateway_books import may_cut, note
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_MOVED_OUT, FLAG_READING_HELD

RELEASE = const(1)  # what of a held reading
REJECT = const(2)
CHARGE = const(3)
REASON_BYTES = const(64)
READ_S_MAX = const(3_600)  # a register of an hour ago closes no contract
FLAGS_BY_ORDER = const(7)


def judge_held(ledger, billing, slot, number, decode, document):
    """(reason of the verdict, True when its registers are to be written off); an accepted one has told its reason."""
    if document is None:
        return (orders.ACCEPTED if _can_let_go(ledger, billing, slot) else orders.CONDITION), True
    try:
        what, rate, register_cwh, text = decode(document)
    except WireFault:
        return orders.BAD_DOCUMENT, False
    if what != REJECT and not (_can_let_go(ledger, billing, slot) and _goes_on(slot, rate, register_cwh)):
        return orders.CONDITION, False
    if what == CHARGE and not _can_charge(ledger, billing, slot):
        return orders.CONDITION, False
    if not tell(ledger, slot.account, number, orders.RELEASE_HELD, what, text):
        return orders.CONDITION, False
    if what == CHARGE:
        _charge(billing, slot)
    elif what == RELEASE:
        _charge_believed(billing, slot)
    return orders.ACCEPTED, what == RELEASE


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


def _can_charge(ledger, billing, slot):
    """All registers went forward, and there is a price."""
    heard, modulus_cwh = slot.last_heard, slot.model.modulus_cwh
    first, last = billed_registers(heard.rates)
    for rate in range(first, last + 1):
        if (heard.registers[rate] - ledger.accounts.charged_cwh(slot.row, rate)) % modulus_cwh >= modulus_cwh // 2:
            return False
    return billing.tariff_now(slot, heard.at_s) is not None


def _charge_believed(billing, slot):
    """Energy that was believed before the hold is no part of what is written off; the readings ring has it over restarts, too."""
    lines, marks, at_s = billing.closing(slot.row, slot)
    if marks:
        return  # no such reading
    before = Reading(slot.index, slot.serial)
    before.at_s, before.rates = at_s, slot.model.rates
    for rate, _, to_cwh in lines:
        before.registers[rate] = to_cwh
    billing.charge(slot, before, CAUSE_DECISION)


def _charge(billing, slot):
    """The register was right: all that passed is charged, and it counts as believed."""
    slot.held = 0
    slot.jumped = None
    slot.reading = slot.last_heard
    billing.charge(slot, slot.reading, CAUSE_DECISION)
    slot.uncharged_ucu = billing.uncharged_ucu(slot, slot.reading)
    billing.let_go(slot, slot.reading)


def move(gateway, slot, order, number, decode, document):
    """Order 12 or 13 for the account that has the meter -> reason of the verdict."""
    accounts = gateway.ledger.accounts
    try:
        new, flags, text = decode(document or b"")
    except WireFault:
        return orders.BAD_DOCUMENT
    out = accounts.get(slot.row, "flags") & FLAG_MOVED_OUT
    if order == orders.MOVE_OUT and (new or flags):
        return orders.BAD_DOCUMENT
    if order == orders.MOVE_OUT and out:
        return orders.NO_CHANGE
    if order == orders.MOVE_IN and not _can_move_in(gateway, new):
        return orders.CONDITION
    if not out and not _close(gateway, slot):
        return orders.CONDITION
    if not tell(gateway.ledger, slot.account, number, order, 0, text):
        return orders.CONDITION
    if not out:
        gateway.ledger.record(kinds.FLAGS, (slot.account, accounts.get(slot.row, "flags") | FLAG_MOVED_OUT, number))
    if order == orders.MOVE_IN and not _begin(gateway.ledger, slot, gateway.billing.reached(slot), number, new, flags):
        return orders.CONDITION
    return orders.ACCEPTED


def move_again(accounts, account, number, decode, document):
    """Order 13 of an account without a meter -> reason of the verdict, None when it stands in the journal already."""
    row = accounts.row_of(account)
    if row < 0:
        return orders.UNKNOWN_ACCOUNT
    if number <= accounts.get(row, "order"):
        return None
    try:
        new = decode(document or b"")[0]
    except WireFault:
        return orders.BAD_DOCUMENT
    return orders.ACCEPTED if accounts.followers.get(account) == new else orders.UNKNOWN_ACCOUNT


def _close(gateway, slot):
    """Charge up to the register that the meter showed last -> False when nobody knows what that is, or it cannot be charged."""
    accounts, billing = gateway.ledger.accounts, gateway.billing
    reading = slot.reading
    held = slot.held or accounts.get(slot.row, "flags") & FLAG_READING_HELD
    if reading is None or held or slot.reading_age_s > READ_S_MAX or not billing.is_bound(slot) or not may_cut(gateway.ledger):
        return False
    billing.charge(slot, reading, CAUSE_SEGMENT_CLOSED)
    first, last = billed_registers(reading.rates)
    for rate in range(first, last + 1):
        if accounts.charged_cwh(slot.row, rate) != reading.registers[rate]:
            return False  # no tariff, or no room
    return True


def _can_move_in(gateway, new):
    """The new account has no meter here, and finds a place."""
    accounts = gateway.ledger.accounts
    if not new or gateway.slot_of(new) is not None:
        return False
    row = accounts.row_of(new)
    return accounts.count < accounts.capacity if row < 0 else accounts.get(row, "serial") == NO_SERIAL


def _begin(ledger, slot, registers, number, new, flags):
    """The segment of the new account, and the end of the old one's -> False without room; then nothing has changed."""
    accounts = ledger.accounts
    since_s, ratio = accounts.get(slot.row, "charged_at_s"), accounts.ratio_of(slot.row)
    values = (new, slot.serial, accounts.get(slot.row, "rates")) + registers + (ratio, since_s)
    if not note(ledger, kinds.SEGMENT, values):
        return False
    ledger.record(kinds.FLAGS, (new, flags, number))
    ledger.record(kinds.MOVED, (slot.account, new, slot.serial, number))
    return True
