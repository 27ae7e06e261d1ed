"""Charges under a tariff with bands, steps or fees, and the days that they close (part of the hall; design 4.7 and 6).

The lines of one reading are several records; all but the last say that more follow, so the instant of the reading is reached with the
last one: what a power cut left out is charged again from where the register stands, over the same time.

A day is closed when all energy up to its end is charged: then comes its fixed fee, and with the last day of a billing month
what that comes short of the minimum. The minimum comes first: a power cut between the two finds nothing missing any more. A month that
was not counted whole, for its tariff was a plain price for a while or began its months on another day, owes none.

Trap avoided: fees of a long silence are as many records as days; a journal without room takes those that fit, the rest comes with
a later charge, for the first day that is not closed stands in the books.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.gateway_books import note
from firmware.ledger import record_kinds as kinds
from firmware.tariff import charging, fees

CAUSE_FEE = const(6)
CAUSE_MINIMUM = const(7)
FEE_DAYS_MAX = const(366)  # nobody is asked for fees of more than a year at once


class RichCharges:
    """`tariffs` is a TariffBook. A span_s is (instant of the last charge, instant of this one)."""

    def __init__(self, ledger, tariffs):
        self._ledger = ledger
        self._tariffs = tariffs

    def lines(self, slot, tariff, span_s, before, after, rates, settles):
        """Charge lines from the registers `before` to `after`; with `settles` one at least, of nothing when nothing moved."""
        from_s, to_s = span_s[0] or span_s[1], span_s[1]
        span = (days.day_number(min(from_s, to_s), slot.utc_offset_min), from_s, to_s, before, after, 0)
        accounts = self._ledger.accounts
        _, _, period_day, used_cwh, _ = accounts.positions.get(slot.row)
        position = (period_day, used_cwh)
        lines, _ = charging.charge_spans(tariff, position, (span,), rates, slot.model.modulus_cwh, accounts.ratio_of(slot.row))
        if settles and not lines:
            lines = [charging.line_of_nothing(tariff, position, span, 1 if rates else 0)]
        return lines

    def fields(self, tariff, line):
        """The further fields of the longer CHARGE for this line."""
        day, band, step, period_day, used_cwh = line[7:]
        return (day, tariff.calendar.month_begin(day), period_day, used_cwh, band, step)

    def close_days(self, slot, serial, until_s):
        """Charge what is due for the days that ended before `until_s`, as far as there is room -> what it comes to.
        No day that is still to come, where a clock that ran ahead has dated a register: nobody owes it yet."""
        total = self._ledger.accounts.get(slot.row, "total_charged_ucu")
        today = days.day_number(min(until_s, self._ledger.now_s()), slot.utc_offset_min)
        day = self._ledger.accounts.positions.get(slot.row)[0]
        day = max(day, today - FEE_DAYS_MAX) if day else today
        while day < today:
            tariff = self._tariffs.in_force(slot.tariff, day)
            if tariff is not None and tariff.has_fees() and not self._close_day(slot, serial, until_s, tariff, day):
                break
            day += 1
        return self._ledger.accounts.get(slot.row, "total_charged_ucu") - total

    def _close_day(self, slot, serial, until_s, tariff, day):
        """Minimum and fee of one day -> False without room."""
        _, month_day, _, _, charged_ucu = self._ledger.accounts.positions.get(slot.row)
        begin = tariff.calendar.month_begin(day)
        if month_day < begin:
            charged_ucu = 0  # nothing was charged in this month yet
        elif month_day > begin:
            charged_ucu = fees.MONTH_OPEN  # months began on another day when it was counted
        fee_ucu = fees.fee_of_day_floor_ucu(tariff, day)
        short_ucu = fees.minimum_due_ucu(tariff, day, charged_ucu + fee_ucu)
        if short_ucu and self._was_plain(slot.tariff, begin, day):
            short_ucu = 0
        for amount_ucu, cause in ((short_ucu, CAUSE_MINIMUM), (fee_ucu, CAUSE_FEE)):
            if amount_ucu and not self._charge_day(slot, serial, until_s, tariff, day, amount_ucu, cause):
                return False
        return True

    def _was_plain(self, tariff_id, begin, end):
        """True when a plain price ruled on one of these days: nobody counted what it asked."""
        for day in range(begin, end):
            tariff = self._tariffs.in_force(tariff_id, day)
            if tariff is not None and tariff.is_plain():
                return True
        return False

    def _charge_day(self, slot, serial, until_s, tariff, day, amount_ucu, cause):
        accounts = self._ledger.accounts
        _, _, period_day, used_cwh, _ = accounts.positions.get(slot.row)
        total_ucu = accounts.get(slot.row, "total_charged_ucu") + amount_ucu
        values = (slot.account, serial, 0, 0, 0, until_s, tariff.tariff, tariff.version, 0, amount_ucu, total_ucu, cause, 0)
        position = charging.position_on(tariff, (period_day, used_cwh), day)
        return note(self._ledger, kinds.CHARGE, values + (day, tariff.calendar.month_begin(day)) + position + (0, 0)) > 0
