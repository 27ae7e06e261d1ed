"""Records in plain words for people: one line each. Codes become words here, on the host, never in the firmware."""

from datetime import date

from host_tools.journal_reader import kinds
from host_tools.journal_reader.account_row import parse_row
from host_tools.journal_reader.meter_words import METER_EVENTS, meter_event
from host_tools.journal_reader.record import Record
from host_tools.journal_reader.supply_words import limit_in_words, relay_in_words, seen_in_words
from host_tools.journal_reader.units import address, energy, money, price, when, word

QUALITY = ("unknown", "from the meters", "from the RTC", "from the network")
RESET = {0: "unknown", 1: "power on", 2: "reset by the firmware", 3: "WATCHDOG", 4: "deep sleep", 5: "soft reset"}
CAUSE = {1: "midnight", 2: "tariff edge", 3: "before a decision", 4: "limit", 5: "segment closed", 6: "fixed fee",
         7: "minimum of the month"}  # fmt: skip
HELD_WHY = {
    0: "released", 1: "went backwards", 2: "jumped too far", 3: "other serial number", 4: "no value", 5: "rates ran ahead of the total",
}  # fmt: skip
CHANNEL = {1: "head-end", 2: "alarm on the meter", 3: "visit", 4: "text message"}
VISIT = {1: "visit ordered", 2: "visit made", 3: "visited, nobody met"}
DAYS_UNKNOWN = 0xFFFF
SAFE_RESTORE = 6  # EVENT code
OUTCOME = {1: "given", 2: "delivered", 3: "failed"}
VERDICT = {1: "cut", 2: "restore", 3: "cut not permitted", 4: "cut delayed", 5: "cut withdrawn"}
REASON = {
    1: "balance at the floor",
    2: "restore amount reached",
    3: "a standing condition failed",
    4: "an order",
    5: "credit during the cut",
}
ORDERS = {
    1: "cut",
    2: "restore",
    3: "hold",
    4: "release",
    5: "tariff",
    6: "policy",
    7: "release brake",
    8: "state",
    9: "flags",
    10: "held reading",
    11: "report",
    12: "move out",
    13: "move in",
    14: "give away",
    15: "take over",
    16: "debt",
    17: "credit limit",
    20: "restore for a payment",
    21: "leave safe mode",
    22: "document in safe mode",
}
ORDER_WHAT = {
    10: {1: "held reading released", 2: "held reading rejected", 3: "held reading charged"},
    12: {0: "moved out"},
    13: {0: "somebody else moved in"},
    14: {0: "given to another gateway"},
    15: {0: "taken from another gateway"},
    17: {0: "credit limit"},
}
ORDER_REASON = {
    0: "",
    1: "expired",
    2: "overtaken by a credit",
    3: "number used",
    4: "a condition does not hold",
    5: "unknown account",
    6: "bad document",
    7: "not supported",
    8: "clock unknown",
    9: "no change",
    10: "another episode",
    11: "nobody is cut in safe mode",
    12: "taken away in safe mode",
}
CREDIT_REFUSED = {
    1: "unknown account",
    2: "conflict: same number, other total",
    3: "too many issuers",
    4: "full",
    5: "out of range",
    6: "its books are at another gateway, or on their way here",
}
FAULT = {
    0: "none",
    1: "relay does not obey",
    2: "load after cut",
    3: "found off",
    4: "keep-power",
    5: "meter clock",
    6: "refused",
    7: "meter replaced",
    8: "own purse",
    9: "utility key",
    10: "load limit of others",
    11: "trip did not come in time, called off",
}
CAUSES = {1: "tariff", 2: "policy", 3: "corrections", 4: "cut orders"}  # what may make too many due; 3 has lower credit limits, too
CUT_ORDERS = 4
SUSPECT = {1: "looked at", 2: "closed the brake", 3: "over"}
CONDITIONS = {
    0: "available balance at or below the floor",
    1: "account not protected",
    2: "account not exempt",
    3: "no hold on the account",
    4: "care customer visited, or word given",
    5: "reading good",
    6: "journal sound",
    7: "tariff valid",
    8: "meter can be enforced from here",
    9: "policy fully implemented",
    10: "standing with the head-end sound",
    16: "reading fresh",
    17: "inside allowed hours",
    18: "notice given and its period passed",
    19: "clock known well enough",
    20: "right to cut offline not lapsed",
    21: "throttle allows another cut",
    22: "brake open",
    23: "relay seen closed",
    24: "meter clock agrees",
    25: "an open day of the calendar",
}


