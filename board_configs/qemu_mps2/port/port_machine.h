// machine: reset and its causes, idle
#include "board.h"

extern const mp_obj_type_t machine_rtc_type;
extern const mp_obj_type_t machine_timer_type;
#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(CAUSE_POWER_ON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(CAUSE_HARD) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(CAUSE_WATCHDOG) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(CAUSE_SOFT) },

static void mp_machine_idle(void) {
    __asm volatile ("wfi");
}

NORETURN static void mp_machine_reset(void) {
    board_reset(CAUSE_HARD);
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause;
}

static mp_obj_t mp_machine_unique_id(void) {
    return mp_obj_new_bytes((const byte *)"QEMUMPS2", 8);
}

static mp_obj_t mp_machine_get_freq(void) {
    return MP_OBJ_NEW_SMALL_INT(CLOCK_HZ);
}

static void mp_machine_set_freq(size_t count, const mp_obj_t *args) {
    mp_raise_NotImplementedError(MP_ERROR_TEXT("the clock is fixed"));
}

static void mp_machine_lightsleep(size_t count, const mp_obj_t *args) {
    if (count) {
        mp_hal_delay_ms(mp_obj_get_int(args[0]));
    }
}

NORETURN static void mp_machine_deepsleep(size_t count, const mp_obj_t *args) {
    mp_machine_lightsleep(count, args);
    mp_machine_reset();
}
