"""The gateways that an account lived at, one after the other (orders 14 and 15; DESIGN of the firmware, Moving between gateways).

The books of an account are the records of its stays: those of the gateway before up to the one that gave it away, those of the next one
from the record that took it. What a gateway writes of an account outside of its stay is no part of the books: it had not heard yet.
Between two stays an account is on its way; `accounts.gateway_id` is where it goes.
"""

import sqlite3

from host_tools.head_end import gaps
from host_tools.head_end.database import Database
from host_tools.journal_reader import BadRecord, Record, kinds, parse_record

OPEN = 4_294_967_296  # `last` of the stay that goes on
LIVES_HERE = f"EXISTS (SELECT 1 FROM stays s WHERE s.account = a.account AND s.gateway_id = a.gateway_id AND s.last = {OPEN})"


def home(db: Database, account: int) -> sqlite3.Row | None:
    """The newest stay, whether it goes on or not."""
    return db.row("SELECT * FROM stays WHERE account = ? ORDER BY place DESC LIMIT 1", account)


def gateway_of(db: Database, account: int) -> int:
    """The gateway that wrote the newest records of its books."""
    return db.number("SELECT gateway_id FROM stays WHERE account = ? ORDER BY place DESC LIMIT 1", account)


def gateways(db: Database, account: int) -> list[tuple[int, int]]:
    """(gateway, its first record) of all stays."""
    return [(int(row[0]), int(row[1])) for row in db.rows("SELECT gateway_id, first FROM stays WHERE account = ? ORDER BY place", account)]


def on_its_way(db: Database, account: int) -> bool:
    stay = home(db, account)
    return stay is not None and int(stay["last"]) != OPEN


def counts(db: Database, gateway_id: int, account: int, sequence: int) -> bool:
    """True when this record of a gateway is in the books of the account; one of an account that is not known here counts."""
    found = db.row(
        "SELECT max(gateway_id = ? AND ? BETWEEN first AND last) AS counts FROM stays WHERE account = ?", gateway_id, sequence, account
    )
    return found is None or found["counts"] is None or bool(found["counts"])


def close(db: Database, account: int, last: int) -> None:
    """The stay that goes on ends with this record."""
    db.run("UPDATE stays SET last = ? WHERE account = ? AND last = ?", last, account, OPEN)


def begin(db: Database, account: int, gateway_id: int, first: int) -> None:
    """The account lives at this gateway from this record on."""
    place = 1 + db.number("SELECT max(place) FROM stays WHERE account = ?", account)
    db.run("INSERT INTO stays (account, place, gateway_id, first) VALUES (?, ?, ?, ?)", account, place, gateway_id, first)
    db.run("UPDATE accounts SET gateway_id = ? WHERE account = ?", gateway_id, account)


def whole_books(db: Database, account: int) -> tuple[list[Record], int, bool]:
    """(records from where the books are whole, place of the stay in which they begin, True when something before is lost); no record
    when nothing is whole."""
    found: list[Record] = []
    place = 1
    for stay in db.rows("SELECT * FROM stays WHERE account = ? ORDER BY place DESC", account):
        records = _of_stay(db, account, int(stay["place"]))
        place = int(stay["place"])
        lost_to = _lost_to(db, stay)
        if lost_to is None:
            found = records + found
            continue
        first = beginning(records, lost_to)
        if first is not None:
            return [record for record in records if record.sequence >= first.sequence] + found, place, True
        return found, place + 1, True
    return found, place, False


def _lost_to(db: Database, stay: sqlite3.Row) -> int | None:
    """The last record of this stay that is lost."""
    first, last = int(stay["first"]), int(stay["last"])
    lost = [gap for gap in gaps.kept(db, int(stay["gateway_id"]), gaps.RECORDS) if gap[0] <= last and gap[1] >= first]
    return lost[-1][1] if lost else None


def _of_stay(db: Database, account: int, place: int) -> list[Record]:
    found = []
    for row in db.rows("SELECT raw FROM account_records WHERE account = ? AND place = ? ORDER BY sequence", account, place):
        try:
            found.append(parse_record(bytes(row["raw"])))
        except BadRecord:
            continue  # reconcile names it
    return found


def beginning(records: list[Record], lost_to: int) -> Record | None:
    """The record behind lost ones from which an account's books are whole: its first snapshot, or its birth without a meter."""
    for record in records:
        if record.sequence > lost_to:
            whole = record.kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED)
            if whole or (record.kind == kinds.SEGMENT and record.octets("serial") == bytes(6)):
                return record
    return None
