// The flash model's operations and what they have come to since the start.
#pragma once
#include <stdint.h>

typedef struct {
    uint32_t bytes_programmed, blocks_erased, bits_not_set, operations;
} nor_counts_t;
extern nor_counts_t nor_counts;

void nor_erase(uint8_t *block);
void nor_program(uint8_t *place, const uint8_t *bytes, uint32_t count);
void nor_cut_after(uint32_t operations);
