// Reset, vectors, faults.
#include "py/runtime.h"
#include "board.h"

extern uint32_t _stack_top, _bss_start, _bss_end;
int main(void);
void uart0_handler(void);
void uart1_handler(void);
void uart2_handler(void);
void uart3_handler(void);
void uart4_handler(void);

__attribute__((naked, noreturn)) void reset_handler(void) {
    __asm volatile (
        "ldr r0, =_bss_start\n ldr r1, =_bss_end\n movs r2, #0\n"
        "1: cmp r0, r1\n bcs 2f\n str r2, [r0], #4\n b 1b\n"
        "2: bl main\n b .\n");
}

// A real part would wait for its watchdog here; a test is better served by an end that it sees.
static void fault_handler(void) {
    for (const char *text = "\r\nFATAL: fault\r\n"; *text; ++text) {
        uarts[0].regs->DATA = *text;
    }
    host_exit(70);
}

// The watchdog's first stage only notes the cause: its second stage, half the time later, resets.
static void nmi_handler(void) {
    BATTERY->reset_cause = CAUSE_WATCHDOG;
}

static void systick_handler(void) {
    time_tick();
    uart_tick();
    machine_timer_tick();
}

#define FAULT fault_handler
const void *const vectors[16 + 32] __attribute__((section(".isr_vector"), used)) = {
    &_stack_top, reset_handler, nmi_handler, FAULT, FAULT, FAULT, FAULT, 0, 0, 0, 0, FAULT, FAULT, 0, FAULT, systick_handler,
    [16 + 0] = uart0_handler, [16 + 2] = uart1_handler, [16 + 4] = uart2_handler,
    [16 + 18] = uart3_handler, [16 + 20] = uart4_handler,
};

uint32_t reset_cause;

void board_reset(uint32_t cause) {
    BATTERY->reset_cause = cause;
    SCB_AIRCR = AIRCR_RESET;
    for (;;) {
    }
}
