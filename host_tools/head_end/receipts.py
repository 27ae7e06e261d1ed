"""A journal record is the receipt for what we sent: credits, orders, documents, state.

Trap avoided: PUBACK and even a gateway's word prove nothing; only the record with its chain ends the resending.
"""

from host_tools.head_end import openings, stays, transfers
from host_tools.head_end.database import Database
from host_tools.journal_reader import Record, kinds, parse_row

NO_CHANGE = 9


def apply(db: Database, gateway_id: int, gateway: str, record: Record, now_s: int) -> None:
    """Change what `record` answers. Called inside the transaction that stores it."""
    if record.kind == kinds.CARRIED:
        transfers.follow(db, gateway_id, gateway, record, now_s)
    if record.kind in (kinds.CREDIT, kinds.CREDIT_REFUSED):
        _credit(db, gateway_id, gateway, record, now_s)
    elif record.kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED):
        row = parse_row(record.octets("row"))
        for issuer, number, total_ucu in row.issuers if stays.counts(db, gateway_id, row.account, record.sequence) else ():
            _applied(db, record.sequence, row.account, issuer, number, total_ucu)
            openings.renumber(db, gateway, row.account, issuer, number, total_ucu, now_s)
    elif record.kind == kinds.ORDER:
        _order(db, gateway_id, record)
    elif record.kind == kinds.DOCUMENT:
        _document(db, gateway_id, gateway, record, now_s)
    elif record.kind == kinds.EPOCH:
        db.run(
            "UPDATE orders SET state = 'accepted', record_sequence = ? WHERE gateway_id = ? AND code = 8 AND state = 'pending'",
            record.sequence,
            gateway_id,
        )


def _credit(db: Database, gateway_id: int, gateway: str, record: Record, now_s: int) -> None:
    account, issuer, number = record.number("account"), record.number("issuer"), record.number("number")
    if not stays.counts(db, gateway_id, account, record.sequence):
        return  # the account lives elsewhere: there its credits are booked
    ours = db.row("SELECT * FROM credits WHERE account = ? AND issuer = ? AND number = ?", account, issuer, number)
    if ours is None or int(ours["total_ucu"]) != record.number("total_ucu"):
        what = "was not issued here" if ours is None else f"has total {ours['total_ucu']} here"
        db.report(
            gateway,
            now_s,
            "credit_differs",
            f"sequence {record.sequence}: credit {number} of issuer {issuer} for "
            f"account {account}, total {record.number('total_ucu')} ucu, {what}",
        )
        if record.kind == kinds.CREDIT:
            openings.renumber(db, gateway, account, issuer, number, record.number("total_ucu"), now_s)
        return
    if record.kind == kinds.CREDIT_REFUSED:
        db.run(
            "UPDATE credits SET receipt = 'refused', receipt_sequence = ?, receipt_reason = ?"
            " WHERE account = ? AND issuer = ? AND number = ? AND receipt = 'pending'",
            record.sequence,
            record.number("reason"),
            account,
            issuer,
            number,
        )
        return
    _applied(db, record.sequence, account, issuer, number, record.number("total_ucu"))


def _applied(db: Database, sequence: int, account: int, issuer: int, number: int, total_ucu: int) -> None:
    """The total of a higher number contains every lower one, also those that were lost or refused on the way."""
    db.run(
        "UPDATE credits SET receipt = 'applied', receipt_sequence = ?, receipt_reason = NULL"
        " WHERE account = ? AND issuer = ? AND number <= ? AND receipt != 'applied' AND EXISTS (SELECT 1 FROM credits c"
        " WHERE c.account = credits.account AND c.issuer = credits.issuer AND c.number = ? AND c.total_ucu = ?)",
        sequence,
        account,
        issuer,
        number,
        number,
        total_ucu,
    )


def _order(db: Database, gateway_id: int, record: Record) -> None:
    account, number, code = record.number("account"), record.number("number"), record.number("order")
    accepted = record.number("verdict") == 1
    if code in (5, 6):
        _document_order(db, gateway_id, record, accepted)
        return
    db.run(
        "UPDATE orders SET state = ?, reason = ?, failed = ?, record_sequence = ? WHERE gateway_id = ? AND account = ?"
        " AND number = ? AND code = ? AND (state IN ('pending', 'expired') OR state != 'overtaken' AND record_sequence IS NULL)",
        "accepted" if accepted else "refused",
        record.number("reason"),
        record.number("failed"),
        record.sequence,
        gateway_id,
        account,
        number,
        code,
    )
    openings.renumber_orders(db, gateway_id, account, number)


def _document_order(db: Database, gateway_id: int, record: Record, accepted: bool) -> None:
    """An ORDER about a document names its version, and its id in credit_number; 0 there when it could not even be parsed.

    "No change" is a receipt as good as a DOCUMENT record: the gateway holds this text already.
    """
    if accepted:
        return  # the DOCUMENT record names it fully
    what, version, identity = record.number("order") - 4, record.number("number"), record.number("credit_number")
    still_open = db.rows(
        "SELECT id FROM documents d WHERE what = ? AND version = ? AND ? IN (0, id) AND NOT EXISTS (SELECT 1 FROM deliveries v"
        " WHERE v.gateway_id = ? AND v.what = d.what AND v.id = d.id AND v.version = d.version)",
        what,
        version,
        identity,
        gateway_id,
    )
    if len(still_open) != 1:
        return
    state = "accepted" if record.number("reason") == NO_CHANGE else "refused"
    values = (gateway_id, what, still_open[0]["id"], version, state, record.number("reason"), record.sequence)
    db.run("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?)", *values)


def _document(db: Database, gateway_id: int, gateway: str, record: Record, now_s: int) -> None:
    key = (record.number("what"), record.number("id"), record.number("version"))
    ours = db.row("SELECT digest FROM documents WHERE what = ? AND id = ? AND version = ?", *key)
    if ours is None or bytes(ours["digest"]) != record.octets("digest"):
        db.report(gateway, now_s, "document_differs", f"sequence {record.sequence}: document {key} is not the one kept here")
        return
    db.run("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, 'accepted', NULL, ?)", gateway_id, *key, record.sequence)
