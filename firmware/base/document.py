"""JSON from people, read strictly, and its fields taken one by one (DESIGN: bad input from people).

`read_document(source, what)` -> value: dict, list, str, int, bool, None, or `Inexact` for a number with a point or an exponent.
`source` is text, bytes, or an open binary file, which is read in small pieces; with `keep` the items of a long list are taken over
one by one, so that a heap never holds all of them as dicts. `Fields(value, path)` then takes the fields of one object: each
`take_*` checks one field, and `unknown()` or `finish()` says what nobody took. Every fault is BadInput with the full path of the
field, as `meters[3].address`.

Traps avoided: MicroPython's json takes commas and colons for blanks; both interpreters keep the last of two equal names
and turn "0.1" into a float; CPython takes NaN. Here such text is refused, with the same sentence on both.
"""

from firmware.base.decimal_text import parse_decimal, shown
from firmware.base.faults import BadInput
from firmware.base.port import const

BYTES_MAX = const(65536)
DEPTH_MAX = const(8)
INTEGER_DIGITS_MAX = const(15)
_REQUIRED = object()
_PIECE_BYTES = const(512)
_SPACE = const(0x20)
_QUOTE = const(0x22)
_COMMA = const(0x2C)
_MINUS = const(0x2D)
_ZERO = const(0x30)
_NINE = const(0x39)
_COLON = const(0x3A)
_OPEN_BRACKET = const(0x5B)
_BACKSLASH = const(0x5C)
_CLOSE_BRACKET = const(0x5D)
_LOWER_U = const(0x75)
_OPEN_BRACE = const(0x7B)
_CLOSE_BRACE = const(0x7D)
_BLANKS = (0x20, 0x09, 0x0D, 0x0A)
_NUMBER_CHARS = tuple([ord(char) for char in "+-.0123456789eE"])
_WORDS = ((b"true", True), (b"false", False), (b"null", None))
_ESCAPES = {0x22: '"', 0x5C: "\\", 0x2F: "/", 0x62: "\b", 0x66: "\f", 0x6E: "\n", 0x72: "\r", 0x74: "\t"}


