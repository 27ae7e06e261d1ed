"""The emulated concentrator on this machine: QEMU, its flash in a host file, its serial ports."""
