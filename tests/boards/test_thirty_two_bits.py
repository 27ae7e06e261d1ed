"""What differs between a 64-bit process and a 32-bit part, on the part: ticks of 30 bits, an epoch of 2000, single-precision floats.

Money and energy must meet none of it: the room tests of pricing and books run here too, and no compiled file brings a float.
"""

import json
import time

import pytest

from board_configs.qemu_mps2 import wiring
from host_tools.flash import application, slot
from host_tools.flash.board_folder import find_board
from host_tools.flash.compiler import compile_all
from host_tools.flash.names import HEAD_BYTES, number
from host_tools.flash.romfs import build_romfs
from host_tools.flash.sources import python_sources
from host_tools.set_up import paths
from tests.boards.board_kit import BoardAtPrompt
from tests.boards.live_board import live_board
from tests.kit_runner import MARK

WRAP_MS = 1 << 30
BEFORE_WRAP_MS = 12_000  # the start takes a few seconds, and some readings come before
AROUND_S = 60.0
ROOM_TESTS = ("rooms/tariff/test_tariff.py", "rooms/ledger/test_accounts.py", "rooms/base/test_records.py", "rooms/clock/test_clock.py")
KIT = ("kit.py", "kit_runner.py", "nor_ram.py")
FOLDERS = ("tests", "tests/rooms", "tests/rooms/tariff", "tests/rooms/ledger", "tests/rooms/base", "tests/rooms/clock")
ROOM_S = 300
HEAP_KB = 1024  # the tests' own tables are in it too
NO_LENGTH, TEXTS, FLOAT, COMPLEX, TUPLE = range(5), (5, 6), 8, 9, 10  # kinds of objects in a .mpy, MicroPython's py/persistentcode.h


@pytest.fixture(scope="module")
def program():
    return application.make_application(wiring.NAME, description="tests").program


@pytest.fixture(scope="module")
def sources():
    return python_sources(find_board(wiring.NAME), paths.checkout(), paths.micropython_library())


def test_meters_are_read_and_times_are_right_while_the_ticks_wrap(tmp_path):
    with live_board(tmp_path, {"ticks_ms": WRAP_MS - BEFORE_WRAP_MS}, meters=2, reply_delay_ms=20) as live:
        live.run_at_prompt('from firmware.main import main\nmain("qemu_mps2")')
        live.boot()
        before = live.status()
        began = time.monotonic()  # power was on before that, so the wrap is behind us when this time has passed
        live.wait_until_read(20, AROUND_S)
        time.sleep(max(0.0, began + BEFORE_WRAP_MS / 1000 - time.monotonic()))
        at_wrap = live.status()["bus"]["answered"]
        live.wait_until_read(at_wrap // 2 + 10, AROUND_S)
        after = live.status()
        assert after["about"]["boot_count"] == before["about"]["boot_count"], "no task was taken for stuck, no watchdog bit"
        assert after["bus"]["silent"] == after["bus"]["broken_off"] == 0
        assert abs(after["clock"]["now_s"] - time.time()) < 5
        assert live.last_fault() == ""


def test_no_compiled_file_brings_a_float(sources):
    compiled = compile_all(sources, find_board(wiring.NAME).arch)
    found = {path: kinds & {FLOAT, COMPLEX} for path, data in compiled.items() if (kinds := kinds_of(data))}
    del found["firmware/base/aio_cpython.mpy"]  # no MicroPython imports it: its seconds are CPython's
    assert len(found) > 20
    assert not [path for path, wrong in found.items() if wrong]


def test_a_float_in_a_compiled_file_is_found(tmp_path):
    (tmp_path / "bad.py").write_text("import x\nx.price = (1, 0.55)\n")
    (compiled,) = compile_all({"bad.py": tmp_path / "bad.py"}, find_board(wiring.NAME).arch).values()
    assert FLOAT in kinds_of(compiled)


@pytest.mark.parametrize("test", ROOM_TESTS)
def test_money_clock_and_books_agree_with_the_process_on_the_board(tmp_path, program, sources, test):
    board = find_board(wiring.NAME)
    tests = paths.checkout() / "tests"
    sources = sources | {f"tests/{name}": tests / name for name in (*KIT, test)}
    sources |= {f"{folder}/__init__.py": tests / "__init__.py" for folder in FOLDERS}
    others = {name: data for name, data in program.items() if not name.endswith(".mpy")}
    image = build_romfs(others | compile_all(sources, board.arch, board.roots))
    here = BoardAtPrompt(tmp_path, slot.slot_image(image, 1, board.parts["slot_a"].size, board.erase_size), heap_kb=HEAP_KB)
    module = "tests." + test.removesuffix(".py").replace("/", ".")
    try:
        said = here.start().run(f'from tests.kit_runner import main\nmain("{module}")', ROOM_S)
    finally:
        here.stop()
    told = [json.loads(line.removeprefix(MARK)) for line in said.splitlines() if line.startswith(MARK)]
    verdicts = {parts[1]: parts[3] for parts in told if parts[0] == "end"}
    assert told[-1][0] == "done" and sorted(verdicts) == told[0][1]
    assert not {name: trouble for name, trouble in verdicts.items() if trouble}


def test_the_epoch_of_the_part_is_2000_and_nothing_shows_it(tmp_path):
    with live_board(tmp_path, meters=1) as live:
        live.run_at_prompt('import time\nprint("year", time.gmtime(0)[0])\nfrom firmware.main import main\nmain("qemu_mps2")')
        live.said("year 2000")
        live.boot()
        live.wait_until_read()
        clock = live.status()["clock"]
        assert abs(clock["now_s"] - time.time()) < 5
        live.stop()
        dated = [record.at_s for record in live.journal().records if record.at_s]
        assert dated and all(abs(at_s - time.time()) < 120 for at_s in dated)


def kinds_of(mpy: bytes) -> set[int]:
    """Kinds of the constant objects of a compiled file, those inside of tuples too."""
    at = HEAD_BYTES
    names, at = number(mpy, at)
    objects, at = number(mpy, at)
    for _ in range(names):
        length, at = number(mpy, at)
        at += 0 if length & 1 else (length >> 1) + 1
    found: set[int] = set()
    for _ in range(objects):
        at = _object(mpy, at, found)
    return found


def _object(mpy: bytes, at: int, found: set[int]) -> int:
    kind, at = mpy[at], at + 1
    found.add(kind)
    if kind in NO_LENGTH:
        return at
    length, at = number(mpy, at)
    if kind == TUPLE:
        for _ in range(length):
            at = _object(mpy, at, found)
        return at
    return at + length + (1 if kind in TEXTS else 0)

