"""CBOR (RFC 8949), the subset of our messages: one spelling for each value.

Integers of 64 bits, byte strings, text, arrays, maps with integer or text keys, true, false, null. Encoding is the
deterministic one (section 4.2.1: shortest heads, keys sorted by their bytes). Decoding takes nothing else: a longer head,
an indefinite length, a float, another simple value, a tag, a key twice, bad UTF-8, too deep or trailing bytes are each
a WireFault that says which. Key order is not demanded of the other side.

Traps avoided: a length from the wire is compared with the bytes that are there before anything is allocated; MicroPython
lets malformed UTF-8 pass, so it is checked here; True equals 1 in Python, so only integers and text are keys.
"""

from firmware.base.faults import Broken, WireFault
from firmware.base.port import const

UINT = const(0)
NINT = const(1)
BYTES = const(2)
TEXT = const(3)
ARRAY = const(4)
MAP = const(5)
TAG = const(6)
SIMPLE = const(7)

FALSE = const(0xF4)
TRUE = const(0xF5)
NULL = const(0xF6)

DEPTH_MAX = const(8)
_INT_END = 0x10000000000000000


def encode(value):
    """Bytes of `value`: int, bytes-like, str, list or tuple, dict, bool, None. Broken when it has no place in the subset."""
    buf = bytearray(_size(value, DEPTH_MAX))
    Writer(buf).value(value)
    return bytes(buf)


def decode(buf, start, end, tag=None):
    """The one value in buf[start:end]; with `tag`, it must carry exactly that tag. WireFault for anything else.

    Arrays become lists, maps dicts, byte strings bytes.
    """
    if start < 0 or end > len(buf):
        raise Broken("cbor: window outside the buffer")
    reader = _Reader(buf, start, end)
    if tag is not None and (reader.head() != TAG or reader.argument != tag):
        raise WireFault("cbor: not tag " + str(tag))
    value = reader.value(DEPTH_MAX)
    if reader.pos != end:
        raise WireFault("cbor: trailing bytes")
    return value


class Writer:
    """Streams items into `buf` from `pos`, which advances. Broken when the buffer is full; whole items are counted by
    the caller: after array(n) write n items, after map(n) n keys, in sorted order, each followed by its value."""

    def __init__(self, buf, pos=0):
        self.buf = buf
        self.pos = pos

    def head(self, major, argument):
        """The first bytes of an item, shortest form. `argument` is 0 .. 2**64 - 1."""
        if argument < 24:
            self.buf[self._take(1)] = major << 5 | argument
            return
        size = _head_size(argument) - 1  # 1, 2, 4 or 8 bytes follow: 24, 25, 26 or 27 says which
        pos = self._take(1 + size)
        self.buf[pos] = major << 5 | (24 if size == 1 else 25 if size == 2 else 26 if size == 4 else 27)
        self.buf[pos + 1 : pos + 1 + size] = argument.to_bytes(size, "big")

    def int(self, value):
        if value < 0:
            self.head(NINT, -1 - value)
        else:
            self.head(UINT, value)

    def bytes(self, value):
        self._string(BYTES, value)

    def text(self, value):
        self._string(TEXT, value.encode())

    def array(self, count):
        self.head(ARRAY, count)

    def map(self, count):
        self.head(MAP, count)

    def tag(self, number):
        self.head(TAG, number)

    def bool(self, value):
        self.buf[self._take(1)] = TRUE if value else FALSE

    def null(self):
        self.buf[self._take(1)] = NULL

    def value(self, value):
        """Any value of the subset; the keys of a dict are sorted here."""
        kind = type(value)
        if value is None:
            self.null()
        elif kind is bool:
            self.bool(value)
        elif kind is int:
            self.int(value)
        elif kind is str:
            self.text(value)
        elif kind in (list, tuple):
            self.array(len(value))
            for item in value:
                self.value(item)
        elif kind is dict:
            self.map(len(value))
            for key in sorted(value, key=_place):
                if type(key) is not int and type(key) is not str:
                    raise Broken("cbor: key is neither integer nor text: " + repr(key))
                self.value(key)
                self.value(value[key])
        elif kind in (bytes, bytearray, memoryview):
            self.bytes(value)
        else:
            raise Broken("cbor: cannot encode " + repr(value))

    def _string(self, major, value):
        self.head(major, len(value))
        pos = self._take(len(value))
        self.buf[pos : pos + len(value)] = value

    def _take(self, size):
        pos = self.pos
        if pos + size > len(self.buf):
            raise Broken("cbor: buffer full")
        self.pos = pos + size
        return pos


