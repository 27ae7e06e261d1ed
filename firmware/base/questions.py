"""What the bus can ask of a meter, whatever the protocol: numbers that `meters` and `meter_bus` share.

A protocol object offers, for one question at a time:
`begin(question, meter, arg)` encodes the first request; `request`, `request_end` is what to send;
`feed(buf, start, end)` takes what came; `next_event()` -> NEED_DATA, SEND (send `request` again: a follow-up or the
next part of the question), DONE (results are on the object) or REFUSED (`error_word`); it raises WireFault when the
meter itself answers nonsense.
Results: `registers` [5] cwh or None, `status_word`, `clock_s` (the meter's local time as seconds, None when invalid),
`power_w` or None, `relay_word`; `count` or None; `limit_w` (NO_LIMIT = none is set, None = no value); `freeze_s` local seconds of a freeze,
None = there is none; `settles` (day, hour) of the month at which settlement registers are kept, None = unset. A register of a
freeze or a settlement may be None, too.
"""

from firmware.base.port import const

READ_ENERGY = const(1)
READ_STATUS = const(2)
READ_CLOCK = const(3)
READ_LOAD = const(4)
SEND_RELAY = const(5)  # arg: (action, valid-until as local seconds)
READ_FREEZE = const(6)  # arg: how many freezes back
READ_IDENTITY = const(7)
READ_SETTLEMENT = const(8)  # arg: how many settlement days back
READ_LIMIT = const(9)
WRITE_LIMIT = const(10)  # arg: W, or base/relay.NO_LIMIT
READ_COUNT = const(11)  # arg: COVER, TERMINAL_COVER: how often it was opened

COVER = const(1)  # bits of a model's `covers`
TERMINAL_COVER = const(2)

NEED_DATA = const(0)
SEND = const(1)
DONE = const(2)
REFUSED = const(3)
