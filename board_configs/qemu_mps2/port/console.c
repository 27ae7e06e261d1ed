// The console on UART0. A reader that is slow or went away must not stop the gateway: after PATIENCE_MS without room a write
// ends early and says how much was taken, and until there is room again nothing waits. Who asks the poller first loses nothing
// (firmware/hal/console_stdio.py); print() does not ask, and loses the rest. A test that reads what is printed makes the board
// wait longer, by the option patience_ms: a busy host may leave the reader that long without a processor.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "board.h"

#define PATIENCE_MS (20)

static bool deaf;

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = 0;
    if ((flags & MP_STREAM_POLL_WR) && !(uarts[0].regs->STATE & UART_TXFULL)) {
        ready |= MP_STREAM_POLL_WR;
    }
    if ((flags & MP_STREAM_POLL_RD) && ringbuf_peek(&uarts[0].received) >= 0) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        int byte = ringbuf_get(&uarts[0].received);
        if (byte >= 0) {
            return byte;
        }
        mp_event_wait_indefinite();
    }
}

static bool room(void) {
    static mp_uint_t patience_ms;
    if (patience_ms == 0) {
        mp_uint_t asked_ms = (mp_uint_t)host_option("patience_ms", 0);
        patience_ms = asked_ms ? asked_ms : PATIENCE_MS;
    }
    uart_regs_t *regs = uarts[0].regs;
    mp_uint_t began = mp_hal_ticks_ms();
    while (regs->STATE & UART_TXFULL) {
        if (deaf || mp_hal_ticks_ms() - began > patience_ms) {
            deaf = true;
            return false;
        }
        __asm volatile ("wfi");
    }
    deaf = false;
    return true;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t length) {
    size_t taken = 0;
    while (taken < length && room()) {
        uarts[0].regs->DATA = text[taken++];
    }
    return taken;
}
