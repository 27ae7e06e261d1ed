"""A board at the modem's port, from scratch: AT commands, PPP and one TCP connection, as a second opinion on the simulator.

It blocks, keeps one segment in flight, sends again after a quarter of a second, and takes data in order only.
"""

import os
import select
import struct
import time
from pathlib import Path

TABLE = [0] * 256
for _index in range(256):
    _value = _index
    for _ in range(8):
        _value = (_value >> 1) ^ (0x8408 if _value & 1 else 0)
    TABLE[_index] = _value
FIN, SYN, RST, ACK = 1, 2, 4, 16
MY_PORT = 50_000
TRY_S = 0.25
END_S = 20.0


def frame_check(data: bytes) -> int:
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFF


def ones_complement(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Board:
    """A pty's end. `dial()`, then `negotiate()`, then `connect(port)` and so on."""

    def __init__(self, port: Path) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._raw = bytearray()
        self.address = bytes(4)
        self.name_server = bytes(4)
        self.gateway = bytes((10, 0, 2, 2))
        self.sequence = 1_000
        self.expected = 0
        self.received = b""
        self.ended = False
        self.target = 0

    def close(self) -> None:
        os.close(self._fd)

    # commands

    def command(self, text: str, end: str = "OK", seconds: float = 3.0) -> str:
        """Send one, read until `end` or a refusal."""
        os.write(self._fd, text.encode() + b"\r")
        return self.read_until(end, seconds)

    def read_until(self, end: str, seconds: float = 3.0) -> str:
        deadline = time.monotonic() + seconds
        said = ""
        while time.monotonic() < deadline:
            for mark in (end, "ERROR", "NO CARRIER"):
                if mark + "\r\n" in said or (mark == "ERROR" and "+CME ERROR" in said and said.endswith("\r\n")):
                    return said
            if select.select([self._fd], [], [], 0.05)[0]:
                said += os.read(self._fd, 1).decode("latin1")
        return said

    def dial(self) -> None:
        """As a driver does: what a call that broke off has left on the line may spoil the first try."""
        for _ in range(3):
            if "OK" in self.command("ATE0") and "CONNECT" in self.command("ATD*99#", "CONNECT 115200"):
                return
        raise AssertionError("the modem does not dial")

    # frames

    def send(self, protocol: int, data: bytes) -> None:
        body = struct.pack(">BBH", 0xFF, 3, protocol) + data
        body += struct.pack("<H", frame_check(body))
        out = b"".join(bytes((0x7D, byte ^ 0x20)) if byte in (0x7D, 0x7E) or byte < 0x20 else bytes((byte,)) for byte in body)
        view = b"~" + out + b"~"
        while view:
            select.select([], [self._fd], [])
            view = view[os.write(self._fd, view) :]

    def frame(self, seconds: float) -> tuple[int, bytes] | None:
        """The next good frame."""
        deadline = time.monotonic() + seconds
        while True:
            while b"~" in self._raw:
                stuffed, _, rest = bytes(self._raw).partition(b"~")
                self._raw = bytearray(rest)
                body = bytearray()
                flip = 0
                for byte in stuffed:
                    if byte == 0x7D:
                        flip = 0x20
                    else:
                        body.append(byte ^ flip)
                        flip = 0
                if len(body) > 6 and frame_check(body[:-2]) == struct.unpack("<H", body[-2:])[0]:
                    return struct.unpack(">H", body[2:4])[0], bytes(body[4:-2])
            if not select.select([self._fd], [], [], max(deadline - time.monotonic(), 0))[0]:
                return None
            self._raw += os.read(self._fd, 4_096)

    def negotiate(self, login: tuple[str, str] | None = None) -> None:
        """LCP, PAP when it is asked for, IPCP, until an address is there; AssertionError when the link ends instead."""
        self.send(0xC021, struct.pack(">BBH", 1, 1, 8) + b"\x07\x02\x08\x02")  # compression of heads: will be rejected
        deadline = time.monotonic() + END_S
        while self.address == bytes(4):
            assert time.monotonic() < deadline, "no address"
            got = self.frame(1.0)
            if got is not None:
                self._on_control(*got, login)

    def _on_control(self, protocol: int, data: bytes, login: tuple[str, str] | None) -> None:
        code, number = data[0], data[1]
        if protocol == 0xC023:
            assert code == 2, "PAP refused"
            self.send(0x8021, struct.pack(">BBH", 1, 2, 16) + b"\x03\x06\0\0\0\0" + b"\x81\x06\0\0\0\0")
        elif code == 1:
            self.send(protocol, b"\x02" + data[1:])  # whatever it asks for
            if protocol == 0xC021 and login:
                user, password = login[0].encode(), login[1].encode()
                given = bytes((len(user),)) + user + bytes((len(password),)) + password
                self.send(0xC023, struct.pack(">BBH", 1, 9, 4 + len(given)) + given)
            elif protocol == 0x8021:
                self.send(0x8021, struct.pack(">BBH", 1, 2, 16) + b"\x03\x06\0\0\0\0" + b"\x81\x06\0\0\0\0")
        elif code == 4 and protocol == 0xC021:
            assert data[4:] == b"\x07\x02\x08\x02"
            self.send(0xC021, struct.pack(">BBH", 1, number + 1, 4))
        elif code == 3 and protocol == 0x8021:
            self.send(0x8021, struct.pack(">BBH", 1, number + 1, len(data)) + data[4:])
        elif code == 2 and protocol == 0x8021:
            self.address, self.name_server = data[6:10], data[12:16]

    # IP

    def packet(self, target: bytes, protocol: int, data: bytes) -> None:
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 7, 0, 64, protocol, 0, self.address, target)
        self.send(0x21, head[:10] + struct.pack(">H", ones_complement(head)) + head[12:] + data)

    def next_packet(self, seconds: float) -> tuple[bytes, int, bytes] | None:
        """(source, protocol, data); other frames are answered or passed over."""
        got = self.frame(seconds)
        if got is None or got[0] != 0x21:
            return None
        data = got[1]
        assert ones_complement(data[:20]) == 0 and data[16:20] == self.address
        return data[12:16], data[9], data[20 : struct.unpack(">H", data[2:4])[0]]

    def ask_name(self, name: str) -> bytes:
        """The name server's answer, without the UDP head."""
        labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split(".")) + b"\0"
        query = struct.pack(">HHHHHH", 77, 0x0100, 1, 0, 0, 0) + labels + b"\0\1\0\1"
        self.packet(self.name_server, 17, struct.pack(">HHHH", 40_000, 53, 8 + len(query), 0) + query)
        got = self.next_packet(2.0)
        assert got is not None and got[0] == self.name_server and got[1] == 17
        return got[2][8:]

    # TCP

    def _segment(self, flags: int, data: bytes = b"") -> None:
        head = struct.pack(">HHIIBBHHH", MY_PORT, self.target, self.sequence, self.expected, 0x50, flags, 8_192, 0, 0)
        pseudo = self.address + self.gateway + struct.pack(">BBH", 0, 6, len(head) + len(data))
        check = ones_complement(pseudo + head + data)
        self.packet(self.gateway, 6, head[:16] + struct.pack(">H", check) + head[18:] + data)

    def _take(self, seconds: float) -> tuple[int, int] | None:
        """One segment: its data kept, acknowledged -> (flags, acknowledgement)."""
        got = self.next_packet(seconds)
        if got is None or got[1] != 6:
            return None
        source, _, data = got
        pseudo = source + self.address + struct.pack(">BBH", 0, 6, len(data))
        assert ones_complement(pseudo + data) == 0
        sequence, acknowledged, offset, flags = struct.unpack(">IIBB", data[4:14])
        payload = data[(offset >> 4) * 4 :]
        if flags & SYN:
            self.expected = sequence + 1
            return flags, acknowledged
        if sequence == self.expected and (payload or flags & FIN) and not self.ended:
            self.received += payload
            self.expected += len(payload)
            if flags & FIN:
                self.ended = True
                self.expected += 1
        if payload or flags & FIN:
            self._segment(ACK)
        return flags, acknowledged

    def connect(self, port: int) -> bool:
        """True when it stands, False when it was refused."""
        self.target, self.received, self.ended = port, b"", False
        self.sequence += 10_000
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            self._segment(SYN)
            got = self._take(TRY_S)
            if got and got[0] & RST:
                return False
            if got and got[0] & SYN and got[1] == self.sequence + 1:
                self.sequence += 1
                self._segment(ACK)
                return True
        raise AssertionError("no answer to SYN")

    def transmit(self, data: bytes, flags: int = ACK) -> None:
        """Until it is acknowledged."""
        wanted = self.sequence + len(data) + (1 if flags & FIN else 0)
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            self._segment(flags, data)
            until = time.monotonic() + TRY_S
            while time.monotonic() < until:
                got = self._take(until - time.monotonic())
                if got and got[1] == wanted:
                    self.sequence = wanted
                    return
        raise AssertionError("not acknowledged")

    def receive(self, count: int) -> bytes:
        deadline = time.monotonic() + END_S
        while len(self.received) < count and not self.ended and time.monotonic() < deadline:
            self._take(TRY_S)
        return self.received
