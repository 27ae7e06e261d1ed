"""What operators do: each command is one transaction and answers `created`, `exists` or raises BadInput.

The command line talks to the database only; a running server notices the new rows and sends them.
"""

import json
import sqlite3
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from host_tools.head_end import documents, fleet_brake, openings, segments, signers
from host_tools.head_end.amounts import parse_top_up
from host_tools.head_end.covered import Covered, covering
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.messages import NEVER_S
from host_tools.head_end.months import CORRECTIONS
from host_tools.journal_reader import DEBT_ISSUER, kinds
from host_tools.journal_reader.words import CONDITIONS, money

ISSUER = 1
ISSUERS_MAX = 4  # places in an account row, SPEC 4
ORDER_CODES = {"cut": 1, "restore": 2, "hold": 3, "release": 4, "release-held": 10}
# what keeps somebody's light on waits for its gateway however long
EXPIRES_MIN = {"cut": 60, "release": 7 * 24 * 60, "release-held": 7 * 24 * 60}
RELEASE_BRAKE_EXPIRES_MIN = 60  # somebody looked at who was due now, and not at who is when an absent gateway returns
EXPIRES_MIN_MAX = 30 * 24 * 60
OVERRIDES = {"care": 4, "fresh": 16, "hours": 17, "notice": 18, "offline": 20, "throttle": 21}
FLAGS = {"protected": 1, "care": 2, "exempt": 4}

Answer = dict[str, object]


def parse_account(text: str, field: str = "account") -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= 0xFFFFFFFE:
        raise BadInput(field, f"must be a number from 1 to 4294967294, got {text!r}")
    return int(text)


def known_account(db: Database, account: int) -> sqlite3.Row:
    row = db.row("SELECT a.*, g.name AS gateway FROM accounts a JOIN gateways g ON g.id = a.gateway_id WHERE account = ?", account)
    if row is None:
        raise BadInput("account", f"{account} is unknown")
    return row


def top_up(db: Database, account_text: str, amount_text: str, reference: str, now_s: int, issuer: int = ISSUER) -> Answer:
    """A payment: the next credit of this issuer for this account. The same reference twice answers `exists`."""
    account, amount_ucu = parse_account(account_text), parse_top_up(amount_text)
    check_reference(reference)
    if not 1 <= issuer < DEBT_ISSUER:
        raise BadInput("issuer", f"must be from 1 to 65534, got {issuer}")
    with db.transaction():
        known_account(db, account)
        old = db.row("SELECT * FROM credits WHERE reference = ?", reference)
        if old is not None:
            if (old["account"], old["amount_ucu"], old["issuer"]) != (account, amount_ucu, issuer):
                raise BadInput(
                    "reference", f"{reference} was used for another payment: account {old['account']}, {money(old['amount_ucu'])}"
                )
            return _credit_answer("sent again" if openings.try_again(db, [old]) else "exists", old)
        number, total_ucu = openings.last_credit(db, account, issuer)
        others = db.number("SELECT count(DISTINCT issuer) FROM credits WHERE account = ? AND issuer != ?", account, issuer)
        debt = db.row("SELECT 1 FROM orders WHERE account = ? AND code = 16 AND state != 'refused'", account)
        others += debt is not None  # it has a place of its own
        if not number and others >= ISSUERS_MAX:
            raise BadInput("issuer", f"{issuer} would be the fifth of account {account}: a gateway keeps totals of {ISSUERS_MAX}")
        if not -openings.TOTAL_MAX_UCU <= total_ucu + amount_ucu <= openings.TOTAL_MAX_UCU:
            raise BadInput("amount", "makes the total of this account too large")
        openings.add_credit(db, account, issuer, (number, total_ucu), amount_ucu, reference, now_s)
        new = db.row("SELECT * FROM credits WHERE reference = ?", reference)
        assert new is not None
        return _credit_answer("created", new)


def receipt(db: Database, reference: str) -> Answer:
    """A payment as it stands, with the countersignature that covers its booking."""
    row = db.row("SELECT * FROM credits WHERE reference = ?", reference)
    if row is None:
        raise BadInput("reference", f"{reference} is unknown")
    covered = None if row["receipt_sequence"] is None else _booked(db, row)
    answer = _credit_answer("receipt", row) | {"record": row["receipt_sequence"]}
    return answer | {"countersignature": "not yet" if covered is None else covered.in_words()}


