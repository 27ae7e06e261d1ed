"""Books that another database began: where credits go on, and which accounts are known from their beginning.

A gateway takes a higher number of an issuer with its total and ignores a lower one. A database that was lost, restored or that joined
late would number payments again from where it stands, and they would be ignored or take earlier money away. So a number is
counted on from whichever is higher, ours or the gateway's own record.
"""

import sqlite3
from collections.abc import Iterable

from host_tools.head_end import gaps, stays
from host_tools.head_end.database import Database
from host_tools.head_end.folding import fold, records_of
from host_tools.journal_reader import kinds

TOTAL_MAX_UCU = 10**17  # a gateway takes no higher total
NUMBER_MAX = 0xFFFFFFFF
# order code -> codes of later orders that decide the same matter; of one that is not here nothing is sent again: it is a cut, is of its
# moment, or others name its number
MATTERS = {2: (1, 2, 3, 4, 20), 3: (3, 4), 4: (3, 4), 9: (9,), 10: (10,), 11: (), 16: (16,), 17: (17,)}


def last_credit(db: Database, account: int, issuer: int) -> tuple[int, int]:
    """(number, total_ucu) of the newest credit of this issuer, in our table or in the gateway's records; (0, 0) when there is none."""
    ours = db.row("SELECT number, total_ucu FROM credits WHERE account = ? AND issuer = ? ORDER BY number DESC LIMIT 1", account, issuer)
    places = [(place[1], place[2]) for place in fold(account, records_of(db, account)).issuers if place[0] == issuer]
    return max([(int(ours["number"]), int(ours["total_ucu"])) if ours else (0, 0), *places], key=lambda place: place[0])


def add_credit(db: Database, account: int, issuer: int, last: tuple[int, int], amount_ucu: int, reference: str, now_s: int) -> None:
    """A credit behind `last`, (number, total_ucu) as of last_credit; in the caller's transaction."""
    db.run(
        "INSERT INTO credits (account, issuer, number, amount_ucu, total_ucu, reference, at_s) VALUES (?, ?, ?, ?, ?, ?, ?)",
        account,
        issuer,
        last[0] + 1,
        amount_ucu,
        last[1] + amount_ucu,
        reference,
        now_s,
    )


def try_again(db: Database, credits: Iterable[sqlite3.Row]) -> bool:
    """Those of these credits that a gateway refused are sent again: the totals behind them contain them, so a new one in their place
    would be booked besides. True when there was one."""
    refused = [credit for credit in credits if credit["receipt"] == "refused"]
    for credit in refused:
        db.run(
            "UPDATE credits SET receipt = 'pending', receipt_sequence = NULL, receipt_reason = NULL"
            " WHERE account = ? AND issuer = ? AND number = ?",
            *(credit["account"], credit["issuer"], credit["number"]),
        )
    return bool(refused)


def last_order(db: Database, account: int) -> int:
    """The highest order number of an account, sent from here or consumed there."""
    ours = db.number("SELECT max(number) FROM orders WHERE account = ?", account)
    return max(ours, fold(account, records_of(db, account)).order)


def renumber_orders(db: Database, gateway_id: int, account: int, number: int) -> None:
    """The gateway consumed `number`, so it takes none that is lower: what was lost or held back on the way goes on behind it, unless
    it is a cut, or a later order says something else of the same matter."""
    for order in db.rows(
        "SELECT * FROM orders WHERE gateway_id = ? AND account = ? AND number < ? AND code != 8 AND state = 'pending' ORDER BY number",
        *(gateway_id, account, number),
    ):
        matter = MATTERS.get(order["code"]) if account else None
        later = "SELECT 1 FROM orders WHERE account = ? AND number > ? AND state IN ('pending', 'accepted')"
        later += f" AND code IN ({', '.join(map(str, matter or ()))})"
        if matter is None or db.row(later, account, order["number"]):
            db.run("UPDATE orders SET state = 'overtaken' WHERE id = ?", order["id"])
        else:
            db.run("UPDATE orders SET number = ? WHERE id = ?", 1 + last_order(db, account), order["id"])


