"""MicroPython itself onto a board, by the way of its platform."""

import argparse

from host_tools.flash.board_folder import Board
from host_tools.flash.errors import FlashError
from host_tools.flash.flashing import Asked


def is_drive(port: str) -> bool:
    return False


def put_runtime(board: Board, given: argparse.Namespace, agreed: Asked) -> None:
    raise FlashError("not yet")
