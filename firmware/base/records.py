"""The only packer: fields to bytes and back, every value checked for its range (DESIGN: words and units).

A code says how the fields of a flash or table row lie, little endian and without padding: the letters of struct, of which four
are known here - B, H, I numbers of 8, 16 and 32 bits without a sign, q of 64 bits with one - and 6s for six bytes. Words name
them: the name of the row, a colon, the fields in order. Both are constants, so on a board their text stays in flash.

    ACCOUNT = Layout("account: account balance_ucu serial", b"<Iq6s")

get and set are called more often than anything else: on a board a function of more than 11 words of locals and stack takes its
frame from the heap, and looking for room there takes longer than the work. So they have few locals, and no try.

Trap avoided: MicroPython's struct and bytearray stores wrap silently on overflow where CPython raises; a wrapped amount
is lost money. So the range is checked here, on both, and a value out of range is Broken, naming field and value.
"""

from struct import calcsize, unpack_from
from struct import pack_into as pack_unchecked

from firmware.base.faults import Broken
from firmware.base.port import const

_FRONT = const(0x3C)  # "<"
_LETTERS = const(0x40)  # digits and the front are below
_S = const(0x73)
_RANGES = {  # letter -> lowest, highest
    0x42: (0, 0xFF),
    0x48: (0, 0xFFFF),
    0x49: (0, 0xFFFFFFFF),
    0x71: (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}

# the place of one field is its offset and, in the low bits, its kind: the letter of a number, or _BYTES and a size
_BYTES = const(0x100)
_KIND = const(0x1FF)
_OFFSET = const(9)
_CODES = {0x42: "<B", 0x48: "<H", 0x49: "<I", 0x71: "<q"}  # kind -> code of such a field alone; bytes come as they are met


def pack_into(code, buf, start, values, words, line=0):
    """Write `values` (in field order) at buf[start:] -> end. Broken on any bad value; then nothing is written.

    `words` may be those of many rows, of which `line` is one.
    """
    end = start + calcsize(code)
    if start < 0 or end > len(buf):
        _outside(code, buf, start, words, line)
    at = size = 0
    for letter in code:
        if letter < _LETTERS:
            size = 0 if letter == _FRONT else size * 10 + letter - 0x30
            continue
        if at >= len(values):
            _wrong_count(values, words, line)
        if letter == _S:
            if not isinstance(values[at], (bytes, bytearray)) or len(values[at]) != size:
                _out_of_range(values[at], words, line, at)
            size = 0
        else:
            lowest, highest = _RANGES[letter]
            if type(values[at]) is not int or not lowest <= values[at] <= highest:
                _out_of_range(values[at], words, line, at)
        at += 1
    if at != len(values):
        _wrong_count(values, words, line)
    pack_unchecked(code, buf, start, *values)
    return end


def _names(words, line):
    return words.split("\n")[line].split(": ")[1].split(" ")


def _fail(words, line, sentence):
    raise Broken(words.split("\n")[line].split(": ")[0] + sentence)


def _outside(code, buf, start, words, line):
    # a negative offset would count from the end, so it is refused as well
    _fail(words, line, ": " + str(calcsize(code)) + " bytes at " + str(start) + " of " + str(len(buf)))


def _out_of_range(value, words, line, index):
    _fail(words, line, "." + _names(words, line)[index] + ": out of range: " + repr(value))


def _wrong_count(values, words, line):
    _fail(words, line, ": " + str(len(values)) + " values for " + str(len(_names(words, line))) + " fields")


class Layout:
    """Layout(words, code): rows whose fields are also taken one by one, by name. `size` in bytes.

    There are some ten of them for ever, most for whole rows only: where a field stands is worked out when it is first asked.
    """

    _places = {}  # field that was asked for -> its place; this one stays empty

    def __init__(self, words, code):
        self._words = words
        self._code = code
        self.size = calcsize(code)
        names = self.names()
        if len(set(names)) != len(names) or len(names) != len([letter for letter in code if letter >= _LETTERS]):
            raise Broken(words + ": a field twice, or another number of them than in " + str(code))

    def names(self):
        """Of its fields, in order."""
        return _names(self._words, 0)

    def pack_into(self, buf, start, values):
        """Write `values` (in field order) at buf[start:] -> end. Broken on any bad value; then nothing is written."""
        return pack_into(self._code, buf, start, values, self._words)

    def unpack(self, buf, start):
        """Values at buf[start:] as a tuple in field order; fixed bytes as bytes. Broken when they reach past the end."""
        if start < 0 or start + self.size > len(buf):
            _outside(self._code, buf, start, self._words, 0)
        return unpack_from(self._code, buf, start)

    def get(self, buf, start, field):
        """One field of the row at buf[start:]."""
        if start < 0 or start + self.size > len(buf):
            _outside(self._code, buf, start, self._words, 0)
        place = self._places.get(field)
        if place is None:
            place = self._find(field)
        return unpack_from(_CODES[place & _KIND], buf, start + (place >> _OFFSET))[0]

    def set(self, buf, start, field, value):
        """Overwrite one field of the row at buf[start:]. Broken on a bad value; then nothing is written."""
        if start < 0 or start + self.size > len(buf):
            _outside(self._code, buf, start, self._words, 0)
        place = self._places.get(field)
        if place is None:
            place = self._find(field)
        start += place >> _OFFSET
        place &= _KIND
        if place & _BYTES:
            if not isinstance(value, (bytes, bytearray)) or len(value) != place - _BYTES:
                self._refuse(field, value)
        elif type(value) is not int or not _RANGES[place][0] <= value <= _RANGES[place][1]:
            self._refuse(field, value)
        pack_unchecked(_CODES[place], buf, start, value)

    def offset_of(self, field):
        """Bytes from the start of the row to `field`."""
        place = self._places.get(field)
        return (self._find(field) if place is None else place) >> _OFFSET

    def _find(self, field):
        if not self._places:
            self._places = {}
        words, colon = self._words, self._words.find(":")
        at = words.find(" " + field + " ", colon)
        if at < 0 and words.endswith(" " + field):
            at = words.rfind(" ")
        if at < 0:
            _fail(words, 0, ": no field " + field)
        before = words.count(" ", colon + 2, at + 1)  # fields before this one
        code, start, place = self._code, 1, 1
        while before or code[place] < _LETTERS:
            place += 1
            if code[place - 1] >= _LETTERS:
                before -= 1
                start = place
        kind = code[place]
        if kind == _S:
            kind = _BYTES | int(code[start:place])
            _CODES[kind] = code[:1] + code[start : place + 1]
        self._places[field] = calcsize(code[:start]) << _OFFSET | kind
        return self._places[field]

    def _refuse(self, field, value):
        _out_of_range(value, self._words, 0, self.names().index(field))
