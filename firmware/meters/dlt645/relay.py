"""Command 1CH and what a meter says about its relay: order codes, words, reasons, status word 3.

Facts in dlt645.md sections 3 and 4.4. A word is not a proof: the acknowledgement says that the command was taken, bit 4
of status word 3 that the relay moved. 1D and 1E (timed closing) are left out on purpose: sources disagree about them,
and a gateway that is lost meanwhile would leave the meter to close by itself. 3A and 3B (keep-power) are an operator's.
"""

from firmware.base import relay
from firmware.base.port import const

TRIP = const(0x1A)
CLOSE_PERMITTED = const(0x1B)
CLOSE = const(0x1C)
ALARM_ON = const(0x2A)
ALARM_OFF = const(0x2B)
CODES = (0x1A, 0x1B, 0x1C, 0x2A, 0x2B)

# status word 3
BIT_RELAY_OPEN = const(0x0010)
BIT_COMMAND_OPEN = const(0x0040)
BIT_ALARM = const(0x0080)
PURSE_SHIFT = const(8)  # 2 bits: 0 none, 1 by energy, 2 by money
BIT_KEEP_POWER = const(0x1000)

# why an order was refused, one list for the byte of older and the word of newer meters
OTHER = const(1)
NO_SUCH_DATA = const(2)
NOT_AUTHORISED = const(3)
SUSPENDED = const(4)
BAD_MAC = const(5)
AUTHENTICATION_EXPIRED = const(6)
VALID_UNTIL_PAST = const(7)
KEEP_POWER_ACTIVE = const(8)
TIMED_CLOSE = const(9)  # belongs to 1D and 1E, which we never send
BAUD_FIXED = const(10)
TOO_MANY = const(11)  # zones, periods or tariffs of a write
UNKNOWN = const(12)
REASON_NAMES = (
    "",
    "other error",
    "no such data",
    "wrong password or not authorised",
    "function suspended",
    "message code wrong",
    "authentication expired",
    "valid-until not accepted",
    "keep-power is active",
    "timed close refused",
    "baud rate cannot be changed",
    "too many zones, periods or tariffs",
    "reserved bit",
)
_BYTE_REASONS = (OTHER, NO_SUCH_DATA, NOT_AUTHORISED, BAUD_FIXED, TOO_MANY, TOO_MANY, TOO_MANY, UNKNOWN)
_WORD_REASONS = (
    SUSPENDED,
    BAD_MAC,
    NOT_AUTHORISED,
    AUTHENTICATION_EXPIRED,
    VALID_UNTIL_PAST,
    KEEP_POWER_ACTIVE,
    TIMED_CLOSE,
    TIMED_CLOSE,
    TIMED_CLOSE,
)

# what the 2-byte acknowledgement of newer meters says was done
ACK_NAMES = (
    (0x0001, "closed directly"),
    (0x0002, "close allowed"),
    (0x0004, "tripped directly"),
    (0x0008, "trip delayed"),
    (0x0010, "trip with timed close"),
    (0x0020, "trip delayed, current too high"),
    (0x0100, "keep-power on"),
    (0x0200, "keep-power off"),
    (0x0400, "alarm on"),
    (0x0800, "alarm off"),
)


def order_code(action, close_code):
    """base/relay action -> N1, or 0 when the action is not a command."""
    if action == relay.CUT:
        return TRIP
    if action == relay.RESTORE:
        return close_code
    if action == relay.ALARM_ON:
        return ALARM_ON
    if action == relay.ALARM_OFF:
        return ALARM_OFF
    return 0


def reasons(error_word, width):
    """Error word of `width` bytes -> list of reason codes, [] when no bit is set. Width 2 is the newer meters' DC."""
    table = _BYTE_REASONS if width == 1 else _WORD_REASONS
    found = []
    for bit in range(8 * width):
        if error_word >> bit & 1:
            reason = table[bit] if bit < len(table) else UNKNOWN
            if reason not in found:
                found.append(reason)
    return found


def relay_open(status_word):
    """True when the relay itself is open."""
    return bool(status_word & BIT_RELAY_OPEN)


def command_open(status_word):
    """True when the last command was to open. Reserved (0) on meters of the base standard: see the model."""
    return bool(status_word & BIT_COMMAND_OPEN)


def keep_power(status_word):
    """True when a trip would be refused or ignored."""
    return bool(status_word & BIT_KEEP_POWER)


def alarm(status_word):
    """True when the meter warns its customer."""
    return bool(status_word & BIT_ALARM)


def purse(status_word):
    """0 none, 1 the meter keeps energy credit itself, 2 money, 3 reserved."""
    return status_word >> PURSE_SHIFT & 3
