"""Moving an account from one gateway to another, with its meter (orders 14 and 15; DESIGN of the firmware, Moving between gateways).

Order 14 has the gateway before give the account away: its record CARRIED has the whole row. Only when that record is held here does
order 15 bring the row to the next gateway, whose own CARRIED ends it. Payments wait between the two; so do orders, and go to the next one.

A gateway that is never heard again gives nothing away. With `--from-books` its records held here count as all that it did: the
next one goes on from there, and order 14 stays open, for the day on which the old one comes back.

Trap avoided: the next gateway must have the meter in its settings, as arriving, before anything is closed.
"""

import sqlite3

import cbor2

from host_tools.head_end import openings, stays
from host_tools.head_end.commands import Answer, check_meter, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import ELSEWHERE, HELD_FLAG, fold, records_at, records_of
from host_tools.head_end.held import check_reason
from host_tools.head_end.outgoing import GIVE_AWAY, TAKE_OVER
from host_tools.head_end.visits import number_order
from host_tools.journal_reader import Record, kinds, pack_whole_row
from host_tools.journal_reader.words import ORDER_REASON, word

GIVEN, TAKEN, FROM_BOOKS = 1, 2, 3  # CARRIED what
EXEMPT, CUT = 4, 1
MOVES = (12, 13)
Row = dict[str, object]


def transfer(db: Database, account_text: str, gateway: str, reason: str, from_books: bool, now_s: int) -> Answer:
    """Have the account carried to `gateway`. The same again answers `exists`."""
    account = parse_account(account_text)
    check_reason(reason)
    with db.transaction():
        known = known_account(db, account)
        target = db.row("SELECT * FROM gateways WHERE name = ?", gateway)
        if target is None:
            raise BadInput("gateway", f"{gateway} is unknown")
        stay = stays.home(db, account)
        assert stay is not None
        answer: Answer = {"account": account, "order": "transfer", "from": _name(db, int(stay["gateway_id"])), "to": gateway}
        if stays.on_its_way(db, account):
            return _redirect(db, account, known, target, reason, from_books, now_s, answer)
        if stay["gateway_id"] == target["id"]:
            raise BadInput("gateway", f"account {account} is at {gateway} already")
        waiting = _pending(db, account, GIVE_AWAY)
        asked = None if waiting is None else db.row("SELECT * FROM transfers WHERE account = ? AND number = ?", account, waiting["number"])
        if asked is not None and not from_books:
            if asked["to_gateway_id"] == target["id"]:
                return {"answer": "exists", **answer, "number": asked["number"]}
            raise BadInput("gateway", f"account {account} is to go to {_name(db, asked['to_gateway_id'])}: wait for the verdict of order "
                           f"{asked['number']}, or say --from-books")  # fmt: skip
        _check(db, account, known, target)
        number = int(waiting["number"]) if waiting is not None else number_order(db, account, GIVE_AWAY, _why(reason), now_s)
        values = (account, number, stay["gateway_id"], target["id"], int(from_books), reason, now_s)
        db.run("INSERT OR REPLACE INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?)", *values)
        if from_books:
            if not stays.whole_books(db, account)[0]:
                raise BadInput("from-books", f"the books of {account} begin behind lost records: its balance would be wrong")
            stays.close(db, account, db.number("SELECT sequence FROM gateways WHERE id = ?", stay["gateway_id"]))
            answer["order 15"] = send(db, account, target, reason, now_s)
            answer["from books"] = True
    return {"answer": "created", **answer, "number": number}


def _redirect(
    db: Database, account: int, known: sqlite3.Row, target: sqlite3.Row, reason: str, from_books: bool, now_s: int, answer: Answer
) -> Answer:
    """An account that no gateway has: order 15 was refused, or is without a verdict."""
    took = _taken(db, account, int(target["id"]))
    if took:
        stays.begin(db, account, int(target["id"]), took)
        return {"answer": "exists", **answer}
    waiting = _pending(db, account, TAKE_OVER)
    if waiting is not None and known["gateway_id"] == target["id"]:
        return {"answer": "exists", **answer, "order 15": waiting["number"]}
    if waiting is not None and not from_books:
        raise BadInput("gateway", f"account {account} is on its way to {known['gateway']}: wait for the verdict of order "
                       f"{waiting['number']}, or say --from-books")  # fmt: skip
    _check(db, account, known, target)
    if waiting is not None:  # whoever is not heard may have it: then it is to give it away
        db.run("UPDATE orders SET state = 'overtaken' WHERE id = ?", waiting["id"])
        number_order(db, account, GIVE_AWAY, _why(reason), now_s)
    return {"answer": "created", **answer, "order 15": send(db, account, target, reason, now_s)}


