"""What the hall asks of the meters besides energy and supply: that their clocks are right, and their covers shut (part of the hall).

Where the installer allows it, one broadcast a local day tells the time to all meters of the line (dlt645.md 6.2). Nobody answers it, so
the clocks that were to be corrected are read again and journalled: how far off before, and after. A meter obeys within five minutes,
once a day. One that is further off is told to the operator and never moved in steps: somebody has to look at what it is.

It is told only while our own clock comes from the network and is surer than what is to be corrected, and 10 minutes away from every
full hour of ours and every edge of bands: a meter moves by less than five, so it passes no midnight, no hour at which it
freezes or settles, and no edge, neither twice nor not at all. The bus tells it while no relay order is under way: the valid-until of an
order is reckoned from a clock that was read before it, and must not be moved between.

Once a day each meter is asked how often its covers were opened, where its model counts that. The first count is noted; one that grew is
an event with both. It is for people: nobody is cut for it, as who opened a cover, and why, no count can say.

Traps avoided: a restart must not tell the time again; that it was told is durable before it is. A cover that is opened while the gateway is
off is seen, as what was noted is found again in the journal; what the meter before counted is not taken for this one's.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.base.questions import COVER, TERMINAL_COVER
from firmware.clock import clock as clocks
from firmware.gateway_books import note, settle
from firmware.ledger import record_kinds as kinds

EVENT_CLOCKS_SET = const(7)  # value: how many clocks are to be corrected
EVENT_CLOCK_AFTER = const(8)  # values: s off before, and after
EVENT_CLOCK_FAR = const(9)  # value: s off
EVENT_COVER = const(10)  # values: count noted before, and now; twice the same = noted
EVENT_TERMINAL_COVER = const(11)
SURE = const(3)  # our clock is so many times surer than the smallest correction
REACH_S = const(290)  # the meter's five minutes, less what ours may be off
QUIET_S = const(600)
HOUR_S = const(3_600)
LOOK_S = const(60)
FAR = const(0x80)  # bit of a meter: its clock was told to be too far off

MARK_BYTES = const(3)  # of a meter: its two counts modulo 255, FFH = not known; FAR and the round in which it was asked last, 7FH = none
COUNT_MODULUS = const(255)
UNKNOWN = const(0xFF)
GREW_MAX = const(127)  # more is a count that went back
ROUND_MODULUS = const(127)


class MeterCare:
    """`gateway` is the hall, `ask(meter)` brings its next turn forward."""

    def __init__(self, gateway, site, ask):
        self._gateway = gateway
        self._tariffs = site.tariffs
        self._ask = ask
        self._limits = limits = site.settings.limits
        self._worth_s = limits.meter_clock_worth_s
        self._sets = site.settings.sets_meter_clocks
        self._set_day = None  # local day of the last broadcast
        self._due = False
        self._before_s = {}  # index -> how far off, of those whose clocks were set and not read since
        self._marks = bytearray(bytes((UNKNOWN, UNKNOWN, FAR - 1)) * len(site.settings.meters))

    def doors(self):
        """What of this the bus asks for."""
        return self.time_to_set, self.wants_count, self.on_count

    def on_replayed(self, values, at_s):
        """An EVENT of an earlier life."""
        code, account, value = values
        if code == EVENT_CLOCKS_SET:
            self._set_day = days.day_number(at_s, self._gateway.slots.utc_offset_min)
        elif code in (EVENT_COVER, EVENT_TERMINAL_COVER):
            slot = self._gateway.slot_of(account)
            if slot is not None:
                self._marks[MARK_BYTES * slot.index + code - EVENT_COVER] = (value & 0xFFFFFFFF) % COUNT_MODULUS

    def on_segment(self, account):
        """What was noted of its meter is perhaps of another one."""
        slot = self._gateway.slot_of(account)
        if slot is not None:
            self._forget_counts(slot.index)

    def begin(self, slot):
        """After the replay: the settings may have another meter here."""
        if self._gateway.ledger.accounts.get(slot.row, "serial") != slot.serial:
            self._forget_counts(slot.index)

    def _forget_counts(self, index):
        self._marks[MARK_BYTES * index] = self._marks[MARK_BYTES * index + 1] = UNKNOWN

    def on_tick(self, now_s):
        """Now and then: is it time to set the clocks?"""
        if self._sets and self._gateway.slots.second % LOOK_S == 0:
            self._due = self._may_set(now_s)

    def time_to_set(self):
        """The bus is free: the local time that all meters are to be told, 0 = none. It is journalled as told."""
        gateway = self._gateway
        if not self._due:
            return 0
        self._due = False
        wrong = self._wrong()
        if not wrong or not self._may_set(gateway.clock_view.stamp()[0]):
            return 0
        if not note(gateway.ledger, kinds.EVENT, (EVENT_CLOCKS_SET, 0, len(wrong))) or not settle(gateway.ledger):
            return 0
        now_s, offset_min = gateway.clock_view.stamp()[0], gateway.slots.utc_offset_min
        self._set_day = days.day_number(now_s, offset_min)
        for index in wrong:
            self._before_s[index] = gateway.clock.meter_offset_s(index)
            gateway.slots[index].clock_is_asked_again()
            self._ask(index)
        return days.local_s(now_s, offset_min)

    def on_clock(self, slot):
        """The clock of a meter was asked for."""
        clock, index = self._gateway.clock, slot.index
        offset_s = clock.meter_offset_s(index)
        if offset_s is None:
            return
        before_s = self._before_s.pop(index, None)
        if before_s is not None:
            self._tell(EVENT_CLOCK_AFTER, slot.account, two(before_s, offset_s))
        far = FAR if abs(offset_s) >= REACH_S else 0
        place = MARK_BYTES * index + 2
        if not self._is_sure() or self._marks[place] & FAR == far:
            return
        self._marks[place] ^= FAR
        if far:
            self._tell(EVENT_CLOCK_FAR, slot.account, offset_s)

    def wants_count(self, meter):
        """Which count of this meter is due to be read: COVER, TERMINAL_COVER or 0."""
        slot = self._gateway.slots[meter]
        covers = slot.model.covers
        asked = self._marks[MARK_BYTES * meter + 2] & ~FAR
        if not covers or self._gateway.slots.second < self._limits.cover_counts_first_s or asked == self._round():
            return 0
        if self._gateway.ledger.accounts.get(slot.row, "serial") != slot.serial:
            return 0  # whose meter it is nobody knows yet
        return covers & COVER or TERMINAL_COVER

    def on_count(self, meter, which, count):
        """It was read, None = it was refused or is no number -> the next one that is due, or 0."""
        slot = self._gateway.slots[meter]
        if count is not None:
            self._on_count(slot, which - COVER, count)
        if which == COVER and slot.model.covers & TERMINAL_COVER:
            return TERMINAL_COVER
        place = MARK_BYTES * meter + 2
        self._marks[place] = self._marks[place] & FAR | self._round()
        return 0

    def _round(self):
        return (self._gateway.slots.second - self._limits.cover_counts_first_s) // self._limits.cover_counts_every_s % ROUND_MODULUS

    def _on_count(self, slot, column, count):
        place = MARK_BYTES * slot.index + column
        noted = self._marks[place]
        grew = 0 if noted == UNKNOWN else (count - noted) % COUNT_MODULUS
        if noted != UNKNOWN and not grew:
            return
        before = count - grew if grew <= GREW_MAX else count
        if note(self._gateway.ledger, kinds.EVENT, (EVENT_COVER + column, slot.account, two(before, count))):
            self._marks[place] = count % COUNT_MODULUS
            settle(self._gateway.ledger)

    def _tell(self, code, account, value):
        note(self._gateway.ledger, kinds.EVENT, (code, account, value))
        settle(self._gateway.ledger)

    def _is_sure(self):
        """Our clock may judge those of the meters."""
        clock = self._gateway.clock
        if clock.quality != clocks.NETWORK or clock.pending or clock.meters_disagree:
            return False
        return self._gateway.clock_view.state()[2] * SURE <= self._worth_s

    def _may_set(self, now_s):
        offset_min = self._gateway.slots.utc_offset_min
        if not self._is_sure() or days.day_number(now_s, offset_min) == self._set_day:
            return False
        if not QUIET_S <= days.second_of_day(now_s, offset_min) % HOUR_S <= HOUR_S - QUIET_S:
            return False
        return bool(self._wrong()) and not self._near_edge(now_s)

    def _wrong(self):
        """Indexes of the meters that answer, and whose clocks are worth it and within their reach."""
        gateway = self._gateway
        wrong = []
        for index in range(len(gateway.slots)):
            offset_s = gateway.clock.meter_offset_s(index)
            if offset_s is not None and self._worth_s < abs(offset_s) < REACH_S and not gateway.slots[index].silent_turns:
                wrong.append(index)
        return wrong

    def _near_edge(self, now_s):
        """An edge of bands lies within 10 minutes."""
        seen = []
        for slot in self._gateway.slots:
            if slot.tariff in seen:
                continue
            seen.append(slot.tariff)
            tariff = self._tariffs.in_force(slot.tariff, days.day_number(now_s, slot.utc_offset_min))
            if tariff is not None and tariff.bands is not None:
                edge_s = tariff.bands.next_edge_s(now_s - QUIET_S - 1)
                if edge_s is not None and edge_s <= now_s + QUIET_S:
                    return True
        return False


def two(first, second):
    """Two numbers as the value of one EVENT: second is signed, of 32 bits."""
    return first * 0x100000000 + second
