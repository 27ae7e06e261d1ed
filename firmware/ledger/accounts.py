"""The accounts: a pure fold over the journal, in one packed table (design 4.1, 4.3; SPEC 4).

Until a journal whose beginning was pruned has shown one complete snapshot, rows are unknown: records for them are passed
over and snapshot rows are believed (`complete` is False). Afterwards a snapshot row must agree with the fold, or
`disagreements` counts it and the journal is not sound. Trap avoided: dict order differs between the interpreters; nothing
here depends on one.
"""

from firmware.base.crc import crc32
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import (
    DEBT_ISSUER,
    FLAG_ELSEWHERE,
    FLAG_EMERGENCY,
    FLAG_EMERGENCY_OVER,
    FLAG_EXEMPT,
    FLAG_LIMITED,
    FLAG_READING_HELD,
    FLAG_VISIT_ORDERED,
    FLAG_VISITED,
    REGISTERS,
    ROW,
)
from firmware.ledger.account_table import CHARGED, FROM, ISSUER, NUMBER, TOTAL, AccountTable

_carry = Rare("firmware.ledger.carrying", "take")
CREATED = const(0)  # verdicts on a credit
EXISTS = const(1)
CONFLICT = const(2)

UNKNOWN_ACCOUNT = const(1)  # reasons of CREDIT_REFUSED
OTHER_TOTAL = const(2)
TOO_MANY_ISSUERS = const(3)
FULL = const(4)
OUT_OF_RANGE = const(5)
ELSEWHERE = const(6)  # its books are another gateway's, or on their way here

# 10**11 currency units: the sum of four totals and the charges stays far inside 64 bits
AMOUNT_UCU_MAX = 100_000_000_000_000_000

_WISH_OF_VERDICT = {1: 1, 2: 0, 5: 0}  # cut -> OFF, restore and withdrawn -> ON
_NO_ENERGY = (6, 7)  # CHARGE causes: fixed fee, minimum
_MORE_FOLLOWS = const(4)  # CHARGE marks: the instant is reached with the last line of a reading
_CHARGE_FIELDS = const(13)  # of its shorter form
_SEGMENT_FIELDS = const(8)
_NO_SERIAL = bytes(6)
_DELIVERED = const(2)
_ALARM_ON = const(3)
_ALARM_OFF = const(4)
_ORDERED = const(1)
_NUMBERED_FOR_GATEWAY = (7, 8)  # release brake, state (SPEC 5.6)
_EPISODE_FLAGS = const(0x3C0)  # visited, visit ordered, emergency credit given, repaid
_VISIT_ORDERED = const(1)  # VISIT what
_VISIT_MADE = const(2)
_EMERGENCY_GIVEN = const(1)  # EMERGENCY what
_LIMIT_MEANS = const(1)  # LIMIT what


