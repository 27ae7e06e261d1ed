"""What gateways say becomes rows: verified whole, stored in one transaction, and only then acknowledged (SPEC 5.1 to 5.3).

A journal message is stored whole or not at all. An overlap must repeat the same bytes; other bytes under a known
sequence are a fork, which is latched until the gateway has taken a signed state.
"""

import json

from host_tools.head_end import doubts, gaps, receipts, safe_reports
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadMessage
from host_tools.head_end.garbage import Garbage
from host_tools.head_end.heard import FORK, Heard
from host_tools.head_end.ingest_readings import take_readings
from host_tools.head_end.ingest_status import take_status
from host_tools.head_end.messages import JournalMessage, decode, parse_journal, parse_readings, parse_status, unseal
from host_tools.journal_reader import BadRecord, Record, chain_after, kinds, parse_record, parse_row


def ingest(db: Database, topic: str, payload: bytes, now_s: int, garbage: Garbage | None = None) -> Heard | None:
    """One message. None when nothing is to be answered; what does not verify is counted and reported, nothing else - at once, or
    with the rest of `garbage`."""
    kept = garbage or Garbage(db)
    try:
        return _take(db, topic, payload, now_s, kept)
    finally:
        if garbage is None:
            kept.write()


def _take(db: Database, topic: str, payload: bytes, now_s: int, garbage: Garbage) -> Heard | None:
    parts = topic.split("/")
    if len(parts) != 4 or parts[0] != "pg1" or parts[2] != "up":
        return None
    name = parts[1]
    gateway = db.row("SELECT * FROM gateways WHERE name = ?", name)
    if gateway is None:
        garbage.add("", now_s, "unknown_gateway")
        return None
    try:
        if parts[3] == "journal":
            message = parse_journal(unseal(payload, name, bytes(gateway["key"]), topic))
            with db.transaction():
                return _journal(db, int(gateway["id"]), name, message, now_s)
        if parts[3] == "readings":
            readings = parse_readings(decode(payload))
            with db.transaction():
                return take_readings(db, int(gateway["id"]), name, readings, now_s)
        if parts[3] == "status":
            told = decode(payload)
            sealed = safe_reports.sealed_in(told)
            if sealed is not None:
                report = safe_reports.parse_report(unseal(sealed, name, bytes(gateway["key"]), topic))
                with db.transaction():
                    return safe_reports.take(db, int(gateway["id"]), name, report, now_s)
            status = parse_status(told)
            with db.transaction():
                safe_reports.ended(db, int(gateway["id"]), name, status.boot_count, now_s)
                return take_status(db, int(gateway["id"]), name, status, now_s)
    except BadMessage as fault:
        garbage.add(name, now_s, fault.counter, f"{topic}: {fault}")
    return None


def _journal(db: Database, gateway_id: int, name: str, message: JournalMessage, now_s: int) -> Heard:
    gateway = db.row("SELECT * FROM gateways WHERE id = ?", gateway_id)
    assert gateway is not None
    records = _parse_all(message)
    held, heard = int(gateway["sequence"]), Heard(name, "journal")
    for record in records:
        stored = db.row("SELECT raw FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, record.sequence)
        if stored is not None and bytes(stored["raw"]) != record.raw:
            return _fork(db, gateway_id, heard, now_s, f"record {record.sequence} comes with other bytes")
    new = [record for record in records if record.sequence > held]
    if not new:
        doubts.answer(db, gateway_id, name, now_s)
        db.count(name, "journal_repeated")
        return heard
    given = _begins_given_epoch(new[0], gateway["given_epoch"], gateway["given_first"], int(gateway["epoch"]))
    lost = new[0].sequence > held + 1 and not given
    if lost and not (message.gone_from is not None and message.gone_from <= held + 1):
        gaps.awaits(db, gateway_id, gaps.RECORDS, held + 1, new[0].sequence, now_s)
        db.count(name, "journal_gap")
        heard.resend_from = held + 1
        return heard
    if new[0] is records[0] and not given and not lost and message.chain_before != bytes(gateway["chain"]):
        return _fork(db, gateway_id, heard, now_s, f"record {new[0].sequence} continues another chain than held")
    begins = held == 0 and (lost or new[0].kind == kinds.EPOCH)
    if message.epoch != int(gateway["epoch"]) and not given and not begins:
        return _fork(db, gateway_id, heard, now_s, f"epoch {message.epoch} was not given to this gateway")
    if lost:
        gaps.keep(db, gateway_id, name, gaps.RECORDS, held + 1, new[0].sequence - 1, "pruned", now_s)
    for record in new:
        _store(db, gateway_id, message.epoch, record, now_s)
        receipts.apply(db, gateway_id, name, record, now_s)
    doubts.answer(db, gateway_id, name, now_s)
    last = new[-1]
    db.run(
        "UPDATE gateways SET sequence = ?, chain = ?, epoch = ?, comparison = CASE WHEN ? THEN 0 ELSE comparison END WHERE id = ?",
        last.sequence,
        last.chain,
        message.epoch,
        given,
        gateway_id,
    )
    heard.stored = len(new)
    return heard


def _parse_all(message: JournalMessage) -> list[Record]:
    """Records of a message, each with its CRC, sequence and chain checked. BadMessage otherwise."""
    records: list[Record] = []
    chain = message.chain_before
    for index, raw in enumerate(message.records):
        try:
            record = parse_record(raw)
        except BadRecord as fault:
            raise BadMessage("bad_record", f"record {index} of the message: {fault}") from fault
        if len(record.raw) != len(raw) or record.sequence != message.first + index:
            raise BadMessage("bad_record", f"record {index} of the message is not sequence {message.first + index}")
        if chain_after(record, chain, message.epoch) != record.chain:
            raise BadMessage("bad_chain", f"the chain does not continue at sequence {record.sequence}")
        if record.kind == kinds.EPOCH and record.number("epoch") != message.epoch:
            raise BadMessage("bad_record", f"sequence {record.sequence} begins another epoch than the message says")
        records.append(record)
        chain = record.chain
    return records


def _begins_given_epoch(record: Record, given_epoch: int, given_first: int, epoch: int) -> bool:
    return record.kind == kinds.EPOCH and given_epoch > epoch and record.number("epoch") == given_epoch and record.sequence >= given_first


def _fork(db: Database, gateway_id: int, heard: Heard, now_s: int, sentence: str) -> Heard:
    db.run("UPDATE gateways SET comparison = ? WHERE id = ?", FORK, gateway_id)
    db.report(heard.gateway, now_s, "fork", sentence)
    return heard


def _store(db: Database, gateway_id: int, epoch: int, record: Record, now_s: int) -> None:
    account = record.account
    if record.kind == kinds.SNAPSHOT_ROW:
        account = parse_row(record.octets("row")).account
    fields = {key: value.hex() if isinstance(value, bytes) else value for key, value in record.fields.items()}
    db.run(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        gateway_id,
        record.sequence,
        epoch,
        record.kind,
        record.name,
        account,
        record.at_s,
        record.quality,
        record.chain,
        record.raw,
        json.dumps(fields),
        now_s,
    )
