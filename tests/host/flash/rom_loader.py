"""A simulated ESP32 in its serial boot loader, on a pty: what Espressif's "Serial Protocol" page describes, with faults.

SLIP frames; request 00, command, length u16, checksum u32, data; answer 01, command, length u16, value u32, data, status (4
bytes from the ROM, 2 from the stub). The flash is NOR: a write clears bits, FLASH_BEGIN erases. The stub is not run: MEM_END
answers OHAI and from then on the commands of the stub are known, or the upload is refused.
"""

import hashlib
import os
import pty
import select
import struct
import threading
import tty
import zlib

SYNC, READ_REG, WRITE_REG = 0x08, 0x0A, 0x09
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
MEM_BEGIN, MEM_END, MEM_DATA = 0x05, 0x06, 0x07
SPI_SET_PARAMS, SPI_ATTACH, READ_SLOW, CHANGE_BAUD = 0x0B, 0x0D, 0x0E, 0x0F
DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5, SECURITY = 0x10, 0x11, 0x12, 0x13, 0x14
READ_FLASH = 0xD2
CHIP_MAGIC_REG = 0x40001000
MAGICS = {"ESP32": 0x00F01D83, "ESP32-S2": 0x000007C6}
CHIP_IDS = {"ESP32-S3": 9}
SPI_CMD = {"ESP32": 0x3FF42000, "ESP32-S3": 0x60002000, "ESP32-S2": 0x3F402000}
SPI_W0 = {"ESP32": 0x3FF42080, "ESP32-S3": 0x60002058, "ESP32-S2": 0x3F402098}
BAD_MESSAGE, FAILED, BAD_CHECKSUM = 5, 6, 7


