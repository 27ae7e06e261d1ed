// machine.UART 1 to 4 (UART 0 is the console). Received bytes come from the ring that the interrupt fills; writing takes
// what the device takes now, so that a host which does not read delays nobody.
#include "py/mphal.h"
#include "py/mperrno.h"
#include "board.h"

#define IRQ_RXIDLE (1)

typedef struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint8_t id, bits, stop, trigger;
    int8_t parity;
    uint32_t baud;
    uint16_t timeout_ms, timeout_char_ms;
    mp_irq_obj_t *irq;
} machine_uart_obj_t;
#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS { MP_ROM_QSTR(MP_QSTR_IRQ_RXIDLE), MP_ROM_INT(IRQ_RXIDLE) },
MP_REGISTER_ROOT_POINTER(void *uart_objects[5]);

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, bits=%u, parity=%d, stop=%u, overruns=%u)",
        self->id, self->baud, self->bits, self->parity, self->stop, uarts[self->id].overruns);
}

// tx, rx, txbuf and rxbuf are accepted as on real ports and change nothing: the pins are fixed, the rings have their size.
static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t count, const mp_obj_t *args, mp_map_t *keywords) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 9600} },
        { MP_QSTR_bits, MP_ARG_INT, {.u_int = 8} },
        { MP_QSTR_parity, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_stop, MP_ARG_INT, {.u_int = 1} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 2} },
        { MP_QSTR_tx, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_rx, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_txbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(count, args, keywords, MP_ARRAY_SIZE(allowed), allowed, values);
    self->baud = values[0].u_int;
    self->bits = values[1].u_int;
    self->parity = values[2].u_obj == mp_const_none ? -1 : mp_obj_get_int(values[2].u_obj);
    self->stop = values[3].u_int;
    self->timeout_ms = values[4].u_int;
    self->timeout_char_ms = values[5].u_int;
    uart_enable(self->id, self->baud, true);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t count, size_t keywords, const mp_obj_t *args) {
    mp_arg_check_num(count, keywords, 1, MP_OBJ_FUN_ARGS_MAX, true);
    int id = mp_obj_get_int(args[0]);
    if (id < 1 || id >= UARTS) {
        mp_raise_ValueError(MP_ERROR_TEXT("UART 1 to 4"));
    }
    machine_uart_obj_t *self = MP_STATE_PORT(uart_objects)[id];
    if (self == NULL) {
        self = mp_obj_malloc(machine_uart_obj_t, type);
        self->id = id;
        self->irq = NULL;
        self->trigger = 0;
        MP_STATE_PORT(uart_objects)[id] = self;
    }
    mp_map_t map;
    mp_map_init_fixed_table(&map, keywords, args + count);
    mp_machine_uart_init_helper(self, count - 1, args + 1, &map);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    uart_enable(self->id, self->baud, false);
    self->trigger = 0;
    MP_STATE_PORT(uart_objects)[self->id] = NULL;
}

void machine_uart_deinit_all(void) {
    for (int id = 1; id < UARTS; ++id) {
        if (MP_STATE_PORT(uart_objects)[id] != NULL) {
            mp_machine_uart_deinit(MP_STATE_PORT(uart_objects)[id]);
        }
    }
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return ringbuf_avail(&uarts[self->id].received);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return !(uarts[self->id].regs->STATE & UART_TXFULL);
}

void uart_idle(int number) {
    machine_uart_obj_t *self = MP_STATE_PORT(uart_objects)[number];
    if (self != NULL && self->irq != NULL && self->trigger) {
        mp_irq_handler(self->irq);
    }
}

static mp_uint_t irq_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    ((machine_uart_obj_t *)MP_OBJ_TO_PTR(self_in))->trigger = trigger;
    return 0;
}

static mp_uint_t irq_info(mp_obj_t self_in, mp_uint_t what) {
    return ((machine_uart_obj_t *)MP_OBJ_TO_PTR(self_in))->trigger;
}
static const mp_irq_methods_t irq_methods = { irq_trigger, irq_info };

static mp_irq_obj_t *mp_machine_uart_irq(machine_uart_obj_t *self, bool any_args, mp_arg_val_t *args) {
    if (self->irq == NULL) {
        self->irq = mp_irq_new(&irq_methods, MP_OBJ_FROM_PTR(self));
    }
    if (any_args) {
        self->irq->handler = args[MP_IRQ_ARG_INIT_handler].u_obj;
        self->irq->ishard = args[MP_IRQ_ARG_INIT_hard].u_bool;
        self->trigger = self->irq->handler == mp_const_none ? 0 : args[MP_IRQ_ARG_INIT_trigger].u_int;
    }
    return self->irq;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *into = buffer;
    mp_uint_t count = 0, wait_ms = self->timeout_ms, since_ms = mp_hal_ticks_ms();
    while (count < size) {
        int byte = ringbuf_get(&uarts[self->id].received);
        if (byte >= 0) {
            into[count++] = byte;
            wait_ms = self->timeout_char_ms;
            since_ms = mp_hal_ticks_ms();
        } else if (mp_hal_ticks_ms() - since_ms >= wait_ms) {
            break;
        } else {
            mp_event_wait_ms(1);
        }
    }
    if (count == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uart_regs_t *regs = uarts[self->id].regs;
    const uint8_t *from = buffer;
    mp_uint_t count = 0;
    while (count < size && !(regs->STATE & UART_TXFULL)) {
        regs->DATA = from[count++];
    }
    if (count == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t argument, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = 0;
        if ((argument & MP_STREAM_POLL_RD) && ringbuf_avail(&uarts[self->id].received)) {
            ready |= MP_STREAM_POLL_RD;
        }
        if ((argument & MP_STREAM_POLL_WR) && mp_machine_uart_txdone(self)) {
            ready |= MP_STREAM_POLL_WR;
        }
        return ready;
    }
    if (request == MP_STREAM_FLUSH) {
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
