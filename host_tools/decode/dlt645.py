"""DL/T 645 frames as JSON-ready objects, found and decoded by the codec of the firmware.

`junk_bytes` counts bytes that belong to no valid frame; FE bytes directly before a valid frame are its preamble, not
junk. Which edition a frame belongs to is told by its control code: an identifier has 4 bytes in 2007 and 2 in 1997.
"""

from __future__ import annotations

from typing import Any

from firmware.meters.dlt645 import frame, items, relay, values

FEED_BYTES = 128

READ, FOLLOW_UP, WRITE, READ_ADDRESS, WRITE_ADDRESS = 0x11, 0x12, 0x14, 0x13, 0x15
TIME, FREEZE, BAUD, AUTHENTICATE, RELAY = 0x08, 0x16, 0x17, 0x03, 0x1C
READ_1997, FOLLOW_UP_1997, WRITE_1997 = 0x01, 0x02, 0x04

FUNCTIONS = {
    AUTHENTICATE: "security authentication",
    TIME: "broadcast time",
    READ: "read data",
    FOLLOW_UP: "read follow-up",
    READ_ADDRESS: "read address",
    WRITE: "write data",
    WRITE_ADDRESS: "write address",
    FREEZE: "freeze",
    BAUD: "change baud",
    0x18: "change password",
    0x19: "clear demand",
    0x1A: "clear meter",
    0x1B: "clear events",
    RELAY: "trip/close/alarm/keep-power",
    0x1D: "multi-function output",
    READ_1997: "read data",
    FOLLOW_UP_1997: "read follow-up",
    WRITE_1997: "write data",
    0x0A: "write address",
    0x0C: "change baud",
    0x0F: "change password",
    0x10: "clear demand",
}
ONLY_1997 = (READ_1997, FOLLOW_UP_1997, WRITE_1997, 0x0A, 0x0C, 0x0F, 0x10)
BAUDS = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}

Decoded = dict[str, Any]


def decode_bytes(raw: bytes) -> Decoded:
    """`{"frames": [...], "junk_bytes": n}` of everything that a resynchronising receiver finds in `raw`, in order."""
    reader = frame.FrameReader()
    frames: list[Decoded] = []
    for at in range(0, len(raw), FEED_BYTES):
        reader.feed(raw, at, min(at + FEED_BYTES, len(raw)))
        _drain(reader, frames)
    reader.flush()
    _drain(reader, frames)
    return {"frames": frames, "junk_bytes": reader.noise_bytes}


def _drain(reader: frame.FrameReader, frames: list[Decoded]) -> None:
    while reader.next_event() == frame.FRAME:
        buf = bytes(reader.buf)
        address = buf[reader.address_at : reader.address_at + frame.ADDRESS_BYTES]
        frames.append(describe(address, reader.control, buf[reader.data_start : reader.data_end]))


def describe(address: bytes, control: int, data: bytes) -> Decoded:
    """One valid frame; `address` in wire order, `data` with 33H already taken off."""
    function = control & frame.FUNCTION
    is_response = bool(control & frame.FROM_METER)
    described: Decoded = {
        "valid": True,
        "address": address[::-1].hex().upper(),
        "control": f"{control:02X}",
        "function": FUNCTIONS.get(function, "?"),
        "version": "1997" if function in ONLY_1997 else "2007",
        "is_response": is_response,
        "more_follow": is_response and bool(control & frame.MORE),
        "data": data.hex().upper(),
        "di": None,
        "name": None,
        "value": None,
        "unit": None,
        "error": None,
        "causes": [],
    }
    if is_response and control & frame.ABNORMAL:
        _describe_error(described, data)
    elif function in (READ, FOLLOW_UP, WRITE, READ_1997, FOLLOW_UP_1997, WRITE_1997):
        _describe_item(described, function, is_response, data)
    else:
        described["value"] = _plain_value(function, is_response, data)
        if function == BAUD and described["value"] is not None:
            described["unit"] = "bps"
    return described


def _describe_error(described: Decoded, data: bytes) -> None:
    """`error` is the byte or word in hex, high byte first; a vendor's longer reply keeps its data only."""
    if len(data) not in (1, 2):
        described["error"] = "?"
        return
    word = int.from_bytes(data, "little")
    described["error"] = f"{word:0{2 * len(data)}X}"
    if len(data) == 1 or described["function"] == FUNCTIONS[RELAY]:
        described["causes"] = [relay.REASON_NAMES[reason] for reason in relay.reasons(word, len(data))]


def _describe_item(described: Decoded, function: int, is_response: bool, data: bytes) -> None:
    """Identifier, name, unit, and the value if this is an answer to a read."""
    width = 2 if described["version"] == "1997" else 4
    if len(data) < width:
        return
    di = int.from_bytes(data[:width], "little")
    described["di"] = f"{di:0{2 * width}X}"
    item = items.find_item_1997(di) if width == 2 else items.find_item(di)
    rest = data[width:]
    if function == FOLLOW_UP and rest:
        described["seq"] = rest[-1]
    if item is None:
        return
    described["name"] = item.name
    described["unit"] = item.unit
    # parts of a long answer start and end anywhere, so only a whole answer has a value
    if is_response and function in (READ, READ_1997) and not described["more_follow"]:
        described["value"] = item.decode(rest, 0, len(rest))


def _plain_value(function: int, is_response: bool, data: bytes) -> str | None:
    """Values of functions that carry no identifier."""
    if function in (READ_ADDRESS, WRITE_ADDRESS) and len(data) == 6:
        text = data[::-1].hex()
        return text if text.isdecimal() else None
    if function == TIME and len(data) == 6:
        at_s = values.stamp_at(data, 0)
        return None if at_s is None else items.moment_text(at_s, True)
    if function == BAUD and len(data) == 1:
        return str(BAUDS[data[0]]) if data[0] in BAUDS else None
    if function == FREEZE and not is_response and len(data) == 4:
        return _freeze_plan(data)
    if function == RELAY and not is_response and len(data) == 16:
        return f"{data[8]:02X}"
    if function == RELAY and is_response and len(data) == 2:
        return f"{int.from_bytes(data, 'little'):04X}"
    return None


def _freeze_plan(data: bytes) -> str | None:
    """mm hh DD MM with 99 for "every"."""
    minute, hour, day, month = (f"{byte:02x}" for byte in data)
    if not (minute + hour + day + month).isdecimal():
        return None
    if minute == "99":
        return "now"
    if hour == "99":
        return f"hourly at minute {minute}"
    if day == "99":
        return f"daily at {hour}:{minute}"
    if month == "99":
        return f"monthly on day {day} at {hour}:{minute}"
    return f"on {month}-{day} at {hour}:{minute}"
