"""A line with meters for tests on a virtual clock, on both interpreters: wire time, answers, silence, relay.

Its frames are made here, byte by byte, and not by the firmware's codec, so that the two check each other. For real ptys
and every fault of a real line there is host_tools/simulators.
"""

from firmware.base import aio, ticks

RELAY_BITS = 0x0050
ALARM_BIT = 0x0080
DAY_S = 86400
ALL_METERS = b"\x99" * 6
LIMIT_DI = b"\x01\x01\xee\x04"
NO_LIMIT = 999999


def bcd(number, count):
    """`number` as `count` BCD bytes, low byte first."""
    out = bytearray(count)
    for index in range(count):
        pair = number % 100
        out[index] = (pair // 10) << 4 | pair % 10
        number //= 100
    return bytes(out)


def frame(address, control, data):
    """One frame with four FE before it; `data` is plain, 33H is added here."""
    body = bytes([0x68]) + address + bytes([0x68, control, len(data)]) + bytes([(byte + 0x33) & 0xFF for byte in data])
    return b"\xfe\xfe\xfe\xfe" + body + bytes([sum(body) & 0xFF, 0x16])


class FakeMeter:
    """Registers grow by `power_w` as time passes; `silent` says nothing; every relay order is kept in `orders`."""

    def __init__(self, address, register_cwh=0, power_w=0, delay_ms=100):
        self.address = address
        self.start_cwh = register_cwh
        self.added_cwh = 0
        self.power_w = power_w
        self.delay_ms = delay_ms
        self.silent = False
        self.deaf_to_relay = False  # takes the order, answers nothing
        self.stuck = False  # acknowledges, and moves nothing
        self.status = 0
        self.orders = []
        self.requests = 0
        self.clock_s = 0  # local seconds at virtual time zero
        self.limit = None  # steps of its load limit; None = it has no such register
        self.keeps_limit = False  # acknowledges a write of it, and changes nothing
        self.deaf_to_writes = False  # takes it, answers nothing
        self.writes = []  # steps written, in order
        self.freezes = None  # daily freezes (local seconds, register), newest first; None = the meter has none
        self.freeze_items = {}  # data identifier -> bytes or None: what is told instead
        self.deaf_to_freezes = False
        self.settles = None  # (day, hour) at which it keeps its register; None = it has no such thing
        self.settlements = []  # registers, newest first
        self.times_told = []  # (its clock when it heard a time broadcast, that time), in order
        self.deaf_to_time = False
        self._day_set = None
        self._watt_ms = 0
        self._seen_ms = None

    def begin_again(self):
        """Virtual time starts anew with each life of the firmware."""
        self._seen_ms = None

    def pass_time(self, now_ms):
        """Energy flows while the relay is closed."""
        if self._seen_ms is not None:
            self.pass_ms(ticks.diff(now_ms, self._seen_ms))
        self._seen_ms = now_ms

    def pass_ms(self, passed_ms):
        """So much time, also while nobody reads it; at each of its own midnights it freezes its register."""
        while passed_ms > 0:
            step_ms = passed_ms
            if self.freezes is not None or self.settles is not None:
                step_ms = min(step_ms, (3600 - self.clock_s % 3600) * 1000 - getattr(self, "_clock_ms", 0))
            if not self.status & 0x10:
                self._watt_ms += self.power_w * step_ms
            self.clock_ms_passed(step_ms)
            whole = self._watt_ms // 36_000_000  # 10 Wh in W ms
            self._watt_ms -= whole * 36_000_000
            self.added_cwh += whole
            passed_ms -= step_ms
            if not self.clock_s % 3600 and not self._clock_ms:
                self._keep()

    def _keep(self):
        """A full hour of its own clock."""
        if self.freezes is not None and not self.clock_s % DAY_S:
            self.freezes = [(self.clock_s, self.register_cwh())] + self.freezes[:61]
        if self.settles == (civil(self.clock_s // DAY_S)[2], self.clock_s // 3600 % 24):
            self.settlements = [self.register_cwh()] + self.settlements[:11]

    def clock_ms_passed(self, passed_ms):
        """The meter's own clock goes on."""
        self._clock_ms = getattr(self, "_clock_ms", 0) + passed_ms
        self.clock_s += self._clock_ms // 1000
        self._clock_ms %= 1000

    def hear_time(self, control, data):
        """ss mm hh DD MM YY: obeyed within five minutes, once a day, and not around midnight."""
        if self.silent or control != 0x08 or len(data) != 6:
            return
        second, minute, hour, day, month, year = [(byte >> 4) * 10 + (byte & 15) for byte in data]
        told_s = day_number(2000 + year, month, day) * DAY_S + hour * 3600 + minute * 60 + second
        self.times_told.append((self.clock_s, told_s))
        own_day, own_s = divmod(self.clock_s, DAY_S)
        if not self.deaf_to_time and abs(told_s - self.clock_s) <= 300 and 300 <= own_s <= DAY_S - 300 and own_day != self._day_set:
            self.clock_s, self._clock_ms, self._day_set = told_s, 0, own_day

    def register_cwh(self):
        """What the display shows, rolling over."""
        return (self.start_cwh + self.added_cwh) % 100_000_000

    def answer(self, control, data):
        """Reply bytes, or None for silence."""
        self.requests += 1
        if self.silent or self.deaf_to_freezes and data[3:4] == b"\x05":
            return None
        if control == 0x11:
            return self._read(data)
        if control == 0x1C:
            return self._relay(data)
        if control == 0x14 and self.limit is not None and data[:4] == LIMIT_DI:
            return self._write_limit(data)
        return frame(self.address, control | 0xC0, b"\x02")

    def _read(self, data):
        item = data[3] << 24 | data[2] << 16 | data[1] << 8 | data[0]
        value = self._item(item)
        if value is None:
            return frame(self.address, 0xD1, b"\x02")
        return frame(self.address, 0x91, bytes(data[:4]) + value)

    def _freeze(self, item):
        """05 06 00 nn its time, 05 06 01 nn its register; zeros where none was taken yet."""
        column, number = item >> 8 & 0xFF, item & 0xFF
        if self.freezes is None or not 1 <= number <= 62 or column > 1:
            return None
        if number > len(self.freezes):
            return bytes(4 if column else 5)
        at_s, register_cwh = self.freezes[number - 1]
        if column:
            return bcd(register_cwh, 4)
        year, month, day = civil(at_s // DAY_S)
        return bcd(at_s // 60 % 60, 1) + bcd(at_s // 3600 % 24, 1) + bcd(day, 1) + bcd(month, 1) + bcd(year % 100, 1)

    def _item(self, item):
        if item in self.freeze_items:
            return self.freeze_items[item]
        if item >> 16 == 0x0506:
            return self._freeze(item)
        if item == 0x04000B01 and self.settles is not None:
            return bcd(self.settles[1], 1) + bcd(self.settles[0], 1)
        if item & 0xFFFFFFF0 == 0x00010000 and 0 < item & 0x0F <= 12 and self.settles is not None:
            number = item & 0x0F
            return bcd(self.settlements[number - 1], 4) if number <= len(self.settlements) else b"\xff" * 4
        if item == 0x00010000:
            return bcd(self.register_cwh(), 4)
        if item == 0x04000503:
            return bytes([self.status & 0xFF, self.status >> 8])
        if item == 0x04EE0101 and self.limit is not None:
            return bcd(self.limit, 3)
        if item == 0x04000101:
            days = self.clock_s // DAY_S
            year, month, day = civil(days)
            return bcd((days + 4) % 7, 1) + bcd(day, 1) + bcd(month, 1) + bcd(year % 100, 1)
        if item == 0x04000102:
            second = self.clock_s % DAY_S
            return bcd(second % 60, 1) + bcd(second // 60 % 60, 1) + bcd(second // 3600, 1)
        if item == 0x02030000:
            return bcd(0 if self.status & 0x10 else self.power_w * 10, 3)
        return None

    def _write_limit(self, data):
        """A vendor's register, in 10 W: DI, password, operator, three BCD bytes."""
        steps = sum([((byte >> 4) * 10 + (byte & 15)) * 100**index for index, byte in enumerate(data[12:])])
        self.writes.append(steps)
        if data[4:8] != b"\x02\0\0\0" or len(data) != 15:
            return frame(self.address, 0xD4, b"\x04")
        if not self.keeps_limit:
            self.limit = steps
        return None if self.deaf_to_writes else frame(self.address, 0x94, b"")

    def _relay(self, data):
        order = data[8]
        self.orders.append(order)
        if not self.stuck:
            if order == 0x1A:
                self.status |= RELAY_BITS
            elif order in (0x1B, 0x1C):
                self.status &= ~RELAY_BITS
            elif order == 0x2A:
                self.status |= ALARM_BIT
            elif order == 0x2B:
                self.status &= ~ALARM_BIT
        return None if self.deaf_to_relay else frame(self.address, 0x9C, b"")


class FakeLine:
    """The Line of DESIGN.md with `meters` on it, at `baud`; time is the loop's, so the virtual clock drives it."""

    def __init__(self, meters, baud=2400):
        self.meters = meters
        self.baud = baud
        self.rates_set = []
        self._incoming = b""
        self._ready_ms = 0

    def set_rate(self, baud):
        if not self.rates_set or self.rates_set[-1] != baud:
            self.rates_set.append(baud)

    def wire_ms(self, count):
        return (count * 11_000 + self.baud - 1) // self.baud

    def discard_input(self):
        dropped = 0
        if self._incoming and ticks.reached(aio.now_ms(), self._ready_ms):
            dropped = len(self._incoming)
            self._incoming = b""
        return dropped

    async def send(self, buf, start, end):
        await aio.sleep_ms(self.wire_ms(end - start))
        self.ask_meters(bytes(buf[start:end]))

    def ask_meters(self, data):
        """A request has reached the meters."""
        at = 0
        while at < len(data) and data[at] == 0xFE:
            at += 1
        body = data[at:]
        plain = bytes([(byte - 0x33) & 0xFF for byte in body[10:-2]])
        now_ms = aio.now_ms()
        for meter in self.meters:
            if body[1:7] == ALL_METERS:
                meter.pass_time(now_ms)
                meter.hear_time(body[8], plain)
            elif meter.address == body[1:7]:
                meter.pass_time(now_ms)
                reply = meter.answer(body[8], plain)
                if reply is not None:
                    self._incoming = reply
                    self._ready_ms = ticks.add(now_ms, meter.delay_ms + self.wire_ms(len(reply)))

    async def receive_into(self, buf, timeout_ms):
        """A whole reply at the moment of its last byte: finer steps would only make the virtual day longer."""
        wait_ms = ticks.diff(self._ready_ms, aio.now_ms()) if self._incoming else timeout_ms
        if not self._incoming or wait_ms > timeout_ms:
            await aio.sleep_ms(timeout_ms)
            return 0
        if wait_ms > 0:
            await aio.sleep_ms(wait_ms)
        n = len(self._incoming)
        buf[:n] = self._incoming
        self._incoming = b""
        return n


def day_number(year, month, day):
    """Days since 1970-01-01."""
    guess = (year - 1970) * 365 + (month - 1) * 28
    while civil(guess) != (year, month, day):
        guess += 1
    return guess


def civil(days):
    """(year, month, day) of days since 1970-01-01."""
    year = 1970
    while True:
        length = 366 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 365
        if days < length:
            break
        days -= length
        year += 1
    month = 1
    for length_of_month in (31, 29 if length == 366 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31):
        if days < length_of_month:
            return year, month, days + 1
        days -= length_of_month
        month += 1
    return year, month, days + 1
