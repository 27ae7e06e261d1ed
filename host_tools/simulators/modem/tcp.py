"""One TCP connection between the board and a host socket (RFC 9293): segments in, segments out, bytes for the host. No I/O.

Sent again go-back-N, after a time-out that doubles or three equal acknowledgements; segments out of order are dropped and
acknowledged again, the board sends them again. Both directions are bounded: the window that the board sees is the room left for
the host, and the owner reads from the host only while `wants_host_data`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
HEADER_BYTES = 20
MASK = 0xFFFFFFFF
BUFFER_MAX = 16 * 1024
MSS_DEFAULT, MSS_MAX = 536, 1_400
RETRY_FIRST_NS = 1_000_000_000
RETRY_MAX_NS = 8_000_000_000
RETRIES_MAX = 8
SAME_ACKS = 3


@dataclass(frozen=True)
class Segment:
    """One segment; `mss` None when the option is absent."""

    source: int
    target: int
    sequence: int
    acknowledged: int
    flags: int
    window: int
    data: bytes = b""
    mss: int | None = None

    @staticmethod
    def parse(payload: bytes) -> Segment | None:
        """The checksum is the owner's to check, who knows the addresses."""
        if len(payload) < HEADER_BYTES:
            return None
        head = (payload[12] >> 4) * 4
        if not HEADER_BYTES <= head <= len(payload):
            return None
        numbers = [int.from_bytes(payload[at : at + size], "big") for at, size in ((0, 2), (2, 2), (4, 4), (8, 4), (14, 2))]
        return Segment(*numbers[:4], payload[13], numbers[4], payload[head:], _mss(payload[HEADER_BYTES:head]))

    def build(self) -> bytes:
        """With a checksum of zero, for the owner to fill in."""
        options = b"" if self.mss is None else b"\x02\x04" + self.mss.to_bytes(2, "big")
        head = self.source.to_bytes(2, "big") + self.target.to_bytes(2, "big")
        head += self.sequence.to_bytes(4, "big") + self.acknowledged.to_bytes(4, "big")
        head += bytes(((HEADER_BYTES + len(options)) << 2, self.flags)) + self.window.to_bytes(2, "big") + b"\x00\x00\x00\x00"
        return head + options + self.data

    @property
    def length(self) -> int:
        """In sequence numbers."""
        return len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)


def _mss(options: bytes) -> int | None:
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
        elif len(options) < 2 or options[1] < 2 or options[1] > len(options):
            return None
        elif options[0] == 2 and options[1] == 4:
            return int.from_bytes(options[2:4], "big")
        else:
            options = options[options[1] :]
    return None


def refusal(segment: Segment) -> Segment:
    """RST for a segment that belongs to nothing (RFC 9293 section 3.10.7.1)."""
    if segment.flags & ACK:
        return Segment(segment.target, segment.source, segment.acknowledged, 0, RST, 0)
    return Segment(segment.target, segment.source, 0, segment.sequence + segment.length & MASK, RST | ACK, 0)


