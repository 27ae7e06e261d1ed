"""One request and everything the meter may say to it, sans-IO; one object serves a bus for ever.

    start_*()  ->  send request[0:request_end]  ->  feed(), next_event()
                        NEED_DATA  more bytes
                        SEND       request holds a follow-up (12H) or was rewritten: send it
                        DONE       data[0:data_end]: the answer, DI and SEQ taken off, parts joined
                        REFUSED    error_word, error_width (1 or 2 bytes)
                        WireFault  the meter asked answered nonsense; counted in `malformed_frames`

A reply is ours only if address, function and data identifier agree (dlt645.md 9.5): an echo of our own request, a frame
of another meter or a late answer to an earlier request is counted and dropped, and the waiting goes on.

Traps avoided: error replies bear no DI, so a late one cannot be told from the present one: the bus leaves the line to
fall silent before it asks the same meter again. A repeated SEQ is ignored, never appended twice. Wildcards are for
reads only; a relay order to one would reach every meter on the line.
"""

from firmware.base.faults import WireFault, require
from firmware.base.port import const
from firmware.base.questions import DONE, NEED_DATA, REFUSED, SEND
from firmware.meters.dlt645 import frame, relay, values

SET_TIME = const(0x08)
READ = const(0x11)
FOLLOW_UP = const(0x12)
READ_ADDRESS = const(0x13)
WRITE = const(0x14)
RELAY = const(0x1C)
READ_1997 = const(0x01)

DI_BYTES = const(4)
DI_BYTES_1997 = const(2)
RELAY_BYTES = const(16)
WRITE_HEAD_BYTES = const(12)  # DI, password, operator
WRITE_BYTES_MAX = const(4)
REQUEST_BYTES = const(48)  # preamble, head, the 16 bytes of a relay order, tail
DATA_BYTES_MAX = const(1024)  # joined answer: five times the longest frame, more than any item we ask for
FOLLOW_UPS_MAX = const(40)
WILDCARD_DIGITS = const(0xAA)
ANY_METER = b"\xaa\xaa\xaa\xaa\xaa\xaa"
ALL_METERS = b"\x99\x99\x99\x99\x99\x99"


