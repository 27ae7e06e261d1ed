"""The door to asyncio: the virtual clock, and waiting for real streams."""

import socket

from firmware.base import aio, ticks
from firmware.base.faults import Broken
from tests.kit import eq, raises

HOUR_MS = 3_600_000
YEARS_MS = 80_000_000_007


def test_virtual_tasks_run_in_the_order_of_their_time():
    log = []

    async def beat(name, period_ms, count):
        for _ in range(count):
            await aio.sleep_ms(period_ms)
            log.append((aio.now_ms(), name))

    async def main():
        tasks = [aio.create_task(beat("slow", 1001, 3)), aio.create_task(beat("quick", 500, 5))]
        for task in tasks:
            await task
        return "done"

    eq(aio.run_virtual(main), "done")
    want = [(500, "quick"), (1000, "quick"), (1001, "slow"), (1500, "quick")]
    eq(log, want + [(2000, "quick"), (2002, "slow"), (2500, "quick"), (3003, "slow")])


def test_virtual_hours_of_milliseconds_do_not_drift():
    async def main():
        for _ in range(1_900):
            await aio.sleep_ms(43_201)
        return aio.now_ms()

    eq(aio.run_virtual(main, start_ms=YEARS_MS), (1_900 * 43_201 + YEARS_MS) % (1 << 30))


def test_virtual_ticks_wrap_and_timers_go_on_in_order():
    log = []

    async def after(wait_ms):
        await aio.sleep_ms(wait_ms)
        log.append((wait_ms, aio.now_ms()))

    async def main():
        tasks = [aio.create_task(after(wait_ms)) for wait_ms in (30, 10, 20, 11)]
        began = aio.now_ms()
        for task in tasks:
            await task
        eq(ticks.diff(aio.now_ms(), began), 30)

    aio.run_virtual(main, start_ms=(1 << 30) - 11)
    eq(log, [(10, (1 << 30) - 1), (11, 0), (20, 9), (30, 19)])


def test_virtual_run_passes_several_wraps():
    async def main():
        for _ in range(6):
            await aio.sleep_ms((1 << 29) - 1)
        return aio.now_ms()

    eq(aio.run_virtual(main, 0, 1 << 33), (6 * ((1 << 29) - 1)) % (1 << 30))


def test_virtual_timeout_comes_at_its_millisecond_and_cancels():
    log = []

    async def forever():
        try:
            await aio.Event().wait()
        except aio.CancelledError:
            log.append("cancelled")
            raise

    async def main():
        try:
            await aio.wait_for_ms(forever(), 1234)
        except aio.TimeoutError:
            log.append(aio.now_ms())

    aio.run_virtual(main)
    eq(log, ["cancelled", 1234])


def test_virtual_wait_gives_result_or_error_before_its_timeout():
    async def slow(value):
        await aio.sleep_ms(50)
        if value is None:
            raise ValueError("none")
        return value

    async def main():
        eq(await aio.wait_for_ms(slow(5), 51), 5)
        try:
            await aio.wait_for_ms(slow(None), 1000)
            eq("an error", "none")
        except ValueError:
            pass
        return aio.now_ms()

    eq(aio.run_virtual(main), 100)


def test_virtual_event_wakes_all_who_wait_at_once():
    log = []

    async def waiter(event, name):
        await event.wait()
        log.append((name, aio.now_ms()))

    async def main():
        event = aio.Event()
        tasks = [aio.create_task(waiter(event, name)) for name in "abc"]
        await aio.sleep_ms(77)
        eq((log, event.is_set()), ([], False))
        event.set()
        event.clear()
        for task in tasks:
            await task

    aio.run_virtual(main)
    eq(log, [("a", 77), ("b", 77), ("c", 77)])


def test_cancel_runs_finally_before_it_returns():
    log = []

    async def worker():
        try:
            await aio.sleep_ms(HOUR_MS)
        finally:
            await aio.sleep_ms(3)
            log.append("finally")

    async def main():
        task = aio.create_task(worker())
        await aio.sleep_ms(10)
        await aio.cancel(task)
        eq((log, task.done(), aio.now_ms()), (["finally"], True, 13))
        await aio.cancel(task)

    aio.run_virtual(main)


def test_cancel_reaches_a_task_that_waits_for_another():
    async def inner():
        await aio.sleep_ms(HOUR_MS)

    async def outer():
        await aio.wait_for_ms(inner(), 2 * HOUR_MS)

    async def main():
        task = aio.create_task(outer())
        await aio.sleep_ms(10)
        await aio.cancel(task)
        eq((task.done(), aio.now_ms()), (True, 10))

    aio.run_virtual(main)


def test_virtual_run_repeats_exactly():
    def story():
        log = []

        async def worker(name, seed):
            for _ in range(20):
                seed = (seed * 75 + 74) % 65537
                await aio.sleep_ms(seed % 7)
                log.append((name, aio.now_ms()))

        async def main():
            for task in [aio.create_task(worker(name, 17 + name)) for name in range(5)]:
                await task

        aio.run_virtual(main)
        return log

    eq(story(), story())


def test_virtual_run_that_cannot_end_is_stopped():
    async def deaf():
        await aio.Event().wait()

    async def endless():
        while True:
            await aio.sleep_ms(1000)

    async def spinning():
        while True:
            await aio.sleep_ms(0)

    eq("cannot come" in str(raises(Broken, aio.run_virtual, deaf)), True)
    eq("longer than" in str(raises(Broken, aio.run_virtual, endless, 0, HOUR_MS)), True)
    eq("stands still" in str(raises(Broken, aio.run_virtual, spinning)), True)


