"""Cut the story at every byte operation, and again during the recovery; tell what was found as one line of JSON.

usage: micropython -m tests.powercut.sweep UNIT all|third|fifth|recovery|short [MUTANT]

At each point five things may be left behind (design section 9: unsynced writes die or tear with the process):
    clean   everything before this byte, unsynced or not
    torn    the same, and the byte or unit or block piece under way left with random bits
    blank   the same, and a unit that was touched and still looks blank: at its first byte (of one-byte units: the first of a piece)
    lost    only what was synced, and a torn piece of the operation under way
    killed  the process ends (the reader still sees all), recovers, and only then the power goes
A torn unit counts as programmed even where it looks blank. Not so in `lost`: flash takes its operations in order, so a medium
that has forgotten the ones before held this one back as well, and only what shows of it was ever there.
A point whose image is the one of the point before (a byte FFH is programmed) is counted, not judged again.
MUTANT leaves out one sync of the firmware or of the region, or the units left for lives that were lost: then the sweep must find
something wrong.
"""

import json
import sys
import time

from firmware.base.faults import StorageFault
from firmware.ledger.block import is_blank
from firmware.ledger.journal_store import LIVES_PASSED_OVER_MAX
from firmware.ledger.ledger_store import Ledger
from tests.powercut.story import Story, Witness, add_reading, begin_life, ledger_on, region_for

FOUND_MAX = 3
CLEAN_GOES_ON_EVERY = 5  # points; behind torn and lost images life goes on at every one
BLANK_OUTER_EVERY = 4  # recoveries: one of so many begins behind a unit that was touched and looks blank
WHOLE = {"all": 1, "third": 3, "fifth": 5}  # the whole story, cut at one of so many points
RECORDS = {1: (75, 28), 32: (66, 24), 256: (60, 16)}  # unit -> records of the whole and of the short story: each has its snapshots
OUTER_STRIDES = {1: 229, 32: 229, 256: 613}  # unit -> which points the recovery sweep recovers from: no multiple of any unit


class Sweep:
    """Judges images at each point of a region; counts points and verdicts."""

    def __init__(self, story, unit, stride=1, ledger_type=Ledger):
        self.story = story
        self.witness = Witness(story, unit, ledger_type)
        self.stride = stride
        self.points = 0
        self.judged = 0
        self.found = []
        self._image = bytearray(len(self.witness.region.flash))
        self._before = bytearray(self._image)
        self._programmed = bytearray(len(self.witness.region.programmed))
        self._syncs = -1
        self._touched = Touched(unit)

    def on_point(self, region, torn):
        """Judge what a cut just here leaves."""
        self.points += 1
        if self.points % self.stride or len(self.found) >= FOUND_MAX:
            return
        first_of_step = region.syncs != self._syncs
        self._syncs = region.syncs
        same = region.flash == self._before
        if not same:
            self._before[:] = region.flash
            self.witness.goes_on = self.points % CLEAN_GOES_ON_EVERY == 0
            self._judge("clean", region.boots, region.flash, region.programmed)
            self.witness.goes_on = True
        self._tear(region, torn, region.flash, region.programmed)
        if self._image != region.flash or not region.programmed[region.torn_unit]:
            self._judge("torn", region.boots, self._image, self._programmed)
        if self._touched.anew(region):
            self._tear(region, _nothing, region.flash, region.programmed)
            self._judge("blank", region.boots, self._image, self._programmed)
        if first_of_step or self.points % 16 == 0:
            self._tear(region, torn, region.stable, region.stable_programmed)
            if region.torn_unit >= 0 and self._looks_blank(region):
                self._programmed[region.torn_unit] = 0
            self._judge("lost", region.boots, self._image, self._programmed)
            self._judge("killed", region.boots, region.flash, region.programmed, region.stable, region.stable_programmed)

    def _tear(self, region, torn, flash, programmed):
        self._image[:] = flash
        torn(self._image, self.points)
        self._programmed[:] = programmed
        if region.torn_unit >= 0:
            self._programmed[region.torn_unit] = 1  # even if it still looks blank

    def _looks_blank(self, region):
        start = region.torn_unit * region.program_unit
        return is_blank(self._image, start, start + region.program_unit)

    def _judge(self, what, *image):
        self.judged += 1
        try:
            trouble = self.witness.wrong(*image)
        except StorageFault as fault:
            trouble = "the region refused: " + str(fault)
        if trouble:
            self.found.append([self.points, what, trouble])


