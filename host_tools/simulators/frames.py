"""DL/T 645 frames as a *meter* sees them: take requests apart, put replies together.

Written from the clauses on the frame (68 A0..A5 68 C L DATA CS 16, data bytes offset by 33H, checksum over
everything from the first 68H). The trap avoided: 68H and 16H are ordinary values inside a frame, so the
assembler trusts only the length, the checksum and the end mark together, and on failure steps one byte on.
Addresses are text of 12 digits here (A for a wildcard digit); only this file knows the wire order.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 0x68
END = 0x16
PREAMBLE = 0xFE
OFFSET = 0x33
HEAD = 10  # from the first 68H to L
OVERHEAD = 12  # a frame without data

BROADCAST = "999999999999"
ANY_METER = "AAAAAAAAAAAA"


class NotBcd(ValueError):
    """Bytes that should be BCD hold a digit above 9."""


@dataclass(frozen=True, slots=True)
class Frame:
    """address: 12 hex digits, most significant first; data: with 33H already taken off."""

    address: str
    control: int
    data: bytes = b""
    preamble: int = 0  # number of FE bytes directly before the frame

    @property
    def from_meter(self) -> bool:
        return bool(self.control & 0x80)


def encode(frame: Frame) -> bytes:
    """The bytes on the wire, with `frame.preamble` leading FE."""
    if len(frame.address) != 12:
        raise ValueError(f"address needs 12 digits, got {frame.address!r}")
    if len(frame.data) > 255:
        raise ValueError("a frame holds at most 255 data bytes")
    body = bytearray([START])
    body += bytes.fromhex(frame.address)[::-1]
    body += bytes([START, frame.control, len(frame.data)])
    body += bytes((b + OFFSET) & 0xFF for b in frame.data)
    body += bytes([sum(body) & 0xFF, END])
    return bytes([PREAMBLE]) * frame.preamble + bytes(body)


class Assembler:
    """Finds frames in a stream of bytes that may hold noise.

    `feed` returns each good frame; `bad_frames` counts candidates with a sound head and a wrong checksum.
    `reset` is called by the owner when the gap between bytes exceeded Tb.
    """

    def __init__(self) -> None:
        self._buf = bytearray()
        self._fe = 0
        self.bad_frames = 0

    def reset(self) -> None:
        self._buf.clear()
        self._fe = 0

    def feed(self, data: bytes) -> list[Frame]:
        self._buf += data
        found: list[Frame] = []
        while self._buf:
            if self._buf[0] != START:
                self._fe = self._fe + 1 if self._buf[0] == PREAMBLE else 0
                self._step()
                continue
            if len(self._buf) > 7 and self._buf[7] != START:
                self._skip_candidate()
                continue
            if len(self._buf) < HEAD:
                break
            size = OVERHEAD + self._buf[9]
            if len(self._buf) < size:
                break
            if self._buf[size - 1] != END or sum(self._buf[: size - 2]) & 0xFF != self._buf[size - 2]:
                self.bad_frames += 1
                self._skip_candidate()
                continue
            found.append(self._cut(size))
        return found

    def _cut(self, size: int) -> Frame:
        raw = bytes(self._buf[:size])
        self._buf = self._buf[size:]
        data = bytes((b - OFFSET) & 0xFF for b in raw[HEAD : size - 2])
        frame = Frame(raw[1:7][::-1].hex().upper(), raw[8], data, self._fe)
        self._fe = 0
        return frame

    def _skip_candidate(self) -> None:
        self._fe = 0
        self._step()

    def _step(self) -> None:
        self._buf = self._buf[1:]


def matches(asked: str, own: str) -> bool:
    """Whether a request to `asked` reaches the meter `own`: exact, or low digits real and all above A."""
    real = asked.lstrip("A")
    if len(real) % 2 or "A" in real:
        return False
    return own.endswith(real)


def is_wildcard(asked: str) -> bool:
    return asked.startswith("AA")


def bcd(value: int, size: int) -> bytes:
    """`size` BCD bytes, low byte first. The caller keeps the value in range."""
    if value < 0 or value >= 100**size:
        raise ValueError(f"{value} does not fit {size} BCD bytes")
    return bytes.fromhex(f"{value:0{2 * size}d}")[::-1]


def bcd_signed(value: int, size: int) -> bytes:
    """As `bcd`, with the sign in the top bit of the last byte."""
    out = bytearray(bcd(abs(value), size))
    if out[-1] & 0x80:
        raise ValueError(f"{value} leaves no room for a sign in {size} BCD bytes")
    if value < 0:
        out[-1] |= 0x80
    return bytes(out)


def unbcd(data: bytes) -> int:
    """The number in BCD bytes, low byte first. NotBcd if a digit is above 9."""
    text = data[::-1].hex()
    if not text.isdecimal():
        raise NotBcd(f"{text} is not BCD")
    return int(text)
