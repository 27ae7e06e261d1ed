"""The version of this firmware, one number for all boards: major << 16 | minor << 8 | patch. It goes up with each release.

It is what BOOT and EPOCH records, the status message and a slot's descriptor carry (SPEC 2, 5.3).
"""

from firmware.base.port import const

FIRMWARE_VERSION = const(0x000100)  # 0.1.0
