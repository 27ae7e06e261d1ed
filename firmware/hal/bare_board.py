"""What the microcontroller boards with a stock runtime and Ethernet have alike; board.py adds region(), line() and the interface.

Trap avoided: the console's bytes a second are what the reader is given at most; a USB console takes far more than the firmware
says, so a small number keeps a slow reader from growing a backlog.
"""

import os

import machine

from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.base.version import FIRMWARE_VERSION
from firmware.hal.clock_rtc import RtcClock
from firmware.hal.console_stdio import StdioConsole
from firmware.hal.reset_cause import cause_of
from firmware.hal.tls_stream import with_tls
from firmware.hal.watchdog_hw import HardwareWatchdog

CONSOLE_BYTES_S = const(8_000)


class BareBoard:
    """BareBoard(wiring, root, application): `root` is where littlefs is mounted ("" = at /), `application` where we lie."""

    def __init__(self, wiring, root, application):
        self._wiring = wiring
        self._parts = {part: (offset, size) for part, offset, size in wiring.FLASH}
        self.name = wiring.NAME
        self.root = root
        self.line_path = "UART" + str(wiring.LINES[0][0])
        self.clock = None
        self.firmware_version = FIRMWARE_VERSION
        self.reset_cause = cause_of(machine)
        self.model_root = application + "/firmware/meters/models"
        self.console = StdioConsole()
        self.console_bytes_s = CONSOLE_BYTES_S
        self.journal_bytes = self._parts["journal"][1]
        self.limits = getattr(wiring, "LIMITS", ())
        self.watchdog = HardwareWatchdog(self._make_watchdog)
        self._network = None
        self.use_clock(machine.RTC())

    def use_clock(self, rtc):
        """A clock that is not the chip's own, in the shape of machine.RTC."""
        self.clock = RtcClock(rtc, self.root + "/clock_hint")

    def region_span(self):
        """(offset, size) of journal and readings, which adjoin."""
        offset, size = self._parts["journal"]
        return offset, size + self._parts["readings"][1]

    def uplink(self, settings):
        """The wired network, with TLS when the settings say so. BadInput for what this board does not have."""
        if settings.modem is not None:
            raise BadInput("uplink.modem", "this board has no modem: its uplink is Ethernet")
        if self._network is None:
            self._network = self.make_network()
        return with_tls(self._network, settings, self.root, self.clock)

    def random_bytes(self, count):
        """From the chip's generator."""
        return os.urandom(count)

    def reset(self):
        """Begin a new life."""
        machine.reset()

    def pin(self, signal):
        """The pin that wiring.py gives this signal."""
        for name, pin, _ in self._wiring.PINS:
            if name == signal:
                return pin
        raise ValueError(signal)

    def machine_pin(self, signal):
        """The same as a machine.Pin that stays as it is."""
        return machine.Pin(self.pin(signal))

    def output(self, signal):
        """The same as an output, low from the beginning."""
        return machine.Pin(self.pin(signal), machine.Pin.OUT, value=0)

    def _make_watchdog(self):
        return machine.WDT(timeout=self._wiring.WATCHDOG_MS)
