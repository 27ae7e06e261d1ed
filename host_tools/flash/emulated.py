"""`flash.py run`: an emulated board on this machine, its console a port like any other, until Ctrl-C."""

import argparse
import signal
import subprocess
import threading

from host_tools.emulator.bridge import Bridge
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, LINE, MODEM, Machine
from host_tools.flash.board_folder import find_board
from host_tools.flash.commands import usual_out
from host_tools.flash.errors import FlashError
from host_tools.flash.progress import say

LOOK_S = 0.5


def run(given: argparse.Namespace) -> int:
    """Start the board; blank flash when there is none yet. 0 when a person ended it, 2 when it ended by itself."""
    board = find_board(given.board)
    if board.platform != "qemu":
        raise FlashError(f"{board.name} is a real board and runs by itself: only emulated ones are started here")
    folder = usual_out(board)
    folder.mkdir(parents=True, exist_ok=True)
    flash = given.flash or folder / "flash.bin"
    link = given.console or folder / "console"
    ways = {uart: path for uart, path in ((LINE, given.line), (MODEM, given.modem)) if path}
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    bridge = Bridge(link)
    try:
        with Machine(FlashFile(flash), ways | {CONSOLE: bridge.inner}) as machine:
            machine.start()
            say(f"{board.name} is on; its console is {link}, its flash {flash}; Ctrl-C cuts its power")
            print(link, flush=True)
            while machine.running and not stop.wait(LOOK_S):
                pass
            if not stop.is_set():
                raise FlashError(f"the board ended by itself: {machine.said().strip() or 'exit code ' + str(machine.wait(1))}")
    except KeyboardInterrupt:
        say("power off")
    except (OSError, subprocess.SubprocessError) as fault:
        raise FlashError(f"{board.name} cannot be started: {fault}") from fault
    finally:
        bridge.close()
    return 0
