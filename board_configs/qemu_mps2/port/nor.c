// NOR flash over the file-backed PSRAM: programming only clears bits, erasing takes a block and time, and the power can go
// after any byte. The host reads the same file, and this log of what was done to it.
#include <string.h>
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "board.h"
#include "nor.h"

#define ERASE_STEP      (64)    // a real erase is not atomic either: these many bytes change at a time
#define CUT_EXIT        (99)
#define LOG_BASE        (NOR_BASE + (15u << 20))
#define LOG_BYTES       ((1u << 20) - NOR_BLOCK)
#define LOG_PROGRAM     (1)
#define LOG_ERASE       (2)

typedef struct {
    uint32_t first_operation, kind, offset, length;
} log_entry_t;
typedef struct {
    uint32_t count, reserved[3];
    log_entry_t entries[];
} log_t;

nor_counts_t nor_counts;
static uint32_t cut_at, erase_ms;
static bool torn, logging;

// Host options: cut_after=N ends the machine with the N-th byte operation, torn=1 leaves that byte in between, erase_ms=N
// stalls as a part does, log=1 writes the log.
void nor_start(void) {
    memset(&nor_counts, 0, sizeof(nor_counts));
    cut_at = host_option("cut_after", 0);
    torn = host_option("torn", 0) != 0;
    erase_ms = host_option("erase_ms", 0);
    logging = host_option("log", 0) != 0;
    if (logging) {
        ((log_t *)LOG_BASE)->count = 0;
    }
}

void nor_cut_after(uint32_t operations) {
    cut_at = nor_counts.operations + operations;
}

static void note(uint32_t kind, const uint8_t *place, uint32_t length) {
    log_t *log = (log_t *)LOG_BASE;
    if (logging && sizeof(log_t) + (log->count + 1) * sizeof(log_entry_t) <= LOG_BYTES) {
        log->entries[log->count] = (log_entry_t) {nor_counts.operations + 1, kind, (uint32_t)place - NOR_BASE, length};
        log->count++;
    }
}

// One byte operation: `place[0:count]` becomes `after` where a bit of `mask` is free to change. The cut happens with it.
static void operate(uint8_t *place, const uint8_t *after, uint32_t count) {
    bool last = ++nor_counts.operations == cut_at;
    for (uint32_t i = 0; i < count; ++i) {
        uint8_t undecided = last && torn ? (uint8_t)((nor_counts.operations * 0x9E3779B1u + i * 0x85EBCA6Bu) >> 13) : 0;
        place[i] = (after[i] & ~undecided) | (place[i] & undecided);
    }
    if (last) {
        host_exit(CUT_EXIT);
    }
}

void nor_erase(uint8_t *block) {
    uint8_t blank[ERASE_STEP];
    memset(blank, 0xff, sizeof(blank));
    note(LOG_ERASE, block, NOR_BLOCK / ERASE_STEP);
    for (uint32_t i = 0; i < NOR_BLOCK; i += ERASE_STEP) {
        operate(block + i, blank, ERASE_STEP);
    }
    nor_counts.blocks_erased++;
    time_stall_ms(erase_ms);
}

void nor_program(uint8_t *place, const uint8_t *bytes, uint32_t count) {
    note(LOG_PROGRAM, place, count);
    for (uint32_t i = 0; i < count; ++i) {
        uint8_t after = place[i] & bytes[i];
        nor_counts.bits_not_set += after != bytes[i];
        operate(place + i, &after, 1);
    }
    nor_counts.bytes_programmed += count;
}
