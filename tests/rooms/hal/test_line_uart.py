"""The line on machine.UART: settings, the driver's pin around each request, and UARTs that do not do their part."""

import gc

from firmware.base import aio
from firmware.base.faults import BadInput, WireFault
from firmware.hal.line_uart import UartLine
from tests.kit import cases, eq, raises


class Uart:
    """machine.UART; `takes` bytes a write (0 = none), `done_after` asks until the last bit has left (-1 = never)."""

    def __init__(self, log, takes=64, done_after=0, **settings):
        self.log = log
        self.takes = takes
        self.done_after = done_after
        self.settings = [settings]
        self.sent = b""
        self.waiting = b""

    def init(self, **settings):
        self.settings.append(settings)

    def write(self, data):
        count = min(self.takes, len(data))
        self.sent += bytes(data[:count])
        self.log.append(("write", count))
        return count or None

    def txdone(self):
        self.log.append(("txdone", self.done_after))
        self.done_after -= self.done_after > 0
        return self.done_after == 0

    def readinto(self, buf):
        count = min(len(buf), len(self.waiting))
        buf[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        return count or None

    def deinit(self):
        self.log.append(("deinit", 0))


def line_with(baud=2400, pin=True, **behaviour):
    """-> (line, its UART, what happened in order)."""
    log = []
    made = []

    def make_uart(**settings):
        made.append(Uart(log, **behaviour, **settings))
        return made[0]

    return UartLine(make_uart, baud, (lambda level: log.append(("pin", level))) if pin else None), made[0], log


def run(make_coroutine):
    """-> (what came of it, virtual milliseconds)."""

    async def timed():
        begun_ms = aio.now_ms()
        try:
            outcome = await make_coroutine()
        except WireFault as fault:
            outcome = str(fault)
        return outcome, aio.now_ms() - begun_ms

    return aio.run_virtual(timed)


def test_it_speaks_8e1_at_the_rate_that_is_asked_and_asks_the_uart_once():
    line, uart, log = line_with(2400)
    eq(log, [("pin", 0)], "receiving from the beginning")
    eq(uart.settings[0]["baudrate"], 2400)
    eq([uart.settings[0][name] for name in ("bits", "parity", "stop", "timeout")], [8, 0, 1, 0])
    line.set_rate(2400)
    line.set_rate(9600)
    eq([settings["baudrate"] for settings in uart.settings], [2400, 9600])
    eq("rxbuf" in uart.settings[1], False, "buffers are made once")
    raises(BadInput, line.set_rate, 2401)


def test_the_driver_is_on_from_before_the_first_byte_until_the_last_bit_has_left():
    line, uart, log = line_with(2400, done_after=3)
    outcome, took_ms = run(lambda: line.send(b"<request>", 1, 8))
    eq((outcome, uart.sent), (None, b"request"))
    eq([what for what, _ in log[1:]], ["pin", "write", "txdone", "txdone", "txdone", "pin"])
    eq([level for what, level in log if what == "pin"], [0, 1, 0])
    eq(took_ms, line.wire_ms(7) + 2)
    eq(line.bytes_out, 7)


def test_garbage_is_collected_before_the_driver_is_on_and_not_while_it_is():
    collected = []
    line, _, log = line_with()
    if not hasattr(gc, "callbacks"):  # MicroPython says nothing of its collections
        return
    gc.callbacks.append(lambda phase, info: collected.append(len(log)) if phase == "start" and info["generation"] == 2 else None)
    try:
        run(lambda: line.send(b"request", 0, 7))
    finally:
        gc.callbacks.pop()
    eq(collected[:1], [1], "after the pin was made an output, before it went up")


def test_a_request_that_the_uart_takes_in_pieces_is_sent_whole():
    line, uart, _ = line_with(takes=3)
    run(lambda: line.send(b"a longer request", 0, 16))
    eq(uart.sent, b"a longer request")


def test_a_uart_that_takes_nothing_or_never_ends_is_a_wire_fault_and_the_driver_is_off():
    def check(name, value, said):
        line, _, log = line_with(**{name: value})
        outcome, _ = run(lambda: line.send(b"request", 0, 7))
        eq(outcome, said)
        eq(log[-1], ("pin", 0))

    cases([("takes", 0, "the UART takes no bytes"), ("done_after", -1, "the UART does not finish sending")], check)


def test_a_task_that_is_ended_while_it_sends_leaves_the_driver_off():
    line, _, log = line_with(600)

    async def story():
        task = aio.create_task(line.send(b"request", 0, 7))
        await aio.sleep_ms(20)
        await aio.cancel(task)

    aio.run_virtual(story)
    eq(log[-1], ("pin", 0))


def test_what_came_in_is_read_or_thrown_away_and_counted():
    line, uart, _ = line_with(pin=False)
    uart.waiting = b"x" * 600
    eq(line.discard_input(), 600)
    uart.waiting = b"answer"
    buf = bytearray(4)
    eq(run(lambda: line.receive_into(buf, 100)), (4, 0))
    eq((bytes(buf), line.bytes_in), (b"answ", 604))


def test_closing_gives_the_uart_back():
    line, _, log = line_with()
    line.close()
    eq(log[-1], ("deinit", 0))
