"""One relay order from clock to proof (dlt645.md 3.5), pure: `question()` says what to ask, `on_*` takes the answer.

    CLOCK -> BEFORE -> COMMAND -> AFTER (0.3, 1, 3, 10, 30, 60 s ...) -> LOAD (cuts only) -> finished
      ^- silence -+      |  no answer
                         +-> CLOCK_AGAIN -> UNSURE: resend only while both relay bits show the old state

The acknowledgement 9C is never proof: the status word is read back until it agrees, and after a cut the load too.
Reading the clock before every status read that follows a silence keeps a late status answer from being taken for the
present one: it arrives while another item is expected, and is dropped.

A cut was judged for the time until its valid-until: it leaves before that or not at all, however long the meter was silent
or the line busy, and a later reading of the clock does not make it valid for longer.

Traps avoided: a command is never repeated blindly; valid-until comes from the meter's own clock; "b6 close, b4 open" is
a meter that waits for its button, not a failure. A restore does not fail on a bad meter clock (a late cut costs coins,
a withheld restore harms a person): it is sent with a valid-until that cannot be past.
"""

from firmware.base import questions, relay, ticks
from firmware.base.port import const

CLOCK = const(0)
BEFORE = const(1)
COMMAND = const(2)
AFTER = const(3)
LOAD = const(4)
CLOCK_AGAIN = const(5)
UNSURE = const(6)
FINISHED = const(7)

BIT_RELAY_OPEN = const(0x10)
BIT_COMMAND_OPEN = const(0x40)
BIT_ALARM = const(0x80)
BITS_PURSE = const(0x300)
BIT_KEEP_POWER = const(0x1000)

POLL_AFTER_MS = (300, 1_000, 3_000, 10_000, 30_000, 60_000)  # the last repeats
LEAVE_BEFORE_MS = const(10_000)  # the command is on its way for less, and must arrive while it is valid
END_OF_CLOCK_S = const(4102444799)  # 2099-12-31 23:59:59, the last date that two BCD digits of the year hold


