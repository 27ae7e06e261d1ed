"""The little of DL/T 645-1997 that a reader of old meters needs: 01H with 9010, 9011-9014, 901F, 9020, C032.

There is no relay command and no 13H in that edition; the address is found by a wildcard read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from host_tools.simulators.frames import BROADCAST, Frame, bcd, matches

if TYPE_CHECKING:
    from host_tools.simulators.meter import Meter

READ = 0x01
BLOCK_END = b"\xaa"


def answer(meter: Meter, request: Frame) -> Frame | None:
    if request.address == BROADCAST or not matches(request.address, meter.address) or request.control != READ:
        return None
    value = _value(meter, int.from_bytes(request.data, "little")) if len(request.data) == 2 else None
    if value is None:
        return Frame(meter.address, 0xC1, b"\x02")
    return Frame(meter.address, 0x81, request.data + value)


def _value(meter: Meter, di: int) -> bytes | None:
    if di == 0xC032:
        return bytes.fromhex(meter.meter_number)[::-1]
    direction = {0x9010: meter.energy.forward, 0x9020: meter.energy.reverse}.get(di & 0xFFF0)
    if direction is None:
        return None
    shown, column = direction.shown(), di & 0x0F
    if column == 0x0F:
        return b"".join(bcd(v, 4) for v in shown) + BLOCK_END
    return bcd(shown[column], 4) if column < len(shown) else None
