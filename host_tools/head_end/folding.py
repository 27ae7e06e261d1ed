"""One account folded from the gateway's own records, independently of the firmware's ledger: what the gateway believes.

The row it gives is the one of SPEC section 4. Reconciliation compares it with what this head-end can prove by itself.
"""

import sqlite3
from collections.abc import Iterable, Iterator

from host_tools.head_end.database import Database
from host_tools.journal_reader import DEBT_ISSUER, AccountRow, BadRecord, Record, kinds, parse_record, parse_row

ELSEWHERE = 2048  # SPEC 4, bit 11: the account is on its way, or lives at another gateway
HELD_FLAG = 16  # SPEC 4, bit 4: HELD records move it, FLAGS records do not
VISITED, VISIT_ORDERED, EMERGENCY, EMERGENCY_OVER = 64, 128, 256, 512  # of the episode that is open
LIMITED = 4096  # the wish OFF is by the load limit
REGISTERS = 5  # total and four rates; a record of another one charges nothing that this account has
DELIVERED = 2
GIVEN = 1  # CARRIED what
FIXED_FEE, MINIMUM = 6, 7
MORE_FOLLOWS = 4  # CHARGE marks: further lines of the same reading
NO_MINIMUM = 1 << 62  # what a month counts as when the account came in the middle of it


def records_of(db: Database, account: int) -> Iterator[Record]:
    """The books of one account, oldest first, over all gateways that it lived at; what cannot be read is left out (reconcile names it)."""
    return _readable(db.run("SELECT raw FROM account_records WHERE account = ? ORDER BY place, sequence", account))


def records_at(db: Database, account: int, gateway_id: int) -> Iterator[Record]:
    """What one gateway wrote of an account, whether it is in the books or not."""
    return _readable(db.run("SELECT raw FROM records WHERE account = ? AND gateway_id = ? ORDER BY sequence", account, gateway_id))


def _readable(rows: Iterable[sqlite3.Row]) -> Iterator[Record]:
    for row in rows:
        try:
            yield parse_record(bytes(row["raw"]))
        except BadRecord:
            continue


def fold(account: int, records: Iterable[Record]) -> AccountRow:
    """The account after these records. A snapshot row replaces what was folded before it."""
    row = AccountRow(account)
    for record in records:
        row = take(row, record)
    return row


def take(row: AccountRow, record: Record) -> AccountRow:
    """The account after one more record."""
    if record.kind == kinds.SNAPSHOT_ROW:
        return parse_row(record.octets("row"))
    if record.kind == kinds.CARRIED:
        row = parse_row(record.octets("row"))
        row.flags |= ELSEWHERE if record.number("what") == GIVEN else 0
        row.order = record.number("order")
        return row
    step = _STEPS.get(record.kind)
    if step is not None:
        step(row, record)
    return row


def credit_limit_ucu(db: Database, account: int) -> int:
    """The credit limit of an account as the newest record of it says: floor, restore amount and levels lie so much lower."""
    row = db.row(
        "SELECT raw FROM account_records WHERE account = ? AND kind IN (?, ?, ?) ORDER BY place DESC, sequence DESC LIMIT 1",
        account,
        kinds.CREDIT_LIMIT,
        kinds.SNAPSHOT_ROW,
        kinds.CARRIED,
    )
    return fold(account, [parse_record(bytes(row["raw"]))]).limit_ucu if row is not None else 0


def _segment(row: AccountRow, r: Record) -> None:
    registers = r.fields["from_cwh"]
    assert isinstance(registers, list)
    row.flags &= ~HELD_FLAG
    row.serial, row.rates = r.octets("serial"), r.number("rates")
    row.from_cwh, row.charged_cwh, row.charged_at_s = list(registers), list(registers), r.at_s
    row.ratio = 1
    if row.serial != bytes(6):
        row.next_account = 0
    if "ratio" in r.fields:
        row.ratio, row.charged_at_s = r.number("ratio"), r.number("since_s")


def _moved(row: AccountRow, r: Record) -> None:
    row.flags &= ~HELD_FLAG
    row.serial, row.rates, row.from_cwh, row.charged_cwh = bytes(6), 0, [0] * REGISTERS, [0] * REGISTERS
    row.ratio, row.next_account = 1, r.number("to_account")


def _credit(row: AccountRow, r: Record) -> None:
    place = (r.number("issuer"), r.number("number"), r.number("total_ucu"))
    others = [held for held in row.issuers if held[0] != place[0]]
    same = [held for held in row.issuers if held[0] == place[0]]
    if not same or place[1] > same[0][1]:
        row.issuers = others + [place]


def _charge(row: AccountRow, r: Record) -> None:
    if r.octets("serial") == row.serial and r.number("cause") not in (FIXED_FEE, MINIMUM):
        if r.number("rate") < REGISTERS:
            row.charged_cwh[r.number("rate")] = r.number("to_cwh")
        if not r.number("marks") & MORE_FOLLOWS:
            row.charged_at_s = r.number("reading_at_s")
    if "day" in r.fields:
        _position(row, r)
    row.total_charged_ucu = r.number("total_charged_ucu")


