"""The pots beside the balance, by their records: debts that are paid off out of credits, and credit limits (SPEC kinds 34, 35, 37).

A move between balance and debt sums to zero: what the pot gets is what the credits' places lose. What may move is computed here from the
order, the credits that came since the last move, and what the record says was available above the restore amount; whether that is
true the judge knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from host_tools.journal_reader import DEBT_ISSUER, Record
from tests.sim.account import Account

if TYPE_CHECKING:
    from tests.sim.books import Books

Rule = tuple[int, int, int]  # owed in all, percent, most of one credit


def debt(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    account = books.account(record.number("account"))
    rule = (record.number("owed_ucu"), record.number("share"), record.number("most_ucu"))
    if rule not in books.truth.debts.get(record.number("account"), []):
        yield f"a debt of {rule[0]} by {rule[1]} percent, {rule[2]} at most, which nobody ordered"
    account.credits.setdefault(DEBT_ISSUER, (0, 0))
    account.debt = rule
    _end_when_paid(account)


def recovery(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    account, amount = books.account(record.number("account")), record.number("amount_ucu")
    number, moved = account.credits.get(DEBT_ISSUER, (0, 0))[0], account.moved_ucu
    if account.debt is None or not account.paid:
        yield f"{amount} go to the debt, {account.left_ucu} are left of it and {len(account.paid)} credits were not looked at"
        return
    _, percent, most = account.debt
    above = record.number("available_ucu") - record.number("restore_ucu")
    may = min(above, sum(account.paid)) * percent // 100 if above > 0 else 0
    may = min(may, account.left_ucu, *([most * len(account.paid)] if most else []))
    if amount != may:
        yield f"{amount} go to the debt of {account.left_ucu}, {above} lie above the restore amount and {account.paid} were paid: {may} may"
    told = (record.number("move"), record.number("moved_ucu"), record.number("left_ucu"))
    if told != (number + 1, moved + amount, account.left_ucu - amount):
        yield f"the move is told as {told}, it is {(number + 1, moved + amount, account.left_ucu - amount)}"
    account.credits[DEBT_ISSUER] = (number + 1, -moved - amount)
    account.paid = []
    _end_when_paid(account)


def paid(account: Account, amount: int) -> None:
    """A credit came: a part of it may be the debt's."""
    if account.debt is not None and amount > 0:
        account.paid.append(amount)


def _end_when_paid(account: Account) -> None:
    if not account.left_ucu:
        account.debt, account.paid = None, []


def credit_limit(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    account, limit_ucu = books.account(record.number("account")), record.number("limit_ucu")
    if record.number("before_ucu") != account.limit_ucu:
        yield f"a credit limit of {record.number('before_ucu')} ends, and it was {account.limit_ucu}"
    if limit_ucu < account.limit_ucu and account.episode_open and not account.off:
        yield "the credit limit falls, and notices of a lower floor go on counting"
    account.limit_ucu = limit_ucu