def _nothing(image, salt):
    """A tear that does not show."""


class Touched:
    """Tells the first point of each unit that is programmed; with units of one byte, of each piece that is programmed together."""

    def __init__(self, unit):
        self._unit = unit
        self._last = self._syncs = -1

    def anew(self, region):
        """True when nothing shows yet of what is being programmed."""
        before, syncs = self._last, self._syncs
        self._last, self._syncs = region.torn_unit, region.syncs
        if region.torn_unit < 0 or self._unit > 1:
            return region.torn_unit >= 0 and region.torn_unit != before
        return region.torn_unit != before + 1 or region.syncs != syncs


class RecoverySweep:
    """At every `stride`-th point of a short story: recover from a torn image and cut that recovery at every byte, too.

    One of BLANK_OUTER_EVERY waits for the next point at which the tear can look blank.
    """

    def __init__(self, story, unit, stride, ledger_type=Ledger):
        self.story = story
        self.unit = unit
        self.stride = stride
        self.points = 0
        self.outer = 0
        self.blank = 0
        self._due = self._done = 0
        self._touched = Touched(unit)
        self._ledger_type = ledger_type
        self.judged = 0
        self.found = []
        self._image = bytearray(len(region_for(unit).flash))
        self._region = region_for(unit)

    def on_point(self, region, torn):
        self.outer += 1
        anew = self._touched.anew(region)
        if self.outer % self.stride == 0:
            self._due += 1
        waits = self._due % BLANK_OUTER_EVERY == 0 and not anew
        if self._due == self._done or waits or len(self.found) >= FOUND_MAX:
            return
        self._done = self._due
        self._image[:] = region.flash
        if self._due % BLANK_OUTER_EVERY:
            torn(self._image, self.outer)
        else:
            self.blank += 1
        self._recover(region)

    def _recover(self, region):
        """From the torn image, cut everywhere."""
        self._region.on_point = None
        self._region.load(self._image, region.programmed)
        self._region.boots = region.boots
        if region.torn_unit >= 0:
            self._region.programmed[region.torn_unit] = 1
        inner = Sweep(Second(self.story, self._ledger_type), self.unit, 1, self._ledger_type)
        self._region.on_point = inner.on_point
        try:
            inner.story.tell(self._region)
        except StorageFault as fault:
            inner.found.append([inner.points, "recovery", "the region refused: " + str(fault)])
        self.points += inner.points
        self.judged += inner.judged
        self.found.extend([self.outer] + entry for entry in inner.found)


