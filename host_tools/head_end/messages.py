"""Messages with a gateway (SPEC section 5): CBOR by cbor2, COSE_Mac0 by cwt, checked field by field.

Trap avoided: cbor2 makes whatever the bytes say (floats, tags, dates); each field is checked for its exact type before
anything else looks at it, and True is not 1.
"""

import hashlib
import hmac
import io
import struct
from dataclasses import dataclass
from functools import lru_cache

import cbor2
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from cwt.exceptions import CWTError

from host_tools.head_end.errors import BadMessage

U32 = 0xFFFFFFFF
PAYLOAD_MAX = 65_536
NEVER_S = 0xFFFFFFFF  # when an order expires that waits for its gateway however long
KEYS_MAX = 1_000  # of gateways that are kept ready
SEALED_MAX = 500  # what waits for its receipt is sent again and again, the same bytes
_MAC0 = COSE.new()


def topic(gateway: str, name: str) -> str:
    return f"pg1/{gateway}/{name}"


def countersign(key: bytes, gateway: str, epoch: int, sequence: int, chain: bytes) -> bytes:
    """Eight bytes that only the holder of `key` can make (SPEC 5.5)."""
    text = gateway.encode() + struct.pack("<II", epoch, sequence) + chain
    signed: bytes = hmac.digest(key, text, hashlib.sha256)
    return signed[:8]


@lru_cache(maxsize=KEYS_MAX)
def _cose_key(key: bytes, gateway: str) -> COSEKeyInterface:
    """Made once for many messages."""
    return COSEKey.from_symmetric_key(key=key, alg="HS256", kid=gateway.encode())


def seal(body: dict[int, object], gateway: str, key: bytes, to_topic: str) -> bytes:
    """CBOR in a COSE_Mac0, the topic authenticated with it."""
    return _sealed(cbor2.dumps(body, canonical=True), gateway, key, to_topic)


@lru_cache(maxsize=SEALED_MAX)
def _sealed(content: bytes, gateway: str, key: bytes, to_topic: str) -> bytes:
    sealed = _MAC0.encode_and_mac(
        content, _cose_key(key, gateway), protected={1: 5}, unprotected={4: gateway.encode()}, external_aad=to_topic.encode()
    )
    assert isinstance(sealed, bytes)  # a CBORTag comes only when asked for
    return sealed


def unseal(payload: bytes, gateway: str, key: bytes, from_topic: str) -> object:
    """The authenticated content. BadMessage `bad_mac` or `bad_cbor`."""
    if len(payload) > PAYLOAD_MAX or payload[:1] != b"\xd1":  # tag 17 and nothing else
        raise BadMessage("bad_cose", f"{len(payload)} bytes that are no COSE_Mac0")
    try:
        protected, unprotected, content = _MAC0.decode_with_headers(
            payload,
            _cose_key(key, gateway),
            external_aad=from_topic.encode(),
        )
    except CWTError as fault:
        raise BadMessage("bad_mac", "MAC does not verify: " + str(fault)) from fault
    except Exception as fault:  # cwt and cbor2 raise many kinds on hostile bytes; each of them means the same to us
        raise BadMessage("bad_cose", "no COSE_Mac0: " + str(fault)) from fault
    if protected != {1: 5} or unprotected.get(4) != gateway.encode():
        raise BadMessage("bad_cose", "headers are not those of this gateway")
    return decode(content)


def decode(content: bytes) -> object:
    """CBOR without anything behind it. BadMessage `bad_cbor`."""
    if len(content) > PAYLOAD_MAX:
        raise BadMessage("bad_cbor", f"{len(content)} bytes are too many")
    stream = io.BytesIO(content)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except Exception as fault:  # hostile bytes may also overflow, recurse or fail to hash
        raise BadMessage("bad_cbor", "no CBOR: " + str(fault)) from fault
    if stream.tell() != len(content):
        raise BadMessage("bad_cbor", "bytes behind the CBOR item")
    return value