def last_gateway_order(db: Database, gateway_id: int) -> int:
    """The highest number of the gateway's own orders 7 and 8; tariffs and policies are numbered by themselves."""
    return max(
        db.number("SELECT max(number) FROM orders WHERE gateway_id = ? AND account = 0", gateway_id),
        db.number(
            "SELECT max(json_extract(fields, '$.number')) FROM records WHERE gateway_id = ? AND kind = ? AND account = 0"
            " AND json_extract(fields, '$.order') IN (7, 8)",
            gateway_id,
            kinds.ORDER,
        ),
        db.number("SELECT max(json_extract(fields, '$.order')) FROM records WHERE gateway_id = ? AND kind = ?", gateway_id, kinds.BRAKE),
    )


def renumber(db: Database, gateway: str, account: int, issuer: int, number: int, total_ucu: int, now_s: int) -> None:
    """The gateway holds credit `number` with `total_ucu`. When that is none of ours, what we have open goes on behind it."""
    ours = db.row("SELECT total_ucu FROM credits WHERE account = ? AND issuer = ? AND number = ?", account, issuer, number)
    applied = db.number("SELECT max(number) FROM credits WHERE account = ? AND issuer = ? AND receipt = 'applied'", account, issuer)
    if number <= applied or (ours is not None and int(ours["total_ucu"]) == total_ucu):
        return
    waiting = db.rows(
        "SELECT number, amount_ucu, reference FROM credits WHERE account = ? AND issuer = ? AND number > ? ORDER BY number",
        account,
        issuer,
        applied,
    )
    if not waiting or abs(total_ucu) > TOTAL_MAX_UCU or number + len(waiting) > NUMBER_MAX:
        return  # nothing is open, or no gateway would take what came behind such a credit
    top = max(int(waiting[-1]["number"]), number)  # first out of the way, then to their places: numbers are unique
    for place, row in enumerate(waiting):
        db.run("UPDATE credits SET number = ? WHERE reference = ?", top + 1 + place, row["reference"])
    for place, row in enumerate(waiting):
        total_ucu += int(row["amount_ucu"])
        db.run(
            "UPDATE credits SET number = ?, total_ucu = ?, receipt = 'pending', receipt_sequence = NULL, receipt_reason = NULL"
            " WHERE reference = ?",
            number + 1 + place,
            total_ucu,
            row["reference"],
        )
    db.report(
        gateway,
        now_s,
        "credits_renumbered",
        f"account {account}: {len(waiting)} open credits of issuer {issuer} go on behind number {number}, which was not issued here",
    )


def accounts_without_beginning(db: Database, gateway_id: int) -> list[int]:
    """Accounts whose records are held neither from sequence 1 on nor from a snapshot behind the last gap."""
    if not gaps.kept(db, gateway_id, gaps.RECORDS):
        return []
    accounts = [int(row["account"]) for row in db.rows("SELECT account FROM accounts WHERE gateway_id = ? ORDER BY account", gateway_id)]
    found = [(account, stays.whole_books(db, account)) for account in accounts if not stays.on_its_way(db, account)]
    return [account for account, (records, _, lost) in found if lost and not records]


def given_states(db: Database, gateway_id: int) -> list[tuple[int, int]]:
    """(EPOCH, SNAPSHOT_END) around the rows of each signed state."""
    return [
        (int(row["first"]), int(row["last"] or 2**32))
        for row in db.rows(
            "SELECT e.sequence AS first, (SELECT min(sequence) FROM records s WHERE s.gateway_id = e.gateway_id AND s.kind = ?"
            " AND s.sequence > e.sequence) AS last FROM records e WHERE e.gateway_id = ? AND e.kind = ?"
            " AND json_extract(e.fields, '$.reason') = 2",
            kinds.SNAPSHOT_END,
            gateway_id,
            kinds.EPOCH,
        )
    ]
