// One life: heap, network, file system, boot.py, main.py, prompt; a soft reset begins another.
#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"
#include "lwip/init.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"
#include "board.h"

#define HEAP_KB (1024)
#define FRAMES_BYTES (6 * 1024) // of the heap: a chain of calls that needs more is a RuntimeError

extern uint32_t _stack_top, _stack_bytes;
extern char _heap_start[], _heap_end[];

static void start_heap(void) {
    size_t room = _heap_end - _heap_start;
    size_t wanted = (size_t)host_option("heap_kb", HEAP_KB) * 1024;
    if (wanted > room) {
        host_exit(72);
    }
    mp_pystack_init(_heap_start, _heap_start + FRAMES_BYTES);
    gc_init(_heap_start + FRAMES_BYTES, _heap_start + wanted);
}

static void note_reset_cause(void) {
    if (BATTERY->magic == BATTERY_MAGIC && BATTERY->reset_cause != 0) {
        reset_cause = BATTERY->reset_cause;
    } else {
        reset_cause = CAUSE_POWER_ON;
    }
    BATTERY->reset_cause = 0;
}

static void run_files(void) {
    at_prompt = false;
    pyexec_frozen_module("_boot.py", false);
    int done = pyexec_file_if_exists("boot.py");
    if (!(done & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && done != 0) {
        done = pyexec_file_if_exists("main.py");
    }
    at_prompt = true;
    while (!(done & PYEXEC_FORCED_EXIT)) {
        done = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
    }
}

int main(void) {
    note_reset_cause();
    time_start();
    uart_enable(0, 115200, true);
    nor_start();
    mp_cstack_init_with_top(&_stack_top, (size_t)&_stack_bytes);
    start_heap();
    lwip_init();
    for (;;) {
        mp_init();
        readline_init0();
        mod_network_init();
        run_files();
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        reset_cause = CAUSE_SOFT;
        mod_network_deinit();
        machine_uart_deinit_all();
        machine_timer_deinit_all();
        gc_sweep_all();
        mp_deinit();
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    mp_printf(&mp_plat_print, "FATAL: uncaught NLR\n");
    host_exit(71);
}
