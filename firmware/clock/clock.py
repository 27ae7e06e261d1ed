"""What time it is and how sure we are (DESIGN: clock; design section 5, Clock). Pure: ticks are arguments.

Quality is network > battery-backed RTC > meters > none. The error bound is the uncertainty of the last sync plus the
worst drift since. Meter clocks date the books while nothing better is known, and may veto; they never permit a cut. A
step of over an hour of a known clock is held until a second source agrees; meanwhile the error bound contains the whole
step, so cuts stop by themselves.

Traps avoided: ticks wrap after 12 days, so elapsed time is added up piece by piece and the anchor moves along; an RTC
without its battery starts in 2000, so a date before this firmware existed is no time at all.
"""

from firmware.base import days, ticks
from firmware.base.faults import require
from firmware.base.port import const

NONE = const(0)
METERS = const(1)
RTC = const(2)
NETWORK = const(3)

IGNORED = const(0)  # nothing new
SET = const(1)  # first time, or a correction inside the error bound
STEPPED = const(2)  # a known clock was moved by more than its error bound: journal CLOCK
PENDING = const(3)  # held until a second source agrees

FIRST_S = const(1735689600)  # 2025-01-01
LAST_S = const(4102444799)  # 2099-12-31 23:59:59


class Clock:
    """Clock(limits). `before_s`, `after_s`, `source` describe the last change or held step."""

    def __init__(self, limits):
        self.quality = NONE
        self.pending = False
        self.before_s = 0
        self.after_s = 0
        self.source = NONE
        self._limits = limits
        self._anchor_ms = None  # ticks at which _at_s began
        self._at_s = 0
        self._age_s = 0  # since the last sync
        self._uncertainty_ms = 0
        self._pending_offset_s = 0  # what the held source says minus what we say
        self._pending_source = NONE
        self._pending_uncertainty_ms = 0
        self._meter_offset_s = [None] * limits.meters_max  # what each meter says minus what we say

    def on_tick(self, now_ms):
        """Take elapsed ticks over; due at least every 6 days."""
        if self._anchor_ms is None:
            self._anchor_ms = now_ms
            return
        seconds = ticks.diff(now_ms, self._anchor_ms) // 1000
        if seconds <= 0:
            return
        self._anchor_ms = ticks.add(self._anchor_ms, seconds * 1000)
        self._age_s += seconds
        if self.quality != NONE:
            self._at_s += seconds

    def now_s(self, now_ms):
        """Wall seconds, or 0 when the time is not known."""
        self.on_tick(now_ms)
        return self._at_s

    def error_bound_s(self, now_ms):
        """How far the true time may be from `now_s`, rounded up; None when the time is not known."""
        self.on_tick(now_ms)
        if self.quality == NONE:
            return None
        bound_s = (self._bound_ms() + 999) // 1000
        if self.pending:
            bound_s += abs(self._pending_offset_s)
        return bound_s

    def on_network_time(self, s, now_ms, uncertainty_ms):
        """Authenticated time of the head-end, true at `now_ms` within `uncertainty_ms`."""
        require(uncertainty_ms >= 0, "negative uncertainty")
        return self._offer(NETWORK, s, now_ms, uncertainty_ms)

    def on_rtc(self, s, now_ms):
        """The battery-backed clock; None or an impossible date is ignored."""
        return self._offer(RTC, s, now_ms, self._limits.clock_rtc_error_s * 1000)

    def on_meter_clock(self, meter, local_s, utc_offset_min, now_ms):
        """Local time of meter index `meter`, None when it is no date. It dates unknown time, confirms a step, or vetoes."""
        self.on_tick(now_ms)
        s = None if local_s is None else local_s - utc_offset_min * 60
        if not _plausible(s):
            self._meter_offset_s[meter] = None
            return IGNORED
        if self.quality == NONE:
            return self._date_by_meter(meter, s, now_ms)
        self._meter_offset_s[meter] = s - self._at_s
        if self.pending and self._meters_confirm():
            return self._take_pending(now_ms)
        if self.quality == METERS and self.meters_disagree:
            return self._date_by_meter(meter, s, now_ms)  # the first meter that dated us was the odd one
        return IGNORED

    def meter_offset_s(self, meter):
        """What the clock of that meter says minus what ours says; None when it was not read or is no date."""
        return self._meter_offset_s[meter]

    def meter_error_s(self, meter):
        """How far the clock of that meter is from ours; None when it was not read or is no date."""
        offset_s = self._meter_offset_s[meter]
        return None if offset_s is None else abs(offset_s)

    @property
    def meters_disagree(self):
        """True when two or more meter clocks, and more than half of those known, contradict ours."""
        known = 0
        against = 0
        for offset_s in self._meter_offset_s:
            if offset_s is not None:
                known += 1
                if not self._close(offset_s, 0):
                    against += 1
        return against >= 2 and against * 2 > known

    def local(self, at_s, utc_offset_min):
        """Wall seconds -> seconds of the local wall clock."""
        return days.local_s(at_s, utc_offset_min)

    def _offer(self, source, s, now_ms, uncertainty_ms):
        self.on_tick(now_ms)
        if not _plausible(s):
            return IGNORED
        if self.quality <= METERS:
            return self._set(source, s, now_ms, uncertainty_ms)
        offset_s = s - self._at_s
        if self.pending and source != self._pending_source and self._close(offset_s, self._pending_offset_s):
            return self._take_pending(now_ms)
        if source < self.quality:
            return IGNORED
        if abs(offset_s) > self._limits.clock_step_s_max:
            return self._hold(source, offset_s, now_ms, uncertainty_ms)
        if self.pending and source == self._pending_source:
            self.pending = False
        bound_ms = self._bound_ms()
        if source == self.quality and uncertainty_ms >= bound_ms and abs(offset_s) * 1000 <= bound_ms:
            return IGNORED
        return self._set(source, s, now_ms, uncertainty_ms)

    def _hold(self, source, offset_s, now_ms, uncertainty_ms):
        self.pending = True
        self._pending_source = source
        self._pending_offset_s = offset_s
        self._pending_uncertainty_ms = uncertainty_ms
        if self._meters_confirm():
            return self._take_pending(now_ms)
        self._note(source, self._at_s, self._at_s + offset_s)
        return PENDING

    def _take_pending(self, now_ms):
        s = self._at_s + self._pending_offset_s
        return self._set(self._pending_source, s, now_ms, self._pending_uncertainty_ms + 1000)

    def _meters_confirm(self):
        """More meter clocks agree with the held step than with us."""
        votes = 0
        for offset_s in self._meter_offset_s:
            if offset_s is not None:
                if self._close(offset_s, self._pending_offset_s):
                    votes += 1
                elif self._close(offset_s, 0):
                    votes -= 1
        return votes > 0

    def _date_by_meter(self, meter, s, now_ms):
        verdict = self._set(METERS, s, now_ms, self._limits.clock_meters_apart_s_max * 1000)
        self._meter_offset_s[meter] = 0
        return verdict

    def _set(self, source, s, now_ms, uncertainty_ms):
        moved_s = s - self._at_s
        stepped = self.quality != NONE and abs(moved_s) * 1000 > self._bound_ms()
        for meter in range(len(self._meter_offset_s)):
            if self._meter_offset_s[meter] is not None:
                self._meter_offset_s[meter] -= moved_s
        self._note(source, self._at_s, s)
        self.quality = source
        self.pending = False
        self._at_s = s
        self._anchor_ms = now_ms
        self._age_s = 0
        self._uncertainty_ms = uncertainty_ms
        return STEPPED if stepped else SET

    def _note(self, source, before_s, after_s):
        self.source = source
        self.before_s = before_s
        self.after_s = after_s

    def _bound_ms(self):
        return self._uncertainty_ms + (self._age_s * self._limits.clock_drift_ppm_max + 999) // 1000

    def _close(self, offset_s, other_s):
        return abs(offset_s - other_s) <= self._limits.clock_meters_apart_s_max


def _plausible(s):
    return s is not None and FIRST_S <= s <= LAST_S
