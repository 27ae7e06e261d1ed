"""Signed state for a gateway that is behind, restored or replaced (order 8, SPEC 5.6): a new epoch and all its accounts.

Rows come from the records held here, with the credit totals of this head-end's own table. The first sequence leaves a
margin: the gateway may have written records that never arrived, and no sequence is used twice.
"""

import json
import sqlite3

import cbor2

from host_tools.head_end import debts, openings, stays, visits
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import ELSEWHERE, fold, records_of
from host_tools.head_end.outgoing import NEVER_S, STATE
from host_tools.journal_reader import AccountRow, pack_row

ROWS_PER_PART = 16  # 16 x 178 bytes stay well inside a packet of the gateway
SEQUENCE_MARGIN = 1_000
EPOCHS_AHEAD_MAX = 1_000  # a status is not authenticated: a number further ahead of what is held is nobody's
SEQUENCES_AHEAD_MAX = 1_000_000


def give_when_behind(db: Database, gateway: str, now_s: int, comparisons: tuple[int, ...]) -> bool:
    """Make state orders when the last comparison asks for them and none are open. True when made."""
    with db.transaction():
        row = db.row("SELECT * FROM gateways WHERE name = ?", gateway)
        if row is None or row["comparison"] not in comparisons or row["given_epoch"] > row["epoch"]:
            return False
        try:
            give(db, gateway, now_s)
        except BadInput as fault:
            db.report(gateway, now_s, "state_not_given", str(fault))
            return False
        return True


def give(db: Database, gateway: str, now_s: int) -> int:
    """Make the orders of a new epoch -> the epoch. Documents are delivered again. BadInput when the books here do not suffice."""
    with db.transaction():
        row = db.row("SELECT * FROM gateways WHERE name = ?", gateway)
        assert row is not None
        gateway_id = int(row["id"])
        epoch = _above(row, "epoch", max(int(row["epoch"]), int(row["given_epoch"])), EPOCHS_AHEAD_MAX) + 1
        first = _above(row, "sequence", max(int(row["sequence"]), int(row["given_first"])), SEQUENCES_AHEAD_MAX) + SEQUENCE_MARGIN + 1
        accounts = [
            int(found["account"])
            for found in db.rows(f"SELECT account FROM accounts a WHERE gateway_id = ? AND {stays.LIVES_HERE} ORDER BY account", gateway_id)
        ]
        unknown = openings.accounts_without_beginning(db, gateway_id)
        if not row["sequence"] or unknown:
            which = f"the books of {', '.join(map(str, unknown[:5]))} begin behind lost records" if unknown else "no record of it is held"
            raise BadInput("gateway", f"{gateway} can be given no state, {which}: its balances would be wrong")
        given = [account_row(db, account) for account in accounts]
        for account, row_given in zip(accounts, given, strict=True):
            openings.renumber_orders(db, gateway_id, account, row_given.order + 1)
        rows = [pack_row(row_given) for row_given in given] + _elsewhere(db, gateway_id)
        groups = [rows[at : at + ROWS_PER_PART] for at in range(0, len(rows), ROWS_PER_PART)] or [[]]
        db.run("UPDATE orders SET state = 'overtaken' WHERE gateway_id = ? AND code = ? AND state = 'pending'", gateway_id, STATE)
        number = openings.last_gateway_order(db, gateway_id)
        for part, group in enumerate(groups):
            document = cbor2.dumps({1: epoch, 2: first, 3: part + 1, 4: len(groups), 5: group}, canonical=True)
            db.run(
                "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, document, at_s)"
                " VALUES (?, 0, ?, ?, ?, 0, ?, ?)",
                gateway_id,
                number + 1 + part,
                STATE,
                NEVER_S,
                document,
                now_s,
            )
        db.run("UPDATE gateways SET given_epoch = ?, given_first = ? WHERE id = ?", epoch, first, gateway_id)
        visits.flags_again(db, gateway_id, now_s)
        debts.again(db, gateway_id, now_s)
        db.run("DELETE FROM deliveries WHERE gateway_id = ?", gateway_id)
        db.report(gateway, now_s, "state_given", f"epoch {epoch} from sequence {first}, {len(rows)} accounts")
        return epoch


def account_row(db: Database, account: int) -> AccountRow:
    """The row as it is to be: the gateway's records, credits from our own table (receipted or not)."""
    row = fold(account, records_of(db, account))
    known = db.row("SELECT * FROM accounts WHERE account = ?", account)
    assert known is not None
    if row.serial == bytes(6):
        row.flags |= int(known["flags"])
    ours = {
        int(found["issuer"]): (int(found["issuer"]), int(found["number"]), int(found["total_ucu"]))
        for found in db.rows("SELECT issuer, max(number) AS number, total_ucu FROM credits WHERE account = ? GROUP BY issuer", account)
    }
    theirs = {place[0]: place for place in row.issuers}
    row.issuers = sorted((theirs | ours).values())[:4]
    row.order = max(row.order, db.number("SELECT max(number) FROM orders WHERE account = ? AND state != 'pending'", account))
    row.seen, row.seen_at_s = 0, 0  # the relay is read, not remembered
    return row


def _elsewhere(db: Database, gateway_id: int) -> list[bytes]:
    """Rows of accounts that lived there, or are on their way there: with none of them the gateway would begin them anew."""
    rows = []
    for found in db.rows(
        "SELECT account FROM accounts a WHERE (gateway_id = ? OR account IN (SELECT account FROM stays WHERE gateway_id = ?))"
        f" AND NOT (gateway_id = ? AND {stays.LIVES_HERE}) ORDER BY account",
        *(gateway_id, gateway_id, gateway_id),
    ):
        account = int(found["account"])
        order = "SELECT max(number) FROM orders WHERE account = ? AND gateway_id = ? AND state != 'pending'"
        rows.append(pack_row(AccountRow(account, flags=ELSEWHERE, order=db.number(order, account, gateway_id))))
    return rows


def _above(row: sqlite3.Row, name: str, held: int, ahead_max: int) -> int:
    """The higher of what is held and what the gateway said of itself in its last status, if that can be true."""
    told = int(json.loads(row["status"])[name]) if row["status"] else 0
    return max(held, told) if told <= held + ahead_max else held
