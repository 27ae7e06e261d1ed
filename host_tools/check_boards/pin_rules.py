"""The rules of a board's pins: each used once, there and free on the chip, and those that lines and uplink cannot do without."""

from __future__ import annotations

from collections.abc import Iterator

from host_tools.check_boards.chips import CHIPS, OUTPUTS, Chip, rp2_uart_fault
from host_tools.check_boards.flash_rules import BARE
from host_tools.check_boards.folder import Folder

DIRECTIONS = ("auto", "de_pin", "hardware_rs485", "kernel_rs485", "rts")
WITH_DE_PIN = ("de_pin", "hardware_rs485")
OF_LINUX = ("kernel_rs485", "rts")
UPLINKS = {"sockets": (), "ethernet": ("eth_",), "modem": ("modem_tx", "modem_rx")}


def pins_do_not_meet(folder: Folder) -> Iterator[str]:
    chip = CHIPS[folder.fact("board", "mcu")]
    if chip.platform != folder.wiring["PLATFORM"]:
        yield f"about.toml: a {folder.fact('board', 'mcu') or 'host'} is no part of platform {folder.wiring['PLATFORM']}"
        return
    signals: set[str] = set()
    owners: dict[int | str, str] = {}
    for signal, pin, _ in folder.wiring["PINS"]:
        if signal in signals:
            yield f"wiring.py: signal {signal} stands twice in PINS"
        if pin in owners:
            yield f"wiring.py: pin {pin} is both {owners[pin]} and {signal}"
        signals.add(signal)
        owners[pin] = signal
        yield from _pin_faults(chip, signal, pin)


def _pin_faults(chip: Chip, signal: str, pin: int | str) -> Iterator[str]:
    if chip.pins is None:
        if isinstance(pin, int):
            yield f"wiring.py: {signal} is on pin {pin}, but pins of this platform have names"
    elif pin not in chip.pins:
        yield f"wiring.py: {signal} is on pin {pin}, which this chip does not have free"
    elif pin in chip.inputs and signal.endswith(OUTPUTS):
        yield f"wiring.py: {signal} is on pin {pin}, which is an input only"


def lines_are_on_uarts(folder: Folder) -> Iterator[str]:
    """Each line its own, and none that is the console's."""
    lines = folder.wiring["LINES"]
    uarts = [uart for uart, _ in lines]
    if len(set(uarts)) != len(uarts):
        yield "wiring.py: two lines share a UART"
    usable = CHIPS[folder.fact("board", "mcu")].uarts
    for uart, direction in lines:
        if usable is not None and uart not in usable:
            yield f"wiring.py: line {uart} is on no UART that is free for it: {', '.join(map(str, usable))}"
        if direction in OF_LINUX and folder.wiring["PLATFORM"] != "linux":
            yield f"wiring.py: direction {direction} is Linux's"


def lines_have_their_pins(folder: Folder) -> Iterator[str]:
    """TX, RX and the driver's; elsewhere than on a bare board they have names that nobody needs."""
    wiring = folder.wiring
    if wiring["PLATFORM"] not in BARE:
        return
    pins = {signal: pin for signal, pin, _ in wiring["PINS"]}
    for index, (uart, direction) in enumerate(wiring["LINES"]):
        name = line_signal(index)
        needed = [f"{name}_tx", f"{name}_rx"] + ([f"{name}_de"] if direction in WITH_DE_PIN else [])
        yield from (f"wiring.py: line {uart} needs the pin {signal}" for signal in needed if signal not in pins)
        if wiring["PLATFORM"] == "rp2":
            for signal in needed[:2]:
                fault = signal in pins and rp2_uart_fault(uart, signal, pins[signal])
                if fault:
                    yield f"wiring.py: {signal} is on pin {pins[signal]}, but {fault}"


def uplink_has_its_pins(folder: Folder) -> Iterator[str]:
    """On a bare board a modem or an Ethernet chip hangs on pins."""
    wiring = folder.wiring
    for start in UPLINKS[wiring["UPLINK"]] if wiring["PLATFORM"] in BARE else ():
        if not any(signal.startswith(start) for signal, _, _ in wiring["PINS"]):
            yield f"wiring.py: an uplink by {wiring['UPLINK']} needs the pins {start}..."


def line_signal(index: int) -> str:
    """Beginning of the names of a line's pins: rs485, rs485_2, rs485_3 ..."""
    return f"rs485_{index + 1}" if index else "rs485"
