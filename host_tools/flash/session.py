"""A board taken aside for work: found on its port, asked for leave if it runs, checked to be the right one, given back afterwards.

    with Session(board, "/dev/ttyUSB0", find_key) as session:
        session.live.files()

Trap avoided: whatever stops us in the middle - a fault, Ctrl-C, a pulled cable - the board returns to work by itself two
minutes later, because it was told no longer time and that time is told anew while we work.
"""

import time
from collections.abc import Callable

from host_tools.flash import connection
from host_tools.flash.board_folder import Board
from host_tools.flash.connection import State
from host_tools.flash.errors import FlashError
from host_tools.flash.files_image import key_of
from host_tools.flash.live_board import LiveBoard
from host_tools.flash.port import Port, PortGone
from host_tools.flash.progress import say
from host_tools.flash.repl import Repl

ASKED_S = 600  # a boot.py that cannot be told a new time waits as long
BEGIN_S = 30.0
BOOT = b'{"boot"'
FindKey = Callable[[str], bytes | None]  # gateway -> its key, when it is to be had


class SilentBoard(FlashError):
    """Nothing answers on the port."""


class Session:
    """`ran` tells whether the gateway was at work when we came; `live` is the board."""

    def __init__(self, board: Board, port_name: str, find_key: FindKey, hold_s: int = connection.HOLD_S, any_runtime: bool = False):
        self.board = board
        self.ran = False
        self._find_key = find_key
        self._hold_s = hold_s
        self.port = Port(port_name)
        self._repl = Repl(self.port)
        try:
            self._come_in()
            self.live = LiveBoard(board, self._repl)
            self.live.check(any_runtime)
        except BaseException:
            self._go()
            raise

    def _come_in(self) -> None:
        found = connection.probe(self.port, self._repl)
        name = self.port.name
        if found.state == State.SILENT:
            raise SilentBoard(
                f"nothing answers on {name}: is it the board's console port, and is the board on? "
                f"A board without MicroPython needs --runtime IMAGE"
            )
        if found.state == State.OTHER:
            raise FlashError(f"what runs on {name} has a console of another version and cannot be asked to step aside: use its tools")
        if found.state == State.RUNNING:
            self.ran = True
            self._ask_aside(found.about.get("board"), found.about.get("gateway"))
        connection.leave_alone(self._repl, self._hold_s)

    def _ask_aside(self, board: object, gateway: object) -> None:
        if board != self.board.name:
            raise FlashError(f"the board on {self.port.name} is {board}, not {self.board.name}: nothing was changed")
        key = self._find_key(str(gateway))
        if key is None:
            raise FlashError(f"gateway {gateway} is at work on {self.port.name} and steps aside for its key only: give its file with --key")
        say(f"gateway {gateway} is at work; it finishes what it does and steps aside")
        connection.order_maintenance(self.port, self._repl, key_of(key), ASKED_S)

    def restart(self) -> str:
        """Give the board back to its application; what it said first, "" when no application began."""
        self.live.reset()
        said = b""
        ends = time.monotonic() + BEGIN_S
        while time.monotonic() < ends and BOOT not in said and connection.PROMPT not in said:
            said += self.port.read_for(0.2)
        self._repl.in_raw_repl = False
        return said.decode(errors="replace") if BOOT in said else ""

    def restart_to_prompt(self) -> None:
        """A reset after which nothing of ours starts by itself: a new board whose files have just been made."""
        self.live.reset()
        self.port.read_for(BEGIN_S, (connection.PROMPT,))
        if not self._repl.enter():
            raise FlashError(f"the board on {self.port.name} does not come back to its prompt after a reset: give the same command again")
        self.live = LiveBoard(self.board, self._repl)

    def _go(self) -> None:
        try:
            if self._repl.in_raw_repl:
                self._repl.leave()
        except PortGone:
            return  # nothing is left to say to it
        finally:
            self.port.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._go()
