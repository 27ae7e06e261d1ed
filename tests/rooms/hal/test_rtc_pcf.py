"""The clock chips on I2C: what they hold, what a dead battery and a silent bus mean, and the port's clock beside them."""

from firmware.hal.rtc_pcf import PCF8563_SECONDS, PCF85063_SECONDS, PcfRtc
from tests.kit import cases, eq

CHIPS = ((PCF8563_SECONDS,), (PCF85063_SECONDS,))
AT = (2026, 11, 26, 3, 13, 59, 7, 0)  # a Thursday


class Bus:
    """machine.I2C with one clock chip of sixteen registers; `silent` answers nothing."""

    def __init__(self, first, shown):
        self.registers = bytearray(16)
        self.registers[first : first + len(shown)] = shown
        self.silent = False

    def readfrom_mem(self, address, register, count):
        self._check(address)
        return bytes(self.registers[register : register + count])

    def writeto_mem(self, address, register, buf):
        self._check(address)
        self.registers[register : register + len(buf)] = buf

    def _check(self, address):
        if self.silent or address != 0x51:
            raise OSError(19)


class PortRtc:
    """machine.RTC of a port: begins in the past at each power cut."""

    def __init__(self):
        self.value = (2000, 1, 1, 5, 0, 0, 0, 0)

    def datetime(self, value=None):
        if value is None:
            return self.value
        self.value = value
        return None


SHOWN = bytes((0x07, 0x59, 0x13, 0x26, 0x03, 0x11, 0x26))


def test_the_chip_sets_the_clock_of_the_port_when_the_board_starts():
    def check(first):
        port = PortRtc()
        clock = PcfRtc(Bus(first, SHOWN), first, port)
        eq(clock.datetime(), AT)
        eq(port.value, AT)

    cases(CHIPS, check)


def test_bits_that_are_no_time_are_passed_over():
    def check(first):
        noisy = bytes((0x07, 0x59 | 0x80, 0x13 | 0xC0, 0x26 | 0xC0, 0x03 | 0xF8, 0x11 | 0xE0, 0x26))
        eq(PcfRtc(Bus(first, noisy), first, PortRtc()).datetime(), AT)

    cases(CHIPS, check)


def test_time_that_is_set_stands_in_the_chip_and_in_the_port():
    def check(first):
        bus, port = Bus(first, b"\x80"), PortRtc()
        PcfRtc(bus, first, port).datetime(AT)
        eq(bytes(bus.registers[first : first + 7]), SHOWN)
        eq(bytes(bus.registers[:first]), bytes(first), "the control registers are left alone")
        eq(port.value, AT)
        eq(PcfRtc(bus, first, PortRtc()).datetime(), AT)

    cases(CHIPS, check)


def test_a_chip_that_stood_still_or_shows_no_date_leaves_the_clock_of_the_port():
    def check(shown):
        port = PortRtc()
        eq(PcfRtc(Bus(2, shown), 2, port).datetime(), port.value)
        eq(port.value[0], 2000)

    cases(
        [
            (bytes((SHOWN[0] | 0x80,)) + SHOWN[1:],),
            (SHOWN[:3] + b"\x31\x03\x02\x26",),
            (SHOWN[:2] + b"\x24" + SHOWN[3:],),
            (b"\x60" + SHOWN[1:],),
            (bytes(7),),
        ],
        check,
    )


def test_a_silent_bus_is_counted_and_costs_nothing_else():
    bus, port = Bus(2, SHOWN), PortRtc()
    bus.silent = True
    clock = PcfRtc(bus, 2, port)
    clock.datetime(AT)
    eq(port.value, AT)
    eq(clock.datetime(), AT)
    eq(clock.failures, 3)
