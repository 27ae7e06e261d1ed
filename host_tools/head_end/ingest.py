"""What gateways say becomes rows: verified whole, stored in one transaction, and only then acknowledged (SPEC 5.1 to 5.3).

A journal message is stored whole or not at all. An overlap must repeat the same bytes; other bytes under a known
sequence are a fork, which is latched until the gateway has taken a signed state.
"""

import json
from dataclasses import asdict, dataclass

from host_tools.head_end import receipts
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadMessage
from host_tools.head_end.messages import (
    JournalMessage,
    ReadingItem,
    Status,
    decode,
    parse_journal,
    parse_readings,
    parse_status,
    unseal,
)
from host_tools.journal_reader import BadRecord, Record, chain_after, kinds, parse_record, parse_row

AGREES, BEHIND, FORK, UNKNOWN = 0, 1, 2, 3


@dataclass
class Heard:
    """What a message asks of us: an acknowledgement with these fields beside the cumulative ones."""

    gateway: str
    what: str
    resend_from: int | None = None
    resend_readings_from: int | None = None
    challenge: bytes | None = None
    came_online: bool = False
    stored: int = 0


def ingest(db: Database, topic: str, payload: bytes, now_s: int) -> Heard | None:
    """One message. None when nothing is to be answered; what does not verify is counted and reported, nothing else."""
    parts = topic.split("/")
    if len(parts) != 4 or parts[0] != "pg1" or parts[2] != "up":
        return None
    name = parts[1]
    gateway = db.row("SELECT * FROM gateways WHERE name = ?", name)
    if gateway is None:
        with db.transaction():
            db.count("", "unknown_gateway")
        return None
    try:
        if parts[3] == "journal":
            message = parse_journal(unseal(payload, name, bytes(gateway["key"]), topic))
            with db.transaction():
                return _journal(db, int(gateway["id"]), name, message, now_s)
        if parts[3] == "readings":
            with db.transaction():
                return _readings(db, int(gateway["id"]), name, payload, now_s)
        if parts[3] == "status":
            with db.transaction():
                return _status(db, int(gateway["id"]), name, parse_status(decode(payload)), now_s)
    except BadMessage as fault:
        with db.transaction():
            db.report(name, now_s, fault.counter, f"{topic}: {fault}")
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
        db.count(name, "journal_repeated")
        return heard
    given = _begins_given_epoch(new[0], gateway["given_epoch"], gateway["given_first"], int(gateway["epoch"]))
    if new[0].sequence > held + 1 and not given:
        db.count(name, "journal_gap")
        heard.resend_from = held + 1
        return heard
    if new[0] is records[0] and not given and message.chain_before != bytes(gateway["chain"]):
        return _fork(db, gateway_id, heard, now_s, f"record {new[0].sequence} continues another chain than held")
    if message.epoch != int(gateway["epoch"]) and not given and not (held == 0 and new[0].kind == kinds.EPOCH):
        return _fork(db, gateway_id, heard, now_s, f"epoch {message.epoch} was not given to this gateway")
    for record in new:
        _store(db, gateway_id, message.epoch, record, now_s)
        receipts.apply(db, gateway_id, name, record, now_s)
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


def _readings(db: Database, gateway_id: int, name: str, payload: bytes, now_s: int) -> Heard:
    message = parse_readings(decode(payload))
    heard = Heard(name, "readings")
    for reading in message.readings:
        _store_reading(db, gateway_id, name, reading, now_s)
    held = db.number("SELECT readings_held FROM gateways WHERE id = ?", gateway_id)
    reached = advance_readings(db, gateway_id, held)
    first = min((reading.number for reading in message.readings), default=0)
    if not message.live and first > reached + 1:
        heard.resend_readings_from = reached + 1
    heard.stored = len(message.readings)
    return heard


def _store_reading(db: Database, gateway_id: int, name: str, item: ReadingItem, now_s: int) -> None:
    values = (item.account, item.at_s, item.quality, item.marks, *item.registers, item.power_w, item.status_word)
    stored = db.run(
        "INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        gateway_id,
        item.number,
        *values,
        now_s,
    )
    if stored.rowcount == 0:
        old = db.row("SELECT * FROM readings WHERE gateway_id = ? AND number = ?", gateway_id, item.number)
        # marks may have changed between the live copy and the stored one; the registers may not
        if old is not None and (tuple(old)[2:4], tuple(old)[6:11]) != (values[0:2], values[4:9]):
            db.report(name, now_s, "reading_conflict", f"reading {item.number} comes with other values; the first is kept")


