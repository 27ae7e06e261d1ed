"""What the desks of the hall ask of the clock, and what the head-end let us know (part of the hall)."""

from firmware.gateway_replay import STANDING_AWAITS_COMPARISON


class ClockView:
    """What the desks ask of the clock, with the ticks of this moment."""

    def __init__(self, clock, ticks_ms):
        self._clock = clock
        self._ticks_ms = ticks_ms

    def state(self):
        """(now_s, quality, error_s or None, meters_disagree)."""
        now_ms = self._ticks_ms()
        clock = self._clock
        return clock.now_s(now_ms), clock.quality, clock.error_bound_s(now_ms), clock.meters_disagree

    def meter_error_s(self, meter):
        """How far that meter's clock is from ours; None when it was not read or is no date."""
        return self._clock.meter_error_s(meter)

    def meter_offset_s(self, meter):
        """What that meter's clock says minus what ours says; None when it was not read or is no date."""
        return self._clock.meter_offset_s(meter)

    def stamp(self):
        """(at_s, quality) for a record or a reading."""
        return self._clock.now_s(self._ticks_ms()), self._clock.quality


class HeadEnd:
    """What the head-end last let us know: `standing` (SPEC 5.3 field 12) and when its last word came that was certainly new."""

    def __init__(self):
        self.standing = STANDING_AWAITS_COMPARISON
        self.last_contact_s = 0
