"""Generated from the table of conditions, through the real supply desk and the journal: who is cut, who is restored, and what the
records name as the reason."""

from firmware.cutoff import conditions as c
from firmware.cutoff import decide, facts, supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.record import values_of
from tests.cut_table import CREDIT_LIMITS, STANDING, TIMING, broken
from tests.fake_board import World
from tests.hall_kit import alone
from tests.kit import eq

ROWS = STANDING + TIMING
RELAY_CUT = 1
RELAY_RESTORE = 2


class Judged:
    """One account whose facts are those of the table; what is judged of it is journalled as ever."""

    def __init__(self, world):
        self.desk = world.gateway.supply
        self.slot = world.slot()
        self.ordered = []
        self.told = []
        self.view, self.rules = None, None
        self.desk.fill = lambda slot, policy, credited: self.view
        self.desk.notices.step = lambda slot, view, policy: None
        self.desk.brake.on_money = lambda *facts: False
        self.desk.throttle.on_cut = lambda at_s: None
        self.desk._order = lambda meter, action: self.ordered.append(action)
        self.desk._policies.newest = lambda identity: self.rules
        world.gateway.ledger.watch(self._on_record)

    def _on_record(self, kind, values, sequence, at_s, quality):
        if kind == kinds.DECISION:
            self.told.append(values[1:4])

    def judge(self, chosen, wish, limit_ucu=0):
        """-> (verdict, reason, failed) that was journalled or None, relay orders, the bits that were broken."""
        self.view, self.rules, bits = broken(chosen, limit_ucu)
        self.view.wish = wish
        self.slot.state = supply.OFF if wish == facts.OFF else supply.ON
        self.slot.judged = 0
        self.ordered.clear()
        self.told.clear()
        self.desk.judge(self.slot)
        return (self.told[-1] if self.told else None), list(self.ordered), bits


def each_kind_of_account(script):
    """`script(world, limit_ucu)` for a prepaid account and a post-paid one: a journal each, or it would be full."""
    for limit_ucu in CREDIT_LIMITS:
        alone(World(), lambda world, limit_ucu=limit_ucu: script(world, limit_ucu))


def pairs():
    yield []
    for first in range(len(ROWS)):
        for second in range(first, len(ROWS)):
            yield [ROWS[first]] if first == second else [ROWS[first], ROWS[second]]
    yield list(STANDING)
    yield list(TIMING)
    yield list(ROWS)


def test_supply_is_cut_where_all_conditions_hold_and_the_journal_names_those_that_do_not():
    def script(world, limit_ucu):
        judged = Judged(world)
        for chosen in pairs():
            told, orders, bits = judged.judge(chosen, facts.ON, limit_ucu)
            note = str(c.names(bits)) + ", limit " + str(limit_ucu)
            if bits & c.MONEY:
                eq((told, orders), (None, []), note)
            elif not bits:
                eq((told, orders), ((decide.CUT, decide.BALANCE_AT_FLOOR, 0), [RELAY_CUT]), note)
            elif bits & c.STANDING:
                eq((told, orders), ((decide.NOT_PERMITTED, decide.STANDING_FAILED, bits), []), note)
            else:
                eq((told, orders), ((decide.DELAYED, decide.BALANCE_AT_FLOOR, bits), []), note)

    each_kind_of_account(script)


def test_while_off_each_standing_condition_that_fails_restores_and_is_named():
    def script(world, limit_ucu):
        judged = Judged(world)
        for chosen in pairs():
            told, orders, bits = judged.judge(chosen, facts.OFF, limit_ucu)
            note, want = str(c.names(bits)) + ", limit " + str(limit_ucu), bits & c.STANDING
            if not want:
                eq((told, orders), (None, []), note)
            else:
                reason = decide.RESTORE_REACHED if want & c.MONEY else decide.STANDING_FAILED
                eq((told, orders), ((decide.RESTORE, reason, want), [RELAY_RESTORE]), note)

    each_kind_of_account(script)


def test_what_the_journal_holds_is_what_was_told():
    def script(world):
        judged = Judged(world)
        told, _, bits = judged.judge([STANDING[4], TIMING[-1]], facts.ON)
        raw = world.gateway.ledger.outbox.journal_from(world.gateway.ledger.sequence, 1_000)[3][-1]
        eq((values_of(raw, 0, len(raw))[1:4], told[2]), (told, c.CARE | c.CALENDAR))
        eq(bits, told[2])

    alone(World(), script)
