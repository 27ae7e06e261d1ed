"""Debts of old days that a gateway takes out of credits, and the proof that each move between balance and debt sums to zero.

A debt is ordered as the sum of all that was ever put there; what was moved to it stands in the account's row under an issuer of its own,
as a negative credit. So what is left is a difference, and an order that comes twice changes nothing.

The proof makes each RECOVERY once more from the orders and credits of this database: the share of what a credit brought above the
restore amount, no more than is left, and no more of one credit than the order allows.
"""

import sqlite3
from collections.abc import Iterator

import cbor2

from host_tools.head_end import openings
from host_tools.head_end.amounts import parse_limit, parse_top_up
from host_tools.head_end.commands import Answer, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.outgoing import NEVER_S
from host_tools.journal_reader import DEBT_ISSUER, AccountRow, Record, kinds
from host_tools.journal_reader.words import money

DEBT = 16  # order code
Credits = dict[tuple[int, int], tuple[int, int]]  # (issuer, number) -> (amount, total)


def moved_ucu(row: AccountRow) -> int:
    """What was moved from the balance to the debt."""
    return -sum(total_ucu for issuer, _, total_ucu in row.issuers if issuer == DEBT_ISSUER)


def standing(db: Database, account: int) -> Answer:
    """What the gateway's records say, and an order that it has not answered yet."""
    known_account(db, account)
    records = list(records_of(db, account))
    told = next((r for r in reversed(records) if r.kind == kinds.DEBT), None)
    owed_ucu, moved = told.number("owed_ucu") if told else 0, moved_ucu(fold(account, records))
    open_order = db.row("SELECT number FROM orders WHERE account = ? AND code = ? AND state = 'pending'", account, DEBT)
    return {
        "answer": "debt",
        "account": account,
        "left": money(max(0, owed_ucu - moved)),
        "owed": money(owed_ucu),
        "recovered": money(moved),
        "share_percent": told.number("share") if told else None,
        "most_of_a_credit": money(told.number("most_ucu")) if told and told.number("most_ucu") else None,
        "pending_order": open_order["number"] if open_order else None,
    }


def put(db: Database, account_text: str, amount_text: str, share: int | None, most_text: str | None, now_s: int) -> Answer:
    """Order 16: so much more is owed, less when it is negative. Without a share or bound those of the order before hold."""
    account, amount_ucu = parse_account(account_text), parse_limit(amount_text)
    if not amount_ucu:
        raise BadInput("amount", "must not be zero")
    if share is not None and not 1 <= share <= 100:
        raise BadInput("share", f"must be from 1 to 100 percent, got {share}")
    most_ucu = None if most_text is None else parse_top_up(most_text)
    with db.transaction():
        known_account(db, account)
        before = _last(db, account)
        if share is None and before is None:
            raise BadInput("share", "is missing: how much of what a credit brings above the restore amount is taken, in percent")
        owed_ucu, old_share, old_most_ucu = before or (0, 0, 0)
        owed_ucu += amount_ucu
        row = fold(account, records_of(db, account))
        if owed_ucu < moved_ucu(row):
            raise BadInput("amount", f"is more than what is left of the debt: {money(owed_ucu - amount_ucu - moved_ucu(row))}")
        others = {issuer for issuer, _, _ in row.issuers} | _issuers(db, account)
        if DEBT_ISSUER not in others and len(others) >= 4:
            raise BadInput("account", f"{account} has credits of {len(others)} issuers: its row has no place for a debt")
        document = {1: owed_ucu, 2: share or old_share, 3: old_most_ucu if most_ucu is None else most_ucu}
        number = _order(db, account, cbor2.dumps(document, canonical=True), now_s)
    return {
        "answer": "created", "account": account, "order": "debt", "number": number, "owed": money(owed_ucu),
        "share_percent": document[2], "most_of_a_credit": money(document[3]) if document[3] else None,
    }  # fmt: skip


def _issuers(db: Database, account: int) -> set[int]:
    return {int(row["issuer"]) for row in db.rows("SELECT DISTINCT issuer FROM credits WHERE account = ?", account)}


def _last(db: Database, account: int) -> tuple[int, int, int] | None:
    """(owed, share, most) of the newest order that was not refused; of the gateway's records where none was sent from here."""
    row = db.row(
        "SELECT document FROM orders WHERE account = ? AND code = ? AND (state IN ('pending', 'accepted') OR reason = 9)"
        " ORDER BY number DESC LIMIT 1",
        account,
        DEBT,
    )
    if row is not None:
        document = cbor2.loads(bytes(row["document"]))
        return document[1], document[2], document[3]
    told = [r for r in records_of(db, account) if r.kind == kinds.DEBT]
    return (told[-1].number("owed_ucu"), told[-1].number("share"), told[-1].number("most_ucu")) if told else None