def _check(db: Database, account: int, known: sqlite3.Row, target: sqlite3.Row) -> None:
    name = str(target["name"])
    if fold(account, records_of(db, account)).serial == bytes(6):
        raise BadInput("account", f"{account} has no meter that its gateway has read")
    check_meter(db, int(target["id"]), account, str(known["meter"]), None)
    moving = db.row("SELECT number FROM orders WHERE account = ? AND code IN (?, ?) AND state = 'pending'", account, *MOVES)
    if moving is not None:
        raise BadInput("account", f"order {moving['number']} about a move of {account} is on its way: wait for its verdict")
    if not fold(account, records_at(db, account, int(target["id"]))).flags & ELSEWHERE:
        raise BadInput("gateway", f'{name} does not wait for account {account}: its settings must have the meter, with "arrives": true')


def send(db: Database, account: int, target: sqlite3.Row, reason: str, now_s: int) -> int:
    """Order 15, from the books held here -> its number. Orders that nobody answered follow it; a cut does not."""
    records = list(records_of(db, account))
    given = bool(records) and records[-1].kind == kinds.CARRIED
    row = fold(account, records)
    row.account = account
    row.flags &= ~(ELSEWHERE | HELD_FLAG)
    row.notice_level = row.notice_at_s = 0  # nobody is cut there upon a notice that was given here
    until_s, owed_ucu, share, most_ucu = _beside(records)
    what = TAKEN if given else FROM_BOOKS
    document = {1: what, 2: pack_whole_row(row), 3: until_s, 4: owed_ucu, 5: share, 6: most_ucu, 7: reason}
    db.run("UPDATE accounts SET gateway_id = ? WHERE account = ?", target["id"], account)
    left = db.rows("SELECT * FROM orders WHERE account = ? AND code NOT IN (?, ?) AND state = 'pending' ORDER BY number", account,
                   GIVE_AWAY, TAKE_OVER)  # fmt: skip
    number = number_order(db, account, TAKE_OVER, cbor2.dumps(document, canonical=True), now_s)
    for order in left:
        if order["code"] == CUT:
            db.run("UPDATE orders SET state = 'overtaken' WHERE id = ?", order["id"])
        else:
            following = 1 + openings.last_order(db, account)
            db.run("UPDATE orders SET gateway_id = ?, number = ? WHERE id = ?", target["id"], following, order["id"])
    return number


def _beside(records: list[Record]) -> tuple[int, int, int, int]:
    """What no row tells: the end of the exemption, and the debt (owed, share, most)."""
    until_s, debt = 0, (0, 0, 0)
    for r in records:
        if r.kind == kinds.CARRIED:
            until_s, debt = r.number("until_s"), (r.number("owed_ucu"), r.number("share"), r.number("most_ucu"))
        elif r.kind == kinds.EXEMPT:
            until_s = r.number("until_s")
        elif r.kind == kinds.FLAGS and not r.number("flags") & EXEMPT:
            until_s = 0
        elif r.kind == kinds.DEBT:
            debt = (r.number("owed_ucu"), r.number("share"), r.number("most_ucu"))
    return until_s, *debt


