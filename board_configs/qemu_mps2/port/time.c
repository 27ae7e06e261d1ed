// Ticks from a free-running timer, taken over each millisecond by SysTick: a busy host makes interrupts late, and late ones are
// one. The real-time clock is the host's time plus an offset kept in the battery-backed block.
#include "py/mphal.h"
#include "py/runtime.h"
#include "board.h"

#define TICK_CYCLES (CLOCK_HZ / 1000)

static volatile uint64_t ticks_ms;
static uint32_t begun_cycles;   // of the timer, when ticks_ms was reached
static uint64_t first_tick_ms;  // host option ticks_ms: lets a test begin just before the 30-bit wrap
static int64_t host_ms;         // unix time at first_tick_ms

static int64_t clock_offset_ms(void) {
    return (int64_t)(((uint64_t)BATTERY->clock_offset_ms[1] << 32) | BATTERY->clock_offset_ms[0]);
}

static uint32_t cycles(void) {
    return ~TIMER0_VALUE;   // it counts down, and wraps after 171 s
}

void time_start(void) {
    first_tick_ms = (uint32_t)host_option("ticks_ms", 0);
    ticks_ms = first_tick_ms;
    host_ms = (int64_t)host_seconds() * 1000;
    TIMER0_RELOAD = 0xffffffff;
    TIMER0_CTRL = 1;
    begun_cycles = cycles();
    SYST_RVR = TICK_CYCLES - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    if (BATTERY->magic != BATTERY_MAGIC) {  // the battery was empty: a real part starts somewhere, here in 2000
        BATTERY->magic = BATTERY_MAGIC;
        BATTERY->starts = 0;
        time_set_unix_ms((int64_t)EPOCH_2000_S * 1000);
    }
    BATTERY->starts = BATTERY->starts + 1;
}

// Called with interrupts off, or from the only handler that calls it.
void time_tick(void) {
    uint32_t passed = (cycles() - begun_cycles) / TICK_CYCLES;
    begun_cycles += passed * TICK_CYCLES;
    ticks_ms = ticks_ms + passed;
}

void time_stall_ms(uint32_t ms) {
    if (ms == 0) {
        return;
    }
    uint32_t before = irq_off();
    for (uint32_t began = cycles(); cycles() - began < ms * TICK_CYCLES;) {
    }
    time_tick();
    irq_restore(before);
}

int64_t time_unix_ms(void) {
    uint32_t before = irq_off();
    time_tick();
    int64_t now = host_ms + (int64_t)(ticks_ms - first_tick_ms);
    irq_restore(before);
    return now + clock_offset_ms();
}

void time_set_unix_ms(int64_t ms) {
    int64_t offset = ms - time_unix_ms() + clock_offset_ms();
    BATTERY->clock_offset_ms[0] = (uint32_t)offset;
    BATTERY->clock_offset_ms[1] = (uint32_t)((uint64_t)offset >> 32);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)ticks_ms;
}

mp_uint_t mp_hal_ticks_us(void) {
    uint32_t before = irq_off();
    time_tick();
    uint32_t us = (uint32_t)ticks_ms * 1000 + (cycles() - begun_cycles) / (TICK_CYCLES / 1000);
    irq_restore(before);
    return us;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return mp_hal_ticks_us();
}

uint64_t mp_hal_time_ns(void) {
    return (uint64_t)(time_unix_ms() - (int64_t)EPOCH_2000_S * 1000) * 1000000;
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_uint_t began = mp_hal_ticks_ms();
    while (mp_hal_ticks_ms() - began < ms) {
        mp_event_wait_ms(1);
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    mp_uint_t began = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - began < us) {
    }
}
