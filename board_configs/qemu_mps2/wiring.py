"""Hardware of the emulated concentrator: QEMU's mps2-an385, a Cortex-M3 (see port/ and about.toml)."""

NAME = "qemu_mps2"
TITLE = "Emulated concentrator, Cortex-M3"
PLATFORM = "qemu"
ARCH = "armv7m"
UART_SOURCE = "ARM DAI 0385, UARTs; QEMU hw/arm/mps2.c"
PINS = (
    ("console_tx", "UART0_TX", UART_SOURCE),
    ("console_rx", "UART0_RX", UART_SOURCE),
    ("rs485_tx", "UART1_TX", UART_SOURCE),
    ("rs485_rx", "UART1_RX", UART_SOURCE),
    ("modem_tx", "UART2_TX", UART_SOURCE),
    ("modem_rx", "UART2_RX", UART_SOURCE),
    ("rs485_2_tx", "UART3_TX", UART_SOURCE),
    ("rs485_2_rx", "UART3_RX", UART_SOURCE),
)
LINES = ((1, "auto"), (3, "auto"))  # the simulated line has no direction to switch
MODEM_UART = 2
MIB = 1024 * 1024
FLASH = (
    ("files", 0 * MIB, 1 * MIB),
    ("slot_a", 1 * MIB, 1 * MIB),
    ("slot_b", 2 * MIB, 1 * MIB),
    ("journal", 3 * MIB, 2 * MIB),
    ("readings", 5 * MIB, 8 * MIB),
)  # the last MiB belongs to the model: its log of operations, and the battery-backed block
ERASE_SIZE = 4096
PROGRAM_UNIT = 1
FLASH_CYCLES = 100_000  # as serial NOR parts of this size are rated
UPLINK = "modem"
WATCHDOG_MS = 8_000
HEAP_BYTES = 256 * 1024
ACCOUNTS_MAX = 200
LINKED = True  # a hundred modules cost 30 KB of heap more than one
LIMITS = (  # 4 KB on their way are more than a modem sends in a round trip, and little of this heap
    ("sync_batch_max_bytes", 1_000),
    ("mqtt_in_flight_max", 4),
)
RUNTIME_OLDEST = (1, 25)
