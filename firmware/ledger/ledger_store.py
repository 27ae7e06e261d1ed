"""The ledger: journal, accounts, outbox, readings and their housekeeping as one object (design section 4; SPEC 1-4).

record() appends and folds, commit() makes durable. When a snapshot is due, when a block may go and what a restored gateway
takes over from the head-end is decided here.

Traps avoided: an acknowledgement is itself a record, so one that confirms only acknowledgements is not journalled (the two
sides would talk for ever); the last blocks are kept for acknowledgements and one snapshot, without which nothing could ever
be released again.
"""

from firmware.base.faults import BadInput, Refused, StorageFault
from firmware.base.port import const
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import BONDED_ROW_SIZE, LONGEST_ROW_SIZE, POSITION_SIZE, ROW_SIZE
from firmware.ledger.accounts import Accounts
from firmware.ledger.journal_store import Journal
from firmware.ledger.outbox import Outbox
from firmware.ledger.readings_store import NOBODY, Readings
from firmware.ledger.record import LENGTH_MAX, size_of
from firmware.ledger.record_kinds import BOOKS, CREDIT_CLASS, ORDINARY
from firmware.ledger.snapshot import Snapshot

AGREES = const(0)  # compare()
BEHIND = const(1)  # the head-end holds more than we have
FORK = const(2)  # same sequence, other history
UNKNOWN = const(3)  # so old that we no longer hold it
_SNAPSHOT_BLOCKS_MIN = const(2)  # of the smallest: its first record may end one block, its last begin another

__all__ = ("AGREES", "BEHIND", "FORK", "UNKNOWN", "BOOKS", "CREDIT_CLASS", "ORDINARY", "Ledger")

_ACKED = kinds.ACKED  # looked up for each record of a replay
_HOUSEKEEPING = (
    kinds.EPOCH, kinds.BOOT, kinds.SNAPSHOT_BEGIN, kinds.SNAPSHOT_ROW, kinds.SNAPSHOT_END, kinds.SEGMENT, kinds.READINGS_GAP, kinds.ACKED,
)  # fmt: skip


def _nothing():
    """Nobody waits for the replay."""


