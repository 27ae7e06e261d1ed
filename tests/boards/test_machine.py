"""The emulated board behaves like a part: resets and their causes, clock, flash, UARTs; the code runs from where it lies.

One board at its prompt serves all of it, with the application and tests/boards/on_board in slot a.
"""

import hashlib
import os
import pty
import re
import time
import tty

import pytest

from board_configs.qemu_mps2 import wiring
from host_tools.emulator.flash_file import PARTS
from host_tools.emulator.machine import LINE_2
from tests.boards.board_kit import BoardAtPrompt, Prompt, image_with_tests
from tests.fake_board import START_S

ERASE_MS = 45
WATCHDOG_MS = 400
CAUSE = """
import machine
print([name for name in dir(machine) if name.endswith("_RESET") and getattr(machine, name) == machine.reset_cause()])
"""
WAITING = """
def wait(until):
    "A busy host sends late."
    began = time.ticks_ms()
    while not until() and time.ticks_diff(time.ticks_ms(), began) < 20000:
        time.sleep_ms(10)
"""
PAUSE_S = 1.0
TALK_LINES = 40
TALK = f"""
import time
from firmware.hal.console_stdio import StdioConsole
console, number, taken_at_once = StdioConsole(), 0, 0
while number < {TALK_LINES}:
    if console.write(str(number) + " " + "x" * 200 + "\\n"):
        number, taken_at_once = number + 1, taken_at_once + 1
    else:
        taken_at_once = 0
        time.sleep_ms(5)
while not console.flush():
    time.sleep_ms(5)
print(taken_at_once)
"""


class Pty:
    """What stands at the other end of a UART; `slave` is the path for QEMU."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data) :]

    def receive(self, count: int) -> bytes:
        os.set_blocking(self._master, True)
        got = b""
        while len(got) < count:
            got += os.read(self._master, count - len(got))
        return got

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture(scope="module")
def image():
    return image_with_tests(linked=False)  # single modules are looked at


@pytest.fixture(scope="module")
def second_line():
    line = Pty()
    yield line
    line.close()


@pytest.fixture(scope="module")
def board(tmp_path_factory, image, second_line):
    made = BoardAtPrompt(tmp_path_factory.mktemp("machine"), image)
    made.machine.ways[LINE_2] = second_line.path
    yield made
    made.stop()


@pytest.fixture
def prompt(board):
    return power_on(board)


def power_on(board: BoardAtPrompt, **options: int) -> Prompt:
    """A power cut, when it was on, and the next life."""
    board.stop()
    return board.start(**options)


def after_reset(prompt: Prompt) -> Prompt:
    """The prompt of the life that a reset began."""
    prompt.until(b">>> ")
    prompt.enter()
    return prompt


def cause(prompt: Prompt) -> str:
    return prompt.run(CAUSE).strip()


def year(prompt: Prompt) -> int:
    return int(prompt.run("import machine\nprint(machine.RTC().datetime()[0])"))


# resets and the clock


def test_every_reset_tells_its_cause_and_the_clock_goes_on(board, prompt):
    assert cause(prompt) == "['PWRON_RESET']"
    prompt.run("machine.RTC().datetime((2031, 5, 4, 6, 3, 2, 1, 0))")
    prompt.begin("machine.reset()")
    assert cause(after_reset(prompt)) == "['HARD_RESET']" and year(prompt) == 2031
    prompt.send(b"\x04")
    prompt.until(b"soft reboot")
    prompt.until(b"raw REPL; CTRL-B to exit\r\n>")
    assert cause(prompt) == "['SOFT_RESET']"
    prompt = power_on(board)
    assert cause(prompt) == "['PWRON_RESET']"
    shown = prompt.run("print(machine.RTC().datetime()[:4])")
    assert shown.strip() == "(2031, 5, 4, 6)", "the battery kept the date"
    board.stop()
    board.flash.lose_clock()
    prompt = power_on(board)
    assert year(prompt) == 2000 and cause(prompt) == "['PWRON_RESET']"


def test_the_watchdog_waits_while_it_is_fed_and_resets_when_it_is_not(prompt):
    fed = f"""