def advance_readings(db: Database, gateway_id: int, held: int) -> int:
    """The highest reading below which all are held or named as dropped; stored as readings_held."""
    while True:
        before = held
        for row in db.run("SELECT number FROM readings WHERE gateway_id = ? AND number > ? ORDER BY number", gateway_id, held):
            if int(row["number"]) != held + 1:
                break
            held += 1
        for row in db.rows("SELECT fields FROM records WHERE kind = ? AND gateway_id = ?", kinds.READINGS_GAP, gateway_id):
            gap = json.loads(row["fields"])
            if gap["first"] <= held + 1 <= gap["last"]:
                held = gap["last"]
        if held == before:
            break
    db.run("UPDATE gateways SET readings_held = ? WHERE id = ? AND readings_held < ?", held, gateway_id, held)
    return held


def _status(db: Database, gateway_id: int, name: str, status: Status, now_s: int) -> Heard | None:
    gateway = db.row("SELECT * FROM gateways WHERE id = ?", gateway_id)
    assert gateway is not None
    if not status.online:
        db.run("UPDATE gateways SET online = 0 WHERE id = ?", gateway_id)
        return None
    if gateway["challenge"] is not None and bytes(gateway["challenge"]) == status.challenge:
        # a repeat, or the retained copy of what was answered: comparing it now would call a sound gateway behind
        db.run("UPDATE gateways SET online = 1 WHERE id = ?", gateway_id)
        return Heard(name, "status", came_online=not gateway["online"])
    comparison = _compare(db, gateway_id, status)
    if comparison == AGREES and gateway["comparison"] == FORK and status.epoch <= int(gateway["epoch"]):
        comparison = FORK  # only a new epoch ends a fork
    if comparison != int(gateway["comparison"]) and comparison != AGREES:
        word = {BEHIND: "behind", FORK: "fork"}[comparison]
        db.report(
            name,
            now_s,
            word,
            f"gateway says epoch {status.epoch} sequence {status.sequence}, held are epoch "
            f"{gateway['epoch']} sequence {gateway['sequence']}",
        )
    told = asdict(status) | {"chain": status.chain.hex(), "challenge": status.challenge.hex()}
    heard = Heard(name, "status", challenge=status.challenge, came_online=True)
    before = json.loads(gateway["status"]) if gateway["status"] else None
    if comparison == AGREES and before and before.get("held") == gateway["sequence"] and before["sequence"] > gateway["sequence"]:
        heard.resend_from = int(gateway["sequence"]) + 1  # nothing came since the last status: something was lost
    told["held"] = gateway["sequence"]
    db.run(
        "UPDATE gateways SET online = 1, status = ?, status_at_s = ?, challenge = ?, comparison = ? WHERE id = ?",
        json.dumps(told),
        now_s,
        status.challenge,
        comparison,
        gateway_id,
    )
    return heard


def _compare(db: Database, gateway_id: int, status: Status) -> int:
    """SPEC 5.5 field 8 for what the gateway says of itself."""
    gateway = db.row("SELECT * FROM gateways WHERE id = ?", gateway_id)
    assert gateway is not None
    held, epoch, given = int(gateway["sequence"]), int(gateway["epoch"]), int(gateway["given_epoch"])
    if given > epoch and status.epoch == given:
        return AGREES  # it took the state; its records will follow
    if given > epoch and gateway["comparison"] in (BEHIND, FORK):
        return int(gateway["comparison"])  # a state was given and is not taken yet
    if held == 0:
        return AGREES
    if status.sequence == 0:
        return BEHIND
    if status.sequence <= held:
        stored = db.row("SELECT chain FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, status.sequence)
        if stored is None or bytes(stored["chain"]) != status.chain:
            return FORK
        return AGREES if status.sequence == held else BEHIND
    return AGREES if status.epoch == epoch else FORK
