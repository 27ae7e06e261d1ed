"""Lines of a console to requests: one JSON object a line, bounded whatever comes (SPEC 7). Pure.

    reader.feed(buf, n)
    reader.next_event() -> NEED_DATA, REQUEST (in `reader.request`), GARBAGE or TOO_LONG, until NEED_DATA

Traps avoided: a line that is too long is passed over to its end, however long, in the same few bytes; noise and half a
line leave nothing behind their line end; JSON knows `true` where a number is wanted, and Python takes it for one.
"""

import json

from firmware.base.faults import Refused
from firmware.base.port import const

NEED_DATA = const(0)
REQUEST = const(1)
GARBAGE = const(2)
TOO_LONG = const(3)

LINE_BYTES_MAX = const(240)  # a board's receive buffer holds a line that comes between two looks
ID_MAX = const(0x3FFFFFFF)
_LF = const(10)
_CR = const(13)
_SPACE = const(32)
_OPEN = const(0x7B)
_CLOSE = const(0x7D)


class Request:
    """`ask` is the name, `id` the asker's number or None."""

    def __init__(self, ask, number, fields):
        self.ask = ask
        self.id = number
        self._fields = fields

    def number(self, name, lowest, highest, default=None):
        """An integer argument; Refused when it is missing without default, no integer, or out of range."""
        value = self._fields.get(name, default)
        if type(value) is not int or value < lowest or value > highest:
            raise Refused("argument", name)
        return value

    def text(self, name):
        """A text argument; Refused when there is none."""
        value = self._fields.get(name)
        if type(value) is not str:
            raise Refused("argument", name)
        return value


class RequestReader:
    """`dropped` counts lines that were no requests."""

    def __init__(self):
        self._line = bytearray(LINE_BYTES_MAX)
        self._length = 0
        self._too_long = False
        self._printable = True
        self._buf = b""
        self._at = 0
        self._end = 0
        self.request = None
        self.dropped = 0

    def feed(self, buf, n):
        """buf[:n] came; it is looked at by next_event() until that wants more."""
        self._buf = buf
        self._at = 0
        self._end = n

    def next_event(self):
        """What the next line end brought."""
        while self._at < self._end:
            byte = self._buf[self._at]
            self._at += 1
            if byte == _LF:
                event = self._line_event()
                if event != NEED_DATA:
                    return event
            elif byte != _CR:
                self._take(byte)
        return NEED_DATA

    def _take(self, byte):
        if self._length >= LINE_BYTES_MAX:
            self._too_long = True
            return
        self._printable = self._printable and _SPACE <= byte < 127
        self._line[self._length] = byte
        self._length += 1

    def _line_event(self):
        """NEED_DATA for an empty line: who is not sure where a line ends may send one."""
        length, too_long, printable = self._length, self._too_long, self._printable
        self._length, self._too_long, self._printable = 0, False, True
        if too_long:
            self.dropped += 1
            return TOO_LONG
        if not length:
            return NEED_DATA
        self.request = parse_request(bytes(memoryview(self._line)[:length])) if printable else None
        if self.request is None:
            self.dropped += 1
            return GARBAGE
        return REQUEST


def parse_request(line):
    """The Request in a line of printable bytes, None when it is none."""
    if line[0] != _OPEN or line[-1] != _CLOSE:
        return None  # MicroPython's reader forgives an object that is cut off
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if type(fields) is not dict or type(fields.get("ask")) is not str:
        return None
    number = fields.get("id")
    if number is not None and (type(number) is not int or number < 0 or number > ID_MAX):
        return None
    return Request(fields["ask"], number, fields)
