"""Frames on the wire (DL/T 645-2007 clause 5): find them in whatever bytes come, and encode our own.

    68 A0..A5 68 C L DATA.. CS 16      DATA offset by 33H, CS the sum of everything before it, any number of FE in front

Traps avoided: 16H and 68H are ordinary values inside a frame, so only the length says where it ends. A 68H of noise, or
a doubled one, must not swallow the frame behind it: whatever fails costs one byte, and the search goes on at the next.
A truncated frame with L=FF must not wait for 255 bytes that never come: after a time-out `flush()` gives up on it, and
the frames hidden behind it come out.
"""

from firmware.base.faults import Broken, require
from firmware.base.port import const

NEED_DATA = const(0)
FRAME = const(1)

START = const(0x68)
END = const(0x16)
PREAMBLE = const(0xFE)
OFFSET = const(0x33)
ADDRESS_BYTES = const(6)
HEAD_BYTES = const(10)  # from the first 68H to L
OVERHEAD_BYTES = const(12)  # a frame without data
LONGEST_BYTES = const(267)  # L is one byte, whatever the standard allows
DATA_BYTES_MAX = const(200)  # clause 5.2.4, what we send
PREAMBLE_SENT = const(4)

FROM_METER = const(0x80)
ABNORMAL = const(0x40)
MORE = const(0x20)
FUNCTION = const(0x1F)


class FrameReader:
    """`feed(buf, start, end)`, then `next_event()` until NEED_DATA; at most `room` bytes per feed.

    After FRAME, until the next call: `buf` holds the frame, its address is at `address_at` (6 bytes, low first), its
    data, 33H already taken off, at `data_start` ... `data_end`; `control` is the control byte.
    `noise_bytes` counts bytes that belong to no good frame (FE directly before one is not noise), `bad_frames`
    candidates with a sound head and a wrong sum or end.
    """

    def __init__(self, room=256):
        self.buf = bytearray(LONGEST_BYTES + room)
        self.address_at = 0
        self.control = 0
        self.data_start = 0
        self.data_end = 0
        self.noise_bytes = 0
        self.bad_frames = 0
        self._start = 0
        self._end = 0
        self._preamble = 0  # FE bytes seen last: a preamble or noise, the next byte decides
        self._flushing = False

    def feed(self, buf, start, end):
        """Take buf[start:end]. All events of the bytes before must have been taken."""
        self._flushing = False
        mine = self.buf
        if self._start:
            self._compact()
        at = self._end
        if at + end - start > len(mine):
            raise Broken("frame reader fed with more than its room")
        for i in range(start, end):
            mine[at] = buf[i]
            at += 1
        self._end = at

    def next_event(self):
        """-> FRAME or NEED_DATA."""
        buf = self.buf
        end = self._end
        while self._start < end:
            at = self._start
            if buf[at] != START:
                self._skip()
                continue
            left = end - at
            if left > 7 and buf[at + 7] != START:
                self._skip()
                continue
            size = OVERHEAD_BYTES + buf[at + 9] if left >= HEAD_BYTES else LONGEST_BYTES
            if left < size:
                if not self._flushing:
                    return NEED_DATA
                self._skip()
                continue
            if self._is_good(at, size):
                self._take(at, size)
                return FRAME
            self.bad_frames += 1
            self._skip()
        if self._flushing:
            self._flushing = False
            self.noise_bytes += self._preamble
            self._preamble = 0
        return NEED_DATA

    def missing(self):
        """After NEED_DATA: at least so many bytes must come before there is an event."""
        left = self._end - self._start
        if left < HEAD_BYTES:
            return OVERHEAD_BYTES - left
        return max(1, OVERHEAD_BYTES + self.buf[self._start + HEAD_BYTES - 1] - left)

    def flush(self):
        """Nothing more is coming: give up on frames that began and did not end. `next_event()` tells what they hid."""
        self._flushing = True

    def reset(self):
        """Forget what was half received; it counts as noise."""
        self.noise_bytes += self._end - self._start + self._preamble
        self._start = self._end = self._preamble = 0
        self._flushing = False

    def address_equals(self, address):
        """True when the frame bears exactly this address (6 bytes)."""
        for i in range(ADDRESS_BYTES):
            if self.buf[self.address_at + i] != address[i]:
                return False
        return True

    def _skip(self):
        if self.buf[self._start] == PREAMBLE:
            self._preamble += 1
        else:
            self.noise_bytes += self._preamble + 1
            self._preamble = 0
        self._start += 1

    def _is_good(self, at, size):
        buf = self.buf
        end = at + size - 2
        if buf[end + 1] != END:
            return False
        total = 0
        for i in range(at, end):
            total += buf[i]
        return total & 0xFF == buf[end]

    def _take(self, at, size):
        buf = self.buf
        self._preamble = 0
        self._start = at + size
        self.address_at = at + 1
        self.control = buf[at + 8]
        self.data_start = at + HEAD_BYTES
        self.data_end = at + size - 2
        for i in range(self.data_start, self.data_end):
            buf[i] = (buf[i] - OFFSET) & 0xFF

    def _compact(self):
        buf = self.buf
        start = self._start
        count = self._end - start
        for i in range(count):
            buf[i] = buf[start + i]
        self._start = 0
        self._end = count


def encode_frame_into(buf, start, address, control, data, n, preamble=PREAMBLE_SENT):
    """Write `preamble` FE and one frame with data[0:n] into buf at `start` -> where it ends. `address`: 6 bytes."""
    require(0 <= n <= DATA_BYTES_MAX, "frame longer than the standard allows")
    require(start + preamble + OVERHEAD_BYTES + n <= len(buf), "no room for the frame")
    at = start
    for _ in range(preamble):
        buf[at] = PREAMBLE
        at += 1
    first = at
    buf[at] = START
    for i in range(ADDRESS_BYTES):
        buf[at + 1 + i] = address[i]
    buf[at + 7] = START
    buf[at + 8] = control & 0xFF
    buf[at + 9] = n
    at += HEAD_BYTES
    for i in range(n):
        buf[at] = (data[i] + OFFSET) & 0xFF
        at += 1
    total = 0
    for i in range(first, at):
        total += buf[i]
    buf[at] = total & 0xFF
    buf[at + 1] = END
    return at + 2