def _booked(db: Database, row: sqlite3.Row) -> Covered | None:
    """By the gateway at which the account lived then: of several records of that number the one that is this credit, or a whole row."""
    found = db.row(
        "SELECT gateway_id FROM account_records WHERE account = ? AND sequence = ? ORDER BY kind = ?"
        " AND json_extract(fields, '$.issuer') = ? AND json_extract(fields, '$.number') >= ? DESC, kind IN (?, ?) DESC, place DESC LIMIT 1",
        *(row["account"], row["receipt_sequence"], kinds.CREDIT, row["issuer"], row["number"], kinds.SNAPSHOT_ROW, kinds.CARRIED),
    )
    return None if found is None else covering(db, int(found["gateway_id"]), int(row["receipt_sequence"]))


def check_reference(reference: str) -> None:
    if not reference.strip() or len(reference) > 200 or not reference.isprintable():
        raise BadInput("reference", "must have 1 to 200 printable characters")
    if reference.startswith(CORRECTIONS):
        raise BadInput("reference", f"must not begin with {' or '.join(CORRECTIONS)}: corrections do")


def _credit_answer(answer: str, row: sqlite3.Row) -> Answer:
    return {
        "answer": answer,
        "account": row["account"],
        "issuer": row["issuer"],
        "number": row["number"],
        "amount": money(row["amount_ucu"]),
        "total": money(row["total_ucu"]),
        "reference": row["reference"],
        "receipt": row["receipt"],
    }


def order(db: Database, account_text: str, what: str, expires_min: int | None, now_s: int, overrides: list[str] | None = None) -> Answer:
    """A numbered supply order; a cut carries the number of the last credit known here."""
    account = parse_account(account_text)
    if expires_min is None:
        expires_min = EXPIRES_MIN.get(what)
    if expires_min is not None and not 1 <= expires_min <= EXPIRES_MIN_MAX:
        raise BadInput("expires", f"must be from 1 to {EXPIRES_MIN_MAX} minutes, got {expires_min}")
    bits = 0
    for name in overrides or []:
        if name not in OVERRIDES:
            raise BadInput("override", f"{name!r} is none of {', '.join(OVERRIDES)}; protection and brake cannot be overridden")
        bits |= 1 << OVERRIDES[name]
    if what == "cut":
        known_account(db, account)
        fleet_brake.refuse(db, account, now_s)
    with db.transaction():
        known = known_account(db, account)
        number = 1 + openings.last_order(db, account)
        credit = db.number("SELECT max(number) FROM credits WHERE account = ? AND issuer = ?", account, ISSUER)
        expires_at_s = NEVER_S if expires_min is None else now_s + 60 * expires_min
        db.run(
            "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, overridden, at_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            known["gateway_id"],
            account,
            number,
            ORDER_CODES[what],
            expires_at_s,
            credit,
            bits,
            now_s,
        )
    return {
        "answer": "created",
        "account": account,
        "order": what,
        "number": number,
        "expires_at_s": None if expires_min is None else expires_at_s,
        "credit_number": credit,
        "overridden": [CONDITIONS[bit] for bit in range(32) if bits >> bit & 1],
    }


def release_brake(db: Database, gateway: str, now_s: int) -> Answer:
    """Order 7: cuts may go on after an operator has looked."""
    with db.transaction():
        found = db.row("SELECT id FROM gateways WHERE name = ?", gateway)
        if found is None:
            raise BadInput("gateway", f"{gateway} is unknown")
        number = 1 + openings.last_gateway_order(db, int(found["id"]))
        db.run(
            "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, at_s) VALUES (?, 0, ?, 7, ?, 0, ?)",
            found["id"],
            number,
            now_s + 60 * RELEASE_BRAKE_EXPIRES_MIN,
            now_s,
        )
    return {"answer": "created", "gateway": gateway, "order": "release-brake", "number": number}


