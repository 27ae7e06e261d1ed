"""The journal's region on an ESP32: a data partition of its own (`esp32.Partition`), which no file system mounts.

The driver takes reads and programs of any offset and length and erases 4 KB (ports/esp32/esp32_partition.c); it raises
OSError for whatever goes wrong. What is checked here is that the partition is the one that wiring.py means: a board flashed
with another table must not have its runtime or files taken for a journal.

Trap avoided: an encrypted partition takes only whole 16 or 32 bytes, and a flash word once; it is refused.

Checked against the source of MicroPython 1.25; run with a stand-in for esp32.Partition, never on hardware.
"""

from firmware.base.faults import StorageFault
from firmware.base.port import const
from firmware.hal.nor_flash import FlashRegion

_INFO_TYPE = const(0)
_INFO_ADDRESS = const(2)
_INFO_SIZE = const(3)
_INFO_ENCRYPTED = const(5)


def partition_region(partition_class, label, offset, size, program_unit):
    """The region of the partition `label`; StorageFault when the board's partition table has it nowhere or elsewhere."""
    found = partition_class.find(partition_class.TYPE_DATA, label=label)
    if len(found) != 1:
        raise StorageFault("the board has no partition " + label + ": write its partition table with flash.py")
    info = found[0].info()
    if info[_INFO_TYPE] != partition_class.TYPE_DATA or (info[_INFO_ADDRESS], info[_INFO_SIZE]) != (offset, size):
        raise StorageFault("partition " + label + " lies elsewhere or is of another size than this firmware was made for")
    if info[_INFO_ENCRYPTED]:
        raise StorageFault("partition " + label + " is encrypted: units of " + str(program_unit) + " bytes cannot be programmed")
    return FlashRegion(found[0], program_unit)
