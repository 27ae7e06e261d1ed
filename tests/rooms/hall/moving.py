"""What the tests of moving out and in do again and again with a World. Both interpreters."""

from firmware.base.wire import cbor
from firmware.ledger import record_kinds as kinds
from tests.fake_board import START_S
from tests.hall_kit import read, told

MOVE_OUT, MOVE_IN = 12, 13
ACCEPTED, REFUSED = 1, 2
OLD, NEW = 1001, 7001


def move(world, order, number, new=0, flags=0, account=OLD):
    """-> (verdict, reason)."""
    document = bytes(cbor.encode({1: new, 2: flags, 3: "contract 17"}))
    world.gateway.on_order(order, account, number, 0, 9, 0, document)
    return told(world, kinds.ORDER)[-1][3:5]


def of(world, account, field):
    accounts = world.gateway.ledger.accounts
    return accounts.get(accounts.row_of(account), field)


def lines(world, account):
    """(from, to, cause) of its charges."""
    return [(values[3], values[4], values[11]) for values in told(world, kinds.CHARGE) if values[0] == account]


def used_a_little(world):
    read(world, START_S, [1_000])
    read(world, START_S + 60, [1_003])
