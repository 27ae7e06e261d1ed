"""The days between the last charge and a reading, charged one by one from the meter's own daily freezes (part of the hall; design 4.7).

A freeze is the registers at a midnight of the meter, numbered from the newest. When a reading lies behind midnights that are not
settled, the bus asks for freezes from the oldest that is needed to the newest; each is charged as it comes, so nothing but one
number is kept, however long the outage was. A freeze is filed by its own time stamp: a meter that slept over a midnight has
fewer of them, one whose clock is ahead or was set back has more.

Not believed is a freeze without a value or a date, of no midnight or a future one, and one whose registers do not lie between the
last charge and the reading as the meter can have passed them. Nobody splits its midnight then: the energy up to the next freeze
or reading is of the day on which it began, and marked.

While the newest midnight may still be frozen (the meter's clock is behind, it did not answer) the reading waits: it is not believed, and
the meter is asked again soon. `freeze_wait_s` after the first such reading the estimate is made. A refusal ends the waiting at once.

Once a day the meter is asked for its settlement-day register, too, which bears no date: its own clock says which one it is. It splits
a midnight where no freeze did, and is journalled (MONTH): from it the month's final bill is made.

Traps avoided: the last believed reading must not stay behind the register that is charged, or the way to it would look like a
whole turn of the register; zeros of a meter that never froze have no date.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.base.reading import Reading, billed_registers
from firmware.gateway_books import may_cut, note, settle
from firmware.ledger import record_kinds as kinds

SETTLING_S = const(30)  # so long before the instant it may come between the two answers
SETTLED_S = const(2)  # and so long behind it the meter may still be busy with it
UPWARD_MAX = const(3)  # steps back, where a midnight seems to be missing: the numbers move when the meter freezes meanwhile


class FreezeDesk:
    """One walk at a time, as the bus asks one meter at a time."""

    def __init__(self, ledger, billing, limits):
        self._ledger = ledger
        self._billing = billing
        self._wait_s_max = limits.freeze_wait_s
        self._meter = -1  # of the walk, -1 = no freeze was asked for
        self._number = 0
        self._upward = 0
        self._waits = False  # the newest midnight is not settled, and its freeze may come yet
        self._since_s = {}  # index -> last charge before the readings that brought a new day; of those in work only

    def first(self, slot, reading):
        """Number of the first freeze to ask for before this reading is taken, 0 = none is needed."""
        self._meter = -1
        self._waits = False
        behind = _day(slot, reading.at_s) - self._first_day(slot) + 1
        if behind < 1 or not self._can_settle(slot, reading):
            self._since_s.pop(slot.index, None)
            return 0
        self._since_s.setdefault(slot.index, self._ledger.accounts.get(slot.row, "charged_at_s"))
        if not slot.model.daily_freezes:
            return 0
        self._meter = reading.meter
        self._number = min(behind, slot.model.daily_freezes)
        self._upward = UPWARD_MAX
        self._waits = True
        return self._number

    def on_freeze(self, slot, reading, refused, at_local_s, registers):
        """What the meter said to the last question (`at_local_s` None: no freeze) -> number of the next one, 0 = enough."""
        last_day = _day(slot, reading.at_s)
        day = _midnight_day(at_local_s)
        first_day = self._first_day(slot)
        if day is not None and day > first_day and self._upward and self._number < slot.model.daily_freezes:
            self._upward -= 1
            self._number += 1
            return self._number
        if day is not None and first_day <= day <= last_day:
            midnight_s = days.midnight_s(day, slot.utc_offset_min)
            charged = self._believable(slot, reading, midnight_s, registers) and self._charge(slot, reading, day, registers)
            if day == last_day or not charged and not may_cut(self._ledger):
                self._waits = False
                return 0
        if refused and self._number == 1:
            self._waits = False
        self._number -= 1
        return self._number

    def wants_settlement(self, slot):
        """Number of the settlement register to ask for after the freezes: on the first reading of a day. 0 = none."""
        return 1 if slot.index in self._since_s and not self._waits and slot.model.settlements else 0

    def on_settlement(self, slot, reading, number, clock_s, settles, registers):
        """Register `number` and the meter's own clock -> number of the next one, 0 = enough."""
        at_local_s = _settled_s(clock_s, settles, number)
        since_s = self._since_s.get(slot.index)
        if at_local_s is None or since_s is None:
            return 0
        at_s = at_local_s - slot.utc_offset_min * 60
        # a day more than is new: what was not told yesterday is told today
        if not since_s - days.DAY_S < at_s <= reading.at_s:
            return 0
        accounts = self._ledger.accounts
        new = at_s > accounts.get(slot.row, "charged_at_s")
        if new and self._believable(slot, reading, at_s, registers) or not new and self._was_passed(slot, at_s, registers):
            told = [0 if value is None else value for value in registers]
            note(self._ledger, kinds.MONTH, (slot.account, reading.serial, slot.model.rates, at_s) + tuple(told))
            day = _midnight_day(at_local_s)
            if new and day is not None:
                self._charge(slot, reading, day, registers)
            settle(self._ledger)
        return number + 1 if number < slot.model.settlements else 0

    def must_wait(self, slot, reading):
        """True while this reading cannot be charged by days yet, and no estimate is due."""
        if self._meter == reading.meter and self._waits and slot.waited_s() < self._wait_s_max:
            return True
        self._since_s.pop(slot.index, None)
        slot.wait_ends()
        return False

    def _can_settle(self, slot, reading):
        """Nothing stands against charging up to this reading but midnights."""
        billing = self._billing
        if not reading.at_s or not self._ledger.accounts.get(slot.row, "charged_at_s") or not may_cut(self._ledger):
            return False
        if billing.why_held(slot, reading) or not billing.is_bound(slot):
            return False
        return billing.tariff_now(slot, reading.at_s) is not None

    def _first_day(self, slot):
        """The first day whose midnight is not settled."""
        return _day(slot, self._ledger.accounts.get(slot.row, "charged_at_s")) + 1

    def _was_passed(self, slot, at_s, registers):
        """True when these registers, of before the last charge, can have come to it since. A new meter that never closed a month tells
        zeros: of one whose segment begins higher they are none of its registers."""
        accounts = self._ledger.accounts
        since_cwh_max = self._billing.passable_cwh(slot, at_s, accounts.get(slot.row, "charged_at_s"))
        first, last = billed_registers(slot.model.rates)
        for rate in range(first, last + 1):
            register = registers[rate]
            if register is None or register >= slot.model.modulus_cwh:
                return False
            if not register and accounts.from_cwh(slot.row, rate):
                return False
            if (accounts.charged_cwh(slot.row, rate) - register) % slot.model.modulus_cwh > since_cwh_max:
                return False
        return True

    def _believable(self, slot, reading, at_s, registers):
        """True when the meter can have shown these registers at that moment."""
        accounts = self._ledger.accounts
        modulus_cwh = slot.model.modulus_cwh
        before_cwh_max = self._billing.passable_cwh(slot, accounts.get(slot.row, "charged_at_s"), at_s)
        behind_cwh_max = self._billing.passable_cwh(slot, at_s, reading.at_s)
        first, last = billed_registers(reading.rates)
        for rate in range(first, last + 1):
            register = registers[rate]
            if register is None or register >= modulus_cwh:
                return False
            charged_cwh = accounts.charged_cwh(slot.row, rate)
            before_cwh = (register - charged_cwh) % modulus_cwh
            if before_cwh > (reading.registers[rate] - charged_cwh) % modulus_cwh:
                return False  # not on the way, whatever time there was: a clock that lied dated the last charge
            behind_cwh = (reading.registers[rate] - register) % modulus_cwh
            if before_cwh > before_cwh_max or behind_cwh > behind_cwh_max:
                return False  # backwards looks like almost a whole turn
        return not self._billing.contradicted(slot, registers)

    def _charge(self, slot, reading, day, registers):
        """Charge the days before `day` up to its midnight -> True when it was journalled (or no tariff serves those days)."""
        midnight_s = days.midnight_s(day, slot.utc_offset_min)
        charged = self._billing.charge_days(slot, reading.serial, midnight_s, registers)
        known = slot.reading
        if charged and known is not None and _is_behind(slot.model.modulus_cwh, reading, known, registers):
            frozen = Reading(reading.meter, reading.serial)
            frozen.at_s, frozen.quality, frozen.rates = midnight_s, reading.quality, reading.rates
            frozen.power_w, frozen.status_word = known.power_w, known.status_word
            frozen.registers = list(registers)
            slot.reading = frozen  # older than this second: it keeps the age of the one before
        if charged and slot.reading is not None:
            slot.uncharged_ucu = self._billing.uncharged_ucu(slot, slot.reading)
        settle(self._ledger)
        return charged


