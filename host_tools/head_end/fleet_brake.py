"""The brake over all gateways: too many accounts due within a window, and no order to cut leaves this head-end until a signed release.

Due is an account whose gateway decided about a cut for its balance (DECISION, the balance at the floor), or for which a cut was
ordered here. More of them within the window than the greater of a number and a share of all accounts close the brake; it stays closed,
whatever the count does later and however often programs start, until an operator has signed its nonce. What happened before the
release was looked at and counts no more.

It holds orders of this head-end. A gateway that cuts by itself has its own brake; `order ACCOUNT hold` reaches one that is to be kept on.

Trap avoided: the order that is one too many must not be sent first and counted then.
"""

import secrets
import sqlite3

from host_tools.head_end import signers
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.journal_reader import kinds
from host_tools.journal_reader.words import when

CUT = 1  # order code
WINDOW_H_MAX = 24 * 31
Row = dict[str, object]


def look(db: Database, now_s: int, also: int | None = None) -> bool:
    """Close it if there are too many now, with the account `also` that is about to be ordered off -> is it closed?"""
    brake = _brake(db)
    if brake["closed_at_s"] is not None:
        return True
    due = _due(db, brake, now_s) | ({also} if also is not None else set())
    if len(due) <= _limit(db, brake):
        return False
    with db.transaction():
        if _brake(db)["closed_at_s"] is None:
            db.run("UPDATE fleet_brake SET closed_at_s = ?, due = ?, nonce = ?", now_s, len(due), secrets.token_hex(16))
            db.tell("", now_s, "fleet_brake", f"{len(due)} accounts are due, more than {_limit(db, brake)}: no cut order leaves")
    return True


def is_closed(db: Database) -> bool:
    return _brake(db)["closed_at_s"] is not None


def refuse(db: Database, account: int, now_s: int) -> None:
    """BadInput when no cut may be ordered now. What it closes it stays, though the order is refused."""
    if look(db, now_s, account):
        brake = _brake(db)
        raise BadInput(
            "order",
            f"the fleet brake is closed since {when(brake['closed_at_s'])}, {brake['due']} accounts were due:"
            " no cut is ordered until `fleet-brake release`",
        )


def state(db: Database, now_s: int) -> Row:
    closed = look(db, now_s)
    brake = _brake(db)
    held = [int(r["account"]) for r in db.rows("SELECT account FROM orders WHERE state = 'pending' AND code = ? ORDER BY account", CUT)]
    return {
        "answer": "CLOSED" if closed else "open",
        "due": len(_due(db, brake, now_s)),
        "limit": _limit(db, brake),
        "window_h": int(brake["window_s"]) // 3_600,
        "closed_at_s": brake["closed_at_s"],
        "closed_by": brake["due"] if closed else None,
        "held_cuts": held if closed else [],
        "nonce": brake["nonce"],
    }


def release(db: Database, signatures: list[str], now_s: int) -> Row:
    with db.transaction():
        brake = _brake(db)
        if brake["closed_at_s"] is None:
            raise BadInput("release", "the fleet brake is open")
        names = signers.require(db, signers.release_text(str(brake["nonce"])), signatures, 1, "a release", now_s)
        db.run("UPDATE fleet_brake SET closed_at_s = NULL, due = NULL, nonce = NULL, since_s = ?", now_s)
        db.tell("", now_s, "fleet_brake", f"released by {', '.join(names)}")
    return {"answer": "released", "by": names}


def set_limits(db: Database, accounts_max: int, share_percent: int, window_h: int) -> Row:
    """While it is closed they stay: a wider limit is no release."""
    for field, value, highest in (("accounts", accounts_max, 1_000_000), ("share", share_percent, 100), ("window", window_h, WINDOW_H_MAX)):
        if not (1 if field == "window" else 0) <= value <= highest:
            raise BadInput(field, f"must be at most {highest}, got {value}")
    with db.transaction():
        if is_closed(db):
            raise BadInput("fleet-brake", "is closed: it is released first")
        values = (accounts_max, share_percent, 3_600 * window_h)
        db.run("UPDATE fleet_brake SET accounts_max = ?, share_percent = ?, window_s = ?", *values)
    return {"answer": "changed", "accounts": accounts_max, "share_percent": share_percent, "window_h": window_h}


def _brake(db: Database) -> sqlite3.Row:
    row = db.row("SELECT * FROM fleet_brake")
    assert row is not None
    return row


def _limit(db: Database, brake: sqlite3.Row) -> int:
    return max(int(brake["accounts_max"]), int(brake["share_percent"]) * db.number("SELECT count(*) FROM accounts") // 100)


def _due(db: Database, brake: sqlite3.Row, now_s: int) -> set[int]:
    """By when it was heard here: a gateway that was away brings all of its news at once, and no clock of a gateway is asked."""
    since_s = max(now_s - int(brake["window_s"]), int(brake["since_s"])) + 1
    rows = db.rows(
        "SELECT DISTINCT account FROM records INDEXED BY decisions_by_time WHERE kind = 13 AND received_s >= ?"
        " AND json_extract(fields, '$.verdict') IN (1, 3, 4) AND NOT json_extract(fields, '$.failed') & 1"
        " UNION SELECT account FROM orders WHERE code = ? AND at_s >= ?",
        since_s,
        CUT,
        since_s,
    )
    assert kinds.DECISION == 13  # as the index has it
    return {int(row["account"]) for row in rows}
