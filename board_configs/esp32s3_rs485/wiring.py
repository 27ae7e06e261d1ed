"""Hardware of the `esp32s3_rs485` board: Waveshare ESP32-S3-ETH-8DI-8RO, isolated RS-485, W5500 and a clock chip on board.

Its relays and inputs are not used: the relay that matters is in the meter. Constants only.
"""

NAME = "esp32s3_rs485"
TITLE = "Waveshare ESP32-S3-ETH-8DI-8RO"
ARCH = "xtensawin"
PLATFORM = "esp32"

_DEMO = "Waveshare, ESP32-S3-ETH-8DI-8RO demo, "
_ZEPHYR = "Zephyr, boards/waveshare/esp32s3_eth_8di_8ro, "
PINS = (
    ("rs485_tx", 17, _DEMO + "WS_GPIO.h, TXD1; " + _ZEPHYR + "rs485-pinctrl.dtsi"),
    ("rs485_rx", 18, _DEMO + "WS_GPIO.h, RXD1; " + _ZEPHYR + "rs485-pinctrl.dtsi"),
    ("rs485_de", 21, _DEMO + "WS_GPIO.h, TXD1EN, driven as RTS of an RS-485 half-duplex UART in WS_RS485.cpp"),
    ("eth_sck", 15, _DEMO + "WS_ETH.h; " + _ZEPHYR + "base-pinctrl.dtsi, SPIM2_SCLK"),
    ("eth_mosi", 13, _DEMO + "WS_ETH.h; " + _ZEPHYR + "base-pinctrl.dtsi, SPIM2_MOSI"),
    ("eth_miso", 14, _DEMO + "WS_ETH.h; " + _ZEPHYR + "base-pinctrl.dtsi, SPIM2_MISO"),
    ("eth_cs", 16, _DEMO + "WS_ETH.h, ETH_PHY_CS; " + _ZEPHYR + "base-pinctrl.dtsi"),
    ("eth_int", 12, _DEMO + "WS_ETH.h, ETH_PHY_IRQ; " + _ZEPHYR + "base.dtsi"),
    ("eth_reset", 39, _DEMO + "WS_ETH.h, ETH_PHY_RST; " + _ZEPHYR + "base.dtsi, gpio1 7"),
    ("rtc_sda", 42, _ZEPHYR + "base-pinctrl.dtsi, I2C0_SDA; PCF85063 at 51H"),
    ("rtc_scl", 41, _ZEPHYR + "base-pinctrl.dtsi, I2C0_SCL"),
)
LINES = ((1, "de_pin"),)  # MicroPython 1.25 cannot put the UART into its RS-485 mode
SPI_ID = 1
I2C_ID = 0
PHY_ADDRESS = 1  # WS_ETH.h, ETH_PHY_ADDR; a W5500 has one place only

FLASH = (  # 16 MB, of which the stock image's header says 8; the boot loader and the partition table lie before
    ("runtime", 0x10000, 0x1F0000),
    ("files", 0x200000, 0x100000),
    ("journal", 0x300000, 0x100000),
    ("readings", 0x400000, 0x400000),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 1  # ports/esp32/esp32_partition.c: any bytes
FLASH_CYCLES = 100_000

UPLINK = "ethernet"
WATCHDOG_MS = 10_000
HEAP_BYTES = 4 * 1024 * 1024  # half of the PSRAM
ACCOUNTS_MAX = 200
RUNTIME_OLDEST = (1, 25)
