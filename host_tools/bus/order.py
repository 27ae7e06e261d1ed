"""`relay ADDRESS cut|restore`: the firmware's own relay sequence, played step by step and told (dlt645.md 3.5).

Clock, status word, command, status word until it agrees, load. As in the firmware nothing is repeated blindly: after a
lost answer the status word decides whether the order is sent again. Two things are this tool's: the meter's clock is compared
with this machine's, and a silent meter is given up sooner as long as nothing was sent, for somebody stands there waiting.
"""

from __future__ import annotations

from typing import Any

from firmware.base import aio, questions, relay, ticks
from firmware.base.limits import Limits
from firmware.meter_bus.limit_sequence import LimitSequence
from firmware.meter_bus.relay_sequence import AFTER, FINISHED, UNSURE, RelaySequence
from firmware.meters import model as models
from firmware.meters.dlt645 import items
from firmware.meters.dlt645.relay import order_code
from host_tools.bus.output import Teller
from host_tools.bus.talk import (
    ANSWERED,
    NOT_OFFERED,
    REFUSED,
    SILENT,
    Talk,
    Wall,
    acknowledged,
    clock_words,
    difference,
    refusal,
    status_words,
)

ACTIONS = {"cut": relay.CUT, "restore": relay.RESTORE}
SILENCES_BEFORE = 2  # as long as nothing was sent
NAME_WIDTH = 8
CANNOT = {
    models.NO_RELAY: "has no relay that can be ordered",
    models.NEEDS_UTILITY_KEY: "needs the utility's key: only the utility's own system can order its relay",
    models.OWN_PURSE: "keeps its own credit: its purse, not this tool, decides about its supply",
}


def limit_words(limit_w: int | None) -> str:
    """A load limit that was read."""
    if limit_w is None:
        return "the meter does not tell"
    return "none" if limit_w == relay.NO_LIMIT else f"{limit_w} W"


def why_not(model: models.Model) -> str | None:
    """Why no order may go to a meter of this model; None when one may."""
    return CANNOT.get(models.enforceable(model, None))


