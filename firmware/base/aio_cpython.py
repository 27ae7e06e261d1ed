"""CPython half of `aio`: asyncio as it is, and a loop whose selector moves a virtual clock instead of waiting.

Traps avoided: the clock of an event loop is a float, so a timer could miss its own millisecond by rounding and cost
another; the virtual clock counts whole milliseconds and the loop compares with half of one. A regular file is always
ready, but epoll refuses it.
"""

import asyncio
import selectors
import time

from firmware.base.faults import Broken

CancelledError = asyncio.CancelledError
TimeoutError = asyncio.TimeoutError
Event = asyncio.Event
create_task = asyncio.create_task

STEPS_PER_INSTANT_MAX = 100_000  # more steps without time moving is a task that spins

_TICKS_MASK = (1 << 30) - 1
_virtual = []  # the running virtual selector, if any


def now_ms():
    if _virtual:
        return _virtual[-1].now_ms & _TICKS_MASK
    return time.monotonic_ns() // 1_000_000 & _TICKS_MASK


def run(coroutine):
    return asyncio.run(coroutine)


async def sleep_ms(n):
    await asyncio.sleep(max(0, n) / 1000)


async def wait_for_ms(awaitable, timeout_ms):
    return await asyncio.wait_for(awaitable, timeout_ms / 1000)


def cancelled_meanwhile():
    """True when the running task itself is being cancelled (and not only the task it waits for)."""
    return asyncio.current_task().cancelling() > 0


async def wait_io(stream, timeout_ms, for_write):
    loop = asyncio.get_running_loop()
    add, remove = (loop.add_writer, loop.remove_writer) if for_write else (loop.add_reader, loop.remove_reader)
    ready = loop.create_future()
    fd = stream if isinstance(stream, int) else stream.fileno()
    try:
        add(fd, _wake, ready)
    except PermissionError:
        return True
    try:
        # one tick at least, so that a time-out of 0 still lets the selector look
        done, _ = await asyncio.wait((ready,), timeout=max(1, timeout_ms) / 1000)
        return bool(done)
    finally:
        remove(fd)


def _wake(future):
    if not future.done():
        future.set_result(None)


class _VirtualSelector(selectors.SelectSelector):
    """Finds nothing ready and moves the clock; the loop registers its own wake-up pipe here, never used."""

    def __init__(self, start_ms, max_ms):
        super().__init__()
        self.now_ms = start_ms
        self._end_ms = start_ms + max_ms
        self._max_ms = max_ms
        self._steps_left = STEPS_PER_INSTANT_MAX

    def select(self, timeout=None):
        if timeout is None:
            raise Broken("virtual run: every task waits for what cannot come")
        if timeout <= 0:
            self._steps_left -= 1
            if not self._steps_left:
                raise Broken("virtual run: time stands still")
        else:
            self._steps_left = STEPS_PER_INSTANT_MAX
            self.now_ms += max(1, round(timeout * 1000))
            if self.now_ms > self._end_ms:
                raise Broken("virtual run: longer than " + str(self._max_ms) + " ms")
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector):
        self._clock = selector
        super().__init__(selector)
        self._clock_resolution = 0.0005

    def time(self):
        return self._clock.now_ms / 1000


def run_virtual(make_coroutine, start_ms, max_ms):
    selector = _VirtualSelector(start_ms, max_ms)
    loop = _VirtualLoop(selector)
    _virtual.append(selector)
    try:
        return loop.run_until_complete(make_coroutine())
    finally:
        try:
            _abandon_tasks(loop)
        finally:
            _virtual.pop()
            loop.close()


def _abandon_tasks(loop):
    leftovers = asyncio.all_tasks(loop)
    for task in leftovers:
        task.cancel()
    if leftovers:
        try:
            loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
        except Broken:
            # the hard bound was the reason to stop; what it interrupts is dropped, as on MicroPython
            for task in leftovers:
                task._log_destroy_pending = False
