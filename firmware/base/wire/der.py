"""When a certificate begins to hold: the first date of an X.509 certificate in DER (RFC 5280 section 4.1.2.5). Pure.

It exists because a board that lost its clock must still check a server's certificate: the certificate itself says the
earliest moment at which it can be met (DESIGN: TLS).

Trap avoided: the bytes come from outside, so every length is checked against what is there, and nothing is followed twice.
"""

from firmware.base import days
from firmware.base.port import const

_INTEGER = const(0x02)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)
_SEQUENCE = const(0x30)
_VERSION = const(0xA0)
_LENGTH_BYTES_MAX = const(3)
_CENTURY_TURN = const(50)  # UTCTime: 50 ... 99 are 1950 ... 1999


def not_before_s(buf):
    """Wall seconds of `notBefore` of the certificate in `buf`; None when it is not one."""
    at, end = _enter(buf, 0, len(buf), _SEQUENCE)  # Certificate
    at, end = _enter(buf, at, end, _SEQUENCE)  # TBSCertificate
    if at < end and buf[at] == _VERSION:
        at = _after(buf, at, end)
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serialNumber, signature, issuer
        if at >= end or buf[at] != tag:
            return None
        at = _after(buf, at, end)
    at, end = _enter(buf, at, end, _SEQUENCE)  # Validity
    if at >= end:
        return None
    kind = buf[at]
    at, end = _enter(buf, at, end, kind)
    if kind == _UTC_TIME and end - at == 13:
        year = _number(buf, at, 2)
        return None if year is None else _moment(buf, at + 2, year + (1900 if year >= _CENTURY_TURN else 2000))
    if kind == _GENERALIZED_TIME and end - at == 15:
        return _moment(buf, at + 4, _number(buf, at, 4))
    return None


def _moment(buf, at, year):
    """MMDDHHMMSSZ at buf[at] -> wall seconds."""
    parts = [_number(buf, at + 2 * place, 2) for place in range(5)]
    if year is None or None in parts or buf[at + 10] != 0x5A:
        return None
    month, day, hour, minute, second = parts
    number = days.day_of_date(year, month, day)
    if number is None or hour > 23 or minute > 59 or second > 59:
        return None
    return number * days.DAY_S + hour * 3600 + minute * 60 + second


def _number(buf, at, digits):
    value = 0
    for place in range(at, at + digits):
        if not 0x30 <= buf[place] <= 0x39:
            return None
        value = value * 10 + buf[place] - 0x30
    return value


def _enter(buf, at, end, tag):
    """(start, end) of the content of the element at buf[at]; an empty window when it is none of that tag."""
    if at >= end or buf[at] != tag:
        return end, end
    start, size = _length(buf, at + 1, end)
    return (start, start + size) if start + size <= end else (end, end)


def _after(buf, at, end):
    """Index behind the element at buf[at], `end` at the furthest."""
    start, size = _length(buf, at + 1, end)
    return min(start + size, end)


def _length(buf, at, end):
    """(index behind the length, length) at buf[at]; beyond `end` when it is no length."""
    if at >= end:
        return end, 1
    size = buf[at]
    at += 1
    if size & 0x80:
        count = size & 0x7F
        if not 0 < count <= _LENGTH_BYTES_MAX or at + count > end:
            return end, 1
        size = 0
        for place in range(at, at + count):
            size = size << 8 | buf[place]
        at += count
    return at, size
