"""One DNS question and its answer: the IPv4 addresses of a name (RFC 1035 sections 3.2, 4.1). Pure.

It exists because `getaddrinfo` of a name blocks for many seconds on every port, and the meter bus would wait with it.

Traps avoided: compression pointers may form a loop, so names are passed over, never followed (a pointer ends a name),
except to compare the question, which a resolver repeats uncompressed; a late or forged answer must match id and
question.
"""

from firmware.base.faults import BadInput, Refused, WireFault
from firmware.base.port import const

PORT = const(53)
NAME_BYTES_MAX = const(253)
LABEL_BYTES_MAX = const(63)
ANSWERS_MAX = const(16)  # looked at
HEADER_BYTES = const(12)
TYPE_A = const(1)
CLASS_IN = const(1)


def encode_query(query_id, name):
    """Query for the A records of `name` (text) -> bytes. BadInput when it cannot be a host name."""
    out = bytearray(
        (query_id >> 8 & 0xFF, query_id & 0xFF, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    )  # recursion desired, one question
    if not 0 < len(name) <= NAME_BYTES_MAX:
        raise BadInput("host", "must be 1 ... 253 characters")
    labels = name.split(".")
    if labels[-1] == "":
        labels.pop()
    for label in labels:
        code = label.encode()
        if not 0 < len(code) <= LABEL_BYTES_MAX or len(code) != len(label):
            raise BadInput("host", "is no host name: " + name)
        out.append(len(code))
        out.extend(code)
    out.extend(bytes((0, 0, TYPE_A, 0, CLASS_IN)))
    return bytes(out)


def decode_answer(buf, end, query):
    """Addresses as text from the answer buf[0:end] to `query` -> list, not empty.

    None when it answers another question (wait on). Refused(response code) when the resolver says no or knows no
    address. WireFault when the answer is malformed.
    """
    if end < len(query) or buf[0] != query[0] or buf[1] != query[1] or not buf[2] & 0x80 or buf[2] & 0x78:
        return None
    if _u16(buf, 4) != 1 or not _same_question(buf, query):
        return None
    code = buf[3] & 0x0F
    if code:
        raise Refused(code, "the name server answers with code " + str(code))
    addresses = []
    at = len(query)
    for _ in range(min(_u16(buf, 6), ANSWERS_MAX)):
        at = _pass_name(buf, at, end)
        if at + 10 > end:
            raise WireFault("DNS answer ends early")
        size = _u16(buf, at + 8)
        if at + 10 + size > end:
            raise WireFault("DNS answer ends early")
        if _u16(buf, at) == TYPE_A and _u16(buf, at + 2) == CLASS_IN and size == 4:
            addresses.append(".".join([str(byte) for byte in buf[at + 10 : at + 14]]))
        at += 10 + size
    if not addresses:
        raise Refused(0, "the name has no IPv4 address")
    return addresses


def _same_question(buf, query):
    for at in range(HEADER_BYTES, len(query)):
        if _lower(buf[at]) != _lower(query[at]):
            return False
    return True


def _lower(byte):
    return byte + 32 if 65 <= byte <= 90 else byte


def _pass_name(buf, at, end):
    """Index after the name at buf[at]."""
    for _ in range(NAME_BYTES_MAX):
        if at >= end:
            break
        size = buf[at]
        if size & 0xC0 == 0xC0:
            if at + 2 > end:
                break
            return at + 2
        if size & 0xC0:
            raise WireFault("DNS label of unknown kind")
        at += 1 + size
        if not size:
            return at
    raise WireFault("DNS name does not end")


def _u16(buf, at):
    return buf[at] << 8 | buf[at + 1]
