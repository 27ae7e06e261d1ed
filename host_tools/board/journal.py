"""The journal over the console: records decoded and their chain checked here, gaps asked for again and then named.

Trap avoided: a line that was garbled on the wire looks like a record that is missing in the books; so what is missing is asked
for again before it is called missing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from host_tools.board.console_client import ConsoleClient
from host_tools.board.errors import BadInput
from host_tools.journal_reader import BadRecord, ChainReport, Record, parse_record, verify_chain

TRIES = 3
SEQUENCE_MAX = 0xFFFFFFFF
COUNT_MAX = (1 << 30) - 1


@dataclass
class Books:
    """Records by sequence, and what the board says it holds."""

    oldest: int = 0
    last: int = 0
    first: int = 0
    records: dict[int, Record] = field(default_factory=dict)
    starts: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # sequence -> epoch and chain before it
    garbled: int = 0

    def in_order(self) -> list[Record]:
        return [self.records[sequence] for sequence in sorted(self.records)]

    def chain(self) -> ChainReport:
        """The chain from the first record on; an unknown beginning is believed."""
        records = self.in_order()
        if not records:
            return ChainReport(None, None)
        epoch, chain = self.starts.get(records[0].sequence, (None, None))
        return verify_chain(records, chain, epoch, records[0].sequence - 1)


def read_journal(board: ConsoleClient, first: int | None, count: int, on_record: Callable[[int], None] | None = None) -> Books:
    """`count` records from `first` on, or the newest ones."""
    books = Books()
    _fetch(board, books, first, count, on_record)
    wanted = first if first is not None else max(1, books.oldest, books.last - count + 1)
    books.first = max(wanted, books.oldest)
    end = min(books.last, wanted + count - 1)
    for _ in range(TRIES):
        gaps = _gaps(books, books.first, end)
        if not gaps:
            break
        for gap_first, gap_last in gaps:
            _fetch(board, books, gap_first, gap_last - gap_first + 1, on_record)
    for sequence in [one for one in books.records if one > end or one < books.first]:
        del books.records[sequence]
    return books


def _fetch(board: ConsoleClient, books: Books, first: int | None, count: int, on_record: Callable[[int], None] | None) -> None:
    asked: dict[str, int] = {"count": min(count, COUNT_MAX)}
    if first is not None:
        if not 1 <= first <= SEQUENCE_MAX:
            raise BadInput("from", f"must be 1 ... {SEQUENCE_MAX}, got {first}")
        asked["from"] = first
    for row in board.ask("journal", **asked):
        if "held" in row:
            oldest, last = row["held"]
            books.oldest, books.last = oldest, books.last or last
        elif "piece" in row:
            epoch, sequence, chain = row["piece"]
            books.starts[sequence] = (epoch, bytes.fromhex(chain))
        elif "bytes" in row:
            try:
                record = parse_record(bytes.fromhex(row["bytes"]))
            except (BadRecord, ValueError):
                books.garbled += 1
                continue
            books.records[record.sequence] = record
            if on_record is not None:
                on_record(len(books.records))


def _gaps(books: Books, first: int, last: int) -> list[tuple[int, int]]:
    """Ranges between the records that are here."""
    gaps = []
    expected = first
    for sequence in sorted(books.records):
        if sequence > expected:
            gaps.append((expected, min(sequence - 1, last)))
        expected = max(expected, sequence + 1)
    if expected <= last:
        gaps.append((expected, last))
    return gaps
