"""Cut the story of the hall at every flash operation, and once more in the life that recovers; one line of JSON.

usage: micropython -m tests.powercut.hall_sweep once [MUTANT]
       micropython -m tests.powercut.hall_sweep carried [MUTANT]  a shorter story, of an account that is given away and comes back
       micropython -m tests.powercut.hall_sweep twice EVERY      the recovery from one of EVERY images is cut, too

Each program is cut at its first, a middle and its last byte, each erase likewise, each sync before it is done; two images each:
what went before and a torn piece of the operation, and what was synced and a torn piece. From each a new life goes on with the step
that was under way, to the end: it must end as the life that nobody cut. MUTANT breaks the hall: then something must be found.
"""

import gc
import json
import sys

from firmware.base.faults import StorageFault
from firmware.ledger.block import is_blank
from tests import fake_board
from tests.hall_kit import alone
from tests.powercut import hall_story as story

FOUND_MAX = 3
AGAIN_STEPS = 2  # that a life which is to be cut again tells


class Image:
    """What a cut left: the flash, and where the world outside was."""

    def __init__(self, world, step, flash, programmed):
        self.flash, self.programmed = bytes(flash), bytes(programmed)
        self.step, self.boots, self.at_s = step, world.boots, world.rtc.at_s

    def put(self, world):
        world.region.load(self.flash, self.programmed)
        world.boots, world.rtc.at_s = self.boots, self.at_s


class Sweep:
    """`images` of one life, told from `first` on for `steps` steps."""

    make_image = Image

    def __init__(self, world):
        self.world = world
        self.images = []
        self.step = 0
        self._last = None

    def tell(self, first, steps):
        """Tell steps, keeping what a cut at each operation would leave -> (books, trouble) at the end."""
        told = []
        region = self.world.region

        def script(world):
            self.step = first
            for step in range(first, min(first + steps, len(story.STEPS))):
                self.step = step
                story.STEPS[step](world)
            told.append(story.books(world))
            told.append(story.trouble(world))

        region.on_cut = self._keep
        try:
            alone(self.world, script)
        finally:
            region.on_cut = None
        return told

    def _keep(self, region, torn):
        unit = region.torn_unit
        for left, units, all_of_it in ((region.flash, region.programmed, True), (region.stable, region.stable_programmed, False)):
            flash, programmed = bytearray(left), bytearray(units)
            torn(flash, len(self.images))
            # flash takes its operations in order: a medium that forgot those before has not begun this one, unless it shows
            if unit >= 0 and (all_of_it or not is_blank(flash, unit * region.program_unit, (unit + 1) * region.program_unit)):
                programmed[unit] = 1
            if flash != self._last:
                self.images.append(self.make_image(self.world, self.step, flash, programmed))
            self._last = flash


def end_of(world, image):
    """The rest of the story from an image -> (books, trouble)."""
    image.put(world)
    quiet = Sweep(world)
    quiet._keep = lambda region, torn: None
    return quiet.tell(image.step, len(story.STEPS))


def judge(world, image, wanted):
    """A sentence when the life from this image does not end as it should."""
    try:
        books, trouble = end_of(world, image)
    except StorageFault as fault:
        return "the region refused: " + str(fault)
    return trouble or (None if books == wanted else "ends as %r, not as %r" % (books, wanted))


def main(how, choice=None):
    """Sweep and tell."""
    fake_board.ROOT = "hall_sweep_" + how + "_" + (choice or "")  # several run at once
    every = int(choice) if how == "twice" else 0
    first_step = 0
    if how == "carried":
        story.STEPS = story.CARRIED_STEPS
    if choice and not every:
        breaks, first_step = MUTANTS[choice]
        breaks()
    world = story.new_world()
    outer = Sweep(world)
    wanted, trouble = outer.tell(0, len(story.STEPS))
    told = {"how": how, "operations": world.region.operations, "images": len(outer.images), "again": 0, "found": []}
    if trouble:
        told["found"].append(["uncut", trouble])
    for number, image in enumerate(outer.images):
        if len(told["found"]) >= (1 if first_step else FOUND_MAX):
            break
        if image.step < first_step:
            continue
        if every:
            if number % every == 0:
                again(world, image, wanted, told, number)
            continue
        trouble = judge(world, image, wanted)
        if trouble:
            told["found"].append([number, image.step, trouble])
    print(json.dumps(told))


def again(world, image, wanted, told, number):
    """Recover from an image and cut that life everywhere."""
    image.put(world)
    inner = Sweep(world)
    inner.tell(image.step, AGAIN_STEPS)
    told["again"] += len(inner.images)
    for place, second in enumerate(inner.images):
        trouble = judge(world, second, wanted)
        if trouble:
            told["found"].append([number, place, second.step, trouble])
            break
    del inner
    gc.collect()


def _credit_before_its_record():
    """The credit is acknowledged before it is durable: no sync behind it."""
    from firmware.ledger.ledger_store import Ledger

    Ledger.commit = lambda self: None


def _visit_forgotten():
    """A restart does not know that a visit was ordered in this episode."""
    from firmware.ledger.accounts import Accounts

    Accounts._on_visit = lambda self, values, at_s: None


def _not_kept_behind_snapshot():
    """The ends of exemptions and the debts are not written again behind a snapshot, and what is older than it goes."""
    from firmware import gateway
    from firmware.ledger.ledger_store import Ledger

    opened = Ledger.open

    def open_pruned(self, *arguments):
        opened(self, *arguments)
        accounts = self.accounts
        for kept in (accounts.exempt_until, accounts.debts):
            for account in list(kept):
                if kept[account][-1] < self.snapshot.whole:
                    del kept[account]

    gateway.keep_behind_snapshot = lambda ledger: None
    Ledger.open = open_pruned


def _emergency_each_life():
    """The emergency credit of an episode is given again after a restart."""
    from firmware.ledger.accounts import Accounts

    Accounts._on_emergency = lambda self, values, at_s: None


def _credit_not_looked_at():
    """A restart forgets that a credit to an account with a debt was not looked at yet."""
    from firmware.ledger.ledger_store import Ledger

    opened = Ledger.open

    def open_and_forget(self, *arguments):
        opened(self, *arguments)
        self.accounts.unrecovered.clear()

    Ledger.open = open_and_forget


def _carried_without_its_debt():
    """An account that comes from another gateway has its debt until the next restart."""
    from firmware.ledger import accounts

    carry = accounts._carry

    def carry_less(table, values, sequence):
        carry(table, values, sequence)
        if not table.lives:
            table.debts.pop(values[0], None)

    opened = accounts.Accounts.__init__

    def open_dead(self, capacity):
        opened(self, capacity)
        self.lives = False

    from firmware.gateway import Gateway

    begun = Gateway.begin

    def begin(self, *arguments):
        self.ledger.accounts.lives = True
        begun(self, *arguments)

    accounts._carry, accounts.Accounts.__init__, Gateway.begin = carry_less, open_dead, begin


# what is broken, and the step before which it shows in nothing
MUTANTS = {
    "no_commit": (_credit_before_its_record, 1),
    "visit": (_visit_forgotten, 7),
    "emergency": (_emergency_each_life, 7),
    "kept": (_not_kept_behind_snapshot, 11),
    "recovery": (_credit_not_looked_at, 14),
    "debt": (_carried_without_its_debt, 7),
}


if __name__ == "__main__":
    main(*sys.argv[1:])
