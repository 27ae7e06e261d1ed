"""One emulated board: QEMU's mps2-an385 with our MicroPython, its flash in a host file, its UARTs on serial ports of the host.

    UART 0 console, 1 RS-485, 2 modem, 3 second RS-485

A UART is given a way out: a path of a serial port or pty that somebody else made (the simulators make theirs), `socket:PATH`
for a unix socket that QEMU listens on, or nothing. Killing QEMU is the power cut: the file keeps what the board had programmed.

Trap avoided: a machine whose owner died would go on for ever, at full speed; the kernel ends it (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from host_tools.emulator.flash_file import SIZE, FlashFile
from host_tools.set_up import paths

CONSOLE, LINE, MODEM, LINE_2 = 0, 1, 2, 3
UARTS = 5
CUT_EXIT = 99  # the power went with the flash operation that was asked for
STOP_TIMEOUT_S = 10
SOCKET = "socket:"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


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
            built += ["-chardev", f"socket,id=uart{uart},path={way.removeprefix(SOCKET)},server=on,wait=off",
                      "-serial", f"chardev:uart{uart}"]  # fmt: skip
        else:
            built += ["-chardev", f"serial,id=uart{uart},path={way}", "-serial", f"chardev:uart{uart}"]
    return [*built, *extra]


class Machine:
    """A board that can be started, killed and started again over one flash file."""

    def __init__(
        self, flash: FlashFile, ways: Mapping[int, str], options: Mapping[str, int] | None = None, extra: tuple[str, ...] = ()
    ) -> None:
        self.flash = flash
        self.ways = dict(ways)
        self.options = dict(options or {})
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the machine object

    def start(self, **options: int) -> "Machine":
        """Power on; `options` of this life alone come on top of the machine's own."""
        if self.running:
            raise RuntimeError("the board runs already")
        asked = command(self.flash.path, self.ways, {**self.options, **options}, self._extra)
        self._process = subprocess.Popen(
            asked, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said, start_new_session=True, preexec_fn=_die_with_owner
        )
        return self

    @property
    def running(self) -> bool:
        """Is the power on?"""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """QEMU's process."""
        return self._now().pid

    def cut_power(self) -> None:
        """kill -9, at whatever instruction the board is."""
        process = self._now()
        process.send_signal(signal.SIGKILL)
        process.wait(STOP_TIMEOUT_S)

    def wait(self, timeout_s: float) -> int:
        """Exit code, when the board ends by itself (CUT_EXIT after cut_after); subprocess.TimeoutExpired when it does not."""
        return self._now().wait(timeout_s)

    def said(self) -> str:
        """What QEMU itself complained of."""
        self._said.seek(0, os.SEEK_SET)
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        """Power off, if it is on; safe to repeat."""
        if self.running:
            self.cut_power()

    def _now(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the board was never started")
        return self._process

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _die_with_owner() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
