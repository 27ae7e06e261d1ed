"""Who is to be visited before a cut, what the visitor brings back, and whom an operator protects, marks for care or exempts.

The list is made from the gateways' own VISIT records. What comes back is a numbered order: it counts when the gateway has
written it down, and only in the episode for which it was made.
"""

import json
from datetime import date, datetime, timezone

import cbor2

from host_tools.head_end import openings
from host_tools.head_end.commands import Answer, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import VISIT_ORDERED, VISITED, fold, records_of
from host_tools.head_end.outgoing import NEVER_S
from host_tools.journal_reader import AccountRow, Record, kinds
from host_tools.journal_reader.words import DAYS_UNKNOWN, money

REPORTS = {"met": 1, "nobody": 2, "delivered": 3}
REPORT, FLAGS = 11, 9
EXEMPT = 4
CARE = 2
Row = dict[str, object]


def listed(db: Database) -> list[Row]:
    """Accounts with an open visit order, and care customers in an episode; who is still to be visited first, by days left."""
    found: list[tuple[tuple[bool, int, int], Row]] = []
    for known in db.rows("SELECT a.*, g.name AS gateway FROM accounts a JOIN gateways g ON g.id = a.gateway_id ORDER BY account"):
        account = int(known["account"])
        records = list(records_of(db, account))
        row = fold(account, records)
        care = bool((row.flags | int(known["flags"])) & CARE)
        if not row.episode_open or not (row.flags & VISIT_ORDERED or care):
            continue
        order = _last_order(records, row.episode)
        days = order.number("days_left") if order else DAYS_UNKNOWN
        visited = bool(row.flags & VISITED)
        shown: Row = {
            "account": account,
            "gateway": known["gateway"],
            "name": known["name"],
            "meter": known["meter"],
            "visit": "made" if visited else "TO BE MADE" if row.flags & VISIT_ORDERED else "not yet",
            "ordered_at_s": order.at_s if order else None,
            "days_left": None if days == DAYS_UNKNOWN else days,
            "lead_days": order.number("lead_days") if order else None,
            "available": money(order.number("available_ucu")) if order else None,
            "episode": row.episode,
            "notice_level": row.notice_level,
            "supply": "OFF" if row.wish else "ON",
            "reported": _reported(db, account, row.episode),
        }
        found.append(((visited, days if order else DAYS_UNKNOWN + 1, account), shown))
    return [shown for _, shown in sorted(found, key=lambda one: one[0])]


def _last_order(records: list[Record], episode: int) -> Record | None:
    orders = [r for r in records if r.kind == kinds.VISIT and r.number("what") == 1 and r.number("episode") == episode]
    return orders[-1] if orders else None


def _reported(db: Database, account: int, episode: int) -> str | None:
    """What was reported here and its verdict, the newest: a visit that the gateway has not heard of yet."""
    for row in db.rows("SELECT * FROM orders WHERE account = ? AND code = ? ORDER BY number DESC", account, REPORT):
        document = cbor2.loads(bytes(row["document"]))
        if document[2] == episode and document[1] != REPORTS["delivered"]:
            name = next(name for name, code in REPORTS.items() if code == document[1])
            return f"{name}, {row['state']}"
    return None


def report(db: Database, account_text: str, what: str, level: int | None, episode: int | None, now_s: int) -> Answer:
    """Order 11. Without an episode it is the one that the records show open."""
    account = parse_account(account_text)
    known_account(db, account)
    if (level is None) == (what == "delivered"):
        raise BadInput("level", "goes with delivered, and only with it")
    if level is not None and not 1 <= level <= 4:
        raise BadInput("level", f"must be from 1 to 4, got {level}")
    if episode is not None and not 0 <= episode <= 0xFFFF:
        raise BadInput("episode", f"must be from 0 to 65535, got {episode}")
    if episode is None:
        row: AccountRow = fold(account, records_of(db, account))
        if not row.episode_open:
            raise BadInput("episode", f"none is open for account {account}: there is nothing to report for")
        episode = row.episode
    document = cbor2.dumps({1: REPORTS[what], 2: episode, 3: level or 0, 4: now_s}, canonical=True)
    number = number_order(db, account, REPORT, document, now_s)
    return {"answer": "created", "account": account, "order": "report", "number": number, "what": what, "episode": episode, "level": level}


def set_flags(db: Database, account_text: str, flags: int, until: str | None, now_s: int) -> Answer:
    """Order 9, and the same flags here. An exemption ends with the local day `until`."""
    account = parse_account(account_text)
    if until is not None and not flags & EXEMPT:
        raise BadInput("until", "is the end of an exemption: it goes with --exempt")
    until_s = None if until is None else _end_of(until, _utc_offset_min(db, account), now_s)
    document = cbor2.dumps({1: flags} if until_s is None else {1: flags, 2: until_s}, canonical=True)
    with db.transaction():
        known_account(db, account)
        db.run("UPDATE accounts SET flags = ? WHERE account = ?", flags, account)
        number = number_order(db, account, FLAGS, document, now_s)
    return {"answer": "created", "account": account, "order": "flags", "number": number, "flags": flags, "until_s": until_s}


def _utc_offset_min(db: Database, account: int) -> int:
    number = known_account(db, account)["policy"]
    policy = db.row("SELECT text FROM documents WHERE what = 2 AND id = ? ORDER BY version DESC LIMIT 1", number)
    return int(json.loads(bytes(policy["text"]))["utc_offset_min"]) if policy else 0


def _end_of(text: str, utc_offset_min: int, now_s: int) -> int:
    """The midnight that ends the local day `text`."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise BadInput("until", f"must be a date such as 2026-12-31, got {text!r}")
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp() + 86_400
    end_s = int(midnight) - 60 * utc_offset_min
    if not now_s < end_s < NEVER_S:
        raise BadInput("until", f"{text} is over already" if end_s <= now_s else f"{text} is further than a gateway can count")
    return end_s


def number_order(db: Database, account: int, code: int, document: bytes, now_s: int) -> int:
    """An order for an account that waits until its gateway is there -> its number."""
    with db.transaction():
        known = known_account(db, account)
        number = 1 + openings.last_order(db, account)
        db.run(
            "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, document, at_s)"
            " VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
            known["gateway_id"],
            account,
            number,
            code,
            NEVER_S,
            document,
            now_s,
        )
        return number


def flags_again(db: Database, gateway_id: int, now_s: int) -> None:
    """A state tells no end of an exemption: those that are not over are ordered once more behind it."""
    for known in db.rows("SELECT account FROM accounts WHERE gateway_id = ? ORDER BY account", gateway_id):
        last = db.row("SELECT document FROM orders WHERE account = ? AND code = ? ORDER BY number DESC LIMIT 1", known["account"], FLAGS)
        document = cbor2.loads(bytes(last["document"])) if last else {}
        if document.get(2):
            number_order(db, int(known["account"]), FLAGS, bytes(last["document"]), now_s)
