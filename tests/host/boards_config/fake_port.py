"""The modules of MicroPython's ports that board.py files import, with the signatures of version 1.25 and nothing more.

A call with an argument that the port does not know, a pin that it would not take, or a UART that it does not have, fails as
there. Everything made is remembered in `made`, so that a test can compare it with wiring.py.

Read from: ports/esp32/{machine_uart,machine_hw_spi,machine_i2c,network_lan}.c, ports/rp2/machine_uart.c,
ports/stm32/{machine_uart,machine_i2c,network_lan,modpyb}.c, extmod/network_wiznet5k.c, extmod/machine_wdt.c.
"""

from types import ModuleType
from typing import Any

from tests.fake_flash import EspPartition, PybFlash, Rp2Storage
from tests.host.boards_config.fake_uart import make_uart_class

WDT_MS_MAX = {"esp32": 2**31 - 1, "rp2": 8388, "stm32": 32767}


class Made:
    """What a board made: pins {pin: level or None}, and the arguments of everything else by name."""

    def __init__(self) -> None:
        self.pins: dict[int | str, int | None] = {}
        self.calls: dict[str, dict[str, Any]] = {}
        self.resets = 0


def modules(platform: str, made: Made, storage_base: int = 0) -> dict[str, ModuleType]:
    """{name: module} for sys.modules, as on this port."""
    pin_class, spi_class = _pin_class(platform, made), _spi_class(made)
    machine = _module("machine", Pin=pin_class, SPI=spi_class, RTC=Rtc, I2C=_i2c_class(made), WDT=_wdt_class(platform, made))
    machine.UART = make_uart_class(platform, made, pin_class)  # type: ignore[attr-defined]
    machine.reset = lambda: setattr(made, "resets", made.resets + 1)  # type: ignore[attr-defined]
    found = {"machine": machine, "network": _network(platform, made, pin_class, spi_class)}
    if platform == "esp32":
        found["esp32"] = _module("esp32", Partition=EspPartition)
    elif platform == "rp2":
        found["board"] = _module("board", Flash=lambda offset, size: Rp2Storage(start=offset - storage_base, len=size))
    else:
        found["pyb"] = _module("pyb", Flash=PybFlash, repl_uart=lambda uart: made.calls.update(repl_uart={"uart": uart}))
    return found


class Rtc:
    """Begins in the past, as without a battery."""

    def __init__(self) -> None:
        self.value: tuple[int, ...] = (2000, 1, 1, 5, 0, 0, 0, 0)

    def datetime(self, value: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        if value is None:
            return self.value
        self.value = value
        return None


def _pin_class(platform: str, made: Made) -> type:
    class Pin:
        IN, OUT = 0, 1

        def __init__(self, pin: int | str, mode: int = -1, *, value: int | None = None) -> None:
            assert isinstance(pin, int) == (platform != "stm32"), f"{platform} has no pin {pin!r}"
            self.number = pin
            made.pins[pin] = value if mode == Pin.OUT else made.pins.get(pin)

        def __call__(self, level: int) -> None:
            made.pins[self.number] = level

    return Pin


def _wdt_class(platform: str, made: Made) -> type:
    class WDT:
        def __init__(self, id: int = 0, timeout: int = 5000) -> None:
            if id != 0 or not 0 < timeout <= WDT_MS_MAX[platform]:
                raise ValueError("timeout")
            made.calls["WDT"] = {"timeout": timeout, "fed": 0}

        def feed(self) -> None:
            made.calls["WDT"]["fed"] += 1

    return WDT


def _i2c_class(made: Made) -> type:
    class I2C:
        def __init__(self, id: int, *, scl: Any = None, sda: Any = None, freq: int = 400_000) -> None:
            made.calls["I2C"] = {"id": id, "scl": scl and scl.number, "sda": sda and sda.number}

        def readfrom_mem(self, address: int, register: int, count: int) -> bytes:
            made.calls["I2C"]["read"] = (address, register, count)
            return bytes((0x07, 0x59, 0x13, 0x26, 0x03, 0x11, 0x26))[:count]

    return I2C


def _spi_class(made: Made) -> type:
    class SPI:
        def __init__(self, id: int, baudrate: int = 500_000, *, sck: Any, mosi: Any, miso: Any) -> None:
            made.calls["SPI"] = {"id": id, "sck": sck.number, "mosi": mosi.number, "miso": miso.number}

    return SPI


def _network(platform: str, made: Made, pin_class: type, spi_class: type) -> ModuleType:
    class Nic:
        def active(self, on: bool) -> None:
            made.calls["active"] = {"on": on}

        def isconnected(self) -> bool:
            return True

        def status(self) -> int:
            return 1

        def ifconfig(self) -> tuple[str, str, str, str]:
            return ("192.168.1.9", "255.255.255.0", "192.168.1.1", "192.168.1.1")

    class EspLan(Nic):
        def __init__(
            self, id: int = 0, *, phy_addr: int, phy_type: int, mdc: Any = None, mdio: Any = None, reset: Any = None, power: Any = None,
            spi: Any = None, cs: Any = None, int: Any = None, ref_clk_mode: Any = None, ref_clk: Any = None,
        ) -> None:  # fmt: skip
            assert (spi is None) == (phy_type != 100), "the W5500 is on SPI, the others are not"
            assert spi is None or isinstance(spi, spi_class)
            pins = {"mdc": mdc, "mdio": mdio, "reset": reset, "power": power, "cs": cs, "int": int, "ref_clk": ref_clk}
            assert all(pin is None or isinstance(pin, pin_class) for pin in pins.values())
            made.calls["LAN"] = {name: pin.number for name, pin in pins.items() if pin is not None}
            made.calls["LAN"] |= {"phy_addr": phy_addr, "phy_type": phy_type, "ref_clk_mode": ref_clk_mode}

    class StmLan(Nic):
        def __init__(self, *, phy_addr: int = 0, phy_type: int = 0) -> None:
            made.calls["LAN"] = {"phy_addr": phy_addr}

    class Wiznet(Nic):
        def __init__(self, *pins: Any) -> None:
            made.calls["WIZNET5K"] = {"pins": pins}

    if platform == "esp32":
        return _module("network", LAN=EspLan, PHY_LAN8720=1, PHY_W5500=100)
    return _module("network", WIZNET5K=Wiznet) if platform == "rp2" else _module("network", LAN=StmLan)


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    for key, value in contents.items():
        setattr(module, key, value)
    return module
