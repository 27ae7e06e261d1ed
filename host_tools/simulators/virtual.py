"""A site and a master on virtual time: whole conversations in microseconds, for tests.

    bench = VirtualBench({"meters": [{"address": "000000000001"}]})
    heard = bench.ask(Frame("000000000001", 0x11, bytes.fromhex("00000100")))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from host_tools.simulators.config import parse_site
from host_tools.simulators.control import obey
from host_tools.simulators.frames import Assembler, Frame, encode
from host_tools.simulators.line import MS
from host_tools.simulators.meter import Meter
from host_tools.simulators.site import Site, VirtualClock


@dataclass(frozen=True)
class Heard:
    """What the master received: every byte with the nanosecond at which it was complete, and the frames in it."""

    raw: bytes
    times_ns: tuple[int, ...]
    frames: tuple[Frame, ...]

    @property
    def reply(self) -> Frame | None:
        """The only frame from a meter; None when there is none or more than one."""
        replies = [f for f in self.frames if f.from_meter]
        return replies[0] if len(replies) == 1 else None


class VirtualBench:
    def __init__(self, document: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.site = Site(parse_site(document), self.clock)
        self.line = self.site.line

    def meter(self, index: int = 0) -> Meter:
        return self.site.meters[index]

    def pass_ms(self, milliseconds: int) -> None:
        """Time passes on an idle line."""
        self.clock.ns += milliseconds * MS
        self.line.run(self.clock.ns)
        self.site.advance()

    def order(self, **fields: Any) -> dict[str, object]:
        """One order as over the control socket."""
        return obey(self.site, fields)

    def listen(self, milliseconds: int) -> Heard:
        """Time passes, the master notes each byte at the moment the line has it."""
        end_ns = self.clock.ns + milliseconds * MS
        raw, times = bytearray(), []
        while (due := self.line.next_due()) is not None and due <= end_ns:
            self.clock.ns = max(self.clock.ns, due)
            part = self.line.run(self.clock.ns)
            raw += part
            times += [self.clock.ns] * len(part)
        self.clock.ns = end_ns
        return Heard(bytes(raw), tuple(times), tuple(Assembler().feed(bytes(raw))))

    def send(self, data: bytes) -> None:
        self.line.run(self.clock.ns)
        self.line.send(data, self.clock.ns)

    def ask(self, request: Frame, wait_ms: int = 1500) -> Heard:
        self.send(encode(request))
        return self.listen(wait_ms)
