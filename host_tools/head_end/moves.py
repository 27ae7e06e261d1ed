"""Moving out and in with the same meter (orders 12 and 13, SPEC 5.6), and what is paid back to who left.

The gateway charges the old account up to the last register that it believes, and begins the new account's segment at that register and
instant. Between moving out and in nobody is charged: who moves in takes the meter as it was left. The old account keeps its balance;
what it is owed is paid back by a credit that takes (`refund`).

Trap avoided: a payment for the new account that reached the gateway before the order would be refused there for good; it waits here.
"""

import cbor2

from host_tools.head_end import openings, stays
from host_tools.head_end.amounts import parse_top_up
from host_tools.head_end.commands import ISSUER, Answer, check_reference, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.held import check_reason
from host_tools.head_end.visits import number_order
from host_tools.journal_reader.words import energy, money

MOVE_OUT, MOVE_IN = 12, 13
MOVED_OUT = 1024  # flag of the account row
Registers = dict[int, int]
At = tuple[int, int]  # gateway, sequence


def move_out(db: Database, account_text: str, reason: str, now_s: int) -> Answer:
    """Close the account at its register; its meter waits for who moves in."""
    account = parse_account(account_text)
    check_reason(reason)
    with db.transaction():
        _has_meter(db, account)
        _nothing_open(db, account)
        if fold(account, records_of(db, account)).flags & MOVED_OUT:
            raise BadInput("account", f"{account} has moved out already")
        number = number_order(db, account, MOVE_OUT, _document(0, 0, reason), now_s)
    return {"answer": "created", "account": account, "order": "move out", "number": number}


def move_in(db: Database, account_text: str, new_text: str, name: str, flags: int, reason: str, now_s: int) -> Answer:
    """Another account has the meter of `account` from its closing register on. The same again answers `exists`."""
    account, new = parse_account(account_text), parse_account(new_text, "new")
    check_reason(reason)
    answer: Answer = {"account": account, "new": new, "order": "move in"}
    with db.transaction():
        known = known_account(db, account)
        link = db.row("SELECT * FROM moves WHERE next_account = ?", new)
        if link is not None and link["account"] == account and _state(db, account, link["number"]) in ("pending", "accepted"):
            return {"answer": "exists", **answer, "number": link["number"], "state": _state(db, account, link["number"])}
        if link is None and db.row("SELECT 1 FROM accounts WHERE account = ?", new) is not None or link and link["account"] != account:
            raise BadInput("new", f"account {new} exists already: a new contract has a number of its own")
        _has_meter(db, account)
        _nothing_open(db, account)
        if link is None:
            columns = "gateway_id, meter, tariff, policy, rollover_cwh, ratio"
            db.run(
                f"INSERT INTO accounts (account, name, flags, {columns}) SELECT ?, ?, ?, {columns} FROM accounts WHERE account = ?",
                new,
                name,
                flags,
                account,
            )
        elif known["gateway_id"] != (db.row("SELECT gateway_id FROM accounts WHERE account = ?", new) or known)["gateway_id"]:
            # it was refused where the account lived before: who moves in does so where it lives now
            db.run("UPDATE accounts SET gateway_id = ? WHERE account = ?", known["gateway_id"], new)
            db.run("UPDATE stays SET gateway_id = ? WHERE account = ? AND place = 1", known["gateway_id"], new)
        db.run("INSERT OR IGNORE INTO account_tariffs VALUES (?, ?)", new, known["tariff"])
        db.run("INSERT OR IGNORE INTO account_ratios SELECT ?, meter, ratio FROM account_ratios WHERE account = ?", new, account)
        number = number_order(db, account, MOVE_IN, _document(new, flags, reason), now_s)
        db.run("INSERT OR REPLACE INTO moves VALUES (?, ?, ?)", new, account, number)
    return {"answer": "created", **answer, "number": number}


