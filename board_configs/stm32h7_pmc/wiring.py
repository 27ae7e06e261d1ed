"""Hardware of the `stm32h7_pmc` board: Arduino Portenta Machine Control, a Portenta H7 on an industrial carrier. Constants only.

Its RS-485 transceiver is configured by eight pins; board.py sets them to half duplex, receiver and driver switched apart.
"""

NAME = "stm32h7_pmc"
TITLE = "Arduino Portenta Machine Control"
ARCH = "armv7emsp"
PLATFORM = "stm32"

_PMC = "Arduino, Arduino_PortentaMachineControl 1.0.5, src/pins_mc.h: "
_H7 = "MicroPython 1.25, ports/stm32/boards/ARDUINO_PORTENTA_H7 (by Arduino): "
PINS = (
    ("rs485_tx", "PA0", _PMC + "MC_RS485_TX_PIN"),
    ("rs485_rx", "PI9", _PMC + "MC_RS485_RX_PIN"),
    ("rs485_de", "PI13", _PMC + "MC_RS485_DE_PIN"),
    ("rs485_re", "PI10", _PMC + "MC_RS485_RE_PIN"),
    ("rs485_enable", "PG9", _PMC + "MC_RS485_EN_PIN"),
    ("rs485_not_rs232", "PA10", _PMC + "MC_RS485_RS232_PIN"),
    ("rs485_half_duplex", "PA9", _PMC + "MC_RS485_HF_PIN"),
    ("rs485_termination_yz", "PI15", _PMC + "MC_RS485_FDTERM_PIN"),
    ("rs485_termination_ab", "PI14", _PMC + "MC_RS485_TERM_PIN"),
    ("rs485_fast", "PG14", _PMC + "MC_RS485_SLEW_PIN"),
    ("eth_mdc", "PC1", _H7 + "MICROPY_HW_ETH_MDC"),
    ("eth_mdio", "PA2", _H7 + "MICROPY_HW_ETH_MDIO"),
    ("eth_ref_clk", "PA1", _H7 + "MICROPY_HW_ETH_RMII_REF_CLK"),
    ("eth_crs_dv", "PA7", _H7 + "MICROPY_HW_ETH_RMII_CRS_DV"),
    ("eth_rxd0", "PC4", _H7 + "MICROPY_HW_ETH_RMII_RXD0"),
    ("eth_rxd1", "PC5", _H7 + "MICROPY_HW_ETH_RMII_RXD1"),
    ("eth_tx_en", "PG11", _H7 + "MICROPY_HW_ETH_RMII_TX_EN"),
    ("eth_txd0", "PG13", _H7 + "MICROPY_HW_ETH_RMII_TXD0"),
    ("eth_txd1", "PG12", _H7 + "MICROPY_HW_ETH_RMII_TXD1"),
    ("eth_reset", "PJ15", _H7 + "pins.csv, ETH_RST"),
    ("rtc_sda", "PB7", "Arduino, ArduinoCore-mbed, variants/PORTENTA_H7_M7/pins_arduino.h: I2C_SDA1; PCF8563T.cpp uses Wire1"),
    ("rtc_scl", "PB6", "Arduino, ArduinoCore-mbed, variants/PORTENTA_H7_M7/pins_arduino.h: I2C_SCL1; PCF8563T at 51H"),
)
LINES = ((4, "de_pin"),)
I2C_ID = 1
# RS485CommClass.cpp, begin(): RS-232 off, half duplex, no termination, full speed; then the transceiver is switched on
TRANSCEIVER_OPTIONS = (
    ("rs485_re", 0),
    ("rs485_not_rs232", 1),
    ("rs485_half_duplex", 1),
    ("rs485_termination_yz", 0),
    ("rs485_termination_ab", 0),
    ("rs485_fast", 1),
    ("rs485_enable", 1),
)

MIB = 1024 * 1024
FLASH = (  # offsets in the QSPI storage of 11 MB; the runtime lies in the chip's own flash, ROMFS and radio firmware behind
    ("files", 0 * MIB, 2 * MIB),
    ("journal", 2 * MIB, 2 * MIB),
    ("readings", 4 * MIB, 7 * MIB),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 1  # drivers/memory/spiflash.c: any bytes of a page
FLASH_CYCLES = 100_000

UPLINK = "ethernet"
WATCHDOG_MS = 20_000  # a cable that is put in just when we start costs up to 10 s: hal/uplink_ethernet.py
HEAP_BYTES = 8 * MIB  # the SDRAM
ACCOUNTS_MAX = 200
RUNTIME_OLDEST = (1, 25)
