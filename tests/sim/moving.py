"""Accounts that move, by their records: who moved in behind whom, and who is carried to another gateway and back (SPEC kinds 33, 36).

A move changes no register and no instant: the segment of who comes begins where that of who goes ended. Who is carried leaves with
everything; the same account, and not what a record says of it, is there again when it is taken, and the record must say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from host_tools.journal_reader import AccountRow, Record, kinds, parse_row
from tests.sim.account import ELSEWHERE, MOVED_OUT, ROLLOVER, ROW_FLAGS, UNBOUND, Account

if TYPE_CHECKING:
    from tests.sim.books import Books

GIVEN = 1  # CARRIED what
CARRIES = (14, 15)  # orders
NOT_ELSEWHERE = (kinds.CREDIT, kinds.CHARGE, kinds.HELD, kinds.EPISODE, kinds.NOTICE, kinds.DECISION, kinds.RECOVERY, kinds.MOVED)


@dataclass
class Truth:
    """What is true for all boards and gateways: meters as they are, and what somebody ordered."""

    ratios: dict[bytes, int] = field(default_factory=dict)  # of the transformers before each meter that has some
    debts: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)  # all that was ordered for an account
    leaves: set[int] = field(default_factory=set)  # accounts that were told to move out
    moves: set[tuple[int, int]] = field(default_factory=set)  # (who goes, who comes)
    carried: set[int] = field(default_factory=set)  # accounts that may be at another gateway
    under_way: dict[int, Account] = field(default_factory=dict)  # given, and not taken yet


def moved(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    old, new = books.account(record.number("account")), books.account(record.number("to_account"))
    if (record.number("account"), record.number("to_account")) not in books.truth.moves:
        yield f"account {record.number('to_account')} moves in, and nobody ordered it"
    if not old.flags & MOVED_OUT or old.serial != record.octets("serial") or new.serial != old.serial:
        yield f"meter {record.octets('serial').hex()} is handed over, it is {old.serial.hex()}'s and {new.serial.hex()}'s"
    ended, begun = ([one.charged_cwh[rate] for rate in old.billed] for one in (old, new))
    if (begun, new.charged_at_s, new.ratio) != (ended, old.charged_at_s, old.ratio):
        yield f"who moves in begins at {(begun, new.charged_at_s, new.ratio)}, {(ended, old.charged_at_s, old.ratio)} was the end"
    yield from adds_up(old)
    old.serial, old.rates, old.ratio, old.held = UNBOUND, 0, 1, False
    old.bound_cwh, old.charged_cwh = [0] * 5, [0] * 5
    old.energy_cwh = old.written_off_cwh = 0
    old.next_account = record.number("to_account")


def adds_up(account: Account) -> Iterator[str]:
    """Per segment: register difference = charged + written off."""
    way = sum((account.charged_cwh[rate] - account.bound_cwh[rate]) % ROLLOVER for rate in account.billed)
    if (way - account.energy_cwh - account.written_off_cwh) % ROLLOVER:
        yield f"the segment before ends after {way} cwh, {account.energy_cwh} are charged, {account.written_off_cwh} written off"


def carried(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    number, row = record.number("account"), parse_row(record.octets("row"))
    debt = (record.number("owed_ucu"), record.number("share"), record.number("most_ucu"))
    if number not in books.truth.carried:
        yield f"account {number} is carried, and nobody ordered it"
    if record.number("what") == GIVEN:
        ours = books.account(number)
        yield from differs(ours, row, "what is given")
        if debt != (ours.debt or (0, 0, 0)):
            yield f"it is given with the debt {debt}, and it is {ours.debt}"
        books.truth.under_way[number] = ours
        books.accounts[number] = Account(flags=ELSEWHERE, order=record.number("order"), wish_ms=now_ms)
        return
    if number not in books.truth.under_way or not books.account(number).flags & ELSEWHERE:
        yield f"account {number} is taken, and nobody gave it"
        return
    ours = books.truth.under_way.pop(number)
    ours.paid, ours.notices_ms, ours.notice_given, ours.line = [], {}, 0, (0, 0, 0)
    ours.held = False
    row.order = ours.order
    yield from differs(ours, row, "what is taken")
    if debt != (ours.debt or (0, 0, 0)):
        yield f"it is taken with the debt {debt}, and it is {ours.debt}"
    ours.order, ours.cut_order, ours.wish_ms = record.number("order"), 0, now_ms
    books.accounts[number] = ours
    books.newest_credit.update({(number, issuer): place[0] for issuer, place in ours.credits.items()})


def differs(ours: Account, row: AccountRow, what: str) -> Iterator[str]:
    """A row of the records against what they add up to."""
    places = {issuer: (number, total) for issuer, number, total in row.issuers if issuer}
    theirs = (places, row.total_charged_ucu, row.flags & ROW_FLAGS, bool(row.episode_open), row.order, bool(row.wish), row.limit_ucu)
    mine = (ours.credits, ours.charged_ucu, ours.flags & ROW_FLAGS, ours.episode_open, ours.order, ours.off, ours.limit_ucu)
    if theirs != mine:
        yield f"{what} of account {row.account} says {theirs}, its records add up to {mine}"
    if (row.ratio, row.next_account) != (ours.ratio, ours.next_account):
        yield f"{what} of account {row.account} has ratio {row.ratio}, followed by {row.next_account}; {ours.ratio}, {ours.next_account}"
    if ours.serial != UNBOUND and [row.charged_cwh[rate] for rate in ours.billed] != [ours.charged_cwh[rate] for rate in ours.billed]:
        yield f"{what} of account {row.account} is charged to {row.charged_cwh}, its records to {ours.charged_cwh}"
    if row.position != ours.place.row:
        yield f"{what} of account {row.account} has the position {row.position}, its records say {ours.place.row}"
