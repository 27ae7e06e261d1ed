"""Closing and opening registers that people read: move-out, move-in and the exchange of a meter (design section 2: segments).

A gateway ends a segment at the last register that it believed and begins the next one at its first reading. What passed between that and
the moment of the exchange stands on the display only. Who was there reads it, and tells it here: the energy from where charging stood
to the closing register, or from the opening register to where it began, is charged to the account by one signed correction, a
credit of the other sign. Told again with another register, only the difference is issued. So energy of a segment, as charged and as
corrected, is closing less opening.

Trap avoided: while a meter is still bound its charging goes on; a closing register is taken only when the segment has ended.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from host_tools.head_end import openings
from host_tools.head_end.amounts import parse_decimal
from host_tools.head_end.commands import ISSUER, Answer, check_meter, check_ratio, known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import records_of
from host_tools.head_end.months import REGISTER_PREFIX, Way, is_plain, rollovers, ways
from host_tools.head_end.tariff_document import Tariff
from host_tools.journal_reader.words import address, energy, money

SIDES = ("closing", "opening")
FAR_CWH = 1_000_000  # 10,000 kWh between two readings: somebody mistook a digit
Versions = dict[tuple[int, int], Tariff]


@dataclass
class Given:
    """One register that was told, with what follows from it."""

    account: int
    meter: str
    side: str
    text: str  # registers in kWh, by commas
    energy_cwh: int
    correction_ucu: int  # as a charge: positive takes from the customer
    issued_ucu: int


def give(db: Database, account_text: str, meter: str, side: str, text: str, reason: str, versions: Versions, now_s: int) -> Answer:
    """Take a register and issue what is missing; the same again answers `exists`."""
    account = parse_account(account_text)
    if not reason.strip() or len(reason) > 100 or not reason.isprintable():
        raise BadInput("reason", "must have 1 to 100 printable characters")
    with db.transaction():
        known_account(db, account)
        given = _judge(db, account, meter, side, text, versions)
        missing = given.correction_ucu - given.issued_ucu
        prefix = _prefix(account, meter, side)
        count = db.number("SELECT count(*) FROM credits WHERE substr(reference, 1, ?) = ?", len(prefix), prefix)
        newest = _newest(db, prefix)
        again = openings.try_again(db, db.rows("SELECT * FROM credits WHERE substr(reference, 1, ?) = ?", len(prefix), prefix))
        if not missing and (newest == text or not given.correction_ucu):
            return {"answer": "sent again" if again else "exists", **_told(given)}
        last = openings.last_credit(db, account, ISSUER)
        openings.add_credit(db, account, ISSUER, last, -missing, f"{prefix}{count + 1}:{text}:{reason}", now_s)
        given.issued_ucu += missing
        return {"answer": "created", **_told(given)}


def exchange(db: Database, account_text: str, meter: str, rollover_kwh: int | None, now_s: int, ratio: int = 1) -> Answer:
    """The account has another meter from now on, as the gateway's settings say; the one before keeps what was charged by it."""
    account = parse_account(account_text)
    with db.transaction():
        known = known_account(db, account)
        if known["meter"] == meter:
            return {"answer": "exists", "account": account, "meter": meter}
        rollover_cwh = check_meter(db, int(known["gateway_id"]), account, meter, rollover_kwh)
        check_ratio(ratio)
        for whose in (account, *_moving_in(db, account)):
            values = (whose, known["meter"], known["rollover_cwh"], now_s)
            db.run("INSERT OR REPLACE INTO account_meters VALUES (?, ?, ?, ?)", *values)
            db.run("UPDATE accounts SET meter = ?, rollover_cwh = ?, ratio = ? WHERE account = ?", meter, rollover_cwh, ratio, whose)
            db.run("INSERT OR IGNORE INTO account_ratios VALUES (?, ?, ?)", whose, meter, ratio)
    return {"answer": "changed", "account": account, "meter": meter, "before": known["meter"]}


def _moving_in(db: Database, account: int) -> list[int]:
    """Who is to move in behind the account, by an order that its gateway has not accepted yet: the meter will be the new one's then."""
    sql = "SELECT next_account FROM moves m JOIN orders o USING (account, number) WHERE account = ? AND o.state != 'accepted'"
    return [int(row["next_account"]) for row in db.rows(sql, account)]


