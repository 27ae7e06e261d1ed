// mbedTLS as the other boards have it, with a clock of our own and the epoch of this port.
#pragma once
#include <time.h>
time_t port_time(time_t *now);
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_PLATFORM_TIME_MACRO         port_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT        mbedtls_ms_time
#define MICROPY_MBEDTLS_CONFIG_BARE_METAL   (1)
#define MBEDTLS_CIPHER_MODE_CTR
#include "extmod/mbedtls/mbedtls_config_common.h"

// A record buffer of 16 KB would be a sixteenth of the heap. The server is asked for shorter ones (RFC 6066, 4; mbedtls_port.c), and no
// packet that the firmware takes is longer.
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#undef MBEDTLS_SSL_IN_CONTENT_LEN
#define MBEDTLS_SSL_IN_CONTENT_LEN          (4096)
