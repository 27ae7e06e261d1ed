"""Meter models as data: what a meter of this kind can do. model_document.py reads one.

Relay, freezes, alarm and most of status word 3 are later supplements to the standard, so nothing of it is assumed: a
model says it. A new meter is a new file under models/.

Trap avoided: a meter that keeps its own purse, or needs a utility's key, must be *recognised* and never cut; two
prepaid ledgers would both trip. `enforceable` looks at the model and at what the meter itself says.
"""

from firmware.base.port import const
from firmware.base.relay import NO_LIMIT

PROTOCOL_2007 = "dlt645-2007"
PROTOCOL_1997 = "dlt645-1997"
RELAY_NONE = "none"
RELAY_1C = "dlt645-1c"
RELAY_ENCRYPTED = "encrypted"
FORWARD_ACTIVE = "forward_active"
COMBINED = "combined"

ENFORCEABLE = const(0)
NO_RELAY = const(1)
NEEDS_UTILITY_KEY = const(2)
OWN_PURSE = const(3)

RATES_MAX = const(4)
STATUS_PURSE_BITS = const(0x0300)
OPERATOR = b"\x4c\x00\x00\x00"  # C0..C3 of our orders in the meter's own event log; any value is allowed


class Model:
    """One kind of meter. Attributes are the fields of its file, see model_document.py; besides:

    `modulus_cwh` where the billing register starts again; `close_code_n1` the close code as a number;
    `is_1997`; `covers` whose openings it counts, bits of base/questions;
    `purse_kept` True when the meter keeps credit itself; `limit_di` 0 where it has no load limit.
    """

    limit_di = 0

    def __init__(self):
        self.name = ""

    def __repr__(self):
        return "Model(" + self.name + ")"


class Meter:
    """One meter on the line as the bus and the protocol know it.

    `serial`: its address, 6 bytes, low first; `password` PA P0 P1 P2. `block_refused` is learned: the meter refused a
    block once, so its items are read one by one from then on. `ratio` of the transformers before it.
    """

    def __init__(self, serial, model, password_level=2, password=b"\0\0\0"):
        self.serial = bytes(serial)
        self.model = model
        self.password = bytes([password_level]) + bytes(password)
        self.operator = OPERATOR
        self.block_refused = False
        self.ratio = 1


class MeterRow:
    """The meters of a line, in their order: `row[index]` makes the Meter from what the site file says; the last one is kept.

    `wired(index)` -> (serial, model name, password level, password, ratio). Two hundred Meter objects would be a tenth of a board's heap.
    """

    def __init__(self, count, wired, models):
        self._wired = wired
        self._models = models
        self._refused = bytearray(count)  # block_refused of those that are not at hand
        self._index = -1
        self._meter = None

    def __len__(self):
        return len(self._refused)

    def __getitem__(self, index):
        if index == self._index:
            return self._meter
        if not 0 <= index < len(self._refused):
            raise IndexError("no such meter")
        if self._meter is not None:
            self._refused[self._index] = 1 if self._meter.block_refused else 0
        serial, model, level, password, ratio = self._wired(index)
        self._meter = Meter(serial, self._models[model], level, password)
        self._meter.ratio = ratio
        self._meter.block_refused = bool(self._refused[index])
        self._index = index
        return self._meter

    def model_of(self, index):
        """Model of one, which need not be at hand for that: an exchange with another one may be under way."""
        return self._models[self._wired(index)[1]]


def enforceable(model, status_word):
    """ENFORCEABLE, or why supply must never be cut through this meter. `status_word`: word 3, None when unknown."""
    if model.purse_kept:
        return OWN_PURSE
    if model.relay_method == RELAY_ENCRYPTED:
        return NEEDS_UTILITY_KEY
    if model.relay_method == RELAY_NONE:
        return NO_RELAY
    if status_word is not None and model.status_extended and status_word & STATUS_PURSE_BITS:
        return OWN_PURSE
    return ENFORCEABLE


def limit_that_fits(model, ratio, power_w):
    """A load limit of the customer in W as the meter's register can hold it: the next step upwards; 0 = it can hold none."""
    if not model.limit_di or not power_w:
        return 0
    step_w = model.limit_unit_w * ratio
    steps = (power_w + step_w - 1) // step_w
    fits = steps < 10 ** (2 * model.limit_bytes) and steps != model.limit_none and steps * step_w < NO_LIMIT
    return steps * step_w if fits else 0


def power_max_w(model):
    """The most that this meter can pass, for judging how far a register may jump."""
    return model.phases * model.max_current_a * 300  # 300 V: well above any mains this firmware meets
