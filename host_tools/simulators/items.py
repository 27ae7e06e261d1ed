"""What each data identifier of DL/T 645-2007 shows on a simulated meter.

`read_item(meter, di)` gives the bytes after the DI, or None when this meter has no such item (the caller
answers D1 02). One function per group of identifiers; every number is an integer in the unit of the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from host_tools.simulators.frames import bcd, bcd_signed
from host_tools.simulators.history import DAILY_DEPTH, INSTANT_DEPTH, SETTLEMENT_DEPTH, Snapshot, nth, snapshot
from host_tools.simulators.meter_clock import stamp6

if TYPE_CHECKING:
    from host_tools.simulators.meter import Meter

BAUD_BITS = {600: 0x02, 1200: 0x04, 2400: 0x08, 4800: 0x10, 9600: 0x20, 19200: 0x40}
ALL = 0xFF
COMBINED, FORWARD, REVERSE = 0, 1, 2
COVERS = (0x0D, 0x0E)  # of the meter, of its terminals


def read_item(meter: Meter, di: int) -> bytes | None:
    """di: DI3..DI0 as one number, for example 0x00010000."""
    if meter.limit and di == meter.limit.di:
        return meter.limit.value()
    extra = meter.cfg.extra_items.get(f"{di:08X}")
    if extra is not None:
        return bytes.fromhex(extra)
    if meter.cfg.refuse_blocks and ALL in ((di >> 16) & 0xFF, (di >> 8) & 0xFF, di & 0xFF):
        return None
    group = GROUPS.get(di >> 24)
    return group(meter, (di >> 16) & 0xFF, (di >> 8) & 0xFF, di & 0xFF) if group else None


def _columns(shot: Snapshot, kind: int) -> tuple[int, ...]:
    return {COMBINED: shot.combined, FORWARD: shot.forward, REVERSE: shot.reverse}[kind]


def _energy_bytes(values: tuple[int, ...], kind: int) -> bytes:
    return b"".join(bcd_signed(v, 4) if kind == COMBINED else bcd(v, 4) for v in values)


def _select(shot: Snapshot, kind: int, tariff: int) -> bytes | None:
    values = _columns(shot, kind)
    if tariff == ALL:
        return _energy_bytes(values, kind)
    return _energy_bytes(values[tariff : tariff + 1], kind) if tariff < len(values) else None


def _energy(meter: Meter, kind: int, tariff: int, when: int) -> bytes | None:
    if kind == 0x90:
        return _purse(meter, tariff, when)
    if kind > REVERSE:
        return None
    now = snapshot(meter.energy, 0)
    if when == ALL:
        shots = [now, *meter.history.settlements]
        parts = [_select(shot, kind, tariff) for shot in shots]
        return None if tariff == ALL or None in parts else b"".join(p for p in parts if p is not None)
    if when == 0:
        return _select(now, kind, tariff)
    if when > SETTLEMENT_DEPTH:
        return None
    return _select(nth(meter.history.settlements, when) or meter.empty_snapshot(), kind, tariff)


def _purse(meter: Meter, tariff: int, when: int) -> bytes | None:
    """00 90 01/02 xx: credit left (00) and overdraft (01) of the meter's own purse."""
    purse = meter.purse
    if purse is None or tariff != (1 if purse.kind == "energy" else 2) or when > 1:
        return None
    return bcd(max(0, purse.balance if when == 0 else -purse.balance), 4)


def _instantaneous(meter: Meter, kind: int, phase: int, last: int) -> bytes | None:
    """02 kk pp 00. Powers in 0.1 W, currents in mA, voltages in 0.1 V."""
    if kind == 0x80:
        return {1: bcd_signed(0, 3), 2: bcd(5000, 2), 3: bcd_signed(meter.watts() * 10, 3), 7: bcd(251, 2)}.get(last)
    maker = _PHASE_ITEMS.get(kind)
    if maker is None or last != 0:
        return None
    numbers = range(meter.cfg.phases + 1)
    if phase == ALL:
        first = 0 if kind in _WITH_TOTAL else 1
        return b"".join(maker(meter, n) for n in numbers[first:])
    if phase not in numbers or (phase == 0 and kind not in _WITH_TOTAL):
        return None
    return maker(meter, phase)


def _voltage(meter: Meter, phase: int) -> bytes:
    return bcd(meter.cfg.voltage_dv, 2)


def _current(meter: Meter, phase: int) -> bytes:
    volts_dv = meter.cfg.voltage_dv
    watts = meter.phase_watts(phase)
    milliamps = abs(watts) * 10_000 // volts_dv if volts_dv else 0
    return bcd_signed(min(799_999, milliamps) * (-1 if watts < 0 else 1), 3)