class RelaySequence:
    """One order for one meter. `report(outcome)` is called for each phase (SPEC 2, kind 14), in order.

    Thirty of them may wait at once: a thirteenth attribute would cost each of them 48 bytes.
    """

    def __init__(self, meter, action, model, limits, report, now_ms):
        self.meter = meter
        self.action = action
        self.due_ms = now_ms
        self.state = BEFORE if action == relay.STATUS else CLOCK
        self._model = model
        self._limits = limits
        self._report = report
        self._end_ms = ticks.add(now_ms, limits.relay_valid_s * 1000)
        self._valid_until_s = None
        self._polls = 0
        self._silences = 0
        self._sends = 0

    def failing(self):
        """True while the meter has not answered: it is only probed then, others wait behind each attempt."""
        return self._silences > 0

    def sent(self):
        """True once the command may have left."""
        return self._sends > 0

    def begun(self):
        """True when it should not be left half done: a command that left, and light that somebody waits for."""
        return self._sends > 0 or self.action == relay.RESTORE

    def question(self):
        """What to ask now (base/questions)."""
        if self.state in (CLOCK, CLOCK_AGAIN):
            return questions.READ_CLOCK
        if self.state == COMMAND:
            return questions.SEND_RELAY
        return questions.READ_LOAD if self.state == LOAD else questions.READ_STATUS  # BEFORE, AFTER, UNSURE

    def argument(self):
        """(action, valid-until as the meter's local seconds) for SEND_RELAY."""
        return (self.action, END_OF_CLOCK_S if self._valid_until_s is None else self._valid_until_s)

    def leave_in_time(self, now_ms):
        """To be called before each question: a cut whose time is over is given up, unless it has left already."""
        if self.action != relay.CUT or self.state not in (CLOCK, BEFORE, COMMAND):
            return
        if ticks.diff(self._end_ms, now_ms) < LEAVE_BEFORE_MS:
            self._finish(relay.GIVEN_UP, 0, relay.SILENT)

    def cancel(self):
        """A newer order for this meter overtakes this one."""
        if self.state != FINISHED:
            self._finish(relay.GIVEN_UP, 0, relay.SUPERSEDED)

    def on_clock(self, clock_s, now_ms):
        """The meter's local time, or None when it is not a date."""
        self._silences = 0
        self._valid_until_s = None
        if clock_s is not None:
            left_s = ticks.diff(self._end_ms, now_ms) // 1000
            valid_s = left_s if self.action == relay.CUT else self._limits.relay_valid_s
            self._valid_until_s = min(clock_s + valid_s, END_OF_CLOCK_S)
        if clock_s is None and self.action == relay.CUT:
            self._finish(relay.GIVEN_UP, 0, relay.BAD_METER_CLOCK)
        elif self.state == CLOCK:
            self._go(BEFORE, now_ms, 0)
        elif self.state == CLOCK_AGAIN:
            self._go(UNSURE, now_ms, 0)

    def on_status(self, word, now_ms):
        """Status word 3, or None when it holds no value."""
        if word is None:
            self.on_silence(now_ms)
            return
        self._silences = 0
        if self.state == BEFORE:
            self._before(word, now_ms)
        elif self.state == UNSURE:
            if self._unmoved(word):
                self._send_again(word, now_ms)
            else:
                self._verify(word, now_ms)
        elif self.state == AFTER:
            self._verify(word, now_ms)

    def on_relay_word(self, word, now_ms):
        """The meter acknowledged the command: remember, and go and look."""
        self._report(relay.Outcome(self.meter, self.action, relay.ACKNOWLEDGED, word or 0, 0))
        self._polls = 0
        self._go(AFTER, now_ms, POLL_AFTER_MS[0])

    def on_load(self, power_w, now_ms):
        """Power after a cut, of the customer and not of the meter behind transformers; None when the meter does not tell."""
        if power_w is not None and power_w > self._limits.load_after_cut_w_max:
            self._finish(relay.DISAGREES, min(power_w, 0xFFFF), relay.LOAD_AFTER_CUT)
        else:
            self.state = FINISHED

    def on_refused(self, word, now_ms):
        """A lawful no. To the command: final, never repeated (password lock-out). To a read: the meter cannot tell."""
        if self.state == COMMAND:
            self._finish(relay.REFUSED, word or 0, 0)
        elif self.state == LOAD:
            self.state = FINISHED
        elif self.state in (CLOCK, CLOCK_AGAIN):
            self.on_clock(None, now_ms)
        else:
            self._finish(relay.GIVEN_UP, word or 0, relay.MALFORMED)

    def on_silence(self, now_ms):
        """No usable answer, all retries of a read included."""
        self._silences += 1
        if self.state == COMMAND:
            self._report(relay.Outcome(self.meter, self.action, relay.NO_ANSWER, 0, 0))
            self._go(CLOCK_AGAIN, now_ms, POLL_AFTER_MS[0])
        elif self.state == LOAD:
            self.state = FINISHED
        elif self.action == relay.STATUS or self._silences > self._limits.relay_silences_max:
            # a mere look is not pressed: who wants it asks again, and dead meters must not take the line from the others
            self._finish(relay.GIVEN_UP, 0, relay.SILENT)
        else:
            back_to = CLOCK_AGAIN if self._sends else CLOCK
            self._go(back_to, now_ms, POLL_AFTER_MS[min(self._silences, len(POLL_AFTER_MS)) - 1])

    def _before(self, word, now_ms):
        if self.action == relay.STATUS:
            self.state = FINISHED
        elif self.action == relay.CUT and word & BITS_PURSE:
            self._finish(relay.GIVEN_UP, word, relay.OWN_PURSE)
        elif self.action == relay.CUT and word & BIT_KEEP_POWER:
            self._finish(relay.GIVEN_UP, word, relay.KEEP_POWER)
        elif self._reached(word) and not self._trip_may_hide():
            self._finish(relay.VERIFIED, word, relay.ALREADY_SO)
        else:
            self._sends = 1
            self._go(COMMAND, now_ms, 0)

    def _trip_may_hide(self):
        """A meter that delays trips and has no bit for it looks closed although one is pending: the close cancels it."""
        return self.action == relay.RESTORE and self._model.trip_delay_max_min > 0 and not self._model.command_bit

    def _send_again(self, word, now_ms):
        if self._sends > self._limits.relay_resends_max:
            self._finish(relay.GIVEN_UP, word, relay.SILENT)
            return
        self._sends += 1
        self._go(COMMAND, now_ms, 0)

    def _verify(self, word, now_ms):
        if self._reached(word):
            if self.action == relay.CUT:
                self._report(relay.Outcome(self.meter, self.action, relay.VERIFIED, word, 0))
                self._go(LOAD, now_ms, self._limits.load_after_cut_wait_ms)
            else:
                self._finish(relay.VERIFIED, word, 0)
        elif self._waits_for_button(word):
            self._finish(relay.VERIFIED, word, relay.WAITS_FOR_BUTTON)
        else:
            self._look_again(word, now_ms)

    def _look_again(self, word, now_ms):
        self.state = AFTER
        self._polls += 1
        delay_polls = self._model.trip_delay_max_min if self.action == relay.CUT else 0
        if self._polls > self._limits.relay_polls_max + delay_polls:
            self._finish(relay.DISAGREES, word, 0)
        else:
            self._go(AFTER, now_ms, POLL_AFTER_MS[min(self._polls, len(POLL_AFTER_MS) - 1)])

    def _reached(self, word):
        if self.action == relay.CUT:
            return bool(word & BIT_RELAY_OPEN)
        if self.action == relay.RESTORE:
            # a delayed trip is pending while the command bit shows open: closing cancels it
            return not word & BIT_RELAY_OPEN and not word & BIT_COMMAND_OPEN
        return bool(word & BIT_ALARM) == (self.action == relay.ALARM_ON)

    def _unmoved(self, word):
        """Both relay bits still show the state from before the command."""
        if self.action == relay.CUT:
            return not word & BIT_RELAY_OPEN and not word & BIT_COMMAND_OPEN
        if self.action == relay.RESTORE:
            if not self._model.command_bit:
                return bool(word & BIT_RELAY_OPEN)
            return bool(word & BIT_RELAY_OPEN) and bool(word & BIT_COMMAND_OPEN)
        return not self._reached(word)

    def _waits_for_button(self, word):
        if self.action != relay.RESTORE or not self._model.needs_button:
            return False
        return bool(word & BIT_RELAY_OPEN) and not word & BIT_COMMAND_OPEN

    def _go(self, state, now_ms, wait_ms):
        self.state = state
        self.due_ms = ticks.add(now_ms, wait_ms)

    def _finish(self, phase, word, detail):
        self.state = FINISHED
        self._report(relay.Outcome(self.meter, self.action, phase, word, detail))
