// The host behind the emulated board, by ARM semihosting: its clock, its randomness, the options it starts us with.
#include <string.h>
#include "py/runtime.h"
#include "board.h"

#define SYS_OPEN            (0x01)
#define SYS_READ            (0x06)
#define SYS_TIME            (0x11)
#define SYS_GET_CMDLINE     (0x15)
#define SYS_EXIT_EXTENDED   (0x20)
#define APPLICATION_EXIT    (0x20026)
#define NOTHING             (0xffffffffu)

static uint32_t ask(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__ ("r0") = operation;
    register const void *r1 __asm__ ("r1") = argument;
    __asm volatile ("bkpt 0xAB" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

void host_exit(int code) {
    uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    ask(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

uint32_t host_seconds(void) {
    return ask(SYS_TIME, NULL);
}

// An option `name=123` (or -123) among the words QEMU was given as -semihosting-config arg=...
int32_t host_option(const char *name, int32_t otherwise) {
    static char line[512];
    if (line[0] == 0) {
        uint32_t block[2] = {(uint32_t)line, sizeof(line) - 1};
        if (ask(SYS_GET_CMDLINE, block) != 0) {
            line[0] = ' ';
        }
    }
    size_t length = strlen(name);
    for (const char *word = line; word != NULL && *word; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (strncmp(word, name, length) != 0 || word[length] != '=') {
            continue;
        }
        const char *digit = word + length + 1;
        bool negative = *digit == '-';
        uint32_t value = 0;
        for (digit += negative; *digit >= '0' && *digit <= '9'; ++digit) {
            value = value * 10 + (*digit - '0');
        }
        return negative ? -(int32_t)value : (int32_t)value;
    }
    return otherwise;
}

uint32_t host_random(void) {
    static uint32_t file = NOTHING, pool[64], left;
    if (left == 0) {
        if (file == NOTHING) {
            const char *name = "/dev/urandom";
            uint32_t block[3] = {(uint32_t)name, 1 /* rb */, strlen(name)};
            file = ask(SYS_OPEN, block);
        }
        uint32_t block[3] = {file, (uint32_t)pool, sizeof(pool)};
        if (file == NOTHING || ask(SYS_READ, block) != 0) {
            mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("no entropy"));
        }
        left = 64;
    }
    return pool[--left];
}
