"""The credit limit of a post-paid account (part of the hall; SPEC order 17 and kind 36). Few have one: loaded for one call.

The floor, the restore amount and the warning levels of the account lie lower by the limit; balance and available stay what they are:
credits less charges, and less what was used. So nothing moves, and no book needs another sum.

Traps avoided: who was warned at one floor was not warned of another, so where a limit is lowered the notices begin anew - before the
limit falls, for a power cut may come between the two records; and limits taken from many by mistake are a cause to the brake, as
corrections are.
"""

from firmware.base.faults import WireFault
from firmware.cutoff import facts, orders
from firmware.gateway_books import may_cut
from firmware.gateway_contract import tell
from firmware.ledger import record_kinds as kinds
from firmware.ledger.accounts import AMOUNT_UCU_MAX


def take_order(gateway, slot, number, decode, document):
    """Order 17 -> reason of its verdict; when it is accepted the limit is journalled."""
    try:
        limit_ucu, text = decode(document or b"")
    except WireFault:
        return orders.BAD_DOCUMENT
    if not 0 <= limit_ucu <= AMOUNT_UCU_MAX:
        return orders.BAD_DOCUMENT
    ledger = gateway.ledger
    before_ucu = ledger.accounts.credit_limits.get(slot.account, 0)
    if limit_ucu == before_ucu:
        return orders.NO_CHANGE
    if not tell(ledger, slot.account, number, orders.CREDIT_LIMIT, 0, text):
        return orders.CONDITION
    if limit_ucu < before_ucu:
        if not may_cut(ledger):
            return orders.CONDITION  # no room for the end of the episode: it stays as it is
        gateway.supply.causes.on_correction()
        view, _ = gateway.supply.facts_of(slot)
        if view.wish == facts.ON:
            gateway.supply.notices.begin_anew(slot, view)
    ledger.record(kinds.CREDIT_LIMIT, (slot.account, limit_ucu, before_ucu, number))
    return orders.ACCEPTED
