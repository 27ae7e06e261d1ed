"""What happened on the uplink, by cause: numbers for up/status field 13 and for `report` (design section 8).

Codes are wire facts: the head-end and diagnostics put words to them. They begin at 100 so that other rooms have the
range below.
"""

from firmware.base.port import const

CONNECTED = const(100)
CONNECT_FAILED = const(101)  # name, SYN or refusal: no stream
PUBLISHED = const(102)
RESENT = const(103)  # with DUP, after a reconnect
MESSAGES = const(104)
PUBACK_UNKNOWN = const(105)
TLS_REFUSED = const(106)  # the server was reached, but not accepted by us, or we not by it
CLOSED_BY_PEER = const(110)  # 110 ... 122: why a connection ended
CLOSED_CONNACK_TIMEOUT = const(111)
CLOSED_CONNECT_REFUSED = const(112)
CLOSED_SUBACK_TIMEOUT = const(113)
CLOSED_SUBSCRIBE_REFUSED = const(114)
CLOSED_PUBACK_TIMEOUT = const(115)
CLOSED_SILENT = const(116)  # half-open: no byte within 1.25 keep-alives
CLOSED_MALFORMED = const(117)
CLOSED_UNEXPECTED = const(118)
CLOSED_OVERRUN = const(119)  # more unacknowledged messages than are kept
CLOSED_LINK_FAULT = const(120)
CLOSED_HANDLER_FAULT = const(121)  # the books could not be made durable: PUBACK withheld
CLOSED_ON_REQUEST = const(122)
POISON_TOO_LARGE = const(130)  # 130 ... 135: counted as garbage, acknowledged
POISON_TOPIC = const(131)
POISON_NOT_COSE = const(133)
POISON_MAC = const(134)  # the MAC does not verify: another key, topic or gateway
POISON_SHAPE = const(135)
NO_ROOM = const(136)  # authentic, but the books had no room for a verdict: the head-end sends it again
RESEND_ASKED = const(140)
RESEND_IGNORED = const(141)  # asked again too soon
RESEND_TIMED_OUT = const(142)  # no acknowledgement of the application: sent again by ourselves
FIRST_CODE = const(100)
LAST_CODE = const(142)
SATURATED = const(0x3FFFFFFF)  # small integers on 32-bit boards end here


class SyncCounters:
    """`of(code)`; counts saturate instead of growing into allocated integers."""

    def __init__(self):
        self._counts = [0] * (LAST_CODE - FIRST_CODE + 1)

    def add(self, code):
        """One more."""
        index = code - FIRST_CODE
        if self._counts[index] < SATURATED:
            self._counts[index] += 1

    def of(self, code):
        """How often."""
        return self._counts[code - FIRST_CODE]

    def as_map(self):
        """{code: value} of all that are not zero."""
        return {FIRST_CODE + index: value for index, value in enumerate(self._counts) if value}
