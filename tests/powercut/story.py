"""The story whose every byte operation is cut: 60 credits and charges, snapshots, pruning, a region that fills (design 9).

Runs on both interpreters. `Story` tells it to a live ledger and keeps its own running sums; `Witness` opens an image that a
cut left behind and says what is wrong with it, or nothing. The sums are added up here, never taken from the ledger.
"""

from firmware.base.faults import Refused
from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import Ledger
from tests.nor_ram import RamRegion

ACCOUNTS = 2
METER = b"\x01\x02\x03\x04\x05\x06"
PRICE = 5_000
DAY = 20_454  # a first day of a month
READINGS_BLOCKS = 3
READINGS_HELD_MIN = 5  # entries of one block, each padded to a whole unit: the ring drops whole blocks, the oldest first
ROUNDS_MAX = 20  # of acknowledgement and housekeeping, until a full journal must have room again
# unit -> (erase size, blocks of the journal): small enough that 60 records turn the ring
SHAPES = {1: (768, 11), 32: (768, 11), 256: (1536, 11)}
LIMITS = Limits(accounts_max=ACCOUNTS, journal_credit_reserve_blocks=1, snapshot_rows_per_tick=2, readings_gap_min=1000)


def stamp():
    return 1_800_000_000, 3


def region_for(unit):
    """A blank region of the story's shape."""
    erase_size, blocks = SHAPES[unit]
    return RamRegion((blocks + READINGS_BLOCKS) * erase_size, erase_size, unit)


def ledger_on(region, ledger_type=Ledger):
    """A ledger on the region, opened: one more boot."""
    ledger = ledger_type(region, region.size - READINGS_BLOCKS * region.erase_size, LIMITS, stamp)
    region.boots += 1
    ledger.open(region.boots, 256)
    return ledger


def begin_life(ledger, region):
    """The first record of each life, as the hall writes it."""
    return ledger.record(kinds.BOOT, (region.boots, 0, 256))


def add_reading(ledger, number):
    """The reading that must get this number: its register tells it again."""
    return ledger.add_reading(1, 1_800_000_000 + number, 3, 0, [number * 7, None, None, None, None], None, 0)


