"""A small good world for the demo's claims: each test breaks one thing of it."""

import hashlib
from typing import Any

from host_tools.demo.console import CLOSED, OPEN, Noted
from host_tools.demo.wire_log import WireLog
from host_tools.journal_reader import JournalImage, Record, kinds, pack_record, parse_record, verify_chain
from host_tools.simulators.client import RelayState, SiteEvent

GATEWAY, KEY = "lamp-1", bytes(range(32))
CUSTOMER, METER = 1001, "210000000001"
DOCUMENT = b'{"tariff": 1}'
DIGEST = hashlib.sha256(DOCUMENT).digest()[:8]
NEVER_S = 0xFFFFFFFF


def relay(opened: bool = False, movements: int = 0) -> RelayState:
    """Contacts of a simulated meter."""
    return RelayState(open=opened, wants_open=opened, armed=False, keep_power=False, alarm=False, welded=False, movements=movements)


def event(kind: str, at_s: float, meter: str = METER, **more: Any) -> SiteEvent:
    """Something that a simulated meter noted."""
    return SiteEvent(n=1, mono_ms=round(at_s * 1000), meter=meter, kind=kind, **more)


def noted(name: str, at: float, **fields: Any) -> Noted:
    """A record as the console told it."""
    number = next(kind.number for kind in kinds.KINDS.values() if kind.name == name)
    return Noted(at, 1, Record(number, name, 1, 0, 3, fields, b"", b""))


def decision(verdict: int, failed: int, available_ucu: int = -846_000) -> Noted:
    return noted("DECISION", 10.0, account=CUSTOMER, verdict=verdict, failed=failed, available_ucu=available_ucu)


def cut_world() -> dict[str, Any]:
    """What `read_back` is given when a cut at 10 s opened the contacts at 11 s and was read back at 12 s."""
    return {
        "since": 10.0, "moves": [event("relay_moved", 11.0, open=True)], "meter_word": 0xD8,
        "seen": [noted("SEEN", 12.0, account=CUSTOMER, seen=OPEN, status_word=0xD8)],
        "proven": [noted("RELAY", 12.0, account=CUSTOMER, action=1, phase=5, word=0xD8)], "wanted": OPEN,
    }


def restore_world() -> dict[str, Any]:
    """The same for a restore after a cut."""
    return {
        "since": 20.0, "moves": [event("relay_moved", 11.0, open=True), event("relay_moved", 21.0, open=False)],
        "meter_word": 0x88, "seen": [noted("SEEN", 22.0, account=CUSTOMER, seen=CLOSED, status_word=0x88)],
        "proven": [noted("RELAY", 22.0, account=CUSTOMER, action=2, phase=5, word=0x88)], "wanted": CLOSED,
    }


def journal(leave_out: int | None = None) -> list[Record]:
    """Five records of a small life, chained; one may be left out."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("EPOCH", {"epoch": 1, "reason": 1, "boot_count": 1, "firmware": 256}),
        ("DOCUMENT", {"what": 1, "id": 1, "version": 1, "digest": DIGEST}),
        ("CREDIT", {"account": CUSTOMER, "issuer": 1, "number": 1, "amount_ucu": 10_000_000, "total_ucu": 10_000_000}),
        ("ORDER", {"account": CUSTOMER, "number": 1, "order": 1, "verdict": 2, "reason": 2, "failed": 0, "credit_number": 1,
                   "expires_at_s": 0}),
        ("EPISODE", {"account": CUSTOMER, "episode": 1, "open": 1, "available_ucu": 4_000_000}),
    ]
    records: list[Record] = []
    chain = bytes(8)
    for sequence, (name, fields) in enumerate(told, 1):
        raw = pack_record(name, sequence, 1_700_000_000, 3, 1, chain, **fields)
        record = parse_record(raw)
        chain = record.chain
        if sequence != leave_out:
            records.append(record)
    return records


def image(records: list[Record]) -> JournalImage:
    """What an independent reader would say of these records."""
    return JournalImage(records=records, epoch=1, chain=verify_chain(records, 1))


def wire(records: list[Record]) -> WireLog:
    """A wire on which all of that journal was acknowledged and published."""
    log = WireLog(GATEWAY, KEY)
    log.credits_acked[(CUSTOMER, 1, 1)] += 1
    log.credit_money[(CUSTOMER, 1, 1)] = (10_000_000, 10_000_000)
    log.orders_acked[(1, CUSTOMER, 1)] += 1
    log.documents_acked[DIGEST] += 1
    log.head_end_acks.append((1, 3, records[2].chain))
    log.records_sent = {record.sequence: record.raw for record in records}
    return log