def prove(db: Database, account: int, versions: Versions, differences: list[str]) -> None:
    """Compute each correction by a told register once more."""
    seen = set()
    for row in db.rows("SELECT reference FROM credits WHERE account = ? AND reference LIKE ?", account, REGISTER_PREFIX + "%"):
        parts = str(row["reference"]).split(":")
        if len(parts) < 7 or (parts[2], parts[3]) in seen:
            continue
        seen.add((parts[2], parts[3]))
        where = f"account {account}: {parts[3]} register of meter {parts[2]}"
        try:
            given = _judge(db, account, parts[2], parts[3], _newest(db, _prefix(account, parts[2], parts[3])), versions)
        except BadInput as fault:
            differences.append(f"{where}: {fault}")
            continue
        if given.issued_ucu != given.correction_ucu:
            differences.append(f"{where}: correction {money(given.correction_ucu)}, issued were {money(given.issued_ucu)}")


def _prefix(account: int, meter: str, side: str) -> str:
    return f"{REGISTER_PREFIX}{account}:{meter}:{side}:"


def _newest(db: Database, prefix: str) -> str:
    """The registers that were told last, "" when none were."""
    row = db.row(
        "SELECT reference FROM credits WHERE substr(reference, 1, ?) = ? ORDER BY number DESC LIMIT 1", len(prefix), prefix
    )
    return "" if row is None else str(row["reference"])[len(prefix) :].split(":")[1]


def _told(given: Given) -> Answer:
    return {
        "account": given.account,
        "meter": given.meter,
        given.side: given.text,
        "energy": energy(given.energy_cwh),
        "correction": money(given.correction_ucu),
        "issued": money(given.issued_ucu),
    }


def _judge(db: Database, account: int, meter: str, side: str, text: str, versions: Versions) -> Given:
    known = known_account(db, account)
    found = [way for way in ways(list(records_of(db, account)), rollovers(db, account)) if address(way.segment.serial) == meter]
    if not found:
        raise BadInput("meter", f"{meter} was never charged to account {account}")
    way = found[-1]
    if side == "closing" and not way.ended_s:
        raise BadInput("meter", f"{meter} is still charged to account {account}: first let the gateway's settings end it")
    registers = _registers(text, way)
    at_s = way.ended_s if side == "closing" else way.began_s
    energy_cwh = correction_ucu = 0
    for rate, told in registers.items():
        stood = (way.segment.start[rate] + way.moved[rate]) % way.segment.rollover if side == "closing" else told
        reached = told if side == "closing" else way.segment.start[rate]
        passed = way.segment.passed(stood, reached)
        passed -= way.segment.rollover if passed >= way.segment.rollover // 2 else 0
        if abs(passed) > FAR_CWH:
            raise BadInput("register", f"{energy(told)} lies {energy(abs(passed))} from where charging stood")
        energy_cwh += passed * way.segment.ratio
        correction_ucu += passed * way.segment.ratio * _price(versions, int(known["tariff"]), rate, at_s)
    prefix = _prefix(account, meter, side)
    issued_ucu = -db.number(
        "SELECT sum(amount_ucu) FROM credits WHERE substr(reference, 1, ?) = ?", len(prefix), prefix
    )
    return Given(account, meter, side, text, energy_cwh, correction_ucu, issued_ucu)


def _registers(text: str, way: Way) -> dict[int, int]:
    parts = text.split(",")
    if len(parts) != len(way.segment.start):
        count = len(way.segment.start)
        raise BadInput("register", f"must be {count} numbers by commas, one for each register that is charged, got {text!r}")
    found = {}
    for rate, part in zip(way.segment.start, parts, strict=True):
        found[rate] = parse_decimal(part, 2, "register")
        if not 0 <= found[rate] < way.segment.rollover:
            raise BadInput("register", f"{part} is none that the meter shows: it starts again at {energy(way.segment.rollover)}")
    return found


def _price(versions: Versions, tariff: int, rate: int, at_s: int) -> int:
    best: tuple[str, int] | None = None
    for number, version in versions:
        held = versions[(number, version)]
        day = (datetime.fromtimestamp(at_s, timezone.utc) + timedelta(minutes=held.utc_offset_min)).date().isoformat()
        if number == tariff and held.effective <= day and (best is None or (held.effective, version) > best):
            best = (held.effective, version)
    ruling = None if best is None else versions[(tariff, best[1])]
    price = ruling.price_of(rate) if ruling is not None and is_plain(ruling) else None
    if price is None:
        raise BadInput("tariff", f"{tariff} has no plain price for register {rate} on that day")
    return price
