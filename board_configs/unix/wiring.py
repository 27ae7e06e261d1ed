"""Hardware of the `unix` board, for board.py and the host tools: a process on this machine, for tests and the demo."""

NAME = "unix"
TITLE = "This machine (MicroPython unix port or CPython)"
ARCH = ""
PLATFORM = "linux"

PINS = ()
LINES = (("line", "auto"),)  # a serial device or pty in the root folder; its adapter switches direction

FLASH = (  # offsets in the host file region.bin
    ("journal", 0, 512 * 1024),
    ("readings", 512 * 1024, 512 * 1024),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 32
FLASH_CYCLES = 0  # the host's disk levels its own wear

UPLINK = "sockets"
WATCHDOG_MS = 0
HEAP_BYTES = 2 * 1024 * 1024  # the unix port's default
ACCOUNTS_MAX = 200
RUNTIME_OLDEST = (1, 25)
