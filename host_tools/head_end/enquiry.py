"""What a customer asks: how much is left, what was used in the last seven whole days, how many days that lasts. In words.

Days left as the gateway reckons them (SPEC 5.7): floor(available above the floor x days / charged in these days), over the last seven
whole local days, or as many as are known. A day is known when the account had a meter all through it.

Trap avoided: the charge that ends a day bears the midnight behind it.
"""

from dataclasses import dataclass

from host_tools.head_end.commands import known_account
from host_tools.head_end.database import Database
from host_tools.head_end.debts import moved_ucu
from host_tools.head_end.folding import EMERGENCY, EMERGENCY_OVER, LIMITED, fold, records_of
from host_tools.head_end.months import NO_ENERGY, rollovers
from host_tools.head_end.notice_text import Place, Words, place_of
from host_tools.head_end.segments import ROLLOVER, ratio_behind
from host_tools.journal_reader import AccountRow, Record, kinds
from host_tools.journal_reader.words import address

DAYS = 7
DAY_S = 86_400
LONG_DAYS = 366


@dataclass(frozen=True)
class Enquiry:
    """Money in ucu, energy in 0.01 kWh; `days_left` None where nobody can say."""

    account: int
    balance_ucu: int
    available_ucu: int
    pending_ucu: int
    read_at_s: int
    days: int
    used_cwh: int
    charged_ucu: int
    days_left: int | None
    off: bool
    debt_ucu: int
    limit_ucu: int
    limited_w: int  # the load limit in the place of a cut, 0 = none
    text: list[str]

    def as_json(self) -> dict[str, object]:
        return dict(vars(self))


def enquire(db: Database, account: int, language: str | None, now_s: int) -> Enquiry:
    """In `language`, else in that of the account's notices, else in Chinese."""
    known_account(db, account)
    recipient = db.row("SELECT language FROM recipients WHERE account = ?", account)
    words = Words(language or (str(recipient["language"]) if recipient else "zh"))
    records, place = list(records_of(db, account)), place_of(db, account)
    row = fold(account, records)
    today = _day(now_s, place)
    days = min(DAYS, max(0, today - _first_whole_day(records, place)))
    used_cwh, charged_ucu = _use(db, account, records, place, today - days, today)
    pending_ucu = db.number("SELECT sum(amount_ucu) FROM credits WHERE account = ? AND receipt = 'pending'", account)
    available_ucu = row.balance_ucu - place.floor_ucu + _emergency_ucu(records, row)
    fresh = 0 <= now_s - row.charged_at_s < DAY_S
    left = available_ucu * days // charged_ucu if fresh and days and charged_ucu > 0 else None
    left = None if left is None else max(0, left)
    use = (row.charged_at_s, days, used_cwh, charged_ucu, left)
    means = (bool(row.wish), _debt_ucu(records, row), place.limit_ucu, _limited_w(records, row))
    asked = (account, row.balance_ucu, available_ucu, pending_ucu, *use, *means)
    return Enquiry(*asked, _sentences(words, place, Enquiry(*asked, []), fresh))


def _sentences(words: Words, place: Place, asked: Enquiry, fresh: bool) -> list[str]:
    known = {"account": asked.account, "balance_ucu": asked.balance_ucu}
    if asked.read_at_s:
        text = [words.say("enquire_balance", place, **known, date_s=asked.read_at_s)]
    else:
        text = [words.say("enquire_no_reading", place, **known)]
    if asked.pending_ucu > 0:
        text.append(words.say("enquire_pending", place, amount_ucu=asked.pending_ucu))
    if asked.debt_ucu:
        text.append(words.say("enquire_debt", place, amount_ucu=asked.debt_ucu))
    if asked.limit_ucu:
        text.append(words.say("enquire_limit", place, amount_ucu=asked.limit_ucu))
    if asked.off:
        pay_ucu = max(0, place.restore_ucu - asked.balance_ucu)
        if asked.limited_w:
            return [*text, words.say("enquire_limited", place, pay_ucu=pay_ucu, power=asked.limited_w)]
        return [*text, words.say("enquire_off", place, pay_ucu=pay_ucu)]
    if asked.days:
        energy = f"{asked.used_cwh // 100}.{asked.used_cwh % 100:02d}"
        text.append(words.say("enquire_use", place, days=asked.days, energy=energy, charges_ucu=asked.charged_ucu))
    if asked.available_ucu <= 0:
        text.append(words.say("enquire_none", place))
    elif asked.read_at_s and not fresh:
        text.append(words.say("enquire_silent", place))
    elif asked.days_left is None:
        text.append(words.say("enquire_unknown", place))
    elif asked.days_left >= LONG_DAYS:
        text.append(words.say("enquire_long", place))
    else:
        text.append(words.say("enquire_days" if asked.days_left else "enquire_less", place, **_days_of(asked.days_left)))
    return text


def _days_of(days: int) -> dict[str, object]:
    return {"days": days} if days else {}


def _day(at_s: int, place: Place) -> int:
    return (at_s + 60 * place.utc_offset_min) // DAY_S


def _first_whole_day(records: list[Record], place: Place) -> int:
    """The day behind the one on which the books of the account begin; never when they have none."""
    first = next((r for r in records if r.kind in (kinds.SEGMENT, kinds.SNAPSHOT_ROW) and r.at_s), None)
    return 1 << 30 if first is None else _day(first.at_s, place) + 1


def _use(db: Database, account: int, records: list[Record], place: Place, first: int, end: int) -> tuple[int, int]:
    """Energy and charges of the local days from `first` until `end`."""
    turns, used_cwh, charged_ucu, ratio = rollovers(db, account), 0, 0, 1
    for record in records:
        ratio = ratio_behind(record, ratio)
        if record.kind != kinds.CHARGE:
            continue
        day = record.number("day") if "day" in record.fields else _day((record.number("reading_at_s") or record.at_s) - 1, place)
        if not first <= day < end:
            continue
        charged_ucu += record.number("amount_ucu")
        if record.number("cause") not in NO_ENERGY:
            rollover = turns.get(address(record.octets("serial")), ROLLOVER)
            used_cwh += (record.number("to_cwh") - record.number("from_cwh")) % rollover * ratio
    return used_cwh, charged_ucu


def _debt_ucu(records: list[Record], row: AccountRow) -> int:
    """What is left of a debt."""
    owed = [r.number("owed_ucu") for r in records if r.kind == kinds.DEBT]
    return max(0, owed[-1] - moved_ucu(row)) if owed else 0


def _limited_w(records: list[Record], row: AccountRow) -> int:
    """The load limit of an account that is off by it."""
    limits = [r.number("limit_w") for r in records if r.kind == kinds.LIMIT and r.number("what") == 1]
    return limits[-1] if limits and row.wish and row.flags & LIMITED else 0


def _emergency_ucu(records: list[Record], row: AccountRow) -> int:
    """Given and not repaid: the floor lies lower by it."""
    if row.flags & (EMERGENCY | EMERGENCY_OVER) != EMERGENCY:
        return 0
    given = [r.number("amount_ucu") for r in records if r.kind == kinds.EMERGENCY and r.number("what") == 1]
    return given[-1] if given else 0