class Accounts(AccountTable):
    """`complete` = the fold knows all; `brake`, `gateway_order` of the gateway itself; `exempt_until` = {account: (until_s, sequence
    of its EXEMPT record)} of exemptions that end by themselves: no row tells it, so the record is written again behind a snapshot. The same
    with `debts` = {account: (owed_ucu, share, most_ucu, sequence)}; `unrecovered` = {account: (issuer, number, amount_ucu, credits)} of
    credits to accounts with debts of which none was recovered yet."""

    def __init__(self, capacity):
        AccountTable.__init__(self, capacity)
        self.complete = True
        self.disagreements = 0
        self.brake = False
        self.gateway_order = 0
        self.exempt_until = {}
        self.given_at_s = 0  # the head-end's state replaced what this board had read by then
        self.debts = {}
        self.unrecovered = {}
        self._replacing = False
        self._snapshot_rows = -1  # -1 = no snapshot under way
        self._snapshot_crc = 0
        self._handlers = (
            None, self._on_epoch, None, self._on_snapshot_begin, self._on_snapshot_row, self._on_snapshot_end, self._on_segment,
            self._on_credit, None, self._on_charge, self._on_held, self._on_episode, self._on_notice, self._on_decision, self._on_relay,
            self._on_seen, self._on_order, None, self._on_flags, self._on_brake, None, None, None, None, self._on_fault, None,
            self._on_visit, self._on_level, None, self._on_emergency, None, None, None, self._on_moved, None, self._on_recovery,
            None, self._on_credit_limit, self._on_limit,
        )  # fmt: skip

    # credits

    def credit_verdict(self, account, issuer, number, amount_ucu, total_ucu):
        """(CREATED | EXISTS | CONFLICT, reason): what this credit would do. Changes nothing.

        A higher number sets the total; the same number must bear the same total; a lower one came late and is in the total
        already. CONFLICT stands for every refusal, its reason is that of CREDIT_REFUSED.
        """
        row = self.row_of(account)
        if row < 0 or account == 0:
            return CONFLICT, UNKNOWN_ACCOUNT
        if not (0 < issuer < DEBT_ISSUER and 0 < number <= 0xFFFFFFFF):
            return CONFLICT, OUT_OF_RANGE
        if abs(amount_ucu) > AMOUNT_UCU_MAX or abs(total_ucu) > AMOUNT_UCU_MAX:
            return CONFLICT, OUT_OF_RANGE
        if self.get(row, "flags") & FLAG_ELSEWHERE:
            return CONFLICT, ELSEWHERE
        place = self._issuer_place(row, issuer)
        if place < 0:
            return (CREATED, 0) if self._issuer_place(row, 0) >= 0 else (CONFLICT, TOO_MANY_ISSUERS)
        known = self.get(row, NUMBER[place])
        if number > known:
            return CREATED, 0
        if number == known and total_ucu != self.get(row, TOTAL[place]):
            return CONFLICT, OTHER_TOTAL
        return EXISTS, 0

    # fold

    def apply(self, kind, values, sequence, at_s):
        """Fold one record. Unknown kinds and kinds that change no account are passed over."""
        if kind == kinds.EXEMPT:
            self.exempt_until.pop(values[0], None)
            if values[1]:
                self.exempt_until[values[0]] = (values[1], sequence)
            return
        if kind == kinds.DEBT:
            self._on_debt(values, sequence)
            return
        if kind == kinds.CARRIED:
            _carry(self, values, sequence)
            return
        handler = self._handlers[kind] if 0 < kind < len(self._handlers) else None
        if handler is not None:
            handler(values, at_s)

    def doubt(self):
        """Records are missing: until the next complete snapshot its rows are believed against the fold."""
        self.complete = False
        self._snapshot_rows = -1

    def _on_epoch(self, values, at_s):
        if values[1] == kinds.GIVEN_BY_HEAD_END:
            self.doubt()
            self._replacing = True
            self.debts.clear()
            self.unrecovered.clear()
            self.exempt_until.clear()  # an exemption then has no end until the head-end names it again
            self.given_at_s = at_s

    def _on_snapshot_begin(self, values, at_s):
        self._snapshot_rows = 0
        self._snapshot_crc = 0
        self.brake = bool(values[4])
        for row in range(self.count):
            self._touched[row] = 0

    def _on_snapshot_row(self, values, at_s):
        if self._snapshot_rows < 0:
            return  # its beginning was lost with an older block
        data = values[0]
        self._snapshot_rows += 1
        self._snapshot_crc = crc32(data, 0, len(data), self._snapshot_crc)
        account = ROW.get(data, 0, "account")
        if account == 0:  # the gateway's own numbers
            self.gateway_order = ROW.get(data, 0, "order")
            return
        row = self.row_of(account)
        if row < 0:
            row = self._add(account)
            self.disagreements += self.complete
        elif self.complete and self.row_bytes(row) != data:
            self.disagreements += 1
        self._take_row(row, data)
        self._touched[row] = 1

    def _on_snapshot_end(self, values, at_s):
        whole = self._snapshot_rows == values[0] and self._snapshot_crc == values[1]
        if self._snapshot_rows >= 0 and not whole and self.complete:
            self.disagreements += 1
        self._snapshot_rows = -1
        if not whole:
            return
        if self._replacing:
            self._drop_untouched()
        self._replacing = False
        self.complete = True

    def _on_segment(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0:
            if not self.complete:
                return  # its snapshot row will come
            row = self._add(values[0])
        self._set(row, "serial", values[1])
        self._set(row, "rates", values[2])
        for rate in range(REGISTERS):
            self._set(row, FROM[rate], values[3 + rate])
            self._set(row, CHARGED[rate], values[3 + rate])
        if values[1] != _NO_SERIAL:
            self._set_bond(self.followers, row, 0, 0)
        longer = len(values) > _SEGMENT_FIELDS
        self._set_bond(self.ratios, row, values[8] if longer else 1, 1)
        self._set(row, "charged_at_s", values[9] if longer else at_s)
        self._set(row, "flags", self.get(row, "flags") & ~FLAG_READING_HELD)

    def _on_credit_limit(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0:
            self._set_bond(self.credit_limits, row, values[1], 0)

    def _on_moved(self, values, at_s):
        """The meter of this account is the next one's, whose segment has begun where this one's ended."""
        row = self.row_of(values[0])
        if row < 0:
            return
        for field in FROM + CHARGED + ("rates",):
            self._set(row, field, 0)
        self._set(row, "serial", _NO_SERIAL)
        self._set(row, "flags", self.get(row, "flags") & ~FLAG_READING_HELD)
        self._set_bond(self.ratios, row, 1, 1)
        self._set_bond(self.followers, row, values[1], 0)

    def _on_credit(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0:
            return
        place = self._issuer_place(row, values[1])
        if place < 0:
            place = self._issuer_place(row, 0)
            if place < 0:
                self.disagreements += 1
                return
            self._set(row, ISSUER[place], values[1])
        if values[2] > self.get(row, NUMBER[place]):
            self._set(row, NUMBER[place], values[2])
            self._set(row, TOTAL[place], values[4])
        if self.debts and values[0] in self.debts and values[3] > 0:
            _, _, amount_ucu, credits = self.unrecovered.get(values[0], (0, 0, 0, 0))
            self.unrecovered[values[0]] = (values[1], values[2], amount_ucu + values[3], credits + 1)

    def _on_debt(self, values, sequence):
        account, owed_ucu, share, most_ucu, _ = values
        row = self.row_of(account)
        place = self._issuer_place(row, 0) if row >= 0 and self._issuer_place(row, DEBT_ISSUER) < 0 else -1
        if place >= 0:
            self._set(row, ISSUER[place], DEBT_ISSUER)
        self.debts[account] = (owed_ucu, share, most_ucu, sequence)
        self._drop_paid_debt(account)

    def _on_recovery(self, values, at_s):
        account, move, moved_ucu = values[0], values[1], values[5]
        self.unrecovered.pop(account, None)
        row = self.row_of(account)
        place = self._issuer_place(row, DEBT_ISSUER) if row >= 0 else -1
        if place >= 0 and move > self.get(row, NUMBER[place]):
            self._set(row, NUMBER[place], move)
            self._set(row, TOTAL[place], -moved_ucu)
        self._drop_paid_debt(account)

    def _drop_paid_debt(self, account):
        if self.row_of(account) >= 0 and not self.debt_ucu(account):
            self.debts.pop(account, None)
            self.unrecovered.pop(account, None)

    def debt_ucu(self, account):
        """What is left of the debt of an account."""
        debt = self.debts.get(account)
        return 0 if debt is None else max(0, debt[0] - self.moved(account)[1])

    def _on_charge(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0:
            return
        if self.complete and self.get(row, "total_charged_ucu") + values[9] != values[10]:
            self.disagreements += 1
        self._set(row, "total_charged_ucu", values[10])
        if values[11] not in _NO_ENERGY and self.get(row, "serial") == values[1]:
            self._set(row, CHARGED[values[2]], values[4])
            if not values[12] & _MORE_FOLLOWS:
                self._set(row, "charged_at_s", values[5])
        if len(values) > _CHARGE_FIELDS:
            self.positions.on_charge(row, values)

    def _on_held(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0:
            return
        flags = self.get(row, "flags")
        if values[2]:
            self._set(row, "flags", flags | FLAG_READING_HELD)
            return
        self._set(row, "flags", flags & ~FLAG_READING_HELD)
        self._set(row, CHARGED[values[3]], values[4])
        self._set(row, "charged_at_s", at_s)

    def _on_episode(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0:
            self._set(row, "episode", values[1])
            self._set(row, "episode_open", values[2])
            self._set(row, "notice_level", 0)
            self._set(row, "notice_at_s", 0)
            self._set(row, "flags", self.get(row, "flags") & ~_EPISODE_FLAGS)

    def _on_notice(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0 and values[4] == _DELIVERED and values[2] > self.get(row, "notice_level"):
            self._set(row, "notice_level", values[2])
            self._set(row, "notice_at_s", at_s)

    def _on_level(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0 and values[2] < self.get(row, "notice_level"):
            self._set(row, "notice_level", values[2])

    def _on_visit(self, values, at_s):
        row = self.row_of(values[0])
        if row < 0 or values[1] != self.get(row, "episode") or not self.get(row, "episode_open"):
            return  # a visit counts only in its episode
        flags = self.get(row, "flags")
        if values[2] == _VISIT_ORDERED:
            flags |= FLAG_VISIT_ORDERED
        elif values[2] == _VISIT_MADE:
            flags |= FLAG_VISITED
        else:
            flags &= ~FLAG_VISIT_ORDERED  # nobody was met: another visit is to be ordered
        self._set(row, "flags", flags)

    def _on_emergency(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0 and values[1] == self.get(row, "episode") and self.get(row, "episode_open"):
            flag = FLAG_EMERGENCY if values[2] == _EMERGENCY_GIVEN else FLAG_EMERGENCY_OVER
            self._set(row, "flags", self.get(row, "flags") | flag)

    def _on_decision(self, values, at_s):
        wish = _WISH_OF_VERDICT.get(values[1])
        row = self.row_of(values[0])
        if row >= 0 and wish is not None:
            self._set(row, "wish", wish)
            self._set(row, "wish_reason", values[2])
            self._set(row, "wish_at_s", at_s)
            self._set(row, "flags", self.get(row, "flags") & ~FLAG_LIMITED)  # by the relay, unless a LIMIT follows

    def _on_limit(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0 and values[1] == _LIMIT_MEANS and self.get(row, "wish"):
            self._set(row, "flags", self.get(row, "flags") | FLAG_LIMITED)

    def _on_relay(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0 and values[3] == _ORDERED and values[2] in (_ALARM_ON, _ALARM_OFF):
            self._set(row, "alarm", 1 if values[2] == _ALARM_ON else 0)

    def _on_seen(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0:
            self._set(row, "seen", values[1])
            self._set(row, "seen_at_s", at_s)

    def _on_order(self, values, at_s):
        if values[0] == 0:  # documents are numbered by their own versions
            self.gateway_order = max(self.gateway_order, values[1] if values[2] in _NUMBERED_FOR_GATEWAY else 0)
            return
        row = self.row_of(values[0])  # an order for an unknown account is refused, yet journalled: no orphan
        if row >= 0 and values[1] > self.get(row, "order"):
            self._set(row, "order", values[1])

    def _on_flags(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0:
            kept = FLAG_READING_HELD | FLAG_LIMITED  # other records say these
            self._set(row, "flags", values[1] & ~kept | self.get(row, "flags") & kept)
            if not values[1] & FLAG_EXEMPT:
                self.exempt_until.pop(values[0], None)

    def _on_brake(self, values, at_s):
        self.brake = bool(values[0])

    def _on_fault(self, values, at_s):
        row = self.row_of(values[0])
        if row >= 0:
            self._set(row, "fault", values[1])