class Exchange:
    """One at a time: `start_*` forgets what was before. Counters only ever grow."""

    def __init__(self):
        self.request = bytearray(REQUEST_BYTES)
        self.request_end = 0
        self.preamble = frame.PREAMBLE_SENT  # FE bytes before our requests
        self.data = bytearray(DATA_BYTES_MAX)
        self.data_end = 0
        self.error_word = 0
        self.error_width = 0
        self.address = bytearray(frame.ADDRESS_BYTES)  # who answered
        self.echo_frames = 0
        self.foreign_frames = 0
        self.late_frames = 0
        self.repeated_frames = 0
        self.malformed_frames = 0
        self.reader = frame.FrameReader()
        self._asked = bytearray(frame.ADDRESS_BYTES)
        self._body = bytearray(RELAY_BYTES)  # what is encoded: DI, SEQ, the relay order or what is written
        self._function = 0
        self._di_bytes = 0
        self._seq = 0
        self._waiting = False

    # -- requests ---------------------------------------------------------

    def start_read(self, address, di, wildcard_ok=False):
        """Ask for the item `di` (0xDI3DI2DI1DI0). A shortened or all-AA address only if `wildcard_ok`."""
        require(wildcard_ok or values.is_full_address(address), "read needs the full address of a meter")
        self._put_di(di, DI_BYTES)
        self._start(address, READ, DI_BYTES)

    def start_read_1997(self, address, di):
        """As `start_read`, for meters of 1997: an identifier of two bytes."""
        require(values.is_full_address(address), "read needs the full address of a meter")
        self._put_di(di, DI_BYTES_1997)
        self._start(address, READ_1997, DI_BYTES_1997)

    def start_read_address(self):
        """Ask the only meter on the line for its address (13H): `data` is 6 bytes. Commissioning only."""
        self._di_bytes = 0
        self._start(ANY_METER, READ_ADDRESS, 0)

    def start_relay(self, address, code, password, operator, valid_until):
        """Order the relay: `code` N1, `password` PA P0 P1 P2, `operator` C0..C3, `valid_until` ss mm hh DD MM YY."""
        require(values.is_full_address(address), "a relay order needs the full address of one meter")
        require(code in relay.CODES, "relay code that is never sent")
        require(len(password) == 4 and len(operator) == 4, "password and operator have four bytes")
        require(values.stamp_at(valid_until, 0) is not None, "valid-until is not a date in BCD")
        body = self._body
        for i in range(4):
            body[i] = password[i]
            body[4 + i] = operator[i]
        body[8] = code
        body[9] = 0
        for i in range(values.STAMP_BYTES):
            body[10 + i] = valid_until[i]
        self._di_bytes = 0
        self._start(address, RELAY, RELAY_BYTES)

    def start_write(self, address, di, password, operator, value, width):
        """Write a BCD number of `width` bytes to the item `di`."""
        require(values.is_full_address(address), "a write needs the full address of one meter")
        require(len(password) == 4 and len(operator) == 4, "password and operator have four bytes")
        require(0 < width <= WRITE_BYTES_MAX, "a written number has one to four bytes")
        body = self._body
        self._put_di(di, DI_BYTES)
        for i in range(4):
            body[4 + i] = password[i]
            body[8 + i] = operator[i]
        values.put_number(body, WRITE_HEAD_BYTES, width, value)
        self._di_bytes = 0  # its acknowledgement bears none
        self._start(address, WRITE, WRITE_HEAD_BYTES + width)

    def start_time_broadcast(self, stamp):
        """Tell all meters the time, `stamp` ss mm hh DD MM YY, in the editions of 2007 and of 1997 alike; none of them answers."""
        require(values.stamp_at(stamp, 0) is not None, "the time that is told is not a date in BCD")
        for i in range(values.STAMP_BYTES):
            self._body[i] = stamp[i]
        self._di_bytes = 0
        self._start(ALL_METERS, SET_TIME, values.STAMP_BYTES)
        self._waiting = False

    def start_nothing(self):
        """Nothing to send and nothing expected: whatever comes is late."""
        self.reader.reset()
        self.request_end = 0
        self._waiting = False

    # -- answers ----------------------------------------------------------

    def feed(self, buf, start, end):
        """Take what came from the line: buf[start:end], at most 256 bytes, events in between."""
        self.reader.feed(buf, start, end)

    def next_event(self):
        """-> NEED_DATA, SEND, DONE or REFUSED; WireFault as in the head comment."""
        while self.reader.next_event() == frame.FRAME:
            event = self._judge()
            if event != NEED_DATA:
                return event
        return NEED_DATA

    def on_time_out(self):
        """Nothing more came: as `next_event`, after looking behind what noise made look like a long frame."""
        self.reader.flush()
        return self.next_event()

    def number(self, offset, width, signed):
        """BCD number in the answer, or None when it holds no value or is not there."""
        if offset + width > self.data_end:
            return None
        return values.number_at(self.data, offset, width, signed)

    def nonsense(self, what):
        """The meter's answer makes no sense: count it and raise WireFault(what)."""
        self.malformed_frames += 1
        self._waiting = False
        raise WireFault(what)

    # -- inside -----------------------------------------------------------

    def _put_di(self, di, width):
        self._di_bytes = width
        for i in range(width):
            self._body[i] = di >> (8 * i) & 0xFF

    def _start(self, address, function, n):
        self.reader.reset()
        for i in range(frame.ADDRESS_BYTES):
            self._asked[i] = address[i]
        self._function = function
        self._seq = 0
        self.data_end = 0
        self.error_word = 0
        self.error_width = 0
        self._encode(n)
        self._waiting = True

    def _encode(self, n):
        self.request_end = frame.encode_frame_into(self.request, 0, self._asked, self._function, self._body, n, self.preamble)

    def _judge(self):
        """Decide about one good frame."""
        reader = self.reader
        control = reader.control
        if not control & frame.FROM_METER:
            self.echo_frames += 1
            return NEED_DATA
        if not self._is_from_asked():
            self.foreign_frames += 1
            return NEED_DATA
        if not self._waiting or control & frame.FUNCTION != self._function:
            self.late_frames += 1
            return NEED_DATA
        if control & frame.ABNORMAL:
            return self._refused()
        if self._di_bytes:
            return self._part()
        return self._whole()

    def _refused(self):
        reader = self.reader
        width = reader.data_end - reader.data_start
        if reader.control & frame.MORE or width < 1 or width > 2:
            self.nonsense("an error reply must have one or two bytes")
        word = reader.buf[reader.data_start]
        if width == 2:
            word |= reader.buf[reader.data_start + 1] << 8
        self.error_word = word
        self.error_width = width
        self._settle()
        return REFUSED

    def _whole(self):
        """Replies without an identifier: address, relay and write."""
        reader = self.reader
        n = reader.data_end - reader.data_start
        good = n == 6 if self._function == READ_ADDRESS else n == 0 or n == 2 and self._function == RELAY
        if self._function == READ_ADDRESS:
            good = good and values.is_full_address(reader.buf, reader.data_start)
        if not good or reader.control & frame.MORE:
            self.nonsense("the reply has a wrong length or content")
        self._append(reader.data_start, reader.data_end)
        self._settle()
        return DONE

    def _part(self):
        """A read reply, or one part of it."""
        reader = self.reader
        start = reader.data_start + self._di_bytes
        end = reader.data_end
        if end < start:
            self.nonsense("a read reply without its identifier")
        for i in range(self._di_bytes):
            if reader.buf[reader.data_start + i] != self._body[i]:
                self.late_frames += 1
                return NEED_DATA
        if self._function == FOLLOW_UP:
            end -= 1
            if end < start:
                self.nonsense("a follow-up without its number")
            seq = reader.buf[end]
            if seq < self._seq:
                self.repeated_frames += 1
                return NEED_DATA
            if seq > self._seq:
                self.nonsense("a follow-up is missing")
        self._append(start, end)
        if reader.control & frame.MORE:
            return self._ask_on()
        self._settle()
        return DONE

    def _ask_on(self):
        if self._di_bytes != DI_BYTES or self._seq >= FOLLOW_UPS_MAX:
            self.nonsense("too many follow-ups")
        self._seq += 1
        self._function = FOLLOW_UP
        self._body[DI_BYTES] = self._seq
        self._encode(DI_BYTES + 1)
        return SEND

    def _append(self, start, end):
        at = self.data_end
        if at + end - start > DATA_BYTES_MAX:
            self.nonsense("the answer is too long")
        buf = self.reader.buf
        for i in range(start, end):
            self.data[at] = buf[i]
            at += 1
        self.data_end = at

    def _settle(self):
        reader = self.reader
        for i in range(frame.ADDRESS_BYTES):
            self.address[i] = reader.buf[reader.address_at + i]
        self._waiting = False

    def _is_from_asked(self):
        """Equal address; for a shortened one the digits given must agree, and a wildcard sent back is tolerated."""
        if self.reader.address_equals(self._asked):
            return True
        buf = self.reader.buf
        at = self.reader.address_at
        wild = False
        for i in range(frame.ADDRESS_BYTES):
            if self._asked[i] == WILDCARD_DIGITS:
                wild = True
            elif buf[at + i] != self._asked[i]:
                return False
        return wild
