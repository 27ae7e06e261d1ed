"""Is a journal whole and unchanged? An exported file, or the records held here, against chain and countersignature (SPEC 1, 5.5).

A gateway's records are chained, and the head-end countersigns the chain; the gateway stores that (ACKED) and cannot make it. So
a record that is changed alone breaks the chain; records that are left out are missing by number, or at the end by what was countersigned;
and books that were written anew, chain and all, differ from what was countersigned: a fork.

A file is made by `export-journal`, or by `journal_reader --write-export` of a flash image: records one behind the other, nothing else.

Traps avoided: a forger may also leave out all ACKED records; the countersignatures that left this head-end are kept here, and speak too.
An epoch that the head-end gave passes over numbers, so one that it did not give could hide records behind it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cbor2

from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.gaps import RECORDS, kept
from host_tools.head_end.messages import countersign
from host_tools.head_end.outgoing import STATE
from host_tools.journal_reader import BadRecord, Record, chain_after, kinds, parse_record, verify_chain
from host_tools.journal_reader.words import when

EDITED, SHORTENED, FORKED = "edited", "shortened", "forked"
GIVEN = 2  # EPOCH reason
PAIRS_TRIED, EPOCHS_TRIED = 16, 1_000
Finding = tuple[str, str]


@dataclass(frozen=True)
class Mark:
    """What the head-end countersigned, and who says so."""

    epoch: int
    sequence: int
    chain: bytes
    signed: bytes
    said: str


@dataclass
class Verdict:
    """`found` in the order of the journal; the first is the one to tell."""

    records: list[Record] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    countersigned: int = 0  # highest sequence under a countersignature that was checked
    signatures: int = 0  # at so many places

    def add(self, what: str, sentence: str) -> None:
        self.found.append((what, sentence))

    def as_json(self) -> dict[str, object]:
        return {
            "sound": not self.found,
            "records": len(self.records),
            "first": self.records[0].sequence if self.records else None,
            "last": self.records[-1].sequence if self.records else None,
            "countersigned": self.countersigned,
            "signatures": self.signatures,
            "found": [{"what": what, "sentence": sentence} for what, sentence in self.found],
            "notes": self.notes,
        }

    def in_words(self) -> str:
        if self.found:
            return ": ".join(self.found[0])
        covered = f"countersigned to record {self.countersigned} at {self.signatures} place{'s' if self.signatures > 1 else ''}"
        covered = covered if self.signatures else "chain only: no countersignature was checked"
        return f"sound: records {self.records[0].sequence} to {self.records[-1].sequence}, {covered}"


def verify_file(db: Database | None, path: str, gateway: str | None, part: bool) -> Verdict:
    """A file against itself and, with a database, against what this head-end holds and countersigned of the gateway. A `part` may
    begin late and end early."""
    verdict = Verdict()
    _read(path, verdict)
    records = verdict.records
    begins = records[0].sequence
    gateway_id = None if db is None else _gateway_of(db, records, gateway)
    before = _held_before(db, gateway_id, begins)
    _follow(verdict, before, [])
    if begins > 1 and not part:
        verdict.add(SHORTENED, f"the file begins with record {begins}: those before it are missing (--part: it is only a part)")
    _check_epochs(verdict, db, gateway_id)
    if db is None or gateway_id is None:
        _check_marks(verdict, list(_acked(records)), None, "")
        return verdict
    name, key = _name_and_key(db, gateway_id)
    marks = [*_acked(records), *_given(db, gateway_id)]
    _check_marks(verdict, marks, key, name)
    _compare(db, gateway_id, verdict)
    _ends_early(verdict, db, gateway_id, marks, part)
    return verdict


def verify_held(db: Database, gateway: str) -> Verdict:
    """The records of this database: raw bytes, their columns, chain, and every countersignature that was given."""
    row = db.row("SELECT * FROM gateways WHERE name = ?", gateway)
    if row is None:
        raise BadInput("gateway", f"{gateway} is unknown")
    gateway_id, verdict = int(row["id"]), Verdict()
    for held in db.run("SELECT * FROM records WHERE gateway_id = ? ORDER BY sequence", gateway_id):
        try:
            record = parse_record(bytes(held["raw"]))
        except BadRecord as fault:
            verdict.add(EDITED, f"record {held['sequence']} as held here cannot be read: {fault}")
            continue
        verdict.records.append(record)
        fields = {key: value.hex() if isinstance(value, bytes) else value for key, value in record.fields.items()}
        columns = (held["sequence"], held["kind"], held["at_s"], bytes(held["chain"]), json.loads(held["fields"]))
        if columns != (record.sequence, record.kind, record.at_s, record.chain, fields):
            verdict.add(EDITED, f"the columns of record {held['sequence']} say something else than its bytes")
    if not verdict.records:
        if not verdict.found and not int(row["sequence"]):
            raise BadInput("gateway", f"{gateway} has no record here yet")
        verdict.add(SHORTENED, f"no record is held, {row['sequence']} were")
        return verdict
    lost = kept(db, gateway_id, RECORDS)
    _follow(verdict, None, lost)
    _check_epochs(verdict, db, gateway_id)
    begins, last = verdict.records[0].sequence, verdict.records[-1].sequence
    if begins > 1 and not any(first <= 1 and begins - 1 <= end for first, end in lost):
        verdict.add(SHORTENED, f"records 1 to {begins - 1} are missing")
    verdict.notes += [f"records {first} to {end} were lost at the gateway before they came here" for first, end in lost]
    name, key = _name_and_key(db, gateway_id)
    marks = [*_acked(verdict.records), *_given(db, gateway_id)]
    _check_marks(verdict, marks, key, name)
    _ends_early(verdict, db, gateway_id, marks, False)
    if last == int(row["sequence"]) and verdict.records[-1].chain != bytes(row["chain"]):
        verdict.add(FORKED, f"record {last} has another chain than the gateway's books are continued from")
    return verdict


def export(db: Database, gateway: str, path: str) -> dict[str, object]:
    """All records held, one behind the other, into a new file."""
    row = db.row("SELECT id FROM gateways WHERE name = ?", gateway)
    if row is None:
        raise BadInput("gateway", f"{gateway} is unknown")
    raws = [bytes(r["raw"]) for r in db.run("SELECT raw FROM records WHERE gateway_id = ? ORDER BY sequence", row["id"])]
    if not raws:
        raise BadInput("gateway", f"{gateway} has no record here yet")
    try:
        with open(path, "xb") as file:
            file.write(b"".join(raws))
    except OSError as fault:
        raise BadInput("file", f"{path} cannot be written: {fault.strerror}") from fault
    return {"answer": "created", "file": path, "gateway": gateway, "records": len(raws), "bytes": sum(map(len, raws))}


def _read(path: str, verdict: Verdict) -> None:
    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise BadInput("file", f"{path} cannot be read: {fault.strerror}") from fault
    position = 0
    while position < len(data):
        try:
            record = parse_record(data, position)
        except BadRecord as fault:
            after = _next_record(data, position + 1)
            last = verdict.records[-1].sequence if verdict.records else 0
            if after == len(data) and str(fault) == "cut short":
                verdict.add(SHORTENED, f"the file ends inside record {last + 1}, at byte {len(data)}")
            else:
                verdict.add(EDITED, f"record {last + 1}, bytes {position} to {after - 1}, cannot be read: {fault}")
            position = after
            continue
        verdict.records.append(record)
        position += len(record.raw)
    if not verdict.records:
        raise BadInput("file", f"{path} holds not one record of a journal")


def _next_record(data: bytes, position: int) -> int:
    while position < len(data):
        try:
            parse_record(data, position)
            return position
        except BadRecord:
            position += 1
    return position


def _follow(verdict: Verdict, before: tuple[int, bytes] | None, lost: list[tuple[int, int]]) -> None:
    """Chain and numbers. What could not be read at all is told already, and is no gap besides."""
    records = verdict.records
    epoch, chain = before or (_first_epoch(records), None)
    if epoch is None and records[0].kind != kinds.EPOCH:
        verdict.notes.append("nothing says in which epoch it begins: up to the next one its chain is not checked")
    report = verify_chain(records, chain, epoch, own_flash=False)
    unread = {what for what, _ in verdict.found}
    findings: list[tuple[int, Finding]] = []
    for sequence, sentence in report.breaks:
        again = sentence.endswith("again")
        said = f"record {sequence} stands out of order" if again else f"the chain does not continue at record {sequence}: "
        findings.append((sequence, (EDITED, said if again else said + "it, or the one before it, is not what was written")))
    for first, last in report.gaps:
        if not unread and not any(start <= first and last <= end for start, end in lost):
            which = f"record {first} is" if first == last else f"records {first} to {last} are"
            findings.append((first, (SHORTENED, which + " missing")))
    verdict.found += [finding for _, finding in sorted(findings)]


def _check_epochs(verdict: Verdict, db: Database | None, gateway_id: int | None) -> None:
    """Epochs that are said to be given, against those that were."""
    given = None if db is None or gateway_id is None else _epochs_given(db, gateway_id)
    before = verdict.records[0].sequence - 1
    for record in verdict.records:
        if record.kind == kinds.EPOCH and record.number("reason") == GIVEN:
            epoch = record.number("epoch")
            if given is not None and (epoch, record.sequence) not in given:
                verdict.add(FORKED, f"record {record.sequence} begins epoch {epoch}, which this head-end did not give from there")
            elif record.sequence > before + 1:
                verdict.notes.append(f"numbers {before + 1} to {record.sequence - 1} are passed over by epoch {epoch}, said to be given")
        before = record.sequence


def _epochs_given(db: Database, gateway_id: int) -> set[tuple[int, int]]:
    """(epoch, first sequence) of every state that was made here for this gateway."""
    orders = db.rows("SELECT document FROM orders WHERE gateway_id = ? AND code = ?", gateway_id, STATE)
    states = [cbor2.loads(bytes(row["document"])) for row in orders]
    last = db.row("SELECT given_epoch, given_first FROM gateways WHERE id = ?", gateway_id)
    return {(state[1], state[2]) for state in states} | ({(int(last[0]), int(last[1]))} if last else set())


def _first_epoch(records: Sequence[Record]) -> int | None:
    """A part that begins inside an epoch says in its ACKED records in which, or its chain does."""
    for record in records:
        if record.kind == kinds.EPOCH:
            if record.sequence == records[0].sequence:
                return None
            return _epoch_that_fits(records) if record.number("reason") == GIVEN else record.number("epoch")
        if record.kind == kinds.ACKED and record.number("sequence") >= records[0].sequence:
            return record.number("epoch")
    return _epoch_that_fits(records)


def _epoch_that_fits(records: Sequence[Record]) -> int | None:
    """The one in which a record continues the one before it."""
    for before, record in zip(records[:PAIRS_TRIED], records[1:], strict=False):
        for epoch in range(1, EPOCHS_TRIED + 1):
            if chain_after(record, before.chain, epoch) == record.chain:
                return epoch
    return None


def _acked(records: Sequence[Record]) -> Iterator[Mark]:
    for record in records:
        if record.kind == kinds.ACKED and record.number("sequence"):
            place = (record.number("epoch"), record.number("sequence"), record.octets("chain"), record.octets("countersign"))
            yield Mark(*place, f"record {record.sequence} (ACKED)")


def _given(db: Database, gateway_id: int) -> Iterator[Mark]:
    for row in db.rows("SELECT * FROM acknowledgements WHERE gateway_id = ? ORDER BY sequence", gateway_id):
        said = f"the acknowledgement of {when(row['at_s'])}"
        yield Mark(int(row["epoch"]), int(row["sequence"]), bytes(row["chain"]), bytes(row["countersign"]), said)


def _check_marks(verdict: Verdict, marks: list[Mark], key: bytes | None, gateway: str) -> None:
    chains = {record.sequence: record.chain for record in verdict.records}
    findings: list[tuple[int, Finding]] = []
    checked: set[int] = set()
    for mark in marks:
        if key is not None and countersign(key, gateway, mark.epoch, mark.sequence, mark.chain) != mark.signed:
            said = f"{mark.said} bears a countersignature over record {mark.sequence} that this head-end did not make for {gateway}"
            findings.append((mark.sequence, (FORKED, said)))
        elif mark.sequence in chains and chains[mark.sequence] != mark.chain:
            said = f"record {mark.sequence} is not the one that was countersigned, says {mark.said}: the books were written anew"
            findings.append((mark.sequence, (FORKED, said)))
        elif key is not None and mark.sequence in chains:
            checked.add(mark.sequence)
    verdict.signatures, verdict.countersigned = len(checked), max(checked, default=0)
    verdict.found += [finding for _, finding in sorted(findings)]


def _compare(db: Database, gateway_id: int, verdict: Verdict) -> None:
    """The first record that is another one here; it was changed here when a countersignature behind it is for the file."""
    for record in verdict.records:
        row = db.row("SELECT raw FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, record.sequence)
        if row is not None and bytes(row["raw"]) != record.raw:
            if verdict.found:
                verdict.notes.append(f"record {record.sequence} is the first that differs from the one held here")
            elif verdict.countersigned >= record.sequence:
                verdict.add(EDITED, f"record {record.sequence} as held in the database: the file's is the one that was countersigned")
            else:
                verdict.add(FORKED, f"record {record.sequence} is another one than the one held here")
            return


def _ends_early(verdict: Verdict, db: Database, gateway_id: int, marks: list[Mark], part: bool) -> None:
    last = verdict.records[-1].sequence
    signed = max((mark.sequence for mark in marks), default=0)
    held = max(signed, db.number("SELECT sequence FROM gateways WHERE id = ?", gateway_id))
    if held <= last:
        return
    how = f"countersigned up to {signed}" if signed == held else f"held here up to {held}"
    if part:
        verdict.notes.append(f"it ends with record {last}, {how}")
    else:
        verdict.add(SHORTENED, f"it ends with record {last}, but records were {how}: the end was cut off, or it is older than that")


def _held_before(db: Database | None, gateway_id: int | None, sequence: int) -> tuple[int, bytes] | None:
    """Epoch and chain before a part, where the record before it is held."""
    if db is None or gateway_id is None or sequence == 1:
        return None
    row = db.row("SELECT epoch, chain FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, sequence - 1)
    return None if row is None else (int(row["epoch"]), bytes(row["chain"]))


def _gateway_of(db: Database, records: Sequence[Record], name: str | None) -> int:
    """The gateway named, else the one whose record or countersignature is in the file."""
    if name is not None:
        row = db.row("SELECT id FROM gateways WHERE name = ?", name)
        if row is None:
            raise BadInput("gateway", f"{name} is unknown")
        return int(row["id"])
    row = db.row("SELECT gateway_id FROM records WHERE sequence = ? AND raw = ?", records[0].sequence, records[0].raw)
    if row is not None:
        return int(row["gateway_id"])
    for gateway in db.rows("SELECT id FROM gateways ORDER BY id"):
        told, key = _name_and_key(db, int(gateway["id"]))
        if any(countersign(key, told, mark.epoch, mark.sequence, mark.chain) == mark.signed for mark in _acked(records)):
            return int(gateway["id"])
    raise BadInput("gateway", "nothing in the file says whose it is: name it with --gateway, or check the chain alone with --chain-only")


def _name_and_key(db: Database, gateway_id: int) -> tuple[str, bytes]:
    row = db.row("SELECT g.name, h.countersign_key FROM gateways g, head_end h WHERE g.id = ?", gateway_id)
    assert row is not None
    return str(row[0]), bytes(row[1])
