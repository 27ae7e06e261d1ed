"""When garbage is collected on a board (MicroPython); elsewhere nothing happens.

boot.py has it collected after each 16 KB of allocation, so that what is made at the start and lasts lies close together.
Trap avoided: frames of functions count as allocation, though they are given back at once. In a loop of small calls such
collections, each of which walks the whole heap, take four times as long as the work.
"""

import gc

from firmware.base.port import const

LEAST_BYTES = const(16 * 1024)


def collect_when_full():
    """While nothing is made that lasts -> what `collect_again` wants to know."""
    threshold = gc.threshold() if hasattr(gc, "threshold") else -1
    if threshold > 0:
        gc.threshold(-1)
    return threshold


def collect_again(threshold):
    """As it was before."""
    if threshold > 0:
        gc.collect()
        gc.threshold(threshold)


def collect_seldom():
    """The start is over and what lasts is there: half of what is free may be allocated between two collections."""
    if hasattr(gc, "threshold") and gc.threshold() > 0:
        gc.collect()
        gc.threshold(max(LEAST_BYTES, gc.mem_free() // 2))
