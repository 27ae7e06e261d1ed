"""The only door to asyncio: what tasks may wait for, the same on MicroPython and CPython (DESIGN: four kinds of file).

    run(coroutine)                         real clock, until it returns
    run_virtual(make_coroutine, ...)       virtual clock: time jumps to the next timer when nothing is ready
    create_task, sleep_ms, wait_for_ms, cancel, Event, CancelledError, TimeoutError, now_ms
    wait_readable, wait_writable           real streams (sockets, serial ports), with a time-out

Tasks that are still there when the main coroutine returns are abandoned: MicroPython drops them without running their
`finally`, so cancel what you started. The order of tasks due at the same millisecond repeats from run to run, but is not
promised to be the same on both interpreters.

Traps avoided: CancelledError is not an Exception on either interpreter, so `except Exception` lets it through; the ticks
of the 64-bit unix port wrap only at 2**62, so `now_ms` wraps them at 2**30 as every board does.
"""

import sys

if sys.implementation.name == "micropython":
    from firmware.base import aio_micropython as _port
else:
    from firmware.base import aio_cpython as _port

CancelledError = _port.CancelledError
TimeoutError = _port.TimeoutError
Event = _port.Event  # set(), clear(), is_set(), await wait(); only for tasks of one loop, never from interrupts
create_task = _port.create_task  # create_task(coroutine) -> task with done() and cancel()
sleep_ms = _port.sleep_ms  # await sleep_ms(n)
now_ms = _port.now_ms  # wrapping ticks, 0 .. 2**30 - 1, of the real or the virtual clock
run = _port.run  # run(coroutine) -> its result

VIRTUAL_DAY_MS = 86_400_000


async def wait_for_ms(awaitable, timeout_ms):
    """Result of `awaitable`, or TimeoutError after `timeout_ms` (at least 1); the awaitable is then cancelled."""
    return await _port.wait_for_ms(awaitable, max(1, timeout_ms))


async def cancel(task):
    """Cancel `task` and wait until it has ended; an error that it raises instead of ending is raised here."""
    if task.done():
        return
    task.cancel()
    try:
        await task
    except CancelledError:
        if _port.cancelled_meanwhile():
            raise


async def wait_readable(stream, timeout_ms):
    """True when a read of `stream` would not block (data, end or error), False after `timeout_ms`; 0 only looks.

    `stream` is a socket or an unbuffered file object, one waiting reader each. Not for use under the virtual clock.
    """
    return await _port.wait_io(stream, timeout_ms, False)


async def wait_writable(stream, timeout_ms):
    """True when a write to `stream` would not block, False after `timeout_ms`; else as wait_readable."""
    return await _port.wait_io(stream, timeout_ms, True)


def run_virtual(make_coroutine, start_ms=0, max_virtual_ms=VIRTUAL_DAY_MS):
    """Run `make_coroutine()` on a virtual clock whose ticks begin at `start_ms` -> its result.

    Nothing waits for real: when no task is ready, time jumps to the next timer. Broken when that would pass
    `max_virtual_ms` of virtual time, when every task waits for something that cannot come, or when tasks spin and time
    stands still. Events must be made inside.
    Afterwards the real clock is back, whatever happened.
    """
    return _port.run_virtual(make_coroutine, start_ms, max_virtual_ms)
