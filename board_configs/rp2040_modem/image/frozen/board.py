"""Any part of wiring.FLASH as the port's block device, which is also a buffer that ROMFS executes from.

The port knows one storage area; in this image it begins behind the runtime and reaches to the end of the flash.
"""

import rp2
import wiring

_base = 0
for _part, _offset, _size in wiring.FLASH:
    if _part == "runtime":
        _base = _offset + _size


def Flash(offset, size):
    """`size` bytes of flash from `offset` of the chip."""
    return rp2.Flash(start=offset - _base, len=size)
