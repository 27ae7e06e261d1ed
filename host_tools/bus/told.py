"""What was heard, as a line for people and as a JSON object. Passwords inside frames are masked in both.

10:02:11.123  +0.041  < 210000000001  read data 00010000 forward active energy: 1254.35 kWh
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from firmware.meters.dlt645 import items, values
from host_tools.bus.ear import Heard
from host_tools.bus.tape import Head
from host_tools.decode.dlt645 import FUNCTIONS, RELAY, Decoded

JUNK_SHOWN = 24
RELAY_BYTES = 16
ORDERS = {
    "1A": "trip",
    "1B": "permit closing",
    "1C": "close",
    "1D": "trip, close later",
    "1E": "trip, permit closing later",
    "2A": "alarm on",
    "2B": "alarm off",
    "3A": "keep power",
    "3B": "keep power off",
}
# control byte -> which bytes of the data are passwords (level and digits)
SECRETS = {
    0x14: (4, 8), 0x18: (4, 12), 0x98: (0, 4), 0x19: (0, 4), 0x1A: (0, 4), 0x1B: (0, 4), 0x1C: (0, 4),
    0x04: (2, 6), 0x0F: (2, 10), 0x8F: (0, 4), 0x10: (0, 4),
}  # fmt: skip


class Telling:
    """Turns what is heard into words, with the wall time of `head`."""

    def __init__(self, head: Head, raw: bool) -> None:
        self._began = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=head.began_ms)
        self._offset = timedelta(seconds=head.utc_offset_s)
        self._raw = raw

    def text(self, heard: Heard) -> str:
        """One line."""
        clock = (self._began + self._offset + timedelta(milliseconds=heard.at_ms)).strftime("%H:%M:%S.%f")[:-3]
        gap = "" if heard.gap_ms is None else f"+{heard.gap_ms // 1000}.{heard.gap_ms % 1000:03d}"
        said = junk_words(heard.raw) if heard.frame is None else frame_words(heard.frame)
        raw = f"\n{'':>23}{heard.raw.hex(' ').upper()}" if self._raw and heard.frame is not None else ""
        return f"{clock}  {gap:>8}  {said}{raw}"

    def document(self, heard: Heard) -> dict[str, Any]:
        """One object: `frame` as of host_tools.decode, or `junk` in hex."""
        at = (self._began + timedelta(milliseconds=heard.at_ms)).isoformat(timespec="milliseconds")
        found: dict[str, Any] = {"at": at, "ms": heard.at_ms, "gap_ms": heard.gap_ms, "bytes": len(heard.raw)}
        if heard.frame is None:
            return {**found, "junk": heard.raw.hex().upper()}
        raw = {"raw": heard.raw.hex().upper()} if self._raw else {}
        return {**found, **raw, "frame": {**heard.frame, "data": masked(heard.frame)}}


def junk_words(raw: bytes) -> str:
    """Bytes that belong to no frame."""
    more = f" ... {len(raw) - JUNK_SHOWN} more" if len(raw) > JUNK_SHOWN else ""
    return f"? junk, {len(raw)} {'byte' if len(raw) == 1 else 'bytes'}: {raw[:JUNK_SHOWN].hex(' ').upper()}{more}"


def frame_words(frame: Decoded) -> str:
    """Who speaks (`>` a master, `<` a meter), what about, and what it says."""
    head = f"{'<' if frame['is_response'] else '>'} {frame['address']}  {frame['function']}"
    if frame["function"] == "?":
        head = f"{head[:-1]}function {frame['control']}"
    subject = " ".join(part for part in (frame["di"], frame["name"]) if part)
    if subject:
        head += f" {subject}"
    if "seq" in frame:
        head += f", part {frame['seq']}"
    if frame["more_follow"]:
        head += ", more follows"
    if frame["error"] is not None:
        causes = ", ".join(frame["causes"])
        return f"{head}: refused {frame['error']}{f', {causes}' if causes else ''}"
    said = _said(frame)
    return f"{head}: {said}" if said else head


def _said(frame: Decoded) -> str:
    value, unit = frame["value"], f" {frame['unit']}" if frame["unit"] else ""
    data = frame["data"]
    if frame["function"] == FUNCTIONS[RELAY] and not frame["is_response"]:
        return _order(value, bytes.fromhex(data))
    if isinstance(value, list):
        return ", ".join("-" if part is None else part for part in value) + unit
    if value is not None:
        return value + unit
    rest = masked(frame)[len(frame["di"] or "") :]
    if not rest or (frame["di"] and not frame["is_response"] and len(rest) <= 2):
        return ""  # a question
    return f"no value ({rest})" if frame["name"] and frame["is_response"] and not frame["more_follow"] and "seq" not in frame else rest


def _order(code: str | None, data: bytes) -> str:
    if code is None or len(data) != RELAY_BYTES:
        return "in a form of its own, perhaps encrypted"
    until_s = values.stamp_at(data, 10)
    until = "no date" if until_s is None else items.moment_text(until_s, True)
    return f"{ORDERS.get(code, 'unknown order')} ({code}), level {data[0]:02X}, valid until {until}"


def masked(frame: Decoded) -> str:
    """The data in hex with dots for passwords."""
    data: str = frame["data"]
    start, end = SECRETS.get(int(frame["control"], 16), (0, 0))
    end = min(end, len(data) // 2)
    return data if end <= start else data[: 2 * start] + "." * 2 * (end - start) + data[2 * end :]
