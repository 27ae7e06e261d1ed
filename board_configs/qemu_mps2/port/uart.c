// The five UARTs: received bytes go to rings by interrupt; sending is at once, since QEMU does not model the baud rate.
#include "py/mphal.h"
#include "py/runtime.h"
#include "board.h"

#define CTRL_TX_RX_RXIRQ    (1 | 2 | 8)
#define STATE_RXFULL        (2)
#define INT_RX              (2)
#define BAUDDIV_MIN         (16)

static uint8_t rings[UARTS][UART_RING];
#define UART(base, n) { (uart_regs_t *)(base), { rings[n], UART_RING, 0, 0 }, 0, 0, 0 }
uart_t uarts[UARTS] = {
    UART(0x40004000, 0), UART(0x40005000, 1), UART(0x40006000, 2), UART(0x40007000, 3), UART(0x40009000, 4),
};
static const uint8_t rx_irq[UARTS] = {0, 2, 4, 18, 20};

volatile bool at_prompt;

static void receive(int number) {
    uart_t *uart = &uarts[number];
    do {
        uart->regs->INTSTATUS = INT_RX;
        while (uart->regs->STATE & STATE_RXFULL) {
            uint8_t byte = uart->regs->DATA;
            if (number == 0 && byte == mp_interrupt_char && at_prompt) {
                mp_sched_keyboard_interrupt();
            } else if (ringbuf_put(&uart->received, byte) < 0) {
                uart->overruns++;
            }
        }
    } while (uart->regs->INTSTATUS & INT_RX);
    uart->fresh = uart->pending = 1;
}

void uart0_handler(void) {
    receive(0);
}
void uart1_handler(void) {
    receive(1);
}
void uart2_handler(void) {
    receive(2);
}
void uart3_handler(void) {
    receive(3);
}
void uart4_handler(void) {
    receive(4);
}

// From SysTick: a millisecond without a byte ends a burst.
void uart_tick(void) {
    for (int number = 0; number < UARTS; ++number) {
        uart_t *uart = &uarts[number];
        if (uart->fresh) {
            uart->fresh = 0;
        } else if (uart->pending) {
            uart->pending = 0;
            uart_idle(number);
        }
    }
}

void uart_enable(int number, uint32_t baud, bool on) {
    uart_t *uart = &uarts[number];
    uint32_t divider = baud ? CLOCK_HZ / baud : BAUDDIV_MIN;
    uart->regs->BAUDDIV = divider < BAUDDIV_MIN ? BAUDDIV_MIN : divider;
    uart->regs->CTRL = on ? CTRL_TX_RX_RXIRQ : 0;
    (void)uart->regs->DATA;     // else QEMU looks at the device up to a second late
    if (on) {
        NVIC_ISER0 = 1u << rx_irq[number];
    } else {
        NVIC_ICER0 = 1u << rx_irq[number];
    }
}
