"""firmware.main of the unix board with another uplink or a look at the heap; for tests and bench, on either interpreter.

usage: micropython -m tests.gateway_program OPTIONS-AS-JSON
    {"resolver_port": N}    names are asked of 127.0.0.1:N and of nobody else
    {"model_root": FOLDER}  meter models are read there
    {"no_uplink": true}     there is no way out, and no time is spent on looking for one
    {"console_bytes_s": N}  it says nothing unasked, and no more than so much, as a board on a UART
"""

import json
import sys

from board_configs.unix.board import make
from firmware import main
from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.hal.uplink_socket import SocketUplink


class NoUplink:
    """A board without modem."""

    async def connect(self, host, port, timeout_ms):
        await aio.sleep_ms(timeout_ms)
        raise UplinkFault("there is no modem")


def board_with(options):
    """The unix board, changed as the options say."""
    board = make()
    board.model_root = options.get("model_root", board.model_root)
    if options.get("resolver_port"):
        board.uplink = lambda settings: SocketUplink([("127.0.0.1", options["resolver_port"])])
    if options.get("no_uplink"):
        board.uplink = lambda settings: NoUplink()
    if options.get("console_bytes_s"):
        board.console_streams = False
        board.console_bytes_s = options["console_bytes_s"]
    return board


if __name__ == "__main__":
    sys.exit(aio.run(main.live(board_with(json.loads(sys.argv[1])))))
