"""What each data identifier means: a table for people's tools, from bytes to text (dlt645.md section 4).

The poll path does not come here; it asks for a handful of items that it knows. `find_item(di)` -> `Item` or None, and
`Item.decode(buf, start, end)` -> text, a list of them for a block, or None for "no value".

FFH in DI2, DI1 or DI0 asks for all items of a level; how many come is the meter's configuration, so the count is
derived from the length. Trap avoided: a sign is taken only where the table says so.
"""

from firmware.base.days import DAY_S, date_of_day
from firmware.base.decimal_text import format_decimal
from firmware.base.port import const
from firmware.meters.dlt645 import values

NUMBER = const(0)  # BCD, `digits` after the point
WORD = const(1)  # binary, shown as hex
DATE = const(2)  # WW DD MM YY
TIME = const(3)  # ss mm hh
CLOCK = const(4)  # ss mm hh WW DD MM YY
STAMP = const(5)  # ss mm hh DD MM YY
MINUTE_STAMP = const(6)  # mm hh DD MM YY
CODE = const(7)  # BCD digits kept as text: address, numbers of things
TEXT = const(8)  # ASCII, last character first

ALL = const(0xFF)
# a field of a DI in a row: n is n alone, (low, high) a range; FFH matches a range, and asks for a block
_ANY_RATE = (0, 0x3F)
_SETTLEMENTS = (0, 0x0C)
_PHASES = (1, 3)
_TOTAL_AND_PHASES = (0, 3)
_NUMBERS = (1, 0xFE)