def refund(db: Database, account_text: str, amount_text: str, reference: str, now_s: int) -> Answer:
    """Pay back from the balance: a credit that takes. The same reference twice answers `exists`."""
    account = parse_account(account_text)
    check_reference(reference)
    with db.transaction():
        known_account(db, account)
        old = db.row("SELECT * FROM credits WHERE reference = ?", reference)
        balance_ucu = fold(account, records_of(db, account)).balance_ucu
        waiting = "SELECT sum(amount_ucu) FROM credits WHERE account = ? AND receipt = 'pending' AND amount_ucu < 0"
        balance_ucu += db.number(waiting, account)
        amount_ucu = -int(old["amount_ucu"]) if old is not None and amount_text == "all" else _amount(amount_text, balance_ucu)
        answer: Answer = {"account": account, "refunded": money(amount_ucu), "reference": reference}
        if old is not None:
            if (old["account"], old["amount_ucu"]) != (account, -amount_ucu):
                raise BadInput("reference", f"{reference} was used already: account {old['account']}, {money(old['amount_ucu'])}")
            return {"answer": "sent again" if openings.try_again(db, [old]) else "exists", **answer, "receipt": old["receipt"]}
        if amount_ucu > balance_ucu:
            raise BadInput("amount", f"{money(amount_ucu)} is more than the balance of {account}, {money(balance_ucu)}")
        last = openings.last_credit(db, account, ISSUER)
        openings.add_credit(db, account, ISSUER, last, -amount_ucu, reference, now_s)
    return {"answer": "created", **answer, "receipt": "pending"}


def _amount(text: str, balance_ucu: int) -> int:
    if text != "all":
        return parse_top_up(text)
    if balance_ucu <= 0:
        raise BadInput("amount", f"there is nothing to pay back, the balance is {money(balance_ucu)}")
    return balance_ucu


def _document(new: int, flags: int, reason: str) -> bytes:
    return cbor2.dumps({1: new, 2: flags, 3: reason}, canonical=True)


def _state(db: Database, account: int, number: int) -> str:
    row = db.row("SELECT state FROM orders WHERE account = ? AND number = ?", account, number)
    return str(row["state"]) if row else ""


def _has_meter(db: Database, account: int) -> None:
    known_account(db, account)
    for row in db.rows("SELECT * FROM moves WHERE account = ?", account):
        if _state(db, account, row["number"]) in ("pending", "accepted"):
            raise BadInput("account", f"the meter of {account} is account {row['next_account']}'s")
    if fold(account, records_of(db, account)).serial == bytes(6):
        raise BadInput("account", f"{account} has no meter yet that its gateway has read")


def _nothing_open(db: Database, account: int) -> None:
    if stays.on_its_way(db, account):
        raise BadInput("account", f"{account} is on its way to another gateway")
    row = db.row("SELECT number FROM orders WHERE account = ? AND code IN (?, ?, 14) AND state = 'pending'", account, MOVE_OUT, MOVE_IN)
    if row is not None:
        raise BadInput("account", f"order {row['number']} about a move of {account} is on its way: wait for its verdict")


def prove(handed: list[tuple[At, int, str, Registers]], begun: list[tuple[At, int, str, Registers]]) -> list[str]:
    """What does not fit: (gateway and sequence of MOVED, account that moved in, meter, registers charged last) against (those of SEGMENT,
    account, meter, registers)."""
    found = []
    for (gateway, sequence), new, meter, reached in handed:
        starts = [start for at, account, on, start in begun if account == new and on == meter and (gateway, 0) <= at < (gateway, sequence)]
        if not starts:
            found.append(f"account {new}: sequence {sequence}: it has the meter {meter}, and no segment begins")
        for rate, register in reached.items() if starts else ():
            if starts[-1].get(rate) != register:
                said = f"register {rate} was left at {energy(register)} and taken over at {energy(starts[-1].get(rate, 0))}"
                found.append(f"account {new}: sequence {sequence}: {said}")
    return found