def conditions(bits: int) -> list[str]:
    """Names of the conditions whose bits are set."""
    return [word(CONDITIONS, bit) for bit in range(32) if bits >> bit & 1]


def record_in_words(record: Record) -> str:
    """One sentence about the record, without its sequence and time."""
    if not record.known:
        return "unknown kind " + str(record.kind)
    say = _SENTENCES.get(record.kind)
    return say(record) if say else ", ".join(f"{name} {value!r}" for name, value in record.fields.items())


def _epoch(r: Record) -> str:
    reason = {1: "first life", 2: "given by the head-end"}
    return f"epoch {r.number('epoch')} begins ({word(reason, r.number('reason'))})"


def _boot(r: Record) -> str:
    return f"boot {r.number('boot_count')}, reset cause {word(RESET, r.number('reset_cause'))}, firmware {r.number('firmware')}"


def _row(r: Record) -> str:
    row = parse_row(r.octets("row"))
    limit = f", credit limit {money(row.limit_ucu)}" if row.limit_ucu else ""
    return f"account {row.account}: snapshot row, balance {money(row.balance_ucu)}{limit}, meter {address(row.serial)}"


def _segment(r: Record) -> str:
    registers = r.fields["from_cwh"]
    start = registers[0] if isinstance(registers, list) and isinstance(registers[0], int) else 0
    ratio = f", energy is {r.number('ratio')} times the register's" if r.fields.get("ratio", 1) != 1 else ""
    return f"account {r.account}: meter {address(r.octets('serial'))} bound from {energy(start)}{ratio}"


def _credit(r: Record) -> str:
    return (
        f"account {r.account}: credit {r.number('number')} of issuer {r.number('issuer')}: "
        f"{money(r.number('amount_ucu'))}, total {money(r.number('total_ucu'))}"
    )


def _credit_refused(r: Record) -> str:
    return _credit(r) + " REFUSED: " + word(CREDIT_REFUSED, r.number("reason"))


def _charge(r: Record) -> str:
    marks = [name for bit, name in ((1, "estimated"), (2, "crossed midnight unsplit"), (4, "more lines follow")) if r.number("marks") & bit]
    return (
        f"account {r.account}: charged {money(r.number('amount_ucu'))} for {energy(r.number('from_cwh'))} to "
        f"{energy(r.number('to_cwh'))} (register {r.number('rate')}) at {price(r.number('price'))}, tariff "
        f"{r.number('tariff')} v{r.number('version')}, {word(CAUSE, r.number('cause'))}, total charged "
        f"{money(r.number('total_charged_ucu'))}" + "".join(", " + mark for mark in marks) + _position(r)
    )


def _position(r: Record) -> str:
    """What the longer form of a charge says."""
    if "day" not in r.fields:
        return ""
    day, begun = (date.fromordinal(719_163 + r.number(name)) for name in ("day", "period_day"))
    band = f", band {r.number('band')}" if r.number("band") else ""
    return f"; {day}{band}, step {r.number('step') + 1}, {energy(r.number('used_cwh'))} used since {begun}"


def _held(r: Record) -> str:
    return (
        f"account {r.account}: reading of meter {address(r.octets('serial'))} {word(HELD_WHY, r.number('why'))}, "
        f"register {r.number('rate')} {energy(r.number('register_cwh'))}, last {energy(r.number('last_cwh'))}"
    )


def _episode(r: Record) -> str:
    what = "opens" if r.number("open") else "closes"
    return f"account {r.account}: episode {r.number('episode')} {what}, available {money(r.number('available_ucu'))}"