# DI3, DI2, DI1, DI0, name, kind, bytes, digits after the point, signed, unit
_ROWS = (
    (0x00, 0x00, _ANY_RATE, _SETTLEMENTS, "combined active energy", NUMBER, 4, 2, True, "kWh"),
    (0x00, 0x01, _ANY_RATE, _SETTLEMENTS, "forward active energy", NUMBER, 4, 2, False, "kWh"),
    (0x00, 0x02, _ANY_RATE, _SETTLEMENTS, "reverse active energy", NUMBER, 4, 2, False, "kWh"),
    (0x00, (3, 4), _ANY_RATE, _SETTLEMENTS, "combined reactive energy", NUMBER, 4, 2, True, "kvarh"),
    (0x00, (5, 8), _ANY_RATE, _SETTLEMENTS, "reactive energy of a quadrant", NUMBER, 4, 2, False, "kvarh"),
    (0x00, 0x0B, 0x00, (0, 1), "consumption of a settlement period", NUMBER, 4, 2, False, "kWh"),
    (0x00, 0x0C, 0x00, (0, 1), "consumption of a month", NUMBER, 4, 2, False, "kWh"),
    (0x00, 0x90, 0x01, (0, 1), "energy in the meter's purse, overdraft", NUMBER, 4, 2, False, "kWh"),
    (0x00, 0x90, 0x02, (0, 1), "money in the meter's purse, overdraft", NUMBER, 4, 2, False, ""),
    (0x02, 0x01, _PHASES, 0x00, "voltage", NUMBER, 2, 1, False, "V"),
    (0x02, 0x02, _PHASES, 0x00, "current", NUMBER, 3, 3, True, "A"),
    (0x02, 0x03, _TOTAL_AND_PHASES, 0x00, "active power", NUMBER, 3, 4, True, "kW"),
    (0x02, 0x04, _TOTAL_AND_PHASES, 0x00, "reactive power", NUMBER, 3, 4, True, "kvar"),
    (0x02, 0x05, _TOTAL_AND_PHASES, 0x00, "apparent power", NUMBER, 3, 4, True, "kVA"),
    (0x02, 0x06, _TOTAL_AND_PHASES, 0x00, "power factor", NUMBER, 2, 3, True, ""),
    (0x02, 0x07, _PHASES, 0x00, "phase angle", NUMBER, 2, 1, False, "deg"),
    (0x02, 0x80, 0x00, 0x01, "neutral current", NUMBER, 3, 3, True, "A"),
    (0x02, 0x80, 0x00, 0x02, "frequency", NUMBER, 2, 2, False, "Hz"),
    (0x02, 0x80, 0x00, 0x03, "mean active power of a minute", NUMBER, 3, 4, True, "kW"),
    (0x02, 0x80, 0x00, 0x04, "present active demand", NUMBER, 3, 4, True, "kW"),
    (0x02, 0x80, 0x00, 0x05, "present reactive demand", NUMBER, 3, 4, True, "kvar"),
    (0x02, 0x80, 0x00, 0x06, "present apparent demand", NUMBER, 3, 4, True, "kVA"),
    (0x02, 0x80, 0x00, 0x07, "temperature", NUMBER, 2, 1, True, "C"),
    (0x02, 0x80, 0x00, (8, 9), "battery voltage", NUMBER, 2, 2, False, "V"),
    (0x02, 0x80, 0x00, 0x0A, "battery time", NUMBER, 4, 0, False, "min"),
    (0x02, 0x80, 0x00, 0x0B, "step price now", NUMBER, 4, 4, False, "/kWh"),
    (0x02, 0x80, 0x00, (0x20, 0x21), "price now", NUMBER, 4, 4, False, "/kWh"),
    (0x03, 0x11, 0x00, 0x00, "power-down count", NUMBER, 3, 0, False, "times"),
    (0x03, 0x30, (0, 4), 0x00, "count of programming and clearing", NUMBER, 3, 0, False, "times"),
    (0x03, 0x30, 0x0D, 0x00, "meter cover open count", NUMBER, 3, 0, False, "times"),
    (0x03, 0x30, 0x0E, 0x00, "terminal cover open count", NUMBER, 3, 0, False, "times"),
    (0x03, (0x32, 0x33), 0x02, 0x01, "purchase count", NUMBER, 2, 0, False, "times"),
    (0x04, 0x00, 0x01, 0x01, "date", DATE, 4, 0, False, ""),
    (0x04, 0x00, 0x01, 0x02, "time", TIME, 3, 0, False, ""),
    (0x04, 0x00, 0x01, (3, 4), "demand period, slip", NUMBER, 1, 0, False, "min"),
    (0x04, 0x00, 0x01, (8, 9), "switch time", MINUTE_STAMP, 5, 0, False, ""),
    (0x04, 0x00, 0x01, 0x0C, "date and time", CLOCK, 7, 0, False, ""),
    (0x04, 0x00, 0x03, (6, 7), "transformer ratio", NUMBER, 3, 0, False, ""),
    (0x04, 0x00, 0x04, 0x01, "communication address", CODE, 6, 0, False, ""),
    (0x04, 0x00, 0x04, 0x02, "meter number", CODE, 6, 0, False, ""),
    (0x04, 0x00, 0x04, 0x03, "asset code", TEXT, 32, 0, False, ""),
    (0x04, 0x00, 0x04, (4, 6), "rating", TEXT, 6, 0, False, ""),
    (0x04, 0x00, 0x04, 0x09, "active constant", NUMBER, 3, 0, False, "imp/kWh"),
    (0x04, 0x00, 0x04, 0x0A, "reactive constant", NUMBER, 3, 0, False, "imp/kvarh"),
    (0x04, 0x00, 0x04, 0x0E, "customer number", CODE, 6, 0, False, ""),
    (0x04, 0x00, 0x05, (1, 7), "status word", WORD, 2, 0, False, ""),
    (0x04, 0x00, 0x06, (1, 3), "combination mode", WORD, 1, 0, False, ""),
    (0x04, 0x00, 0x07, (1, 5), "baud feature byte", WORD, 1, 0, False, ""),
    (0x04, 0x00, 0x0B, (1, 3), "settlement day and hour", CODE, 2, 0, False, ""),
    (0x04, 0x00, 0x0F, (1, 4), "energy limit", NUMBER, 4, 2, False, "kWh"),
    (0x04, 0x00, 0x10, (1, 5), "money limit", NUMBER, 4, 2, False, ""),
    (0x04, 0x00, 0x14, 0x01, "trip delay", NUMBER, 2, 0, False, "min"),
    (0x05, (0, 7), 0x00, _NUMBERS, "freeze time", MINUTE_STAMP, 5, 0, False, ""),
    (0x05, (0, 7), 0x01, _NUMBERS, "frozen forward active energy", NUMBER, 4, 2, False, "kWh"),
    (0x05, (0, 7), 0x02, _NUMBERS, "frozen reverse active energy", NUMBER, 4, 2, False, "kWh"),
    (0x05, (0, 7), (3, 4), _NUMBERS, "frozen combined reactive energy", NUMBER, 4, 2, True, "kvarh"),
    (0x05, (0, 7), (5, 8), _NUMBERS, "frozen reactive energy of a quadrant", NUMBER, 4, 2, False, "kvarh"),
    (0x1D, 0x00, 0x00, 0x01, "trip count", NUMBER, 3, 0, False, "times"),
    (0x1D, 0x00, 0x01, _NUMBERS, "time of a trip", STAMP, 6, 0, False, ""),
    (0x1E, 0x00, 0x00, 0x01, "close count", NUMBER, 3, 0, False, "times"),
    (0x1E, 0x00, 0x01, _NUMBERS, "time of a close", STAMP, 6, 0, False, ""),
)

# the same for identifiers of 1997: low, high, name, kind, bytes, digits, signed, unit; a last digit F asks for a block
_ROWS_1997 = (
    (0x9010, 0x901F, "forward active energy", NUMBER, 4, 2, False, "kWh"),
    (0x9020, 0x902F, "reverse active energy", NUMBER, 4, 2, False, "kWh"),
    (0x9110, 0x911F, "forward reactive energy", NUMBER, 4, 2, False, "kvarh"),
    (0x9120, 0x912F, "reverse reactive energy", NUMBER, 4, 2, False, "kvarh"),
    (0xB611, 0xB613, "voltage", NUMBER, 2, 0, False, "V"),
    (0xB621, 0xB623, "current", NUMBER, 2, 2, False, "A"),
    (0xB630, 0xB633, "active power", NUMBER, 3, 4, False, "kW"),
    (0xB650, 0xB653, "power factor", NUMBER, 2, 3, False, ""),
    (0xC010, 0xC010, "date", DATE, 4, 0, False, ""),
    (0xC011, 0xC011, "time", TIME, 3, 0, False, ""),
    (0xC032, 0xC032, "meter number", CODE, 6, 0, False, ""),
)
BLOCK_END_1997 = const(0xAA)


