"""The concentrator on a Pico: its devices, made once (DESIGN: devices; wiring.py has the facts)."""

import board as image  # frozen into the runtime: any part of the flash as a block device
import machine
import network

from board_configs.rp2040_modem import wiring
from firmware.base import aio
from firmware.base.faults import BadInput
from firmware.hal.bare_board import BareBoard
from firmware.hal.flash_rp2 import Rp2Flash
from firmware.hal.line_uart import UartLine
from firmware.hal.nor_flash import FlashRegion
from firmware.hal.tls_stream import with_tls
from firmware.hal.uplink_modem import ModemUplink

MODEM_BAUD = 115_200
MODEM_RX_BYTES = 4_096  # an erase stops us for 45 ms or more, RTS stops the modem meanwhile
POWER_OFF_MS = 3_000  # the capacitors of a modem's supply are big


class Board(BareBoard):
    """The devices of DESIGN.md. The chip has no battery-backed clock: it begins in 2021 in each life."""

    def __init__(self):
        super().__init__(wiring, "", "")
        self.model_root = "/models"  # the application is frozen, which leaves no place for files
        self._modem = None
        self._modem_power = machine.Pin(self.pin("modem_power"), machine.Pin.OUT, value=1)

    def region(self):
        """Journal and readings, which adjoin."""
        offset, size = self.region_span()
        return FlashRegion(Rp2Flash(image.Flash(offset, size)), wiring.PROGRAM_UNIT, wiring.PAGE_SIZE)

    def line(self, baud):
        """The RS-485 line of the meters."""
        return UartLine(self._make_line_uart, baud, self.output("rs485_de"))

    def uplink(self, settings):
        """The modem, with TLS when the settings say so."""
        if settings.modem is None:
            raise BadInput("uplink.modem", "is missing: this board reaches the head-end by its modem only")
        if self._modem is None:
            self._modem = ModemUplink(self._make_modem_uart(), network.PPP, settings.modem, self.root, self._power_cycle)
        return with_tls(self._modem, settings, self.root, self.clock)

    async def _power_cycle(self):
        self._modem_power(0)
        await aio.sleep_ms(POWER_OFF_MS)
        self._modem_power(1)

    def _make_line_uart(self, **settings):
        tx, rx = self.machine_pin("rs485_tx"), self.machine_pin("rs485_rx")
        return machine.UART(wiring.LINES[0][0], tx=tx, rx=rx, **settings)

    def _make_modem_uart(self):
        pins = {name: self.machine_pin("modem_" + name) for name in ("tx", "rx", "cts", "rts")}
        flow = machine.UART.RTS | machine.UART.CTS
        return machine.UART(wiring.MODEM_UART, MODEM_BAUD, rxbuf=MODEM_RX_BYTES, timeout=0, flow=flow, **pins)


def make():
    """The board that runs this."""
    return Board()
