"""The notice outbox: which records of the gateways are news to a customer, each told once (issue: notices).

low      NOTICE of a level, however many channels and outcomes it has; again when the level was left upward and crossed anew
stop     the relay is SEEN open, or the meter limited, and the last DECISION was a cut
restore  it is SEEN closed, or waits for the button, after a stop that was told of
receipt  a CREDIT that is no correction

Each has a name made of what it tells of, unique in the database, so records that come again, and a new start, make nothing twice. What is
not news any more is not sent: a warning when its episode is over or the next level's came, a stop when supply is back.

Trap avoided: a DECISION is a wish; a customer is told what was seen.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator

from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.months import CORRECTIONS
from host_tools.journal_reader import Record, kinds
from host_tools.journal_reader.words import money, when

AT_ONCE_MAX = 500
OPEN, CLOSED, ARMED, LIMITED = 2, 1, 3, 4  # SEEN
CUT, RESTORE, WITHDRAWN = 1, 2, 5  # DECISION verdict
BY_ORDER = 4  # DECISION reason
TEXT, DELIVERED = 4, 2  # NOTICE: the report of our own message
_KINDS = (kinds.EPISODE, kinds.NOTICE, kinds.SEEN, kinds.CREDIT)
Row = dict[str, object]


def make(db: Database, now_s: int) -> int:
    """Look at the records that came since -> how many notices were made."""
    made = 0
    with db.transaction():
        for gateway in db.rows(
            "SELECT g.id, g.name, g.sequence, coalesce(c.sequence, 0) AS looked FROM gateways g LEFT JOIN outbox_cursors c"
            " ON c.gateway_id = g.id WHERE g.sequence > coalesce(c.sequence, 0)"
        ):
            rows = db.rows(
                "SELECT r.* FROM records r JOIN accounts a USING (account) WHERE r.gateway_id = ? AND r.sequence > ?"
                " AND r.kind IN (?, ?, ?, ?) ORDER BY r.sequence LIMIT ?",
                gateway["id"],
                gateway["looked"],
                *_KINDS,
                AT_ONCE_MAX,
            )
            for row in rows:
                made += _look(db, str(gateway["name"]), row, now_s)
            looked = rows[-1]["sequence"] if len(rows) == AT_ONCE_MAX else gateway["sequence"]
            db.run("INSERT OR REPLACE INTO outbox_cursors VALUES (?, ?)", gateway["id"], looked)
    return made


def _look(db: Database, gateway: str, row: sqlite3.Row, now_s: int) -> int:
    """One record."""
    values = json.loads(row["fields"])
    account = int(row["account"])
    if row["kind"] == kinds.EPISODE:
        if not values["open"]:
            _overtake(db, account, "low")
        return 0
    if row["kind"] == kinds.NOTICE:
        return _low(db, gateway, row, values)
    if row["kind"] == kinds.CREDIT:
        return _receipt(db, row, values)
    return _supply(db, gateway, row, values["seen"])


def _low(db: Database, gateway: str, row: sqlite3.Row, values: Row) -> int:
    level, episode = values["level"], values["episode"]
    if not level or (values["channel"] == TEXT and values["outcome"] == DELIVERED):
        return 0
    crossings = db.number(
        "SELECT count(*) FROM records WHERE account = ? AND gateway_id = ? AND sequence < ? AND kind = ?"
        " AND json_extract(fields, '$.episode') = ? AND json_extract(fields, '$.level') < ?",
        row["account"],
        row["gateway_id"],
        row["sequence"],
        kinds.LEVEL,
        episode,
        level,
    )
    name = f"{gateway}/{row['account']}/low/{episode}.{level}.{crossings}"
    data = {"available_ucu": values["available_ucu"], "pay_ucu": values["restore_ucu"], "level": level, "episode": episode}
    return _add(db, row, name, "low", "low_owing" if values["restore_ucu"] else "low", data)


def _supply(db: Database, gateway: str, row: sqlite3.Row, seen: int) -> int:
    decisions = db.rows(
        "SELECT sequence, fields FROM records WHERE account = ? AND gateway_id = ? AND kind = ? AND sequence < ?"
        " AND json_extract(fields, '$.verdict') IN (?, ?, ?) ORDER BY sequence DESC",
        row["account"],
        row["gateway_id"],
        kinds.DECISION,
        row["sequence"],
        CUT,
        RESTORE,
        WITHDRAWN,
    )
    if not decisions:
        return 0
    last = json.loads(decisions[0]["fields"])
    about = f"{gateway}/{row['account']}/"
    if seen in (OPEN, LIMITED) and last["verdict"] == CUT:
        _overtake(db, int(row["account"]), "low")
        power = _limit_w(db, row, decisions[0]["sequence"]) if seen == LIMITED else None
        form = ("stop" if power is None else "limit") + ("_order" if last["reason"] == BY_ORDER else "")
        data: Row = {"available_ucu": last["available_ucu"]} | ({} if power is None else {"power": power})
        return _add(db, row, f"{about}stop/{decisions[0]['sequence']}", "stop", form, data)
    if seen in (CLOSED, ARMED) and last["verdict"] != CUT:
        cut = next((one["sequence"] for one in decisions if json.loads(one["fields"])["verdict"] == CUT), None)
        told = f"{about}stop/{cut}" if cut is not None else _told_elsewhere(db, row)
        stop = db.row("SELECT form FROM outbox WHERE name = ?", told)
        if stop is None:
            return 0
        form = "restore_button" if seen == ARMED else "restore_limit" if str(stop["form"]).startswith("limit") else "restore"
        return _add(db, row, told.replace("/stop/", "/restore/"), "restore", form, {})
    return 0


def _limit_w(db: Database, row: sqlite3.Row, decided: int) -> int | None:
    """The power to which that decision limited its account; None when it opened the relay."""
    found = db.row(
        "SELECT json_extract(fields, '$.limit_w') AS power FROM records WHERE account = ? AND gateway_id = ? AND kind = ? AND sequence > ?"
        " AND json_extract(fields, '$.what') = 1 ORDER BY sequence LIMIT 1",
        *(row["account"], row["gateway_id"], kinds.LIMIT, decided),
    )
    return None if found is None else int(found["power"])


def _told_elsewhere(db: Database, row: sqlite3.Row) -> str:
    """The stop that its customer was told of before the account came from another gateway."""
    sql = "SELECT name FROM outbox WHERE account = ? AND what = 'stop' AND gateway_id != ? ORDER BY id DESC LIMIT 1"
    found = db.row(sql, row["account"], row["gateway_id"])
    return "" if found is None else str(found["name"])


def _receipt(db: Database, row: sqlite3.Row, values: Row) -> int:
    place = (row["account"], values["issuer"], values["number"])
    ours = db.row("SELECT reference FROM credits WHERE account = ? AND issuer = ? AND number = ?", *place)
    reference = str(ours["reference"]) if ours else ""
    amount_ucu = values["amount_ucu"]
    if not isinstance(amount_ucu, int) or amount_ucu <= 0 or reference.startswith(CORRECTIONS):
        return 0
    until = int(row["sequence"])
    balance_ucu = fold(int(row["account"]), _up_to(records_of(db, int(row["account"])), bytes(row["raw"]))).balance_ucu
    data = {"amount_ucu": amount_ucu, "balance_ucu": balance_ucu, "reference": reference or "-", "record": until}
    return _add(db, row, f"{place[0]}/receipt/{place[1]}.{place[2]}", "receipt", "receipt", data)


def _up_to(records: Iterable[Record], raw: bytes) -> Iterator[Record]:
    for record in records:
        yield record
        if record.raw == raw:
            return


def _add(db: Database, row: sqlite3.Row, name: str, what: str, form: str, data: Row) -> int:
    if db.row("SELECT 1 FROM outbox WHERE name = ?", name) is not None:
        return 0
    if what != "receipt":
        _overtake(db, int(row["account"]), *{"low": ("low",), "stop": ("restore",), "restore": ("stop",)}[what])
    db.run(
        "INSERT INTO outbox (name, account, gateway_id, sequence, what, form, event_s, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        name,
        row["account"],
        row["gateway_id"],
        row["sequence"],
        what,
        form,
        row["at_s"] or row["received_s"],
        json.dumps(data),
    )
    return 1


def _overtake(db: Database, account: int, *whats: str) -> None:
    """Also one that was tried without success: told now, it would be wrong."""
    for what in whats:
        db.run("UPDATE outbox SET state = 'overtaken' WHERE account = ? AND what = ? AND state = 'waiting'", account, what)


def number_of(db: Database, text: str) -> int:
    """Of a notice by its number or its name."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 15
    row = db.row("SELECT id FROM outbox WHERE id = ?", int(text)) if is_number else db.row("SELECT id FROM outbox WHERE name = ?", text)
    if row is None:
        raise BadInput("notice", f"{text!r} is unknown: it is a number that `notices` lists, or a name")
    return int(row["id"])


def listed(db: Database, limit: int) -> list[Row]:
    """The newest `limit`, oldest first."""
    rows = db.rows("SELECT * FROM outbox ORDER BY id DESC LIMIT ?", limit)
    return [_shown(row) for row in reversed(rows)]


def _shown(row: sqlite3.Row) -> Row:
    data = json.loads(row["data"])
    told = [f"{key[:-4]} {money(value)}" for key, value in data.items() if key.endswith("_ucu")]
    fault = row["fault"]
    if fault is None and row["state"] == "waiting" and row["due_at_s"]:
        fault = f"try {row['tries']} has no end yet" if row["tries"] else f"held until {when(row['due_at_s'])}"
    return {
        "number": row["id"],
        "account": row["account"],
        "what": row["what"],
        "event_at_s": row["event_s"],
        "state": row["state"],
        "tries": row["tries"],
        "sent_at_s": row["sent_at_s"],
        "receipt_at_s": row["receipt_at_s"],
        "address": row["address"],
        "language": row["language"],
        "text": row["text"] or ", ".join(told),
        "fault": fault,
        "due_at_s": row["due_at_s"] or None,
        "name": row["name"],
        "data": data,
    }
