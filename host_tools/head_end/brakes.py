"""Gateways whose brake is closed: what closed it, and the cuts that it holds, from their own records (design, section 5).

A gateway closes its brake when too many accounts are due at once, or through one cause: then a SUSPECT record names that before the
BRAKE record. Held is an account whose last decision is a cut that waits for the brake.
"""

from typing import Any

from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.journal_reader import Record, kinds, parse_record, words

BRAKE_BIT = 22
CLOSED_BY = 2  # SUSPECT state
WAITS = (3, 4)  # DECISION verdicts: not permitted, delayed
Row = dict[str, Any]


def closed(db: Database, gateway: str | None) -> list[Row]:
    """One row a gateway whose brake is closed, with its held cuts; of all, or of this one."""
    found = db.rows("SELECT id, name FROM gateways WHERE ? IS NULL OR name = ? ORDER BY name", gateway, gateway)
    if gateway is not None and not found:
        raise BadInput("gateway", f"{gateway} is unknown")
    rows = []
    for row in found:
        brake = last_brake(db, int(row["id"]), None)
        if brake is not None and brake.number("closed"):
            rows.append({
                "gateway": row["name"], "since_s": brake.at_s, "due": brake.number("due"),
                "cause": cause(db, int(row["id"]), brake.sequence + 1), "held": _held(db, int(row["id"])),
            })  # fmt: skip
    return rows


def last_brake(db: Database, gateway_id: int, before: int | None) -> Record | None:
    """The last BRAKE record of a gateway, of those before a sequence."""
    row = db.row(
        "SELECT raw FROM records WHERE gateway_id = ? AND kind = ? AND (? IS NULL OR sequence < ?) ORDER BY sequence DESC LIMIT 1",
        gateway_id,
        kinds.BRAKE,
        before,
        before,
    )
    return None if row is None else parse_record(bytes(row["raw"]))


def cause(db: Database, gateway_id: int, before: int) -> str:
    """What closed the brake that was closed just before this sequence."""
    released = db.number(
        "SELECT max(sequence) FROM records WHERE gateway_id = ? AND kind = ? AND sequence < ? AND json_extract(fields, '$.closed') = 0",
        gateway_id,
        kinds.BRAKE,
        before,
    )
    row = db.row(
        "SELECT raw FROM records WHERE gateway_id = ? AND kind = ? AND sequence > ? AND json_extract(fields, '$.state') = ?"
        " ORDER BY sequence LIMIT 1",
        gateway_id,
        kinds.SUSPECT,
        released,
        CLOSED_BY,
    )
    return "accounts due at once" if row is None else words.suspect(parse_record(bytes(row["raw"])))


def _held(db: Database, gateway_id: int) -> list[Row]:
    rows = db.rows(
        "SELECT r.raw FROM records r JOIN (SELECT account, max(sequence) AS last FROM records WHERE gateway_id = ? AND kind = ?"
        " GROUP BY account) d ON r.sequence = d.last WHERE r.gateway_id = ? ORDER BY r.account",
        gateway_id,
        kinds.DECISION,
        gateway_id,
    )
    held = []
    for row in rows:
        record = parse_record(bytes(row["raw"]))
        if record.number("verdict") in WAITS and record.number("failed") >> BRAKE_BIT & 1:
            others = words.conditions(record.number("failed") & ~(1 << BRAKE_BIT))
            held.append({
                "account": record.account, "since_s": record.at_s, "available_ucu": record.number("available_ucu"),
                "floor_ucu": record.number("floor_ucu"), "order": record.number("order"), "also": others,
            })  # fmt: skip
    return held
