"""Heartbeats of the tasks, and the watchdog that is fed only while all of them beat (design section 8: our own bug).

A task that dies or stalls is a bug of ours: it is recorded as an event, and the board resets. After the reset the
journal is replayed, and the meters tell what they used meanwhile; supply stays as it is.

Trap avoided: feeding the watchdog from a timer keeps a dead firmware alive. Here one silent task stops the feeding.
"""

from firmware.base import aio, ticks
from firmware.base.faults import Broken, MaintenanceAsked
from firmware.base.port import const

CHECK_MS = const(500)


class Supervisor:
    """`watch(name, silence_max_ms)` -> heartbeat function for that task; `guard(coroutine)` runs the tasks."""

    def __init__(self, watchdog, on_fault):
        self._watchdog = watchdog
        self._on_fault = on_fault
        self._names = []
        self._beats_ms = []
        self._silence_max_ms = []
        self._tasks = []
        self._fault = None

    def watch(self, name, silence_max_ms):
        """A task promises to call the returned function at least every `silence_max_ms`."""
        index = len(self._names)
        self._names.append(name)
        self._silence_max_ms.append(silence_max_ms)
        self._beats_ms.append(aio.now_ms())

        def beat():
            self._beats_ms[index] = aio.now_ms()

        return beat

    def start(self, name, coroutine):
        """Run a task of the gateway; when it ends, for whatever reason, the gateway ends."""
        self._tasks.append(aio.create_task(self._guarded(name, coroutine)))

    async def run(self):
        """Feed the watchdog while everybody beats; raises what killed a task, or Broken naming the silent one."""
        try:
            while True:
                if self._fault is not None:
                    raise self._fault
                now_ms = aio.now_ms()
                for index in range(len(self._names)):
                    if ticks.diff(now_ms, self._beats_ms[index]) > self._silence_max_ms[index]:
                        self._fault = Broken("task is stuck: " + self._names[index])
                        self._on_fault(self._names[index], self._fault)
                        raise self._fault
                self._watchdog.feed()
                await aio.sleep_ms(CHECK_MS)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _guarded(self, name, coroutine):
        try:
            await coroutine
            self._fault = Broken("task ended: " + name)
        except aio.CancelledError:
            raise
        except MaintenanceAsked as asked:
            self._fault = asked  # an end in order: no event
        except Exception as fault:  # whatever it is, it is recorded and ends the gateway: see run()
            self._fault = fault
            self._on_fault(name, fault)
