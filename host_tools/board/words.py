"""What the console's numbers mean, for people (SPEC sections 5.3, 6 and 7). Codes of records are in journal_reader.words."""

from datetime import date
from typing import Any

from host_tools.board.console_client import Row
from host_tools.journal_reader.meter_words import METER_EVENTS, meter_event
from host_tools.journal_reader.words import FAULT, HELD_WHY, RESET, cause_of, when, word

STANDING = {0: "sound", 1: "awaits comparison", 2: "awaits the head-end's state", 3: "journal corrupt"}
QUALITY = {0: "unknown", 1: "from the meters", 2: "from the RTC", 3: "from the network"}
WISH = {0: "on", 1: "OFF"}
SEEN = {0: "unknown", 1: "on", 2: "OFF", 3: "button", 4: "limited"}
FLAGS = {
    0: "protected",
    1: "care",
    2: "exempt",
    3: "hold",
    4: "reading held",
    5: "ordered on",
    6: "visited",
    7: "visit ordered",
    8: "emergency",
    9: "emergency repaid",
    10: "moved out",
    11: "elsewhere",
    12: "limited",
}
VERDICT_NOW = {
    0: "nothing is to be done",
    1: "would be cut now",
    2: "would be restored now",
    3: "a cut is due, but not permitted",
    4: "a cut is due, but has to wait",
}
EVENTS = {
    1: "meter is silent, turns without answer",
    2: "meter answers again, turns it was silent",
    3: "meter refuses to tell its register, error word",
    4: "a task of the firmware died",
    5: "standing with the head-end",
    6: "safe mode restored supply, proven at",
    100: "uplink connected, times",
    101: "uplink did not connect, times",
    106: "TLS was refused, times",
    110: "broker closed the connection, times",
    111: "broker did not answer CONNECT, times",
    112: "broker refused CONNECT, times",
    113: "broker did not answer SUBSCRIBE, times",
    114: "broker refused SUBSCRIBE, times",
    115: "broker did not acknowledge, times",
    116: "link went silent, times",
    117: "malformed packet, times",
    118: "unexpected packet, times",
    119: "too many unacknowledged messages, times",
    120: "link failed, times",
    121: "books could not be made durable, times",
    122: "connection closed by us, times",
    200: "reading held",
    201: "fault",
    202: "brake",
    203: "clock set, seconds forward",
    210: "firmware began, boots in a row that did not settle",
    211: "lines on the console that were no requests",
    212: "maintenance asked with a wrong key, times",
    213: "maintenance began, seconds",
    214: "an answer on the console failed",
}


def day(number: int) -> str:
    """A local day, counted from 1970-01-01."""
    return date.fromordinal(719_163 + number).isoformat()


def charged_as(line: dict[str, Any]) -> str:
    """Register, band and step of energy."""
    register = f"rate {line['rate']}" if line["rate"] else "total"
    band = f", band {line['band']}" if line["band"] else ""
    return f"{register}{band}, step {line['step'] + 1}"


def began_by(cause: object) -> str:
    """Why this life began, as BOOT says it."""
    return word(RESET, cause if isinstance(cause, int) else 0)


def flags(bits: int) -> str:
    """Names of account flags."""
    return ", ".join(name for bit, name in FLAGS.items() if bits >> bit & 1)


def event(code: int, value: int) -> str:
    """One event in words, its value included."""
    if code in METER_EVENTS:
        return meter_event(code, value)
    if code == 200:
        return f"reading held: {word(HELD_WHY, value)}"
    if code == 201:
        return f"fault: {word(FAULT, value)}"
    if code == 214:
        return EVENTS[code]
    if code == 202:
        return "brake closed: no cuts" if value else "brake released"
    if code == 5:
        return f"{EVENTS[5]}: {word(STANDING, value)}"
    return f"{EVENTS.get(code, f'event {code}')}: {value}"


def closed_by(brake: Row) -> str:
    """The brake, and what closed it."""
    if not brake.get("closed"):
        return "open"
    if not brake.get("what"):
        return "closed: too many accounts were due at once"
    return "closed by " + cause_of(brake["what"], brake["id"], brake["version"])


def age(seconds: int | None) -> str:
    """How long ago, in the unit that fits."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def firmware(number: int) -> str:
    """0.1.0 from 000100H."""
    return f"{number >> 16 & 0xFFFF}.{number >> 8 & 0xFF}.{number & 0xFF}"


def since(now_s: int | None, at_s: int | None) -> str:
    """A moment, and how long ago it was."""
    if not at_s:
        return "never"
    return when(at_s) + (f", {age(now_s - at_s)} ago" if now_s else "")
