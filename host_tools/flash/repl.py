"""MicroPython's raw REPL through mpremote's transport, without its Ctrl-C: what runs on a board is never interrupted.

Traps avoided: raw paste mode, left in the middle by a cable that was pulled, swallows everything but Ctrl-C; the plain raw REPL
begins anew at the next Ctrl-A. And mpremote waits for its prompts with prints of its own; ours end in a sentence.
"""

import ast
import os
import re
import time
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from host_tools.flash.errors import FlashError
from host_tools.flash.port import Port

CTRL_A, CTRL_B = b"\x01", b"\x02"
BANNER = b"raw REPL; CTRL-B to exit\r\n"
ANSWER_S = 8.0
PACED = re.compile(r"/tty(USB|S|AMA)|/cu\.usbserial")  # a UART behind the port: the chip must keep up by itself
RUN_S = 20.0  # without a byte; hashing a slot takes a real chip a few seconds


class BoardFault(FlashError):
    """The board's own exception while it did what we asked; `error` is its last line."""

    def __init__(self, sentence: str, error: str):
        super().__init__(sentence)
        self.error = error


class Repl(SerialTransport):
    """Repl(port): call enter() first. run() executes and returns what was printed."""

    def __init__(self, port: Port):
        # SerialTransport's own __init__ would open the port; everything else of it is used as it is
        self.in_raw_repl = False
        self.use_raw_paste = False
        self.device_name = port.name
        self.mounted = False
        self.is_pty = False
        self.serial = port
        self._keeping = ""
        self._keep_s = 0.0
        self._kept_at = 0.0

    def keep_every(self, seconds: float, code: str) -> None:
        """Run `code` now, and again before a command whenever so much time has passed."""
        self._keeping, self._keep_s = code, seconds
        self._keep()

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        self._run(self._keeping, RUN_S)

    def enter(self) -> bool:
        """Into the raw REPL of a board that is at its prompt; False when none answers."""
        self.serial.write(b"\r" + CTRL_A)
        said = self.serial.read_for(ANSWER_S, (BANNER + b">",))
        self.in_raw_repl = (BANNER + b">") in said
        if self.in_raw_repl:
            self.serial._taken[:0] = b">"  # the prompt is what exec waits for first
        return self.in_raw_repl

    def run(self, code: str, timeout_s: float = RUN_S) -> str:
        """Execute; the text printed. BoardFault for an exception there, FlashError when the board falls silent."""
        if self._keeping and time.monotonic() - self._kept_at > self._keep_s:
            self._keep()
        return self._run(code, timeout_s)

    def _run(self, code: str, timeout_s: float) -> str:
        try:
            said, wrong = self.exec_raw(code, timeout=timeout_s)
        except TransportError as fault:
            raise FlashError(f"the board on {self.device_name} stopped answering: give the same command again") from fault
        if wrong:
            error = wrong.decode(errors="replace").strip().splitlines()[-1]
            raise BoardFault(f"the board on {self.device_name} could not do that: {error}", error)
        return said.decode(errors="replace")

    def ask(self, expression: str, timeout_s: float = RUN_S) -> Any:
        """The value of an expression, as Python writes it."""
        return self.values(f"print(repr({expression}))", timeout_s)[-1]

    def values(self, code: str, timeout_s: float = RUN_S) -> list[Any]:
        """Execute; each line that was printed is a value as Python writes it."""
        lines = self.run(code, timeout_s).splitlines()
        try:
            return [ast.literal_eval(line) for line in lines if line]
        except (SyntaxError, ValueError) as fault:
            raise FlashError(f"the board on {self.device_name} sent what makes no sense (noise?): give the same command again") from fault

    def exec_raw_no_follow(self, command: str) -> None:
        """Send a command; mpremote's own, without its pauses where the port itself holds us back (USB and ptys)."""
        if PACED.search(os.path.realpath(self.device_name)):
            super().exec_raw_no_follow(command)
            return
        if not self.read_until(1, b">").endswith(b">"):
            raise TransportError("there is no prompt")
        self.serial.write(command.encode() + b"\x04")
        if self.serial.read(2) != b"OK":
            raise TransportError("the command was not taken")

    def leave(self) -> None:
        """Back to the friendly prompt."""
        self.serial.write(b"\r" + CTRL_B)
        self.in_raw_repl = False
