"""firmware.main of the unix board on a region whose unsynced operations die with the process (tests/mortal_region.py).

usage: micropython -m tests.scenarios.mortal_gateway FILE      with options as JSON: those of tests.gateway_program, and
    {"region": PATH, "journal_bytes": N, "erase_size": N, "program_unit": N, "seed": N, "fate": {"program": 7, ...}}
    {"mutant": "forgets_sync"}   the firmware without the sync at the end of a step
    {"mutant": "acks_first"}     the firmware that acknowledges a credit to the broker and books it a moment later

A mutant is there to be found: the scenario must see what it loses.

Trap avoided: MicroPython's unix port takes no argument of more than 255 bytes.
"""

import json
import sys

from firmware import main
from firmware.base import aio
from firmware.sync.dispatch import Dispatcher
from tests.gateway_program import board_with
from tests.mortal_region import MortalRegion

BOOKED_AFTER_MS = 30


class ForgetsSync:
    """The region as a firmware sees it that syncs before its replay, and never again."""

    def __init__(self, region):
        self.size, self.erase_size, self.program_unit = region.size, region.erase_size, region.program_unit
        self.read_into, self.program, self.erase = region.read_into, region.program, region.erase
        self._sync = region.sync

    def sync(self):
        self._sync()
        self._sync = _nothing


def _nothing():
    """The sync that is not there."""


def _acknowledge_first(dispatcher, credit, now_ms):
    aio.create_task(_book(dispatcher._handler, credit))


async def _book(handler, credit):
    await aio.sleep_ms(BOOKED_AFTER_MS)
    handler.on_credit(*credit)


def mortal_board(options):
    """The unix board on its mortal region."""
    board = board_with(options)
    region = MortalRegion(options["region"], options["erase_size"], options["program_unit"], options["seed"], options["fate"])
    if options.get("mutant") == "forgets_sync":
        region = ForgetsSync(region)
    elif options.get("mutant") == "acks_first":
        Dispatcher._on_credit = _acknowledge_first
    board.region = lambda: region
    board.journal_bytes = options["journal_bytes"]
    return board


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        chosen = json.loads(file.read())
    sys.exit(aio.run(main.live(mortal_board(chosen))))
