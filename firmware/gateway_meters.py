"""What the hall asks of the meters besides energy and supply: that their clocks are right (part of the hall).

Where the installer allows it, one broadcast a local day tells the time to all meters of the line (dlt645.md 6.2). Nobody answers it, so
the clocks that were to be corrected are read again and journalled: how far off before, and after. A meter obeys within five minutes,
once a day. One that is further off is told to the operator and never moved in steps: somebody has to look at what it is.

It is told only while our own clock comes from the network and is surer than what is to be corrected, and 10 minutes away from every
full hour of ours and every edge of bands: a meter moves by less than five, so it passes no midnight, no hour at which it
freezes or settles, and no edge, neither twice nor not at all. The bus tells it while no relay order is under way: the valid-until of an
order is reckoned from a clock that was read before it, and must not be moved between.

Trap avoided: a restart must not tell it again; that it was told is durable before it is.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.clock import clock as clocks
from firmware.gateway_books import note, settle
from firmware.ledger import record_kinds as kinds

EVENT_CLOCKS_SET = const(7)  # value: how many clocks are to be corrected
EVENT_CLOCK_AFTER = const(8)  # values: s off before, and after
EVENT_CLOCK_FAR = const(9)  # value: s off
SURE = const(3)  # our clock is so many times surer than the smallest correction
REACH_S = const(290)  # the meter's five minutes, less what ours may be off
QUIET_S = const(600)
HOUR_S = const(3_600)
LOOK_S = const(60)
FAR = const(0x80)  # bit of a meter: its clock was told to be too far off


class MeterCare:
    """`gateway` is the hall, `ask(meter)` brings its next turn forward."""

    def __init__(self, gateway, site, ask):
        self._gateway = gateway
        self._tariffs = site.tariffs
        self._ask = ask
        self._worth_s = site.settings.limits.meter_clock_worth_s
        self._sets = site.settings.sets_meter_clocks
        self._set_day = None  # local day of the last broadcast
        self._due = False
        self._before_s = {}  # index -> how far off, of those whose clocks were set and not read since
        self._marks = bytearray(len(site.settings.meters))

    def on_replayed(self, values, at_s):
        """An EVENT of an earlier life."""
        if values[0] == EVENT_CLOCKS_SET:
            self._set_day = days.day_number(at_s, self._gateway.slots.utc_offset_min)

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
        if not self._is_sure() or self._marks[index] & FAR == far:
            return
        self._marks[index] ^= FAR
        if far:
            self._tell(EVENT_CLOCK_FAR, slot.account, offset_s)

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