class Ledger:
    """Ledger(region, journal_bytes, limits, clock_fn): the first journal_bytes are the journal, the rest the readings."""

    def __init__(self, region, journal_bytes, limits, clock_fn):
        self._region = region
        self._limits = limits
        self._clock_fn = clock_fn
        self.accounts = Accounts(limits.accounts_max)
        self.journal = Journal(region, 0, journal_bytes, limits)
        self.readings = Readings(region, journal_bytes, region.size - journal_bytes, limits)
        self.outbox = Outbox(self.journal, self.readings, self.accounts)
        self.snapshot = Snapshot(self.accounts)
        self._observe = None
        self._last_news = 0  # newest record that is no ACKED
        self._journalled_ack = 0
        self._journalled_readings = 0
        self._gap_told = 0  # readings up to here are journalled as dropped
        self._last_boot = 0  # boot count of the last life that the journal tells of
        self._given_at = 0  # EPOCH given by the head-end

    # start

    def open(self, boot_count, firmware, observe=None, progress=_nothing):
        """Replay the journal, find the readings; write EPOCH 1 in a first life. observe(kind, values, sequence, at_s, quality);
        progress() is called after each piece of bounded work."""
        self._observe = observe
        self.journal.open(self._fold, self._on_gap, progress)
        self._observe = None
        self._release()
        self.journal.begin_life(boot_count - self._last_boot)
        self.journal.judge()
        self.readings.open(progress)
        self.readings.go_on_behind(self.outbox.acked_readings)
        self.readings.acked_number = self.outbox.acked_readings
        self._set_reserves()
        if self.journal.sequence == 0:
            self._check_size()
            self.journal.begin_epoch(1, 1)
            self.record(kinds.EPOCH, (1, kinds.FIRST_LIFE, boot_count, firmware))
            self.commit()

    def watch(self, observe):
        """observe(kind, values, sequence, at_s, quality) sees every record from now on, before it is durable."""
        self._observe = observe

    def _check_size(self):
        """A journal that cannot hold two snapshots of all accounts beside its reserves would seize up one day."""
        need = 2 * self._snapshot_blocks(self._limits.accounts_max) + self._limits.journal_credit_reserve_blocks + 3
        if self.journal.blocks < need:
            raise BadInput(
                "journal_bytes",
                "must be at least " + str(need * self._region.erase_size) + " for " + str(self._limits.accounts_max) + " accounts",
            )

    # state

    @property
    def epoch(self):
        return self.journal.durable_epoch

    @property
    def sequence(self):
        return self.journal.durable_sequence

    @property
    def chain(self):
        return self.journal.durable_chain

    @property
    def sound(self):
        """False stops cuts; restores, credits and readings go on."""
        return self.journal.sound and self.accounts.complete and not self.accounts.disagreements

    @property
    def troubles(self):
        """Short words for what makes the journal unsound, () when it is sound."""
        words = []
        if self.journal.failed:
            words.append("medium failed")
        if self.journal.unknown_kinds:
            words.append("unknown kinds")
        if not self.journal.sound and not words:
            words.append("corrupt")
        if not self.accounts.complete:
            words.append("state incomplete")
        if self.accounts.disagreements:
            words.append("snapshot disagrees")
        return tuple(words)

    def compare(self, epoch, sequence, chain):
        """Where the head-end's last record stands in our history: AGREES, BEHIND, FORK or UNKNOWN."""
        if epoch > self.epoch or sequence > self.sequence:
            return BEHIND
        ours = self.journal.chain_at(sequence)
        if ours is None:
            return UNKNOWN
        return AGREES if ours == chain else FORK

    # writing

    def now_s(self):
        """Wall time of a record that were written now; 0 = unknown."""
        return self._clock_fn()[0]

    def may_record(self, klass):
        """True when records of this class may take space; ask before a chain of records that belong together."""
        return self.journal.may_append(klass)

    def record(self, kind, values, klass=None):
        """Append a record and fold it into the accounts; its sequence. Durable only after commit()."""
        at_s, quality = self._clock_fn()
        sequence = self.journal.append(kind, values, at_s, quality, klass)
        self._fold(kind, values, sequence, at_s, quality)
        return sequence

    def commit(self):
        """Program and sync all that was recorded, readings too. StorageFault: nothing of it may be acknowledged."""
        try:
            self.readings.program()
        except StorageFault:
            self.journal.failed = True
            raise
        steps = self.journal.steps
        self.journal.commit()
        if self.journal.steps != steps:
            self.readings.synced()  # the journal's sync was of the whole region
        else:
            self.readings.commit()

    def add_reading(self, account, at_s, quality, marks, registers, power_w, status_word):
        """Store a reading; its number. Shown to the outbox after commit(); dropped first when space is short."""
        return self.readings.append(account, at_s, quality, marks, registers, power_w, status_word)

    def acked(self, epoch, sequence, chain, countersign, readings):
        """The head-end's database holds this much. False when our history is another; then nothing changes."""
        readings = min(readings, self.readings.last_number)  # numbers beyond ours are not believed
        agrees = self.compare(epoch, sequence, chain)
        if agrees == AGREES:
            self.outbox.agreed = sequence
        elif agrees != UNKNOWN:
            self.outbox.agreed = 0
            return False
        self.outbox.held(epoch, sequence, readings)
        self.readings.acked_number = self.outbox.acked_readings
        news = self._journalled_ack < sequence and self._journalled_ack < self._last_news
        far = readings >= self._journalled_readings + self._limits.acked_readings_step
        if news or far:
            self.record(kinds.ACKED, (epoch, sequence, chain, countersign, readings))
            self.commit()
        return True

    def import_state(self, new_epoch, first_sequence, rows):
        """Take over the head-end's signed state (order 8): a new epoch, then its rows as a snapshot. Committed.

        Refused when the epoch is not newer or a row is not a row. Cut in the middle, the state stays incomplete (not sound)
        until it is sent again with a newer epoch.
        """
        for row in rows:
            if len(row) not in (ROW_SIZE, ROW_SIZE + POSITION_SIZE, BONDED_ROW_SIZE, LONGEST_ROW_SIZE):
                raise Refused("row", "a row of the state has " + str(len(row)) + " bytes, not " + str(ROW_SIZE))
        if len(rows) > self.accounts.capacity:
            raise Refused("rows", "the state has " + str(len(rows)) + " accounts, more than " + str(self.accounts.capacity))
        if self.journal.free_blocks < self._snapshot_blocks(len(rows)):
            raise Refused("full", "no space for the state")
        boot_count = 0
        self.journal.begin_epoch(new_epoch, first_sequence)
        self.record(kinds.EPOCH, (new_epoch, kinds.GIVEN_BY_HEAD_END, boot_count, 0))
        self._begin_snapshot(len(rows))
        for row in rows:
            self.record(kinds.SNAPSHOT_ROW, (bytes(row),))
        self.record(*self.snapshot.end_record())
        self.commit()
        self.journal.pardon()
        self.accounts.disagreements = 0

    # housekeeping

    def on_tick(self):
        """A bounded piece of snapshot, erasing ahead, or telling dropped readings; True when there was work."""
        if self.journal.failed:
            return False
        if self._tell_gap():
            return True
        if self._snapshot_piece():
            return True
        return self.journal.erase_ahead()

    def _snapshot_piece(self):
        if not self.snapshot.begun:
            if not self._snapshot_due():
                return False
            self._begin_snapshot(self.accounts.count + 1)
        for _ in range(self._limits.snapshot_rows_per_tick):
            self.record(*self.snapshot.next_record())
            if not self.snapshot.begun:
                break
        self.commit()
        return True

    def _begin_snapshot(self, rows):
        box = self.outbox
        brake = 1 if self.accounts.brake else 0
        self.record(kinds.SNAPSHOT_BEGIN, (rows, box.acked_epoch, self._journalled_ack, box.acked_readings, brake))

    def _snapshot_due(self):
        """Enough blocks were filled since the last one began, more than it took itself, and there is room; never of a state in doubt."""
        if not self.accounts.complete or not self.accounts.count:
            return False
        journal = self.journal
        behind = journal.blocks_behind(self.snapshot.whole)
        if behind < _SNAPSHOT_BLOCKS_MIN:
            return False
        room = self._snapshot_blocks(self.accounts.count)
        every = (journal.blocks - journal.reserves[ORDINARY] - 2 * room) // 2
        every = max(room, min(every, self._limits.journal_snapshot_blocks))
        if behind <= every or journal.free_blocks < room:
            return False
        # the last room is for a snapshot that frees blocks: while nothing is acknowledged none does
        return journal.free_blocks > 2 * room or journal.blocks_up_to(self._held()) > journal.blocks_up_to(journal.released)

    def _snapshot_blocks(self, accounts):
        """Erase blocks that a snapshot of so many accounts takes at most."""
        region = self._region
        rows = self._limits.snapshot_rows_per_tick
        row_bytes = size_of(kinds.SNAPSHOT_ROW) + region.program_unit // rows + 1
        if self.accounts.credit_limits:
            row_bytes += LONGEST_ROW_SIZE - ROW_SIZE
        elif self.accounts.ratios or self.accounts.followers:
            row_bytes += BONDED_ROW_SIZE - ROW_SIZE
        elif self.accounts.positions.are_kept():
            row_bytes += POSITION_SIZE
        return (accounts + 2) * row_bytes // (region.erase_size - self.journal.first_offset - LENGTH_MAX) + _SNAPSHOT_BLOCKS_MIN

    def _set_reserves(self):
        room = self._snapshot_blocks(self.accounts.count)
        reserves = self.journal.reserves
        reserves[CREDIT_CLASS] = room + 1
        reserves[ORDINARY] = room + 1 + self._limits.journal_credit_reserve_blocks

    def _tell_gap(self):
        """In large pieces while nobody asks; at once when one of them is wanted, or the rest would be sent again and again."""
        gap = self.readings.gap()
        if gap is None:
            self.readings.wanted = NOBODY
            return False
        first, last = max(gap[0], self._gap_told + 1), gap[1]
        enough = 1 if self.readings.wanted <= last else self._limits.readings_gap_min
        if last - first + 1 < enough or not self.may_record(CREDIT_CLASS):
            return False
        self.record(kinds.READINGS_GAP, (first, last))
        self.commit()
        return True

    # fold

    def _fold(self, kind, values, sequence, at_s, quality):
        self.accounts.apply(kind, values, sequence, at_s)
        if kind != _ACKED:
            self._last_news = sequence
        if kind in _HOUSEKEEPING:
            self._keep_house(kind, values, sequence)
        if self._observe is not None:
            self._observe(kind, values, sequence, at_s, quality)

    def _keep_house(self, kind, values, sequence):
        if kind == kinds.ACKED:
            self._on_acked(values[0], values[1], values[4])
        elif kind == kinds.SNAPSHOT_BEGIN:
            self._on_acked(values[1], values[2], values[3])
        elif kind == kinds.EPOCH and values[1] == kinds.GIVEN_BY_HEAD_END:
            self._given_at = sequence
        elif kind == kinds.EPOCH:
            self._last_boot = values[2]
        elif kind == kinds.BOOT:
            self._last_boot = values[0]
        elif kind == kinds.READINGS_GAP:
            self._gap_told = values[1]
        elif kind == kinds.SEGMENT:
            self._set_reserves()
        if self.snapshot.observe(kind, values, sequence):
            self._on_whole_snapshot()

    def _on_acked(self, epoch, sequence, readings):
        # what the journal says was held is believed even when it names more than was replayed so far
        if sequence > self._journalled_ack:
            self._journalled_ack = sequence
            self.outbox.acked_epoch, self.outbox.acked_sequence = epoch, max(sequence, self.outbox.acked_sequence)
        self._journalled_readings = max(readings, self._journalled_readings)
        self.outbox.acked_readings = max(readings, self.outbox.acked_readings)
        self._release()

    def _on_whole_snapshot(self):
        if self._given_at:
            self.outbox.superseded = max(self.outbox.superseded, self._given_at - 1)
        self._release()
        self._set_reserves()

    def _held(self):
        """Records up to here are with the head-end."""
        return max(self._journalled_ack, self.outbox.superseded)

    def _release(self):
        self.journal.released = max(0, min(self._held(), self.snapshot.whole - 1))

    def _on_gap(self):
        self.accounts.doubt()
        self.snapshot.abandon()
