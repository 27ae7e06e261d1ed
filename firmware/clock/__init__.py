"""What time it is and how sure we are. Pure; ticks come as arguments.

clock.py    `Clock(limits)`; quality NONE 0, METERS 1, RTC 2, NETWORK 3 (as in SPEC 1).
            `on_tick(now_ms)`                     at least every 6 days, so that wrapped ticks are not lost
            `now_s(now_ms) -> s`                  0 = unknown (as in records)
            `quality`                             of the source that set the clock last
            `error_bound_s(now_ms) -> s or None`  grows with drift since the last sync; None = unknown; a pending step counts whole
            `on_network_time(s, now_ms, uncertainty_ms) -> IGNORED | SET | STEPPED | PENDING`
            `on_rtc(s, now_ms) -> the same`       at start, and as second source
            `on_meter_clock(meter, local_s, utc_offset_min, now_ms) -> the same`   local_s None = not a date; dates and vetoes only
            `meter_error_s(meter) -> s or None`   how far that meter's clock is from ours (facts.meter_clock_error_s); None = not known
            `meter_offset_s(meter) -> s or None`  what it says minus what ours says
            `meters_disagree`                     most meter clocks contradict ours: veto (facts.meters_disagree)
            `pending`                             True while a step of over an hour waits for a second source
            `before_s`, `after_s`, `source`       of the last SET/STEPPED/PENDING: fields of the CLOCK record (journal STEPPED)
            `local(at_s, utc_offset_min) -> local seconds`; days and weekdays are in base/days.py.
"""
