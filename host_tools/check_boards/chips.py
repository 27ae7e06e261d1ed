"""What the microcontrollers of our boards can do with their pins, and what their watchdogs and flash allow.

Sources: ESP32 datasheet 2.2 (GPIO34-39 input only, 6-11 the flash); ESP32-S3 datasheet 2.3 (GPIO22-25 do not exist, 26-32 the
flash, 33-37 an octal PSRAM); RP2040 datasheet 1.4.3 (functions of the pins); MicroPython 1.25, ports/rp2/machine_uart.c,
ports/rp2/machine_wdt.c (8388 ms at most), ports/stm32/machine_wdt.c (32767 ms).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """`pins` that exist and are free; `inputs` can drive nothing; `watchdog_ms_max` 0 = no limit of the hardware.

    `uarts` are those for lines and modem: without the one that is the console.
    """

    platform: str
    pins: frozenset[int] | None  # None: pins have names
    inputs: frozenset[int] = frozenset()
    watchdog_ms_max: int = 0
    uarts: range | None = None  # None: any, or device files


def _but(last: int, *gaps: tuple[int, int]) -> frozenset[int]:
    taken = {pin for first, end in gaps for pin in range(first, end + 1)}
    return frozenset(range(last + 1)) - taken


CHIPS = {
    "": Chip("linux", None),
    "Cortex-M3": Chip("qemu", None, uarts=range(1, 5)),
    "ESP32": Chip("esp32", _but(39, (6, 11), (20, 20), (24, 24), (28, 31)), frozenset(range(34, 40)), uarts=range(1, 3)),
    "ESP32-S3": Chip("esp32", _but(48, (22, 32)), uarts=range(1, 3)),
    "ESP32-S3 octal": Chip("esp32", _but(48, (22, 37)), uarts=range(1, 3)),
    "RP2040": Chip("rp2", _but(29), watchdog_ms_max=8388, uarts=range(2)),
    "STM32H747": Chip("stm32", None, watchdog_ms_max=32767, uarts=range(1, 9)),
}
OUTPUTS = ("_tx", "_de", "_rts", "_cs", "_sck", "_mosi", "_mdc", "_reset", "_power", "_enable", "_key")


def rp2_uart_fault(uart: int, signal: str, pin: int) -> str | None:
    """Why a pin of the RP2040 cannot be this signal of UART 0 or 1: each UART has its columns of the function table."""
    column = {"tx": 0, "rx": 1}.get(signal.rpartition("_")[2])
    if column is None:
        return None
    good = [first + column for first in ((0, 12, 16, 28) if uart == 0 else (4, 8, 20, 24))]
    return None if pin in good else f"UART{uart} has its {signal.rpartition('_')[2].upper()} on one of {good}"
