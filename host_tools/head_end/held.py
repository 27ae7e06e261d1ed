"""Readings that a gateway holds, and what an operator says of them (order 10, SPEC 5.6).

A held reading is charged by nobody: its register went back, jumped further than the meter can have passed or than its total says, another
meter answered, or there was no value. Charged: it was right. Released: the register is believed from here on, what lies between is written
off. Rejected: it stays held until it comes back by itself or the meter is exchanged. Each needs a reason, which stands in the journal.
"""

import sqlite3
from dataclasses import dataclass

import cbor2

from host_tools.head_end.commands import Answer, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import HELD_FLAG, fold, records_of
from host_tools.head_end.visits import number_order
from host_tools.journal_reader import Record, kinds
from host_tools.journal_reader.words import HELD_WHY, address, energy, reason_text, word

CODE = 10
WHAT = {"release": 1, "reject": 2, "charge": 3}
BACKWARDS, TOO_FAR, NOT_IN_TOTAL = 1, 2, 5
REASON_BYTES = 64
COLUMNS = ("total_cwh", "rate1_cwh", "rate2_cwh", "rate3_cwh", "rate4_cwh")
Row = dict[str, object]


@dataclass(frozen=True)
class Held:
    """One reading that is held now. `register_cwh` is the newest that the meter showed so, `last_cwh` what is charged."""

    account: int
    known: sqlite3.Row
    record: Record
    register_cwh: int
    said: Record | None  # REASON since

    @property
    def why(self) -> int:
        return self.record.number("why")

    @property
    def rate(self) -> int:
        return self.record.number("rate")


def listed(db: Database) -> list[Row]:
    """All that is held, the oldest first, with what was said of it."""
    accounts = [int(row["account"]) for row in db.rows("SELECT account FROM accounts ORDER BY account")]
    found = [held for held in (_held(db, account) for account in accounts) if held is not None]
    return [_shown(db, held) for held in sorted(found, key=lambda held: held.record.at_s)]


def say(db: Database, account_text: str, what: str, reason: str, now_s: int) -> Answer:
    """Release or reject what is held of an account now."""
    account = parse_account(account_text)
    check_reason(reason)
    with db.transaction():
        known_account(db, account)
        held = _held(db, account)
        if held is None:
            raise BadInput("account", f"no reading of {account} is held")
        if what == "release" and held.why not in (BACKWARDS, TOO_FAR, NOT_IN_TOTAL):
            raise BadInput("account", f"{account} is held because of: {word(HELD_WHY, held.why)}; there is no register to go on from")
        if what == "charge" and held.why not in (TOO_FAR, NOT_IN_TOTAL):
            raise BadInput("account", f"{account} is held because of: {word(HELD_WHY, held.why)}; only a jump forward can be charged")
        open_number = db.number("SELECT number FROM orders WHERE account = ? AND code = ? AND state = 'pending'", account, CODE)
        if open_number:
            raise BadInput("account", f"order {open_number} about the held reading of {account} is on its way: wait for its verdict")
        document = cbor2.dumps({1: WHAT[what], 2: held.rate, 3: held.register_cwh, 4: reason}, canonical=True)
        number = number_order(db, account, CODE, document, now_s)
    return {"answer": "created", "account": account, "order": f"held {what}", "number": number, "register": energy(held.register_cwh)}


def check_reason(reason: str) -> None:
    if not reason.strip() or len(reason.encode()) > REASON_BYTES or not reason.isprintable():
        raise BadInput("reason", f"must have 1 to {REASON_BYTES} bytes of printable text")


def _held(db: Database, account: int) -> Held | None:
    records = list(records_of(db, account))
    if not fold(account, records).flags & HELD_FLAG:
        return None
    record: Record | None = None
    said: Record | None = None
    for one in records:
        if one.kind in (kinds.SEGMENT, kinds.MOVED) or one.kind == kinds.HELD and not one.number("why"):
            record = said = None
        elif one.kind == kinds.HELD:
            if record is not None and one.number("why") != record.number("why"):
                said = None  # of something else
            record = one
        elif one.kind == kinds.REASON and one.number("order") == CODE:
            said = one
    if record is None:
        return None  # only a snapshot tells it
    known = known_account(db, account)
    column = COLUMNS[record.number("rate")]
    newest = db.row(
        f"SELECT {column} FROM readings WHERE account = ? AND gateway_id = ? AND marks & 1 AND {column} IS NOT NULL AND at_s >= ?"
        " ORDER BY number DESC LIMIT 1",
        account,
        known["gateway_id"],
        record.at_s,
    )
    register_cwh = record.number("register_cwh") if newest is None else int(newest[0])
    return Held(account, known, record, register_cwh, said)


def _shown(db: Database, held: Held) -> Row:
    last_cwh, ratio = held.record.number("last_cwh"), int(held.known["ratio"])
    order = db.row("SELECT * FROM orders WHERE account = ? AND code = ? ORDER BY number DESC LIMIT 1", held.account, CODE)
    state = "OPEN"
    if held.said is not None and held.said.number("what") == WHAT["reject"]:
        state = "rejected: " + reason_text(held.said)
    if order is not None and order["state"] == "pending":
        state = "ordered, on its way"
    elif order is not None and order["state"] == "refused" and state == "OPEN":
        state = "OPEN, the last order was refused"
    return {
        "account": held.account,
        "gateway": held.known["gateway"],
        "meter": address(held.record.octets("serial")),
        "why": word(HELD_WHY, held.why),
        "held_at_s": held.record.at_s,
        "register": held.rate,
        "charged to": energy(last_cwh),
        "shows": energy(held.register_cwh),
        "ratio": ratio,
        "state": state,
    }
