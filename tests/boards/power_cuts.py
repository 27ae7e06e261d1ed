"""Cuts the short story of tests/boards/on_board/power_story.py where it is told to, and judges what is left on the flash.

The judge is the independent journal reader: it adds up money from the records itself, and asks of the firmware's later life
only that it found and kept the same. A point is the number of a byte operation of the flash: the machine ends with it.
"""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.emulator.flash_file import PARTS, Operation
from host_tools.emulator.machine import CUT_EXIT
from host_tools.journal_reader import JournalImage, read_region
from tests.boards.board_kit import ANSWER_S, BoardAtPrompt

REGION_BYTES, JOURNAL_BYTES = 96 * 1024, 64 * 1024  # tests/fake_board.py
ERASE_SIZE, PROGRAM_UNIT = 4096, 1
TOTALS = {1: 20_000_000, 2: 25_000_000, 3: 400_000}  # of the credits, by number
RELAY_OPEN = 0x10
ON, OFF = 0, 1
WISH_OF_VERDICT = {1: OFF, 2: ON, 5: ON}
PRICE = 5_500
IMPORT = "from tests.boards.on_board import power_story"
HEAP_KB = 256


@dataclass
class Told:
    """What the outside world saw of a life."""

    register: int = 0
    relay: int = 0
    sent: int = 0
    promised_credits: int = 0  # sent, and a promise came behind
    kept: dict[int, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def hear(self, text: str) -> "Told":
        """Whole lines only: the last one may be torn."""
        for line in text.replace("\r", "").split("\n")[:-1]:
            self.lines.append(line)
            name, _, rest = line.partition(" ")
            if name == "meter":
                self.register = int(rest)
            elif name == "relay":
                self.relay = int(rest)
            elif name == "sent":
                self.sent = max(self.sent, int(rest))
            elif name == "kept":
                sequence, chain = rest.split()
                self.kept[int(sequence)] = chain
                self.promised_credits = self.sent
        return self

    def words(self, name: str) -> list[str]:
        """Of the last line that begins so."""
        return next(line.split()[1:] for line in reversed(self.lines) if line.startswith(name + " "))


def fold(image: JournalImage) -> tuple[int, int, list[int]]:
    """Records -> (balance, wish, credit numbers in order), added up here."""
    credits = [record for record in image.records if record.name == "CREDIT"]
    charges = [record.number("amount_ucu") for record in image.records if record.name == "CHARGE"]
    wish = ON
    for record in image.records:
        if record.name == "DECISION":
            wish = WISH_OF_VERDICT.get(record.number("verdict"), wish)
    return sum(record.number("amount_ucu") for record in credits) - sum(charges), wish, [record.number("number") for record in credits]


def energy_trouble(image: JournalImage) -> str:
    """A sentence when the charges do not follow each other, register by register, at the price."""
    at = None
    for record in image.records:
        if record.name != "CHARGE":
            continue
        begin, end = record.number("from_cwh"), record.number("to_cwh")
        if at is not None and begin != at:
            return f"charge {record.sequence} begins at {begin}, the one before ended at {at}"
        if record.number("amount_ucu") != (end - begin) * PRICE:
            return f"charge {record.sequence} is not energy x price"
        at = end
    return ""


class PowerCuts:
    """One prepared board; `cut(point)` and `kill(seconds)` play the story on it and raise AssertionError with what is wrong."""

    def __init__(self, folder: Path, image: bytes, mutant: str = "") -> None:
        self._mutant = mutant  # a line of code that breaks the firmware before the story
        self.board = BoardAtPrompt(folder, image, heap_kb=HEAP_KB, torn=1)
        self._region = folder / "region.bin"
        prompt = self.board.start()
        self.prepared = Told().hear(prompt.run(f"{IMPORT}\npower_story.prepare()"))
        self.board.stop()
        self._golden = {part: self.board.flash.read(part) for part in ("files", "journal")}

    def operations(self) -> list[Operation]:
        """The story, uncut: every program and erase in it."""
        self._lay_out()
        prompt = self.board.start(log=1)
        told = Told().hear(prompt.run(self._story()))
        self.board.stop()
        assert told.lines[-1] == "end" and told.sent == 3 and told.relay & RELAY_OPEN, told.lines
        return self.board.flash.operations()

    def cut(self, point: int) -> None:
        """The power goes with byte operation `point`; a later life is judged, too."""
        self._lay_out()
        prompt = self.board.start(cut_after=point)
        prompt.begin(self._story())
        said = prompt.rest()
        code = self.board.wait_for_cut()
        assert code == CUT_EXIT, f"exit code {code}: {said[-500:]}"
        self.board.stop()
        self._judge(said)

    def kill(self, seconds: float) -> None:
        """kill -9 so long after the story has begun, at whatever instruction the board is then."""
        self._lay_out()
        prompt = self.board.start()
        prompt.begin(self._story())
        time.sleep(seconds)
        self.board.machine.cut_power()
        said = prompt.rest()
        self.board.stop()
        self._judge(said)

    def after_the_end(self) -> None:
        """The power goes when the story is over."""
        self._lay_out()
        said = self.board.start().run(self._story())
        self.board.stop()
        self._judge(said)

    def _lay_out(self) -> None:
        for part, data in self._golden.items():
            self.board.flash.write(part, data)

    def _story(self) -> str:
        return f"{self._mutant}\n{IMPORT}\npower_story.story({self.prepared.register})"

    def read(self) -> JournalImage:
        """The journal as it stands on the flash."""
        offset, _ = PARTS["journal"]
        with self.board.flash.path.open("rb") as flash:
            flash.seek(offset)
            self._region.write_bytes(flash.read(REGION_BYTES))
        return read_region(self._region, ERASE_SIZE, PROGRAM_UNIT, JOURNAL_BYTES)

    def _judge(self, said: str) -> None:
        told = Told(register=self.prepared.register, kept=dict(self.prepared.kept), sent=1).hear(said)
        left = self.read()
        trouble = promises_trouble(left, told)
        assert not trouble, trouble
        balance, wish, _ = fold(left)
        sent = told.sent
        prompt = self.board.start()
        later = Told(told.register, told.relay).hear(
            prompt.run(f"{IMPORT}\npower_story.recover({told.register}, {told.relay}, {sent})", ANSWER_S)
        )
        self.board.stop()
        sequence, sound, found_balance, found_wish = later.words("found")
        assert sound == "True", f"the later life does not trust its journal: {later.lines[:3]}"
        assert int(sequence) >= left.records[-1].sequence, "the later life lost records that the reader sees"
        assert (int(found_balance), int(found_wish)) == (balance, wish), f"found {later.words('found')}, reader {balance} {wish}"
        assert int(later.words("credits")[0]) == TOTALS[sent]
        end = self.read()
        trouble = promises_trouble(end, later) or promises_trouble(end, told) or energy_trouble(end)
        assert not trouble, trouble
        balance, wish, numbers = fold(end)
        assert numbers == list(range(1, sent + 1)), f"credits in the journal: {numbers}"
        left_balance, left_wish, status = map(int, later.words("left"))
        assert (left_balance, left_wish) == (balance, wish)
        assert bool(status & RELAY_OPEN) == (wish == OFF), f"wish {wish}, relay {status:#x}"


def promises_trouble(image: JournalImage, told: Told) -> str:
    """A sentence when the journal is not sound or lacks what somebody was shown."""
    if not image.sound:
        return f"the reader finds the journal not sound: {image.corrupt} {image.chain}"
    chains = {record.sequence: record.chain.hex() for record in image.records}
    for sequence, chain in told.kept.items():
        if chains.get(sequence) != chain:
            return f"record {sequence} was promised with chain {chain}, the journal has {chains.get(sequence)}"
    numbers = [record.number("number") for record in image.records if record.name == "CREDIT"]
    if missing := set(range(1, told.promised_credits + 1)) - set(numbers):
        return f"credits {sorted(missing)} were promised and are not in the journal"
    if told.relay & RELAY_OPEN and not any(r.name == "DECISION" and r.number("verdict") == 1 for r in image.records):
        return "the relay was opened, and the journal knows of no decision"
    return ""


def points_of(operations: list[Operation]) -> list[int]:
    """The first, a middle and the last byte operation of each program and erase, in order."""
    return sorted({point for one in operations for point in (one.first, (one.first + one.last) // 2, one.last)})


def spread(points: list[int], count: int, seed: int) -> list[int]:
    """At most `count` of them: drawn anew for each seed, the first and last always."""
    if len(points) <= count:
        return points
    return sorted({points[0], points[-1], *random.Random(seed).sample(points[1:-1], count - 2)})
