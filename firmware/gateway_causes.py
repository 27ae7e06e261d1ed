"""Whom a document, corrections or orders make due, counted over days and restarts: more than the brake allows close it (part of the hall).

The window of `cutoff/brake.py` sees a mass that comes at once; what is here sees one that comes slowly. Everything is a fold over
records: SUSPECT says of which document something is expected, THROUGH of an account that it is due through it, and what it
has taken from it so far: of charges the share that the price before would not have asked, of corrections their sum. That is
forgotten when the account is well again: its episode closed, or somebody paid who had none. Records of a suspect are written
again behind each snapshot, as the ends of exemptions are. A signed release ends all suspicions: a person has looked.

Trap avoided: each document makes somebody due a little earlier; who would be below the restore amount without it as well is not
due through it.
"""

from array import array

from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.cutoff import decide
from firmware.cutoff.causes import CLOSED, CORRECTIONS, ORDERS, OVER, POLICY, SUSPECTED, TARIFF, WHOLE
from firmware.gateway_books import note, settle
from firmware.ledger import record_kinds as kinds

_of_policy = Rare("firmware.cutoff.causes", "of_policy")
_of_tariff = Rare("firmware.cutoff.causes", "of_tariff")
_ORDER_CUT = const(1)
_ACCEPTED = const(1)
_FLAG_EMERGENCY = const(0x100)
_FLAGS_OF_EMERGENCY = const(0x300)  # given, repaid
_ROWS_AT_A_TIME = const(8)