class _Reader:
    def __init__(self, buf, pos, end):
        self.view = memoryview(buf)
        self.pos = pos
        self.end = end
        self.argument = 0

    def head(self):
        """Read one head -> major type, its number in `argument`."""
        first = self.view[self._take(1)]
        info = first & 0x1F
        if info < 24:
            self.argument = info
        elif info > 27:
            raise WireFault("cbor: indefinite length" if info == 31 else "cbor: reserved head")
        elif first >= 0xF8:
            raise WireFault("cbor: simple value" if info == 24 else "cbor: float")
        else:
            size = 1 << (info - 24)
            pos = self._take(size)
            argument = 0
            for place in range(pos, pos + size):
                argument = argument << 8 | self.view[place]
            if _head_size(argument) != size + 1:
                raise WireFault("cbor: not the shortest head")
            self.argument = argument
        return first >> 5

    def value(self, depth):
        major = self.head()
        argument = self.argument
        if major == UINT:
            return argument
        if major == NINT:
            return -1 - argument
        if major == BYTES:
            pos = self._take(argument)
            return bytes(self.view[pos : self.pos])
        if major == TEXT:
            pos = self._take(argument)
            check_utf8(self.view, pos, self.pos)
            return str(bytes(self.view[pos : self.pos]), "utf-8")
        if major == TAG:
            raise WireFault("cbor: tag")
        if major == SIMPLE:
            return _simple(argument)
        if depth == 0:
            raise WireFault("cbor: too deep")
        # every item has a byte at least, so a count beyond the bytes left is refused before it allocates
        if argument > self.end - self.pos:
            raise WireFault("cbor: cut short")
        return self._array(argument, depth - 1) if major == ARRAY else self._map(argument, depth - 1)

    def _array(self, count, depth):
        return [self.value(depth) for _ in range(count)]

    def _map(self, count, depth):
        pairs = {}
        for _ in range(count):
            key = self.value(0)
            if type(key) is not int and type(key) is not str:
                raise WireFault("cbor: key is neither integer nor text")
            if key in pairs:
                raise WireFault("cbor: key twice")
            pairs[key] = self.value(depth)
        return pairs

    def _take(self, size):
        pos = self.pos
        if size > self.end - pos:
            raise WireFault("cbor: cut short")
        self.pos = pos + size
        return pos


def check_utf8(view, start, end):
    """WireFault unless view[start:end] is well-formed UTF-8 (RFC 3629: no overlong forms, surrogates, beyond 10FFFF)."""
    pos = start
    while pos < end:
        lead = view[pos]
        pos += 1
        if lead < 0x80:
            continue
        if 0xC2 <= lead < 0xE0:
            follow, point, lowest = 1, lead & 0x1F, 0x80
        elif 0xE0 <= lead < 0xF0:
            follow, point, lowest = 2, lead & 0x0F, 0x800
        elif 0xF0 <= lead < 0xF5:
            follow, point, lowest = 3, lead & 0x07, 0x10000
        else:
            raise WireFault("cbor: bad utf-8")
        if pos + follow > end:
            raise WireFault("cbor: bad utf-8")
        for place in range(pos, pos + follow):
            if view[place] & 0xC0 != 0x80:
                raise WireFault("cbor: bad utf-8")
            point = point << 6 | view[place] & 0x3F
        if point < lowest or point > 0x10FFFF or 0xD800 <= point < 0xE000:
            raise WireFault("cbor: bad utf-8")
        pos += follow


def _place(key):
    """What keys are sorted by: their bytes; those of numbers from 0 on lie in the order of the numbers, before all others."""
    return (0, key) if type(key) is int and key >= 0 else (1, encode(key))


def _simple(argument):
    if argument == FALSE & 0x1F:
        return False
    if argument == TRUE & 0x1F:
        return True
    if argument == NULL & 0x1F:
        return None
    raise WireFault("cbor: simple value")


def _head_size(argument):
    if argument < 24:
        return 1
    if argument < 0x100:
        return 2
    if argument < 0x10000:
        return 3
    return 5 if argument < 0x100000000 else 9


def _size(value, depth):
    """Bytes that `value` takes; Broken when it is outside the subset."""
    kind = type(value)
    if value is None or kind is bool:
        return 1
    if kind is int:
        argument = -1 - value if value < 0 else value
        if argument >= _INT_END:
            raise Broken("cbor: integer beyond 64 bits: " + str(value))
        return _head_size(argument)
    if kind in (bytes, bytearray, memoryview):
        return _head_size(len(value)) + len(value)
    if kind is str:
        size = len(value.encode())
        return _head_size(size) + size
    if kind in (list, tuple, dict):
        if depth == 0:
            raise Broken("cbor: too deep")
        size = _head_size(len(value))
        for item in value:
            size += _size(item, depth - 1)
            if kind is dict:
                size += _size(value[item], depth - 1)
        return size
    raise Broken("cbor: cannot encode " + repr(value))
