"""MicroPython half of `aio`: asyncio as it is, streams waited for in its own poller, and the virtual clock.

Traps avoided:
- The Task and TaskQueue in C read the hardware ticks themselves when a task is created, woken or cancelled, whatever
  clock `asyncio.core.ticks` shows. A virtual run therefore brings its own Task and queue.
- `asyncio.core` keeps the tasks of the last run; a new run starts with empty queues.
- IOQueue.remove forgets both waiters of a stream when one is cancelled; here only the cancelled one.
"""

import asyncio
import asyncio.core as core
import select

from firmware.base import ticks
from firmware.base.faults import Broken

CancelledError = asyncio.CancelledError
TimeoutError = asyncio.TimeoutError
Event = asyncio.Event
create_task = asyncio.create_task
sleep_ms = asyncio.sleep_ms
wait_for_ms = asyncio.wait_for_ms

STEPS_PER_INSTANT_MAX = 100_000  # more steps without time moving is a task that spins

_PATCHED = ("ticks", "ticks_add", "ticks_diff", "Task", "TaskQueue", "_task_queue", "_io_queue", "cur_task")


def now_ms():
    return core.ticks() & 0x3FFFFFFF


def run(coroutine):
    core.new_event_loop()
    core._io_queue = _IoQueue()
    return core.run(coroutine)


def cancelled_meanwhile():
    """A cancel is forwarded to the task waited for, so the two cases cannot be told apart here."""
    return False


class _IoQueue(core.IOQueue):
    def remove(self, task):
        found = None
        for key in self.map:
            entry = self.map[key]
            if entry[0] is task or entry[1] is task:
                found = entry
                break
        if found is None:
            return
        mine = 0 if found[0] is task else 1
        found[mine] = None
        if found[1 - mine] is None:
            self._dequeue(found[2])
        else:
            self.poller.modify(found[2], select.POLLOUT if mine == 0 else select.POLLIN)


_look = select.poll()


def _ready_now(stream, for_write):
    _look.register(stream, select.POLLOUT if for_write else select.POLLIN)
    try:
        return bool(_look.poll(0))
    finally:
        _look.unregister(stream)


async def wait_io(stream, timeout_ms, for_write):
    if _ready_now(stream, for_write):
        await sleep_ms(0)  # a stream that is always ready must not starve the others
        return True
    if timeout_ms <= 0:
        await sleep_ms(0)
        return False
    try:
        await wait_for_ms(_queued(stream, for_write), timeout_ms)
        return True
    except TimeoutError:
        return _ready_now(stream, for_write)


async def _queued(stream, for_write):
    if for_write:
        yield core._io_queue.queue_write(stream)
    else:
        yield core._io_queue.queue_read(stream)


class _Clock:
    """Stands where asyncio polls for I/O: instead of waiting, time moves."""

    def __init__(self, start_ms, max_ms):
        self.now_ms = start_ms & 0x3FFFFFFF
        self.left_ms = max_ms
        self.max_ms = max_ms
        self.steps_left = STEPS_PER_INSTANT_MAX
        self.map = (None,)  # not empty: asyncio then asks here before it gives up, and we can say why

    def ticks(self):
        return self.now_ms

    def wait_io_event(self, wait_ms):
        if wait_ms < 0:
            raise Broken("virtual run: every task waits for what cannot come")
        if wait_ms == 0:
            self.steps_left -= 1
            if not self.steps_left:
                raise Broken("virtual run: time stands still")
        else:
            self.steps_left = STEPS_PER_INSTANT_MAX
            if wait_ms > self.left_ms:
                raise Broken("virtual run: longer than " + str(self.max_ms) + " ms")
            self.left_ms -= wait_ms
            self.now_ms = ticks.add(self.now_ms, wait_ms)


class _VirtualQueue:
    """Tasks in the order of their time; first come first served within a millisecond."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key_ms=None):
        task.data = None
        task.ph_key = core.ticks() if key_ms is None else key_ms
        place = len(self._tasks)
        while place and ticks.diff(self._tasks[place - 1].ph_key, task.ph_key) > 0:
            place -= 1
        self._tasks.insert(place, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class _VirtualTask:
    """What asyncio.core expects of a Task: coro, data (what it waits in, or an error to throw), state, ph_key.

    state: True running, a queue of waiters or a callable when somebody waits, None or False when done.
    """

    def __init__(self, coro, _context=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = _VirtualQueue()
        elif not isinstance(self.state, _VirtualQueue):
            raise RuntimeError("task is gathered already")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        self.state.push(core.cur_task)
        core.cur_task.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is core.cur_task:
            raise RuntimeError("a task cannot cancel itself")
        task = self
        while isinstance(task.data, _VirtualTask):
            task = task.data  # the innermost wait is the one to interrupt
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            core._task_queue.push(task)
        elif ticks.diff(task.ph_key, core.ticks()) > 0:
            core._task_queue.remove(task)
            core._task_queue.push(task)
        task.data = core.CancelledError
        return True


def run_virtual(make_coroutine, start_ms, max_ms):
    saved = [getattr(core, name) for name in _PATCHED]
    clock = _Clock(start_ms, max_ms)
    patches = (clock.ticks, ticks.add, ticks.diff, _VirtualTask, _VirtualQueue, _VirtualQueue(), clock, None)
    _put(patches)
    try:
        return core.run(make_coroutine())
    finally:
        _put(saved)


def _put(values):
    for name, value in zip(_PATCHED, values):
        setattr(core, name, value)
