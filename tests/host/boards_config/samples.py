"""Small board folders without a fault, to break one thing at a time in."""

from pathlib import Path

RP2 = '''"""A board."""
NAME = "sample"
TITLE = "Sample"
ARCH = "armv6m"
PLATFORM = "rp2"
PINS = (
    ("rs485_tx", 4, "Maker, schematic, sheet 1"),
    ("rs485_rx", 5, "Maker, schematic, sheet 1"),
    ("rs485_de", 6, "Maker, schematic, sheet 1"),
    ("eth_cs", 17, "Maker, data sheet, table 2"),
)
LINES = ((1, "de_pin"),)
FLASH = (
    ("runtime", 0, 0xA0000),
    ("files", 0xA0000, 0x40000),
    ("slot_a", 0xE0000, 0x60000),
    ("slot_b", 0x140000, 0x60000),
    ("journal", 0x1A0000, 0x40000),
    ("readings", 0x1E0000, 0x20000),
)
ERASE_SIZE = 4096
PROGRAM_UNIT = 1
FLASH_CYCLES = 100_000
UPLINK = "ethernet"
WATCHDOG_MS = 8_000
HEAP_BYTES = 200_000
ACCOUNTS_MAX = 50
RUNTIME_OLDEST = (1, 25)
'''
ABOUT = """
[board]
maker = "Maker"
product = "Sample"
page = "Maker, Sample, product page"
mcu = "RP2040"
[runtime]
name = "MicroPython"
page = "micropython.org/download"
file = "firmware.uf2"
stock = false
why = "no slots in it"
[flash]
chip = "W25Q16"
bytes = 2_097_152
method = "uf2"
how = "Hold BOOTSEL."
source = "W25Q16JV data sheet 9.6"
[usb]
ids = ["2e8a:0003"]
[proven]
run = "never on hardware"
what = "Nothing."
[unknown]
facts = []
"""
BOARD = '''"""Devices."""
from board_configs.sample import wiring

def make():
    return wiring.NAME, wiring.PINS
'''
ESP32_CHANGES = (
    ('"rs485_de", 6', '"rs485_de", 13'),
    ('PLATFORM = "rp2"', 'PLATFORM = "esp32"'),
    ('ARCH = "armv6m"', 'ARCH = "xtensawin"'),
    ('("runtime", 0, 0xA0000)', '("runtime", 0x10000, 0x90000)'),
)
STM32_CHANGES = (
    ('PLATFORM = "rp2"', 'PLATFORM = "stm32"'),
    ('"rs485_tx", 4', '"rs485_tx", "PA0"'),
    ('"rs485_rx", 5', '"rs485_rx", "PI9"'),
    ('"rs485_de", 6', '"rs485_de", "PI13"'),
    ('"eth_cs", 17', '"eth_mdc", "PC1"'),
)


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with each (old, new) replaced; a change that finds nothing is a fault of the test."""
    for old, new in changes:
        assert old in text, f"the sample has no {old!r}"
        text = text.replace(old, new, 1)
    return text


def make_folder(root: Path, wiring: str = RP2, about: str = ABOUT, board: str = BOARD) -> Path:
    """A folder named `sample`."""
    folder = root / "sample"
    folder.mkdir()
    for name, text in (("wiring.py", wiring), ("about.toml", about), ("board.py", board)):
        (folder / name).write_text(text)
    return folder


def make_esp32(root: Path, *changes: tuple[str, str]) -> Path:
    """The sample as an ESP32 board."""
    return make_folder(root, changed(RP2, *ESP32_CHANGES, *changes), changed(ABOUT, ('"RP2040"', '"ESP32"')))


def make_stm32(root: Path, *changes: tuple[str, str]) -> Path:
    """The sample as a board with an STM32H7."""
    return make_folder(root, changed(RP2, *STM32_CHANGES, *changes), changed(ABOUT, ('"RP2040"', '"STM32H747"')))
