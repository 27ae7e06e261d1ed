"""The boards with a microcontroller, made on stand-ins for their ports: every device exists and hangs on the pins of wiring.py.

This is as near as we come without hardware; each board's about.toml says so.
"""

import sys

from firmware.base import aio
from firmware.base.faults import BadInput
from tests.fake_flash import EspPartition
from tests.fake_port import Made, modules
from tests.kit import cases, eq, raises

# pins by the argument of the constructor of the Ethernet interface
BOARDS = {
    "esp32_poe_iso": {"mdc": "eth_mdc", "mdio": "eth_mdio", "reset": "eth_reset", "ref_clk": "eth_clock"},
    "esp32s3_rs485": {"cs": "eth_cs", "int": "eth_int", "reset": "eth_reset"},
    "rp2040_w5500": {},
    "stm32h7_pmc": {},
}
CLOCK_CHIP_S = 1_795_701_547  # 2026-11-26 13:59:07 UTC


class Settings:
    """As far as a board looks at them."""

    def __init__(self, modem=None):
        self.modem = modem
        self.tls = None


class Bench:
    """One board on its stand-ins; sys.modules is as before when the block ends."""

    def __init__(self, name):
        self.name = name
        self.made = Made()
        self._replaced = {}
        self._freed = ("board_configs." + name + ".board", "firmware.hal.bare_board")

    def __enter__(self):
        self.wiring = _module("board_configs." + self.name + ".wiring")
        self.pins = {signal: pin for signal, pin, _ in self.wiring.PINS}
        self.parts = {part: (offset, size) for part, offset, size in self.wiring.FLASH}
        self.span = (self.parts["journal"][0], self.parts["journal"][1] + self.parts["readings"][1])
        EspPartition.table = [EspPartition("journal", *self.span)]
        stand_ins = modules(self.wiring.PLATFORM, self.made, sum(self.parts.get("runtime", (0, 0))))
        for name in stand_ins:
            self._replaced[name] = sys.modules.get(name)
            sys.modules[name] = stand_ins[name]
        self._forget()
        self.board = _module(self._freed[0]).make()
        return self

    def __exit__(self, *_):
        for name in self._replaced:
            if self._replaced[name] is None:
                del sys.modules[name]
            else:
                sys.modules[name] = self._replaced[name]
        self._forget()

    def _forget(self):
        for name in self._freed:
            if name in sys.modules:
                del sys.modules[name]


def _module(name):
    __import__(name)
    return sys.modules[name]


def each(check):
    def on_bench(name):
        with Bench(name) as bench:
            check(bench)

    cases([(name,) for name in sorted(BOARDS)], on_bench)


def test_the_region_is_journal_and_readings_and_takes_a_record():
    def check(bench):
        region = bench.board.region()
        eq(region.size, bench.span[1])
        eq((region.erase_size, region.program_unit), (bench.wiring.ERASE_SIZE, bench.wiring.PROGRAM_UNIT))
        eq(bench.board.journal_bytes, bench.parts["journal"][1])
        record = bytes(range(96)) * region.program_unit
        region.erase(0)
        region.program(0, record, 0, len(record))
        again = bytearray(len(record))
        region.read_into(0, again, 0, len(again))
        eq(bytes(again), record)

    each(check)


def test_the_line_is_on_its_uart_and_pins_at_even_parity():
    def check(bench):
        bench.board.line(2400)
        uart = bench.made.calls["UART"]
        eq([uart[name] for name in ("id", "baudrate", "bits", "parity", "stop")], [bench.wiring.LINES[0][0], 2400, 8, 0, 1])
        if bench.wiring.PLATFORM != "stm32":  # there the image knows the pins
            eq((uart["tx"], uart["rx"]), (bench.pins["rs485_tx"], bench.pins["rs485_rx"]))
        eq(bench.board.line_path, "UART" + str(bench.wiring.LINES[0][0]))

    each(check)


def test_the_driver_is_on_while_a_request_leaves_and_off_before_and_after():
    def check(bench):
        line = bench.board.line(9600)
        enable = bench.pins["rs485_de"]
        eq(bench.made.pins[enable], 0)
        aio.run(line.send(b"?request?", 1, 8))
        eq(bench.made.uart.sent, b"request")
        eq([pins[enable] for pins in bench.made.uart.pins_while_sending], [1])
        eq(bench.made.pins[enable], 0)
        line.close()
        eq(bench.made.calls["UART"]["closed"], True)

    each(check)


def test_every_pin_that_is_touched_stands_in_the_wiring():
    def check(bench):
        bench.board.line(2400)
        bench.board.make_network()._is_up()
        eq([pin for pin in bench.made.pins if pin not in bench.pins.values()], [])

    each(check)


def test_the_transceiver_of_the_machine_control_is_set_to_half_duplex_before_it_is_used():
    with Bench("stm32h7_pmc") as bench:
        bench.board.line(2400)
        eq(bench.made.calls["repl_uart"], {"uart": None})
        levels = {signal: bench.made.pins[pin] for signal, pin in bench.pins.items() if bench.made.pins.get(pin) is not None}
        high = sorted(signal for signal in levels if levels[signal])
        eq(high, ["rs485_enable", "rs485_fast", "rs485_half_duplex", "rs485_not_rs232"])
        eq(len(levels), 8, "the other four are low, not left alone")


def test_the_network_is_made_as_the_port_wants_it_at_the_first_connect_only():
    def check(bench):
        uplink = bench.board.uplink(Settings())
        eq("LAN" in bench.made.calls, False)
        eq(uplink._is_up(), True)
        call = bench.made.calls["LAN"]
        for argument in BOARDS[bench.name]:
            eq(call[argument], bench.pins[BOARDS[bench.name][argument]], argument)
        if "SPI" in bench.made.calls:
            spi = bench.made.calls["SPI"]
            eq([spi[name] for name in ("sck", "mosi", "miso")], [bench.pins[name] for name in ("eth_sck", "eth_mosi", "eth_miso")])
        eq(uplink.name_servers(), [("192.168.1.1", 53)])
        eq(bench.board.uplink(Settings()) is uplink, True, "the interface is made once")

    each(check)


def test_a_modem_in_the_settings_is_refused():
    def check(bench):
        eq(raises(BadInput, bench.board.uplink, Settings(modem=1)).field, "uplink.modem")

    each(check)


def test_the_clock_chip_sets_the_clock_where_there_is_one():
    def check(bench):
        eq(bench.board.clock.rtc_s(), CLOCK_CHIP_S if "rtc_sda" in bench.pins else None)
        if "I2C" in bench.made.calls:
            asked = bench.made.calls["I2C"]
            eq(asked["id"], bench.wiring.I2C_ID)
            eq([asked[name] in (None, bench.pins["rtc_" + name]) for name in ("sda", "scl")], [True, True])

    each(check)


def test_the_watchdog_starts_with_the_first_feeding_and_within_what_the_chip_counts():
    def check(bench):
        eq("WDT" in bench.made.calls, False)
        bench.board.watchdog.feed()
        eq(bench.made.calls["WDT"], {"timeout": bench.wiring.WATCHDOG_MS, "fed": 1})

    each(check)


def test_the_rest_of_the_devices_is_there():
    def check(bench):
        board = bench.board
        eq(board.name, bench.wiring.NAME)
        eq(len(board.random_bytes(16)), 16)
        eq(board.model_root.endswith("/models"), True)
        eq(board.firmware_version > 0 and board.console is not None, True)
        board.reset()
        eq(bench.made.resets, 1)

    each(check)