def _position(row: AccountRow, r: Record) -> None:
    """A charge under a tariff with bands, steps or fees says where it leaves the account."""
    day, month_day = r.number("day"), r.number("month_day")
    if month_day > row.month_day:
        whole = row.month_day > 0 or day == month_day
        row.month_day, row.month_ucu = month_day, 0 if whole else NO_MINIMUM
    row.month_ucu += r.number("amount_ucu")
    row.day = max(row.day, day + (r.number("cause") == FIXED_FEE))
    row.period_day, row.used_cwh = r.number("period_day"), r.number("used_cwh")


def _held(row: AccountRow, r: Record) -> None:
    if r.number("why"):
        row.flags |= HELD_FLAG
    else:
        row.flags &= ~HELD_FLAG
        if r.number("rate") < REGISTERS:
            row.charged_cwh[r.number("rate")] = r.number("register_cwh")
        row.charged_at_s = r.at_s  # what comes behind it begins then


def _episode(row: AccountRow, r: Record) -> None:
    row.episode, row.episode_open = r.number("episode"), r.number("open")
    row.notice_level, row.notice_at_s = 0, 0
    row.flags &= ~(VISITED | VISIT_ORDERED | EMERGENCY | EMERGENCY_OVER)


def _notice(row: AccountRow, r: Record) -> None:
    if r.number("outcome") == DELIVERED and r.number("level") > row.notice_level:
        row.notice_level, row.notice_at_s = r.number("level"), r.at_s


def _decision(row: AccountRow, r: Record) -> None:
    if r.number("verdict") in (1, 2, 5):
        row.wish, row.wish_reason, row.wish_at_s = int(r.number("verdict") == 1), r.number("reason"), r.at_s
        row.flags &= ~LIMITED


def _limit(row: AccountRow, r: Record) -> None:
    if row.wish and r.number("what") == 1:
        row.flags |= LIMITED


def _relay(row: AccountRow, r: Record) -> None:
    if r.number("action") in (3, 4) and r.number("phase") == 1:
        row.alarm = int(r.number("action") == 3)


def _seen(row: AccountRow, r: Record) -> None:
    row.seen, row.seen_at_s = r.number("seen"), r.at_s


def _order(row: AccountRow, r: Record) -> None:
    row.order = max(row.order, r.number("number"))


def _flags(row: AccountRow, r: Record) -> None:
    kept = HELD_FLAG | LIMITED  # other records say these
    row.flags = row.flags & kept | r.number("flags") & ~kept


def _fault(row: AccountRow, r: Record) -> None:
    row.fault = r.number("fault")


def _visit(row: AccountRow, r: Record) -> None:
    if not row.episode_open or r.number("episode") != row.episode:
        return
    if r.number("what") == 1:
        row.flags |= VISIT_ORDERED
    elif r.number("what") == 2:
        row.flags |= VISITED
    else:
        row.flags &= ~VISIT_ORDERED


def _emergency(row: AccountRow, r: Record) -> None:
    if row.episode_open and r.number("episode") == row.episode:
        row.flags |= EMERGENCY if r.number("what") == 1 else EMERGENCY_OVER


def _debt(row: AccountRow, r: Record) -> None:
    """A place for what is moved to the debt."""
    if all(place[0] != DEBT_ISSUER for place in row.issuers):
        row.issuers = [*row.issuers, (DEBT_ISSUER, 0, 0)]


def _recovery(row: AccountRow, r: Record) -> None:
    others = [place for place in row.issuers if place[0] != DEBT_ISSUER]
    row.issuers = [*others, (DEBT_ISSUER, r.number("move"), -r.number("moved_ucu"))]


def _credit_limit(row: AccountRow, r: Record) -> None:
    row.limit_ucu = r.number("limit_ucu")


def _level(row: AccountRow, r: Record) -> None:
    row.notice_level = min(row.notice_level, r.number("level"))


_STEPS = {
    kinds.SEGMENT: _segment,
    kinds.CREDIT: _credit,
    kinds.CHARGE: _charge,
    kinds.HELD: _held,
    kinds.EPISODE: _episode,
    kinds.NOTICE: _notice,
    kinds.DECISION: _decision,
    kinds.RELAY: _relay,
    kinds.SEEN: _seen,
    kinds.ORDER: _order,
    kinds.FLAGS: _flags,
    kinds.FAULT: _fault,
    kinds.VISIT: _visit,
    kinds.LEVEL: _level,
    kinds.EMERGENCY: _emergency,
    kinds.MOVED: _moved,
    kinds.DEBT: _debt,
    kinds.RECOVERY: _recovery,
    kinds.CREDIT_LIMIT: _credit_limit,
    kinds.LIMIT: _limit,
}
