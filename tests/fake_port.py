"""The modules of MicroPython's ports that board.py files import, with the signatures of version 1.25 and nothing more.

A call with an argument that the port does not know, a pin that it would not take, or a time that its watchdog cannot count
fails as there. Everything made is remembered in a `Made`, so that a test can compare it with wiring.py.

Read from: ports/esp32/{machine_uart,machine_hw_spi,machine_i2c,network_lan}.c, ports/rp2/machine_uart.c,
ports/stm32/{machine_uart,machine_i2c,network_lan,modpyb}.c, extmod/network_wiznet5k.c, ports/*/machine_wdt.c.
"""

from tests.fake_flash import EspPartition, PybFlash, Rp2Storage

WDT_MS_MAX = {"esp32": 0x7FFFFFFF, "rp2": 8388, "stm32": 32767}
_UART_COMMON = ("baudrate", "bits", "parity", "stop", "timeout", "timeout_char", "rxbuf", "flow")
_UART_ARGUMENTS = {
    "esp32": _UART_COMMON + ("tx", "rx", "rts", "cts", "txbuf", "invert"),
    "rp2": _UART_COMMON + ("tx", "rx", "rts", "cts", "txbuf", "invert"),
    "stm32": _UART_COMMON + ("read_buf_len",),
}
PHY_LAN8720 = 1
PHY_W5500 = 100
CLOCK_SHOWS = bytes((0x07, 0x59, 0x13, 0x26, 0x03, 0x11, 0x26))  # 2026-11-26 13:59:07, a Thursday, as the PCF chips keep it


class Made:
    """What a board made: `pins` {pin: level or None}, `calls` {name: arguments}, the last `uart`, and how often it was reset."""

    def __init__(self):
        self.pins = {}
        self.calls = {}
        self.resets = 0
        self.uart = None


class Module:
    """Stands in sys.modules; attributes are what was given."""

    def __init__(self, **contents):
        for name in contents:
            setattr(self, name, contents[name])


def modules(platform, made, storage_base=0):
    """{name: module} for sys.modules, as on this port."""
    pin_class, spi_class = _pin_class(platform, made), _spi_class(made)

    def reset():
        made.resets += 1

    machine = Module(
        Pin=pin_class, SPI=spi_class, RTC=Rtc, I2C=_i2c_class(made), WDT=_wdt_class(platform, made),
        UART=_uart_class(platform, made, pin_class), reset=reset,
    )  # fmt: skip
    found = {"machine": machine, "network": _network(platform, made, pin_class, spi_class)}
    if platform == "esp32":
        found["esp32"] = Module(Partition=EspPartition)
    elif platform == "rp2":
        found["board"] = Module(Flash=lambda offset, size: Rp2Storage(start=offset - storage_base, len=size))
    else:
        found["pyb"] = Module(Flash=PybFlash, repl_uart=lambda uart: made.calls.update({"repl_uart": {"uart": uart}}))
    return found


class Rtc:
    """Begins in the past, as without a battery."""

    def __init__(self):
        self.value = (2000, 1, 1, 5, 0, 0, 0, 0)

    def datetime(self, value=None):
        if value is None:
            return self.value
        self.value = value
        return None


def _pin_class(platform, made):
    class Pin:
        IN = 0
        OUT = 1

        def __init__(self, pin, mode=-1, *, value=None):
            if isinstance(pin, int) == (platform == "stm32"):
                raise ValueError("invalid pin")
            self.number = pin
            made.pins[pin] = value if mode == Pin.OUT else made.pins.get(pin)

        def __call__(self, level):
            made.pins[self.number] = level

    return Pin


def _uart_class(platform, made, pin_class):
    class Uart:
        def __init__(self, number, **settings):
            made.calls["UART"] = {"id": number}
            made.uart = self
            self.sent = b""
            self.pins_while_sending = []
            self.init(**settings)

        def init(self, **settings):
            for name in settings:
                if name not in _UART_ARGUMENTS[platform]:
                    raise TypeError("extra keyword arguments given: " + name)
                value = settings[name]
                made.calls["UART"][name] = value.number if isinstance(value, pin_class) else value

        def write(self, data):
            self.sent += bytes(data)
            self.pins_while_sending.append(dict(made.pins))
            return len(data)

        def readinto(self, buf):
            return None

        def txdone(self):
            return True

        def deinit(self):
            made.calls["UART"]["closed"] = True

    return Uart


def _wdt_class(platform, made):
    class Wdt:
        def __init__(self, id=0, timeout=5000):
            if id != 0 or not 0 < timeout <= WDT_MS_MAX[platform]:
                raise ValueError("timeout")
            made.calls["WDT"] = {"timeout": timeout, "fed": 0}

        def feed(self):
            made.calls["WDT"]["fed"] += 1

    return Wdt


def _i2c_class(made):
    class I2c:
        def __init__(self, number, *, scl=None, sda=None, freq=400_000):
            made.calls["I2C"] = {"id": number, "scl": scl and scl.number, "sda": sda and sda.number}

        def readfrom_mem(self, address, register, count):
            made.calls["I2C"]["read"] = (address, register, count)
            return CLOCK_SHOWS[:count]

    return I2c


def _spi_class(made):
    class Spi:
        def __init__(self, number, baudrate=500_000, *, sck, mosi, miso):
            made.calls["SPI"] = {"id": number, "sck": sck.number, "mosi": mosi.number, "miso": miso.number}

    return Spi


class Nic:
    """An interface that has its cable and its address."""

    def active(self, on):
        return on

    def isconnected(self):
        return True

    def status(self):
        return 1

    def ifconfig(self):
        return ("192.168.1.9", "255.255.255.0", "192.168.1.1", "192.168.1.1")


def _network(platform, made, pin_class, spi_class):
    class EspLan(Nic):
        def __init__(
            self, id=0, *, phy_addr, phy_type, mdc=None, mdio=None, reset=None, power=None, spi=None, cs=None, int=None,
            ref_clk_mode=None, ref_clk=None,
        ):  # fmt: skip
            if (spi is None) != (phy_type != PHY_W5500) or (spi is not None and not isinstance(spi, spi_class)):
                raise ValueError("a W5500 is on SPI, the others are not")
            if spi is None and (mdc is None or mdio is None):
                raise ValueError("mdc and mdio must be specified")
            call = {"phy_addr": phy_addr, "phy_type": phy_type, "ref_clk_mode": ref_clk_mode}
            pins = (("mdc", mdc), ("mdio", mdio), ("reset", reset), ("power", power), ("cs", cs), ("int", int), ("ref_clk", ref_clk))
            for name, pin in pins:
                if pin is not None:
                    call[name] = pin.number
            made.calls["LAN"] = call

    class StmLan(Nic):
        def __init__(self, *, phy_addr=0, phy_type=0):
            made.calls["LAN"] = {"phy_addr": phy_addr}

    class Wiznet(Nic):
        def __init__(self, *pins):
            made.calls["LAN"] = {"pins": pins}

    if platform == "esp32":
        return Module(LAN=EspLan, PHY_LAN8720=PHY_LAN8720, PHY_W5500=PHY_W5500)
    return Module(WIZNET5K=Wiznet) if platform == "rp2" else Module(LAN=StmLan)
