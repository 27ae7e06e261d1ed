"""Finds frames and junk in what is heard, with times; the same result live and from a saved file (pure).

The firmware's FrameReader says where frames are and counts noise; this keeps every byte with its time and deals them out,
so that nothing is lost: each byte is in exactly one `Heard`, in the order of the wire. The time of a byte is that of the
chunk it came in, less the wire time of the bytes behind it, and never before the chunk before.

Trap avoided: a frame that began and never ended would hide those behind it; a silence ends it. The silence is judged from
the times of the chunks, not from when somebody looks, or a replay would differ.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from firmware.meters.dlt645 import frame
from host_tools.bus.port import BITS_PER_CHARACTER
from host_tools.decode.dlt645 import Decoded, describe

FEED_BYTES = 128
JUNK_BYTES_SHOWN = 64  # junk that is certain is told in pieces of at least so many


class Heard(NamedTuple):
    """A frame with its preamble, or junk (`frame` None). Times in ms since listening began; `gap_ms` None at the first."""

    at_ms: int
    gap_ms: int | None
    raw: bytes
    frame: Decoded | None


class Ear:
    """`hear` each chunk, `look` when time passes, `end` once."""

    def __init__(self, baud: int, silence_ms: int) -> None:
        self._baud = baud
        self._silence_ms = silence_ms
        self._reader = frame.FrameReader()
        self._bytes: deque[tuple[int, int]] = deque()  # value, ms at which it was complete
        self._noise_told = 0
        self._chunk_ms = 0
        self._ended_ms: int | None = None

    def hear(self, data: bytes, at_ms: int) -> list[Heard]:
        """A chunk that came at `at_ms`, which is never less than before."""
        found = self.look(at_ms)
        behind = len(data)
        for at in range(0, len(data), FEED_BYTES):
            part = data[at : at + FEED_BYTES]
            for byte in part:
                behind -= 1
                self._bytes.append((byte, max(self._chunk_ms, at_ms - self._wire_ms(behind))))
            self._reader.feed(part, 0, len(part))
            found += self._deal()
        self._chunk_ms = at_ms
        return found

    def look(self, now_ms: int) -> list[Heard]:
        """Nothing came until now: what began and did not end may be over."""
        if not self._bytes or now_ms - self._chunk_ms <= self._silence_ms:
            return []
        return self.end()

    def end(self) -> list[Heard]:
        """Nothing more comes: what is left is frames that were hidden, and junk."""
        self._reader.flush()
        found = self._deal()
        if self._bytes:
            found.append(self._take(len(self._bytes), None))
            self._noise_told = self._reader.noise_bytes
        return found

    @property
    def bad_frames(self) -> int:
        """Frames with a sound head and a wrong sum or end."""
        return self._reader.bad_frames

    def _deal(self) -> list[Heard]:
        found = []
        reader = self._reader
        while reader.next_event() == frame.FRAME:
            if self._certain():
                found.append(self._junk(self._certain()))
            preamble = 0
            while self._bytes[preamble][0] == frame.PREAMBLE:
                preamble += 1
            buf = bytes(reader.buf)
            address = buf[reader.address_at : reader.address_at + frame.ADDRESS_BYTES]
            data = buf[reader.data_start : reader.data_end]
            size = preamble + frame.OVERHEAD_BYTES + len(data)
            found.append(self._take(size, describe(address, reader.control, data)))
        if self._certain() >= JUNK_BYTES_SHOWN:
            found.append(self._junk(self._certain()))
        return found

    def _certain(self) -> int:
        """How many of the waiting bytes belong to no frame for certain."""
        return self._reader.noise_bytes - self._noise_told

    def _junk(self, count: int) -> Heard:
        self._noise_told += count
        return self._take(count, None)

    def _take(self, count: int, decoded: Decoded | None) -> Heard:
        taken = [self._bytes.popleft() for _ in range(count)]
        first_ms = max(0, taken[0][1] - self._wire_ms(1))
        gap_ms = None if self._ended_ms is None else max(0, first_ms - self._ended_ms)
        self._ended_ms = taken[-1][1]
        return Heard(first_ms, gap_ms, bytes(byte for byte, _ in taken), decoded)

    def _wire_ms(self, count: int) -> int:
        return count * BITS_PER_CHARACTER * 1000 // self._baud
