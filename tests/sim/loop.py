"""A scheduler for the firmware's tasks on virtual milliseconds: asyncio's meaning at a tenth of its price, for millions of wake-ups.

`installed(loop, ticks)` puts it behind firmware/base/aio, the only door that the firmware has to a scheduler. What is due at
the same millisecond runs in the order in which it was asked for, so one seed is one story.

A life can end between any two instructions: `abandon` drops its tasks without letting them touch anything.
"""

from __future__ import annotations

import contextlib
import warnings
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from heapq import heappop, heappush
from types import coroutine
from typing import Any

from firmware.base import aio

STEPS_PER_INSTANT_MAX = 200_000
THROWS_MAX = 50


class SpinningLoop(Exception):
    """Tasks run and run, and no time passes."""


class Abandoned(BaseException):
    """The power of this task is gone; no handler of the firmware may catch it."""


class Event:
    """As asyncio.Event, for tasks of this loop."""

    __slots__ = ("_set", "_waiting")

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[tuple[Task, int]] = []

    def is_set(self) -> bool:
        return self._set

    def clear(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True
        if self._waiting:
            for task, token in self._waiting:
                task.wake(token, True)
            self._waiting = []

    def wait(self) -> _EventWait:
        return _EventWait(self)


class _EventWait:
    """What `event.wait()` gives: to be awaited, or handed to wait_for_ms."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event

    def __await__(self) -> Generator[Any, Any, bool]:
        if not self.event._set:
            yield (self.event, None)
        return True


class Task:
    """One coroutine of the loop; `await task` gives its result or raises what it raised."""

    __slots__ = ("_coro", "_loop", "_token", "_cancel", "_done", "_result", "_error", "_joiners")

    def __init__(self, loop: Loop, coro: Coroutine[Any, Any, Any]) -> None:
        self._loop = loop
        self._coro = coro
        self._token = 0
        self._cancel = False
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._joiners: list[tuple[Task, int]] = []

    def done(self) -> bool:
        return self._done

    def cancel(self) -> bool:
        if self._done:
            return False
        self._cancel = True
        self.wake(self._token, None)
        return True

    def wake(self, token: int, value: object) -> None:
        """Run on with `value`, unless it was woken from that wait already."""
        if token == self._token and not self._done:
            self._token += 1
            self._loop.ready.append((self, value))

    def drop(self) -> None:
        """End it where it stands."""
        self._done = True
        for _ in range(THROWS_MAX):  # a `finally` that awaits takes one more
            try:
                self._coro.throw(Abandoned())
            except (Abandoned, StopIteration, CancelledError, Exception):
                break

    @property
    def error(self) -> BaseException | None:
        """What ended it, None while it lives or when it returned."""
        return self._error

    def __await__(self) -> Generator[Any, Any, Any]:
        if not self._done:
            yield self
        if self._error is not None:
            raise self._error
        return self._result


@coroutine
def _sleep(n: int) -> Generator[int, None, None]:
    yield n if n > 0 else 0


@coroutine
def _wait_event(event: Event, timeout_ms: int) -> Generator[tuple[Event, int], bool, bool]:
    return (yield (event, timeout_ms))


class Loop:
    """`now_ms` since the run began; `at(ms, call)` for actors, `create_task` for tasks."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.ready: deque[tuple[Any, object]] = deque()
        self.steps = 0
        self._timers: list[tuple[int, int, Any, int]] = []
        self._order = 0
        self.tasks: set[Task] = set()

    def at(self, due_ms: int, call: Callable[[], None]) -> None:
        """Call it then; `now` is the end of what is ready now."""
        self._order += 1
        heappush(self._timers, (max(due_ms, self.now_ms), self._order, call, -1))

    def after(self, delay_ms: int, call: Callable[[], None]) -> None:
        self.at(self.now_ms + delay_ms, call)

    def create_task(self, coro: Coroutine[Any, Any, Any]) -> Task:
        task = Task(self, coro)
        self.tasks.add(task)
        task.wake(0, None)
        return task

    def run_until(self, end_ms: int) -> None:
        """Everything up to that instant. What a task or call raises as a BaseException that is no Exception comes out here."""
        timers, ready = self._timers, self.ready
        while True:
            left = STEPS_PER_INSTANT_MAX
            while ready:
                task, value = ready.popleft()
                self._step(task, value)
                left -= 1
                if not left:
                    raise SpinningLoop("time stands still at " + str(self.now_ms))
            if not timers or timers[0][0] > end_ms:
                self.now_ms = max(self.now_ms, end_ms)
                return
            now_ms = self.now_ms = timers[0][0]
            while timers and timers[0][0] == now_ms:
                _, _, what, token = heappop(timers)
                if token >= 0:
                    what.wake(token, False)
                else:
                    what()

    def _step(self, task: Task, value: object) -> None:
        self.steps += 1
        if task._done:
            return
        try:
            if task._cancel:
                task._cancel = False
                what = task._coro.throw(CancelledError())
            else:
                what = task._coro.send(value)
        except StopIteration as stop:
            self._end(task, stop.value, None)
            return
        except (Exception, CancelledError) as fault:
            self._end(task, None, fault)
            return
        if task._cancel:  # cancelled by what it did itself
            task.wake(task._token, None)
        elif type(what) is int:
            if what:
                self._order += 1
                heappush(self._timers, (self.now_ms + what, self._order, task, task._token))
            else:
                task.wake(task._token, None)
        elif type(what) is Task:
            what._joiners.append((task, task._token))
        else:
            self._wait(task, *what)

    def _wait(self, task: Task, event: Event, timeout_ms: int | None) -> None:
        if event._set:
            task.wake(task._token, True)
            return
        event._waiting = [(other, token) for other, token in event._waiting if token == other._token]
        event._waiting.append((task, task._token))
        if timeout_ms is not None:
            self._order += 1
            heappush(self._timers, (self.now_ms + timeout_ms, self._order, task, task._token))

    def _end(self, task: Task, result: object, error: BaseException | None) -> None:
        task._done, task._result, task._error = True, result, error
        self.tasks.discard(task)
        for other, token in task._joiners:
            other.wake(token, None)

    def abandon(self) -> None:
        """All tasks are gone as with the power; their `finally` finds nothing that it could change (PowerLost in every device)."""
        tasks, self.tasks = list(self.tasks), set()
        self.ready.clear()
        self._timers = [entry for entry in self._timers if entry[3] < 0]
        self._timers.sort()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines that had not begun
            for task in tasks:
                task.drop()
        self.ready.clear()


async def _wait_for_ms(awaitable: Any, timeout_ms: int) -> bool:
    if not await _wait_event(awaitable.event, max(1, timeout_ms)):
        raise TimeoutError
    return True


async def _cancel(task: Task) -> None:
    if task.done():
        return
    task.cancel()
    with contextlib.suppress(CancelledError):
        await task


@contextlib.contextmanager
def installed(loop: Loop, ticks: Callable[[], int]) -> Iterator[None]:
    """The firmware's scheduler is `loop`, its ticks are `ticks()`, until the block ends."""
    mine: dict[str, Any] = {
        "Event": Event, "create_task": loop.create_task, "sleep_ms": _sleep, "now_ms": ticks,
        "wait_for_ms": _wait_for_ms, "cancel": _cancel,
    }  # fmt: skip
    before = {name: getattr(aio, name) for name in mine}
    for name, value in mine.items():
        setattr(aio, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(aio, name, value)
