#pragma once
#include <stdint.h>
#define LWIP_NETIF_EXT_STATUS_CALLBACK  1
#define LWIP_IPV6                       0
#define LWIP_TCP_KEEPALIVE              1
#define LWIP_RAND()                     host_random()
uint32_t host_random(void);
#include "extmod/lwip-include/lwipopts_common.h"
