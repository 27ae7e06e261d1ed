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
