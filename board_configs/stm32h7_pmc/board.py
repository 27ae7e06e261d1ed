"""The `stm32h7_pmc` board's devices (wiring.py has the facts). Never run on hardware: about.toml."""

import machine
import network
import pyb

from board_configs.stm32h7_pmc import wiring
from firmware.hal.bare_board import BareBoard
from firmware.hal.flash_stm32 import storage_region
from firmware.hal.line_uart import UartLine
from firmware.hal.rtc_pcf import PCF8563_SECONDS, PcfRtc
from firmware.hal.uplink_ethernet import EthernetUplink


class Board(BareBoard):
    """The devices of DESIGN.md."""

    def __init__(self):
        super().__init__(wiring, "", "/app")
        self.use_clock(PcfRtc(machine.I2C(wiring.I2C_ID), PCF8563_SECONDS, machine.RTC()))

    def region(self):
        """Journal and readings, behind the files."""
        offset, size = self.region_span()
        return storage_region(pyb.Flash, offset, size, wiring.ERASE_SIZE, wiring.PROGRAM_UNIT)

    def line(self, baud):
        """The RS-485 line of the meters; the receiver stays on, so what we send comes back and is dropped as an echo."""
        pyb.repl_uart(None)  # a prompt on UART1 would drive two of the transceiver's pins
        for signal, level in wiring.TRANSCEIVER_OPTIONS:
            machine.Pin(self.pin(signal), machine.Pin.OUT, value=level)
        return UartLine(_make_uart, baud, self.output("rs485_de"))

    def make_network(self):
        """The Ethernet interface of the Portenta H7, with the socket of the carrier."""
        return EthernetUplink(network.LAN, cable_first=True)


def _make_uart(txbuf, **settings):
    return machine.UART(wiring.LINES[0][0], **settings)  # this port has no buffer for sending


def make():
    """The board that runs this."""
    return Board()
