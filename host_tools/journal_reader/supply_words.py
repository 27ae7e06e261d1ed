"""What was done to supply and what was seen of it, in plain words: relay and load limit."""

from host_tools.journal_reader.record import Record
from host_tools.journal_reader.units import word

ACTION = {1: "cut", 2: "restore", 3: "alarm on", 4: "alarm off", 5: "read status", 6: "load limit", 7: "lift of the load limit"}
POWER_ACTIONS = (6, 7)  # whose word is a power
NO_LIMIT_W = 0xFFFF
PHASE = {1: "ordered", 2: "acknowledged", 3: "refused", 4: "no answer", 5: "verified", 6: "disagrees", 7: "given up"}
SEEN = {0: "UNKNOWN", 1: "CLOSED", 2: "OPEN", 3: "ARMED", 4: "LIMITED"}


def watts(value: int) -> str:
    """A load limit."""
    return "no limit" if value == NO_LIMIT_W else f"{value} W"


def relay_in_words(r: Record) -> str:
    action, phase, value = r.number("action"), r.number("phase"), r.number("word")
    if action in POWER_ACTIONS and phase not in (3, 7):  # refused and given up tell an error word
        return f"account {r.account}: {word(ACTION, action)} {word(PHASE, phase)}" + ("" if phase == 4 else f", {watts(value)}")
    return f"account {r.account}: relay {word(ACTION, action)} {word(PHASE, phase)}, word {value:04X}H"


def limit_in_words(r: Record) -> str:
    limit, found = watts(r.number("limit_w")), watts(r.number("found_w"))
    if r.number("what") == 1:
        return f"account {r.account}: instead of the cut a load limit of {limit}"
    if r.number("what") == 2:
        return f"account {r.account}: its load limit of {limit} is lost, the meter has {found}"
    return f"account {r.account}: the meter has a load limit of {found} that was not ordered here"


def seen_in_words(r: Record) -> str:
    return f"account {r.account}: seen {word(SEEN, r.number('seen'))}, status word {r.number('status_word'):04X}H"
