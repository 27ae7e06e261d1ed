// machine.Timer(-1): soft timers, run from SysTick, their callbacks scheduled. Four are enough for a porch.
#include "py/mphal.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "board.h"

#define TIMERS   (4)
#define ONE_SHOT (0)
#define PERIODIC (1)

typedef struct {
    mp_obj_base_t base;
    mp_obj_t callback;
    uint32_t period_ms, due_ms;
    uint8_t mode;
    volatile bool on;
} timer_obj_t;
MP_REGISTER_ROOT_POINTER(void *soft_timers[4]);
extern const mp_obj_type_t machine_timer_type;

static void timer_init(timer_obj_t *self, size_t count, const mp_obj_t *args, mp_map_t *keywords) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = PERIODIC} },
        { MP_QSTR_period, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_callback, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(count, args, keywords, MP_ARRAY_SIZE(allowed), allowed, values);
    self->on = false;
    self->mode = values[0].u_int;
    self->period_ms = values[1].u_int;
    self->callback = values[2].u_obj;
    self->due_ms = mp_hal_ticks_ms() + self->period_ms;
    self->on = self->period_ms > 0 && self->callback != mp_const_none;
}

static mp_obj_t timer_make_new(const mp_obj_type_t *type, size_t count, size_t keywords, const mp_obj_t *args) {
    mp_arg_check_num(count, keywords, 0, 1, true);
    if (count > 0 && mp_obj_get_int(args[0]) != -1) {
        mp_raise_ValueError(MP_ERROR_TEXT("only soft timers, -1"));
    }
    for (int i = 0; i < TIMERS; ++i) {
        timer_obj_t *old = MP_STATE_PORT(soft_timers)[i];
        if (old != NULL && old->on) {
            continue;
        }
        timer_obj_t *self = mp_obj_malloc(timer_obj_t, type);
        mp_map_t map;
        mp_map_init_fixed_table(&map, keywords, args + count);
        timer_init(self, 0, NULL, &map);
        MP_STATE_PORT(soft_timers)[i] = self;
        return MP_OBJ_FROM_PTR(self);
    }
    mp_raise_OSError(MP_ENOMEM);
}

void machine_timer_tick(void) {
    for (int i = 0; i < TIMERS; ++i) {
        timer_obj_t *self = MP_STATE_PORT(soft_timers)[i];
        if (self == NULL || !self->on || (int32_t)(mp_hal_ticks_ms() - self->due_ms) < 0) {
            continue;
        }
        self->due_ms += self->period_ms;
        self->on = self->mode == PERIODIC;
        mp_sched_schedule(self->callback, MP_OBJ_FROM_PTR(self));
    }
}

void machine_timer_deinit_all(void) {
    for (int i = 0; i < TIMERS; ++i) {
        MP_STATE_PORT(soft_timers)[i] = NULL;
    }
}

static mp_obj_t timer_deinit(mp_obj_t self_in) {
    ((timer_obj_t *)MP_OBJ_TO_PTR(self_in))->on = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(timer_deinit_obj, timer_deinit);

static const mp_rom_map_elem_t timer_locals[] = {
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(PERIODIC) },
};
static MP_DEFINE_CONST_DICT(timer_locals_dict, timer_locals);
MP_DEFINE_CONST_OBJ_TYPE(machine_timer_type, MP_QSTR_Timer, MP_TYPE_FLAG_NONE, make_new, timer_make_new, locals_dict, &timer_locals_dict);
