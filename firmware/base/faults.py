"""Errors by blame (DESIGN: faults).

Who is at fault decides what happens next, so the class says it: the other side of a wire, a lawful "no", the medium,
the uplink, a person's input, or a bug of ours. Line noise is not here: it is a counter, never an exception.

Trap avoided: MicroPython may strip `assert`; everything that guards money or supply calls `require()`.
"""


class Fault(Exception):
    """Base of all faults of this firmware; args[0] is one sentence for people."""


class WireFault(Fault):
    """The other side sent something it must not send (malformed, mismatched, too long)."""


class Refused(Fault):
    """A lawful no: `reason` is a small integer or short word that the caller can act on; never retried blindly."""

    def __init__(self, reason, sentence=""):
        super().__init__(sentence or "refused: " + str(reason))
        self.reason = reason


class StorageFault(Fault):
    """The flash, file or region driver failed, or holds something that cannot be there."""


class UplinkFault(Fault):
    """Name resolution, connection or stream towards the head-end failed; supply and books go on without it."""


class TlsFault(UplinkFault):
    """The other side was reached, but TLS was refused by it or by us: certificates, names, dates, versions."""


class BadInput(Fault):
    """Input of a person is wrong: `field` names the place, the sentence says what is wrong. Nothing was changed."""

    def __init__(self, field, sentence):
        super().__init__(field + ": " + sentence)
        self.field = field


class Broken(Fault):
    """An invariant of our own code fails: a bug. The supervisor records an event and resets."""


class MaintenanceAsked(Fault):
    """No fault of anybody: the console's authenticated order ends this life in order, so that the board can be served."""


def require(condition, what):
    """Raise Broken(what) unless `condition` holds. Used where `assert` would be too weak: money and supply."""
    if not condition:
        raise Broken(what)
