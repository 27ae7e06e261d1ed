// What the rp2 port is built with for this board; the flash layout comes from wiring.py through mpconfigboard.cmake. The lines
// of the W5500 are those of MicroPython's board W5500_EVB_PICO. Never compiled: about.toml says why.
#define MICROPY_HW_BOARD_NAME "Lamplighter concentrator on a W5500-EVB-Pico"

// The console is on USB.
#define MICROPY_HW_ENABLE_UART_REPL (0)

#define MICROPY_PY_NETWORK (1)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "lamplighter"
#define MICROPY_PY_WEBREPL (0)
#define MICROPY_PY_WEBSOCKET (0)

#define MICROPY_HW_WIZNET_SPI_ID (0)
#define MICROPY_HW_WIZNET_SPI_BAUDRATE (20 * 1000 * 1000)
#define MICROPY_HW_WIZNET_SPI_SCK (18)
#define MICROPY_HW_WIZNET_SPI_MOSI (19)
#define MICROPY_HW_WIZNET_SPI_MISO (16)
#define MICROPY_HW_WIZNET_PIN_CS (17)
#define MICROPY_HW_WIZNET_PIN_RST (20)
#define MICROPY_HW_WIZNET_PIN_INTN (21)
