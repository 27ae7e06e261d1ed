"""Read, check, price, journal: how a reading becomes a charge (part of the hall; synchronous, never awaits).

A register is compared with the one last charged before anything is believed (design 4.9): backwards, further than the
meter could have passed, another serial number or no value is held: no charge, no cut, an event. Rollover is no fault.
Charges are journalled at local midnight, before every supply decision, and when the uncharged energy is worth more than
a limit (design 4.7); in between the uncharged value is only subtracted from the balance, with the time of its reading.
A day without energy is settled too, by a charge of nothing: the next one then begins on its own day.
Energy belongs to the tariff of the local day on which its span began: that price was certainly valid then.

Traps avoided: a clock that is not known dates nothing: energy then stays in the meter, which forgets nothing. A register
that jumped is not believed because time passes and the jump becomes possible: it must come back, or a person lets it go. A rate that
was seen only then is held where the meter's own total contradicts it. The end of a hold moves the date of the last charge, so what
passed behind it is charged first, by its own day.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.base.reading import MARK_HELD, billed_registers
from firmware.clock.clock import NETWORK
from firmware.cutoff.conditions import FLAG_READING_HELD
from firmware.gateway_books import HELD_TOO_FAR, dated_at_most_s, may_cut, note
from firmware.gateway_segment import CAUSE_SEGMENT_CLOSED, closing_lines, closing_reading
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import FLAG_ELSEWHERE, FLAG_MOVED_OUT
from firmware.tariff import pricing

HELD_RELEASED = const(0)
HELD_BACKWARDS = const(1)
HELD_OTHER_SERIAL = const(3)
HELD_NO_VALUE = const(4)
HELD_NOT_IN_TOTAL = const(5)

CAUSE_MIDNIGHT = const(1)
CAUSE_EDGE = const(2)
CAUSE_DECISION = const(3)
CAUSE_LIMIT = const(4)

MARK_UNSPLIT_MIDNIGHT = const(2)
MARK_MORE = const(4)

REGISTERS = const(5)
NO_SERIAL = bytes(6)
JOULES_PER_CWH = const(36_000)  # 0.01 kWh = 10 Wh


class Billing:
    """Prices readings of `slots` (gateway.Slot) against the ledger; `tariffs` is a TariffBook."""

    def __init__(self, ledger, tariffs, limits, clock_view):
        self._ledger, self._tariffs, self._limits, self._clock_view = ledger, tariffs, limits, clock_view
        self._loaded = self._loaded_rates = None

    @property
    def _rich(self):
        """What tariffs with bands, steps or fees need: loaded when the first one is charged."""
        if self._loaded is None:
            from firmware.gateway_charges import RichCharges

            self._loaded = RichCharges(self._ledger, self._tariffs)
        return self._loaded

    @property
    def _rates(self):
        """What meters with rates need."""
        if self._loaded_rates is None:
            from firmware.gateway_rates import RateCheck

            self._loaded_rates = RateCheck(self._ledger)
        return self._loaded_rates

    def why_held(self, slot, reading):
        """0, or the reason why this reading must not be believed (HELD record)."""
        if slot.serial != reading.serial:
            return HELD_OTHER_SERIAL
        first, last = billed_registers(reading.rates)
        for rate in range(first, last + 1):
            if reading.registers[rate] is None or reading.registers[rate] >= slot.model.modulus_cwh:
                return HELD_NO_VALUE
        if not self.is_bound(slot) or self.waits_for_date(slot, reading):
            return 0
        rate = self._suspect_rate(slot, reading)
        if rate >= 0:
            # far more than half the register's range is a step back seen through the rollover
            return HELD_BACKWARDS if self._passed_cwh(slot, reading, rate) > slot.model.modulus_cwh // 2 else HELD_TOO_FAR
        if self._goes_on_from_jump(slot, reading):
            return HELD_TOO_FAR
        return HELD_NOT_IN_TOTAL if self.contradicted(slot, reading.registers) else 0

    def contradicted(self, slot, registers):
        """True when the rates of a meter passed more than its total."""
        return slot.model.rates > 0 and self._rates.contradicted(slot, registers)

    def waits_for_date(self, slot, reading):
        """True when nothing can be said of this reading yet: how much could have passed since the last life is not known."""
        if slot.reading is not None or not self.is_bound(slot):
            return False
        # by less our clock is behind the last charge when a midnight passed while freezes were read
        behind_s = self._ledger.accounts.get(slot.row, "charged_at_s") - reading.at_s - self._limits.plausible_slack_s
        return not reading.at_s or behind_s > 0 and reading.quality < NETWORK

    def _suspect_rate(self, slot, reading):
        """The first register that passed more than the meter could, -1 when there is none."""
        first, last = billed_registers(reading.rates)
        for rate in range(first, last + 1):
            if self._passed_cwh(slot, reading, rate) > self._could_have_passed_cwh(slot, reading):
                return rate
        return -1

    def _passed_cwh(self, slot, reading, rate):
        """Energy since the last believed reading; in a new life since the last charge."""
        before_cwh = self._ledger.accounts.charged_cwh(slot.row, rate) if slot.reading is None else slot.reading.registers[rate]
        # a model with a smaller register came in place of the right one: what stands in the books cannot be reached
        return (reading.registers[rate] - before_cwh) % slot.model.modulus_cwh if before_cwh < slot.model.modulus_cwh else before_cwh

    def _goes_on_from_jump(self, slot, reading):
        """True while the register that was held for a jump still stands where it jumped to, or beyond."""
        if slot.jumped is None:
            return False
        rate, jumped_cwh = slot.jumped
        return (reading.registers[rate] - jumped_cwh) % slot.model.modulus_cwh < slot.model.modulus_cwh // 2

    def _could_have_passed_cwh(self, slot, reading):
        """Energy at the meter's limit since then, with a margin of a quarter, rounded up."""
        if slot.reading is None:
            since_s = self._ledger.accounts.get(slot.row, "charged_at_s")
            return self._limit_cwh(slot, since_s, dated_at_most_s(self._clock_view, slot, since_s, reading))
        by_wall_s = reading.at_s - slot.reading.at_s if slot.reading.at_s else 0
        return self._passable_cwh(slot, max(by_wall_s, slot.reading_age_s))

    def _limit_cwh(self, slot, before_s, after_s):
        if not before_s:
            return slot.model.modulus_cwh // 2  # undated: only a step back can be told
        return self._passable_cwh(slot, max(0, after_s - before_s))

    def _passable_cwh(self, slot, elapsed_s):
        passable_cwh = slot.max_power_w * (elapsed_s + self._limits.plausible_slack_s) * 5 // 4 // JOULES_PER_CWH + 1
        return min(passable_cwh, slot.model.modulus_cwh // 2)  # more is a step back, however long a clock says that it took

    def passable_cwh(self, slot, before_s, after_s):
        """The most that the meter can have passed between two dated moments."""
        return self._passable_cwh(slot, max(0, after_s - before_s))

    def hold(self, slot, reading, why):
        """Journal a held reading once per episode of holding."""
        reading.marks |= MARK_HELD
        accounts = self._ledger.accounts
        if slot.held == why and slot.held_sequence:
            return
        slot.held = why
        rate = billed_registers(reading.rates)[0]
        if why in (HELD_BACKWARDS, HELD_TOO_FAR):
            rate = max(rate, self._suspect_rate(slot, reading))
        elif why == HELD_NOT_IN_TOTAL:
            rate = self._rates.foremost(slot, reading.registers)
        register = reading.registers[rate]
        if why == HELD_TOO_FAR and slot.jumped is None:
            slot.jumped = (rate, register)
        last_cwh = accounts.charged_cwh(slot.row, rate) if self.is_bound(slot) else 0
        values = (slot.account, reading.serial, why, rate, 0 if register is None else register, last_cwh)
        slot.held_sequence = note(self._ledger, kinds.HELD, values)

    def let_go(self, slot, reading):
        """A believable reading ends the holding by itself, once all that passed behind it is charged."""
        accounts = self._ledger.accounts
        if not accounts.get(slot.row, "flags") & FLAG_READING_HELD:
            return
        first, last = billed_registers(reading.rates)
        for rate in range(first, last + 1):
            if accounts.charged_cwh(slot.row, rate) != reading.registers[rate]:
                return  # no tariff or no room: the date of the last charge must stay
        register_cwh = reading.registers[first]
        note(self._ledger, kinds.HELD, (slot.account, reading.serial, HELD_RELEASED, first, register_cwh, register_cwh))
        if self.contradicted(slot, reading.registers):
            self._rates.agree(slot, reading.registers)  # the operator had all of it charged

    def write_off(self, slot, reading):
        """The operator lets a held reading go: charging goes on from its registers, and it counts as believed."""
        first, last = billed_registers(reading.rates)
        for rate in range(first, last + 1):
            charged_cwh = self._ledger.accounts.charged_cwh(slot.row, rate)
            values = (slot.account, reading.serial, HELD_RELEASED, rate, reading.registers[rate], charged_cwh)
            note(self._ledger, kinds.HELD, values)
        if first:
            self._rates.agree(slot, reading.registers)
        slot.held = 0
        slot.jumped = None
        slot.reading = reading
        slot.uncharged_ucu = self.uncharged_ucu(slot, reading)

    def is_bound(self, slot):
        """True when the account's segment is on this meter, by the registers that its model bills and the ratio before it."""
        return self._ledger.accounts.ratio_of(slot.row) == slot.ratio and self._bills_on(slot)

    def _bills_on(self, slot):
        """True when the same registers of the same meter bill, whatever their ratio: nothing passes between two such segments."""
        accounts = self._ledger.accounts
        return accounts.get(slot.row, "serial") == slot.serial and accounts.get(slot.row, "rates") == slot.model.rates

    def begin(self, slots):
        """End the segments that the settings ended: of accounts with another meter now, and of those whose meter is another's."""
        accounts = self._ledger.accounts
        for slot in slots:
            if accounts.get(slot.row, "serial") != NO_SERIAL and not self.is_bound(slot) and may_cut(self._ledger):
                self._close_segment(slot)
                if self._bills_on(slot):
                    self._go_on(slot)
                else:
                    self._unbind(slot.account)
        ours = [slot.row for slot in slots]
        for row in range(accounts.count):
            if row in ours:
                continue
            for slot in slots:
                if accounts.get(row, "serial") == slot.serial and may_cut(self._ledger):
                    lines, _, _ = self.closing(row, slot)
                    self._write_off_lines(accounts.account(row), slot.serial, lines)  # nobody knows its tariff any more
                    self._unbind(accounts.account(row))

    def _unbind(self, account):
        note(self._ledger, kinds.SEGMENT, (account, NO_SERIAL, 0, 0, 0, 0, 0, 0))

    def bind(self, slot, reading):
        """First believable reading of this meter for this account: charging begins at its registers -> 0, or why it is held."""
        if not may_cut(self._ledger):
            return HELD_OTHER_SERIAL
        if self._ledger.accounts.get(slot.row, "serial") != NO_SERIAL:
            self._close_segment(slot)
        if self._bills_on(slot):
            return self.why_held(slot, reading) if self._go_on(slot) else HELD_OTHER_SERIAL
        values = (slot.account, reading.serial, reading.rates) + tuple([0 if value is None else value for value in reading.registers])
        if slot.ratio != 1:
            values += (slot.ratio, reading.at_s or self._ledger.now_s())  # undated, no jump behind it could be told
        return 0 if note(self._ledger, kinds.SEGMENT, values) else HELD_OTHER_SERIAL

    def _go_on(self, slot):
        """Another ratio: the next segment begins where this one ended, in registers and in time -> False without room."""
        since_s = self._ledger.accounts.get(slot.row, "charged_at_s")
        values = (slot.account, slot.serial, slot.model.rates) + self.reached(slot) + (slot.ratio, since_s)
        return note(self._ledger, kinds.SEGMENT, values) > 0

    def reached(self, slot):
        """The registers at which a segment begins that goes on from this one: those charged last, and the total that goes with rates."""
        registers = [self._ledger.accounts.charged_cwh(slot.row, rate) for rate in range(REGISTERS)]
        if slot.model.rates:
            registers[0] = self._rates.total_with(slot, registers)
        return tuple(registers)

    def _close_segment(self, slot):
        """Settle the meter, or the registers, that billed until now."""
        accounts = self._ledger.accounts
        serial, since_s = accounts.get(slot.row, "serial"), accounts.get(slot.row, "charged_at_s")
        lines, marks, at_s = self.closing(slot.row, slot)
        tariff = self.tariff_now(slot, since_s, accounts.get(slot.row, "rates"))
        if tariff is None:
            self._write_off_lines(slot.account, serial, lines)
            return
        self._close_days(slot, serial, since_s)
        priced, ratio = [], accounts.ratio_of(slot.row)
        before, after = [0] * REGISTERS, [0] * REGISTERS
        for rate, from_cwh, to_cwh in lines:
            price = tariff.price_of(rate)
            priced.append((rate, from_cwh, to_cwh, price, (to_cwh - from_cwh) % slot.model.modulus_cwh * ratio * price))
            before[rate], after[rate] = from_cwh, to_cwh
        if not tariff.is_plain():
            priced = self._rich.lines(slot, tariff, (since_s, at_s), before, after, accounts.get(slot.row, "rates"), True)
        if days.midnight_lies_between(since_s, at_s, slot.utc_offset_min):
            marks |= MARK_UNSPLIT_MIDNIGHT
        self._journal(slot, priced, (serial, at_s), tariff, (CAUSE_SEGMENT_CLOSED, marks))

    def closing(self, row, slot):
        """(lines, marks, at_s) from the last charge of `row` to its closing registers; `slot` has the meter's limits."""
        accounts = self._ledger.accounts
        since_s = at_s = accounts.get(row, "charged_at_s")
        registers = None
        if since_s:  # what a board read before it was given its state may be of another meter
            oldest_s = max(since_s, accounts.given_at_s + 1)
            registers, at_s = closing_reading(self._ledger.readings, accounts.account(row), oldest_s, self._ledger.now_s())
            at_s = since_s if registers is None else at_s
        first, last = billed_registers(accounts.get(row, "rates"))
        charged_cwh = [(rate, accounts.charged_cwh(row, rate)) for rate in range(first, last + 1)]
        lines, marks = closing_lines(charged_cwh, registers, slot.model.modulus_cwh, self._limit_cwh(slot, since_s, at_s))
        return lines, marks, at_s

    def _write_off_lines(self, account, serial, lines):
        for rate, from_cwh, to_cwh in lines:
            note(self._ledger, kinds.HELD, (account, serial, HELD_RELEASED, rate, to_cwh, from_cwh))

    def tariff_now(self, slot, at_s, rates=None):
        """The tariff in force for this slot at `at_s`, or None (then energy accumulates unpriced, as it does where nobody lives)."""
        if not at_s or self._ledger.accounts.get(slot.row, "flags") & (FLAG_MOVED_OUT | FLAG_ELSEWHERE):
            return None
        tariff = self._tariffs.in_force(slot.tariff, days.day_number(at_s, slot.utc_offset_min))
        if tariff is None or not tariff.serves(slot.model.rates if rates is None else rates):
            return None
        return tariff

    def _tariff_of(self, slot, reading):
        """The tariff for the energy up to this reading: of the day on which it began, else of its last day; or None."""
        charged_at_s = self._ledger.accounts.get(slot.row, "charged_at_s")
        tariff = self.tariff_now(slot, min(charged_at_s, reading.at_s))
        return self.tariff_now(slot, reading.at_s) if tariff is None else tariff

    def uncharged_ucu(self, slot, reading):
        """Worth of the energy since the last charge, or None without a valid tariff."""
        tariff = self._tariff_of(slot, reading)
        if tariff is None:
            return None
        return pricing.total_ucu(self._lines(slot, tariff, reading.at_s, reading.registers, reading.rates, False))

    def _lines(self, slot, tariff, at_s, registers, rates, settles):
        """Charge lines from the last charge to these registers; with `settles` one at least, of nothing when nothing moved."""
        accounts = self._ledger.accounts
        charged = [accounts.charged_cwh(slot.row, rate) for rate in range(REGISTERS)]
        if not tariff.is_plain():
            span_s = (accounts.get(slot.row, "charged_at_s"), at_s)
            return self._rich.lines(slot, tariff, span_s, charged, registers, rates, settles)
        lines = pricing.charge_lines(tariff, rates, charged, registers, slot.model.modulus_cwh, accounts.ratio_of(slot.row))
        if settles and not lines:
            rate = billed_registers(rates)[0]
            lines = [(rate, registers[rate], registers[rate], tariff.price_of(rate), 0)]
        return lines

    def due_cause(self, slot, reading, uncharged_ucu):
        """0, or why the uncharged energy must be journalled at this reading."""
        accounts = self._ledger.accounts
        charged_at_s = accounts.get(slot.row, "charged_at_s")
        if not charged_at_s or days.midnight_lies_between(charged_at_s, reading.at_s, slot.utc_offset_min):
            return CAUSE_MIDNIGHT  # bound without a clock: the first day that is known begins now
        if accounts.get(slot.row, "flags") & FLAG_READING_HELD:
            return CAUSE_DECISION
        if self._passed_edge(slot, charged_at_s, reading.at_s):
            return CAUSE_EDGE
        if uncharged_ucu is not None and uncharged_ucu >= self._limits.uncharged_max_ucu:
            return CAUSE_LIMIT
        return 0

    def _passed_edge(self, slot, charged_at_s, at_s):
        """True when the price changed since the last charge by the hours of the tariff."""
        tariff = self.tariff_now(slot, charged_at_s)
        if tariff is None or tariff.bands is None:
            return False
        edge_s = tariff.bands.next_edge_s(tariff.bands.counted_s(charged_at_s))
        return edge_s is not None and edge_s <= tariff.bands.counted_s(at_s)

    def charge(self, slot, reading, cause):
        """Journal the uncharged energy -> amount in ucu (0: nothing to charge, no tariff, or no room for charges)."""
        tariff = self._tariff_of(slot, reading)
        if tariff is None:
            return 0
        self._close_days(slot, reading.serial, self._ledger.accounts.get(slot.row, "charged_at_s"))  # a power cut left them open
        settles = cause in (CAUSE_MIDNIGHT, CAUSE_EDGE)
        lines = self._lines(slot, tariff, reading.at_s, reading.registers, reading.rates, settles)
        charged_at_s = self._ledger.accounts.get(slot.row, "charged_at_s")
        marks = MARK_UNSPLIT_MIDNIGHT if days.midnight_lies_between(charged_at_s, reading.at_s, slot.utc_offset_min) else 0
        amount_ucu = self._journal(slot, lines, (reading.serial, reading.at_s), tariff, (cause, marks))
        return amount_ucu + self._close_days(slot, reading.serial, reading.at_s)

    def _close_days(self, slot, serial, until_s):
        """Fees of the days that ended before `until_s`, once all energy up to there is charged -> what they come to."""
        accounts = self._ledger.accounts
        if not accounts.positions.are_kept() or accounts.get(slot.row, "charged_at_s") != until_s:
            return 0
        return self._rich.close_days(slot, serial, until_s)

    def charge_days(self, slot, serial, midnight_s, registers):
        """Journal the energy up to a frozen midnight, by the tariff of its first day, else of its last one -> False without room.

        Without a tariff on these days nothing is charged: the energy waits for the next freeze, and for a day that has one.
        """
        accounts = self._ledger.accounts
        since_s = accounts.get(slot.row, "charged_at_s")
        tariff = self.tariff_now(slot, since_s) or self.tariff_now(slot, midnight_s - 1)
        if tariff is None:
            return True
        self._close_days(slot, serial, since_s)
        lines = self._lines(slot, tariff, midnight_s, registers, slot.model.rates, True)
        marks = MARK_UNSPLIT_MIDNIGHT if days.midnight_lies_between(since_s, midnight_s - 1, slot.utc_offset_min) else 0
        self._journal(slot, lines, (serial, midnight_s), tariff, (CAUSE_MIDNIGHT, marks))
        self._close_days(slot, serial, midnight_s)
        return accounts.get(slot.row, "charged_at_s") == midnight_s

    def _journal(self, slot, lines, whose, tariff, why):
        """CHARGE records of these lines -> what they come to together."""
        serial, at_s = whose
        amount_all = 0
        total = self._ledger.accounts.get(slot.row, "total_charged_ucu")
        for line in lines:
            rate, from_cwh, to_cwh, price, amount = line[:5]
            cause, marks = why
            further = ()
            if len(line) > 5:
                marks |= line[5] if line is lines[-1] else line[5] | MARK_MORE
                further = self._rich.fields(tariff, line)
            values = (slot.account, serial, rate, from_cwh, to_cwh, at_s, tariff.tariff, tariff.version)
            if not note(self._ledger, kinds.CHARGE, values + (price, amount, total + amount, cause, marks) + further):
                break  # no room for more: the meter remembers
            total += amount
            amount_all += amount
        return amount_all
