#include <stdint.h>
#include "py/ringbuf.h"
#include "shared/runtime/interrupt_char.h"

static inline uint32_t irq_off(void) {
    uint32_t before;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (before) :: "memory");
    return before;
}

static inline void irq_restore(uint32_t before) {
    __asm volatile ("msr primask, %0" :: "r" (before) : "memory");
}

#define MICROPY_BEGIN_ATOMIC_SECTION()      irq_off()
#define MICROPY_END_ATOMIC_SECTION(before)  irq_restore(before)
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS)    __asm volatile ("wfi")   // SysTick, 1 kHz, bounds every wait

void net_poll(void);
#define MICROPY_INTERNAL_EVENT_HOOK         net_poll()

void mp_hal_set_interrupt_char(int c);

static inline mp_uint_t mp_hal_get_cpu_freq(void) {
    return 25000000;
}
