// A stand-in for the boot ROM of the RP2040, for rp2040js only: as much of it as MicroPython asks for. Own code.
//
// Layout and codes: RP2040 datasheet, section 2.8.3 ("Bootrom contents"): the header, two tables of (code, address),
// and the table of float functions. What MicroPython never calls stops the machine (BKPT 0x12), so that a new need is
// seen and not answered with nonsense. Erasing and programming flash is the emulator's work: BKPT 0x10 and 0x11.
//
// Trap avoided: the C library's memset would be this memset again; `volatile` keeps the compiler from recognising it.

#include <stdint.h>

#define CODE(a, b) ((a) | (b) << 8)
#define ROM static __attribute__((used))
#define NAKED static __attribute__((naked, used))

// --- lookup -------------------------------------------------------------------------------------------------------

ROM void *table_lookup(const uint16_t *table, uint32_t code) {
    for (; table[0]; table += 2) {
        if (table[0] == code) {
            return (void *)(uint32_t)table[1];
        }
    }
    return 0;
}

// --- bits and memory ----------------------------------------------------------------------------------------------

ROM uint32_t popcount32(uint32_t value) {
    uint32_t count = 0;
    for (; value; value &= value - 1) {
        count++;
    }
    return count;
}

ROM uint32_t reverse32(uint32_t value) {
    uint32_t reversed = 0;
    for (int bit = 0; bit < 32; bit++, value >>= 1) {
        reversed = reversed << 1 | (value & 1);
    }
    return reversed;
}

ROM uint32_t leading_zeros32(uint32_t value) {
    uint32_t count = 32;
    for (; value; value >>= 1) {
        count--;
    }
    return count;
}

ROM uint32_t trailing_zeros32(uint32_t value) {
    return value ? popcount32((value & -value) - 1) : 32;
}

ROM uint8_t *set_memory(uint8_t *to, uint8_t byte, uint32_t count) {
    for (uint32_t at = 0; at < count; at++) {
        ((volatile uint8_t *)to)[at] = byte;
    }
    return to;
}

ROM uint8_t *copy_memory(uint8_t *to, const uint8_t *from, uint32_t count) {
    for (uint32_t at = 0; at < count; at++) {
        ((volatile uint8_t *)to)[at] = from[at];
    }
    return to;
}

// --- floats: the compiler's own; the real ROM's are faster and round a little differently -------------------------

ROM float float_add(float a, float b) { return a + b; }
ROM float float_sub(float a, float b) { return a - b; }
ROM float float_mul(float a, float b) { return a * b; }
ROM float float_div(float a, float b) { return a / b; }
ROM float from_int(int32_t a) { return a; }
ROM float from_uint(uint32_t a) { return a; }
ROM float from_int64(int64_t a) { return a; }
ROM float from_uint64(uint64_t a) { return a; }
ROM uint32_t to_uint(float a) { return a < 0 ? 0 : (uint32_t)a; }
ROM uint64_t to_uint64(float a) { return a < 0 ? 0 : (uint64_t)a; }

ROM int32_t to_int(float a) {  // rounds down, as the real one
    int32_t cut = a;
    return (float)cut > a ? cut - 1 : cut;
}

ROM int64_t to_int64(float a) {
    int64_t cut = a;
    return (float)cut > a ? cut - 1 : cut;
}

ROM float float_sqrt(float a) {
    union { float number; uint32_t bits; } guess = {a};
    if (!(a > 0)) {
        return a == 0 ? a : 0.0f / 0.0f;
    }
    guess.bits = (guess.bits >> 1) + 0x1fbd1df5;  // halves the exponent: within 4 % of the root
    for (int round = 0; round < 4; round++) {
        guess.number = 0.5f * (guess.number + a / guess.number);
    }
    return guess.number;
}

// --- what the emulator does, and what nobody should ask for -------------------------------------------------------

NAKED void nothing(void) { __asm volatile("bx lr"); }
NAKED void flash_range_erase(void) { __asm volatile("bkpt 0x10\n bx lr"); }
NAKED void flash_range_program(void) { __asm volatile("bkpt 0x11\n bx lr"); }
NAKED void not_here(void) { __asm volatile("bkpt 0x12\n b not_here"); }

// The real ROM copies the second stage loader to RAM, checks its CRC and runs it; its exit is the vector table behind it.
NAKED void reset(void) {
    __asm volatile(
        "ldr r0, =0x10000100\n ldr r1, =0xe000ed08\n str r0, [r1]\n"  // VTOR
        "ldmia r0, {r0, r1}\n msr msp, r0\n bx r1\n .ltorg");
}

// --- header and tables: half-words of addresses do not fit C's initialisers ---------------------------------------

#define ENTRY(a, b, address) " .hword '" a "'|'" b "'<<8, " address "\n"
__asm(
    ".section .header, \"a\"\n"
    " .word 0x20041f00, reset, not_here, not_here\n"
    " .byte 'M', 'u', 1, 3\n"  // magic; version 3 is the B2 chip
    " .hword functions, data, table_lookup + 1\n .balign 4\n"
    "functions:\n"
    ENTRY("P", "3", "popcount32 + 1") ENTRY("R", "3", "reverse32 + 1")
    ENTRY("L", "3", "leading_zeros32 + 1") ENTRY("T", "3", "trailing_zeros32 + 1")
    ENTRY("M", "S", "set_memory + 1") ENTRY("S", "4", "set_memory + 1")
    ENTRY("M", "C", "copy_memory + 1") ENTRY("C", "4", "copy_memory + 1")
    ENTRY("I", "F", "nothing + 1") ENTRY("E", "X", "nothing + 1")  // connect and leave execute-in-place
    ENTRY("F", "C", "nothing + 1") ENTRY("C", "X", "nothing + 1")  // flush the cache, execute in place again
    ENTRY("R", "E", "flash_range_erase + 1") ENTRY("R", "P", "flash_range_program + 1")
    ENTRY("U", "B", "not_here + 1")  // reboot as a USB drive
    " .hword 0, 0\n"
    "data:\n"
    ENTRY("S", "F", "float_table")
    " .hword 0, 0\n .balign 4\n"
    " .hword 32, 0\n"  // number of words of the float table stands before it
    "float_table:\n"
    " .word float_add, float_sub, float_mul, float_div, not_here, not_here, float_sqrt, to_int\n"
    " .word not_here, to_uint, not_here, from_int, not_here, from_uint, not_here, not_here\n"
    " .word not_here, not_here, not_here, not_here, not_here, not_here, not_here, from_int64\n"
    " .word not_here, from_uint64, not_here, to_int64, not_here, to_uint64, not_here, not_here\n");
