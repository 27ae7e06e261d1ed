"""Which life follows which: main.live chooses the usual one or safe mode, and one good life ends it all. Both interpreters."""

import json
import os

from firmware import boot, main
from firmware.base import aio
from firmware.gateway import Gateway
from tests.fake_board import FakeBoard, World
from tests.kit import eq
from tests.safe_kit import cut, dark, hearing


class Resets(FakeBoard):
    """A board that can begin a new life by itself, and says why it did."""

    def __init__(self, world, cause):
        FakeBoard.__init__(self, world)
        self.reset_cause = cause
        self.resets = 0

    def reset(self):
        self.resets += 1


def life(world, cause=2, seconds=60, at_the_end=None):
    """main.live for so long -> "broke", "reset", "lives", and what the console said first."""
    world.console.lines, world.console_streams = [], False
    world.console.keep = True
    told = []

    async def story():
        for meter in world.meters:
            meter.begin_again()
        board = Resets(world, cause)
        task = aio.create_task(main.live(board))
        for _ in range(seconds * 10):
            await aio.sleep_ms(100)
            if task.done():
                break
        if not task.done():
            told.append("lives")
            await aio.cancel(task)
            return
        try:
            await task
            told.append("reset" if board.resets else "ended")
        except ValueError:
            told.append("broke")

    aio.run_virtual(story, 0, 500_000_000)
    said = [json.loads(line) for line in world.console.lines]
    return told[0], [row["boot"].get("mode", "usual") for row in said if "boot" in row]


def poisoned(world):
    """From now on each reading raises, until poison.end()."""
    usual = Gateway.on_reading

    def on_reading(hall, reading):
        raise ValueError("a poisoned price")

    Gateway.on_reading = on_reading
    return usual


def test_three_lives_that_break_lead_to_safe_mode_and_one_good_one_out_of_it():
    world = World(poll_period_s=60)
    cut(world)
    uplink = hearing(world)
    usual = poisoned(world)
    trips = len(world.meters[0].orders)
    try:
        eq([life(world)[0] for _ in range(3)], ["broke"] * 3)
        eq((len(world.meters[0].orders), dark(world)), (trips, True), "supply stays as it is")
        eq(life(world, cause=1), ("lives", ["safe"]))
        eq(uplink.reports[-1][6], "task bus: ValueError: a poisoned price")
        eq(life(world, 1, 1_000), ("reset", ["safe"]), "by itself, after its time")
        eq(life(world), ("broke", ["usual"]), "one try")
        eq(life(world), ("lives", ["safe"]), "straight back")
        eq(uplink.reports[-1][8], 1)
    finally:
        Gateway.on_reading = usual
    boot.excused(world.root, boot.LIVES_THAT_BREAK - 1)  # its next try
    eq(life(world, 2, 920), ("lives", ["usual"]))
    eq((boot.broken(world.root), "safe_mode" in os.listdir(world.root)), (0, False), "sound: all is forgotten")


def test_brown_outs_never_lead_to_safe_mode_and_a_start_that_hangs_does():
    world = World()
    eq([life(world, 1, 5) for _ in range(5)], [("lives", ["usual"])] * 5)
    boot.begin(world.root, 1)
    for _ in range(2):
        boot.begin(world.root, 3)
    uplink = hearing(world)
    eq(life(world, 3, 5), ("lives", ["safe"]))
    eq(uplink.reports[-1][6], "the watchdog: the firmware did not answer any more")
    boot.sound(world.root)
    for cause in (1, 5, 5):
        boot.begin(world.root, cause)
    os.remove(world.root + "/safe_mode")
    eq((life(world, 5, 5), uplink.reports[-1][6]), (("lives", ["safe"]), "a crash that left no word"))


def test_a_document_whose_reader_breaks_counts_as_a_life_and_wrong_settings_do_not():
    world = World()
    usual = main.Documents.load

    def load(documents, tariffs, policies):
        raise ValueError("a bug in the reader")

    main.Documents.load = load
    try:
        eq([life(world)[0] for _ in range(3)], ["broke"] * 3)
    finally:
        main.Documents.load = usual
    eq(life(world, 2, 5), ("lives", ["safe"]))