def test_error_of_the_main_coroutine_comes_out_and_the_clock_is_real_again():
    async def main():
        task = aio.create_task(aio.wait_for_ms(aio.Event().wait(), HOUR_MS))
        await aio.sleep_ms(HOUR_MS // 2)
        eq(task.done(), False)
        raise ValueError("out")

    async def real():
        began_ms = aio.now_ms()
        await aio.sleep_ms(5)
        return ticks.diff(aio.now_ms(), began_ms)

    before_ms = aio.now_ms()
    raises(ValueError, aio.run_virtual, main)
    passed_ms = ticks.diff(aio.now_ms(), before_ms)
    eq(0 <= passed_ms < HOUR_MS // 2, True)
    eq(aio.run(real()) >= 5, True)


def bound(kind):
    """A loopback socket and its address; the unix port cannot ask for a port, so free ones are tried in turn."""
    one = socket.socket(socket.AF_INET, kind)
    for port in range(20_000, 60_000, 7):
        address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
        try:
            one.bind(address)
            return one, address
        except OSError:
            continue
    raise Broken("no free port")


class Pipe:
    """A pair of UDP sockets on loopback: `receiver` has data after `send`."""

    def __init__(self):
        self.receiver, self.address = bound(socket.SOCK_DGRAM)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.setblocking(False)

    def send(self):
        self.sender.sendto(b"x", self.address)

    def take(self):
        self.receiver.recv(10)

    def close(self):
        self.receiver.close()
        self.sender.close()


def with_pipe(story):
    pipe = Pipe()
    try:
        return aio.run(story(pipe))
    finally:
        pipe.close()


def test_readable_after_data_and_not_before():
    async def story(pipe):
        eq(await aio.wait_readable(pipe.receiver, 0), False)
        eq(await aio.wait_readable(pipe.receiver, 5), False)
        eq(await aio.wait_writable(pipe.sender, 1000), True)
        pipe.send()
        eq(await aio.wait_readable(pipe.receiver, 5000), True)
        eq(await aio.wait_readable(pipe.receiver, 0), True)
        pipe.take()
        eq(await aio.wait_readable(pipe.receiver, 0), False)

    with_pipe(story)


def test_data_that_comes_later_wakes_the_waiter():
    async def story(pipe):
        async def later():
            await aio.sleep_ms(10)
            pipe.send()

        task = aio.create_task(later())
        eq(await aio.wait_readable(pipe.receiver, 60_000), True)
        await task

    with_pipe(story)


def test_cancelled_reader_leaves_the_writer_of_the_same_stream_waiting():
    async def fill(near):
        # the kernel goes on moving bytes to the other end for a moment, so full means full for a while
        while await aio.wait_writable(near, 100):
            near.send(bytes(4096))

    async def story(near, far):
        async def read():
            await aio.wait_readable(near, 600_000)

        async def write():
            return await aio.wait_writable(near, 600_000)

        await fill(near)
        reader = aio.create_task(read())
        writer = aio.create_task(write())
        await aio.sleep_ms(5)
        eq((reader.done(), writer.done()), (False, False))
        await aio.cancel(reader)
        eq(writer.done(), False)
        while await aio.wait_readable(far, 50):
            far.recv(65_536)
        eq(await aio.wait_for_ms(writer, 10_000), True)
        # and the other way round
        reader = aio.create_task(read())
        await fill(near)
        writer = aio.create_task(write())
        await aio.sleep_ms(5)
        await aio.cancel(writer)
        eq(reader.done(), False)
        far.send(b"x")
        await aio.wait_for_ms(reader, 10_000)

    listener, address = bound(socket.SOCK_STREAM)
    listener.listen(1)
    near = socket.socket()
    near.connect(address)
    far = listener.accept()[0]
    try:
        near.setblocking(False)
        far.setblocking(False)
        aio.run(story(near, far))
    finally:
        for one in (near, far, listener):
            one.close()


def test_stream_may_be_closed_after_a_wait_and_its_number_used_again():
    async def story():
        for _ in range(3):
            pipe = Pipe()
            eq(await aio.wait_readable(pipe.receiver, 1), False)
            pipe.send()
            eq(await aio.wait_readable(pipe.receiver, 5000), True)
            pipe.close()

    aio.run(story())


def test_tasks_left_behind_do_not_run_in_the_next_run():
    log = []

    async def left():
        await aio.sleep_ms(1)
        log.append("ran")

    async def first():
        aio.create_task(left())

    async def second():
        await aio.sleep_ms(10)

    aio.run(first())
    aio.run(second())
    aio.run_virtual(first)
    aio.run_virtual(second)
    eq(log, [])


def test_ten_thousand_waits_cancelled_or_timed_out_leave_nothing_behind():
    async def story(pipe):
        async def read():
            await aio.wait_readable(pipe.receiver, 60_000)

        async def many(count):
            for turn in range(count):
                task = aio.create_task(read())
                await aio.sleep_ms(0)
                await aio.sleep_ms(0)
                await aio.cancel(task)
                if turn % 20 == 0:
                    eq(await aio.wait_readable(pipe.receiver, 1), False)

        await many(500)
        before = in_use()
        await many(10_000)
        return in_use() - before

    eq(with_pipe(story) < 2_000, True)


def in_use():
    """Bytes in use on MicroPython; number of objects on CPython."""
    import gc

    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else len(gc.get_objects())
