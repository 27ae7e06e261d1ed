"""The `rp2040_w5500` board's devices (wiring.py has the facts). Never run on hardware: about.toml."""

import board as image  # frozen into the runtime: any part of the flash as a block device
import machine
import network

from board_configs.rp2040_w5500 import wiring
from firmware.hal.bare_board import BareBoard
from firmware.hal.flash_rp2 import Rp2Flash
from firmware.hal.line_uart import UartLine
from firmware.hal.nor_flash import FlashRegion
from firmware.hal.uplink_ethernet import EthernetUplink


class Board(BareBoard):
    """The devices of DESIGN.md."""

    def __init__(self):
        super().__init__(wiring, "", "")
        self.model_root = "/models"  # the application is frozen, which leaves no place for files

    def region(self):
        """Journal and readings, behind the files."""
        offset, size = self.region_span()
        return FlashRegion(Rp2Flash(image.Flash(offset, size)), wiring.PROGRAM_UNIT, wiring.PAGE_SIZE)

    def line(self, baud):
        """The RS-485 line of the meters."""
        return UartLine(self._make_uart, baud, self.output("rs485_de"))

    def make_network(self):
        """The W5500 of the board."""
        return EthernetUplink(self._make_nic)

    def _make_uart(self, **settings):
        tx, rx = self.machine_pin("rs485_tx"), self.machine_pin("rs485_rx")
        return machine.UART(wiring.LINES[0][0], tx=tx, rx=rx, **settings)

    def _make_nic(self):
        return network.WIZNET5K()  # the image knows the pins: MICROPY_HW_WIZNET_*


def make():
    """The board that runs this."""
    return Board()