def follow(db: Database, gateway_id: int, gateway: str, record: Record, now_s: int) -> None:
    """A gateway gave an account away, or has taken it: what comes next. In the transaction that stores the record."""
    given = record.number("what") == GIVEN
    account, number = record.number("account"), record.number("order")
    code = GIVE_AWAY if given else TAKE_OVER
    asked = db.row("SELECT * FROM orders WHERE account = ? AND number = ? AND code = ?", account, number, code)
    stay = stays.home(db, account)
    if stay is None:
        db.report(gateway, now_s, "carried_unknown", f"account {account} was carried, and is unknown here")
    elif given:
        _given(db, gateway_id, gateway, record, stay, now_s)
    elif asked is None or asked["gateway_id"] != gateway_id or int(stay["last"]) == stays.OPEN:
        said = f"account {account} is taken by order {number}, which is not in the books here: `transfer` to {gateway} makes it so"
        db.report(gateway, now_s, "carried_unasked", said)
    elif asked["state"] == "overtaken":
        db.report(gateway, now_s, "carried_late", f"account {account} is taken by order {number}, which was withdrawn")
    else:
        stays.begin(db, account, gateway_id, record.sequence)
    db.run(
        "UPDATE orders SET state = 'accepted', record_sequence = ? WHERE gateway_id = ? AND account = ? AND number = ? AND code = ?"
        " AND state = 'pending'",
        *(record.sequence, gateway_id, account, number, code),
    )


def _given(db: Database, gateway_id: int, gateway: str, record: Record, stay: sqlite3.Row, now_s: int) -> None:
    account, number = record.number("account"), record.number("order")
    if int(stay["last"]) != stays.OPEN or stay["gateway_id"] != gateway_id:
        db.report(gateway, now_s, "carried_late", f"account {account} is given away by order {number}, after it was taken from its books")
        return
    stays.close(db, account, record.sequence)
    wanted = db.row("SELECT * FROM transfers WHERE account = ? AND number = ?", account, number)
    if wanted is None:
        said = f"account {account} is given away by order {number}, which is not in the books here: say again where it goes"
        db.report(gateway, now_s, "carried_unasked", said)
        return
    target = db.row("SELECT * FROM gateways WHERE id = ?", wanted["to_gateway_id"])
    assert target is not None
    send(db, account, target, str(wanted["reason"]), now_s)


def _taken(db: Database, account: int, gateway_id: int) -> int:
    """The record with which a gateway took the account behind all that its books tell, 0 when it has not: this database was restored
    from an older day."""
    told = [r for r in records_at(db, account, gateway_id) if r.kind == kinds.CARRIED]
    took = bool(told) and told[-1].number("what") != GIVEN and told[-1].number("order") > fold(account, records_of(db, account)).order
    return told[-1].sequence if took else 0


def listed(db: Database) -> list[Row]:
    """Every transfer and how it stands, the newest first."""
    return [
        {
            "account": row["account"],
            "from": _name(db, row["from_gateway_id"]),
            "to": _name(db, row["to_gateway_id"]),
            "at_s": row["at_s"],
            "state": _state(db, row),
            "reason": row["reason"],
        }
        for row in db.rows("SELECT * FROM transfers ORDER BY at_s DESC, account, number DESC")
    ]


def _state(db: Database, row: sqlite3.Row) -> str:
    books = " from the books" if row["from_books"] else ""
    for code, said in ((TAKE_OVER, "take it"), (GIVE_AWAY, "give it away")):
        order = db.row(
            "SELECT o.*, g.name FROM orders o JOIN gateways g ON g.id = o.gateway_id WHERE account = ? AND code = ? AND number >= ?"
            " AND number < (SELECT coalesce(min(number), 5000000000) FROM transfers WHERE account = ? AND number > ?)"
            " ORDER BY number DESC LIMIT 1",
            *(row["account"], code, row["number"], row["account"], row["number"]),
        )
        if order is not None and order["state"] == "pending":
            return f"{order['name']} is to {said}{books}"
        if order is not None and order["state"] == "refused":
            return f"{order['name']} refused to {said}: {word(ORDER_REASON, order['reason'] or 0)}"
        if order is not None and code == TAKE_OVER and order["state"] == "accepted":
            return f"done{books}"
    return "overtaken"


def _pending(db: Database, account: int, code: int) -> sqlite3.Row | None:
    """The order that waits at the gateway where the account lives, or goes to."""
    sql = "SELECT o.* FROM orders o JOIN accounts a USING (account, gateway_id) WHERE account = ? AND code = ? AND state = 'pending'"
    return db.row(sql + " ORDER BY number DESC LIMIT 1", account, code)


def _why(reason: str) -> bytes:
    return cbor2.dumps({1: 0, 2: 0, 3: reason}, canonical=True)


def _name(db: Database, gateway_id: int) -> str:
    row = db.row("SELECT name FROM gateways WHERE id = ?", gateway_id)
    return "" if row is None else str(row["name"])
