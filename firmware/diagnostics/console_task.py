"""The console: one JSON object a line, for tools and people on the spot (SPEC 7).

Records appear once they are durable, read back from the journal itself; accounts, bus, link and clock once a second.
The console only looks: it takes no orders, and a reader that does not read must not stop the gateway.

Trap avoided: printing text from inside a money path. Everything here is numbers, gathered by `view`, outside of it.
"""

import json

from firmware.base import aio
from firmware.base.port import const

RECORDS_MS = const(100)
STATE_EVERY = const(10)  # times RECORDS_MS
BATCH_BYTES = const(2_000)


class Console:
    """`view` offers boot(), records_after(sequence, max_bytes), accounts(), now(); `write(text)` takes one line."""

    def __init__(self, view, write, heartbeat):
        self._view = view
        self._write = write
        self._heartbeat = heartbeat
        self._sequence = view.last_sequence()

    async def run(self):
        """Tell, for ever."""
        self._line({"boot": self._view.boot()})
        count = 0
        while True:
            self._heartbeat()
            self._tell_records()
            if count % STATE_EVERY == 0:
                self._line({"accounts": self._view.accounts()})
                self._line({"now": self._view.now()})
            count = (count + 1) % STATE_EVERY
            await aio.sleep_ms(RECORDS_MS)

    def _tell_records(self):
        for record in self._view.records_after(self._sequence, BATCH_BYTES):
            self._sequence = record["sequence"]
            self._line({"record": record})

    def _line(self, value):
        self._write(json.dumps(value) + "\n")
