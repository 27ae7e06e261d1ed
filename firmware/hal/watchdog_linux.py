"""The watchdog of a Linux board: a device file that resets the machine unless it is written to (kernel.org, watchdog-api).

It starts with the first feeding, as on a bare board: opening the device starts it, and by then the settings are good and the
journal is replayed. The timeout is the driver's (its module parameter or the device tree): asking for another one differs from
driver to driver. The file is never closed in order, so a process that dies and does not come back resets the board.

Trap avoided: opening a device that is not there for writing would make a plain file in its place.

Run against a plain file; never on a watchdog device.
"""

import os

from firmware.base.faults import BadInput, StorageFault


class LinuxWatchdog:
    """LinuxWatchdog(path): BadInput when there is no such device, or at the first feeding when somebody else has it."""

    def __init__(self, path):
        self._path = path
        self._device = None
        try:
            os.stat(path)
        except OSError as fault:
            self._refuse(fault)

    def feed(self):
        """One more period."""
        if self._device is None:
            try:
                self._device = open(self._path, "wb", 0)
            except OSError as fault:
                self._refuse(fault)
        try:
            written = self._device.write(b"\0")
        except OSError as fault:
            raise StorageFault("the watchdog " + self._path + " takes no byte: " + str(fault))
        if written != 1:
            raise StorageFault("the watchdog " + self._path + " takes no byte")

    def _refuse(self, fault):
        raise BadInput("LAMPLIGHTER_WATCHDOG", self._path + " cannot be used (" + str(fault) + "): name its device, or none")
