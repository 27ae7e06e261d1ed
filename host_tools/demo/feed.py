"""Journal records as people would tell them to each other; None for what nobody would mention.

The full wording of every kind is the journal reader's; here is the short form with a colour for the screen. The style "dim"
marks routine, which a small screen leaves out.
"""

from collections.abc import Callable, Mapping

from host_tools.journal_reader import Record, kinds
from host_tools.journal_reader.words import CHANNEL, FAULT, ORDER_REASON, ORDERS, energy, money, record_in_words, word

Told = tuple[str, str]  # text, style

_QUIET = (kinds.SNAPSHOT_BEGIN, kinds.SNAPSHOT_ROW, kinds.SNAPSHOT_END, kinds.ACKED, kinds.CLOCK)
_CUT, _RESTORE, _NOT_PERMITTED, _DELAYED = 1, 2, 3, 4
_DOCUMENTS, _NO_CHANGE = (5, 6), 9
_GIVEN, _DELIVERED, _FAILED = 1, 2, 3
_SEEN = {0: "seen neither on nor off", 1: "seen ON", 2: "seen OFF", 3: "waits for the customer's button",
         4: "seen LIMITED"}
_ACTION = {1: "cut", 2: "restore", 3: "alarm on", 4: "alarm off", 6: "load limit", 7: "lift of the load limit"}
_PHASE = {1: ("ordered", ""), 2: ("acknowledged, which proves nothing yet", "dim"), 3: ("REFUSED by the meter", "red"),
          4: ("not answered", "yellow"), 5: ("read back from the meter: done", "green"),
          6: ("read back from the meter: NOT done", "bold red"), 7: ("given up", "red")}
_NEVER_CUT = {8: "the meter keeps its own purse: read, never cut", 9: "the meter needs the utility's key: read, never cut"}
_WHY_NOT = {
    0: "above the floor", 1: "it is protected", 2: "it is exempt", 3: "it is on hold", 4: "a visit comes first",
    5: "its reading is not good", 6: "the journal is not sound", 7: "no valid tariff", 8: "this meter cannot be cut from here",
    9: "its policy asks for more than this version does", 10: "the head-end has not agreed to our books",
    16: "its reading is too old", 17: "it is outside its allowed hours", 18: "no notice arrived long enough ago",
    19: "the clock is not known well enough", 20: "offline for too long", 21: "too many cuts this hour", 22: "the brake is closed",
    23: "its relay was not seen on", 24: "the meter's clock differs",
}


def why_not(failed: int) -> str:
    """The conditions of a cut that do not hold, as reasons."""
    return "; ".join(_WHY_NOT.get(bit, f"condition {bit}") for bit in range(32) if failed >> bit & 1)


def in_plain_words(record: Record, names: Mapping[int, str]) -> Told | None:
    """(text, style) of a record; `names` are what the story calls the accounts."""
    if not record.known or record.kind in _QUIET:
        return None
    teller = _TELLERS.get(record.kind)
    if teller is None:
        return record_in_words(record), "dim"
    name = names.get(record.account or 0)
    who = (f"{record.account}" + (f" ({name})" if name else "")) if record.account else "gateway"
    return teller(record, who)


def _boot(r: Record, _: str) -> Told:
    return f"the gateway starts, life {r.number('boot_count')}", "bold cyan"


def _segment(r: Record, who: str) -> Told:
    return f"{who}: meter bound, charging begins", "dim"


def _credit(r: Record, who: str) -> Told:
    return f"{who}: {money(r.number('amount_ucu'))} paid in", "green"


def _credit_refused(r: Record, who: str) -> Told:
    return f"{who}: credit {r.number('number')} refused", "red"


def _charge(r: Record, who: str) -> Told:
    used = (r.number("to_cwh") - r.number("from_cwh")) % 100_000_000
    return f"{who}: charged {money(r.number('amount_ucu'))} for {energy(used)}", "dim"


def _episode(r: Record, who: str) -> Told:
    how = "runs low" if r.number("open") else "is above its notice level again"
    return f"{who}: balance {how}, {money(r.number('available_ucu'))}", "yellow"


def _notice(r: Record, who: str) -> Told:
    how = {_GIVEN: "goes out", _DELIVERED: "has arrived", _FAILED: "could not be given"}.get(r.number("outcome"), "?")
    return f"{who}: notice by {word(CHANNEL, r.number('channel'))} {how}", "yellow"


def _decision(r: Record, who: str) -> Told:
    verdict, left = r.number("verdict"), money(r.number("available_ucu"))
    if verdict == _CUT:
        return f"{who}: CUT decided at {left}, every condition holds", "bold red"
    if verdict == _RESTORE:
        return f"{who}: RESTORE decided at {left}", "bold green"
    if verdict in (_NOT_PERMITTED, _DELAYED):
        return f"{who}: stays on at {left}: {why_not(r.number('failed'))}", "magenta"
    return f"{who}: cut withdrawn", "magenta"


def _relay(r: Record, who: str) -> Told:
    how, style = _PHASE.get(r.number("phase"), ("?", "red"))
    return f"{who}: {word(_ACTION, r.number('action'))} {how}", style


def _seen(r: Record, who: str) -> Told:
    return f"{who}: supply {word(_SEEN, r.number('seen'))}", "bold" if r.number("seen") != 1 else "dim"


def _order(r: Record, who: str) -> Told | None:
    what, number = word(ORDERS, r.number("order")), r.number("order")
    if number in _DOCUMENTS and r.number("reason") in (0, _NO_CHANGE):
        return None  # its DOCUMENT record was told, and one that comes twice changes nothing
    if r.number("verdict") == 1:
        return f"{who}: order to {what} accepted", ""
    return f"{who}: order to {what} REFUSED: {word(ORDER_REASON, r.number('reason'))}", "bold yellow"


def _document(r: Record, _: str) -> Told:
    return f"{'tariff' if r.number('what') == 1 else 'policy'} {r.number('id')} version {r.number('version')} is in force", ""


def _fault(r: Record, who: str) -> Told:
    fault = r.number("fault")
    if fault in _NEVER_CUT:
        return f"{who}: {_NEVER_CUT[fault]}", ""
    return (f"{who}: fault: {word(FAULT, fault)}", "red") if fault else (f"{who}: the fault is over", "dim")


def _brake(r: Record, _: str) -> Told:
    return ("the brake closes: too many due at once, nobody is cut", "bold red") if r.number("closed") else ("the brake is released", "")


_TELLERS: dict[int, Callable[[Record, str], Told | None]] = {
    kinds.BOOT: _boot, kinds.SEGMENT: _segment, kinds.CREDIT: _credit, kinds.CREDIT_REFUSED: _credit_refused,
    kinds.CHARGE: _charge, kinds.EPISODE: _episode, kinds.NOTICE: _notice, kinds.DECISION: _decision, kinds.RELAY: _relay,
    kinds.SEEN: _seen, kinds.ORDER: _order, kinds.DOCUMENT: _document, kinds.FAULT: _fault, kinds.BRAKE: _brake,
}
