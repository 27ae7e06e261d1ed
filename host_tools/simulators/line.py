"""The RS-485 pair between one master and many meters, as a discrete simulation on nanosecond time.

The owner passes time: `send(data, now)` when the master writes, `run(now)` for what the master has received
by now, `next_due()` for when to come back. Every byte takes 11 bit times at an absolute instant computed from
the start of its transmission, so late wake-ups never stretch a reply. When two transmitters overlap, what is
heard is garbage from the one that began first; the other's overlapped bytes drown. The trap avoided: a pty
hands over a whole request at once, so the line, not the caller, decides when its last bit passed.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.simulators.config import LineCfg
from host_tools.simulators.faults import Faults
from host_tools.simulators.frames import Assembler, Frame, encode
from host_tools.simulators.meter import Meter

BITS_PER_BYTE = 11
NS = 1_000_000_000
MS = 1_000_000
INTER_BYTE_NS = 500 * MS  # Tb: a longer gap ends a frame
CHUNK_NS = 4 * MS  # the master is woken about this often while bytes flow
PREAMBLE_MAX = 4
SLOWEST_BYTE_NS = BITS_PER_BYTE * NS // 600 + 1


@dataclass(eq=False)
class Transmission:
    """`sender` None is the master. Byte i is complete at start + (i + 1) bytes at this baud rate."""

    sender: Meter | None
    data: bytes
    start_ns: int
    baud: int
    damaged_before_ns: int = 0  # bytes that begin earlier arrive broken: the driver held the pair
    echo: bool = False  # the master's own bytes, already counted as wire time
    order: int = 0  # who began first, when two begin in the same nanosecond

    def done_ns(self, index: int) -> int:
        return self.start_ns + (index + 1) * BITS_PER_BYTE * NS // self.baud

    @property
    def end_ns(self) -> int:
        return self.done_ns(len(self.data) - 1)


@dataclass
class Counters:
    """What passed on the line; the replies of one meter are counted in the meter."""

    requests: int = 0
    bad_frames: int = 0
    unanswered: int = 0
    replies: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    collisions: int = 0
    master_collisions: int = 0
    damaged_by_driver: int = 0
    wrong_baud: int = 0
    busy_ns: int = 0


class Line:
    def __init__(self, cfg: LineCfg, meters: Sequence[Meter]) -> None:
        self.baud: int = cfg.baud
        self.driver_release_ms = cfg.driver_release_ms
        self.echo = cfg.echo
        self.meters = list(meters)
        self.rng = random.Random(cfg.seed)
        self.faults = Faults(self.rng)
        for fault in cfg.faults:
            self.faults.add(fault)
        self.counters = Counters()
        self._ears = Assembler()
        self._heard_ns = 0
        self._queue: list[tuple[int, int, Transmission, int]] = []  # done, tie-break, transmission, byte index
        self._serial = 0
        self._active: list[Transmission] = []
        self._master_free_ns = 0
        self._busy_until_ns = 0
        self._request_bytes = bytearray()

    # -- the master's side ----------------------------------------------------

    def send(self, data: bytes, now_ns: int) -> None:
        """The master writes; its UART shifts the bytes out one after another. Call `run(now_ns)` first."""
        if not data:
            return
        start = max(now_ns, self._master_free_ns)
        sent = Transmission(None, data, start, self.baud)
        self._master_free_ns = sent.end_ns
        self._begin(sent)
        self.counters.bytes_in += len(data)
        if any(t.sender is not None and t.start_ns <= start < t.end_ns for t in self._active):
            self.counters.master_collisions += 1
        if self.echo:
            self._begin(Transmission(None, data, start, self.baud, echo=True))

    def run(self, now_ns: int) -> bytes:
        """Everything the master has received by `now_ns`."""
        out = bytearray()
        while self._queue and self._queue[0][0] <= now_ns:
            done, _, sent, index = heapq.heappop(self._queue)
            if index + 1 < len(sent.data):
                self._push(sent, index + 1)
            if sent.echo:
                out.append(sent.data[index])
            elif sent.sender is None:
                self._meters_hear(sent, index, done)
            else:
                out += self._master_hears(sent, index, done)
        horizon = self._queue[0][0] if self._queue else now_ns
        self._active = [t for t in self._active if t.end_ns > min(horizon, now_ns) - SLOWEST_BYTE_NS]
        self.counters.bytes_out += len(out)
        return bytes(out)

    def next_due(self) -> int | None:
        """Nanoseconds at which `run` has something to do; a few bytes at a time on a fast line."""
        if not self._queue:
            return None
        best: int | None = None
        for _, _, sent, index in self._queue:
            ahead = max(1, CHUNK_NS * sent.baud // (BITS_PER_BYTE * NS))
            due = sent.done_ns(min(index + ahead, len(sent.data)) - 1)
            best = due if best is None or due < best else best
        return best

    # -- the wire ---------------------------------------------------------------

    def _begin(self, sent: Transmission) -> None:
        if not sent.echo:
            self._active.append(sent)
        self._push(sent, 0)
        sent.order = self._serial

    def _push(self, sent: Transmission, index: int) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (sent.done_ns(index), self._serial, sent, index))

    def _occupy(self, start_ns: int, done_ns: int) -> None:
        self.counters.busy_ns += max(0, done_ns - max(start_ns, self._busy_until_ns))
        self._busy_until_ns = max(self._busy_until_ns, done_ns)

    def _rivals(self, sent: Transmission, start_ns: int, done_ns: int) -> list[Transmission]:
        return [t for t in self._active if t is not sent and t.start_ns < done_ns and t.end_ns > start_ns]

    def _meters_hear(self, sent: Transmission, index: int, done_ns: int) -> None:
        start_ns = sent.done_ns(index - 1)
        self._occupy(start_ns, done_ns)
        byte = sent.data[index]
        if self._rivals(sent, start_ns, done_ns):
            byte = self.rng.randrange(256)
        if done_ns - self._heard_ns > INTER_BYTE_NS:
            self._ears.reset()
            self._request_bytes.clear()
        self._heard_ns = done_ns
        self._request_bytes.append(byte)
        self._request_bytes = self._request_bytes[-300:]
        before = self._ears.bad_frames
        frames = self._ears.feed(bytes([byte]))
        self.counters.bad_frames += self._ears.bad_frames - before
        for frame in frames:
            self._request(frame, done_ns, sent.baud)

    def _master_hears(self, sent: Transmission, index: int, done_ns: int) -> bytes:
        start_ns = sent.done_ns(index - 1)
        self._occupy(start_ns, done_ns)
        rivals = self._rivals(sent, start_ns, done_ns)
        if any((r.start_ns, r.order) < (sent.start_ns, sent.order) for r in rivals if r.sender is not None):
            return b""
        if rivals or start_ns < sent.damaged_before_ns:
            return bytes([sent.data[index] ^ self.rng.randrange(1, 256)])
        return sent.data[index : index + 1]

    # -- requests and replies ---------------------------------------------------

    def _request(self, frame: Frame, end_ns: int, baud: int) -> None:
        self.counters.requests += 1
        answered = 0
        for meter in self.meters:
            if meter.baud != baud:
                self.counters.wrong_baud += 1
                continue
            reply = meter.answer(frame, end_ns // MS)
            if reply is not None:
                self._reply(meter, frame, reply, end_ns)
                answered += 1
            if meter.baud_after_reply is not None:
                meter.baud, meter.baud_after_reply = meter.baud_after_reply, None
        self.counters.unanswered += answered == 0
        self.counters.collisions += answered > 1
        self._request_bytes.clear()

    def _reply(self, meter: Meter, request: Frame, reply: Frame, end_ns: int) -> None:
        cfg = meter.cfg
        fe = min(PREAMBLE_MAX, request.preamble) if cfg.preamble == "echo" else cfg.preamble
        delay_ms = cfg.reply_delay_ms + (self.rng.randint(0, cfg.reply_jitter_ms) if cfg.reply_jitter_ms else 0)
        wire = encode(Frame(reply.address, reply.control, reply.data, fe))
        fate = self.faults.apply(meter.address, wire, delay_ms)
        if fate.data is None:
            return
        if fate.echo:
            fate.data = bytes(self._request_bytes) + fate.data
        start_ns = end_ns + fate.delay_ms * MS
        release_ns = end_ns + self.driver_release_ms * MS
        if start_ns < release_ns:
            self.counters.damaged_by_driver += 1
        self.counters.replies += 1
        self._begin(Transmission(meter, fate.data, start_ns, meter.baud, damaged_before_ns=release_ns))
        if fate.collides:
            noise = self.faults.garbage(len(fate.data))
            self._begin(Transmission(meter, noise, start_ns + self.rng.randrange(1, 3) * MS, meter.baud))