@dataclass
class Connection:
    """Made by the SYN of the board; `first` is our initial sequence number."""

    syn: Segment
    first: int
    out: list[Segment] = field(default_factory=list)  # to be taken by the owner
    to_host: bytearray = field(default_factory=bytearray)  # likewise, as far as the host takes it
    opened: bool = False  # the host answered
    established: bool = False
    board_ended: bool = False  # the FIN of the board came
    host_ended: bool = False
    over: bool = False  # nothing is left: forget it
    _pending: bytearray = field(default_factory=bytearray)  # for the board, from _unacknowledged on
    _fin_sent: bool = False
    _window: int = 0
    _deadline_ns: int | None = None
    _retries: int = 0
    _same_acks: int = 0

    def __post_init__(self) -> None:
        self._expected = self.syn.sequence + 1 & MASK
        self._unacknowledged = self._next = self.first
        self._mss = min(self.syn.mss or MSS_DEFAULT, MSS_MAX)

    @property
    def wants_host_data(self) -> bool:
        return self.established and not self.host_ended and len(self._pending) < BUFFER_MAX

    @property
    def deadline_ns(self) -> int | None:
        return self._deadline_ns

    # the host's side

    def host_opened(self, now_ns: int) -> None:
        self.opened = True
        self._next = self.first + 1 & MASK
        self._emit(SYN | ACK, sequence=self.first, mss=MSS_MAX)
        self._deadline_ns = now_ns + RETRY_FIRST_NS

    def host_sent(self, data: bytes, now_ns: int) -> None:
        self._pending += data
        self._pump(now_ns)

    def host_closed(self, now_ns: int) -> None:
        self.host_ended = True
        self._pump(now_ns)

    def host_took(self, count: int) -> None:
        """So much of `to_host` is gone; a window that was shut is opened again."""
        was_shut = len(self.to_host) > BUFFER_MAX - self._mss
        del self.to_host[:count]
        if was_shut and len(self.to_host) <= BUFFER_MAX - self._mss and not self.over:
            self._emit(ACK)

    def abort(self) -> None:
        """The host failed: the board is told so."""
        if not self.over:
            self._emit(RST | ACK)
        self.over = True

    # the board's side

    def receive(self, segment: Segment, now_ns: int) -> None:
        if segment.flags & RST:
            self.over = True
        elif segment.flags & SYN:
            if self.opened and not self.established:
                self._emit(SYN | ACK, sequence=self.first, mss=MSS_MAX)
        elif self.opened and segment.flags & ACK:
            self._on_acknowledgement(segment, now_ns)
            self._on_data(segment)
            self._pump(now_ns)
            self.over = self.over or (self.board_ended and self._fin_sent and self._unacknowledged == self._next)

    def tick(self, now_ns: int) -> None:
        """Send again what was not acknowledged in time."""
        if self._deadline_ns is None or now_ns < self._deadline_ns or self.over:
            return
        self._retries += 1
        if self._retries > RETRIES_MAX:
            self.abort()
            return
        self._deadline_ns = now_ns + min(RETRY_FIRST_NS << self._retries, RETRY_MAX_NS)
        if self.established:
            self._send_again(now_ns)
        else:
            self._emit(SYN | ACK, sequence=self.first, mss=MSS_MAX)

    def _on_acknowledgement(self, segment: Segment, now_ns: int) -> None:
        self._window = segment.window
        count = segment.acknowledged - self._unacknowledged & MASK
        flight = self._next - self._unacknowledged & MASK
        if count == 0:
            if flight and not segment.length:
                self._same_acks += 1
                if self._same_acks == SAME_ACKS:
                    self._send_again(now_ns)
            return
        if count > flight:
            return
        if not self.established:
            self.established = True
            self._unacknowledged = self.first + 1 & MASK
            count -= 1
        del self._pending[:count]
        self._unacknowledged = segment.acknowledged
        self._retries = self._same_acks = 0
        self._deadline_ns = None if self._unacknowledged == self._next else now_ns + RETRY_FIRST_NS

    def _on_data(self, segment: Segment) -> None:
        if not segment.length or not self.established:
            return
        behind = self._expected - segment.sequence & MASK  # what we have of it already
        fresh = segment.data[behind:] if behind <= len(segment.data) else b""
        in_order = behind <= len(segment.data) and not (behind and not fresh and not segment.flags & FIN)
        if in_order and not self.board_ended:
            fresh = fresh[: BUFFER_MAX - len(self.to_host)]
            self.to_host += fresh
            self._expected = self._expected + len(fresh) & MASK
            whole = behind + len(fresh) == len(segment.data)
            if segment.flags & FIN and whole:
                self.board_ended = True
                self._expected = self._expected + 1 & MASK
        self._emit(ACK)

    def _pump(self, now_ns: int) -> None:
        while self.established and not self.over and not self._fin_sent:
            sent = self._next - self._unacknowledged & MASK
            count = min(self._window - sent, self._mss, len(self._pending) - sent)
            if count > 0:
                self._emit(PSH | ACK, self._next, bytes(self._pending[sent : sent + count]))
                self._next = self._next + count & MASK
            elif self.host_ended and sent == len(self._pending):
                self._emit(FIN | ACK, self._next)
                self._next = self._next + 1 & MASK
                self._fin_sent = True
            else:
                break
            if self._deadline_ns is None:
                self._deadline_ns = now_ns + RETRY_FIRST_NS
        if self._pending and self._deadline_ns is None and not self._window:
            self._deadline_ns = now_ns + RETRY_FIRST_NS  # the acknowledgement that opens the window may be lost

    def _send_again(self, now_ns: int) -> None:
        self._next = self._unacknowledged
        self._fin_sent = False
        self._window = max(self._window, 1)  # a shut window is probed with a byte
        self._same_acks = 0
        self._pump(now_ns)

    def _emit(self, flags: int, sequence: int | None = None, data: bytes = b"", mss: int | None = None) -> None:
        room = max(BUFFER_MAX - len(self.to_host), 0)
        where = self._next if sequence is None else sequence
        self.out.append(Segment(self.syn.target, self.syn.source, where, self._expected, flags, room, data, mss))
