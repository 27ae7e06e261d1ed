"""What must agree for a whole gateway: bytes with columns, chain with countersignatures, readings with their acknowledgement."""

import json
import sqlite3

from host_tools.head_end.database import Database
from host_tools.head_end.gaps import READINGS, RECORDS, kept, reach_of_readings
from host_tools.head_end.messages import countersign
from host_tools.journal_reader import BadRecord, Record, kinds, parse_record, parse_row, verify_chain
from host_tools.journal_reader.words import word

WHAT = {1: "tariff", 2: "policy"}


def differences(db: Database) -> list[str]:
    """One sentence for each."""
    found: list[str] = []
    for gateway in db.rows("SELECT * FROM gateways ORDER BY name"):
        sentences, records = _read(db, gateway)
        sentences += _chain(db, gateway, records)
        sentences += _countersigned(db, gateway, {record.sequence: record for record in records})
        sentences += _documents(db, records)
        held = reach_of_readings(db, int(gateway["id"]), 0)
        if held < int(gateway["readings_held"]):
            sentences.append(f"readings acknowledged to {gateway['readings_held']}, held to {held}")
        strange = {account for account, _ in _outside(db, int(gateway["id"]), records)} - _excused(db, int(gateway["id"]))
        sentences += [f"moves money of account {account}, which is not its own" for account in sorted(strange, key=str)]
        found += [f"gateway {gateway['name']}: {sentence}" for sentence in sentences]
    return found


def _outside(db: Database, gateway_id: int, records: list[Record]) -> list[tuple[int | None, Record]]:
    """Records that move money of an account while it does not live there."""
    lived: dict[int, list[tuple[int, int]]] = {}
    for row in db.rows("SELECT account, first, last FROM stays WHERE gateway_id = ?", gateway_id):
        lived.setdefault(int(row["account"]), []).append((int(row["first"]), int(row["last"])))
    return [
        (record.account, record)
        for record in records
        if record.kind in (kinds.CHARGE, kinds.CREDIT)
        and not any(first <= record.sequence <= last for first, last in lived.get(record.account or 0, []))
    ]


def _excused(db: Database, gateway_id: int) -> set[int | None]:
    """Accounts that were taken from it while it was not heard, or that it began as its own before their books came."""
    rows = db.rows(
        "SELECT account FROM transfers WHERE from_gateway_id = ? AND from_books UNION SELECT account FROM stays WHERE gateway_id = ?"
        " AND place > 1",
        *(gateway_id, gateway_id),
    )
    return {int(row["account"]) for row in rows}


def void(db: Database) -> list[str]:
    """What gateways charged and booked for such an account outside of its stay: it is in no books."""
    found = []
    moving = "SELECT from_gateway_id FROM transfers UNION SELECT to_gateway_id FROM transfers"
    for gateway in db.rows(f"SELECT * FROM gateways WHERE id IN ({moving}) ORDER BY name"):
        count: dict[int | None, int] = {}
        for account, _ in _outside(db, int(gateway["id"]), _read(db, gateway)[1]):
            count[account] = count.get(account, 0) + 1
        for account in sorted(_excused(db, int(gateway["id"])) & set(count), key=str):
            said = f"{count[account]} charges and credits of account {account} are void, which lived elsewhere then"
            found.append(f"gateway {gateway['name']}: {said}")
    return found


def notes(db: Database) -> list[str]:
    """What the gateways themselves hold no more, so that nobody can check it, and what counts nowhere."""
    return void(db) + [
        f"gateway {row['name']}: {what} {first} to {last} were lost before they were held here"
        for row in db.rows("SELECT id, name FROM gateways ORDER BY name")
        for what in (RECORDS, READINGS)
        for first, last in kept(db, int(row["id"]), what)
    ]


def _read(db: Database, gateway: sqlite3.Row) -> tuple[list[str], list[Record]]:
    """The records by their bytes, and what the columns beside them say otherwise."""
    found: list[str] = []
    records: list[Record] = []
    epoch = 0
    for row in db.run("SELECT * FROM records WHERE gateway_id = ? ORDER BY sequence", gateway["id"]):
        try:
            record = parse_record(bytes(row["raw"]))
        except BadRecord as fault:
            found.append(f"record {row['sequence']} cannot be read: {fault}")
            continue
        records.append(record)
        epoch = record.number("epoch") if record.kind == kinds.EPOCH else epoch or int(row["epoch"])
        account = parse_row(record.octets("row")).account if record.kind == kinds.SNAPSHOT_ROW else record.account
        fields = {key: value.hex() if isinstance(value, bytes) else value for key, value in record.fields.items()}
        told = (row["sequence"], row["epoch"], row["kind"], row["account"], row["at_s"], row["quality"], row["chain"], row["fields"])
        if told != (record.sequence, epoch, record.kind, account, record.at_s, record.quality, record.chain, json.dumps(fields)):
            found.append(f"record {row['sequence']}: the table says other than its bytes")
    return found, records


def _chain(db: Database, gateway: sqlite3.Row, records: list[Record]) -> list[str]:
    report = verify_chain(records, own_flash=False)
    missing = [(1, records[0].sequence - 1)] if records and records[0].sequence > 1 else []
    lost = kept(db, int(gateway["id"]), RECORDS)
    found = [f"records {first} to {last} are missing" for first, last in missing + report.gaps if (first, last) not in lost]
    found += [sentence for _, sentence in report.breaks]
    held = records[-1].sequence if records else 0
    if held != gateway["sequence"]:
        found.append(f"acknowledged to {gateway['sequence']}, held to {held}")
    elif records and records[-1].chain != bytes(gateway["chain"]):
        found.append(f"the chain at record {held} is not the one that was acknowledged")
    return found


def _countersigned(db: Database, gateway: sqlite3.Row, records: dict[int, Record]) -> list[str]:
    """Each acknowledgement that left, against the chain held now: later editing shows here."""
    secret = db.row("SELECT countersign_key FROM head_end")
    found: list[str] = []
    for row in db.run("SELECT * FROM acknowledgements WHERE gateway_id = ? ORDER BY sequence", gateway["id"]):
        record = records.get(int(row["sequence"]))
        if record is None:
            continue  # missing records are named already
        if record.chain != bytes(row["chain"]):
            found.append(f"record {row['sequence']} was acknowledged with another chain: it was changed afterwards")
        elif secret is None or bytes(row["countersign"]) != countersign(
            bytes(secret[0]), gateway["name"], row["epoch"], row["sequence"], bytes(row["chain"])
        ):
            found.append(f"the countersignature over record {row['sequence']} is not ours")
    return found


def _documents(db: Database, records: list[Record]) -> list[str]:
    found: list[str] = []
    for record in records:
        if record.kind == kinds.DOCUMENT:
            key = (record.number("what"), record.number("id"), record.number("version"))
            ours = db.row("SELECT digest FROM documents WHERE what = ? AND id = ? AND version = ?", *key)
            name = f"sequence {record.sequence}: {word(WHAT, key[0])} {key[1]} version {key[2]}"
            if ours is None:
                found.append(f"{name} is not kept here")
            elif bytes(ours["digest"]) != record.octets("digest"):
                found.append(f"{name} has another digest than the one kept here")
    return found
