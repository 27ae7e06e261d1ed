"""One emulated board: QEMU's mps2-an385 with our MicroPython, its flash in a host file, its UARTs on serial ports of the host.

    UART 0 console, 1 RS-485, 2 modem, 3 second RS-485

A UART is given a way out: a path of a serial port or pty that somebody else made (the simulators make theirs), `socket:PATH`
for a unix socket on which QEMU waits for somebody before the board gets power, so that its first word is heard, or nothing.
Killing QEMU is the power cut: the file keeps what the board had programmed.
"""

from collections.abc import Mapping
from pathlib import Path

from host_tools.emulator.flash_file import SIZE, FlashFile
from host_tools.emulator.power import CUT_EXIT, PowerSwitch
from host_tools.set_up import paths

__all__ = ["CONSOLE", "CUT_EXIT", "LINE", "LINE_2", "MODEM", "SOCKET", "WAITS", "Machine", "command"]

CONSOLE, LINE, MODEM, LINE_2 = 0, 1, 2, 3
UARTS = 5
SOCKET = "socket:"
WAITS = "QEMU waiting for connection"  # what it says on stderr of a socket at which nobody listens yet


def command(flash: Path, ways: Mapping[int, str], options: Mapping[str, int], extra: tuple[str, ...] = ()) -> list[str]:
    """QEMU's command line. `ways`: UART -> path of a serial port, or socket:PATH; `options` for the board (port/host.c)."""
    words = ["concentrator", *(f"{name}={value}" for name, value in options.items())]
    built = [
        str(paths.qemu()),
        "-machine", "mps2-an385,memory-backend=nor",
        "-object", f"memory-backend-file,id=nor,size={SIZE},mem-path={flash},share=on",
        "-kernel", str(paths.board_image()),
        "-display", "none", "-monitor", "none",
        "-semihosting-config", ",".join(["enable=on,target=native", *(f"arg={word}" for word in words)]),
    ]  # fmt: skip
    for uart in range(UARTS):
        way = ways.get(uart)
        if way is None:
            built += ["-serial", "null"]
        elif way.startswith(SOCKET):
            built += ["-chardev", f"socket,id=uart{uart},path={way.removeprefix(SOCKET)},server=on,wait=on",
                      "-serial", f"chardev:uart{uart}"]  # fmt: skip
        else:
            built += ["-chardev", f"serial,id=uart{uart},path={way}", "-serial", f"chardev:uart{uart}"]
    return [*built, *extra]


class Machine(PowerSwitch):
    """A board that can be started, killed and started again over one flash file."""

    def __init__(
        self, flash: FlashFile, ways: Mapping[int, str], options: Mapping[str, int] | None = None, extra: tuple[str, ...] = ()
    ) -> None:
        super().__init__(options or {})
        self.flash = flash
        self.ways = dict(ways)
        self._extra = extra

    def command(self, options: Mapping[str, int]) -> list[str]:
        return command(self.flash.path, self.ways, options, self._extra)