def _day(slot, at_s):
    return days.day_number(at_s, slot.utc_offset_min)


def _midnight_day(at_local_s):
    """The day that a freeze of this time begins; None when it is none, or of no midnight."""
    return None if at_local_s is None or at_local_s % days.DAY_S else at_local_s // days.DAY_S


def _settled_s(clock_s, settles, number):
    """Local seconds of the settlement instant whose register has this number, by the meter's own clock; None when nobody can say."""
    if clock_s is None or settles is None:
        return None
    year, month, _ = days.date_of_day(clock_s // days.DAY_S)
    months = year * 12 + month - 1
    at_s = _instant_s(months, settles)
    if -SETTLING_S <= clock_s - at_s < SETTLED_S:
        return None
    return _instant_s(months - number + (1 if at_s <= clock_s else 0), settles)


def _instant_s(months, settles):
    """Local seconds of the settlement instant in that month, counted from month 0 of year 0; settlement days end at 28."""
    return days.day_of_date(months // 12, months % 12 + 1, settles[0]) * days.DAY_S + settles[1] * 3600


def _is_behind(modulus_cwh, reading, known, registers):
    """True when `known` lies before the freeze on the way to `reading`."""
    first, last = billed_registers(reading.rates)
    for rate in range(first, last + 1):
        to_go_cwh = (reading.registers[rate] - known.registers[rate]) % modulus_cwh
        if to_go_cwh > (reading.registers[rate] - registers[rate]) % modulus_cwh:
            return True
    return False
