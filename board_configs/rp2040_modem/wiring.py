"""Hardware of the `rp2040_modem` board: a Raspberry Pi Pico with an RS-485 transceiver and a Cat-1 modem. Constants only.

The pins are our choice among those that the chip allows; a board that is wired otherwise changes them here and nowhere else.
"""

NAME = "rp2040_modem"
TITLE = "Raspberry Pi Pico, RS-485 transceiver, Cat-1 modem"
ARCH = "armv6m"
PLATFORM = "rp2"

_TABLE = "RP2040 datasheet, section 1.4.3, table 2 (F2 = UART)"
PINS = (
    ("rs485_tx", 0, _TABLE),
    ("rs485_rx", 1, _TABLE),
    ("rs485_de", 2, "Pico datasheet, figure 2: a free pin beside UART0; driver enable, receiver off while high"),
    ("modem_tx", 4, _TABLE),
    ("modem_rx", 5, _TABLE),
    ("modem_cts", 6, _TABLE),
    ("modem_rts", 7, _TABLE),
    ("modem_power", 8, "Pico datasheet, figure 2: a free pin beside UART1; high = the modem's supply is on; its PWRKEY is tied down"),
    ("led", 25, "Pico datasheet, appendix B, schematic: user LED"),
)
LINES = ((0, "de_pin"),)
MODEM_UART = 1

KIB = 1024
FLASH = (  # W25Q16JV, 2 MB; the boot ROM and the runtime begin at 0, and the application is frozen into the runtime
    ("runtime", 0 * KIB, 1024 * KIB),
    ("files", 1024 * KIB, 128 * KIB),
    ("journal", 1152 * KIB, 256 * KIB),
    ("readings", 1408 * KIB, 640 * KIB),
)
APPLICATION = "frozen"  # run from a slot its names and tables take 170 KB of RAM, frozen 85 KB (measured)
ERASE_SIZE = 4096
PAGE_SIZE = 256  # what the driver programs at a time; the file system does, too
PROGRAM_UNIT = 1  # W25Q16JV data sheet, "Page Program": 1 to 256 bytes, the others of the page stay as they are
FLASH_CYCLES = 100_000  # W25Q16JV data sheet, "Features": min. 100K program-erase cycles per sector

UPLINK = "modem"
WATCHDOG_MS = 8_000  # the chip's counter reaches 8.3 s
HEAP_BYTES = 204 * KIB
ACCOUNTS_MAX = 48  # 100 leave 47 KB when they are loaded, too little for a TLS handshake, and take 9 s to load (measured)
LINKED = True  # a hundred modules cost 30 KB of heap more than one
LIMITS = (  # 4 KB on their way are more than a modem sends in a round trip, and little of this heap
    ("sync_batch_max_bytes", 1_000),
    ("mqtt_in_flight_max", 4),
    ("accounts_max", ACCOUNTS_MAX),
    ("meters_max", ACCOUNTS_MAX),
)
RUNTIME_OLDEST = (1, 25)
