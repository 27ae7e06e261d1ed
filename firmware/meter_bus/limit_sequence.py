"""An order for a meter that has a load limit (pure): it is set, lifted, or looked at beside the relay.

    LIMIT    LIMIT_BEFORE -> WRITE -> LIMIT_AFTER (0.3, 1, 3, 10 s ...) -> finished
    RESTORE  the same, to none -> CLOCK ... as any other restore: supply is back when the limit is lifted and the relay closed
    STATUS   BEFORE -> LIMIT_BEFORE -> finished: only both together tell what a customer has

The acknowledgement of a write is no proof: the register is read back. A write that nobody answered may be done: it is looked at before it
is written again, and to write the same value twice does no more than once.

Traps avoided: a limit that cannot be lifted must not keep a relay open, so the restore goes on, and fails at its end; a limit is
a cut to who is limited, so it leaves within its time or not at all.
"""

from firmware.base import questions, relay, ticks
from firmware.base.port import const
from firmware.meter_bus.relay_sequence import CLOCK, FINISHED, LEAVE_BEFORE_MS, POLL_AFTER_MS, RelaySequence

LIMIT_BEFORE = const(8)
WRITE = const(9)
LIMIT_AFTER = const(10)
_OURS = (8, 9, 10)


class LimitSequence(RelaySequence):
    """`limit_w` is what relay.LIMIT sets; `word` the status word that a mere look has read."""

    def __init__(self, meter, action, model, limits, report, now_ms, limit_w):
        RelaySequence.__init__(self, meter, action, model, limits, report, now_ms)
        self.limit_w = limit_w if action == relay.LIMIT else relay.NO_LIMIT
        self.word = None
        self._failed = None  # (phase, word, detail) of a lift that failed
        if action != relay.STATUS:
            self.state = LIMIT_BEFORE

    def question(self):
        """What to ask now (base/questions)."""
        if self.state not in _OURS:
            return RelaySequence.question(self)
        return questions.WRITE_LIMIT if self.state == WRITE else questions.READ_LIMIT

    def argument(self):
        """The limit to write, or what goes with a relay command."""
        return self.limit_w if self.state == WRITE else RelaySequence.argument(self)

    def leave_in_time(self, now_ms):
        """A limit whose time is over is given up, unless it has left already."""
        waits = not self._sends or self.state == WRITE
        if self.action == relay.LIMIT and waits and ticks.diff(self._end_ms, now_ms) < LEAVE_BEFORE_MS:
            self._finish(relay.GIVEN_UP, 0, relay.SILENT)

    def on_limit(self, limit_w, now_ms):
        """The limit in force; None when the register holds no value."""
        if self.action == relay.STATUS:
            self.state = FINISHED
        elif limit_w is None:
            self.on_silence(now_ms)
        elif limit_w == self.limit_w:
            self._silences = 0
            self._so(limit_w, now_ms)
        elif self.state == LIMIT_BEFORE and self._sends <= self._limits.relay_resends_max:
            self._silences = 0
            self._sends += 1
            self._go(WRITE, now_ms, 0)
        elif self.state == LIMIT_AFTER and self._polls < self._limits.relay_polls_max:
            self._polls += 1
            self._go(LIMIT_AFTER, now_ms, POLL_AFTER_MS[min(self._polls, len(POLL_AFTER_MS) - 1)])
        elif self.state == LIMIT_BEFORE:  # nobody acknowledged any of the writes: the line is to blame, and it is tried again soon
            self._not_so(relay.GIVEN_UP, limit_w, relay.SILENT, now_ms)
        else:
            self._not_so(relay.DISAGREES, limit_w, 0, now_ms)

    def on_written(self, now_ms):
        """The meter acknowledged the write: go and look."""
        self._report(relay.Outcome(self.meter, self._deed(), relay.ACKNOWLEDGED, self.limit_w, 0))
        self._polls = 0
        self._go(LIMIT_AFTER, now_ms, POLL_AFTER_MS[0])

    def on_status(self, word, now_ms):
        """Status word 3; a mere look goes on to the limit."""
        if self.action == relay.STATUS and word is not None:
            self.word = word
            self._go(LIMIT_BEFORE, now_ms, 0)
        else:
            RelaySequence.on_status(self, word, now_ms)

    def on_refused(self, word, now_ms):
        """A lawful no: final for a write, and for a read of the limit, too."""
        if self.state not in _OURS:
            RelaySequence.on_refused(self, word, now_ms)
        elif self.action == relay.STATUS:
            self.state = FINISHED
        elif self.state == WRITE:
            self._not_so(relay.REFUSED, word or 0, 0, now_ms)
        else:
            self._not_so(relay.GIVEN_UP, word or 0, relay.MALFORMED, now_ms)

    def on_silence(self, now_ms):
        """No usable answer: the limit is read before anything is written again."""
        if self.state not in _OURS or self.action == relay.STATUS:
            RelaySequence.on_silence(self, now_ms)
            return
        self._silences += 1
        if self.state == WRITE:
            self._report(relay.Outcome(self.meter, self._deed(), relay.NO_ANSWER, 0, 0))
        if self._silences > self._limits.relay_silences_max:
            self._finish(relay.GIVEN_UP, 0, relay.SILENT)
        else:
            self._go(LIMIT_BEFORE, now_ms, POLL_AFTER_MS[min(self._silences, len(POLL_AFTER_MS)) - 1])

    def _deed(self):
        return relay.LIMIT if self.action == relay.LIMIT else relay.LIFT

    def _so(self, limit_w, now_ms):
        """The register is as it should be."""
        if self.action == relay.LIMIT:
            self._finish(relay.VERIFIED, limit_w, 0 if self._sends else relay.ALREADY_SO)
            return
        if self._sends:
            self._report(relay.Outcome(self.meter, relay.LIFT, relay.VERIFIED, limit_w, 0))
        self._close_relay(now_ms)

    def _not_so(self, phase, word, detail, now_ms):
        if self.action == relay.LIMIT:
            self._finish(phase, word, detail)
            return
        self._report(relay.Outcome(self.meter, relay.LIFT, phase, word, detail))
        self._failed = (phase, word, detail)
        self._close_relay(now_ms)

    def _close_relay(self, now_ms):
        self._sends = self._polls = 0
        self._go(CLOCK, now_ms, 0)

    def _finish(self, phase, word, detail):
        if self._failed is not None and phase == relay.VERIFIED:
            phase, word, detail = self._failed
        RelaySequence._finish(self, phase, word, detail)
