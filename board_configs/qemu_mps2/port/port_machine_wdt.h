// machine.WDT on the CMSDK watchdog. Each stage takes half the time: the second one resets.
#include "board.h"

#define TIMEOUT_MS_MAX (300000)

typedef struct _machine_wdt_obj_t {
    mp_obj_base_t base;
} machine_wdt_obj_t;
static machine_wdt_obj_t watchdog = {{&machine_wdt_type}};

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0 || timeout_ms < 1 || timeout_ms > TIMEOUT_MS_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("watchdog 0, 1 to 300000 ms"));
    }
    WDOG_LOCK = WDOG_UNLOCK;
    WDOG_LOAD = (uint32_t)timeout_ms * (CLOCK_HZ / 1000 / 2);
    WDOG_CONTROL = 3;   // interrupt and reset
    return &watchdog;
}

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    WDOG_INTCLR = 1;    // reloads, too
    BATTERY->reset_cause = 0;
}
