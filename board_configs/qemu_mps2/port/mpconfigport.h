// The emulated concentrator: what a Cortex-M3 board with a modem would have, and nothing for comfort alone.
#include <stdint.h>
#include <alloca.h>

#define MICROPY_CONFIG_ROM_LEVEL        (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_HW_BOARD_NAME           "Lamplighter qemu_mps2"
#define MICROPY_HW_MCU_NAME             "Cortex-M3"
#define MICROPY_PY_SYS_PLATFORM         "qemu_mps2"

#define MICROPY_EMIT_THUMB              (1)
#define MICROPY_EMIT_INLINE_THUMB       (1)
#define MICROPY_MAKE_POINTER_CALLABLE(p) ((void *)((mp_uint_t)(p) | 1))
#define MICROPY_PERSISTENT_CODE_LOAD    (1)
#define MICROPY_PY___FILE__             (0)   // a path of each module in the heap, which nobody reads
#define MICROPY_OPT_COMPUTED_GOTO       (1)

#define MICROPY_ENABLE_GC               (1)
#define MICROPY_ENABLE_PYSTACK          (1)   // frames of functions in a stack of their own: no holes in the heap, no garbage
#define MICROPY_MEM_STATS               (1)
#define MICROPY_MALLOC_USES_ALLOCATED_SIZE (1)
#define MICROPY_TRACKED_ALLOC           (1)
#define MICROPY_STACK_CHECK_MARGIN      (1024)
#define MICROPY_GC_STACK_ENTRY_TYPE     uint32_t
#define MICROPY_ALLOC_PATH_MAX          (256)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_LONGINT_IMPL            (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL              (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_SCHEDULER_DEPTH         (16)
#define MICROPY_USE_INTERNAL_ERRNO      (1)
#define MICROPY_USE_INTERNAL_PRINTF     (1)
#define MICROPY_WARNINGS                (1)

#define MICROPY_PY_SYS_STDIO_BUFFER     (1)
#define MICROPY_PY_OS_SYNC              (1)
#define MICROPY_PY_OS_UNAME             (1)
#define MICROPY_PY_OS_URANDOM           (1)
#define MICROPY_PY_OS_INCLUDEFILE       "port_os.h"
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (host_random())
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS    (1)
#define MICROPY_PY_TIME_INCLUDEFILE     "port_time.h"
#define MICROPY_PY_HASHLIB_SHA1         (1)
#define MICROPY_PY_CRYPTOLIB            (1)
#define MICROPY_PY_CRYPTOLIB_CTR        (1)

#define MICROPY_PY_MACHINE              (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE  "port_machine.h"
#define MICROPY_PY_MACHINE_RESET        (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_UART         (1)
#define MICROPY_PY_MACHINE_UART_IRQ     (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "port_machine_uart.h"
#define MICROPY_PY_MACHINE_WDT          (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "port_machine_wdt.h"

#define MICROPY_READER_VFS              (1)
#define MICROPY_VFS                     (1)
#define MICROPY_VFS_ROM                 (1)   // the application slots, executed in place
#define MICROPY_VFS_ROM_IOCTL           (0)

#define MICROPY_PY_NETWORK              (1)
#define MICROPY_PY_SOCKET               (1)
#define MICROPY_PY_NETWORK_PPP_LWIP     (1)
#define MICROPY_PY_LWIP_PPP             (1)
#define MICROPY_PY_LWIP_SOCK_RAW        (0)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "concentrator"
#define MICROPY_PORT_NETWORK_INTERFACES
#define MICROPY_PY_WEBSOCKET            (0)
#define MICROPY_PY_WEBREPL              (0)

#define MP_SSIZE_MAX                    (0x7fffffff)
#define UINT_FMT                        "%lu"
#define INT_FMT                         "%ld"
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;

#define MP_NEED_LOG2                    (1)
#define MP_STATE_PORT                   MP_STATE_VM

uint32_t host_random(void);