def set_document(db: Database, kind: str, path: str, now_s: int, signatures: list[str] | None = None) -> Answer:
    """Keep a version of a tariff or policy; it is sent to every gateway with accounts that use it. Where a price of a tariff changes by
    more than half two operators must have signed it; None: the caller answers for it."""
    value = documents.read_json(path)
    warnings: list[str] = []
    if kind == "tariff":
        tariff: documents.Tariff = documents.check(documents.Tariff, value)
        what, number, version, effective = 1, tariff.tariff, tariff.version, tariff.effective
    else:
        policy: documents.Policy = documents.check(documents.Policy, value)
        what, number, version, effective = 2, policy.policy, policy.version, None
        warnings = [
            f"field {name} is unknown: gateways will not cut accounts under this policy" for name in documents.unknown_fields(policy)
        ]
    text = documents.compact(value)
    with db.transaction():
        old = db.row("SELECT text FROM documents WHERE what = ? AND id = ? AND version = ?", what, number, version)
        if old is not None and bytes(old["text"]) != text:
            raise BadInput("version", f"{kind} {number} version {version} exists with another text; versions are immutable")
        if old is None:
            newest = db.number("SELECT max(version) FROM documents WHERE what = ? AND id = ?", what, number)
            if version < newest:
                raise BadInput("version", f"{version} is older than version {newest} of {kind} {number}")
            if kind == "tariff" and newest and signatures is not None:
                _two_signers(db, value, newest, signatures, now_s)
            db.run(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", what, number, version, effective, documents.digest(text), text, now_s
            )
    return {
        "answer": "created" if old is None else "exists",
        kind: number,
        "version": version,
        "digest": documents.digest(text).hex(),
        "warnings": warnings,
    }


def _two_signers(db: Database, value: Any, newest: int, signatures: list[str], now_s: int) -> None:
    """Against the newest version and the one in force: two steps of a third are a large one, too."""
    today = datetime.fromtimestamp(now_s + 60 * value["utc_offset_min"], timezone.utc).date().isoformat()
    for before in db.rows(
        "SELECT version, text FROM documents WHERE what = 1 AND id = ? AND (version = ? OR version = (SELECT version FROM documents"
        " WHERE what = 1 AND id = ? AND effective <= ? ORDER BY effective DESC, version DESC LIMIT 1)) ORDER BY version DESC",
        value["tariff"],
        newest,
        value["tariff"],
        today,
    ):
        place = signers.large_change(json.loads(bytes(before["text"])), value)
        if place is not None:
            what = f"{place} changes by more than half of version {before['version']}: it"
            signers.require(db, signers.tariff_text(value), signatures, 2, what, now_s)
            return


def read_key(path: str) -> bytes:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except (OSError, ValueError) as fault:
        raise BadInput("key-file", f"{path} cannot be read as hex digits: {fault}") from fault
    if len(key) != 32 or len(text) != 64:
        raise BadInput("key-file", f"{path} must hold 64 hex digits, holds {len(text)}")
    return key


def add_gateway(db: Database, name: str, key: bytes) -> Answer:
    if not name or len(name) > 32 or not all(letter.isalnum() or letter in "_-" for letter in name) or not name.isascii():
        raise BadInput("gateway", f"must be 1 to 32 letters, digits, '-' or '_', got {name!r}")
    with db.transaction():
        old = db.row("SELECT key FROM gateways WHERE name = ?", name)
        if old is not None:
            if bytes(old["key"]) != key:
                raise BadInput("gateway", f"{name} exists with another key")
            return {"answer": "exists", "gateway": name}
        db.run("INSERT INTO gateways (name, key) VALUES (?, ?)", name, key)
    return {"answer": "created", "gateway": name}


def check_meter(db: Database, gateway_id: int, account: int, meter: str, rollover_kwh: int | None) -> int | None:
    """Where its register starts again, in 0.01 kWh; BadInput when this cannot be the account's meter."""
    if len(meter) != 12 or not meter.isascii() or not meter.isdigit():
        raise BadInput("meter", f"must be the 12 digits printed on the meter, got {meter!r}")
    least_kwh, most_kwh = segments.ROLLOVER_KWH_MIN, segments.ROLLOVER_KWH_MAX
    if rollover_kwh is not None and not least_kwh <= rollover_kwh <= most_kwh:
        raise BadInput("rollover", f"must be from {least_kwh} to {most_kwh} kWh, got {rollover_kwh}")
    taken = db.row(
        "SELECT account FROM accounts WHERE gateway_id = ? AND meter = ? AND account != ? AND account NOT IN (SELECT account FROM moves)",
        gateway_id,
        meter,
        account,
    )
    if taken is not None:
        raise BadInput("meter", f"{meter} is bound to account {taken['account']} already")
    return None if rollover_kwh is None else 100 * rollover_kwh


def check_ratio(ratio: int) -> None:
    if not 1 <= ratio <= documents.RATIO_MAX:
        raise BadInput("ratio", f"must be from 1 to {documents.RATIO_MAX}, got {ratio}")