class RomLoader:
    """RomLoader(chip): `path` is the port, `flash` its 4 MB. Faults: see the attributes."""

    def __init__(self, chip: str = "ESP32", size_bits: int = 22, stub: bool = True):
        self.chip, self.takes_stub = chip, stub
        self.flash = bytearray(b"\xff" * (1 << size_bits))
        self.size_bits = size_bits
        self.is_stub = False
        self.commands: list[int] = []
        self.erased: list[tuple[int, int]] = []
        self.pull_at_block: int | None = None  # the cable, when so many blocks came
        self.noisy_blocks = 0  # so many blocks arrive with a bit changed: their checksum is wrong
        self.weak_cell = False  # a bit at the place of each write stays clear, unseen by any checksum
        self._blocks = self._at = 0
        self._registers: dict[int, int] = {}
        self._packed = zlib.decompressobj()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    # frames

    def _serve(self) -> None:
        frame, inside, escaped = bytearray(), False, False
        while not self._stop.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            for byte in os.read(self._master, 65536):
                if byte == 0xC0:
                    if inside and frame:
                        self._take(bytes(frame))
                    frame.clear()
                    inside = True
                elif escaped:
                    frame.append({0xDC: 0xC0, 0xDD: 0xDB}.get(byte, byte))
                    escaped = False
                elif byte == 0xDB:
                    escaped = True
                elif inside:
                    frame.append(byte)
                if self._stop.is_set():
                    break
        os.close(self._slave)
        os.close(self._master)

    def _send(self, data: bytes) -> None:
        os.write(self._master, b"\xc0" + data.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")

    def _answer(self, command: int, value: int = 0, data: bytes = b"", error: int = 0) -> None:
        status = bytes([1 if error else 0, error]) + (b"" if self.is_stub else b"\0\0")
        data += status
        self._send(struct.pack("<BBHI", 1, command, len(data), value) + data)

    # commands

    def _take(self, frame: bytes) -> None:
        if len(frame) < 8 or frame[0] != 0:
            return
        command, length, checksum = struct.unpack("<BHI", frame[1:8])
        data = frame[8 : 8 + length]
        self.commands.append(command)
        handlers = {
            SYNC: self._sync, READ_REG: self._read_reg, WRITE_REG: self._write_reg, SECURITY: self._security,
            FLASH_BEGIN: self._begin, DEFL_BEGIN: self._begin, FLASH_DATA: self._block, DEFL_DATA: self._block,
            MD5: self._md5, MEM_END: self._mem_end, READ_FLASH: self._read_flash, READ_SLOW: self._read_slow,
        }  # fmt: skip
        plain = (FLASH_END, DEFL_END, MEM_BEGIN, MEM_DATA, SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD)
        if command in handlers:
            handlers[command](command, data, checksum)
        elif command in plain:
            self._answer(command, error=FAILED if command == MEM_BEGIN and not self.takes_stub else 0)
        else:
            self._answer(command, error=BAD_MESSAGE)

    def _sync(self, command, data, checksum):
        self.is_stub = False
        for _ in range(8):
            self._answer(command, 0x20120707)

    def _read_reg(self, command, data, checksum):
        (address,) = struct.unpack("<I", data[:4])
        if address == CHIP_MAGIC_REG:
            value = MAGICS.get(self.chip, 0)
        elif address == SPI_CMD[self.chip]:
            value = 0  # the SPI command has been done
        elif address == SPI_W0[self.chip]:
            value = self.size_bits << 16 | 0x40C8  # manufacturer, type, log2 of the size
        else:
            value = self._registers.get(address, 0)
        self._answer(command, value)

    def _write_reg(self, command, data, checksum):
        address, value = struct.unpack("<II", data[:8])
        self._registers[address] = value
        self._answer(command)

    def _security(self, command, data, checksum):
        if self.chip not in CHIP_IDS:
            self._answer(command, error=BAD_MESSAGE)
        else:
            self._answer(command, data=struct.pack("<IB7sII", 0, 0, bytes(7), CHIP_IDS[self.chip], 0))

    def _begin(self, command, data, checksum):
        size, _, _, offset = struct.unpack("<IIII", data[:16])
        self._at, self._packed = offset, zlib.decompressobj()
        end = -(-(offset + size) // 4096) * 4096
        self.erased.append((offset, end))
        self.flash[offset:end] = b"\xff" * (end - offset)
        self._answer(command)

    def _block(self, command, data, checksum):
        length, _ = struct.unpack("<II", data[:8])
        body = bytearray(data[16 : 16 + length])
        self._blocks += 1
        if self.pull_at_block is not None and self._blocks >= self.pull_at_block:
            self._stop.set()
            return
        if self.noisy_blocks:
            self.noisy_blocks -= 1
            body[len(body) // 2] ^= 4
        found = 0xEF
        for byte in body:
            found ^= byte
        if found != checksum & 0xFF:
            self._answer(command, error=BAD_CHECKSUM)
            return
        plain = self._packed.decompress(bytes(body)) if command == DEFL_DATA else bytes(body)
        if self.weak_cell and plain:
            plain = bytes([plain[0] & 0xFE]) + plain[1:]
        for index, byte in enumerate(plain):
            self.flash[self._at + index] &= byte
        self._at += len(plain)
        self._answer(command)

    def _md5(self, command, data, checksum):
        offset, size = struct.unpack("<II", data[:8])
        digest = hashlib.md5(self.flash[offset : offset + size])
        self._answer(command, data=digest.digest() if self.is_stub else digest.hexdigest().encode())

    def _mem_end(self, command, data, checksum):
        self._answer(command)
        self.is_stub = True
        self._send(b"OHAI")

    def _read_slow(self, command, data, checksum):
        offset, size = struct.unpack("<II", data[:8])
        self._answer(command, data=bytes(self.flash[offset : offset + size]).ljust(64, b"\0"))

    def _read_flash(self, command, data, checksum):
        offset, size, piece, _ = struct.unpack("<IIII", data[:16])
        self._answer(command)
        whole = bytes(self.flash[offset : offset + size])
        for at in range(0, size, piece):
            self._send(whole[at : at + piece])  # the host's acknowledgements are too short to be commands
        self._send(hashlib.md5(whole).digest())
