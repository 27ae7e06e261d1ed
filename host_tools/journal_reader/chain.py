"""The chained hash over all records (SPEC section 1), followed record by record.

Trap avoided: a gap hides what came before it, so after one the record's own chain is taken as the new start, and the
gap is named; it never makes all later records look wrong.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from host_tools.journal_reader import kinds
from host_tools.journal_reader.record import Record

FIRST_CHAIN = bytes(8)


@dataclass
class ChainReport:
    """`gaps` are (first missing, last missing); `breaks` are (sequence, sentence); `ok` when there is neither."""

    epoch: int | None
    chain: bytes | None
    last_sequence: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    breaks: list[tuple[int, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.gaps and not self.breaks


def chain_after(record: Record, chain_before: bytes, epoch: int) -> bytes:
    """What the chain of `record` must be."""
    return hashlib.sha256(chain_before + struct.pack("<I", epoch) + record.raw[:-12]).digest()[:8]


def verify_chain(
    records: Sequence[Record],
    chain_before: bytes | None = None,
    epoch: int | None = None,
    after_sequence: int | None = None,
    own_flash: bool = True,
) -> ChainReport:
    """Follow `records`. Without `chain_before` the first record is believed, unless it is sequence 1, whose start is known.

    `epoch` is that of the record before; an EPOCH record sets its own. With `after_sequence` the first must follow it. A given epoch
    begins behind whatever the gateway had last: on its `own_flash` that stands there, a head-end may never have held it.
    """
    report = ChainReport(epoch, chain_before, after_sequence or 0)
    expected = None if after_sequence is None else after_sequence + 1
    for record in records:
        if expected is None and record.sequence == 1:
            report.chain = FIRST_CHAIN
        elif expected is not None and record.sequence > expected and not _given_epoch(record, report.epoch):
            report.gaps.append((expected, record.sequence - 1))
            report.chain = None
        elif expected is not None and record.sequence > expected and not own_flash:
            report.chain = None
        elif expected is not None and record.sequence < expected:
            report.breaks.append((record.sequence, "sequence " + str(record.sequence) + " comes again"))
            continue
        if record.kind == kinds.EPOCH:
            report.epoch = record.number("epoch")
        if report.chain is not None and report.epoch is not None:
            if chain_after(record, report.chain, report.epoch) != record.chain:
                report.breaks.append((record.sequence, "chain does not continue at sequence " + str(record.sequence)))
        report.chain = record.chain
        report.last_sequence = record.sequence
        expected = record.sequence + 1
    return report


def _given_epoch(record: Record, epoch: int | None) -> bool:
    """An epoch given by the head-end begins at the sequence it names: numbers are passed over, nothing is missing."""
    return record.kind == kinds.EPOCH and record.number("reason") == 2 and record.number("epoch") > (epoch or 0)
