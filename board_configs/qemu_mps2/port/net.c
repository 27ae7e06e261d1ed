// lwIP's timers, from the event hook.
#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}

void net_poll(void) {
    static uint32_t last_ms;
    static bool busy;
    uint32_t now_ms = mp_hal_ticks_ms();
    if (now_ms != last_ms && !busy) {
        busy = true;
        last_ms = now_ms;
        sys_check_timeouts();
        busy = false;
    }
}
