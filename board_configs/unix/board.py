"""The `unix` board: a concentrator on a Linux process, for MicroPython's unix port and for CPython.

RS-485 is a serial device or a pty, the journal region a host file with NOR rules, the uplink the host's sockets.
Everything lies in one folder, given by the environment:

    LAMPLIGHTER_ROOT   folder with settings.json and key (default: the working folder)
    LAMPLIGHTER_LINE   serial device or pty of the meters (default: ROOT/line)
"""

import os

from board_configs.unix import wiring
from firmware.base.faults import BadInput
from firmware.base.version import FIRMWARE_VERSION
from firmware.hal.clock_unix import UnixClock
from firmware.hal.console_stdio import StdioConsole
from firmware.hal.line_serial import SerialLine
from firmware.hal.nor_file import FileRegion
from firmware.hal.tls_stream import with_tls
from firmware.hal.uplink_socket import SocketUplink
from firmware.hal.watchdog_none import NoWatchdog

CONSOLE_BYTES_S = 200_000  # a pipe or a pty carries more
_SIZES = {part: size for part, _, size in wiring.FLASH}


def _checkout():
    """Folder above board_configs/; the unix port gives relative names as they were found."""
    path = __file__ if __file__[0] == "/" else "./" + __file__
    return path.rsplit("/", 3)[0]


class Board:
    """The devices of DESIGN.md, made once."""

    def __init__(self, root, line_path):
        self.name = wiring.NAME
        self.root = root
        self.line_path = line_path
        self.clock = UnixClock()
        self.firmware_version = FIRMWARE_VERSION
        self.model_root = _checkout() + "/firmware/meters/models"
        self.console = StdioConsole()
        self.console_streams = True
        self.console_bytes_s = CONSOLE_BYTES_S
        self.journal_bytes = _SIZES["journal"]
        self.watchdog = NoWatchdog()

    def region(self):
        """The flash of journal and readings; a blank one is made when there is none."""
        size = _SIZES["journal"] + _SIZES["readings"]
        return FileRegion(self.root + "/region.bin", size, wiring.ERASE_SIZE, wiring.PROGRAM_UNIT)

    def uplink(self, settings):
        """The host's sockets, with TLS when the settings say so. BadInput for what this board does not have."""
        if settings.modem is not None:
            raise BadInput("uplink.modem", "this board has no modem: its uplink is the host's network")
        return with_tls(SocketUplink(), settings, self.root, self.clock)

    def line(self, baud):
        """The RS-485 line; OSError when the device is missing."""
        return SerialLine(self.line_path, baud)

    def random_bytes(self, count):
        """From the operating system's generator."""
        with open("/dev/urandom", "rb") as source:
            return source.read(count)


def make():
    """The board that this process is."""
    root = os.getenv("LAMPLIGHTER_ROOT") or "."
    return Board(root, os.getenv("LAMPLIGHTER_LINE") or root + "/line")
