"""What the boards' own runtime images carry: the mount of the files, and pins that are those of wiring.py."""

import importlib
import io
import re
import sys
from pathlib import Path
from types import ModuleType

from tests.fake_flash import PybFlash

BOARDS = Path(__file__).resolve().parents[3] / "board_configs"


def wiring_of(name: str) -> tuple[ModuleType, dict, dict]:
    """(wiring, {signal: pin}, {part: (offset, size)})."""
    wiring = importlib.import_module(f"board_configs.{name}.wiring")
    pins = {signal: pin for signal, pin, _ in wiring.PINS}
    return wiring, pins, {part: (offset, size) for part, offset, size in wiring.FLASH}


def boot_of_machine_control(monkeypatch, files_boot: Path) -> list:
    """What the frozen boot.py of the Machine Control does, with stand-ins for vfs and pyb."""
    done: list = []

    def mount(files, place):
        done.append(("mount", files, place))

    wiring, _, _ = wiring_of("stm32h7_pmc")
    vfs = ModuleType("vfs")
    vfs.umount = lambda place: done.append(("umount", place))
    vfs.VfsLfs2 = lambda device: ("littlefs", device.start, device.size)
    vfs.mount = mount
    pyb = ModuleType("pyb")
    pyb.Flash = PybFlash
    for name, stand_in in (("vfs", vfs), ("pyb", pyb), ("wiring", wiring)):
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setattr("os.chdir", lambda place: done.append(("chdir", place)))
    monkeypatch.setattr("builtins.open", lambda path: io.open(files_boot if path == "/boot.py" else path))
    exec((BOARDS / "stm32h7_pmc/image/frozen/boot.py").read_text(), {"__name__": "__main__"})
    return done


def test_the_machine_control_has_its_files_at_the_root_and_runs_their_boot(monkeypatch, tmp_path, capsys):
    boot = tmp_path / "boot.py"
    boot.write_text("print('the boot.py of the files, as', __name__)")
    _, _, parts = wiring_of("stm32h7_pmc")
    done = boot_of_machine_control(monkeypatch, boot)
    assert done == [("umount", "/flash"), ("mount", ("littlefs", *parts["files"]), "/"), ("chdir", "/")]
    assert capsys.readouterr().out == "the boot.py of the files, as __main__\n"


def test_the_machine_control_without_a_boot_waits_at_its_prompt(monkeypatch, tmp_path, capsys):
    boot_of_machine_control(monkeypatch, tmp_path / "none")
    assert "write it with flash.py" in capsys.readouterr().out


def test_the_image_of_the_pico_knows_the_pins_and_the_flash_of_its_wiring():
    _, pins, parts = wiring_of("rp2040_w5500")
    header = (BOARDS / "rp2040_w5500/image/mpconfigboard.h").read_text()
    names = {"SCK": "eth_sck", "MOSI": "eth_mosi", "MISO": "eth_miso", "CS": "eth_cs", "RST": "eth_reset", "INTN": "eth_int"}
    found = dict(re.findall(r"MICROPY_HW_WIZNET_(?:SPI|PIN)_(SCK|MOSI|MISO|CS|RST|INTN) \((\d+)\)", header))
    assert {names[name]: int(pin) for name, pin in found.items()} == {signal: pins[signal] for signal in names.values()}
    cmake = (BOARDS / "rp2040_w5500/image/mpconfigboard.cmake").read_text().replace("\n# ", " ")
    base = sum(parts["runtime"])
    assert f"BASE={base:#x} and LAMPLIGHTER_STORAGE_BYTES={sum(parts['readings']) - base:#x}" in cmake


def test_the_image_of_the_machine_control_has_the_uart_of_its_wiring():
    _, pins, _ = wiring_of("stm32h7_pmc")
    header = (BOARDS / "stm32h7_pmc/image/mpconfigboard.h").read_text()
    found = dict(re.findall(r"MICROPY_HW_UART4_(TX|RX) \(pin_([A-Z]\d+)\)", header))
    assert ("P" + found["TX"], "P" + found["RX"]) == (pins["rs485_tx"], pins["rs485_rx"])
