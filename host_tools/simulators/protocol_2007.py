"""The answers of a DL/T 645-2007 meter, function by function.

Foreign address, broken frame, unknown function and everything but a read through a wildcard: silence, because
a bus with several meters survives only if each speaks when spoken to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from host_tools.simulators.frames import ANY_METER, BROADCAST, Frame, NotBcd, is_wildcard, matches
from host_tools.simulators.history import snapshot
from host_tools.simulators.items import BAUD_BITS, read_item
from host_tools.simulators.meter_clock import DAY_MS, read_stamp6
from host_tools.simulators.relay import Refusal

if TYPE_CHECKING:
    from host_tools.simulators.meter import Meter

AUTHENTICATE, TIME, READ, FOLLOW_UP, ADDRESS, WRITE = 0x03, 0x08, 0x11, 0x12, 0x13, 0x14
FREEZE, BAUD, PASSWORD, CLEAR_DEMAND, CLEAR_METER, CLEAR_EVENTS, RELAY = 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C
NO_DATA, NO_RIGHT, NO_BAUD, OTHER = b"\x02", b"\x04", b"\x08", b"\x01"
TIME_WINDOW_MS = 5 * 60_000


def answer(meter: Meter, request: Frame) -> Frame | None:
    function = request.control & 0x1F
    if request.control != function:
        return None
    if request.address == BROADCAST:
        _broadcast(meter, function, request.data)
        return None
    if not matches(request.address, meter.address):
        return None
    if function == ADDRESS:
        own = bytes.fromhex(meter.address)[::-1]
        return _reply(meter, request, own) if request.address == ANY_METER else None
    act = _ANSWERS.get(function)
    if act is None or (is_wildcard(request.address) and function not in (READ, FOLLOW_UP)):
        return None
    return act(meter, request)


def _reply(meter: Meter, request: Frame, data: bytes = b"", more: bool = False) -> Frame:
    address = request.address if meter.cfg.wildcard_echo else meter.address
    return Frame(address, request.control | 0x80 | (0x20 if more else 0), data)


def _refuse(meter: Meter, request: Frame, error: bytes) -> Frame:
    address = request.address if meter.cfg.wildcard_echo else meter.address
    return Frame(address, request.control | 0xC0, error)


def _read(meter: Meter, request: Frame) -> Frame:
    meter.rest = {}
    if len(request.data) not in (4, 5, 10):
        return _refuse(meter, request, OTHER)
    di_bytes = request.data[:4]
    di = int.from_bytes(di_bytes, "little")
    if di >> 24 == 0x06:  # load profile: nothing recorded
        return _reply(meter, request, di_bytes)
    value = read_item(meter, di)
    if value is None:
        return _refuse(meter, request, NO_DATA)
    room = meter.cfg.max_data - 4
    if len(value) > room:
        size = meter.cfg.max_data - 5  # DI in front, SEQ behind
        rest = value[room:]
        meter.rest = {n + 1: rest[i : i + size] for n, i in enumerate(range(0, len(rest), size))}
        meter.rest_di = di_bytes
    return _reply(meter, request, di_bytes + value[:room], more=bool(meter.rest))


def _follow_up(meter: Meter, request: Frame) -> Frame:
    if len(request.data) != 5 or request.data[:4] != meter.rest_di or request.data[4] not in meter.rest:
        return _refuse(meter, request, NO_DATA)
    number = request.data[4]
    return _reply(meter, request, meter.rest_di + meter.rest[number] + bytes([number]), more=number + 1 in meter.rest)


def _write(meter: Meter, request: Frame) -> Frame:
    """The clock can be written with the programming key and a password, the vendor's load limit with the password alone."""
    data = request.data
    passwords = meter.cfg.relay.passwords
    known = len(data) >= 12 and passwords.get(f"{data[4]:02X}") == data[5:8][::-1].hex()
    limit = meter.limit
    if known and limit and int.from_bytes(data[:4], "little") == limit.di:
        if limit.cfg.refuses:
            return _refuse(meter, request, NO_RIGHT)
        return _reply(meter, request) if limit.cfg.keeps or limit.write(data[12:], meter.now_ms) else _refuse(meter, request, OTHER)
    if not (meter.programming_key and known):
        return _refuse(meter, request, NO_RIGHT)
    di, value = int.from_bytes(data[:4], "little"), data[12:]
    now = meter.now_ms
    date, time = meter.clock.date_bytes(now)[1:], meter.clock.time_bytes(now)
    try:
        if di == 0x04000101 and len(value) == 4:
            local = read_stamp6(time + value[1:])
        elif di == 0x04000102 and len(value) == 3:
            local = read_stamp6(value + date)
        else:
            return _refuse(meter, request, NO_DATA)
    except (NotBcd, ValueError):
        return _refuse(meter, request, OTHER)
    meter.clock.set_local(now, local)
    return _reply(meter, request)


