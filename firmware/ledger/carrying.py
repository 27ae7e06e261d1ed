"""The fold of CARRIED: an account leaves for another gateway, or comes from one, as a whole row (SPEC 2 kind 36; DESIGN, Moving between
gateways). Loaded for one call. Pure.

One record has everything, so no power cut can leave half an account. What is left behind is a row of zeros that says so: no balance
stands in two books.
"""

from firmware.base.port import const
from firmware.ledger.account_row import BOND, BONDED_ROW_SIZE, FLAG_ELSEWHERE, POSITION_SIZE, ROW, ROW_SIZE, SHORT_BOND_SIZE

GIVEN = const(1)  # what
TAKEN = const(2)
TAKEN_FROM_BOOKS = const(3)  # of the head-end: the gateway before was not heard


def take(accounts, values, sequence):
    """Fold one record into the table."""
    account, what, order, until_s, owed_ucu, share, most_ucu, data = values
    row = accounts.row_of(account)
    if row < 0:
        if what == GIVEN or not accounts.complete:
            return  # its snapshot row will come
        row = accounts._add(account)
    for kept in (accounts.exempt_until, accounts.debts, accounts.unrecovered):
        kept.pop(account, None)
    if what == GIVEN:
        data = bytearray(ROW_SIZE)
        ROW.set(data, 0, "account", account)
        ROW.set(data, 0, "flags", FLAG_ELSEWHERE)
    accounts._take_row(row, data)
    accounts._set(row, "order", order)
    if what != GIVEN and until_s:
        accounts.exempt_until[account] = (until_s, sequence)
    if what != GIVEN and owed_ucu:
        accounts._on_debt((account, owed_ucu, share, most_ucu, order), sequence)


def whole_row(accounts, row):
    """The row with position and bond, also where they are usual; behind them the credit limit, where there is one."""
    data = accounts.row_bytes(row)
    if len(data) >= BONDED_ROW_SIZE:
        return data
    bond = bytearray(BOND.size)
    BOND.pack_into(bond, 0, (1, 0, 0))
    return data + bytes(ROW_SIZE + POSITION_SIZE - len(data)) + bytes(bond[:SHORT_BOND_SIZE])
