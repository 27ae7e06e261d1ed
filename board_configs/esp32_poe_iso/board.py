"""The `esp32_poe_iso` board's devices (wiring.py has the facts). Never run on hardware: about.toml."""

import esp32
import machine
import network

from board_configs.esp32_poe_iso import wiring
from firmware.hal.bare_board import BareBoard
from firmware.hal.line_uart import UartLine
from firmware.hal.partition_esp32 import partition_region
from firmware.hal.uplink_ethernet import EthernetUplink


class Board(BareBoard):
    """The devices of DESIGN.md."""

    def __init__(self):
        super().__init__(wiring, "", "/app")

    def region(self):
        """The partition of journal and readings."""
        offset, size = self.region_span()
        return partition_region(esp32.Partition, "journal", offset, size, wiring.PROGRAM_UNIT)

    def line(self, baud):
        """The RS-485 line of the meters; the receiver stays on, so what we send comes back and is dropped as an echo."""
        self.output("rs485_re")
        return UartLine(self._make_uart, baud, self.output("rs485_de"))

    def make_network(self):
        """The chip's own Ethernet interface with the LAN8720A of the board."""
        return EthernetUplink(self._make_nic)

    def _make_uart(self, **settings):
        return machine.UART(wiring.LINES[0][0], tx=self.pin("rs485_tx"), rx=self.pin("rs485_rx"), **settings)

    def _make_nic(self):
        return network.LAN(
            mdc=self.machine_pin("eth_mdc"),
            mdio=self.machine_pin("eth_mdio"),
            reset=self.machine_pin("eth_reset"),
            ref_clk=self.machine_pin("eth_clock"),
            ref_clk_mode=machine.Pin.OUT,
            phy_type=network.PHY_LAN8720,
            phy_addr=wiring.PHY_ADDRESS,
        )


def make():
    """The board that runs this."""
    return Board()
