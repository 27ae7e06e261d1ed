"""The priority lane: relay orders and their read-backs, ahead of all readings (pure).

At most one relay sequence and one alarm sequence per meter; a newer order overtakes an older one for the same meter
and kind. A payment during a cut therefore sends the close, which also cancels a trip that the meter still delays.

Trap avoided: a sequence that waits for its next look does not hold the line: others and readings go on meanwhile.
"""

from firmware.base import relay, ticks
from firmware.meter_bus.limit_sequence import LimitSequence
from firmware.meter_bus.relay_sequence import FINISHED, RelaySequence


class RelayLane:
    """`model_of(meter)` gives the meter's model; `report(outcome)` gets every phase of every order."""

    def __init__(self, model_of, limits, report):
        self._model_of = model_of
        self._limits = limits
        self._report = report
        self._active = []

    def __len__(self):
        return len(self._active)

    def put(self, meter, action, now_ms, limit_w=0):
        """Queue an order -> True; False when the lane is full (counted by the caller, who asks again). Never a restore.
        `limit_w` goes with relay.LIMIT."""
        kept = []
        for sequence in self._active:
            if sequence.meter == meter and _kind(sequence.action) == _kind(action):
                sequence.cancel()
            else:
                kept.append(sequence)
        if len(kept) >= self._limits.relay_orders_max and action != relay.RESTORE:  # there is one a meter at most
            self._active = kept
            return False
        model = self._model_of(meter)
        if model.limit_di and action in (relay.LIMIT, relay.RESTORE, relay.STATUS):
            kept.append(LimitSequence(meter, action, model, self._limits, self._report, now_ms, limit_w))
        else:
            kept.append(RelaySequence(meter, action, model, self._limits, self._report, now_ms))
        self._active = kept
        return True

    def next_due(self, now_ms, begun_only=False):
        """The sequence to serve now: restores first, then the longest overdue; None when nobody is due."""
        best = None
        for sequence in self._active:
            if ticks.diff(now_ms, sequence.due_ms) < 0 or begun_only and not sequence.begun():
                continue
            if best is None or _before(sequence, best, now_ms):
                best = sequence
        return best

    def wait_ms(self, now_ms, longest_ms):
        """Until the next sequence is due, 0 ... `longest_ms`."""
        wait = longest_ms
        for sequence in self._active:
            wait = min(wait, max(0, ticks.diff(sequence.due_ms, now_ms)))
        return wait

    def at_rest(self):
        """True when no command waits for its proof, and no restore for a meter that answers."""
        for sequence in self._active:
            if sequence.state != FINISHED and sequence.begun() and (sequence.sent() or not sequence.failing()):
                return False
        return True

    def sweep(self):
        """Drop what is finished."""
        if any(sequence.state == FINISHED for sequence in self._active):
            self._active = [sequence for sequence in self._active if sequence.state != FINISHED]

    def busy(self, meter, action):
        """True while an order of this kind for this meter is on its way."""
        for sequence in self._active:
            if sequence.meter == meter and sequence.action == action and sequence.state != FINISHED:
                return True
        return False


def _kind(action):
    """Orders overtake only their own kind: 0 supply, 1 alarm, 2 status."""
    if action in (relay.CUT, relay.RESTORE, relay.LIMIT):
        return 0
    return 2 if action == relay.STATUS else 1


def _before(one, other, now_ms):
    rank_one = one.action == relay.RESTORE
    rank_other = other.action == relay.RESTORE
    if rank_one != rank_other:
        return rank_one
    return ticks.diff(now_ms, one.due_ms) > ticks.diff(now_ms, other.due_ms)