class CauseDesk:
    """`closed_by` = (what, id, version) that closed the brake, None = accounts due at once."""

    def __init__(self, ledger, brake):
        self._ledger = ledger
        self._brake = brake
        self.suspects = {}  # (what, id) -> (version, share, floor, restore, emergency, sequence of its record)
        self._relief = {}  # what -> array: ucu taken from each row
        self._through = {}  # (what, id) -> accounts due through it
        self._ordered = {}  # account -> when a cut was ordered
        self.closed_by = None
        self._kept = -1  # row up to which a snapshot is followed up, -1 = none is

    # fold: in the replay, and for each record since

    def on_record(self, kind, values, sequence, at_s):
        """One record, before or after it is durable."""
        if kind == kinds.CHARGE:
            suspect = self.suspects.get((TARIFF, values[6]))
            if suspect is not None and values[7] >= suspect[0]:
                self._take(TARIFF, values[0], values[9] * suspect[1] // WHOLE)
        elif kind == kinds.CREDIT:
            self._on_credit(values[0], values[3])
        elif kind == kinds.CREDIT_LIMIT:
            self._take(CORRECTIONS, values[0], values[2] - values[1])  # what was lent before is asked for now
        elif kind == kinds.EPISODE and not values[2]:
            self._is_well(values[0])
        elif kind == kinds.SUSPECT:
            self._on_suspect(values, sequence)
        elif kind == kinds.THROUGH:
            self._on_through(values)
        elif kind == kinds.ORDER:
            if values[2] == _ORDER_CUT and values[3] == _ACCEPTED:
                self._ordered[values[0]] = at_s
        elif kind == kinds.BRAKE and not values[0]:
            self.clear()
        elif kind == kinds.EPOCH:
            self._relief.clear()  # rows may be others from here on; what is suspected stays

    def clear(self):
        """A person has looked."""
        self.suspects.clear()
        self._relief.clear()
        self._through.clear()
        self._ordered.clear()
        self.closed_by = None

    def _on_credit(self, account, amount_ucu):
        row = self._ledger.accounts.row_of(account)
        if amount_ucu < 0:
            self._take(CORRECTIONS, account, -amount_ucu)
        elif row >= 0 and self._relief and not self._ledger.accounts.get(row, "episode_open"):
            self._is_well(account)

    def _take(self, what, account, amount_ucu):
        row = self._ledger.accounts.row_of(account)
        if row < 0 or amount_ucu <= 0:
            return
        if what not in self._relief:
            self._relief[what] = array("q", bytes(8 * self._ledger.accounts.capacity))
        self._relief[what][row] += amount_ucu

    def _is_well(self, account):
        row = self._ledger.accounts.row_of(account)
        if row >= 0:
            for what in self._relief:
                self._relief[what][row] = 0

    def _on_suspect(self, values, sequence):
        what, identity, version, state = values[:4]
        key = (what, identity)
        if state == OVER:
            self.suspects.pop(key, None)
            self._through.pop(key, None)
        else:
            self.suspects[key] = (version,) + tuple(values[4:8]) + (sequence,)
        if state == CLOSED:
            self.closed_by = (what, identity, version)

    def _on_through(self, values):
        account, what, identity, _, relief_ucu, _, counted = values
        row = self._ledger.accounts.row_of(account)
        if what != POLICY and row >= 0:
            self._take(what, account, relief_ucu - self._taken(what, row))
        if counted and account not in self._through.setdefault((what, identity), []):
            self._through[what, identity].append(account)

    def _taken(self, what, row):
        return self._relief[what][row] if what in self._relief else 0

    # documents

    def on_policy(self, before, now):
        """A version that is about to be in force."""
        if before is None:
            return
        known = self.suspects.get((POLICY, now.policy))
        found = _of_policy(known and known[2:5], before, now)
        if found is not None:
            self._suspect((POLICY, now.policy, now.version), found[0], (0,) + found[1:])
            settle(self._ledger)  # before its file: a power cut between the two leaves no version that nobody suspects

    def on_tariff(self, before, now):
        """A version that is about to be held; `before` is what would rule on its first day without it, or None."""
        if before is None:
            return
        known = self.suspects.get((TARIFF, now.tariff))
        found = _of_tariff(known and known[1], before, now)
        if found is not None:
            self._suspect((TARIFF, now.tariff, now.version), found[0], (found[1], 0, 0, 0))
            settle(self._ledger)

    def on_correction(self):
        """Money or a credit limit is about to be taken. Corrections bear no number in common: those since a release are one cause."""
        if (CORRECTIONS, 0) not in self.suspects:
            self._suspect((CORRECTIONS, 0, 0), SUSPECTED, (0, 0, 0, 0))

    def _suspect(self, which, state, measure):
        due = len(self._through.get(which[:2], ()))
        return note(self._ledger, kinds.SUSPECT, which + (state,) + measure + (due,))

    # due

    def on_due(self, slot, view, policy, tariff, limit):
        """An account became due just now -> True when the brake closes by it; `tariff` is in force for it."""
        closes = False
        for key in sorted(self.suspects):
            relief_ucu = self._relief_ucu(key, slot, view, policy, tariff)
            if not relief_ucu or slot.account in self._through.get(key, ()) or self.closed_by == key + self.suspects[key][:1]:
                continue
            which = key + self.suspects[key][:1]
            note(self._ledger, kinds.THROUGH, (slot.account,) + which + (relief_ucu, view.available_ucu, 1))
            if len(self._through.get(key, ())) > limit:
                closes = self._close(which, self.suspects[key][1:5]) or closes
        return closes

    def _relief_ucu(self, key, slot, view, policy, tariff):
        """What the account would have more without this suspect, if that kept it from being due; else 0."""
        what, identity = key
        if what == ORDERS:
            return 0
        version, share, floor_ucu, restore_ucu, emergency_ucu, _ = self.suspects[key]
        if what == POLICY:
            given = view.flags & _FLAGS_OF_EMERGENCY == _FLAG_EMERGENCY
            restored_ucu = restore_ucu - view.limit_ucu - (emergency_ucu if given else 0)
            return policy.floor_ucu - floor_ucu if identity == policy.policy and view.available_ucu >= restored_ucu else 0
        if what == TARIFF:
            if identity != slot.tariff:
                return 0
            relief_ucu = self._taken(TARIFF, slot.row)
            if tariff is not None and tariff.version >= version and slot.uncharged_ucu is not None:
                relief_ucu += slot.uncharged_ucu * share // WHOLE
        else:
            relief_ucu = self._taken(CORRECTIONS, slot.row)
        lowered_ucu = policy.floor_ucu - decide.floor_ucu(view, policy)
        return relief_ucu if view.available_ucu + relief_ucu >= policy.restore_ucu - lowered_ucu else 0

    def on_ordered(self, now_s, window_s, limit):
        """A cut order waits for an account -> True when it is one too many within the window and closes the brake."""
        for account in [held for held, at_s in self._ordered.items() if now_s - at_s >= window_s]:
            del self._ordered[account]
        if len(self._ordered) <= limit or self.closed_by == (ORDERS, 0, 0):
            return False
        return self._close((ORDERS, 0, 0), (0, 0, 0, 0))

    def _close(self, which, measure):
        due = len(self._ordered if which[0] == ORDERS else self._through.get(which[:2], ()))
        note(self._ledger, kinds.SUSPECT, which + (CLOSED,) + measure + (due,))
        self.closed_by = which
        self._brake.due_count = max(self._brake.due_count, due)
        closes = not self._brake.closed
        self._brake.closed = True
        return closes

    # behind a snapshot

    def keep(self, slots):
        """A snapshot lets older records go: what is not over is written again behind it, some rows at a time."""
        if not self.suspects:
            self._kept = -1
            return
        if self._kept < 0:
            if min([suspect[5] for suspect in self.suspects.values()]) > self._ledger.snapshot.whole:
                return
            self._kept = 0
        for index in range(self._kept, min(self._kept + _ROWS_AT_A_TIME, len(slots))):
            self._keep_account(slots[index])
        self._kept += _ROWS_AT_A_TIME
        if self._kept >= len(slots):
            self._kept = -1
            for key in sorted(self.suspects):
                suspect = self.suspects[key]
                state = CLOSED if self.closed_by == key + suspect[:1] else SUSPECTED
                if key[0] == CORRECTIONS and not self._through.get(key) and not any(self._relief.get(CORRECTIONS, ())):
                    state = OVER  # all whom they hit are well
                self._suspect(key + suspect[:1], state, suspect[1:5])
        settle(self._ledger)

    def _keep_account(self, slot):
        for key in sorted(self.suspects):
            counted = slot.account in self._through.get(key, ())
            mine = key[0] != TARIFF or key[1] == slot.tariff
            relief_ucu = self._taken(key[0], slot.row) if mine else 0
            if counted or relief_ucu:
                which = key + self.suspects[key][:1]
                note(self._ledger, kinds.THROUGH, (slot.account,) + which + (relief_ucu, 0, 1 if counted else 0))