def add_account(
    db: Database,
    gateway: str,
    account: int,
    meter: str,
    tariff: int,
    policy: int,
    name: str = "",
    flags: int = 0,
    rollover_kwh: int | None = None,
    ratio: int | None = None,
) -> Answer:
    """`rollover_kwh`: where the meter's register starts again; `ratio`: of the transformers before it. None = what was told before stays,
    at first not known and 1."""
    if ratio is not None:
        check_ratio(ratio)
    if not 1 <= account <= 0xFFFFFFFE:
        raise BadInput("account", f"must be a number from 1 to 4294967294, got {account}")
    for field, value in (("tariff", tariff), ("policy", policy)):
        if not 1 <= value <= 0xFFFFFFFF:
            raise BadInput(field, f"must be a number from 1, got {value}")
    with db.transaction():
        found = db.row("SELECT id FROM gateways WHERE name = ?", gateway)
        if found is None:
            raise BadInput("gateway", f"{gateway} is unknown")
        rollover_cwh = check_meter(db, int(found["id"]), account, meter, rollover_kwh)
        old = db.row("SELECT * FROM accounts WHERE account = ?", account)
        if old is not None:
            if (old["gateway_id"], old["meter"]) != (found["id"], meter):
                raise BadInput("account", f"{account} exists with another gateway or meter")
            wanted = (tariff, policy, flags, name or old["name"], old["rollover_cwh"] if rollover_cwh is None else rollover_cwh)
            wanted += (old["ratio"] if ratio is None else ratio,)
            if wanted == (old["tariff"], old["policy"], old["flags"], old["name"], old["rollover_cwh"], old["ratio"]):
                return {"answer": "exists", "account": account}
            columns = ("tariff", "policy", "flags", "name", "rollover_cwh", "ratio")
            db.run(f"UPDATE accounts SET {', '.join(column + ' = ?' for column in columns)} WHERE account = ?", *wanted, account)
            db.run("INSERT OR IGNORE INTO account_ratios VALUES (?, ?, ?)", account, meter, wanted[-1])
            db.run("INSERT OR IGNORE INTO account_tariffs VALUES (?, ?)", account, tariff)
            return {"answer": "changed", "account": account}
        values = (account, found["id"], name, meter, tariff, policy, flags, rollover_cwh, ratio or 1)
        db.run(
            "INSERT INTO accounts (account, gateway_id, name, meter, tariff, policy, flags, rollover_cwh, ratio)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *values,
        )
        db.run("INSERT OR IGNORE INTO account_ratios VALUES (?, ?, ?)", account, meter, ratio or 1)
        db.run("INSERT INTO account_tariffs VALUES (?, ?)", account, tariff)
    return {"answer": "created", "account": account}


def _elsewhere(db: Database, gateway: str, meter: documents.SiteMeter) -> bool:
    """An account of another gateway, which is to come here or has left from here: `transfer` says where it lives."""
    known = db.row("SELECT g.name FROM accounts a JOIN gateways g ON g.id = a.gateway_id WHERE account = ?", meter.account)
    if known is None or known["name"] == gateway:
        return False
    here = db.row("SELECT 1 FROM stays s JOIN gateways g ON g.id = s.gateway_id WHERE account = ? AND g.name = ?", meter.account, gateway)
    return meter.arrives or here is not None


def import_site(db: Database, path: str, key_path: str, models: Path = segments.MODELS) -> Answer:
    """Gateway and accounts of a gateway's own settings file; all or nothing. `models`: folder of the meter models it names."""
    site: documents.Site = documents.check(documents.Site, documents.read_json(path))
    key = read_key(key_path)
    numbers = [meter.account for meter in site.meters]
    for number in numbers:
        if numbers.count(number) > 1:
            raise BadInput("meters.account", f"{number} stands twice")
    rollovers = {meter.model: segments.rollover_of_model(models, meter.model) for meter in site.meters}
    with db.transaction():
        gateway = add_gateway(db, site.gateway, key)
        answers = [
            add_account(
                db,
                site.gateway,
                meter.account,
                meter.address,
                meter.tariff,
                meter.policy,
                meter.name,
                sum(bit for name, bit in FLAGS.items() if getattr(meter, name)),
                rollovers[meter.model],
                meter.ratio,
            )
            for meter in site.meters
            if not _elsewhere(db, site.gateway, meter)
        ]
    created = sum(answer["answer"] == "created" for answer in answers)
    return {
        "answer": gateway["answer"],
        "gateway": site.gateway,
        "accounts": len(answers),
        "accounts_created": created,
        "accounts_elsewhere": [meter.account for meter in site.meters if _elsewhere(db, site.gateway, meter)],
        "models_unknown": sorted(name for name, rollover_kwh in rollovers.items() if rollover_kwh is None),
    }