class Order:
    """One order for the meter of `talk`. `sent` counts how often the command left."""

    def __init__(self, talk: Talk, action: str, wall: Wall, teller: Teller, wait_s: int | None) -> None:
        self.action = action
        self.sent = 0
        self.steps: list[dict[str, Any]] = []
        self._talk = talk
        self._wall = wall
        self._teller = teller
        self._wait_ms = None if wait_s is None else wait_s * 1000
        self._last: relay.Outcome | None = None
        self._width = 1
        self._stopped: tuple[str, str] | None = None
        self._load_w: int | None = None
        # one of its own, because what is allowed changes once something was sent
        self._limits = Limits(relay_silences_max=SILENCES_BEFORE)
        self._lift: relay.Outcome | None = None  # how the load limit of such a meter ended
        which = (0, ACTIONS[action], talk.meter.model, self._limits, self._note, aio.now_ms())
        lifts = talk.meter.model.limit_di and action == "restore"
        self._sequence = LimitSequence(*which, 0) if lifts else RelaySequence(*which)

    async def carry_out(self) -> tuple[str, str, int]:
        """-> (result, sentence, exit status)."""
        sequence = self._sequence
        began_ms = aio.now_ms()
        while sequence.state != FINISHED:
            now_ms = aio.now_ms()
            left_ms = None if self._wait_ms is None else self._wait_ms - ticks.diff(now_ms, began_ms)
            if left_ms is not None and left_ms <= 0:
                if self._last is None or self._last.phase != relay.VERIFIED:  # only the load of a cut is open then
                    self._stop("not seen", "the time to wait is over")
                break
            pause_ms = ticks.diff(sequence.due_ms, now_ms)
            if pause_ms > 0:
                await aio.sleep_ms(pause_ms if left_ms is None else min(pause_ms, left_ms))
                continue
            sequence.leave_in_time(now_ms)
            if sequence.state != FINISHED:
                await self._step()
        return self._verdict()

    def interrupted(self) -> str:
        """What is known when somebody ends it early."""
        if not self.sent:
            return "interrupted: nothing was sent to the relay, supply is as it was"
        if self._last is not None and self._last.phase == relay.VERIFIED:
            return "interrupted: the status word says that the relay is open, the load was not looked at"
        address = bytes(self._talk.meter.serial[::-1]).hex()
        return f"interrupted: the order was sent, and whether the relay moved was not seen; `read {address}` shows it"

    def line_report(self) -> dict[str, int]:
        """What the line did meanwhile."""
        return self._talk.line_report()

    # -- the steps --------------------------------------------------------

    async def _step(self) -> None:
        sequence = self._sequence
        question = sequence.question()
        arg = None
        if question == questions.SEND_RELAY:
            arg = sequence.argument()
            self.sent += 1
            self._limits.relay_silences_max = Limits.relay_silences_max
            self._tell_order(arg[1])
        elif question == questions.WRITE_LIMIT:
            arg = sequence.argument()
            self.sent += 1
            self._tell("order", "lift the load limit")
        attempts = 1 if question in (questions.SEND_RELAY, questions.WRITE_LIMIT) or sequence.failing() else None
        result = await self._talk.ask(question, arg, attempts)
        now_ms = aio.now_ms()
        protocol = self._talk.protocol
        if result == ANSWERED:
            self._answered(question, now_ms)
            return
        names = {questions.READ_CLOCK: "clock", questions.READ_STATUS: "status", questions.SEND_RELAY: "meter",
                 questions.WRITE_LIMIT: "meter", questions.READ_LIMIT: "limit"}  # fmt: skip
        self._tell(names.get(question, "load"), self._talk.why(result))
        if result in (REFUSED, NOT_OFFERED):
            self._width = protocol.error_width or 1
            sequence.on_refused(protocol.error_word, now_ms)
        else:
            sequence.on_silence(now_ms)

    def _answered(self, question: int, now_ms: int) -> None:
        sequence, protocol = self._sequence, self._talk.protocol
        if question == questions.READ_CLOCK:
            self._on_clock(protocol.clock_s, now_ms)
        elif question == questions.READ_STATUS:
            before = sequence.state
            sequence.on_status(protocol.status_word, now_ms)
            self._tell_status(protocol.status_word, before)
        elif question == questions.SEND_RELAY:
            said = acknowledged(protocol.relay_word)
            self._tell("meter", "takes the order" + (f": {said}" if said else ""), word=protocol.relay_word)
            sequence.on_relay_word(protocol.relay_word, now_ms)
        elif question == questions.READ_LIMIT:
            self._tell("limit", limit_words(protocol.limit_w), limit_w=protocol.limit_w)
            sequence.on_limit(protocol.limit_w, now_ms)
        elif question == questions.WRITE_LIMIT:
            self._tell("meter", "takes it")
            sequence.on_written(now_ms)
        else:
            self._load_w = protocol.power_w
            self._tell("load", "the meter does not tell" if protocol.power_w is None else f"{protocol.power_w} W", power_w=protocol.power_w)
            sequence.on_load(protocol.power_w, now_ms)

    def _on_clock(self, clock_s: int | None, now_ms: int) -> None:
        if clock_s is None:
            self._tell("clock", "not a date")
            self._sequence.on_clock(None, now_ms)
            return
        ahead_s = self._wall.ahead_s(clock_s)
        self._tell("clock", clock_words(clock_s, ahead_s), ahead_s=ahead_s)
        if abs(ahead_s) > self._limits.meter_clock_error_s_max and self.action == "cut" and not self.sent:
            minutes = self._limits.meter_clock_error_s_max // 60
            self._stop("clock", f"the meter's clock is {difference(ahead_s)}, more than {minutes} minutes off: it must be set first")
            return
        self._sequence.on_clock(clock_s, now_ms)

    # -- what is told -----------------------------------------------------

    def _tell(self, name: str, text: str, **facts: Any) -> None:
        self.steps.append({"step": name, "words": text, **facts})
        self._teller.line(f"  {name:<{NAME_WIDTH}} {text}")

    def _tell_order(self, valid_until_s: int) -> None:
        code = order_code(ACTIONS[self.action], self._talk.meter.model.close_code_n1)
        again = ", again: the status word shows that nothing moved" if self.sent > 1 else ""
        valid = items.moment_text(valid_until_s, True)
        words = f"{self.action} ({code:02X}), valid until {valid} of the meter's clock{again}"
        self._tell("order", words, code=f"{code:02X}", valid_until=valid)

    def _tell_status(self, word: int | None, before: int) -> None:
        if word is None:
            self._tell("status", "the meter shows no value")
            return
        state = self._sequence.state
        again = "" if before not in (AFTER, UNSURE) or state != AFTER else "; looking again"
        self._tell("status", f"{word:04X}: {', '.join(status_words(word, self._talk.meter.model))}{again}", word=word)

    def _note(self, outcome: relay.Outcome) -> None:
        self._last = outcome
        if outcome.action == relay.LIFT:
            self._lift = outcome

    def _stop(self, result: str, sentence: str) -> None:
        self._stopped = (result, sentence)
        self._sequence.cancel()

    # -- the end ----------------------------------------------------------

    def _verdict(self) -> tuple[str, str, int]:
        outcome = self._last
        if self._stopped is not None:
            result, sentence = self._stopped
            return result, self._failed(sentence), 1
        if outcome is None:
            return "gave up", self._failed("nothing was learned"), 1
        if outcome.phase == relay.VERIFIED:
            return "done", self._done(outcome.detail), 0
        if self._lift is not None and self._lift.phase in relay.FAILED_PHASES:
            said = "refused to give up" if self._lift.phase == relay.REFUSED else "keeps"
            return "limited", f"the meter {said} its load limit: whoever set it must lift it", 1
        if outcome.phase == relay.REFUSED:
            said = refusal(outcome.word, self._width)
            return "refused", f"the meter refused to {self.action}: {said}; do not try other passwords, it may lock", 1
        if outcome.phase == relay.DISAGREES and outcome.detail == relay.LOAD_AFTER_CUT:
            load = f"{self._load_w} W still flow"
            return "disagrees", f"the meter says that its relay is open, but {load}: welded or bypassed, look at the meter", 1
        if outcome.phase == relay.DISAGREES:
            return "disagrees", f"the meter took the order, but its status word {outcome.word:04X} says that the relay did not obey", 1
        return self._given_up(outcome)

    def _given_up(self, outcome: relay.Outcome) -> tuple[str, str, int]:
        reasons = {
            relay.BAD_METER_CLOCK: ("clock", "the meter's clock is not a date: it must be set first"),
            relay.KEEP_POWER: ("keep power", "keep-power is active in the meter: somebody decided that it must not be cut"),
            relay.OWN_PURSE: ("own purse", "the meter's status word says that it keeps its own credit"),
            relay.MALFORMED: ("gave up", f"the meter does not tell its status word ({refusal(outcome.word, self._width)})"),
        }
        result, sentence = reasons.get(outcome.detail, ("silent", f"the meter gives no usable answer ({self._talk.why(SILENT)})"))
        return result, self._failed(sentence), 1

    def _done(self, detail: int) -> str:
        if self._lift is not None and detail != relay.WAITS_FOR_BUTTON:
            return "done: the load limit is lifted, and supply is on by the meter's own status word"
        if detail == relay.ALREADY_SO:
            return f"nothing was sent: by its status word the relay is {'open' if self.action == 'cut' else 'closed'} already"
        if detail == relay.WAITS_FOR_BUTTON:
            return "done: the meter now waits for its button; hold it (about 3 s) to have supply"
        if self.action == "restore":
            return "done: supply is restored, by the meter's own status word"
        load = "" if self._load_w is None else f" and load ({self._load_w} W)"
        return f"done: supply is cut, by the meter's own status word{load}"

    def _failed(self, sentence: str) -> str:
        if self.sent:
            return f"{sentence}; the order was sent, whether the relay obeys is not known: read its status word later, do not repeat it"
        return f"{sentence}; nothing was sent to the relay"
