"""PPP in HDLC-like framing (RFC 1662): flag, escape, FCS-16. Bounded: what is longer than a frame can be is dropped."""

from __future__ import annotations

FLAG = 0x7E
ESCAPE = 0x7D
FLIP = 0x20
FRAME_MAX = 1_600  # MRU 1500 and what surrounds it
GOOD_FCS = 0xF0B8
ADDRESS_CONTROL = b"\xff\x03"
LCP = 0xC021
PAP = 0xC023
IPCP = 0x8021
IP = 0x0021


def fcs16(data: bytes, fcs: int = 0xFFFF) -> int:
    """RFC 1662 appendix C.2, bit by bit: polynomial x**16 + x**12 + x**5 + 1, low bit first. Not complemented."""
    for byte in data:
        fcs ^= byte
        for _ in range(8):
            fcs = fcs >> 1 ^ 0x8408 if fcs & 1 else fcs >> 1
    return fcs


def encode(protocol: int, payload: bytes) -> bytes:
    """One frame with its flags. LCP escapes every control character, the others none (both sides accept any map)."""
    body = ADDRESS_CONTROL + protocol.to_bytes(2, "big") + payload
    body += (fcs16(body) ^ 0xFFFF).to_bytes(2, "little")
    out = bytearray([FLAG])
    for byte in body:
        if byte in (FLAG, ESCAPE) or (protocol == LCP and byte < FLIP):
            out += bytes((ESCAPE, byte ^ FLIP))
        else:
            out.append(byte)
    out.append(FLAG)
    return bytes(out)


class Decoder:
    """Bytes as they come -> (protocol, payload) of each good frame."""

    def __init__(self) -> None:
        self.bad_frames = 0
        self._frame = bytearray()
        self._escaped = False
        self._too_long = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        found = []
        for byte in data:
            if byte == FLAG:
                frame = self._end()
                if frame is not None:
                    found.append(frame)
            elif byte == ESCAPE:
                self._escaped = True
            elif len(self._frame) >= FRAME_MAX:
                self._too_long = True
            else:
                self._frame.append(byte ^ FLIP if self._escaped else byte)
                self._escaped = False
        return found

    def _end(self) -> tuple[int, bytes] | None:
        frame, good = bytes(self._frame), not (self._escaped or self._too_long)
        self._frame.clear()
        self._escaped = self._too_long = False
        if not frame:
            return None
        if not good or len(frame) < 4 or fcs16(frame) != GOOD_FCS:
            self.bad_frames += 1
            return None
        return _opened(frame[:-2])


def _opened(body: bytes) -> tuple[int, bytes]:
    """Address and control may be left out, and the first byte of the protocol too (RFC 1661 section 6.5, 6.6)."""
    if body[:2] == ADDRESS_CONTROL:
        body = body[2:]
    if body and body[0] & 1:
        return body[0], body[1:]
    return int.from_bytes(body[:2], "big"), body[2:]
