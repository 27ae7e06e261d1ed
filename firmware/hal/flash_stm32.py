"""The journal's region on an STM32 board with QSPI flash: a part of the storage (`pyb.Flash`) behind the file system.

The boot code of the port mounts a littlefs as long as its superblock says, so a littlefs made shorter than the storage
leaves the rest to us (ports/stm32/main.c). The driver programs any bytes inside the page that they lie in and says 0 or a
negative number (ports/stm32/storage.c, spibdev.c, drivers/memory/spiflash.c).

Traps avoided: the driver counts blocks of 512 bytes, and its erase answers 0 and erases nothing, until it has been told
by ioctl(1, 1) that extended access follows. The internal flash of an STM32H7 is no place for a journal: sectors of 128 KB,
words of 32 bytes with an ECC that are programmed once, and nothing in this port that programs them.

Checked against the source of MicroPython 1.25; run with a stand-in for pyb.Flash, never on hardware.
"""

from firmware.base.faults import StorageFault
from firmware.base.port import const
from firmware.hal.nor_flash import FlashRegion

PAGE_SIZE = const(256)
_INIT = const(1)
_EXTENDED = const(1)


def storage_region(flash_class, start, size, erase_size, program_unit):
    """The region of `size` bytes from `start` of the port's storage; StorageFault when the port cannot erase it block by block."""
    try:
        device = flash_class(start=start, len=size)
    except ValueError:
        raise StorageFault("the storage of this board ends before " + str(start + size))
    if device.ioctl(_INIT, _EXTENDED) != 0:
        raise StorageFault("the storage of this board knows no extended access")
    region = FlashRegion(device, program_unit, PAGE_SIZE)
    if (region.erase_size, region.size) != (erase_size, size):
        raise StorageFault("the storage of this board has other blocks than this firmware was made for")
    return region
