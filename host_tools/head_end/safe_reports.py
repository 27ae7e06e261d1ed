"""What a gateway in safe mode reports, sealed into its status (SPEC 5.3), and what that says of our orders.

A report is authentic, and its nonce is what orders for this stay must bear. An older one than the last is passed over; a normal
status, which bears no MAC, ends the stay here only until the next report.
"""

import sqlite3
from dataclasses import dataclass

import cbor2

from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadMessage
from host_tools.head_end.heard import Heard
from host_tools.head_end.messages import U32
from host_tools.journal_reader import words
from host_tools.journal_reader.supply_words import PHASE

SAFE = "safe"  # Heard.what
SEALED = 16  # field of a status
TEXT_MAX = 1_000
OUTCOMES_MAX = 64
SWAP = 22  # order code
TAKEN_AWAY = 12  # reason of a delivery
ACCEPTED, VERIFIED = 1, 5


@dataclass(frozen=True)
class Outcome:
    """One order and what came of it, in the order of the report."""

    code: int
    account: int
    number: int
    credit_number: int
    issuer: int
    verdict: int
    reason: int
    phase: int
    word: int
    detail: int
    at_s: int


@dataclass(frozen=True)
class Report:
    boot_count: int
    nonce: bytes
    firmware: int
    at_s: int
    broken: int
    fault: str
    left_s: int
    tries: int
    strange: int
    outcomes: list[Outcome]


def sealed_in(status: object) -> bytes | None:
    """The sealed report in a status; None in one of a normal life."""
    found = status.get(SEALED) if isinstance(status, dict) else None
    return found if isinstance(found, bytes) else None


def parse_report(value: object) -> Report:
    if not isinstance(value, dict) or set(value) != set(range(1, 11)):
        raise BadMessage("bad_fields", "the report of a safe mode must have the fields 1 to 10")
    fields = [value[key] for key in range(1, 11)]
    for key in (1, 3, 4, 5, 7, 8, 9):
        if not _is_number(value[key]):
            raise BadMessage("bad_fields", f"report of a safe mode, field {key}: must be a number, is {value[key]!r:.60}")
    if not isinstance(fields[1], bytes) or len(fields[1]) != 8:
        raise BadMessage("bad_fields", "report of a safe mode, field 2: must be 8 bytes")
    if not isinstance(fields[5], str) or len(fields[5]) > TEXT_MAX:
        raise BadMessage("bad_fields", "report of a safe mode, field 6: must be a text")
    rows = fields[9]
    if not isinstance(rows, list) or len(rows) > OUTCOMES_MAX or not all(_is_outcome(row) for row in rows):
        raise BadMessage("bad_fields", "report of a safe mode, field 10: must be a list of outcomes")
    return Report(*fields[:9], [Outcome(*row) for row in rows])


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= U32


def _is_outcome(row: object) -> bool:
    return isinstance(row, list) and len(row) == 11 and all(_is_number(value) for value in row)


def take(db: Database, gateway_id: int, name: str, report: Report, now_s: int) -> Heard | None:
    """Called inside a transaction. None when the report is older than the last."""
    before = db.row("SELECT * FROM safe_modes WHERE gateway_id = ?", gateway_id)
    if before is not None and report.boot_count < int(before["boot_count"]):
        db.count(name, "safe_report_old")
        return None
    begins = before is None or before["ended_s"] is not None or bytes(before["nonce"]) != report.nonce
    since_s = now_s if begins or before is None else int(before["since_s"])
    if begins:
        db.report(name, now_s, "safe_mode", f"{report.broken} lives in a row broke, nobody is cut; the last by: {printable(report.fault)}")
    strange = 0 if begins or before is None else int(before["strange"])
    if report.strange > strange:
        db.report(name, now_s, "strange_order", f"{report.strange} orders in safe mode were of another time, or recorded: refused")
    db.run(
        "INSERT OR REPLACE INTO safe_modes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        *(gateway_id, report.boot_count, report.nonce, printable(report.fault), report.broken, report.tries, report.left_s),
        *(report.strange, since_s, now_s),
    )
    came = db.row("SELECT online FROM gateways WHERE id = ?", gateway_id)
    db.run("UPDATE gateways SET online = 1, status_at_s = ? WHERE id = ?", now_s, gateway_id)
    for outcome in report.outcomes:
        _take_outcome(db, gateway_id, name, outcome, now_s)
    return Heard(name, SAFE, came_online=begins or came is None or not came["online"])


