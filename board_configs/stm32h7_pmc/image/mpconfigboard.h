// What the Machine Control needs on top of MicroPython's board ARDUINO_PORTENTA_H7: a copy of that board's folder, with its
// mpconfigboard.h renamed to portenta_h7.h and the files of this folder put over it. Never compiled: about.toml says why.
#include "portenta_h7.h"

#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Lamplighter concentrator on a Portenta Machine Control"

// The carrier's RS-485 transceiver. A prompt on UART1 would drive two pins that configure it: the console is on USB.
#define MICROPY_HW_UART4_TX (pin_A0)
#define MICROPY_HW_UART4_RX (pin_I9)
#undef MICROPY_HW_UART_REPL
#undef MICROPY_HW_UART_REPL_BAUD