class _Fields:
    """Typed access to a map with integer keys."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise BadMessage("bad_fields", what + " is no map")
        self.map = value
        self.what = what

    def fault(self, key: int, wanted: str) -> BadMessage:
        return BadMessage("bad_fields", f"{self.what}, field {key}: must be {wanted}, is {self.map.get(key)!r:.60}")

    def number(self, key: int, highest: int = U32, lowest: int = 0) -> int:
        value = self.map.get(key)
        if type(value) is not int or not lowest <= value <= highest:
            raise self.fault(key, f"{lowest} ... {highest}")
        return value

    def flag(self, key: int) -> bool:
        value = self.map.get(key)
        if type(value) is not bool:
            raise self.fault(key, "true or false")
        return value

    def octets(self, key: int, size: int) -> bytes:
        value = self.map.get(key)
        if type(value) is not bytes or len(value) != size:
            raise self.fault(key, f"{size} bytes")
        return value

    def items(self, key: int) -> list[object]:
        value = self.map.get(key)
        if not isinstance(value, list):
            raise self.fault(key, "a list")
        return value


@dataclass(frozen=True)
class JournalMessage:
    epoch: int
    first: int
    chain_before: bytes
    records: list[bytes]
    gone_from: int | None = None  # from here to `first` the gateway holds nothing any more


@dataclass(frozen=True)
class ReadingItem:
    number: int
    account: int
    at_s: int
    quality: int
    marks: int
    registers: list[int | None]
    power_w: int | None
    status_word: int | None


@dataclass(frozen=True)
class BadReading:
    """A reading that cannot be stored; `number` is its own or what its neighbours make it, None when nobody can tell."""

    number: int | None
    sentence: str


@dataclass(frozen=True)
class ReadingsMessage:
    live: bool
    readings: list[ReadingItem]
    bad: list[BadReading]


@dataclass(frozen=True)
class Status:
    """`online` False is the last will, which carries nothing else."""

    online: bool
    epoch: int = 0
    sequence: int = 0
    chain: bytes = bytes(8)
    boot_count: int = 0
    firmware: int = 0
    at_s: int = 0
    quality: int = 0
    records_waiting: int = 0
    readings_waiting: int = 0
    challenge: bytes = bytes(8)
    standing: int = 0
    counters: dict[int, int] | None = None
    readings_dropped: int = 0
    brake: bool = False


def parse_journal(value: object) -> JournalMessage:
    fields = _Fields(value, "up/journal")
    records = fields.items(4)
    if not records or not all(type(raw) is bytes for raw in records):
        raise fields.fault(4, "a list of records")
    gone_from = fields.number(5, lowest=1) if 5 in fields.map else None
    return JournalMessage(
        fields.number(1), fields.number(2), fields.octets(3, 8), [raw for raw in records if isinstance(raw, bytes)], gone_from
    )


def parse_readings(value: object) -> ReadingsMessage:
    """Each reading by itself. BadMessage when it is no list of readings at all."""
    fields = _Fields(value, "up/readings")
    live, items = fields.flag(1), fields.items(2)
    numbers = [_number_of(item) for item in items]
    readings: list[ReadingItem] = []
    bad: list[BadReading] = []
    for place, item in enumerate(items):
        try:
            readings.append(_reading(item))
        except BadMessage as fault:
            bad.append(BadReading(_number_at(numbers, place), str(fault)))
            numbers[place] = bad[-1].number
    return ReadingsMessage(live, readings, bad)


def _number_of(item: object) -> int | None:
    number = item[0] if isinstance(item, list) and item else None
    return number if type(number) is int and 1 <= number <= U32 else None


def _number_at(numbers: list[int | None], place: int) -> int | None:
    """The number of the reading at `place`; readings of a message stand in order and without gap."""
    if numbers[place] is not None:
        return numbers[place]
    before = numbers[place - 1] if place else None
    if before is not None:
        return before + 1 if before < U32 else None
    for ahead, number in enumerate(numbers[place:]):
        if number is not None:
            return number - ahead if number > ahead else None
    return None


def _reading(item: object) -> ReadingItem:
    if not isinstance(item, list) or len(item) != 8:
        raise BadMessage("bad_fields", "up/readings: a reading must have 8 items")
    fields = _Fields(dict(enumerate(item)), "up/readings, reading")
    registers = fields.items(5)
    if not 1 <= len(registers) <= 5:
        raise fields.fault(5, "1 to 5 registers")
    values = [_optional(value, 99_999_999) for value in registers]
    return ReadingItem(
        fields.number(0, lowest=1),
        fields.number(1),
        fields.number(2),
        fields.number(3, 3),
        fields.number(4, 255),
        values + [None] * (5 - len(values)),
        _optional(item[6], U32),
        _optional(item[7], 0xFFFF),
    )


def _optional(value: object, highest: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= highest:
        raise BadMessage("bad_fields", f"up/readings: {value!r:.60} is no value of a register")
    return value


def parse_status(value: object) -> Status:
    fields = _Fields(value, "up/status")
    if not fields.flag(1):
        return Status(False)
    counters = fields.map.get(13)
    if not isinstance(counters, dict) or not all(type(n) is int for pair in counters.items() for n in pair):
        raise fields.fault(13, "a map of counters")
    return Status(
        True,
        fields.number(2),
        fields.number(3),
        fields.octets(4, 8),
        fields.number(5),
        fields.number(6),
        fields.number(7),
        fields.number(8, 3),
        fields.number(9),
        fields.number(10),
        fields.octets(11, 8),
        fields.number(12, 3),
        counters,
        fields.number(14),
        fields.flag(15),
    )