class Story:
    """Tell `records` credits and charges; `sums[sequence]` are the balances after that record, by our own addition."""

    def __init__(self, region, records=60, ledger_type=Ledger):
        self.records = records
        self.sums = {0: (0,) * ACCOUNTS, 1: (0,) * ACCOUNTS}
        self.numbers = {0: (0,) * ACCOUNTS, 1: (0,) * ACCOUNTS}
        self.promised = 0  # newest sequence whose commit returned
        self.promised_chain = bytes(8)
        self.appended = 0
        self.promised_reading = self.appended_reading = 0
        self.full = 0  # times the region was full
        self.snapshots = 0
        self.first_sequence = 1
        self._balances = [0] * ACCOUNTS
        self._credits = [0] * ACCOUNTS
        self._charged = [0] * ACCOUNTS
        self._totals = [0] * ACCOUNTS
        self._registers = [0] * ACCOUNTS
        self._region = region
        self._ledger_type = ledger_type
        self.ledger = None

    def tell(self):
        """The whole story; on_point of the region sees each byte of it."""
        self.appended = 1  # the EPOCH of a first life
        self.ledger = ledger_on(self._region, self._ledger_type)
        self._note()
        self._promise()
        self.appended = 2
        begin_life(self.ledger, self._region)
        self._note()
        for index in range(ACCOUNTS):
            self._record(kinds.SEGMENT, (index + 1, METER, 0, 0, 0, 0, 0, 0))
        self._promise_after_commit()
        told = 0
        while told < self.records:
            told += self._next(told)
            self._housekeep(told)
        self.first_sequence = self.ledger.journal.first_sequence

    def _next(self, told):
        index = told % ACCOUNTS
        if told % 3 == 0:
            self._credit(index, 1_000_000 + told)
            self._promise_after_commit()
            return 1
        try:
            self._charge(index, 10 + told)
        except Refused:
            self.full += 1
            self._ack()
            return 0
        if told % 5 == 0:
            self._credit(1 - index, 7)  # two records in one step
        if told % 2 == 0:
            self.appended_reading += 1
            add_reading(self.ledger, self.appended_reading)
        self._promise_after_commit()
        return 1

    def _housekeep(self, told):
        whole = self.ledger.snapshot.whole
        self.appended = self.ledger.journal.sequence + 64  # a snapshot piece appends several records
        self.ledger.on_tick()
        self.appended = self.ledger.journal.sequence
        self._note()
        self._promise()
        self.snapshots += self.ledger.snapshot.whole != whole
        if self.full and told % 4 == 0:
            self._ack()

    def _ack(self):
        ledger = self.ledger
        self.appended = ledger.journal.sequence + 64
        ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0)
        while ledger.snapshot.begun:
            ledger.on_tick()
        self.appended = ledger.journal.sequence
        self._note()
        self._promise()

    def _credit(self, index, amount):
        self._credits[index] += 1
        self._totals[index] += amount
        self._balances[index] += amount
        self._record(kinds.CREDIT, (index + 1, 1, self._credits[index], amount, self._totals[index]))

    def _charge(self, index, energy_cwh):
        if not self.ledger.may_record(kinds.ORDINARY):
            raise Refused("full")
        amount = energy_cwh * PRICE
        before = self._registers[index]
        self._registers[index] += energy_cwh
        self._charged[index] += amount
        self._balances[index] -= amount
        values = (index + 1, METER, 0, before, before + energy_cwh, 1_800_000_000, 1, 1, PRICE, amount, self._charged[index])
        values += (4, 0)
        if index % 2:  # the longer form: this account has a position behind its row
            values += (DAY, DAY, DAY, self._registers[index], 1, 0)
        self._record(kinds.CHARGE, values)

    def _record(self, kind, values):
        sequence = self.ledger.journal.sequence + 1
        self.sums[sequence] = tuple(self._balances)
        self.numbers[sequence] = tuple(self._credits)
        self.appended = sequence
        self.ledger.record(kind, values)

    def _note(self):
        """Records that change no balance: snapshots and acknowledgements."""
        for sequence in range(self.ledger.journal.sequence, 0, -1):
            if sequence in self.sums:
                break
            self.sums[sequence] = tuple(self._balances)
            self.numbers[sequence] = tuple(self._credits)

    def sums_at(self, sequence):
        """Balances after a record, also of one whose housekeeping is under way."""
        while sequence not in self.sums:
            sequence -= 1
        return self.sums[sequence], self.numbers[sequence]

    def _promise_after_commit(self):
        self.ledger.commit()
        self._promise()

    def _promise(self):
        self.promised = self.ledger.sequence
        self.promised_reading = self.ledger.readings.last_number
        self.promised_chain = self.ledger.chain


