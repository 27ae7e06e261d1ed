"""Rows for people and for JSON: gateways, accounts, readings, journal."""

import json
import time

from host_tools.head_end import gaps
from host_tools.head_end.database import Database
from host_tools.head_end.folding import LIMITED, fold, records_of
from host_tools.journal_reader import BadRecord, parse_record, words
from host_tools.journal_reader.account_row import FLAG_NAMES, AccountRow
from host_tools.journal_reader.supply_words import SEEN
from host_tools.journal_reader.words import money, word

COMPARISON = {0: "agrees", 1: "behind", 2: "fork", 3: "unknown"}
REPORTS_SHOWN = 5
Row = dict[str, object]


def gateways(db: Database) -> list[Row]:
    found: list[Row] = []
    for row in db.rows("SELECT * FROM gateways ORDER BY name"):
        counters = {c["name"]: c["value"] for c in db.rows("SELECT * FROM counters WHERE gateway = ?", row["name"])}
        status = json.loads(row["status"]) if row["status"] else None
        stay = db.row("SELECT * FROM safe_modes WHERE gateway_id = ? AND ended_s IS NULL", row["id"])
        found.append(
            {
                "gateway": row["name"],
                "online": None if row["online"] is None else bool(row["online"]),
                "mode": f"SAFE MODE: {stay['fault']}" if stay is not None else "",
                "epoch": row["epoch"],
                "sequence": row["sequence"],
                "chain": bytes(row["chain"]).hex(),
                "readings_held": row["readings_held"],
                "comparison": word(COMPARISON, row["comparison"]),
                "missing": [
                    f"{what} {first}-{last}"
                    for what in (gaps.RECORDS, gaps.READINGS)
                    for first, last in gaps.kept(db, int(row["id"]), what)
                ],
                "doubted": row["doubted"] is not None,
                "documents": _open_documents(db, int(row["id"])),
                "reports": [
                    f"{words.when(r['at_s'])} {r['what'].replace('_', ' ')}: {r['sentence']}"
                    for r in db.rows("SELECT * FROM reports WHERE gateway = ? ORDER BY id DESC LIMIT ?", row["name"], REPORTS_SHOWN)
                ],
                "status_at_s": row["status_at_s"],
                "status": status,
                "counters": counters,
            }
        )
    return found


def _open_documents(db: Database, gateway_id: int) -> list[str]:
    """Tariffs and policies that its accounts need and that it has not taken."""
    rows = db.rows(
        "SELECT d.what, d.id, d.version, v.state, v.reason FROM documents d LEFT JOIN deliveries v ON v.gateway_id = ? AND v.what = d.what"
        " AND v.id = d.id AND v.version = d.version WHERE coalesce(v.state, '') != 'accepted' AND EXISTS (SELECT 1 FROM accounts a"
        " WHERE a.gateway_id = ? AND d.id = CASE d.what WHEN 1 THEN a.tariff ELSE a.policy END) ORDER BY d.what, d.id, d.version",
        gateway_id,
        gateway_id,
    )
    return [
        f"{'tariff' if row['what'] == 1 else 'policy'} {row['id']} v{row['version']} "
        + (f"refused: {word(words.ORDER_REASON, row['reason'] or 0)}" if row["state"] == "refused" else "on its way")
        for row in rows
    ]


def accounts(db: Database) -> list[Row]:
    now_s = int(time.time())
    found: list[Row] = []
    for known in db.rows("SELECT a.*, g.name AS gateway FROM accounts a JOIN gateways g ON g.id = a.gateway_id ORDER BY account"):
        account = int(known["account"])
        row = fold(account, records_of(db, account))
        reading = db.row("SELECT * FROM readings WHERE account = ? ORDER BY at_s DESC, number DESC LIMIT 1", account)
        lit = db.row(
            "SELECT 1 FROM safe_outcomes s JOIN orders o USING (gateway_id, account, number) WHERE s.account = ? AND s.gateway_id = ?"
            " AND s.verdict = 1 AND s.phase = 5 AND o.record_sequence IS NULL",
            *(account, known["gateway_id"]),
        )
        pending = db.number("SELECT sum(amount_ucu) FROM credits WHERE account = ? AND receipt = 'pending'", account)
        found.append(
            {
                "account": account,
                "gateway": known["gateway"],
                "name": known["name"],
                "meter": known["meter"],
                "tariff": known["tariff"],
                "policy": known["policy"],
                "flags": [
                    name + ("" if row.flags >> bit & 1 else " here only")
                    for bit, name in enumerate(FLAG_NAMES)
                    if (row.flags | known["flags"]) >> bit & 1
                ],
                "balance": money(row.balance_ucu),
                "balance_ucu": row.balance_ucu,
                "limit_ucu": row.limit_ucu,
                "pending_ucu": pending,
                "charged_ucu": row.total_charged_ucu,
                "register_cwh": reading["total_cwh"] if reading else None,
                "reading_at_s": reading["at_s"] if reading else None,
                "reading_age_s": now_s - reading["at_s"] if reading and reading["at_s"] else None,
                "wish": "OFF" if row.wish else "ON",
                "seen": word(SEEN, row.seen),
                "supply": f"{_wished(row)}, seen {word(SEEN, row.seen)}" + ("; RESTORED in safe mode" if lit else ""),
                "notice_level": row.notice_level,
                "episode": row.episode,
                "alarm": bool(row.alarm),
                "fault": word(words.FAULT, row.fault),
            }
        )
    return found


def _wished(row: AccountRow) -> str:
    return ("LIMITED" if row.flags & LIMITED else "OFF") if row.wish else "ON"


def readings(db: Database, account: int | None, limit: int) -> list[Row]:
    where = "" if account is None else "WHERE account = ?"
    values = () if account is None else (account,)
    rows = db.rows(
        f"SELECT r.*, g.name AS gateway FROM readings r JOIN gateways g ON g.id = r.gateway_id {where}"
        " ORDER BY r.at_s DESC, r.number DESC LIMIT ?",
        *values,
        limit,
    )
    return [{key: row[key] for key in row.keys() if key not in ("gateway_id", "received_s")} for row in reversed(rows)]


def journal(db: Database, account: int | None, limit: int) -> list[Row]:
    where = "" if account is None else "WHERE account = ?"
    values = () if account is None else (account,)
    rows = db.rows(
        f"SELECT r.raw, r.sequence, r.epoch, r.received_s, g.name AS gateway FROM records r JOIN gateways g ON g.id = r.gateway_id {where}"
        " ORDER BY r.received_s DESC, r.gateway_id, r.sequence DESC LIMIT ?",
        *values,
        limit,
    )
    found: list[Row] = []
    for row in reversed(rows):
        try:
            record = parse_record(bytes(row["raw"]))
        except BadRecord as fault:
            place = {"gateway": row["gateway"], "epoch": row["epoch"], "sequence": row["sequence"]}
            found.append({**place, "words": f"cannot be read: {fault}", "received_s": row["received_s"]})
            continue
        fields = record.as_json()
        found.append(
            {
                "gateway": row["gateway"],
                "epoch": row["epoch"],
                **fields,
                "account": record.account,
                "words": words.record_in_words(record),
                "received_s": row["received_s"],
            }
        )
    return found
