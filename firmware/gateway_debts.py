"""Debts of old days, paid off out of credits (part of the hall; design section 5; SPEC kinds 34 and 35). Few have one: loaded for one call.

A debt lies in a pot beside the balance. What a credit brings above the restore amount is shared by the order's rule, and a RECOVERY
record moves the share: the balance has less, the debt is less by the same. The pot has a place among the issuers of the account
row, as if it gave a negative credit, so every sum and every state carries it. Each credit leaves one record, of nothing too: so it
is known over restarts which were looked at.

Trap avoided: what was used since an old reading nobody knows, and a share of it would bring somebody down who just paid; the credit then
waits for a reading.
"""

from firmware.base.faults import WireFault
from firmware.cutoff import decide, orders
from firmware.gateway_books import note
from firmware.ledger import record_kinds as kinds


def recover(ledger, account, view, policy):
    """Look at the credits of an account that were not yet -> True when that is journalled; the caller makes it durable."""
    accounts = ledger.accounts
    if policy is None or view.available_ucu is None or not view.now_s:
        return False
    if not 0 <= view.now_s - view.reading_at_s <= policy.reading_fresh_s:
        return False
    issuer, number, paid_ucu, credits = accounts.unrecovered[account]
    _, share, most_ucu, _ = accounts.debts[account]
    left_ucu = accounts.debt_ucu(account)
    restore_ucu = decide.restore_ucu(view, policy)
    above_ucu = min(view.available_ucu - restore_ucu, paid_ucu)
    amount_ucu = max(0, min(above_ucu * share // 100, left_ucu))
    if most_ucu:
        amount_ucu = min(amount_ucu, most_ucu * credits)
    move, moved_ucu = accounts.moved(account)
    values = (account, move + 1, issuer, number, amount_ucu, moved_ucu + amount_ucu, left_ucu - amount_ucu)
    return note(ledger, kinds.RECOVERY, values + (view.available_ucu, restore_ucu)) > 0


def take_order(ledger, account, number, document, decode):
    """Order 16 -> reason of its verdict; when it is accepted the debt is journalled."""
    try:
        owed_ucu, share, most_ucu = decode(document or b"")
    except WireFault:
        return orders.BAD_DOCUMENT
    if owed_ucu < 0 or share > 100 or most_ucu < 0:
        return orders.BAD_DOCUMENT
    accounts = ledger.accounts
    known = accounts.debts.get(account)
    if known is None and owed_ucu <= accounts.moved(account)[1] or known is not None and known[:3] == (owed_ucu, share, most_ucu):
        return orders.NO_CHANGE
    if not accounts.has_place_for_debt(account):
        return orders.NOT_SUPPORTED  # four issuers give credits: no place is left for the pot
    ledger.record(kinds.DEBT, (account, owed_ucu, share, most_ucu, number))
    return orders.ACCEPTED
