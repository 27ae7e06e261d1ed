"""The boards with a microcontroller, made on stand-ins for their ports: every device exists and hangs on the pins of wiring.py.

This is as near as we come without hardware; each board's about.toml says so.
"""

import importlib
import io
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from firmware.base import aio
from firmware.base.faults import BadInput
from tests.fake_flash import EspPartition
from tests.host.boards_config.fake_port import Made, modules

BOARDS = {"esp32_poe_iso": "esp32", "esp32s3_rs485": "esp32", "rp2040_w5500": "rp2", "stm32h7_pmc": "stm32"}
ETHERNET = {
    "esp32_poe_iso": {"mdc": "eth_mdc", "mdio": "eth_mdio", "reset": "eth_reset", "ref_clk": "eth_clock"},
    "esp32s3_rs485": {"cs": "eth_cs", "int": "eth_int", "reset": "eth_reset"},
    "rp2040_w5500": {},
    "stm32h7_pmc": {},
}
NO_TLS = SimpleNamespace(modem=None, tls=None)


class Bench:
    """One board on its stand-ins."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = Made()
        self.wiring = importlib.import_module(f"board_configs.{name}.wiring")
        self.pins = {signal: pin for signal, pin, _ in self.wiring.PINS}
        self.parts = {part: (offset, size) for part, offset, size in self.wiring.FLASH}
        base = sum(self.parts.get("runtime", (0, 0)))
        for module, stand_in in modules(BOARDS[name], self.made, base).items():
            monkeypatch.setitem(sys.modules, module, stand_in)
        for module in (f"board_configs.{name}.board", "firmware.hal.bare_board"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        offset, size = self.parts["journal"]
        self.span = (offset, size + self.parts["readings"][1])
        monkeypatch.setattr(EspPartition, "table", [EspPartition("journal", *self.span)])
        self.module: ModuleType = importlib.import_module(f"board_configs.{name}.board")
        self.board = self.module.make()


@pytest.fixture(params=sorted(BOARDS))
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(request.param, monkeypatch)


def test_the_region_is_journal_and_readings_and_takes_a_record(bench):
    region = bench.board.region()
    assert region.size == bench.span[1]
    assert (region.erase_size, region.program_unit) == (bench.wiring.ERASE_SIZE, bench.wiring.PROGRAM_UNIT)
    assert bench.board.journal_bytes == bench.parts["journal"][1]
    record = bytes(range(96)) * region.program_unit
    region.erase(0)
    region.program(0, record, 0, len(record))
    again = bytearray(len(record))
    region.read_into(0, again, 0, len(again))
    assert again == record


def test_the_line_is_on_its_uart_and_pins_at_even_parity(bench):
    bench.board.line(2400)
    uart = bench.made.calls["UART"]
    assert (uart["id"], uart["baudrate"], uart["bits"], uart["parity"], uart["stop"]) == (bench.wiring.LINES[0][0], 2400, 8, 0, 1)
    if bench.wiring.PLATFORM != "stm32":  # there the image knows the pins
        assert (uart["tx"], uart["rx"]) == (bench.pins["rs485_tx"], bench.pins["rs485_rx"])
    assert bench.board.line_path == f"UART{bench.wiring.LINES[0][0]}"


def test_the_driver_is_on_while_a_request_leaves_and_off_before_and_after(bench):
    line = bench.board.line(9600)
    enable = bench.pins["rs485_de"]
    assert bench.made.pins[enable] == 0
    aio.run(line.send(b"?request?", 1, 8))
    uart = bench.made.uart
    assert bytes(uart.sent) == b"request"
    assert [pins[enable] for pins in uart.driver_was_on] == [1]
    assert bench.made.pins[enable] == 0
    line.close()
    assert bench.made.calls["UART"]["closed"]


def test_every_pin_that_is_touched_stands_in_the_wiring(bench):
    bench.board.line(2400)
    bench.board.make_network()._is_up()
    assert set(bench.made.pins) <= set(bench.pins.values())


def test_the_transceiver_of_the_machine_control_is_set_to_half_duplex_before_it_is_used(monkeypatch):
    bench = Bench("stm32h7_pmc", monkeypatch)
    bench.board.line(2400)
    assert bench.made.calls["repl_uart"] == {"uart": None}
    levels = {signal: bench.made.pins[pin] for signal, pin in bench.pins.items() if pin in bench.made.pins}
    assert levels == {
        "rs485_de": 0, "rs485_re": 0, "rs485_enable": 1, "rs485_not_rs232": 1, "rs485_half_duplex": 1,
        "rs485_termination_yz": 0, "rs485_termination_ab": 0, "rs485_fast": 1,
    }  # fmt: skip


def test_the_network_is_made_as_the_port_wants_it_at_the_first_connect_only(bench):
    uplink = bench.board.uplink(NO_TLS)
    assert not {"LAN", "WIZNET5K"} & bench.made.calls.keys()
    assert uplink._is_up()
    call = bench.made.calls.get("LAN") or bench.made.calls["WIZNET5K"]
    for argument, signal in ETHERNET[bench.wiring.NAME].items():
        assert call[argument] == bench.pins[signal]
    if "SPI" in bench.made.calls:
        spi = bench.made.calls["SPI"]
        assert (spi["sck"], spi["mosi"], spi["miso"]) == tuple(bench.pins[name] for name in ("eth_sck", "eth_mosi", "eth_miso"))
    assert uplink.name_servers() == [("192.168.1.1", 53)]
    assert bench.board.uplink(NO_TLS) is uplink, "the interface is made once"


def test_a_modem_in_the_settings_is_refused(bench):
    with pytest.raises(BadInput, match="has no modem"):
        bench.board.uplink(SimpleNamespace(modem=object(), tls=None))


def test_the_clock_chip_sets_the_clock_where_there_is_one(bench):
    known = bench.board.clock.rtc_s()
    if "rtc_sda" in bench.pins:
        assert known == 1_795_701_547  # 2026-11-26 13:59:07 UTC
        pins = {bench.made.calls["I2C"]["sda"], bench.made.calls["I2C"]["scl"]} - {None}
        assert pins <= {bench.pins["rtc_sda"], bench.pins["rtc_scl"]}
    else:
        assert known is None


def test_the_watchdog_starts_with_the_first_feeding_and_within_what_the_chip_counts(bench):
    assert "WDT" not in bench.made.calls
    bench.board.watchdog.feed()
    assert bench.made.calls["WDT"] == {"timeout": bench.wiring.WATCHDOG_MS, "fed": 1}


def test_the_rest_of_the_devices_is_there(bench):
    board = bench.board
    assert board.name == bench.wiring.NAME
    assert len(board.random_bytes(16)) == 16
    assert board.model_root.endswith("/firmware/meters/models")
    assert board.console is not None and board.firmware_version > 0
    board.reset()
    assert bench.made.resets == 1


def test_the_machine_control_has_its_files_at_the_root_and_runs_their_boot(monkeypatch, tmp_path, capsys):
    bench = Bench("stm32h7_pmc", monkeypatch)
    done = []
    stand_in = ModuleType("vfs")
    stand_in.umount = lambda place: done.append(("umount", place))
    stand_in.VfsLfs2 = lambda device: ("littlefs", device.start, len(device.memory))
    stand_in.mount = lambda files, place: done.append(("mount", files, place))
    monkeypatch.setitem(sys.modules, "vfs", stand_in)
    monkeypatch.setitem(sys.modules, "wiring", bench.wiring)
    monkeypatch.setattr("os.chdir", lambda place: done.append(("chdir", place)))
    boot = tmp_path / "boot.py"
    boot.write_text("print('the boot.py of the files, as', __name__)")
    monkeypatch.setattr("builtins.open", lambda path: io.open(boot) if path == "/boot.py" else io.open(path))
    frozen = Path(bench.wiring.__file__).parent / "image" / "frozen" / "boot.py"
    exec(frozen.read_text(), {"__name__": "__main__"})
    assert done == [("umount", "/flash"), ("mount", ("littlefs", *bench.parts["files"]), "/"), ("chdir", "/")]
    assert capsys.readouterr().out == "the boot.py of the files, as __main__\n"


def test_the_images_that_know_pins_know_those_of_the_wiring(monkeypatch):
    pico = Bench("rp2040_w5500", monkeypatch)
    header = (Path(pico.wiring.__file__).parent / "image" / "mpconfigboard.h").read_text()
    names = {"SCK": "eth_sck", "MOSI": "eth_mosi", "MISO": "eth_miso", "CS": "eth_cs", "RST": "eth_reset", "INTN": "eth_int"}
    found = dict(re.findall(r"MICROPY_HW_WIZNET_(?:SPI|PIN)_(SCK|MOSI|MISO|CS|RST|INTN) \((\d+)\)", header))
    assert {names[name]: int(pin) for name, pin in found.items()} == {signal: pico.pins[signal] for signal in names.values()}
    cmake = (Path(pico.wiring.__file__).parent / "image" / "mpconfigboard.cmake").read_text()
    base = sum(pico.parts["runtime"])
    assert f"BASE={base:#x} and LAMPLIGHTER_STORAGE_BYTES={sum(pico.parts['readings']) - base:#x}" in cmake.replace("\n# ", " ")
    control = Bench("stm32h7_pmc", monkeypatch)
    header = (Path(control.wiring.__file__).parent / "image" / "mpconfigboard.h").read_text()
    found = dict(re.findall(r"MICROPY_HW_UART4_(TX|RX) \(pin_([A-Z]\d+)\)", header))
    assert ("P" + found["TX"], "P" + found["RX"]) == (control.pins["rs485_tx"], control.pins["rs485_rx"])