def _notice(r: Record) -> str:
    return (
        f"account {r.account}: notice {r.number('level')} by {word(CHANNEL, r.number('channel'))} "
        f"{word(OUTCOME, r.number('outcome'))}, available {money(r.number('available_ucu'))}, "
        f"to pay until supply returns {money(r.number('restore_ucu'))}"
    )


def _decision(r: Record) -> str:
    failed = conditions(r.number("failed"))
    lead = ", no longer holds: " if r.number("verdict") in (2, 5) else ", does not hold: "
    return (
        f"account {r.account}: {word(VERDICT, r.number('verdict'))}, {word(REASON, r.number('reason'))}, available "
        f"{money(r.number('available_ucu'))}" + (lead + "; ".join(failed) if failed else "")
    )


def _order(r: Record) -> str:
    text = f"account {r.account}: order {r.number('number')} {word(ORDERS, r.number('order'))} "
    if r.number("verdict") == 1:
        return text + "accepted"
    failed = conditions(r.number("failed"))
    return text + "refused: " + word(ORDER_REASON, r.number("reason")) + (f" ({'; '.join(failed)})" if failed else "")


def _document(r: Record) -> str:
    return f"{word({1: 'tariff', 2: 'policy'}, r.number('what'))} {r.number('id')} version {r.number('version')} kept"


def _event(r: Record) -> str:
    if r.number("code") == SAFE_RESTORE:
        return f"account {r.account}: safe mode restored supply, proven {when(r.number('value'))}"
    if r.number("code") in METER_EVENTS:
        who = f"account {r.account}: " if r.account else ""
        return who + meter_event(r.number("code"), r.number("value"))
    return ", ".join(f"{name} {value!r}" for name, value in r.fields.items())


def _acked(r: Record) -> str:
    return f"head-end holds records to {r.number('sequence')} and readings to {r.number('readings')}"


def _brake(r: Record) -> str:
    return f"brake {'closed: no cuts' if r.number('closed') else 'released'}, {r.number('due')} accounts due"


def cause_of(what: int, number: int, version: int) -> str:
    """What may make too many accounts due."""
    return f"{word(CAUSES, what)} {number} version {version}" if number else word(CAUSES, what)


def cause(r: Record) -> str:
    """What SUSPECT or THROUGH is about."""
    return cause_of(r.number("what"), r.number("id"), r.number("version"))


def suspect(r: Record) -> str:
    """A cause, and how many accounts are due through it."""
    due = r.number("due")
    return f"{cause(r)}, {due} account{'' if due == 1 else 's'} {'with' if r.number('what') == CUT_ORDERS else 'due through'} it"


def _suspect(r: Record) -> str:
    return f"{suspect(r)}: {word(SUSPECT, r.number('state'))}"


def _through(r: Record) -> str:
    if not r.number("counted"):
        return f"account {r.account}: {money(r.number('relief_ucu'))} taken so far by {cause(r)}"
    return f"account {r.account}: due through {cause(r)}, would have {money(r.number('relief_ucu'))} more without it"


def _debt(r: Record) -> str:
    most = r.number("most_ucu")
    return (
        f"account {r.account}: owes {money(r.number('owed_ucu'))} from before, {r.number('share')} % of what a credit brings above the "
        "restore amount pays it off" + (f", at most {money(most)} of a credit" if most else "")
    )


def _recovery(r: Record) -> str:
    return (
        f"account {r.account}: {money(r.number('amount_ucu'))} of credit {r.number('number')} of issuer {r.number('issuer')} to the debt, "
        f"{money(r.number('left_ucu'))} of it left; available was {money(r.number('available_ucu'))}"
    )


def _credit_limit(r: Record) -> str:
    limit, before = money(r.number("limit_ucu")), money(r.number("before_ucu"))
    return f"account {r.account}: credit limit {limit}, before it {before}, by order {r.number('order')}"


def _clock(r: Record) -> str:
    return f"clock set from {when(r.number('before_s'))} to {when(r.number('after_s'))}"


