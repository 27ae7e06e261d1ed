"""What the meters told besides energy and supply: covers that were opened, clocks that are off or were set. For people, newest first.

Covers cut nobody: who opened one, and why, no count can say; somebody goes there and looks.
"""

from host_tools.head_end.database import Database
from host_tools.journal_reader import BadRecord, kinds, parse_record
from host_tools.journal_reader.meter_words import COVER, METER_EVENTS, TERMINAL_COVER, meter_event, two_values

Row = dict[str, object]


def listed(db: Database, account: int | None, limit: int) -> list[Row]:
    """Rows of all gateways; a count that was merely noted is none."""
    found: list[Row] = []
    rows = db.run(
        "SELECT r.raw, r.account, g.name AS gateway, a.meter FROM records r JOIN gateways g ON g.id = r.gateway_id"
        " LEFT JOIN accounts a ON a.account = r.account WHERE r.kind = ? AND (? IS NULL OR r.account = ?)"
        " ORDER BY r.received_s DESC, r.gateway_id, r.sequence DESC",
        *(kinds.EVENT, account, account),
    )
    for row in rows:
        try:
            record = parse_record(bytes(row["raw"]))
        except BadRecord:
            continue  # reconcile names it
        code, value = record.number("code"), record.number("value")
        before, now = two_values(value)
        if code not in METER_EVENTS or code in (COVER, TERMINAL_COVER) and now <= before:
            continue
        found.append(
            {
                "at_s": record.at_s,
                "gateway": row["gateway"],
                "account": row["account"] or None,
                "meter": row["meter"],
                "words": meter_event(code, value),
                "code": code,
                "value": value,
            }
        )
        if len(found) == limit:
            break
    return found
