"""`sniff`: listens and never sends; each frame decoded with its time and the gap before it, junk included; saves and replays."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from host_tools.bus.ear import Ear, Heard
from host_tools.bus.output import Teller
from host_tools.bus.port import HostLine
from host_tools.bus.tape import Head, Recorder, Tape
from host_tools.bus.told import Telling

LOOK_MS = 50
RECEIVE_BYTES = 4096
ADDRESSES_SHOWN = 12


class Sniffer:
    """Hears chunks, tells what they are, and sums up."""

    def __init__(self, head: Head, teller: Teller, raw: bool) -> None:
        self._ear = Ear(head.baud, head.silence_ms)
        self._telling = Telling(head, raw)
        self._teller = teller
        self._frames = 0
        self._junk_bytes = 0
        self._meters: dict[str, int] = {}

    def hear(self, data: bytes, at_ms: int) -> None:
        """A chunk."""
        self._tell(self._ear.hear(data, at_ms))

    def look(self, now_ms: int) -> None:
        """Time passes."""
        self._tell(self._ear.look(now_ms))

    def end(self, now_ms: int) -> None:
        """The rest, and the sum."""
        self._tell(self._ear.end())
        seconds = f"{now_ms // 1000}.{now_ms % 1000 // 100}"
        sums: dict[str, Any] = {"frames": self._frames, "junk_bytes": self._junk_bytes, "bad_frames": self._ear.bad_frames, "ms": now_ms}
        self._teller.document({**sums, "meters": self._meters})
        spoken = [f"{address} ({count})" for address, count in sorted(self._meters.items())]
        more = f" and {len(spoken) - ADDRESSES_SHOWN} more" if len(spoken) > ADDRESSES_SHOWN else ""
        wrong = f", of them {_count(self._ear.bad_frames, 'frame')} with a wrong sum" if self._ear.bad_frames else ""
        self._teller.line(f"{_count(self._frames, 'frame')}, {_count(self._junk_bytes, 'byte')} of junk{wrong} in {seconds} s")
        if spoken:
            self._teller.line(f"meters that spoke: {', '.join(spoken[:ADDRESSES_SHOWN])}{more}")

    def _tell(self, found: Iterable[Heard]) -> None:
        for heard in found:
            if heard.frame is None:
                self._junk_bytes += len(heard.raw)
            else:
                self._frames += 1
                if heard.frame["is_response"]:
                    address = heard.frame["address"]
                    self._meters[address] = self._meters.get(address, 0) + 1
            self._teller.line(self._telling.text(heard))
            self._teller.document(self._telling.document(heard))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


async def listen(line: HostLine, head: Head, teller: Teller, raw: bool, seconds: int | None, save: str | None) -> int:
    """Until `seconds` are over, Ctrl-C, or nobody reads the output any more -> exit status."""
    recorder = None if save is None else Recorder(save, head)
    sniffer = Sniffer(head, teller, raw)
    began_ns = time.monotonic_ns()
    buf = bytearray(RECEIVE_BYTES)
    now_ms = 0
    try:
        while teller.failed is None and (seconds is None or now_ms < seconds * 1000):
            n = await line.receive_into(buf, LOOK_MS)
            now_ms = (time.monotonic_ns() - began_ns) // 1_000_000
            if not n:
                sniffer.look(now_ms)
                continue
            if recorder is not None:
                recorder.chunk(now_ms, bytes(buf[:n]))
            sniffer.hear(bytes(buf[:n]), now_ms)
    finally:
        if recorder is not None:
            recorder.end(now_ms)
        sniffer.end(now_ms)
    return 0


def replay(path: str, teller: Teller, raw: bool) -> int:
    """What was shown when the file was saved -> exit status."""
    tape = Tape(path)
    sniffer = Sniffer(tape.head, teller, raw)
    for at_ms, data in tape.chunks():
        if teller.failed is not None:
            break
        sniffer.hear(data, at_ms)
    sniffer.end(tape.end_ms)
    if tape.torn:
        teller.aside(f"replay: the last line of {path} is torn and was left out")
    return 0
