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
_FEW = const(3)
_RATES_MAX = const(4)
_FLAGS_MAX = const(7)
_REASON_BYTES_MAX = const(64)

OFFLINE_PAYLOAD = cbor.encode({1: False})  # the last will

# Name of the message, then its fields, each with its kind: key = place + 1. I and i, H and h, B and b are numbers of 32, 16 and 8 bits,
# A and a those of accounts, P parts, c and C the few up to 3; the small letters begin at 0, the others at 1. q has 64 bits and a sign,
# 8 is so many bytes, * is left to the decoder. Text stays in flash, where tuples would fill the heap.
_CREDIT = "credit account:A issuer:H number:I amount_ucu:q total_ucu:q at_s:i"
_ORDER = "order order:B account:a number:i expires_at_s:i credit_number:i overridden:i document:*"
_ACK = "ack epoch:i sequence:i chain:8 countersign:8 readings:i time_s:i challenge:* comparison:c resend_sequence:* resend_readings:*"
_STATE = "state epoch:I sequence:I part:P parts:P rows:*"
_FLAGS = "flags flags:h"
_FLAGS_WITH_END = "flags flags:h until_s:I"
_REPORT = "report what:C episode:h level:b at_s:i"
_DEBT = "debt owed_ucu:q share:B most_ucu:q"
_LIMIT = "limit limit_ucu:q reason:*"
_HELD = "held what:C rate:b register_cwh:i reason:*"
_CARRIED = "carried what:C row:* until_s:i owed_ucu:q share:b most_ucu:q reason:*"
_MOVE = "move account:a flags:b reason:*"
_STAY = "stay nonce:8"
_STAY_METER = "stay nonce:8 meter:*"
_SWAP = "swap nonce:8 what:C id:I away:i put:i text:*"


class Ack:
    """One down/acks (SPEC 5.5). `fresh` and `age_ms` are filled in by the sender, who knows the challenge last sent."""

    def __init__(self, values):
        self.epoch, self.sequence, self.chain, self.countersign, self.readings, self.time_s = values[:6]
        self.challenge, self.comparison, self.resend_sequence, self.resend_readings = values[6:]
        self.fresh = False
        self.age_ms = 0


def encode_journal(epoch, first_sequence, chain, records, asked):
    """up/journal before its MAC: records of one epoch, sequences without gap; `asked` is the sequence that should have come first."""
    fields = {1: epoch, 2: first_sequence, 3: chain, 4: records}
    if asked < first_sequence:
        fields[5] = asked
    return cbor.encode(fields)


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
    return tuple(_take(cbor.decode(buf, start, end), _CREDIT))


def decode_order(buf, start, end):
    """down/orders -> (order, account, number, expires_at_s, credit_number, overridden, document or None)."""
    values = _take(cbor.decode(buf, start, end), _ORDER)
    if values[6] is not None and type(values[6]) is not bytes:
        raise WireFault("order.document: neither bytes nor null")
    return tuple(values)


def decode_ack(buf, start, end):
    """down/acks -> Ack."""
    values = _take(cbor.decode(buf, start, end), _ACK)
    if values[6] is not None:
        _check("ack", "challenge:8", values[6])
    if values[8] is not None:
        _check("ack", "resend_sequence:I", values[8])
    if values[9] is not None:
        _check("ack", "resend_readings:I", values[9])
    return Ack(values)


def decode_state(document):
    """Document of order 8 -> (new epoch, first sequence, part, parts, [row bytes, ...])."""
    values = _take(cbor.decode(document, 0, len(document)), _STATE)
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
    ends = type(value) is dict and len(value) == 2
    values = _take(value, _FLAGS_WITH_END if ends else _FLAGS)
    return values[0], values[1] if ends else 0


def decode_report(document):
    """Document of order 11 -> (what, episode, level, at_s)."""
    return tuple(_take(cbor.decode(document, 0, len(document)), _REPORT))


