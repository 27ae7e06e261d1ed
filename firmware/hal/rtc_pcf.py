"""A battery-backed clock chip of NXP on I2C, in the shape of machine.RTC: PCF8563 (seconds in register 2), PCF85063 (4).

Seven registers in a row, BCD: seconds (bit 7 set = the clock stood still), minutes, hours, days, weekdays, months, years
(PCF8563 data sheet 8.4, PCF85063A data sheet 7.3). They are read and written in one transfer, during which the chip holds them.

The port's own clock follows: certificates are judged by it. Where the chip is silent or has lost its time, the port's clock is
all there is, and it begins in the past at each power cut, which hal/clock_rtc.py takes for no time.

Run with a stand-in for machine.I2C, never on hardware.
"""

from firmware.base import days
from firmware.base.port import const

PCF8563_SECONDS = const(2)
PCF85063_SECONDS = const(4)
_ADDRESS = const(0x51)
_STOOD = const(0x80)
_MASKS = b"\x7f\x7f\x3f\x3f\x07\x1f\xff"
_CENTURY = const(2000)


class PcfRtc:
    """PcfRtc(i2c, first_register, port_rtc): `port_rtc` is machine.RTC(), set from the chip when this is made."""

    def __init__(self, i2c, first_register, port_rtc):
        self._i2c = i2c
        self._first = first_register
        self._port_rtc = port_rtc
        self.failures = 0
        shown = self._read()
        if shown is not None:
            port_rtc.datetime(shown)

    def datetime(self, value=None):
        """As machine.RTC.datetime: (year, month, day, weekday from 0 = Monday, hour, minute, second, 0)."""
        if value is None:
            return self._read() or self._port_rtc.datetime()
        year, month, day, weekday, hour, minute, second = value[:7]
        self._port_rtc.datetime(value)
        try:
            values = (second, minute, hour, day, weekday, month, year - _CENTURY)
            self._i2c.writeto_mem(_ADDRESS, self._first, bytes(number // 10 << 4 | number % 10 for number in values))
        except OSError:
            self.failures += 1
        return None

    def _read(self):
        """None when the chip is silent, stood still or shows no date."""
        try:
            raw = self._i2c.readfrom_mem(_ADDRESS, self._first, len(_MASKS))
        except OSError:
            self.failures += 1
            return None
        if raw[0] & _STOOD:
            return None
        second, minute, hour, day, _, month, year = [_from_bcd(raw[index] & _MASKS[index]) for index in range(len(_MASKS))]
        number = days.day_of_date(_CENTURY + year, month, day)
        if number is None or hour > 23 or minute > 59 or second > 59:
            return None
        return (_CENTURY + year, month, day, days.weekday(number) - 1, hour, minute, second, 0)


def _from_bcd(byte):
    return (byte >> 4) * 10 + (byte & 0x0F)
