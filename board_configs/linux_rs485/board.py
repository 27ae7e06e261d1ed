"""The `linux_rs485` board: a Linux gateway, on MicroPython's unix port or CPython.

wiring.py has what is usual; the environment says what is different on this gateway:

    LAMPLIGHTER_ROOT       folder with settings.json and key
    LAMPLIGHTER_LINE       device of the meters
    LAMPLIGHTER_DIRECTION  kernel_rs485, rts or auto
    LAMPLIGHTER_WATCHDOG   device of the watchdog, or none
"""

import os

from board_configs.linux_rs485 import wiring
from firmware.base.faults import BadInput
from firmware.base.version import FIRMWARE_VERSION
from firmware.hal.clock_unix import UnixClock
from firmware.hal.console_stdio import StdioConsole
from firmware.hal.line_linux_rs485 import LinuxRs485Line
from firmware.hal.nor_file import FileRegion
from firmware.hal.tls_stream import with_tls
from firmware.hal.uplink_socket import SocketUplink
from firmware.hal.watchdog_linux import LinuxWatchdog
from firmware.hal.watchdog_none import NoWatchdog

CONSOLE_BYTES_S = 200_000  # a pipe or a pty carries more
_SIZES = {part: size for part, _, size in wiring.FLASH}


def _checkout():
    """Folder above board_configs/; the unix port gives relative names as they were found."""
    path = __file__ if __file__[0] == "/" else "./" + __file__
    return path.rsplit("/", 3)[0]


class Board:
    """The devices of DESIGN.md, made once."""

    def __init__(self, root, line_path, direction, watchdog):
        self.name = wiring.NAME
        self.root = root
        self.line_path = line_path
        self.clock = UnixClock()
        self.firmware_version = FIRMWARE_VERSION
        self.model_root = _checkout() + "/firmware/meters/models"
        self.console = StdioConsole()
        self.console_bytes_s = CONSOLE_BYTES_S
        self.journal_bytes = _SIZES["journal"]
        self.watchdog = watchdog
        self._direction = direction

    def region(self):
        """The flash of journal and readings; a blank one is made when there is none."""
        size = _SIZES["journal"] + _SIZES["readings"]
        return FileRegion(self.root + "/region.bin", size, wiring.ERASE_SIZE, wiring.PROGRAM_UNIT)

    def uplink(self, settings):
        """The host's sockets, with TLS when the settings say so. BadInput for what this board does not have."""
        if settings.modem is not None:
            raise BadInput("uplink.modem", "this board has no modem of its own: its uplink is the host's network")
        return with_tls(SocketUplink(), settings, self.root, self.clock)

    def line(self, baud):
        """The RS-485 line; OSError when the device is missing, BadInput when it has no such direction control."""
        return LinuxRs485Line(self.line_path, baud, self._direction)

    def random_bytes(self, count):
        """From the operating system's generator."""
        with open("/dev/urandom", "rb") as source:
            return source.read(count)


def make():
    """The board that this process is."""
    uart, direction = wiring.LINES[0]
    watchdog = os.getenv("LAMPLIGHTER_WATCHDOG") or wiring.WATCHDOG_PATH
    return Board(
        os.getenv("LAMPLIGHTER_ROOT") or wiring.ROOT_PATH,
        os.getenv("LAMPLIGHTER_LINE") or uart,
        os.getenv("LAMPLIGHTER_DIRECTION") or direction,
        NoWatchdog() if watchdog == "none" else LinuxWatchdog(watchdog),
    )
