"""Rate registers against the total register of the same meter (part of the hall; design 4.9). Loaded when a meter with rates is read.

A rate that jumped looks possible as soon as enough time has passed, as after two days without a charge. The total that did not go with it
still says that this was no energy: since the segment began the rates together passed no more than the total did.

Where the total stood when the rates stood at their beginnings is in the account row, `charged_0`: no charge moves it. After a word of the
operator about a jump it is what would fit the rates as they are now (HELD 0 of register 0), and need not be a register that was shown.

Traps avoided: each register shows whole digits of its own, and they may be read one after the other: neither is a contradiction. Rates
that are not billed let the total pass more, without end, and that is none either. A total that is not told any more ends no hold.
"""

from firmware.base.port import const
from firmware.gateway_books import note
from firmware.ledger import record_kinds as kinds

HELD_NOT_IN_TOTAL = const(5)
RELEASED = const(0)
ASKED_S = const(30)  # so long may it take to ask for one register after the other
JOULES_PER_CWH = const(36_000)


class RateCheck:
    """Of the segments of meters that are charged by rates; `registers` as in a Reading, those of the rates with values."""

    def __init__(self, ledger):
        self._ledger = ledger

    def total_with(self, slot, registers):
        """Where the total stands when all that brought the rates to `registers` went through it."""
        accounts = self._ledger.accounts
        total_cwh = accounts.charged_cwh(slot.row, 0)
        for rate in range(1, slot.model.rates + 1):
            total_cwh += registers[rate] - accounts.from_cwh(slot.row, rate)
        return total_cwh % slot.model.modulus_cwh

    def contradicted(self, slot, registers):
        """True when the rates passed more than the total; without a value the total says what it said last."""
        if registers[0] is None:
            return slot.held == HELD_NOT_IN_TOTAL
        ahead_cwh = (self.total_with(slot, registers) - registers[0]) % slot.model.modulus_cwh
        slack_cwh = slot.model.rates + 1 + slot.max_power_w * ASKED_S // JOULES_PER_CWH
        return slack_cwh < ahead_cwh < slot.model.modulus_cwh // 2

    def foremost(self, slot, registers):
        """The rate that passed most since the last charge: the one to look at."""
        found, most_cwh = 1, -1
        for rate in range(1, slot.model.rates + 1):
            passed_cwh = (registers[rate] - self._ledger.accounts.charged_cwh(slot.row, rate)) % slot.model.modulus_cwh
            if passed_cwh > most_cwh:
                found, most_cwh = rate, passed_cwh
        return found

    def agree(self, slot, registers):
        """The operator had a word: from here on the rates are held against the total as it stands now."""
        if registers[0] is None:
            return
        stood_cwh = self._ledger.accounts.charged_cwh(slot.row, 0)
        fits_cwh = (stood_cwh + registers[0] - self.total_with(slot, registers)) % slot.model.modulus_cwh
        if fits_cwh != stood_cwh:
            note(self._ledger, kinds.HELD, (slot.account, slot.serial, RELEASED, 0, fits_cwh, stood_cwh))
