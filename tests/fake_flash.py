"""The flash drivers of MicroPython's ports, as their source says that they behave, over NOR flash in memory.

    EspPartition    ports/esp32/esp32_partition.c: raises OSError; erases before a write without offset; find() by label
    Rp2Storage      ports/rp2/rp2_flash.c: whole pages of 256 bytes only (the SDK checks), answers nothing
    PybFlash        ports/stm32/storage.c: answers 0 or a negative number; blocks of 512 until ioctl(1, 1)

Each has `size`, and `fails`: the next call of that kind ("read", "write", "erase") goes wrong as the port's would.
Programming only clears bits, as on the part itself.
"""

EIO = 5
EFAULT = 14
_BLOCK = 4096


class _Nor:
    """`size` bytes; a block that was never programmed takes no memory."""

    def __init__(self, size):
        self.size = size
        self.fails = None
        self.erases = 0
        self._blocks = {}

    def _goes_wrong(self, kind):
        if self.fails == kind:
            self.fails = None
            return True
        return False

    def _load(self, at, buf):
        for index in range(len(buf)):
            block = self._blocks.get((at + index) // _BLOCK)
            buf[index] = 0xFF if block is None else block[(at + index) % _BLOCK]

    def _program(self, at, buf):
        for index in range(len(buf)):
            block = (at + index) // _BLOCK
            if block not in self._blocks:
                self._blocks[block] = bytearray(b"\xff" * _BLOCK)
            self._blocks[block][(at + index) % _BLOCK] &= buf[index]

    def _erase(self, at, count):
        self.erases += 1
        for block in range(at // _BLOCK, (at + count) // _BLOCK):
            self._blocks.pop(block, None)


class EspPartition(_Nor):
    """One data partition; `table` is what find() looks through."""

    TYPE_APP = 0
    TYPE_DATA = 1
    table = []

    def __init__(self, label, offset, size, encrypted=False, kind=TYPE_DATA):
        super().__init__(size)
        self._info = (kind, 0xFF, offset, size, label, encrypted)

    @classmethod
    def find(cls, type=0, subtype=0xFF, label=None, block_size=_BLOCK):
        found = [one for one in cls.table if one._info[0] == type and (label is None or one._info[4] == label)]
        return found if block_size == _BLOCK else []

    def info(self):
        return self._info

    def _check(self, kind, at, count):
        if self._goes_wrong(kind) or at + count > self.size:
            raise OSError(-261, "ESP_ERR_FLASH_OP_FAIL")

    def readblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        self._check("read", at, len(buf))
        self._load(at, buf)

    def writeblocks(self, block, buf, offset=None):
        at = block * _BLOCK + (offset or 0)
        self._check("write", at, len(buf))
        if offset is None:
            self._erase(at, len(buf))
        self._program(at, buf)

    def ioctl(self, operation, argument):
        if operation == 6:
            self._check("erase", argument * _BLOCK, _BLOCK)
            self._erase(argument * _BLOCK, _BLOCK)
            return 0
        return {1: 0, 2: 0, 3: 0, 4: self.size // _BLOCK, 5: _BLOCK}.get(operation)


class Rp2Storage(_Nor):
    """rp2.Flash(start=, len=); `storage_bytes` stands for MICROPY_HW_FLASH_STORAGE_BYTES."""

    storage_bytes = 1472 * 1024  # of 2 MB, behind a runtime of 576 KB

    def __init__(self, *, start=-1, len=-1):  # the driver's own name
        if start % _BLOCK or len % _BLOCK or not 0 <= start < self.storage_bytes or not 0 < len <= self.storage_bytes - start:
            raise ValueError
        super().__init__(len)
        self.start = start

    def readblocks(self, block, buf, offset=0):
        self._load(block * _BLOCK + offset, buf)

    def writeblocks(self, block, buf, offset=None):
        at = block * _BLOCK + (offset or 0)
        if at % 256 or len(buf) % 256:
            raise AssertionError("flash_range_program takes whole pages")
        if offset is None:
            self._erase(at, len(buf))
        if not self._goes_wrong("write"):
            self._program(at, buf)

    def ioctl(self, operation, argument):
        if operation == 6:
            if not self._goes_wrong("erase"):
                self._erase(argument * _BLOCK, _BLOCK)
            return 0
        return {1: 0, 2: 0, 3: 0, 4: self.size // _BLOCK, 5: _BLOCK}.get(operation)


class PybFlash(_Nor):
    """pyb.Flash(start=, len=) over QSPI flash; `storage_bytes` stands for MICROPY_HW_SPIFLASH_SIZE_BITS // 8."""

    storage_bytes = 11 * 1024 * 1024
    knows_extended = True

    def __init__(self, *, start=-1, len=-1):
        if start % _BLOCK or len % _BLOCK or not 0 <= start < self.storage_bytes or not 0 < len <= self.storage_bytes - start:
            raise ValueError
        super().__init__(len)
        self.start = start
        self._native = False

    def readblocks(self, block, buf, offset=0):
        if self._goes_wrong("read"):
            return -EIO
        if block * _BLOCK >= self.size:
            return -EFAULT
        self._load(block * _BLOCK + offset, buf)
        return 0

    def writeblocks(self, block, buf, offset=None):
        if offset is None or self._goes_wrong("write"):
            return -EIO
        if block * _BLOCK >= self.size:
            return -EFAULT
        self._program(block * _BLOCK + offset, buf)
        return 0

    def ioctl(self, operation, argument):
        if operation == 1:
            self._native = argument == 1 and self.knows_extended
            return 0 if argument != 1 or self.knows_extended else -1
        if operation == 6:
            if self._native:
                if self._goes_wrong("erase"):
                    return -EIO
                self._erase(argument * _BLOCK, _BLOCK)
            return 0
        size = _BLOCK if self._native else 512
        return {2: 0, 3: 0, 4: self.size // size, 5: size}.get(operation)
