"""Hardware of the `rp2040_w5500` board: WIZnet W5500-EVB-Pico with an RS-485 transceiver on its free pins. Constants only.

The pins of the transceiver are our choice among those that the chip allows; a board that is wired otherwise changes them here.
"""

NAME = "rp2040_w5500"
TITLE = "WIZnet W5500-EVB-Pico with an RS-485 transceiver"
ARCH = "armv6m"
PLATFORM = "rp2"

_TABLE = "RP2040 datasheet, section 1.4.3, table 2 (F2 = UART)"
_WIZNET = "WIZnet, W5500-EVB-Pico, hardware specification, pin-out: connected to "
PINS = (
    ("rs485_tx", 4, _TABLE),
    ("rs485_rx", 5, _TABLE),
    ("rs485_de", 6, "WIZnet, W5500-EVB-Pico, pin-out: a free pin beside UART1; driver enable, receiver off while high"),
    ("eth_miso", 16, _WIZNET + "MISO on W5500"),
    ("eth_cs", 17, _WIZNET + "CSn on W5500"),
    ("eth_sck", 18, _WIZNET + "SCLK on W5500"),
    ("eth_mosi", 19, _WIZNET + "MOSI on W5500"),
    ("eth_reset", 20, _WIZNET + "RSTn on W5500"),
    ("eth_int", 21, _WIZNET + "INTn on W5500"),
    ("led", 25, _WIZNET + "user LED"),
)
LINES = ((1, "de_pin"),)

KIB = 1024
FLASH = (  # 2 MB; the UF2 boot ROM and the runtime, which has the application in it, begin at 0
    ("runtime", 0 * KIB, 1024 * KIB),
    ("files", 1024 * KIB, 128 * KIB),
    ("journal", 1152 * KIB, 256 * KIB),
    ("readings", 1408 * KIB, 640 * KIB),
)
APPLICATION = "frozen"  # as on rp2040_modem, which measured why
ERASE_SIZE = 4096
PAGE_SIZE = 256  # what the driver programs at a time; the file system does, too
PROGRAM_UNIT = 1  # W25Q16JV data sheet, "Page Program": 1 to 256 bytes, the others of the page stay as they are
FLASH_CYCLES = 100_000  # W25Q16JV data sheet, "Features": min. 100K program-erase cycles per sector

UPLINK = "ethernet"
WATCHDOG_MS = 8_000  # the chip's counter reaches 8.3 s
HEAP_BYTES = 190 * KIB
ACCOUNTS_MAX = 48  # as on rp2040_modem, which measured it
LINKED = True  # a hundred modules cost 30 KB of heap more than one
LIMITS = (  # 4 KB on their way are more than a modem sends in a round trip, and little of this heap
    ("sync_batch_max_bytes", 1_000),
    ("mqtt_in_flight_max", 4),
    ("accounts_max", ACCOUNTS_MAX),
    ("meters_max", ACCOUNTS_MAX),
)
RUNTIME_OLDEST = (1, 25)
