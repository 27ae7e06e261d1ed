"""`scan-one`: the address of the one meter on the line, and at which rate it listens; says when several answer at once.

13H (or, for meters that lack it, a read through the all-AA address) reaches every meter, so this is for a line with one
meter on it. A meter counts as found when two clean answers agree: same address, nothing before, after or between them.
Two addresses are two meters. Bytes without a clean answer are a collision, or noise; both are named.

Traps avoided: some meters answer with the wildcard they were asked with, so the address is taken from the data; a 1997
meter knows neither 13H nor four-byte identifiers; a slower second meter answers after the first, so the whole window is
listened to, whatever came early.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from firmware.base import aio, ticks
from firmware.meters.dlt645 import frame, values
from firmware.meters.dlt645.exchange import ANY_METER
from host_tools.bus.output import Teller
from host_tools.bus.port import HostLine

WINDOW_MS = 800  # the firmware's start time-out: the standard allows 500 ms, some meters take longer
QUIET_MS = 150  # the line is silent so long: what was said is over
TALK_MS_MAX = 3_000  # a line that chatters for ever is not waited for
AFTER_RATE_MS = 60
PROBES_MAX = 5
REQUEST_BYTES = 32
READ_ADDRESS, READ, READ_1997 = 0x13, 0x11, 0x01
DI_ADDRESS, ID_NUMBER_1997 = bytes.fromhex("01040004"), bytes.fromhex("32C0")


class Probe(NamedTuple):
    """One wildcard question."""

    name: str
    function: int
    data: bytes
    edition: str


BY_ADDRESS = Probe("read address", READ_ADDRESS, b"", "2007")
BY_ITEM = Probe("read item 04000401", READ, DI_ADDRESS, "2007")
BY_NUMBER = Probe("read item C032 of 1997", READ_1997, ID_NUMBER_1997, "1997")


@dataclass
class Heard:
    """What came after one probe."""

    addresses: set[str] = field(default_factory=set)
    junk_bytes: int = 0
    unusable: int = 0  # whole frames without an address in them: refusals, wildcards

    @property
    def clean(self) -> str | None:
        """The address, when one meter answered and nothing else was on the line."""
        return next(iter(self.addresses)) if len(self.addresses) == 1 and not self.junk_bytes else None

    @property
    def nothing(self) -> bool:
        return not self.addresses and not self.junk_bytes and not self.unusable


@dataclass
class Found:
    """The verdict for one rate: "silent", "one", "several" or "unclear"."""

    baud: int
    result: str
    addresses: list[str]
    edition: str = "2007"
    damaged: int = 0
    wildcard: bool = False  # somebody answers cleanly, but with the address that he was asked with

    def sentence(self) -> str:
        if self.result == "one":
            noise = f"; {self.damaged} answers were damaged: a noisy line, or a second meter that is weaker" if self.damaged else ""
            return f"one meter: {self.addresses[0]} at {self.baud} baud, DL/T 645-{self.edition}{noise}"
        if self.result == "several":
            return f"collision at {self.baud} baud: {', '.join(self.addresses)} answered; leave one meter on the line"
        if self.result == "unclear" and self.wildcard:
            return f"a meter answers at {self.baud} baud, but not with its own address: take it from its plate"
        if self.result == "unclear":
            return f"collision at {self.baud} baud: bytes came, but no two clean answers agree: two or more meters at once, or much noise"
        return f"{self.baud} baud: silent"


async def scan_one(line: HostLine, bauds: list[int], window_ms: int, teller: Teller) -> int:
    """Try the rates in turn until one is answered -> exit status."""
    tries = []
    for baud in bauds:
        found = await _at(line, baud, window_ms)
        tries.append(found)
        if found.result != "silent":
            break
        teller.aside(found.sentence())
    last = tries[-1]
    if last.result == "silent":
        rates = ", ".join(str(found.baud) for found in tries)
        teller.line(f"no meter answered at {rates} baud: check A and B, the meter's supply, and the parity")
    else:
        teller.line(last.sentence())
    if last.result == "one":
        model = " --model legacy_1997" if last.edition == "1997" else ""
        teller.line(f"  python -m host_tools.bus read {last.addresses[0]} --port {line.path} --baud {last.baud}{model}")
    silent = [found.baud for found in tries if found.result == "silent"]
    address = last.addresses[0] if last.result == "one" else None
    document = {"result": last.result, "address": address, "addresses": last.addresses, "silent_bauds": silent, "damaged": last.damaged}
    teller.document({**document, "baud": None if last.result == "silent" else last.baud, "edition": last.edition if address else None})
    return 0 if last.result == "one" else 1


async def _at(line: HostLine, baud: int, window_ms: int) -> Found:
    line.set_rate(baud)
    await aio.sleep_ms(AFTER_RATE_MS)
    probes = [BY_ADDRESS, BY_ITEM, BY_NUMBER] if baud == 1200 else [BY_ADDRESS, BY_ITEM]
    answered = None
    for probe in probes:
        heard = await _ask(line, probe, window_ms)
        if not heard.nothing:
            answered = probe
            break
    if answered is None:
        return Found(baud, "silent", [])
    return await _judge(line, baud, window_ms, heard, answered)


async def _judge(line: HostLine, baud: int, window_ms: int, heard: Heard, probe: Probe) -> Found:
    """Somebody is there: ask until two clean answers agree, or several addresses are known."""
    names: set[str] = set(heard.addresses)
    clean = [heard.clean] if heard.clean else []
    damaged = 1 if heard.junk_bytes else 0
    other = {BY_ADDRESS: BY_ITEM, BY_ITEM: BY_ADDRESS}.get(probe, probe)
    useless = {probe} if heard.unusable and not heard.addresses and not heard.junk_bytes else set()
    for number in range(PROBES_MAX - 1):
        if len(names) > 1 or len(clean) > 1:
            break
        turn = (other, probe)[number % 2]
        turn = turn if turn not in useless else (probe if turn is other else other)
        heard = await _ask(line, turn, window_ms)
        names |= heard.addresses
        if heard.clean:
            clean.append(heard.clean)
        elif heard.nothing or (heard.unusable and not heard.junk_bytes):
            useless.add(turn)  # it does not know this question, or its answer bears no address
        else:
            damaged += 1
    if len(names) > 1:
        return Found(baud, "several", sorted(names), probe.edition, damaged)
    if len(clean) > 1:
        return Found(baud, "one", sorted(names), probe.edition, damaged)
    return Found(baud, "unclear", sorted(names), probe.edition, damaged, not damaged and not names)


async def _ask(line: HostLine, probe: Probe, window_ms: int) -> Heard:
    request = bytearray(REQUEST_BYTES)
    end = frame.encode_frame_into(request, 0, ANY_METER, probe.function, probe.data, len(probe.data))
    line.discard_input()
    await line.send(request, 0, end)
    return hear(await _listen(line, window_ms), probe)


async def _listen(line: HostLine, window_ms: int) -> bytes:
    """Everything that comes in the window, and until the line is silent again."""
    buf = bytearray(256)
    came = bytearray()
    began_ms = aio.now_ms()
    last_ms = began_ms
    while True:
        now_ms = aio.now_ms()
        open_ms = window_ms - ticks.diff(now_ms, began_ms)
        quiet_ms = QUIET_MS - ticks.diff(now_ms, last_ms)
        wait_ms = max(open_ms, quiet_ms if came else 0)
        if wait_ms <= 0 or ticks.diff(now_ms, began_ms) > window_ms + TALK_MS_MAX:
            return bytes(came)
        n = await line.receive_into(buf, wait_ms)
        if n:
            came += buf[:n]
            last_ms = aio.now_ms()


def hear(raw: bytes, probe: Probe) -> Heard:
    """Which meters answered in `raw`, and how many bytes belong to no answer."""
    reader = frame.FrameReader()
    heard = Heard()
    for at in range(0, len(raw), 128):
        reader.feed(raw, at, min(at + 128, len(raw)))
        _take(reader, probe, heard)
    reader.flush()
    _take(reader, probe, heard)
    heard.junk_bytes = reader.noise_bytes
    return heard


def _take(reader: frame.FrameReader, probe: Probe, heard: Heard) -> None:
    while reader.next_event() == frame.FRAME:
        if not reader.control & frame.FROM_METER:
            continue  # the adapter hears its own request
        address = bytes(reader.buf[reader.address_at : reader.address_at + frame.ADDRESS_BYTES])
        data = bytes(reader.buf[reader.data_start : reader.data_end])
        own = address if values.is_full_address(address) else None
        if own is None and probe.edition == "2007" and reader.control == probe.function | frame.FROM_METER:
            own = data[len(probe.data) :] if data.startswith(probe.data) else None
        if own is not None and len(own) == frame.ADDRESS_BYTES and values.is_full_address(own):
            heard.addresses.add(own[::-1].hex())
        else:
            heard.unusable += 1
