// What mbedTLS asks of a port: entropy and time.
#include "py/mpconfig.h"
#include "py/mphal.h"
#include "mbedtls_config_port.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/ssl.h"
#include "shared/timeutils/timeutils.h"
#include "board.h"

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *filled) {
    for (size_t i = 0; i < length; ++i) {
        output[i] = (unsigned char)host_random();
    }
    *filled = length;
    return 0;
}

// Seconds since 2000, for gmtime() below alone.
time_t port_time(time_t *now) {
    return time_unix_ms() / 1000 - EPOCH_2000_S;
}

mbedtls_ms_time_t mbedtls_ms_time(void) {
    return mp_hal_ticks_ms();
}

struct tm *gmtime(const time_t *when) {
    static struct tm broken;
    timeutils_struct_time_t parts;
    timeutils_seconds_since_epoch_to_struct_time(*when, &parts);
    broken = (struct tm) {
        .tm_sec = parts.tm_sec, .tm_min = parts.tm_min, .tm_hour = parts.tm_hour, .tm_mday = parts.tm_mday,
        .tm_mon = parts.tm_mon - 1, .tm_year = parts.tm_year - 1900, .tm_wday = parts.tm_wday, .tm_yday = parts.tm_yday,
        .tm_isdst = -1,
    };
    return &broken;
}

// MicroPython offers no call for it: every configuration asks for records that fit into our buffer.
int __real_mbedtls_ssl_config_defaults(mbedtls_ssl_config *conf, int endpoint, int transport, int preset);
int __wrap_mbedtls_ssl_config_defaults(mbedtls_ssl_config *conf, int endpoint, int transport, int preset);
int __wrap_mbedtls_ssl_config_defaults(mbedtls_ssl_config *conf, int endpoint, int transport, int preset) {
    int failed = __real_mbedtls_ssl_config_defaults(conf, endpoint, transport, preset);
    return failed != 0 ? failed : mbedtls_ssl_conf_max_frag_len(conf, MBEDTLS_SSL_MAX_FRAG_LEN_4096);
}
