"""The power switch of an emulated board, whichever emulator plays it: on, cut, off, over and over.

Trap avoided: an emulator whose owner died would go on for ever, at full speed; the kernel ends it (prctl(2), PR_SET_PDEATHSIG).
"""

import abc
import ctypes
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Self

CUT_EXIT = 99  # the power went with the flash operation that was asked for
STOP_TIMEOUT_S = 10
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class PowerSwitch(abc.ABC):
    """A process that can be started, killed and started again; a board says how by `command`."""

    stdin = subprocess.DEVNULL

    def __init__(self, options: Mapping[str, int]) -> None:
        self.options = dict(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the board's object

    @abc.abstractmethod
    def command(self, options: Mapping[str, int]) -> list[str]:
        """The emulator's command line for a life with these options."""

    def start(self, **options: int) -> Self:
        """Power on; `options` of this life alone come on top of the board's own."""
        if self.running:
            raise RuntimeError("the board runs already")
        self._process = subprocess.Popen(
            self.command({**self.options, **options}), stdin=self.stdin, stdout=self._said, stderr=self._said,
            start_new_session=True, preexec_fn=_die_with_owner,
        )  # fmt: skip
        return self

    @property
    def running(self) -> bool:
        """Is the power on?"""
        return self._process is not None and self._process.poll() is None

    def cut_power(self) -> None:
        """kill -9, at whatever instruction the board is."""
        process = self._now()
        process.send_signal(signal.SIGKILL)
        process.wait(STOP_TIMEOUT_S)

    def wait(self, timeout_s: float) -> int:
        """Exit code, when the board ends by itself (CUT_EXIT after cut_after); subprocess.TimeoutExpired when it does not."""
        return self._now().wait(timeout_s)

    def said(self) -> str:
        """What the emulator itself complained of."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        """Power off, if it is on; safe to repeat."""
        if self.running:
            self.cut_power()

    def _now(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the board was never started")
        return self._process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _die_with_owner() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