class Witness:
    """Judges images against the story as told so far; one region serves for all of them."""

    def __init__(self, story, unit, ledger_type=Ledger):
        self.story = story
        self.region = region_for(unit)
        self._ledger_type = ledger_type
        self.goes_on = True  # a further life is led on the image, too: dear, so not everywhere

    def wrong(self, boots, flash, programmed, stable=None, stable_programmed=None):
        """A sentence, or None when the image holds every promise. With a stable image, the process died first and the
        power goes after the first opening: what was shown by then must be there for ever."""
        self.region.load(flash, programmed, stable, stable_programmed)
        self.region.boots = boots
        ledger = ledger_on(self.region, self._ledger_type)
        trouble = self.state_trouble(ledger, self.story.promised, self.story.promised_chain)
        if trouble or stable is None:
            return trouble or (self._life_goes_on(ledger) if self.goes_on else None)
        shown, chain = ledger.sequence, ledger.chain
        self.region.cut_power()
        return self.state_trouble(ledger_on(self.region, self._ledger_type), shown, chain)

    def state_trouble(self, ledger, promised, chain):
        """A sentence when the ledger does not hold what was promised."""
        story = self.story
        sequence = ledger.sequence
        if sequence < promised:
            return "lost: %d of %d promised" % (sequence, promised)
        if sequence > max(story.appended, 1):
            return "invented: %d of %d" % (sequence, story.appended)
        if promised and ledger.journal.chain_at(promised) != chain:
            return "history before %d is another one" % promised
        if not ledger.sound:
            return "not sound: %r, damage %r" % (ledger.troubles, ledger.journal.damage)
        sums, _ = story.sums_at(sequence)
        return self.sums_trouble(ledger, sums) or readings_trouble(ledger, story.promised_reading, story.appended_reading)

    def sums_trouble(self, ledger, sums):
        """A sentence when a balance is not the one that was added up."""
        for index in range(ACCOUNTS):
            row = ledger.accounts.row_of(index + 1)
            balance = ledger.accounts.balance_ucu(row) if row >= 0 else 0
            if balance != sums[index]:
                return "balance of %d is %d, added up it is %d" % (index + 1, balance, sums[index])
            if row >= 0 and index % 2:
                charged = ledger.accounts.get(row, "total_charged_ucu")
                wanted = (DAY, DAY, DAY, ledger.accounts.charged_cwh(row, 0), charged) if charged else (0, 0, 0, 0, 0)
                if ledger.accounts.positions.get(row) != wanted:
                    return "position of %d is %s, it should be %s" % (index + 1, ledger.accounts.positions.get(row), wanted)
        return None

    def _life_goes_on(self, ledger):
        """One more credit must get the next sequence and survive; what was torn stays sealed."""
        sums, numbers = self.story.sums_at(ledger.sequence)
        begin_life(ledger, self.region)
        if not ledger.may_record(kinds.CREDIT_CLASS):
            trouble = self._make_room(ledger)
            if trouble:
                return trouble
        if ledger.accounts.row_of(1) < 0:
            ledger.record(kinds.SEGMENT, (1, METER, 0, 0, 0, 0, 0, 0))
        sequence = ledger.journal.sequence
        row = ledger.accounts.row_of(1)
        total = ledger.accounts.get(row, "total_0") + 1
        if ledger.record(kinds.CREDIT, (1, 1, numbers[0] + 1, 1, total)) != sequence + 1:
            return "sequence after %d is not the next" % sequence
        number = ledger.readings.last_number + 1
        add_reading(ledger, number)
        ledger.commit()
        again = ledger_on(self.region, self._ledger_type)
        if again.sequence != sequence + 1 or again.chain != ledger.chain:
            return "after going on: sequence %d, not %d" % (again.sequence, sequence + 1)
        if not again.sound:
            return "after going on not sound: %r, damage %r" % (again.troubles, again.journal.damage)
        return self.sums_trouble(again, (sums[0] + 1,) + sums[1:]) or readings_trouble(again, number, number)

    def _make_room(self, ledger):
        """A full journal must come free by what the head-end and the ledger's own housekeeping do, and by nothing else."""
        ledger.commit()
        for _ in range(ROUNDS_MAX):
            ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0)
            ledger.on_tick()
            if ledger.may_record(kinds.CREDIT_CLASS):
                return None
        return "full for ever: %d blocks free" % ledger.journal.free_blocks


def readings_trouble(ledger, promised, appended):
    """A sentence when readings are lost, invented, missing in between or other than they were."""
    last, oldest = ledger.readings.last_number, ledger.readings.oldest_number
    if not promised <= last <= appended:
        return "readings up to %d: %d promised, %d taken" % (last, promised, appended)
    if last - oldest + 1 < min(last, READINGS_HELD_MIN):
        return "readings %d to %d are all that is left" % (oldest, last)
    number = oldest
    while number <= last:
        for reading in ledger.outbox.readings_from(number, 1_000):
            if (reading[0], reading[2], reading[5][0]) != (number, 1_800_000_000 + number, number * 7):
                return "reading %d is another one: %r" % (number, reading)
            number += 1
        if number <= last and not ledger.outbox.readings_from(number, 1_000):
            return "reading %d is missing" % number
    return None