def decode_held(document):
    """Document of order 10 -> (what, rate, register_cwh, reason)."""
    values = _take(cbor.decode(document, 0, len(document)), _HELD)
    if values[1] > _RATES_MAX:
        raise WireFault("held: of no register")
    _check_reason(values[3])
    return tuple(values)


def decode_move(document):
    """Document of orders 12 and 13 -> (account that moves in, its flags, reason)."""
    values = _take(cbor.decode(document, 0, len(document)), _MOVE)
    if values[1] > _FLAGS_MAX:
        raise WireFault("move.flags: no number from 0 to 7")
    _check_reason(values[2])
    return tuple(values)


def decode_carried(document):
    """Document of order 15 -> (what, row, until_s, owed_ucu, share, most_ucu, reason)."""
    values = _take(cbor.decode(document, 0, len(document)), _CARRIED)
    if type(values[1]) is not bytes:
        raise WireFault("carried.row: not bytes")
    _check_reason(values[6])
    return tuple(values)


def _check_reason(text):
    if type(text) is not str or not 0 < len(text.encode()) <= _REASON_BYTES_MAX:
        raise WireFault("reason: no text of 1 to 64 bytes")


def decode_stay(document):
    """Document of order 21 -> (nonce of the stay,)."""
    return tuple(_take(cbor.decode(document, 0, len(document)), _STAY))


def decode_stay_meter(document):
    """Document of a restore in safe mode -> (nonce of the stay, serial of the meter)."""
    values = _take(cbor.decode(document, 0, len(document)), _STAY_METER)
    if type(values[1]) is not bytes or len(values[1]) != 6:
        raise WireFault("stay.meter: not 6 bytes")
    return tuple(values)


def decode_swap(document):
    """Document of order 22 -> (nonce, what, id, version to take away, version to put, its text or None)."""
    values = _take(cbor.decode(document, 0, len(document)), _SWAP)
    if type(values[5]) is not bytes if values[4] else values[5] is not None:
        raise WireFault("swap.text: goes with a version to put")
    return tuple(values)


def decode_debt(document):
    """Document of order 16 -> (owed_ucu, share, most_ucu)."""
    return tuple(_take(cbor.decode(document, 0, len(document)), _DEBT))


def decode_limit(document):
    """Document of order 17 -> (limit_ucu, reason)."""
    values = _take(cbor.decode(document, 0, len(document)), _LIMIT)
    _check_reason(values[1])
    return tuple(values)


def _take(value, shape):
    """Values of a map that has exactly the keys 1 ... n, in the order of `shape`, each checked."""
    fields = shape.split(" ")
    name = fields[0]
    if type(value) is not dict or len(value) != len(fields) - 1:
        raise WireFault(name + ": no map of " + str(len(fields) - 1) + " fields")
    for key in value:
        if type(key) is not int:
            raise WireFault(name + ": a key is not a number")
    values = []
    for key in range(1, len(fields)):
        if key not in value:
            raise WireFault(name + "." + fields[key][:-2] + ": missing")
        _check(name, fields[key], value[key])
        values.append(value[key])
    return values


def _check(name, field, value):
    kind = field[-1]
    if kind == "*":
        return
    if kind == "8":
        if type(value) is not bytes or len(value) != 8:
            raise WireFault(name + "." + field[:-2] + ": not 8 bytes")
        return
    lowest, highest = _range_of(kind)
    if type(value) is not int or not lowest <= value <= highest:
        raise WireFault(name + "." + field[:-2] + ": no number from " + str(lowest) + " to " + str(highest))


def _range_of(kind):
    """(lowest, highest) of a number."""
    lowest = 0 if kind >= "a" else 1
    if kind in "Ii":
        return lowest, _U32_MAX
    if kind in "Aa":
        return lowest, ACCOUNT_MAX
    if kind == "q":
        return _I64_MIN, _I64_MAX
    if kind in "Hh":
        return lowest, _U16_MAX
    if kind in "Bb":
        return lowest, _U8_MAX
    return lowest, _PARTS_MAX if kind == "P" else _FEW
