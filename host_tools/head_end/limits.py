"""Credit limits of post-paid accounts (order 17, SPEC 5.6), and the proof that gateways decide by them.

By the limit an account's floor, restore amount and warning levels lie lower; its balance stays credits less charges. The proof computes
the floor of each decision once more, from the policies kept here, the orders and what was lent in an emergency.
"""

import json
from collections.abc import Iterator

import cbor2

from host_tools.head_end.amounts import AMOUNT_MAX_UCU, UCU, parse_decimal
from host_tools.head_end.commands import Answer, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import EMERGENCY, EMERGENCY_OVER, credit_limit_ucu, fold, records_of, take
from host_tools.head_end.held import check_reason
from host_tools.head_end.visits import number_order
from host_tools.journal_reader import AccountRow, Record, kinds, parse_row
from host_tools.journal_reader.words import ORDER_REASON, money, reason_text, word

CREDIT_LIMIT = 17  # order code
NO_CHANGE = 9
Row = dict[str, object]


def put(db: Database, account_text: str, amount_text: str, reason: str, now_s: int) -> Answer:
    """Order 17: the account's credit limit from now on, 0 takes it away. The one that it has, or is on its way, answers `exists`."""
    account, limit_ucu = parse_account(account_text), parse_decimal(amount_text, 6, "amount")
    if not 0 <= limit_ucu <= AMOUNT_MAX_UCU:
        raise BadInput("amount", f"must be from 0, which takes the limit away, to {AMOUNT_MAX_UCU // UCU}, got {amount_text}")
    check_reason(reason)
    with db.transaction():
        known_account(db, account)
        before_ucu = _wanted(db, account)
        answer: Answer = {"account": account, "order": "credit limit", "limit": money(limit_ucu), "before": money(before_ucu)}
        if limit_ucu == before_ucu:
            return {"answer": "exists", **answer}
        document = cbor2.dumps({1: limit_ucu, 2: reason}, canonical=True)
        return {"answer": "created", **answer, "number": number_order(db, account, CREDIT_LIMIT, document, now_s)}


def _wanted(db: Database, account: int) -> int:
    """The limit of the newest order that is on its way, else that of the gateway's records."""
    row = db.row(
        "SELECT document FROM orders WHERE account = ? AND code = ? AND state = 'pending' ORDER BY number DESC LIMIT 1",
        account,
        CREDIT_LIMIT,
    )
    return int(cbor2.loads(bytes(row["document"]))[1]) if row is not None else credit_limit_ucu(db, account)


def listed(db: Database, account: int | None) -> list[Row]:
    """Accounts with a credit limit or an order about one: of all, or of this one."""
    found: list[Row] = []
    for known in db.rows(
        "SELECT a.*, g.name AS gateway FROM accounts a JOIN gateways g ON g.id = a.gateway_id WHERE ? IS NULL OR account = ?"
        " ORDER BY account",
        account,
        account,
    ):
        number, limit_ucu = int(known["account"]), credit_limit_ucu(db, int(known["account"]))
        order = db.row("SELECT * FROM orders WHERE account = ? AND code = ? ORDER BY number DESC LIMIT 1", number, CREDIT_LIMIT)
        if not limit_ucu and order is None:
            continue
        records = list(records_of(db, number))
        row = fold(number, records)
        said = [r for r in records if r.kind == kinds.REASON and r.number("order") == CREDIT_LIMIT]
        floor_ucu, restore_ucu = _of_policy(db, int(known["policy"]))
        found.append({
            "account": number, "gateway": known["gateway"], "name": known["name"], "limit": money(limit_ucu), "limit_ucu": limit_ucu,
            "balance": money(row.balance_ucu), "cut at": _less(floor_ucu, limit_ucu), "restored from": _less(restore_ucu, limit_ucu),
            "set_at_s": said[-1].at_s if said else None, "reason": reason_text(said[-1]) if said else "",
            "order": "" if order is None else _order(order["state"], order["number"], order["reason"], order["document"]),
        })  # fmt: skip
    return found


def _less(ucu: int | None, limit_ucu: int) -> str | None:
    return None if ucu is None else money(ucu - limit_ucu)


