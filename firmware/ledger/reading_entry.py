"""One stored reading: 44 bytes on flash (SPEC 3, end). Pure.

Trap avoided: "no value" is FFFFFFFFH on flash and None outside, never zero; and a number may begin with FFH, so an entry is
tried before blank flash is.
"""

from firmware.base.port import const
from firmware.base.records import Layout

ENTRY = Layout(
    "stored reading: number account at_s quality marks register_0 register_1 register_2 register_3 register_4 power_w status_word "
    "spare crc",
    b"<IIIBBIIIIIIHHH",
)
ENTRY_SIZE = ENTRY.size
NO_VALUE = const(0xFFFFFFFF)
_SPARE = const(0xFFFF)
_REGISTERS = const(5)


def crc16(buf, start, end):
    """CRC-16/CCITT, start FFFFH, of buf[start:end]; a byte at a time, without a table."""
    crc = 0xFFFF
    for at in range(start, end):
        mixed = crc >> 8 ^ buf[at]
        mixed ^= mixed >> 4
        crc = (crc << 8 ^ mixed << 12 ^ mixed << 5 ^ mixed) & 0xFFFF
    return crc


def entry_into(buf, start, number, account, at_s, quality, marks, registers, power_w, status_word):
    """Write an entry at buf[start:] -> end. `registers` has up to 5 values or None."""
    values = [number, account, at_s, quality, marks]
    for index in range(_REGISTERS):
        value = registers[index] if index < len(registers) else None
        values.append(NO_VALUE if value is None else value)
    values.append(NO_VALUE if power_w is None else power_w)
    values.append(0 if status_word is None else status_word)
    values.append(_SPARE)
    values.append(0)
    end = ENTRY.pack_into(buf, start, values)
    ENTRY.set(buf, start, "crc", crc16(buf, start, end - 2))
    return end


def is_entry(buf, start, end):
    """ENTRY_SIZE when a valid entry stands at buf[start:], else 0."""
    stop = start + ENTRY_SIZE
    if stop > end or crc16(buf, start, stop - 2) != buf[stop - 2] | buf[stop - 1] << 8:
        return 0
    return ENTRY_SIZE


def mend_nothing(buf, start, end):
    """A reading with a bad byte is dropped: the meter has the energy."""
    return 0


def reading_of(buf, start, rates_of):
    """The entry as sync sends it: (number, account, at_s, quality, marks, registers, power_w, status_word).

    `registers` has 1 + rates_of(account) values; 5 for an account nobody knows.
    """
    values = ENTRY.unpack(buf, start)
    registers = [None if value == NO_VALUE else value for value in values[5 : 6 + rates_of(values[1])]]
    power_w = None if values[10] == NO_VALUE else values[10]
    return values[0], values[1], values[2], values[3], values[4], registers, power_w, values[11]
