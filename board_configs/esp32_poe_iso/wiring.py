"""Hardware of the `esp32_poe_iso` board: Olimex ESP32-POE-ISO-WROVER with their MOD-RS485 on the UEXT connector. Constants only.

The WROVER variant, because the application does not fit beside TLS into the RAM of an ESP32 without PSRAM.
"""

NAME = "esp32_poe_iso"
TITLE = "Olimex ESP32-POE-ISO-WROVER with MOD-RS485"
ARCH = "xtensawin"
PLATFORM = "esp32"

_NET = "Olimex, ESP32-PoE-ISO hardware revision L, netlist of the schematic: "
_MANUAL = "Olimex, ESP32-POE user manual 2.7, section 2.7: "
_MODULE = "Olimex, SOFTWARE/ARDUINO/ESP32-POE_MOD-RS485: "
PINS = (
    ("rs485_tx", 4, _NET + "UEXT pin 3, GPIO4/U1TXD"),
    ("rs485_rx", 36, _NET + "UEXT pin 4 through D4, GPI36/U1RXD"),
    ("rs485_de", 14, _MODULE + "DE 14 (jumper SCL/SCK at SCK); UEXT pin 9"),
    ("rs485_re", 5, _MODULE + "_RE 5 (jumper #SS/SDA at #SS); UEXT pin 10"),
    ("eth_mdc", 23, _MANUAL + "MDC"),
    ("eth_mdio", 18, _MANUAL + "MDIO"),
    ("eth_reset", 12, _MANUAL + "PHY reset"),
    ("eth_clock", 0, _MANUAL + "PHY RMII clock, 0 in boards with a WROVER module"),
    ("eth_txd0", 19, _NET + "U4 pin 22"),
    ("eth_txd1", 22, _NET + "U4 pin 23"),
    ("eth_tx_en", 21, _NET + "U4 pin 21"),
    ("eth_rxd0", 25, _NET + "U4 pin 11"),
    ("eth_rxd1", 26, _NET + "U4 pin 10"),
    ("eth_crs_dv", 27, _NET + "U4 pin 15"),
    ("psram_a", 17, "Olimex, ESP32-POE user manual 2.7, section 1.5: GPIO16 and GPIO17 are the WROVER module's"),
    ("psram_b", 16, "Olimex, ESP32-POE user manual 2.7, section 1.5: GPIO16 and GPIO17 are the WROVER module's"),
)
LINES = ((1, "de_pin"),)
PHY_ADDRESS = 0  # Olimex, user manual 2.7, section 2.7

FLASH = (  # 4 MB; the boot loader and the partition table lie before
    ("runtime", 0x10000, 0x1F0000),
    ("files", 0x200000, 0x100000),
    ("journal", 0x300000, 0x80000),
    ("readings", 0x380000, 0x80000),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 1  # ports/esp32/esp32_partition.c: any bytes
FLASH_CYCLES = 100_000

UPLINK = "ethernet"
WATCHDOG_MS = 10_000
HEAP_BYTES = 2 * 1024 * 1024  # of the 4 MB of PSRAM that an ESP32 maps
ACCOUNTS_MAX = 100
RUNTIME_OLDEST = (1, 25)
