"""The watchdog of a Linux board: a device file that resets the machine unless it is written to (kernel.org, watchdog-api).

The timeout is the driver's (its module parameter or the device tree): asking for another one differs from driver to driver.
Closing the file without the letter V keeps the watchdog running, so a process that dies resets the board, as on a bare one.

Run against a plain file; never on a real watchdog device.
"""

import os

from firmware.base.faults import StorageFault


class LinuxWatchdog:
    """LinuxWatchdog(path): OSError when there is no such device. It bites from now on unless it is fed."""

    def __init__(self, path):
        os.stat(path)  # opening for writing would make a file where the device should be
        self._path = path
        self._device = open(path, "wb", 0)

    def feed(self):
        """One more period."""
        try:
            written = self._device.write(b"\0")
        except OSError as fault:
            raise StorageFault("the watchdog " + self._path + " takes no byte: " + str(fault))
        if written != 1:
            raise StorageFault("the watchdog " + self._path + " takes no byte")
