"""Hardware of the `linux_rs485` board: a Linux gateway whose UART drives an RS-485 transceiver. Constants only.

One folder serves every such gateway, because Linux names what differs: udev gives the UART the name below.
"""

NAME = "linux_rs485"
TITLE = "Linux gateway with an RS-485 UART"
ARCH = ""
PLATFORM = "linux"

PINS = (  # what a board has as pins is a device file here
    ("rs485_line", "/dev/rs485", "Linux kernel documentation, driver-api/serial/serial-rs485: user-space API"),
    ("watchdog", "/dev/watchdog", "Linux kernel documentation, watchdog/watchdog-api: the simplest API"),
)
LINES = (("/dev/rs485", "kernel_rs485"),)
WATCHDOG_PATH = "/dev/watchdog"
ROOT_PATH = "/var/lib/lamplighter"

FLASH = (  # offsets in the host file region.bin
    ("journal", 0, 8 * 1024 * 1024),
    ("readings", 8 * 1024 * 1024, 32 * 1024 * 1024),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 32
FLASH_CYCLES = 0  # eMMC and SD cards level their own wear and state no erases of a block

UPLINK = "sockets"
WATCHDOG_MS = 60_000  # of the usual drivers; the device tree or module parameter of the gateway decides
HEAP_BYTES = 2 * 1024 * 1024
ACCOUNTS_MAX = 200
RUNTIME_OLDEST = (1, 25)
