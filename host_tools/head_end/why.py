"""The evidence of the last decision or refusal for an account, in words (design, section 5: the answer to "why")."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from host_tools.head_end import brakes
from host_tools.head_end.commands import known_account
from host_tools.head_end.covered import covering
from host_tools.head_end.database import Database
from host_tools.head_end.messages import NEVER_S
from host_tools.journal_reader import Record, kinds, parse_record, words
from host_tools.journal_reader.words import CONDITIONS, energy, money, when, word

CUT, RESTORE = 1, 2
EARLIER_MAX = 4
NOT_PERMITTED, DELAYED = 3, 4


def why(db: Database, account: int) -> dict[str, object]:
    """Everything known about the last DECISION, or about a refused ORDER or CREDIT where nothing was decided; `text` is the answer
    in lines, with what was refused since and the decisions before."""
    known = known_account(db, account)
    row = db.row(
        "SELECT raw, gateway_id FROM account_records WHERE account = ? AND (kind IN (?, ?, ?, ?) OR (kind = ? AND"
        " json_extract(fields, '$.verdict') = 2)) ORDER BY kind = ? DESC, place DESC, sequence DESC LIMIT 1",
        account,
        kinds.DECISION,
        kinds.CREDIT_REFUSED,
        kinds.REASON,
        kinds.CARRIED,
        kinds.ORDER,
        kinds.DECISION,
    )
    if row is None:
        return {"account": account, "found": False, "text": [f"account {account}: no decision and no refusal is held here"]}
    record, gateway_id = parse_record(bytes(row["raw"])), int(row["gateway_id"])
    gateway = db.row("SELECT name FROM gateways WHERE id = ?", gateway_id)
    lines = [
        f"account {account} ({known['name'] or 'no name'}), meter {known['meter']}, gateway {gateway['name'] if gateway else ''}",
        f"{when(record.at_s)}, clock {words.QUALITY[record.quality]}, record {record.sequence}: " + words.record_in_words(record),
    ]
    answer: dict[str, object] = {"account": account, "found": True, "record": record.as_json()}
    if record.kind == kinds.DECISION:
        conditions = _conditions(db, record, gateway_id)
        answer["conditions"] = conditions
        failing = "FAILS" if record.number("verdict") != RESTORE else "ended"  # of a cut; what ended brings supply back
        lines += [f"  {'holds' if c['holds'] else failing}  {c['condition']}: {c['value']}" for c in conditions]
        lines += _order(db, record, account)
    follow = _what_followed(db, gateway_id, account, record)
    answer["followed"] = [later.as_json() for later in follow]
    lines += [f"  then  {when(later.at_s)}  {words.record_in_words(later)}" for later in follow]
    covered = covering(db, gateway_id, record.sequence)
    answer["countersignature"] = {"found": False} if covered is None else {"found": True, **covered.as_json()}
    lines.append("  not yet countersigned" if covered is None else "  " + covered.in_words())
    earlier = _earlier(db, gateway_id, account, record)
    answer["earlier"] = [one.as_json() for one in earlier]
    lines += [f"  before that  {when(one.at_s)}, record {one.sequence}: {words.record_in_words(one)}" for one in earlier]
    answer["text"] = lines
    return answer


def _conditions(db: Database, record: Record, gateway_id: int) -> list[dict[str, object]]:
    failed = record.number("failed")
    values = _values(db, record)
    if failed >> brakes.BRAKE_BIT & 1:
        values[brakes.BRAKE_BIT] = "closed by " + brakes.cause(db, gateway_id, record.sequence)
    shown = record.number("verdict") != RESTORE  # a restore answers to its reason, not to the conditions of a cut
    return [
        {"bit": bit, "condition": name, "holds": not failed >> bit & 1, "value": values.get(bit, "as the gateway saw it")}
        for bit, name in CONDITIONS.items()
        if shown or failed >> bit & 1
    ] or [{"bit": -1, "condition": "reason", "holds": True, "value": word(words.REASON, record.number("reason"))}]


def _values(db: Database, record: Record) -> dict[int, str]:
    policy = _document(db, 2, record.number("policy"), record.number("policy_version"))
    tariff = _document(db, 1, record.number("tariff"), record.number("tariff_version"))
    reading_at_s, notice_at_s = record.number("reading_at_s"), record.number("notice_at_s")
    age = f"{record.at_s - reading_at_s} s old" if reading_at_s and record.at_s else "age unknown"
    offset = policy.get("utc_offset_min", 0) if policy else 0
    local = datetime.fromtimestamp(record.at_s, timezone.utc) + timedelta(minutes=offset)
    hours = "; ".join(f"days {','.join(map(str, h['days']))} {h['from']}-{h['to']}" for h in policy["hours"]) if policy else ""
    price_text = "kept here" if tariff else "NOT kept here"
    notices = policy["notice"] if policy else []
    notices = notices if isinstance(notices, list) else [notices]
    steps = "; ".join(f"{n + 1}: {step['level']}, period {step['period_s']} s" for n, step in enumerate(notices))
    return {
        0: f"available {money(record.number('available_ucu'))}, floor {money(record.number('floor_ucu'))}",
        5: f"register {energy(record.number('register_cwh'))} read at {when(reading_at_s)}",
        7: f"tariff {record.number('tariff')} version {record.number('tariff_version')}, {price_text}"
        + (f", prices {json.dumps(tariff['prices'])}" if tariff else ""),
        9: f"policy {record.number('policy')} version {record.number('policy_version')}, " + ("kept here" if policy else "NOT kept here"),
        16: age + (f", limit {policy['reading_fresh_s']} s" if policy else ""),
        17: f"local time {local:%A %H:%M}" + (f", allowed {hours or 'never'}" if policy else ""),
        18: (
            f"notice of episode {record.number('episode')} given {when(notice_at_s)}"
            if notice_at_s
            else f"no notice in episode {record.number('episode')}"
        )
        + (f", levels {steps}" if policy else ""),
        19: "clock " + words.QUALITY[record.quality],
        25: f"local day {local:%Y-%m-%d}" + (f", {_closed(policy.get('calendar'), f'{local:%Y-%m-%d}')}" if policy else ""),
    }


def _closed(calendar: dict[str, Any] | None, today: str) -> str:
    """What the calendar of the policy says of a local day."""
    if calendar is None:
        return "there is no calendar"
    if today > calendar["until"]:
        return f"the calendar ended with {calendar['until']}"
    for name in ("holidays", "hot_days", "cold_days"):
        for span in calendar.get(name, []):
            first, _, last = span.partition("/")
            if first <= today <= (last or first):
                return f"closed by {name}: {span}"
    return f"open in the calendar until {calendar['until']}"


def _document(db: Database, what: int, number: int, version: int) -> dict[str, Any]:
    row = db.row("SELECT text FROM documents WHERE what = ? AND id = ? AND version = ?", what, number, version)
    found: dict[str, Any] = json.loads(bytes(row["text"])) if row else {}
    return found


def _order(db: Database, record: Record, account: int) -> list[str]:
    number = record.number("order")
    if not number:
        return ["  no order of the head-end took part"]
    row = db.row("SELECT * FROM orders WHERE account = ? AND number = ?", account, number)
    if row is None:
        return [f"  order {number}, which is not in the books here"]
    ends = "without end" if row["expires_at_s"] == NEVER_S else f"until {when(row['expires_at_s'])}"
    return [
        f"  order {number} ({word(words.ORDERS, row['code'])}) of {when(row['at_s'])}, valid {ends},"
        f" knew credit {row['credit_number']}: {row['state']}"
    ]


def _what_followed(db: Database, gateway_id: int, account: int, record: Record) -> list[Record]:
    """Relay orders, the status read back, faults, notices, payments, held readings and orders with their reasons since."""
    rows = db.rows(
        "SELECT raw FROM records WHERE account = ? AND gateway_id = ? AND sequence > ? AND kind IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ORDER BY sequence LIMIT 20",
        account,
        gateway_id,
        record.sequence,
        kinds.RELAY,
        kinds.SEEN,
        kinds.FAULT,
        kinds.NOTICE,
        kinds.ORDER,
        kinds.CREDIT,
        kinds.CREDIT_REFUSED,
        kinds.HELD,
        kinds.REASON,
        kinds.CARRIED,
        kinds.CREDIT_LIMIT,
        kinds.LIMIT,
    )
    return [parse_record(bytes(row["raw"])) for row in rows]


def _earlier(db: Database, gateway_id: int, account: int, record: Record) -> list[Record]:
    """The decisions before, newest first."""
    rows = db.rows(
        "SELECT raw FROM records WHERE account = ? AND gateway_id = ? AND sequence < ? AND kind = ? ORDER BY sequence DESC LIMIT ?",
        account,
        gateway_id,
        record.sequence,
        kinds.DECISION,
        EARLIER_MAX,
    )
    return [parse_record(bytes(row["raw"])) for row in rows]
