"""The emulated concentrator's devices, made once (DESIGN: devices; wiring.py has the facts)."""

import os

import board as emulated
import machine
import network

from board_configs.qemu_mps2 import wiring
from firmware.base.version import FIRMWARE_VERSION
from firmware.hal.clock_rtc import RtcClock
from firmware.hal.console_stdio import StdioConsole
from firmware.hal.line_uart import UartLine
from firmware.hal.nor_flash import FlashRegion
from firmware.hal.reset_cause import cause_of
from firmware.hal.tls_stream import with_tls
from firmware.hal.uplink_modem import ModemUplink
from firmware.hal.uplink_socket import SocketUplink
from firmware.hal.watchdog_hw import HardwareWatchdog

MODEM_BAUD = 115_200
MODEM_RECEIVED_BYTES = 4_096  # a window of TCP: nobody reads while TLS computes
MODEM_SENT_BYTES = 2_048  # a packet of PPP
CONSOLE_BYTES_S = 8_000  # of 11,520 that 115,200 baud carry


class Board:
    """The devices of DESIGN.md."""

    def __init__(self):
        self.name = wiring.NAME
        self.root = ""  # paths begin at the root of littlefs
        self.line_path = "UART1"
        self.clock = RtcClock(machine.RTC(), "/clock_hint")
        self.firmware_version = FIRMWARE_VERSION
        self.reset_cause = cause_of(machine)
        self.model_root = "/rom/firmware/meters/models"
        self.console = StdioConsole()
        self.console_bytes_s = CONSOLE_BYTES_S
        self.journal_bytes = _part("journal")[1]
        self.limits = wiring.LIMITS
        self.watchdog = HardwareWatchdog(_make_watchdog)

    def region(self):
        """Journal and readings, which adjoin."""
        offset, size = _part("journal")
        return FlashRegion(emulated.Flash(offset, size + _part("readings")[1]), wiring.PROGRAM_UNIT)

    def uplink(self, settings):
        """The modem, with TLS when the settings say so; without a modem in the settings the way out leads nowhere."""
        if settings.modem is None:
            return SocketUplink([])
        modem = ModemUplink(_make_modem_uart(), network.PPP, settings.modem, self.root)
        return with_tls(modem, settings, self.root, self.clock)

    def line(self, baud):
        """The RS-485 line of the meters."""
        return UartLine(_make_line_uart, baud)

    def random_bytes(self, count):
        """From the host's generator, which stands for a hardware one."""
        return os.urandom(count)

    def reset(self):
        """Begin a new life."""
        machine.reset()


def _part(name):
    for part, offset, size in wiring.FLASH:
        if part == name:
            return offset, size
    raise ValueError(name)


def _make_line_uart(**settings):
    return machine.UART(wiring.LINES[0][0], **settings)


def _make_modem_uart():
    return machine.UART(wiring.MODEM_UART, MODEM_BAUD, timeout=0, rxbuf=MODEM_RECEIVED_BYTES, txbuf=MODEM_SENT_BYTES)


def _make_watchdog():
    return machine.WDT(timeout=wiring.WATCHDOG_MS)


def make():
    """The board that runs this."""
    return Board()