def _take_outcome(db: Database, gateway_id: int, name: str, told: Outcome, now_s: int) -> None:
    order = db.row(
        "SELECT * FROM orders WHERE gateway_id = ? AND account = ? AND number = ? AND code = ?",
        *(gateway_id, told.account, told.number, told.code),
    )
    if order is None:
        db.count(name, "safe_outcome_unknown")
        return
    values = (gateway_id, told.account, told.number, told.code, told.verdict, told.reason)
    values += (told.phase, told.word, told.detail, told.at_s)
    known = db.row("SELECT * FROM safe_outcomes WHERE gateway_id = ? AND account = ? AND number = ?", gateway_id, told.account, told.number)
    if known is not None and tuple(known)[:10] == values:
        return
    db.run("INSERT OR REPLACE INTO safe_outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *values, now_s)
    db.tell(name, now_s, "in_safe_mode", outcome_in_words(told))
    if order["state"] not in ("pending", "expired"):
        return
    accepted = told.verdict == ACCEPTED
    if told.account:  # what is older of its sort is answered by it
        db.run(
            "UPDATE orders SET state = 'overtaken' WHERE gateway_id = ? AND account = ? AND number < ? AND state = 'pending'"
            " AND (code = 1) = (? = 1) AND code IN (1, 2, 20)",
            *(gateway_id, told.account, told.number, told.code),
        )
    db.run("UPDATE orders SET state = ?, reason = ? WHERE id = ?", "accepted" if accepted else "refused", told.reason, order["id"])
    if accepted and told.code == SWAP:
        _swapped(db, gateway_id, order)


def _swapped(db: Database, gateway_id: int, order: sqlite3.Row) -> None:
    """What was taken away is not sent there again, and what was put there is there."""
    swap = cbor2.loads(bytes(order["document"]))
    for version, state, reason in ((swap[4], "refused", TAKEN_AWAY), (swap[5], "accepted", None)):
        if db.row("SELECT 1 FROM documents WHERE what = ? AND id = ? AND version = ?", swap[2], swap[3], version):
            values = (gateway_id, swap[2], swap[3], version, state, reason)
            db.run("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, NULL)", *values)


def outcome_in_words(told: Outcome | sqlite3.Row) -> str:
    code, account, number, verdict, reason, phase = (
        (told.code, told.account, told.number, told.verdict, told.reason, told.phase)
        if isinstance(told, Outcome)
        else tuple(told[name] for name in ("code", "account", "number", "verdict", "reason", "phase"))
    )
    text = f"account {account}: " if account else ""
    text += f"order {number} {words.word(words.ORDERS, code)} "
    if verdict != ACCEPTED:
        return text + "refused: " + words.word(words.ORDER_REASON, reason)
    return text + "taken" + (f", relay {words.word(PHASE, phase)}" if account else "")


def ended(db: Database, gateway_id: int, name: str, boot_count: int, now_s: int) -> None:
    """A normal status came, of a later life."""
    row = db.row("SELECT * FROM safe_modes WHERE gateway_id = ? AND ended_s IS NULL", gateway_id)
    if row is not None and boot_count > int(row["boot_count"]):
        db.run("UPDATE safe_modes SET ended_s = ? WHERE gateway_id = ?", now_s, gateway_id)
        db.tell(name, now_s, "safe_mode", "a normal life is tried")


def printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