def _power(meter: Meter, phase: int) -> bytes:
    return bcd_signed(meter.phase_watts(phase) * 10, 3)


def _reactive(meter: Meter, phase: int) -> bytes:
    return bcd_signed(0, 3)


def _factor(meter: Meter, phase: int) -> bytes:
    return bcd_signed(-1000 if meter.phase_watts(phase) < 0 else 1000, 2)


_WITH_TOTAL = (0x03, 0x04, 0x05, 0x06)
_PHASE_ITEMS = {0x01: _voltage, 0x02: _current, 0x03: _power, 0x04: _reactive, 0x05: _power, 0x06: _factor}


def _parameter(meter: Meter, group: int, sub: int, item: int) -> bytes | None:
    if group != 0:
        return None
    if sub == 0x05:
        words = [meter.status_word(n) for n in range(1, 8)]
        if item == ALL:
            return b"".join(w.to_bytes(2, "little") for w in words)
        return words[item - 1].to_bytes(2, "little") if 1 <= item <= 7 else None
    clock, now = meter.clock, meter.now_ms
    fixed = {
        0x0101: lambda: clock.date_bytes(now),
        0x0102: lambda: clock.time_bytes(now),
        0x010C: lambda: clock.time_bytes(now) + clock.date_bytes(now),
        0x0306: lambda: bcd(1, 3),
        0x0307: lambda: bcd(1, 3),
        0x0401: lambda: bytes.fromhex(meter.address)[::-1],
        0x0402: lambda: bytes.fromhex(meter.meter_number)[::-1],
        0x0403: lambda: f"LAMP{meter.meter_number}".encode().ljust(32)[::-1],
        0x0404: lambda: f"{meter.cfg.voltage_dv // 10}V".encode().rjust(6)[::-1],
        0x0409: lambda: bcd(1200, 3),
        0x0601: lambda: bytes([meter.energy.combined_mode]),
        0x0703: lambda: bytes([BAUD_BITS[meter.baud]]),
        0x0B01: lambda: bcd(int(meter.cfg.settlement_day), 2),
        0x0F01: lambda: bcd(0, 4),
        0x1401: lambda: bcd(meter.relay.cfg.trip_delay_min, 2) if meter.relay else b"",
    }
    make = fixed.get(sub << 8 | item)
    return (make() or None) if make else None


def _freeze(meter: Meter, kind: int, column: int, number: int) -> bytes | None:
    if kind == 0x06 and meter.cfg.daily_freezes:
        rows, depth = meter.history.daily, DAILY_DEPTH
    elif kind == 0x01:
        rows, depth = meter.history.instant, INSTANT_DEPTH
    else:
        return None
    if not 1 <= number <= depth or column > REVERSE:
        return None
    shot = nth(rows, number)
    if column == 0:
        return shot.stamp if shot else bytes(5)
    return _energy_bytes(_columns(shot or meter.empty_snapshot(), column), column)


def _event(meter: Meter, kind: int, sub: int, item: int) -> bytes | None:
    """03: how often covers were opened, and counters that never moved here."""
    if kind == 0x30 and sub in COVERS and item == 0:
        return bcd(meter.covers_opened[COVERS.index(sub)] % 1_000_000, 3)
    counts = {0x3000, 0x3001, 0x3002, 0x3003, 0x3004, 0x1100}
    if kind == 0x30 and sub in (1, 2, 3):
        return bcd(0, 3) if item == 0 else None
    return bcd(0, 3) if item == 0 and (kind << 8 | sub) in counts else None


def _relay_event(meter: Meter, count: int, moments: list[int], sub: int, item: int) -> bytes | None:
    if (sub, item) == (0, 1):
        return bcd(count % 1_000_000, 3)
    if sub == 1 and 1 <= item <= 10:
        return stamp6(meter.clock.local_ms(moments[item - 1])) if item <= len(moments) else bytes(6)
    return None


def _trips(meter: Meter, kind: int, sub: int, item: int) -> bytes | None:
    relay = meter.relay
    return _relay_event(meter, relay.trips, relay.trips_ms, sub, item) if relay and kind == 0 else None


def _closes(meter: Meter, kind: int, sub: int, item: int) -> bytes | None:
    relay = meter.relay
    return _relay_event(meter, relay.closes, relay.closes_ms, sub, item) if relay and kind == 0 else None


GROUPS = {
    0x00: _energy,
    0x02: _instantaneous,
    0x03: _event,
    0x04: _parameter,
    0x05: _freeze,
    0x1D: _trips,
    0x1E: _closes,
}
