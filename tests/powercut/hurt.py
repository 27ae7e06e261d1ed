"""Hurt a journal of 20 records and tell what became of the promises, as one line of JSON (design 4.6, 9).

usage: micropython -m tests.powercut.hurt UNIT flips|smash [MUTANT]

    flips   every bit of it, and one of each byte of padding and of the blank unit behind it, one at a time: the CRC says
            which one it was, so nothing is lost, the books stay sound, and (one bit of each byte) the next life writes on
    smash   some bits of one place at once: what is missing is never missing silently. Either the books say that they are
            not sound, or only the very end is gone, as after a cut, and then the comparison with a head-end that holds
            what was promised says "behind"
MUTANT `mend` leaves bits as they are: then flips must find something wrong.
"""

import json
import sys
import time

from firmware.base import crc
from firmware.ledger.block import align
from firmware.ledger.ledger_store import BEHIND
from tests.powercut.story import Story, Witness, ledger_on, region_for

TOLD = 15  # with the records of the beginning these make 20 at least
SMASHES = 1_500
FOUND_MAX = 3


class Hurt:
    """The journal as it was told, one copy to hurt, and the witness."""

    def __init__(self, unit):
        self.region = region_for(unit)
        self.story = Story(self.region, TOLD)
        self.story.tell()
        self.witness = Witness(self.story, unit)
        self.image = bytearray(self.region.flash)
        self.judged = 0
        self.found = []
        self.outcomes = {"sound": 0, "not sound": 0, "behind": 0}

    def used(self):
        """(start, end) of what is used in each block, and one blank unit behind it."""
        journal = self.story.ledger.journal
        size, unit = self.region.erase_size, self.region.program_unit
        spans = []
        for index in sorted(journal.ring):
            start = end = journal.block_at(index)
            for at in range(start, start + size):
                if self.image[at] != 0xFF:
                    end = at + 1
            spans.append((start, min(start + size, align(end, unit) + unit)))
        return spans

    def flip_all(self):
        """One bit at a time."""
        for start, end in self.used():
            for bit in range(start * 8, end * 8):
                if self.region.flash[bit // 8] == 0xFF and bit % 8 != bit // 8 % 8:
                    continue
                self.image[bit // 8] ^= 1 << bit % 8
                self.witness.goes_on = bit % 8 == bit // 8 % 8
                self._judge(bit, self.witness.wrong(self.region.boots, self.image, self.region.programmed))
                self.image[bit // 8] ^= 1 << bit % 8
                if len(self.found) >= FOUND_MAX:
                    return

    def smash(self, seed):
        """2 to 9 bits within 16 bytes."""
        spans = self.used()
        for _ in range(SMASHES):
            start, end = spans[(seed >> 8) % len(spans)]
            at = start
            self.image[:] = self.region.flash
            for draw in range(3 + (seed >> 16) % 8):
                seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                if not draw:
                    at = start + (seed >> 8) % (end - start - 16)
                else:
                    self.image[at + (seed >> 8) % 16] ^= 1 << (seed >> 20) % 8
            self._judge(at, self._silent_loss())
            if len(self.found) >= FOUND_MAX:
                return

    def _silent_loss(self):
        """A sentence when something promised is gone or other than it was, and nobody would notice."""
        region, story = self.witness.region, self.story
        region.load(self.image, self.region.programmed)
        region.boots = self.region.boots
        ledger = ledger_on(region)
        if not ledger.sound:
            self.outcomes["not sound"] += 1
            return None
        if ledger.sequence < story.promised:
            if ledger.compare(ledger.epoch, story.promised, story.promised_chain) != BEHIND:
                return "%d of %d promised, and the comparison does not tell" % (ledger.sequence, story.promised)
            self.outcomes["behind"] += 1
            return self.witness.sums_trouble(ledger, story.sums_at(ledger.sequence)[0])
        self.outcomes["sound"] += 1
        return self.witness.state_trouble(ledger, story.promised, story.promised_chain)

    def _judge(self, place, trouble):
        self.judged += 1
        if trouble:
            self.found.append([place, trouble])


def mend_nothing(*anything):
    """The firmware without its mending."""
    return False


def run(unit, what, mutant=None):
    """A dict of numbers and what was found."""
    if mutant == "mend":
        crc.mend_one_bit = crc.is_one_bit = mend_nothing
    began = time.time()
    hurt = Hurt(unit)
    if what == "flips":
        hurt.flip_all()
    else:
        hurt.smash(unit)
    return {
        "unit": unit,
        "what": what,
        "judged": hurt.judged,
        "found": hurt.found,
        "records": hurt.story.ledger.sequence,
        "outcomes": hurt.outcomes,
        "seconds": int(time.time() - began),
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)))
