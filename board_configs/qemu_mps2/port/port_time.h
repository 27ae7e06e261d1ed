// time.time(), localtime(): the epoch of this port is 2000, as on most microcontrollers
#include "py/obj.h"
#include "shared/timeutils/timeutils.h"
#include "board.h"

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t now;
    timeutils_seconds_since_epoch_to_struct_time(time_unix_ms() / 1000 - EPOCH_2000_S, &now);
    mp_obj_t items[8] = {
        mp_obj_new_int(now.tm_year), mp_obj_new_int(now.tm_mon), mp_obj_new_int(now.tm_mday), mp_obj_new_int(now.tm_hour),
        mp_obj_new_int(now.tm_min), mp_obj_new_int(now.tm_sec), mp_obj_new_int(now.tm_wday), mp_obj_new_int(now.tm_yday),
    };
    return mp_obj_new_tuple(8, items);
}

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ll(time_unix_ms() / 1000 - EPOCH_2000_S);
}