class Second:
    """The life after the first cut: it recovers, credits twice, writes on; its promises are added to the first ones."""

    def __init__(self, first, ledger_type):
        self._first = first
        self._ledger_type = ledger_type
        self.promised = first.promised
        self.promised_chain = first.promised_chain
        self.appended = max(first.appended, 1)
        self.promised_reading = first.promised_reading
        self.appended_reading = first.appended_reading
        self._sums = {}

    def sums_at(self, sequence):
        """From the second life where it has got to, else from the first."""
        if sequence in self._sums:
            return self._sums[sequence]
        return self._first.sums_at(sequence)

    def tell(self, region):
        from firmware.ledger import record_kinds as kinds

        ledger = ledger_on(region, self._ledger_type)
        self._promise(ledger)
        before = self.sums_at(ledger.sequence)
        self.appended = begin_life(ledger, region)
        self._sums[self.appended] = before
        for account in (1, 2):
            row = ledger.accounts.row_of(account)
            if row < 0:
                continue
            sums, numbers = self.sums_at(ledger.journal.sequence)
            sums, numbers = list(sums), list(numbers)
            sums[account - 1] += 3
            numbers[account - 1] += 1
            self.appended = ledger.journal.sequence + 1
            self._sums[self.appended] = (tuple(sums), tuple(numbers))
            self.appended_reading = ledger.readings.last_number + 1
            add_reading(ledger, self.appended_reading)
            total = ledger.accounts.get(row, "total_0") + 3
            ledger.record(kinds.CREDIT, (account, 1, numbers[account - 1], 3, total))
            ledger.commit()
            self._promise(ledger)

    def _promise(self, ledger):
        self.promised = ledger.sequence
        self.promised_reading = ledger.readings.last_number
        self.promised_chain = ledger.chain
        self._sums[self.promised] = self.sums_at(self.promised)


class _Forgetful:
    """The region as a journal sees it that lacks one sync: the first (at the start) or all others (at commits)."""

    def __init__(self, region, skips_first):
        self.size, self.erase_size, self.program_unit = region.size, region.erase_size, region.program_unit
        self.read_into, self.program, self.erase = region.read_into, region.program, region.erase
        self._region = region
        self._skips_first = skips_first
        self._first = True

    def sync(self):
        if self._first != self._skips_first:
            self._region.sync()
        self._first = False


class LacksSyncAtOpen(Ledger):
    """The firmware without the sync before its replay."""

    def open(self, boot_count, firmware, observe=None):
        self.journal.region = _Forgetful(self.journal.region, True)
        Ledger.open(self, boot_count, firmware, observe)


class LacksSyncAtCommit(Ledger):
    """The firmware without the sync at the end of a step."""

    def open(self, boot_count, firmware, observe=None):
        self.journal.region = _Forgetful(self.journal.region, False)
        Ledger.open(self, boot_count, firmware, observe)


class LeavesNoUnits(Ledger):
    """The firmware that begins a life just behind the last record, whatever the lives between them have touched."""

    units_left = 0

    def open(self, boot_count, firmware, observe=None):
        journal = self.journal
        passed_over = journal.begin_life

        def begin_life(lives):
            passed_over(lives)
            if 1 <= lives <= LIVES_PASSED_OVER_MAX and journal.ring:
                journal._at -= (lives - self.units_left) * journal._unit

        journal.begin_life = begin_life
        Ledger.open(self, boot_count, firmware, observe)


class LeavesOneUnit(LeavesNoUnits):
    """The firmware that leaves one, however many lives were lost: only a second cut tells."""

    units_left = 1


MUTANTS = {"open": LacksSyncAtOpen, "commit": LacksSyncAtCommit, "units": LeavesNoUnits, "one": LeavesOneUnit}


def sweep(unit, what, mutant=None):
    """Run one sweep; a dict of numbers and what was found."""
    ledger_type = MUTANTS.get(mutant, Ledger)
    region = region_for(unit)
    story = Story(region, RECORDS[unit][what not in WHOLE], ledger_type)
    if mutant == "region":
        region.sync_works = False
    if what == "recovery":
        sweeper = RecoverySweep(story, unit, OUTER_STRIDES[unit], ledger_type)
    else:
        sweeper = Sweep(story, unit, WHOLE.get(what, 1), ledger_type)
    began = time.time()
    region.on_point = sweeper.on_point
    story.tell()
    return {
        "unit": unit,
        "what": what,
        "points": sweeper.points,
        "judged": sweeper.judged,
        "found": sweeper.found,
        "records": story.ledger.sequence,
        "snapshots": story.snapshots,
        "full": story.full,
        "oldest": story.ledger.journal.first_sequence,
        "seconds": int(time.time() - began),
    }


if __name__ == "__main__":
    print(json.dumps(sweep(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)))
