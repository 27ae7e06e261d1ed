// What the rp2 port is built with for this board; the flash layout comes from wiring.py through mpconfigboard.cmake.
#define MICROPY_HW_BOARD_NAME "Lamplighter concentrator on a Pico"

// The console is on USB: both UARTs have work.
#define MICROPY_HW_ENABLE_UART_REPL (0)

// The uplink: PPP over the modem, TLS. Nobody types Python over the network.
#define MICROPY_PY_NETWORK (1)
#define MICROPY_PY_NETWORK_PPP_LWIP (1)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "lamplighter"
#define MICROPY_PY_WEBREPL (0)
#define MICROPY_PY_WEBSOCKET (0)