def _fault(r: Record) -> str:
    return f"account {r.account}: fault {word(FAULT, r.number('fault'))}, value {r.number('value')}"


def _exempt(r: Record) -> str:
    end = r.number("until_s")
    return f"account {r.account}: exempt " + (f"until {when(end)}" if end else "without end")


def days_left(days: int) -> str:
    return "days left unknown" if days == DAYS_UNKNOWN else f"{days} days left at most"


def _visit(r: Record) -> str:
    text = f"account {r.account}: {word(VISIT, r.number('what'))} in episode {r.number('episode')}"
    if r.number("what") == 1:
        text += f", available {money(r.number('available_ucu'))}, {days_left(r.number('days_left'))}"
        return text + f", lead {r.number('lead_days')} days"
    return text + f", {when(r.number('visited_at_s'))}, reported by order {r.number('order')}"


def _emergency(r: Record) -> str:
    what = word({1: "given", 2: "repaid"}, r.number("what"))
    amount, available = money(r.number("amount_ucu")), money(r.number("available_ucu"))
    return f"account {r.account}: emergency credit of {amount} {what} in episode {r.number('episode')}, available {available}"


def _level(r: Record) -> str:
    available = money(r.number("available_ucu"))
    return f"account {r.account}: risen again, notices beyond level {r.number('level')} count no more, available {available}"


def _month(r: Record) -> str:
    registers = r.fields["from_cwh"]
    assert isinstance(registers, list)
    used = registers[1 : r.number("rates") + 1] if r.number("rates") else registers[:1]
    return f"account {r.account}: month closed {when(r.number('settled_at_s'))} at {', '.join(energy(value) for value in used)}"


def reason_text(r: Record) -> str:
    """What an operator wrote."""
    return r.octets("text").rstrip(b"\0").decode("utf-8", "replace")


def _reason(r: Record) -> str:
    what = word(ORDER_WHAT.get(r.number("order"), {}), r.number("what"))
    return f"account {r.account}: order {r.number('number')}: {what}, because: {reason_text(r)}"


def _moved(r: Record) -> str:
    meter, order = address(r.octets("serial")), r.number("order")
    return f"account {r.account}: meter {meter} is of account {r.number('to_account')} from now on, by order {order}"


def _carried(r: Record) -> str:
    how = {1: "given to another gateway", 2: "taken from another gateway", 3: "taken from the books of the head-end"}
    row = parse_row(r.octets("row"))
    at = f"meter {address(row.serial)}, balance {money(row.balance_ucu)}, charged {money(row.total_charged_ucu)}"
    return f"account {r.account}: {word(how, r.number('what'))} by order {r.number('order')}: {at}"


_SENTENCES = {
    kinds.EPOCH: _epoch,
    kinds.BOOT: _boot,
    kinds.SNAPSHOT_ROW: _row,
    kinds.SEGMENT: _segment,
    kinds.CREDIT: _credit,
    kinds.CREDIT_REFUSED: _credit_refused,
    kinds.CHARGE: _charge,
    kinds.HELD: _held,
    kinds.EPISODE: _episode,
    kinds.NOTICE: _notice,
    kinds.DECISION: _decision,
    kinds.RELAY: relay_in_words,
    kinds.SEEN: seen_in_words,
    kinds.ORDER: _order,
    kinds.DOCUMENT: _document,
    kinds.EVENT: _event,
    kinds.ACKED: _acked,
    kinds.BRAKE: _brake,
    kinds.SUSPECT: _suspect,
    kinds.DEBT: _debt,
    kinds.RECOVERY: _recovery,
    kinds.THROUGH: _through,
    kinds.CLOCK: _clock,
    kinds.FAULT: _fault,
    kinds.EXEMPT: _exempt,
    kinds.VISIT: _visit,
    kinds.LEVEL: _level,
    kinds.EMERGENCY: _emergency,
    kinds.MONTH: _month,
    kinds.REASON: _reason,
    kinds.MOVED: _moved,
    kinds.CARRIED: _carried,
    kinds.CREDIT_LIMIT: _credit_limit,
    kinds.LIMIT: limit_in_words,
}
