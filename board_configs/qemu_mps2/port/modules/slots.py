"""The application slots, for boot.py: memory that ROMFS executes from, and the size of the block that ends each."""

import board
import wiring

ERASE_SIZE = wiring.ERASE_SIZE


def slot(name):
    """ "a" or "b" -> the whole slot, readable as a buffer."""
    for part, offset, size in wiring.FLASH:
        if part == "slot_" + name:
            return board.Flash(offset, size)
    raise ValueError(name)
