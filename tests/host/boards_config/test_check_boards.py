"""Every rule of a board's folder, broken once; and the folders of this project, which must hold them all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.check_boards.__main__ import folders, main
from host_tools.check_boards.rules import check
from tests.host.boards_config.samples import ABOUT, BOARD, RP2, changed, make_esp32, make_folder, make_stm32

CHECKOUT = Path(__file__).resolve().parents[3]
BOARDS = CHECKOUT / "board_configs"

SLOTS = '''    ("slot_a", 0xE0000, 0x60000),
    ("slot_b", 0x140000, 0x60000),
'''
WIRING = [
    ('NAME = "sample"', 'NAME = "other"', "the folder is sample"),
    ('TITLE = "Sample"\n', "", "lacks TITLE"),
    ("HEAP_BYTES = 200_000", 'HEAP_BYTES = "much"', "HEAP_BYTES must be int"),
    ("HEAP_BYTES = 200_000", "HEAP_BYTES = True", "HEAP_BYTES must be int"),
    ("HEAP_BYTES = 200_000", "HEAP_BYTES = 0", "HEAP_BYTES must say"),
    ('"armv6m"', '"armv9"', "unknown to mpy-cross"),
    ('PLATFORM = "rp2"', 'PLATFORM = "zx81"', "PLATFORM must be one of"),
    ('PLATFORM = "rp2"', 'PLATFORM = "stm32"', "is no part of platform stm32"),
    ('UPLINK = "ethernet"', 'UPLINK = "pigeon"', "UPLINK must be one of"),
    ('UPLINK = "ethernet"', 'UPLINK = "modem"', "needs the pins modem_tx"),
    ("(1, 25)", "(1, 24)", "RUNTIME_OLDEST must be"),
    ("ACCOUNTS_MAX = 50", "ACCOUNTS_MAX = 201", "ACCOUNTS_MAX must be 1 ... 200"),
    ('"rs485_rx", 5', '"rs485_rx", 4', "pin 4 is both rs485_tx and rs485_rx"),
    ('"rs485_rx", 5', '"rs485_tx", 5', "rs485_tx stands twice"),
    ('"rs485_rx", 5', '"rs485_rx", 9', None),
    ('"rs485_rx", 5', '"rs485_rx", 1', "UART1 has its RX on one of [5, 9, 21, 25]"),
    ('"eth_cs", 17', '"eth_cs", 30', "does not have free"),
    ('"eth_cs", 17', '"eth_cs", "GP17"', "does not have free"),
    ('17, "Maker, data sheet, table 2"', '17, "known"', "must name a document"),
    ('("eth_cs", 17, "Maker, data sheet, table 2"),', '("eth_cs", 17),', "not (signal, pin, source)"),
    ('    ("rs485_de", 6, "Maker, schematic, sheet 1"),\n', "", "line 1 needs the pin rs485_de"),
    ('    ("eth_cs", 17, "Maker, data sheet, table 2"),\n', "", "needs the pins eth_"),
    ('((1, "de_pin"),)', "()", "LINES is empty"),
    ('((1, "de_pin"),)', '((1, "magic"),)', "direction of line 1 must be one of"),
    ('((1, "de_pin"),)', '((1, "kernel_rs485"),)', "is Linux's"),
    ('((1, "de_pin"),)', '((1, "auto"), (1, "auto"))', "two lines share a UART"),
    ('((1, "de_pin"),)', '((1, "auto"), (0, "auto"))', "line 0 needs the pin rs485_2_tx"),
    ('((1, "de_pin"),)', "((1,),)", "not (uart, direction)"),
    ('((1, "de_pin"),)', '((2, "de_pin"),)', "on no UART that is free for it: 0, 1"),
    ("WATCHDOG_MS = 8_000", "WATCHDOG_MS = 9_000", "more than this chip counts"),
    ("WATCHDOG_MS = 8_000", "WATCHDOG_MS = 500", "would bite"),
    ("WATCHDOG_MS = 8_000", "WATCHDOG_MS = 0", "must use it"),
    ("PROGRAM_UNIT = 1", "PROGRAM_UNIT = 16", "PROGRAM_UNIT must be one of"),
    ("ERASE_SIZE = 4096", "ERASE_SIZE = 5000", "power of two"),
    ("FLASH_CYCLES = 100_000", "FLASH_CYCLES = 0", "rated for"),
    ('("files", 0xA0000', '("stuff", 0xA0000', "none of runtime, files"),
    ('("files", 0xA0000', '("runtime", 0xA0000', "FLASH part runtime stands twice"),
    ('    ("files", 0xA0000, 0x40000),\n', "", "no part files"),
    ('    ("readings", 0x1E0000, 0x20000),\n', "", "no part readings"),
    ('("files", 0xA0000, 0x40000)', '("files", 0xA0000)', "not (part, offset, size)"),
    ('("files", 0xA0000, 0x40000)', '("files", 0xA0000, 0x41000)', "files and slot_a overlap at 0xe0000"),
    ('("files", 0xA0000, 0x40000)', '("files", 0xA0800, 0x3F800)', "is not whole blocks"),
    ('("files", 0xA0000, 0x40000)', '("files", 0xA0000, 0)', "has 0 bytes"),
    ('0x1E0000, 0x20000)', '0x1E0000, 0x30000)', "behind the end of the flash"),
    ('("journal", 0x1A0000, 0x40000)', '("journal", 0x1A0000, 0x3F000)', "must begin where journal ends"),
    ('("journal", 0x1A0000, 0x40000)', '("journal", 0x1DC000, 0x4000)', "50 accounts need"),
    ('0x1E0000, 0x20000)', '0x1E0000, 0x1000)', "readings need at least 2 blocks"),
    ('("slot_b", 0x140000, 0x60000)', '("slot_b", 0x140000, 0x50000)', "equally large"),
    ('    ("slot_b", 0x140000, 0x60000),\n', "", "come together"),
    (SLOTS, "", "application lies in files, which have 262144 bytes"),
    (SLOTS, "", "a heap of 200000 bytes is too small"),
    (SLOTS, '    ("slot_a", 0xE0000, 0x1000), ("slot_b", 0xE1000, 0x1000),\n', None),
    ("ERASE_SIZE = 4096", 'APPLICATION = "baked"\nERASE_SIZE = 4096', "APPLICATION says"),
    ('"""A board."""', "import machine", "line 1 is not NAME = constant"),
    ("ACCOUNTS_MAX = 50", 'ACCOUNTS_MAX = 50\nLIMITS = (("many", 5),)', "LIMITS has ('many', 5)"),
    ("ACCOUNTS_MAX = 50", 'ACCOUNTS_MAX = 50\nLIMITS = (("accounts_max", ACCOUNTS_MAX),)', None),
    ("ACCOUNTS_MAX = 50", "ACCOUNTS_MAX = int('50')", "is not a plain constant"),
    ("ACCOUNTS_MAX = 50", "ACCOUNTS_MAX = MANY", "cannot be run"),
    ("ACCOUNTS_MAX = 50", "ACCOUNTS_MAX = (", "is not Python"),
]  # fmt: skip
FACTS = [
    ('maker = "Maker"\n', "", "lacks maker in [board]"),
    ('maker = "Maker"', 'maker = ""', "board.maker is empty"),
    ('maker = "Maker"', "maker = 7", "board.maker must be str"),
    ('maker = "Maker"', 'maker = "Maker"\ncolour = "red"', "board.colour is no known field"),
    ("[unknown]", "[guessed]", "[guessed] is no known table"),
    ('mcu = "RP2040"', 'mcu = "Z80"', "board.mcu must be one of"),
    ('mcu = "RP2040"', 'mcu = "ESP32"', "is no part of platform rp2"),
    ('method = "uf2"', 'method = "magic"', "flash.method must be one of"),
    ('run = "never on hardware"', 'run = "should work"', "proven.run must be one of"),
    ('why = "no slots in it"', 'why = ""', "must say why"),
    ('file = "firmware.uf2"\nstock = false', 'file = ""\nstock = true', "runtime.file must name"),
    ("bytes = 2_097_152", "bytes = 0", "flash.bytes must say"),
    ('"2e8a:0003"', '"2E8A-3"', "not vendor:product"),
    ("[board]", "[board", "is not TOML"),
]
DEVICES = [
    ("def make():", "def build():", "no function make()"),
    ("from board_configs.sample import wiring", "wiring = None", "second truth"),
    ("wiring.PINS", "wiring.PIN", "line 5 uses wiring.PIN"),
    ("def make():", "def make(:", "is not Python"),
]


def said(folder: Path) -> str:
    return "\n".join(check(folder)[1])


def test_the_samples_have_no_faults(tmp_path):
    for make in (make_folder, make_esp32, make_stm32):
        place = tmp_path / make.__name__
        place.mkdir()
        assert said(make(place)) == ""


@pytest.mark.parametrize(("old", "new", "fault"), WIRING)
def test_a_fault_of_the_wiring_is_named(tmp_path, old, new, fault):
    text = said(make_folder(tmp_path, wiring=changed(RP2, (old, new))))
    assert (fault is None and text == "") or (fault and fault in text), text


def test_an_application_that_is_frozen_needs_no_slots(tmp_path):
    changes = ((SLOTS, ""), ("ERASE_SIZE = 4096", 'APPLICATION = "frozen"\nERASE_SIZE = 4096'))
    assert said(make_folder(tmp_path, wiring=changed(RP2, *changes))) == ""


@pytest.mark.parametrize(("old", "new", "fault"), FACTS)
def test_a_fault_of_the_facts_is_named(tmp_path, old, new, fault):
    assert fault in said(make_folder(tmp_path, about=changed(ABOUT, (old, new))))


@pytest.mark.parametrize(("old", "new", "fault"), DEVICES)
def test_a_fault_of_the_devices_is_named(tmp_path, old, new, fault):
    assert fault in said(make_folder(tmp_path, board=changed(BOARD, (old, new))))


@pytest.mark.parametrize("name", ["wiring.py", "about.toml", "board.py"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = make_folder(tmp_path)
    (folder / name).unlink()
    assert f"{name} is missing" in said(folder)


@pytest.mark.parametrize(
    ("make", "old", "new", "fault"),
    [
        (make_esp32, '"rs485_tx", 4', '"rs485_tx", 35', "is an input only"),
        (make_esp32, '"rs485_tx", 4', '"rs485_tx", 7', "does not have free"),
        (make_esp32, '("runtime", 0x10000, 0x90000)', '("runtime", 0x8000, 0x90000)', "over the boot loader"),
        (make_esp32, '("runtime", 0x10000, 0x90000)', '("runtime", 0x9000, 0x90000)', "not at a multiple of 0x10000"),
        (make_esp32, '"rs485_rx", 5', '"rs485_rx", 35', None),
        (make_esp32, '((1, "de_pin"),)', '((0, "de_pin"),)', "on no UART that is free for it: 1, 2"),
        (make_stm32, '"rs485_tx", "PA0"', '"rs485_tx", 4', "have names"),
        (make_stm32, "WATCHDOG_MS = 8_000", "WATCHDOG_MS = 33_000", "more than this chip counts"),
        (make_stm32, "ERASE_SIZE = 4096", "ERASE_SIZE = 131072", "programs words of 32 bytes once"),
    ],
)
def test_a_fault_against_the_chip_is_named(tmp_path, make, old, new, fault):
    text = said(make(tmp_path, (old, new)))
    assert (fault is None and text == "") or (fault and fault in text), text


@pytest.mark.parametrize("board", [path.name for path in folders(BOARDS)])
def test_the_boards_of_this_project_have_no_faults(board):
    assert said(BOARDS / board) == ""


def test_the_command_names_the_board_and_fails(tmp_path, capsys):
    make_folder(tmp_path, wiring=changed(RP2, ("PROGRAM_UNIT = 1", "PROGRAM_UNIT = 2")))
    assert main(["--root", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("sample: wiring.py: PROGRAM_UNIT must be one of 1, 32, 256, not 2")


def test_an_unknown_board_is_a_wrong_use(tmp_path, capsys):
    make_folder(tmp_path)
    assert main(["--root", str(tmp_path), "simple"]) == 2
    assert "there is no board simple; there are sample" in capsys.readouterr().err


def test_the_table_and_the_json_show_each_board(tmp_path, capsys):
    make_folder(tmp_path)
    assert main(["--root", str(tmp_path)]) == 0
    assert "never on hardware" in capsys.readouterr().out
    assert main(["--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["board"] == "sample"


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.check_boards", "unix"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unix" in done.stdout
