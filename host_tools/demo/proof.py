"""Exactly once: what the wire saw acknowledged against what a reader that shares no code with the firmware finds on flash.

The region is a copy of the file taken while the gateway was dead. A credit that was acknowledged has its record once; one that
a later total already contained needs none of its own (SPEC: a higher number sets the total). An acknowledged order has
its verdict once, an acknowledged document its digest; what the head-end countersigned, and what was published, is there
with the same bytes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.demo.wire_log import WireLog
from host_tools.journal_reader import JournalImage, Record, kinds, parse_row, read_region

NUMBER_USED = 3
STATE = 8  # an order answered by an epoch, which is not part of this story


@dataclass
class Proof:
    """`faults` are sentences; there is none when everything acknowledged is there exactly once. `unkept` likewise for
    what was published."""

    image: JournalImage
    credits: int = 0
    orders: int = 0
    documents: int = 0
    countersigned: int = 0
    published: int = 0
    faults: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)

    @property
    def acknowledgements(self) -> int:
        return self.credits + self.orders + self.documents + self.countersigned

    def words(self) -> str:
        """What was proven, or the first fault."""
        if self.faults:
            return f"{len(self.faults)} faults, first: {self.faults[0]}"
        return (f"{self.acknowledgements} acknowledgements ({self.credits} credits, {self.orders} orders, {self.documents} "
                f"documents, {self.countersigned} countersigned), each once")


def prove(log: WireLog, region: Path, erase_size: int, program_unit: int, journal_bytes: int) -> Proof:
    """Compare the wire with the region that the gateway left."""
    return compare(log, read_region(region, erase_size, program_unit, journal_bytes))


def compare(log: WireLog, image: JournalImage) -> Proof:
    """Compare the wire with what stands on flash."""
    proof = Proof(image)
    records = image.records
    twice = [number for number, count in Counter(record.sequence for record in records).items() if count > 1]
    proof.faults += [f"sequence {number} stands twice" for number in twice]
    by_sequence = {record.sequence: record for record in records}
    _credits(proof, log, records)
    _orders(proof, log, records)
    _documents(proof, log, records)
    for _, sequence, chain in log.head_end_acks:
        if not sequence:
            continue
        proof.countersigned += 1
        found = by_sequence.get(sequence)
        if found is None or found.chain != chain:
            proof.faults.append(f"the head-end countersigned sequence {sequence}, which is not here with that hash")
    proof.unkept += [f"sequence {number} was published with two contents" for number in log.records_changed]
    for sequence, raw in log.records_sent.items():
        proof.published += 1
        found = by_sequence.get(sequence)
        if found is None or found.raw != raw:
            proof.unkept.append(f"sequence {sequence} was published and is not here with those bytes")
    return proof


def records_of(image: JournalImage, account: int, last: int) -> Iterator[Record]:
    """Records of one account up to sequence `last`, its snapshot rows with them."""
    for record in image.records:
        row = record.kind == kinds.SNAPSHOT_ROW
        whose = parse_row(record.octets("row")).account if row else record.account
        if whose == account and record.sequence <= last:
            yield record


def _credits(proof: Proof, log: WireLog, records: list[Record]) -> None:
    booked: Counter[tuple[int, int, int]] = Counter()
    applied: dict[tuple[int, int, int], tuple[int, int]] = {}
    highest: dict[tuple[int, int], int] = {}
    for record in records:
        if record.kind not in (kinds.CREDIT, kinds.CREDIT_REFUSED):
            continue
        name = account, issuer, number = record.number("account"), record.number("issuer"), record.number("number")
        booked[name] += 1
        if record.kind == kinds.CREDIT:
            applied[name] = record.number("amount_ucu"), record.number("total_ucu")
            highest[(account, issuer)] = max(number, highest.get((account, issuer), 0))
    for name in log.credits_acked:
        proof.credits += 1
        account, issuer, number = name
        if booked[name] == 0 and highest.get((account, issuer), 0) <= number:
            proof.faults.append(f"credit {number} of account {account} was acknowledged and is not here")
        elif name in applied and applied[name] != log.credit_money.get(name):
            proof.faults.append(f"credit {number} of account {account} is here with another amount or total")
    proof.faults += [f"credit {name[2]} of account {name[0]} is here {count} times"
                     for name, count in booked.items() if count > 1]


def _orders(proof: Proof, log: WireLog, records: list[Record]) -> None:
    verdicts = Counter(
        (record.number("order"), record.number("account"), record.number("number")) for record in records
        if record.kind == kinds.ORDER and record.number("reason") != NUMBER_USED
    )
    for name in log.orders_acked:
        order, account, number = name
        if order == STATE:
            continue
        proof.orders += 1
        if verdicts[name] != 1:
            proof.faults.append(f"order {number} of account {account} was acknowledged and is here {verdicts[name]} times")


def _documents(proof: Proof, log: WireLog, records: list[Record]) -> None:
    """A document that was acknowledged stands there by its digest, once, however often it was sent."""
    kept = Counter(record.octets("digest") for record in records if record.kind == kinds.DOCUMENT)
    for digest in log.documents_acked:
        proof.documents += 1
        if kept[digest] != 1:
            proof.faults.append(f"the document with digest {digest.hex()} was acknowledged and is here {kept[digest]} times")
