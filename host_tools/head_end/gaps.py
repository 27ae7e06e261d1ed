"""Numbers that will never come: pruned at the gateway before this database had them, or malformed (SPEC 5.1, 5.2).

Of records the gateway says so itself, under its MAC. Readings bear none, and the oldest ones are dropped all the time: a gateway that
is asked for what it no longer holds answers with the oldest it has, and goes on from there: its numbers step back. When it began
SAME_MAX more times at the same number, seconds apart, there is nothing lower; when readings are dropped meanwhile each answer begins
at another number, and ANSWERS_MAX of them do. The gap is kept here, named to the operator, and the books go on behind it.

Trap avoided: on a bad link any number of answers can lose their beginning. For a reading that costs a value on a curve; a record is
money, and is never given up for that.
"""

import json

from host_tools.head_end.database import Database
from host_tools.journal_reader import kinds

RECORDS, READINGS = "records", "readings"
SAME_MAX = 3
ANSWERS_MAX = 6
APART_S = 2  # answers to one request come in a burst and count once


def awaits(db: Database, gateway_id: int, what: str, wanted: int, first: int, now_s: int) -> None:
    """Note that `first` came where `wanted` is missing: it is asked for until it comes."""
    db.run("INSERT OR REPLACE INTO offers VALUES (?, ?, ?, ?, ?, 0, 0, ?)", gateway_id, what, wanted, first, first, now_s)


def never_comes(db: Database, gateway_id: int, wanted: int, first: int, now_s: int) -> bool:
    """The same of readings; True when it was asked for often enough."""
    row = db.row("SELECT * FROM offers WHERE gateway_id = ? AND what = ?", gateway_id, READINGS)
    if row is None or int(row["wanted"]) != wanted:
        awaits(db, gateway_id, READINGS, wanted, first, now_s)
        return False
    if first > int(row["seen"]) or now_s < int(row["at_s"]) + APART_S:  # the answer goes on
        db.run("UPDATE offers SET seen = ? WHERE gateway_id = ? AND what = ?", first, gateway_id, READINGS)
        return False
    answers, same = int(row["answers"]) + 1, int(row["same"]) + 1 if first == row["first"] else 0
    values = (first, first, answers, same, now_s, gateway_id, READINGS)
    db.run("UPDATE offers SET first = ?, seen = ?, answers = ?, same = ?, at_s = ? WHERE gateway_id = ? AND what = ?", *values)
    return same >= SAME_MAX or answers >= ANSWERS_MAX


def keep(db: Database, gateway_id: int, gateway: str, what: str, first: int, last: int, why: str, now_s: int) -> None:
    """From now on nobody waits for `first` to `last`."""
    db.run("INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?, ?)", gateway_id, what, first, last, why, now_s)
    db.run("DELETE FROM offers WHERE gateway_id = ? AND what = ?", gateway_id, what)
    if why == "pruned":
        db.report(gateway, now_s, what + "_lost", f"{what} {first} to {last} are not held by the gateway any more")


def kept(db: Database, gateway_id: int, what: str) -> list[tuple[int, int]]:
    """(first, last) of every gap, lowest first."""
    rows = db.rows("SELECT first, last FROM gaps WHERE gateway_id = ? AND what = ? ORDER BY first", gateway_id, what)
    return [(int(row["first"]), int(row["last"])) for row in rows]


def advance_readings(db: Database, gateway_id: int) -> int:
    """The highest reading below which all are held or named as dropped; stored as readings_held."""
    held = reach_of_readings(db, gateway_id, db.number("SELECT readings_held FROM gateways WHERE id = ?", gateway_id))
    db.run("UPDATE gateways SET readings_held = ? WHERE id = ? AND readings_held < ?", held, gateway_id, held)
    return held


def reach_of_readings(db: Database, gateway_id: int, held: int) -> int:
    """The same from `held` on; changes nothing."""
    dropped = [
        (int(gap.get("first", 0)), int(gap.get("last", 0)))
        for row in db.rows(
            "SELECT fields FROM records INDEXED BY records_by_kind WHERE kind = ? AND gateway_id = ?", kinds.READINGS_GAP, gateway_id
        )
        for gap in [json.loads(row["fields"])]
    ]
    passed_over = dropped + kept(db, gateway_id, READINGS)
    while True:
        before = held
        for row in db.run("SELECT number FROM readings WHERE gateway_id = ? AND number > ? ORDER BY number", gateway_id, held):
            if int(row["number"]) != held + 1:
                break
            held += 1
        for first, last in passed_over:
            if first <= held + 1 <= last:
                held = last
        if held == before:
            return held


def acknowledged_readings(db: Database, gateway_id: int) -> int:
    """How many readings some head-end once acknowledged, by the gateway's own authenticated records."""
    return max(
        db.number(
            f"SELECT max(json_extract(fields, '$.{name}')) FROM records INDEXED BY records_by_kind WHERE kind = ? AND gateway_id = ?",
            kind,
            gateway_id,
        )
        for kind, name in ((kinds.ACKED, "readings"), (kinds.SNAPSHOT_BEGIN, "acked_readings"))
    )
