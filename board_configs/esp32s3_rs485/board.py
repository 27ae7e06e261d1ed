"""The `esp32s3_rs485` board's devices (wiring.py has the facts). Never run on hardware: about.toml."""

import esp32
import machine
import network

from board_configs.esp32s3_rs485 import wiring
from firmware.hal.bare_board import BareBoard
from firmware.hal.line_uart import UartLine
from firmware.hal.partition_esp32 import partition_region
from firmware.hal.rtc_pcf import PCF85063_SECONDS, PcfRtc
from firmware.hal.uplink_ethernet import EthernetUplink


class Board(BareBoard):
    """The devices of DESIGN.md."""

    def __init__(self):
        super().__init__(wiring, "", "/app")
        i2c = machine.I2C(wiring.I2C_ID, sda=self.machine_pin("rtc_sda"), scl=self.machine_pin("rtc_scl"))
        self.use_clock(PcfRtc(i2c, PCF85063_SECONDS, machine.RTC()))

    def region(self):
        """The partition of journal and readings."""
        offset, size = self.region_span()
        return partition_region(esp32.Partition, "journal", offset, size, wiring.PROGRAM_UNIT)

    def line(self, baud):
        """The RS-485 line of the meters; the transceiver's receiver is off while the driver is on."""
        return UartLine(self._make_uart, baud, self.output("rs485_de"))

    def make_network(self):
        """The W5500 of the board."""
        return EthernetUplink(self._make_nic)

    def _make_uart(self, **settings):
        return machine.UART(wiring.LINES[0][0], tx=self.pin("rs485_tx"), rx=self.pin("rs485_rx"), **settings)

    def _make_nic(self):
        sck, mosi, miso = (self.machine_pin(signal) for signal in ("eth_sck", "eth_mosi", "eth_miso"))
        return network.LAN(
            spi=machine.SPI(wiring.SPI_ID, sck=sck, mosi=mosi, miso=miso),
            cs=self.machine_pin("eth_cs"),
            int=self.machine_pin("eth_int"),
            reset=self.machine_pin("eth_reset"),
            phy_type=network.PHY_W5500,
            phy_addr=wiring.PHY_ADDRESS,
        )


def make():
    """The board that runs this."""
    return Board()