def _of_policy(db: Database, policy: int) -> tuple[int | None, int | None]:
    """(floor, restore amount) of the newest version kept here."""
    row = db.row("SELECT text FROM documents WHERE what = 2 AND id = ? ORDER BY version DESC LIMIT 1", policy)
    if row is None:
        return None, None
    fields = json.loads(bytes(row["text"]))
    return parse_decimal(fields["floor"], 6, "floor"), parse_decimal(fields["restore"], 6, "restore")


def _order(state: str, number: int, reason: int | None, document: bytes) -> str:
    """Where the newest order stands, if that is news."""
    wanted = money(int(cbor2.loads(bytes(document))[1]))
    if state == "pending":
        return f"{wanted} is on its way"
    if state == "refused" and reason != NO_CHANGE:
        return f"{wanted} was refused: {word(ORDER_REASON, reason or 0)}"
    return ""


class Proof:
    """Follows one account's records, with its limit by our own orders."""

    def __init__(self, db: Database, account: int) -> None:
        self._db = db
        self._limit_ucu = 0
        self._row = AccountRow(account)  # only for what was lent in the episode that is open
        self._ordered = {
            int(row["number"]): int(cbor2.loads(bytes(row["document"]))[1])
            for row in db.rows("SELECT * FROM orders WHERE account = ? AND code = ?", account, CREDIT_LIMIT)
        }
        self._known: dict[tuple[int, int], tuple[int, ...] | None] = {}

    def open(self, row: AccountRow) -> None:
        """The books begin with this row."""
        self._limit_ucu = row.limit_ucu

    def follow(self, record: Record) -> Iterator[str]:
        """One record -> what is wrong with it."""
        if record.kind == kinds.CREDIT_LIMIT:
            yield from self._limit(record)
        elif record.kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED):
            limit_ucu = parse_row(record.octets("row")).limit_ucu
            if limit_ucu != self._limit_ucu:
                yield f"{record.name} has a credit limit of {money(limit_ucu)}, ordered were {money(self._limit_ucu)}"
                self._limit_ucu = limit_ucu
        elif record.kind == kinds.DECISION:
            yield from self._floor(record)
        self._row = take(self._row, record)

    def _limit(self, record: Record) -> Iterator[str]:
        limit_ucu, before_ucu, number = record.number("limit_ucu"), record.number("before_ucu"), record.number("order")
        if before_ucu != self._limit_ucu:
            yield f"the credit limit before is {money(before_ucu)} there, ordered were {money(self._limit_ucu)}"
        if number not in self._ordered:
            yield f"the credit limit of {money(limit_ucu)} by order {number} was not ordered here"
        elif self._ordered[number] != limit_ucu:
            yield f"the credit limit of order {number} is {money(limit_ucu)} there, {money(self._ordered[number])} was ordered"
        self._limit_ucu = limit_ucu

    def _floor(self, record: Record) -> Iterator[str]:
        terms = self._terms(record.number("policy"), record.number("policy_version"))
        if terms is None:
            return
        floor_ucu, emergency_ucu = terms
        lent = self._row.episode_open and self._row.flags & (EMERGENCY | EMERGENCY_OVER) == EMERGENCY
        ours = floor_ucu - self._limit_ucu - (emergency_ucu if lent else 0)
        if record.number("floor_ucu") != ours:
            limit = f", with a credit limit of {money(self._limit_ucu)}" if self._limit_ucu else ""
            yield f"decided by a floor of {money(record.number('floor_ucu'))}, computed {money(ours)}{limit}"

    def _terms(self, policy: int, version: int) -> tuple[int, ...] | None:
        """(floor, emergency credit) of a version that is kept here."""
        if (policy, version) not in self._known:
            row = self._db.row("SELECT text FROM documents WHERE what = 2 AND id = ? AND version = ?", policy, version)
            fields = json.loads(bytes(row["text"])) if row is not None else None
            self._known[policy, version] = (
                None if fields is None else tuple(parse_decimal(fields.get(name, "0"), 6, name) for name in ("floor", "emergency"))
            )
        return self._known[policy, version]