class Item:
    """`name`, `kind`, `width` in bytes, `digits` after the point, `signed`, `unit`, `block` True for several values."""

    def __init__(self, name, kind, width, digits, signed, unit, block, block_end=None):
        self.name = name
        self.kind = kind
        self.width = width
        self.digits = digits
        self.signed = signed
        self.unit = unit
        self.block = block
        self._block_end = block_end

    def decode(self, buf, start, end):
        """Text, a list of texts (block), None for no value, or for data whose length does not fit."""
        n = end - start
        if self._block_end is not None and n % self.width == 1 and buf[end - 1] == self._block_end:
            end -= 1
            n -= 1
        if n == 0 or n % self.width:
            return None
        if not self.block and n == self.width:
            return self._one(buf, start)
        return [self._one(buf, at) for at in range(start, end, self.width)]

    def _one(self, buf, at):
        kind = self.kind
        if kind == NUMBER:
            value = values.number_at(buf, at, self.width, self.signed)
            return None if value is None else format_decimal(value, self.digits)
        if kind == CODE:
            return _code(buf, at, self.width)
        if kind == WORD:
            return None if _all_ff(buf, at, self.width) else _hex(buf, at, self.width)
        if kind == TEXT:
            return _text(buf, at, self.width)
        return _moment(kind, buf, at)


def find_item(di):
    """0xDI3DI2DI1DI0 -> Item, or None when it is not in the table."""
    parts = (di >> 24 & 0xFF, di >> 16 & 0xFF, di >> 8 & 0xFF, di & 0xFF)
    for row in _ROWS:
        fits = parts[0] == row[0]
        block = row[0] == 0x05 and row[5] == NUMBER  # freezes hold the total and all rates
        for i in (1, 2, 3):
            if not fits:
                break
            fits = _fits(parts[i], row[i])
            block = block or parts[i] == ALL
        if fits:
            return Item(row[4], row[5], row[6], row[7], row[8], row[9], block)
    return None


def find_item_1997(di):
    """0xDI1DI0 -> Item or None."""
    for row in _ROWS_1997:
        if row[0] <= di <= row[1] or (di & 0x0F == 0x0F and row[0] & 0xFFF0 == di & 0xFFF0 and row[0] < row[1]):
            return Item(row[2], row[3], row[4], row[5], row[6], row[7], di & 0x0F == 0x0F, BLOCK_END_1997)
    return None


def _fits(part, wanted):
    if type(wanted) is int:
        return part == wanted
    return wanted[0] <= part <= wanted[1] or part == ALL


def moment_text(at_local_s, with_second):
    """Local seconds -> "2015-10-09 00:00" or with ":00" more."""
    day = at_local_s // DAY_S
    year, month, day_of_month = date_of_day(day)
    text = "%04d-%02d-%02d " % (year, month, day_of_month)
    return text + _clock_text(at_local_s - day * DAY_S)[: 8 if with_second else 5]


def _moment(kind, buf, at):
    if kind == TIME:
        second = values.time_at(buf, at)
        return None if second is None else _clock_text(second)
    if kind == MINUTE_STAMP:
        at_s = values.minute_stamp_at(buf, at)
        return None if at_s is None else moment_text(at_s, False)
    if kind == STAMP:
        at_s = values.stamp_at(buf, at)
        return None if at_s is None else moment_text(at_s, True)
    if kind == CLOCK:
        date_s = values.date_at(buf, at + 4)
        second = values.time_at(buf, at)
        return None if date_s is None or second is None else moment_text(date_s + second, True)
    date_s = values.date_at(buf, at + 1)
    return None if date_s is None else moment_text(date_s, False)[:10]


def _clock_text(second):
    return "%02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)


def _hex(buf, at, width):
    return "".join(["%02X" % buf[i] for i in range(at + width - 1, at - 1, -1)])


def _code(buf, at, width):
    text = _hex(buf, at, width)
    for char in text:
        if char > "9":
            return None
    return text


def _text(buf, at, width):
    """Printable ASCII without padding; None for anything else."""
    chars = []
    for i in range(at + width - 1, at - 1, -1):
        if 0x20 <= buf[i] < 0x7F:
            chars.append(chr(buf[i]))
        elif buf[i]:
            return None
    return "".join(chars).strip()


def _all_ff(buf, at, width):
    for i in range(at, at + width):
        if buf[i] != 0xFF:
            return False
    return True
