// machine.RTC: datetime() as the other ports have it, weekday 0 = Monday, the last field in microseconds.
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"
#include "board.h"

typedef struct {
    mp_obj_base_t base;
} rtc_obj_t;
const mp_obj_type_t machine_rtc_type;
static const rtc_obj_t rtc = {{&machine_rtc_type}};

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t count, size_t keywords, const mp_obj_t *args) {
    mp_arg_check_num(count, keywords, 0, 0, false);
    return (mp_obj_t)&rtc;
}

static mp_obj_t rtc_get(void) {
    int64_t ms = time_unix_ms();
    timeutils_struct_time_t now;
    timeutils_seconds_since_epoch_to_struct_time(ms / 1000 - EPOCH_2000_S, &now);
    mp_obj_t items[8] = {
        mp_obj_new_int(now.tm_year), mp_obj_new_int(now.tm_mon), mp_obj_new_int(now.tm_mday), mp_obj_new_int(now.tm_wday),
        mp_obj_new_int(now.tm_hour), mp_obj_new_int(now.tm_min), mp_obj_new_int(now.tm_sec), mp_obj_new_int(ms % 1000 * 1000),
    };
    return mp_obj_new_tuple(8, items);
}

static mp_obj_t rtc_datetime(size_t count, const mp_obj_t *args) {
    if (count == 1) {
        return rtc_get();
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[1], 8, &items);
    int64_t seconds = timeutils_seconds_since_epoch(mp_obj_get_int(items[0]), mp_obj_get_int(items[1]), mp_obj_get_int(items[2]),
        mp_obj_get_int(items[4]), mp_obj_get_int(items[5]), mp_obj_get_int(items[6]));
    time_set_unix_ms((seconds + EPOCH_2000_S) * 1000 + mp_obj_get_int(items[7]) / 1000);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static const mp_rom_map_elem_t rtc_locals[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(rtc_locals_dict, rtc_locals);
MP_DEFINE_CONST_OBJ_TYPE(machine_rtc_type, MP_QSTR_RTC, MP_TYPE_FLAG_NONE, make_new, rtc_make_new, locals_dict, &rtc_locals_dict);
