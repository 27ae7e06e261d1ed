"""The payloads of SPEC section 5: encode what goes up, decode and strictly check what comes down. Normative text:
messages.cddl.

Every field of a message from outside is checked for presence, type and range before anything acts on it; a map with a
key more or less is refused. WireFault names the field.

Trap avoided: True is an integer in Python and equals the key 1 and the value 1; types are compared exactly.
"""

from firmware.base.faults import WireFault
from firmware.base.port import const
from firmware.base.wire import cbor

ACCOUNT_MAX = const(4_294_967_294)
_U8_MAX = const(0xFF)
_U16_MAX = const(0xFFFF)
_U32_MAX = const(0xFFFFFFFF)
_I64_MAX = 0x7FFFFFFFFFFFFFFF
_I64_MIN = -0x8000000000000000
_ROWS_MAX = const(64)  # of one part of a signed state
_PARTS_MAX = const(1_000)

OFFLINE_PAYLOAD = cbor.encode({1: False})  # the last will

# Key = place + 1. (name, lowest, highest) is a number, (name, size) bytes, (name,) is left to its decoder.
_CREDIT = (
    ("account", 1, ACCOUNT_MAX),
    ("issuer", 1, _U16_MAX),
    ("number", 1, _U32_MAX),
    ("amount_ucu", _I64_MIN, _I64_MAX),
    ("total_ucu", _I64_MIN, _I64_MAX),
    ("at_s", 0, _U32_MAX),
)
_ORDER = (
    ("order", 1, _U8_MAX),
    ("account", 0, ACCOUNT_MAX),
    ("number", 0, _U32_MAX),
    ("expires_at_s", 0, _U32_MAX),
    ("credit_number", 0, _U32_MAX),
    ("overridden", 0, _U32_MAX),
    ("document",),
)
_ACK = (
    ("epoch", 0, _U32_MAX),
    ("sequence", 0, _U32_MAX),
    ("chain", 8),
    ("countersign", 8),
    ("readings", 0, _U32_MAX),
    ("time_s", 0, _U32_MAX),
    ("challenge",),
    ("comparison", 0, 3),
    ("resend_sequence",),
    ("resend_readings",),
)
_STATE = (
    ("epoch", 1, _U32_MAX),
    ("sequence", 1, _U32_MAX),
    ("part", 1, _PARTS_MAX),
    ("parts", 1, _PARTS_MAX),
    ("rows",),
)
_FLAGS = (("flags", 0, _U16_MAX), ("until_s", 1, _U32_MAX))
_REPORT = (("what", 1, 3), ("episode", 0, _U16_MAX), ("level", 0, _U8_MAX), ("at_s", 0, _U32_MAX))


class Ack:
    """One down/acks (SPEC 5.5). `fresh` and `age_ms` are filled in by the sender, who knows the challenge last sent."""

    def __init__(self, values):
        self.epoch, self.sequence, self.chain, self.countersign, self.readings, self.time_s = values[:6]
        self.challenge, self.comparison, self.resend_sequence, self.resend_readings = values[6:]
        self.fresh = False
        self.age_ms = 0


def encode_journal(epoch, first_sequence, chain, records):
    """up/journal before its MAC: records of one epoch, sequences without gap."""
    return cbor.encode({1: epoch, 2: first_sequence, 3: chain, 4: records})


def encode_readings(live, entries):
    """up/readings; `entries` as source.readings_from gives them."""
    return cbor.encode({1: live, 2: [list(entry) for entry in entries]})


def encode_status(fields, challenge, counters):
    """up/status: `fields` of source.status() (its own 13, if any, is kept) with what this room adds."""
    whole = dict(fields)
    whole[1] = True
    whole[11] = challenge
    whole[13] = dict(whole.get(13, {}))
    whole[13].update(counters)
    return cbor.encode(whole)


def decode_credit(buf, start, end):
    """down/credits -> (account, issuer, number, amount_ucu, total_ucu, at_s)."""
    return tuple(_take(cbor.decode(buf, start, end), "credit", _CREDIT))


def decode_order(buf, start, end):
    """down/orders -> (order, account, number, expires_at_s, credit_number, overridden, document or None)."""
    values = _take(cbor.decode(buf, start, end), "order", _ORDER)
    if values[6] is not None and type(values[6]) is not bytes:
        raise WireFault("order.document: neither bytes nor null")
    return tuple(values)


def decode_ack(buf, start, end):
    """down/acks -> Ack."""
    values = _take(cbor.decode(buf, start, end), "ack", _ACK)
    if values[6] is not None:
        _check("ack", ("challenge", 8), values[6])
    if values[8] is not None:
        _check("ack", ("resend_sequence", 1, _U32_MAX), values[8])
    if values[9] is not None:
        _check("ack", ("resend_readings", 1, _U32_MAX), values[9])
    return Ack(values)


def decode_state(document):
    """Document of order 8 -> (new epoch, first sequence, part, parts, [row bytes, ...])."""
    values = _take(cbor.decode(document, 0, len(document)), "state", _STATE)
    rows = values[4]
    if type(rows) is not list or len(rows) > _ROWS_MAX:
        raise WireFault("state.rows: no list of at most 64 rows")
    for row in rows:
        if type(row) is not bytes:
            raise WireFault("state.rows: a row is not bytes")
    if values[2] > values[3]:
        raise WireFault("state.part: beyond the number of parts")
    return tuple(values)


def decode_flags(document):
    """Document of order 9 -> (flags, end of the exemption; 0 = without end)."""
    value = cbor.decode(document, 0, len(document))
    ends = type(value) is dict and len(value) == len(_FLAGS)
    values = _take(value, "flags", _FLAGS if ends else _FLAGS[:1])
    return values[0], values[1] if ends else 0


def decode_report(document):
    """Document of order 11 -> (what, episode, level, at_s)."""
    return tuple(_take(cbor.decode(document, 0, len(document)), "report", _REPORT))


def _take(value, name, shape):
    """Values of a map that has exactly the keys 1 ... n, in the order of `shape`, each checked."""
    if type(value) is not dict or len(value) != len(shape):
        raise WireFault(name + ": no map of " + str(len(shape)) + " fields")
    for key in value:
        if type(key) is not int:
            raise WireFault(name + ": a key is not a number")
    values = []
    for place, field in enumerate(shape):
        if place + 1 not in value:
            raise WireFault(name + "." + field[0] + ": missing")
        _check(name, field, value[place + 1])
        values.append(value[place + 1])
    return values


def _check(name, field, value):
    if len(field) == 3 and not (type(value) is int and field[1] <= value <= field[2]):
        raise WireFault(name + "." + field[0] + ": no number from " + str(field[1]) + " to " + str(field[2]))
    if len(field) == 2 and not (type(value) is bytes and len(value) == field[1]):
        raise WireFault(name + "." + field[0] + ": not " + str(field[1]) + " bytes")
