// Module `board`: Flash, a block device as other ports have it and, since this flash is memory-mapped, a buffer that ROMFS
// executes from; and what tests ask of the model.
#include <string.h>
#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "board.h"
#include "nor.h"

typedef struct {
    mp_obj_base_t base;
    uint32_t start, length;
} flash_obj_t;

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t count, size_t keywords, const mp_obj_t *args) {
    mp_arg_check_num(count, keywords, 2, 2, false);
    uint32_t start = mp_obj_get_int(args[0]), length = mp_obj_get_int(args[1]);
    if (start % NOR_BLOCK || length % NOR_BLOCK || start >= NOR_SIZE || length > NOR_SIZE - NOR_BLOCK - start) {
        mp_raise_ValueError(MP_ERROR_TEXT("whole blocks inside the flash"));
    }
    flash_obj_t *self = mp_obj_malloc(flash_obj_t, type);
    self->start = start;
    self->length = length;
    return MP_OBJ_FROM_PTR(self);
}

// The bytes that (block, offset in it) begins, if `length` of them lie inside.
static uint8_t *window(flash_obj_t *self, uint32_t block, uint32_t offset, size_t length) {
    if (block >= self->length / NOR_BLOCK || offset > self->length || length > self->length
        || block * NOR_BLOCK + offset > self->length - length) {
        mp_raise_OSError(MP_EIO);
    }
    return (uint8_t *)(NOR_BASE + self->start + block * NOR_BLOCK + offset);
}

static mp_obj_t flash_readblocks(size_t count, const mp_obj_t *args) {
    mp_buffer_info_t into;
    mp_get_buffer_raise(args[2], &into, MP_BUFFER_WRITE);
    uint32_t offset = count == 4 ? mp_obj_get_int(args[3]) : 0;
    memcpy(into.buf, window(MP_OBJ_TO_PTR(args[0]), mp_obj_get_int(args[1]), offset, into.len), into.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

// Without an offset whole blocks are erased and programmed; with one the bytes are programmed as they are.
static mp_obj_t flash_writeblocks(size_t count, const mp_obj_t *args) {
    mp_buffer_info_t from;
    mp_get_buffer_raise(args[2], &from, MP_BUFFER_READ);
    uint32_t offset = count == 4 ? mp_obj_get_int(args[3]) : 0;
    uint8_t *place = window(MP_OBJ_TO_PTR(args[0]), mp_obj_get_int(args[1]), offset, from.len);
    if (count == 3) {
        if (from.len % NOR_BLOCK) {
            mp_raise_OSError(MP_EINVAL);
        }
        for (size_t i = 0; i < from.len; i += NOR_BLOCK) {
            nor_erase(place + i);
        }
    }
    nor_program(place, from.buf, from.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t operation, mp_obj_t argument) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(operation)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self->length / NOR_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(NOR_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            nor_erase(window(self, mp_obj_get_int(argument), 0, NOR_BLOCK));
            return MP_OBJ_NEW_SMALL_INT(0);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static mp_int_t flash_get_buffer(mp_obj_t self_in, mp_buffer_info_t *buffer, mp_uint_t flags) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    buffer->buf = (void *)(NOR_BASE + self->start);
    buffer->len = self->length;
    buffer->typecode = 'B';
    return flags & MP_BUFFER_WRITE ? 1 : 0;
}

static const mp_rom_map_elem_t flash_locals[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_locals_dict, flash_locals);
static MP_DEFINE_CONST_OBJ_TYPE(flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    make_new, flash_make_new, buffer, flash_get_buffer, locals_dict, &flash_locals_dict);

// (bytes programmed, blocks erased, bytes that would have needed a bit set, byte operations) since the start
static mp_obj_t board_counts(void) {
    mp_obj_t items[4] = {
        mp_obj_new_int_from_uint(nor_counts.bytes_programmed), mp_obj_new_int_from_uint(nor_counts.blocks_erased),
        mp_obj_new_int_from_uint(nor_counts.bits_not_set), mp_obj_new_int_from_uint(nor_counts.operations),
    };
    return mp_obj_new_tuple(4, items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_counts_obj, board_counts);

static mp_obj_t board_cut_after(mp_obj_t operations) {
    nor_cut_after(mp_obj_get_int(operations));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_cut_after_obj, board_cut_after);

static mp_obj_t board_exit(mp_obj_t code) {
    host_exit(mp_obj_get_int(code));
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_exit_obj, board_exit);

static mp_obj_t board_option(mp_obj_t name, mp_obj_t otherwise) {
    return mp_obj_new_int(host_option(mp_obj_str_get_str(name), mp_obj_get_int(otherwise)));
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_option_obj, board_option);

static const mp_rom_map_elem_t board_globals[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type) },
    { MP_ROM_QSTR(MP_QSTR_counts), MP_ROM_PTR(&board_counts_obj) },
    { MP_ROM_QSTR(MP_QSTR_cut_after), MP_ROM_PTR(&board_cut_after_obj) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&board_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_option), MP_ROM_PTR(&board_option_obj) },
};
static MP_DEFINE_CONST_DICT(board_globals_dict, board_globals);
const mp_obj_module_t mp_module_board = { { &mp_type_module }, (mp_obj_dict_t *)&board_globals_dict };
MP_REGISTER_MODULE(MP_QSTR_board, mp_module_board);