def _order(db: Database, account: int, document: bytes, now_s: int) -> int:
    number = 1 + openings.last_order(db, account)
    db.run(
        "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, document, at_s)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        known_account(db, account)["gateway_id"],
        account,
        number,
        DEBT,
        NEVER_S,
        document,
        now_s,
    )
    return number


def again(db: Database, gateway_id: int, now_s: int) -> None:
    """A state tells what was recovered, and no debt: those that are not paid off are ordered once more behind it."""
    for known in db.rows("SELECT account FROM accounts WHERE gateway_id = ? ORDER BY account", gateway_id):
        account = int(known["account"])
        before = _last(db, account)
        if before is not None and before[0] > moved_ucu(fold(account, records_of(db, account))):
            _order(db, account, cbor2.dumps(dict(zip((1, 2, 3), before, strict=True)), canonical=True), now_s)


class Proof:
    """Follows one account's records; `moved_ucu` is what was moved by our own sum."""

    def __init__(self, db: Database, account: int) -> None:
        self.moved_ucu = 0
        self.number = 0
        self._rule: tuple[int, int, int] | None = None
        self._paid: list[int] = []  # positive credits since the last recovery, while there is a debt
        self._ordered: dict[int, sqlite3.Row] = {
            int(row["number"]): row for row in db.rows("SELECT * FROM orders WHERE account = ? AND code = ?", account, DEBT)
        }

    def open(self, place: tuple[int, int]) -> None:
        """The books begin with a row that has this (number, total)."""
        self.number, self.moved_ucu = place[0], -place[1]

    def follow(self, record: Record, credits: Credits) -> Iterator[str]:
        """One record -> what is wrong with it."""
        if record.kind == kinds.DEBT:
            yield from self._debt(record)
        elif record.kind == kinds.CREDIT and self._left() > 0:
            amount_ucu = credits.get((record.number("issuer"), record.number("number")), (record.number("amount_ucu"), 0))[0]
            self._paid += [amount_ucu] if amount_ucu > 0 else []
        elif record.kind == kinds.CARRIED:
            self._paid.clear()  # what was not looked at when the account left pays off nothing
        elif record.kind == kinds.RECOVERY:
            yield from self._recovery(record)

    def _left(self) -> int:
        return max(0, self._rule[0] - self.moved_ucu) if self._rule else 0

    def _debt(self, record: Record) -> Iterator[str]:
        self._rule = (record.number("owed_ucu"), record.number("share"), record.number("most_ucu"))
        number = record.number("order")
        if number and number in self._ordered:
            document = cbor2.loads(bytes(self._ordered[number]["document"]))
            if (document[1], document[2], document[3]) != self._rule:
                yield f"the debt of order {number} is {money(self._rule[0])} there, {money(document[1])} was ordered"
        elif number:
            yield f"the debt of order {number} over {money(self._rule[0])} was not ordered here"

    def _recovery(self, record: Record) -> Iterator[str]:
        if record.number("move") != self.number + 1:
            yield f"recovery {record.number('move')} follows {self.number}"
        self.number = record.number("move")
        amount_ucu, left_ucu = record.number("amount_ucu"), self._left()
        if self._rule is not None and self._paid:
            above_ucu = min(record.number("available_ucu") - record.number("restore_ucu"), sum(self._paid))
            ours = max(0, min(above_ucu * self._rule[1] // 100, left_ucu))
            if self._rule[2]:
                ours = min(ours, self._rule[2] * len(self._paid))
            if ours != amount_ucu:
                yield f"{money(amount_ucu)} went to the debt, computed {money(ours)}"
        elif amount_ucu:
            yield f"{money(amount_ucu)} went to a debt for no credit"
        self._paid.clear()
        self.moved_ucu += amount_ucu
        told = (record.number("moved_ucu"), record.number("left_ucu"))
        if told != (self.moved_ucu, left_ucu - amount_ucu):
            yield (
                f"recovered are {money(told[0])} and left {money(told[1])} there, computed {money(self.moved_ucu)} and "
                f"{money(left_ucu - amount_ucu)}: the move does not sum to zero"
            )