def _freeze(meter: Meter, request: Frame) -> Frame:
    if len(request.data) != 4:
        return _refuse(meter, request, OTHER)
    _freeze_now(meter, request.data)
    return _reply(meter, request)


def _freeze_now(meter: Meter, data: bytes) -> None:
    if data == b"\x99" * 4:
        meter.history.instant.appendleft(snapshot(meter.energy, meter.clock.local_ms(meter.now_ms)))


def _baud(meter: Meter, request: Frame) -> Frame:
    rates = {bit: baud for baud, bit in BAUD_BITS.items()}
    if meter.cfg.baud_locked or len(request.data) != 1 or request.data[0] not in rates:
        return _refuse(meter, request, NO_BAUD)
    meter.baud_after_reply = rates[request.data[0]]
    return _reply(meter, request, request.data)


def _relay(meter: Meter, request: Frame) -> Frame:
    if meter.relay is None:
        return _refuse(meter, request, OTHER)
    words = meter.cfg.relay.reply_words
    outcome = meter.relay.command(request.data, meter.now_ms, meter.clock)
    if isinstance(outcome, Refusal):
        return _refuse(meter, request, outcome.word.to_bytes(2, "little") if words else bytes([outcome.byte]))
    return _reply(meter, request, outcome.to_bytes(2, "little") if words else b"")


def _broadcast(meter: Meter, function: int, data: bytes) -> None:
    if function == FREEZE and len(data) == 4:
        meter.broadcasts += 1
        _freeze_now(meter, data)
    elif function == TIME and len(data) == 6:
        meter.broadcasts += 1
        _set_time(meter, data)


def _set_time(meter: Meter, data: bytes) -> None:
    """Obeyed within five minutes, once a day, not around midnight."""
    local = meter.clock.local_ms(meter.now_ms)
    try:
        wanted = read_stamp6(data)
    except (NotBcd, ValueError):
        return
    day, inside = divmod(local, DAY_MS)
    quiet = TIME_WINDOW_MS <= inside <= DAY_MS - TIME_WINDOW_MS
    if meter.clock.state == "ok" and abs(wanted - local) <= TIME_WINDOW_MS and quiet and meter.time_set_day != day:
        meter.clock.set_local(meter.now_ms, wanted)
        meter.time_set_day = day


_ANSWERS: dict[int, Callable[[Meter, Frame], Frame | None]] = {
    READ: _read,
    FOLLOW_UP: _follow_up,
    AUTHENTICATE: lambda meter, request: _refuse(meter, request, b"\x08\x00"),
    WRITE: _write,
    FREEZE: _freeze,
    BAUD: _baud,
    PASSWORD: lambda meter, request: _refuse(meter, request, NO_RIGHT),
    CLEAR_DEMAND: lambda meter, request: _refuse(meter, request, NO_RIGHT),
    CLEAR_METER: lambda meter, request: _refuse(meter, request, NO_RIGHT),
    CLEAR_EVENTS: lambda meter, request: _refuse(meter, request, NO_RIGHT),
    RELAY: _relay,
}
