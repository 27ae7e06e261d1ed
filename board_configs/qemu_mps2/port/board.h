// The machine, as QEMU's mps2-an385 has it, and what the port's files ask of each other.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "py/ringbuf.h"

#define REG32(address)      (*(volatile uint32_t *)(address))
#define CLOCK_HZ            (25000000u)

// ARMv7-M system registers (ARM DDI 0403, B3.2)
#define SYST_CSR            REG32(0xE000E010)
#define SYST_RVR            REG32(0xE000E014)
#define SYST_CVR            REG32(0xE000E018)
#define NVIC_ISER0          REG32(0xE000E100)
#define NVIC_ICER0          REG32(0xE000E180)
#define SCB_AIRCR           REG32(0xE000ED0C)
#define AIRCR_RESET         (0x05FA0004)

// CMSDK APB timer (ARM DDI 0479, 4.1): counts down at CLOCK_HZ
#define TIMER0_CTRL         REG32(0x40000000)
#define TIMER0_VALUE        REG32(0x40000004)
#define TIMER0_RELOAD       REG32(0x40000008)

// CMSDK APB watchdog (ARM DDI 0479, 4.6): the first expiry raises NMI, the second resets
#define WDOG_LOAD           REG32(0x40008000)
#define WDOG_CONTROL        REG32(0x40008008)
#define WDOG_INTCLR         REG32(0x4000800C)
#define WDOG_LOCK           REG32(0x40008C00)
#define WDOG_UNLOCK         (0x1ACCE551)

// The 16 MB PSRAM stands for NOR flash: the host backs it with a file. Its last block is the battery-backed memory.
#define NOR_BASE            (0x21000000u)
#define NOR_SIZE            (16u << 20)
#define NOR_BLOCK           (4096u)
#define BATTERY_BASE        (NOR_BASE + NOR_SIZE - NOR_BLOCK)
#define BATTERY_MAGIC       (0x4C414D50u)   // "PMAL": the battery held; anything else and the clock is lost

typedef struct {
    uint32_t magic;
    uint32_t reset_cause;       // of the reset that is about to happen
    uint32_t clock_offset_ms[2]; // low, high: what the clock shows, less the host's time
    uint32_t starts;
} battery_t;
#define BATTERY             ((volatile battery_t *)BATTERY_BASE)

// machine.reset_cause()
#define CAUSE_POWER_ON      (1)
#define CAUSE_HARD          (2)
#define CAUSE_WATCHDOG      (3)
#define CAUSE_SOFT          (5)
extern uint32_t reset_cause;
void board_reset(uint32_t cause) __attribute__((noreturn));

// host.c: semihosting
void host_exit(int code) __attribute__((noreturn));
uint32_t host_seconds(void);
int32_t host_option(const char *name, int32_t otherwise);

// time.c
void time_start(void);
void time_tick(void);
void time_stall_ms(uint32_t ms);    // as a part that executes from the flash it erases: nothing runs, interrupts neither
int64_t time_unix_ms(void);
void time_set_unix_ms(int64_t ms);
#define EPOCH_2000_S        (946684800)

// uart.c: five CMSDK UARTs (ARM DDI 0479, 4.3)
#define UARTS               (5)
#define UART_RING           (4096)
#define UART_TXFULL         (1u)
typedef struct {
    volatile uint32_t DATA, STATE, CTRL, INTSTATUS, BAUDDIV;
} uart_regs_t;
typedef struct {
    uart_regs_t *regs;
    ringbuf_t received;
    uint32_t overruns;
    volatile uint8_t fresh;     // bytes arrived since the last SysTick
    volatile uint8_t pending;   // bytes arrived since the last idle callback
} uart_t;
extern uart_t uarts[UARTS];
extern volatile bool at_prompt;     // only there does Ctrl-C mean anything: noise must not end a start or an application
void uart_enable(int number, uint32_t baud, bool on);
void uart_tick(void);
void uart_idle(int number);         // the callback, in port_machine_uart.h
void machine_uart_deinit_all(void);

// nor.c
void nor_start(void);

// machine_timer.c
void machine_timer_tick(void);
void machine_timer_deinit_all(void);
