"""Journal reader: a second, independent reading of the gateway's books (SPEC sections 1 to 4), for hosts.

It parses single records, NOR region images and exports with plain `struct`, and shares no code with the firmware: what
both agree on is the format, not a bug.
"""

from host_tools.journal_reader.account_row import DEBT_ISSUER, ROW_SIZE, AccountRow, pack_row, pack_whole_row, parse_row
from host_tools.journal_reader.chain import ChainReport, chain_after, verify_chain
from host_tools.journal_reader.record import BadRecord, Record, pack_record, parse_record
from host_tools.journal_reader.region import JournalImage, Span, StoredReading, parse_region, read_export, read_region
from host_tools.journal_reader.words import record_in_words

__all__ = [
    "DEBT_ISSUER",
    "ROW_SIZE",
    "AccountRow",
    "BadRecord",
    "ChainReport",
    "JournalImage",
    "Record",
    "Span",
    "StoredReading",
    "chain_after",
    "pack_record",
    "pack_row",
    "pack_whole_row",
    "parse_record",
    "parse_region",
    "parse_row",
    "read_export",
    "read_region",
    "record_in_words",
    "verify_chain",
]