class Inexact:
    """A number that is not whole, kept as its text: nothing here computes with it."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def read_document(source, what, keep=None):
    """Text, UTF-8 bytes or a binary file of one JSON object -> dict. BadInput names `what` (the document) or the field at fault.

    `keep` = {path of a list: function(item, its path) -> what stands in the list instead}.
    """
    file, raw = None, b""
    if hasattr(source, "read"):
        file = source
    elif len(source) > BYTES_MAX:
        raise BadInput(what, "is longer than " + str(BYTES_MAX) + " bytes")
    else:
        try:
            raw = source.encode() if type(source) is str else bytes(source)
        except UnicodeError:
            raise BadInput(what, "is not UTF-8 text")
    value = _Reader(file, raw, what, keep or {}).document()
    if type(value) is not dict:
        raise BadInput(what, "must be an object in braces, got " + shown(value))
    return value


def joined(path, name):
    """Path of a field inside `path` ("" at the top)."""
    return path + "." + name if path else name


class _Reader:
    """Recursive descent over bytes (indexing a text is slow on MicroPython); `path` is the place being read."""

    def __init__(self, file, raw, what, keep):
        self._file = file
        self._raw = raw  # the piece that `_at` is in
        self._what = what
        self._keep = keep
        self._at = 0
        self._taken = 0  # bytes of earlier pieces

    def document(self):
        value = self._value("", 0)
        self._skip_blanks()
        if self._peek() >= 0:
            self._fail("", "has text after its end")
        return value

    def _value(self, path, depth):
        if depth > DEPTH_MAX:
            self._fail(path, "is nested more than " + str(DEPTH_MAX) + " deep")
        self._skip_blanks()
        char = self._peek()
        if char == _OPEN_BRACE:
            return self._object(path, depth)
        if char == _OPEN_BRACKET:
            return self._array(path, depth)
        if char == _QUOTE:
            return self._string(path)
        if char == _MINUS or _ZERO <= char <= _NINE:
            return self._number(path)
        for word, value in _WORDS:
            if char == word[0] and self._word(word):
                return value
        return self._fail(path, "is not JSON: a value is missing")

    def _word(self, word):
        for char in word:
            if self._peek() != char:
                return False
            self._at += 1
        return True

    def _object(self, path, depth):
        fields = {}
        self._at += 1
        if self._took(_CLOSE_BRACE):
            return fields
        while True:
            self._skip_blanks()
            if self._peek() != _QUOTE:
                self._fail(path, "is not JSON: a field name in quotes is missing")
            name = self._string(path)
            here = joined(path, name)
            if name in fields:
                self._fail(here, "stands there twice")
            if not self._took(_COLON):
                self._fail(here, "is not JSON: a colon is missing")
            fields[name] = self._value(here, depth + 1)
            if self._took(_CLOSE_BRACE):
                return fields
            if not self._took(_COMMA):
                self._fail(here, "is not JSON: a comma or a closing brace is missing after it")

    def _array(self, path, depth):
        items = []
        keep = self._keep.get(path)
        self._at += 1
        if self._took(_CLOSE_BRACKET):
            return items
        while True:
            here = path + "[" + str(len(items)) + "]"
            value = self._value(here, depth + 1)
            items.append(value if keep is None else keep(value, here))
            if self._took(_CLOSE_BRACKET):
                return items
            if not self._took(_COMMA):
                self._fail(here, "is not JSON: a comma or a closing bracket is missing after it")

    def _string(self, path):
        self._at += 1
        text = self._plain_string()
        if text is not None:
            return self._decoded(text)
        parts = bytearray()
        while True:
            char = self._peek()
            if char < _SPACE:  # the end of the text too
                self._fail(path, "is not JSON: a closing quote is missing")
            self._at += 1
            if char == _QUOTE:
                return self._decoded(bytes(parts))
            if char == _BACKSLASH:
                parts.extend(self._escape(path).encode())
            else:
                parts.append(char)

    def _plain_string(self):
        """The usual text: without escapes and wholly in this piece; None for another, which is taken byte by byte."""
        end = self._raw.find(b'"', self._at)
        if end < 0:
            return None
        raw = self._raw[self._at : end]
        if b"\\" in raw or raw and min(raw) < _SPACE:
            return None
        self._at = end + 1
        return raw

    def _decoded(self, raw):
        try:
            return str(raw, "utf-8")
        except (UnicodeError, ValueError):
            return self._fail("", "is not UTF-8 text")

    def _escape(self, path):
        char = self._peek()
        self._at += 1
        if char == _LOWER_U:
            code = 0
            for _ in range(4):
                digit = "0123456789abcdef".find(chr(self._peek() | 0x20)) if self._peek() > 0 else -1
                if digit < 0:
                    self._fail(path, "is not JSON: a bad \\u escape")
                code = code * 16 + digit
                self._at += 1
            if 0xD800 <= code <= 0xDFFF:
                self._fail(path, "is not JSON: a bad \\u escape")
            return chr(code)
        if char not in _ESCAPES:
            self._fail(path, "is not JSON: a bad escape in a text")
        return _ESCAPES[char]

    def _number(self, path):
        text = ""
        while self._peek() in _NUMBER_CHARS:
            text += chr(self._peek())
            self._at += 1
        digits = text[1:] if text[0] == "-" else text
        if "." in digits or "e" in digits or "E" in digits:
            return Inexact(text)
        if not digits or "-" in digits or "+" in digits or (digits[0] == "0" and len(digits) > 1):
            self._fail(path, "is not a number: " + shown(text))
        if len(digits) > INTEGER_DIGITS_MAX:
            self._fail(path, "is too big: " + shown(text))
        return int(text)

    def _took(self, char):
        if self._at >= len(self._raw) or self._raw[self._at] != char:  # usually it stands right here
            self._skip_blanks()
            if self._peek() != char:
                return False
        self._at += 1
        return True

    def _peek(self):
        """The next byte, -1 at the end."""
        if self._at < len(self._raw):
            return self._raw[self._at]
        if self._file is None:
            return -1
        self._taken += len(self._raw)
        self._raw, self._at = self._file.read(_PIECE_BYTES), 0
        if self._taken + len(self._raw) > BYTES_MAX:
            self._fail("", "is longer than " + str(BYTES_MAX) + " bytes")
        return self._raw[0] if self._raw else -1

    def _skip_blanks(self):
        while self._peek() <= _SPACE and self._peek() in _BLANKS:
            self._at += 1

    def _fail(self, path, sentence):
        raise BadInput(path or self._what, sentence)


class Fields:
    """The fields of one JSON object at `path`; a field is taken once, what is left is unknown."""

    def __init__(self, value, path=""):
        if type(value) is not dict:
            raise BadInput(path, "must be an object in braces, got " + shown(value))
        self._value = value
        self.path = path
        self._taken = set()

    def at(self, name):
        """Full path of field `name`."""
        return joined(self.path, name)

    def has(self, name):
        """True when the field stands there."""
        return name in self._value

    def take(self, name, default=_REQUIRED):
        """The value as it stands, or `default`; BadInput when it is missing and has no default."""
        self._taken.add(name)
        if name in self._value:
            return self._value[name]
        if default is _REQUIRED:
            raise BadInput(self.at(name), "is missing")
        return default

    def take_int(self, name, low, high, default=_REQUIRED):
        """A whole number, low ... high."""
        return checked_int(self.take(name, default), low, high, self.at(name))

    def take_flag(self, name, default=_REQUIRED):
        """true or false."""
        value = self.take(name, default)
        if type(value) is not bool:
            raise BadInput(self.at(name), "must be true or false, got " + shown(value))
        return value

    def take_text(self, name, length_max, default=_REQUIRED):
        """A text of 1 ... length_max characters."""
        value = self.take(name, default)
        if type(value) is not str:
            raise BadInput(self.at(name), "must be a text in quotes, got " + shown(value))
        if not value or len(value) > length_max:
            raise BadInput(self.at(name), "must have 1 to " + str(length_max) + " characters, got " + str(len(value)))
        return value

    def take_decimal(self, name, digits, negative=False):
        """A decimal in quotes -> integer in units of 10**-digits."""
        return parse_decimal(self.take(name), digits, self.at(name), negative)

    def take_fields(self, name, default=_REQUIRED):
        """An object -> Fields of it."""
        return Fields(self.take(name, default), self.at(name))

    def take_list(self, name, count_max, default=_REQUIRED):
        """A list of at most `count_max` items, unchecked."""
        value = self.take(name, default)
        if type(value) is not list:
            raise BadInput(self.at(name), "must be a list in brackets, got " + shown(value))
        if len(value) > count_max:
            raise BadInput(self.at(name), "may have at most " + str(count_max) + " items, got " + str(len(value)))
        return value

    def unknown(self):
        """Paths of the fields that nobody took, sorted (dicts have no order on MicroPython)."""
        return sorted([self.at(name) for name in self._value if name not in self._taken])

    def finish(self):
        """BadInput for the first unknown field."""
        for path in self.unknown():
            raise BadInput(path, "is not a field that is known here")


def checked_int(value, low, high, field):
    """`value` when it is a whole number low ... high, else BadInput(field)."""
    if type(value) is not int:
        raise BadInput(field, "must be a whole number, got " + shown(value))
    if value < low or value > high:
        raise BadInput(field, "must be " + str(low) + " to " + str(high) + ", got " + str(value))
    return value