import machine, time
watchdog = machine.WDT(timeout={WATCHDOG_MS})
for _ in range(15):
    time.sleep_ms({WATCHDOG_MS // 5})
    watchdog.feed()
began = time.ticks_ms()
print("alive")
while True:
    print("after", time.ticks_diff(time.ticks_ms(), began))
    time.sleep_ms(5)
"""
    prompt.begin(fed)
    said = prompt.until(b">>> ").decode()
    assert "alive" in said
    last = [int(ms) for ms in re.findall(r"after (\d+)\r?\n", said)][-1]
    assert WATCHDOG_MS * 0.9 < last <= WATCHDOG_MS + 20, f"it reset after {last} ms"
    prompt.enter()
    assert cause(prompt) == "['WDT_RESET']"
    prompt.begin("machine.reset()")
    assert cause(after_reset(prompt)) == "['HARD_RESET']", "a reset stops the watchdog, and its cause is forgotten"


# flash


def test_an_erase_stalls_everything_and_loses_neither_ticks_nor_bytes(board, second_line):
    prompt = power_on(board, erase_ms=ERASE_MS)
    data = bytes(range(256)) * 12  # three quarters of the ring
    prompt.run(f"""
import board, machine, time
line = machine.UART({wiring.LINES[1][0]}, 9600, timeout=0)
rtc = machine.RTC()
part = board.Flash({PARTS["slot_b"][0]}, {PARTS["slot_b"][1]})
""")
    prompt.begin("""
began, seen = time.ticks_ms(), rtc.datetime()
for block in range(20):
    part.ioctl(6, block)
passed = time.ticks_diff(time.ticks_ms(), began)
after = rtc.datetime()
print("ms", passed, "rtc", (after[6] - seen[6]) % 60 * 1000 + (after[7] - seen[7]) // 1000)
got = b""
while len(got) < 3072:
    got += line.read() or b""
import hashlib
print("bytes", hashlib.sha256(got).digest().hex(), line)
""")
    began = time.monotonic()
    second_line.send(data)
    said = prompt.until(b"\x04").decode()
    host_ms = (time.monotonic() - began) * 1000
    ticks_ms, rtc_ms = map(int, re.search(r"ms (\d+) rtc (\d+)", said).groups())
    assert 20 * ERASE_MS <= ticks_ms <= host_ms + 100 and abs(ticks_ms - rtc_ms) < 20, (ticks_ms, rtc_ms, host_ms)
    assert hashlib.sha256(data).hexdigest() in said and "overruns=0" in said, said


def test_programming_clears_bits_only_and_our_region_never_asks_for_more(prompt):
    said = prompt.run(f"""
import board
from firmware.base.faults import StorageFault
from firmware.hal.nor_flash import FlashRegion
part = board.Flash({PARTS["slot_b"][0]}, 8192)
part.ioctl(6, 0); part.ioctl(6, 1)
part.writeblocks(0, b"\\x0f", 100)
before = board.counts()[2]
part.writeblocks(0, b"\\xf1", 100)
byte = bytearray(1)
part.readblocks(0, byte, 100)
print(byte[0], board.counts()[2] - before)
region = FlashRegion(part, 1)
for place in (100, 4095):
    try:
        region.program(place, b"\\x01\\x02", 0, 2)
        print("programmed")
    except StorageFault as fault:
        print(fault)
region.program(200, b"\\x01\\x02", 0, 2)
print(board.counts()[2] - before)
try:
    part.readblocks(2, bytearray(1), 0)
except OSError as fault:
    print("outside", fault.errno)
""").split("\r\n")
    assert said[:6] == ["1 1", "a unit that is not blank is not programmed", "a step crosses the end of a block", "1", "outside 5", ""]


def test_a_whole_life_of_the_firmware_breaks_no_rule_of_the_flash(board):
    board.stop()
    board.flash.set_clock_s(START_S)
    prompt = power_on(board)
    prompt.run("from tests.boards.on_board import clock_story\nclock_story.first_life()")
    programmed, erased, broken, _ = eval(prompt.run("import board\nprint(board.counts())"))  # noqa: S307 - a tuple of our own board
    assert programmed > 2_000 and erased > 24 and broken == 0


# UARTs


def test_the_second_line_carries_bytes_both_ways_and_counts_what_its_ring_cannot_hold(prompt, second_line):
    prompt.run(f"import machine, time\nline = machine.UART({wiring.LINES[1][0]}, 9600, timeout=200)\nline.write(b'from the board')")
    assert second_line.receive(14) == b"from the board"
    second_line.send(bytes(range(256)) * 15)
    prompt.run(WAITING)
    prompt.begin("wait(lambda: line.any() >= 3840)\ngot = line.read()\nline.write(got)\nprint(len(got), line)")
    assert second_line.receive(3840) == bytes(range(256)) * 15
    assert "overruns=0" in prompt.until(b"\x04").decode()
    prompt.until(b">")
    prompt.begin("wait(lambda: 'overruns=900' in str(line))\ngot = line.read()\nprint(len(got), got[-1], line)\nline.write(b'goes on')")
    second_line.send(bytes(4095) + b"x" * 900)
    said = prompt.until(b"\x04").decode()
    assert "4095 0" in said and "overruns=900" in said, said
    assert second_line.receive(7) == b"goes on"


def test_a_console_that_nobody_reads_does_not_stop_the_board(board, second_line):
    prompt = power_on(board, patience_ms=0)  # as a board outside of tests has it
    prompt.begin(f"""
import machine, time
line = machine.UART({wiring.LINES[1][0]}, 9600)
began = time.ticks_ms()
for _ in range(20000):
    print("nobody reads this line, and there are many of them: more than any buffer on the way holds")
line.write("%06d" % time.ticks_diff(time.ticks_ms(), began))
time.sleep_ms(50)
print("somebody is back")
""")
    assert int(second_line.receive(6)) < 20_000
    prompt.until(b"somebody is back")


# what runs


def test_the_application_runs_from_where_it_lies(prompt):
    said = prompt.run("""
import gc, os, sys
def cost(path):
    "Bytes of heap that decide.py takes, imported from below `path`; all that it imports is there already."
    for name in [name for name in sys.modules if name.startswith("firmware")]:
        del sys.modules[name]
    sys.path.insert(0, path)
    __import__("firmware.cutoff.decide")
    del sys.modules["firmware.cutoff.decide"]
    delattr(sys.modules["firmware.cutoff"], "decide")
    gc.collect()
    before = gc.mem_alloc()
    __import__("firmware.cutoff.decide")
    gc.collect()
    sys.path.remove(path)
    return gc.mem_alloc() - before
def copy(folder):
    os.mkdir("/ram" + folder)
    for name in os.listdir("/rom" + folder):
        if name.endswith(".mpy"):
            with open("/ram" + folder + "/" + name, "wb") as file, open("/rom" + folder + "/" + name, "rb") as source:
                file.write(source.read())
sys.path.remove("/rom")
os.mkdir("/ram")
for folder in ("/firmware", "/firmware/base", "/firmware/cutoff"):
    copy(folder)
print(cost("/rom"), cost("/ram"), os.stat("/rom/firmware/cutoff/decide.mpy")[6])
""")
    in_place, loaded, size = map(int, said.split())
    assert loaded - in_place > size / 3 and in_place < loaded / 2, (in_place, loaded, size)


# the console


def test_a_reader_that_pauses_gets_each_line_whole_and_in_order(board):
    prompt = power_on(board, patience_ms=0)
    prompt.begin(TALK)
    time.sleep(PAUSE_S)  # QEMU's socket holds less than three hundred bytes that come one by one
    said = prompt.until(b"\x04", 60)[:-1].decode()
    lines = said.split("\n")
    assert lines[-1] == "" and int(lines[-2]) < TALK_LINES, "the board never had to wait"
    assert lines[:-2] == [f"{number} {'x' * 200}" for number in range(TALK_LINES)]


def test_a_test_that_pauses_loses_nothing_of_what_is_printed(prompt):
    prompt.begin("for number in range(100):\n    print(number, 'x' * 20)")
    time.sleep(PAUSE_S)
    said = prompt.until(b"\x04")[:-1].decode()
    assert said.split("\r\n") == [*(f"{number} {'x' * 20}" for number in range(100)), ""]
